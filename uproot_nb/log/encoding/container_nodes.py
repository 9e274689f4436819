"""Nodes of lists, tuples, dicts and sets, also live ones, and of identifiers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from orjson import dumps

from uproot_nb.experiment.identifiers import (
    GroupIdentifier,
    ModelIdentifier,
    PlayerIdentifier,
    SessionIdentifier,
)
from uproot_nb.log.encoding.nodes import TAG, Decode, Encode, Node, Nodes

__all__ = [
    "CONTAINER_DECODERS",
    "CONTAINER_ENCODERS",
    "tracked_base",
    "tracked_encoder",
]


def _encode_list(nodes: Nodes, value: list[Any], depth: int) -> Node:
    return nodes.encode_each(list.__iter__(value), depth)


def _encode_tuple(nodes: Nodes, value: tuple[Any, ...], depth: int) -> Node:
    return {"$tuple": nodes.encode_each(tuple.__iter__(value), depth)}


def _encode_dict(nodes: Nodes, value: dict[Any, Any], depth: int) -> Node:
    items = dict.items(value)
    pairs = [(nodes.encode(key, depth + 1), nodes.encode(item, depth + 1)) for key, item in items]
    if any(type(key) is not str for key, _ in pairs) or (pairs and pairs[0][0].startswith(TAG)):
        return {"$dict": pairs}
    return dict(pairs)


def _decode_dict(nodes: Nodes, content: Node) -> dict[Any, Any]:
    return {nodes.decode(key): nodes.decode(item) for key, item in content}


def _encode_set(tag: str, nodes: Nodes, value: Iterable[Any], depth: int) -> Node:
    # A set has no order of its own; sorted, equal sets have equal texts.
    return {tag: sorted(nodes.encode_each(value, depth), key=dumps)}


def _encode_tracked_set(nodes: Nodes, value: set[Any], depth: int) -> Node:
    return _encode_set("$set", nodes, set.__iter__(value), depth)


def _decode_items(kind: Callable[[list[Any]], Any], nodes: Nodes, content: Node) -> Any:
    items = nodes.decode(content)
    if type(items) is not list:
        raise TypeError(content)
    return kind(items)


def _encode_identifier(nodes: Nodes, value: tuple[Any, ...], depth: int) -> Node:
    return {TAG + type(value).__name__: nodes.encode_each(value, depth)}


def _decode_identifier(kind: type[Any], nodes: Nodes, content: Node) -> Any:
    return kind(*nodes.decode(content))


CONTAINER_ENCODERS: dict[type, Encode] = {
    list: _encode_list,
    tuple: _encode_tuple,
    dict: _encode_dict,
    set: partial(_encode_set, "$set"),
    frozenset: partial(_encode_set, "$frozenset"),
    GroupIdentifier: _encode_identifier,
    ModelIdentifier: _encode_identifier,
    PlayerIdentifier: _encode_identifier,
    SessionIdentifier: _encode_identifier,
}

CONTAINER_DECODERS: dict[str, Decode] = {
    "$tuple": partial(_decode_items, tuple),
    "$dict": _decode_dict,
    "$set": partial(_decode_items, set),
    "$frozenset": partial(_decode_items, frozenset),
    "$GroupIdentifier": partial(_decode_identifier, GroupIdentifier),
    "$ModelIdentifier": partial(_decode_identifier, ModelIdentifier),
    "$PlayerIdentifier": partial(_decode_identifier, PlayerIdentifier),
    "$SessionIdentifier": partial(_decode_identifier, SessionIdentifier),
}

_TRACKED: dict[type, Encode] = {
    list: _encode_list,
    dict: _encode_dict,
    set: _encode_tracked_set,
}


def tracked_base(kind: type) -> type | None:
    """Return list, dict or set for a class of ours that is stored as such: live containers."""
    if not getattr(kind, "__uproot_tracked__", False):
        return None
    return next((base for base in (list, dict, set) if issubclass(kind, base)), None)


def tracked_encoder(kind: type) -> Encode | None:
    """Return the encoder of a live container's class."""
    base = tracked_base(kind)
    return None if base is None else _TRACKED[base]
