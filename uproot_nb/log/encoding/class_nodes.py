"""Nodes of enum members, dataclasses and named tuples, whose classes authors write."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from enum import EnumMeta, Flag
from functools import cached_property
from typing import Any

from uproot_nb.log.encoding.nodes import Decode, Encode, Node, Nodes
from uproot_nb.log.encoding.refusals import refusal

__all__ = ["CLASS_DECODERS", "class_encoder"]


def _encode_flag(nodes: Nodes, value: Flag, depth: int) -> Node:
    kind = type(value)
    found = nodes.classes.as_found(kind)
    _require_same_enum(kind, found)
    if type(value.value) is not int:
        raise refusal(kind, "its value is not an int")
    return {"$flag": [kind.__module__, kind.__qualname__, nodes.encode(value.value, depth)]}


def _require_same_enum(kind: EnumMeta, found: type) -> None:
    if kind is not found and (
        not isinstance(found, EnumMeta) or _member_values(kind) != _member_values(found)
    ):
        raise refusal(kind, "its class was redefined since; take the value from the new one")


def _member_values(kind: Any) -> dict[str, Any]:
    return {name: member.value for name, member in kind.__members__.items()}


def _decode_flag(nodes: Nodes, content: Node) -> Any:
    module, qualname, number = content
    found = nodes.classes.named(module, qualname)
    value = nodes.decode(number)
    if not issubclass(found, Flag) or type(value) is not int:
        raise TypeError(content)
    return found(value)


def _encode_enum(nodes: Nodes, value: Any, depth: int) -> Node:
    kind: Any = type(value)
    _require_same_enum(kind, nodes.classes.as_found(kind))
    if kind.__members__.get(value.name) is not value:
        raise refusal(kind, "it is not one of the members of its class")
    return {"$enum": [kind.__module__, kind.__qualname__, value.name]}


def _decode_enum(nodes: Nodes, content: Node) -> Any:
    module, qualname, name = content
    found = nodes.classes.named(module, qualname)
    if not isinstance(found, EnumMeta):
        raise TypeError(content)
    return found.__members__[name]


def _encode_namedtuple(nodes: Nodes, value: Any, depth: int) -> Node:
    kind = type(value)
    if getattr(nodes.classes.as_found(kind), "_fields", None) != kind._fields:
        raise refusal(kind, "its class was redefined since, with other fields")
    if len(value) != len(kind._fields) or getattr(value, "__dict__", None):
        raise refusal(kind, "it does not hold exactly its fields")
    items = nodes.encode_each(tuple.__iter__(value), depth)
    return {"$namedtuple": [kind.__module__, kind.__qualname__, items]}


def _decode_namedtuple(nodes: Nodes, content: Node) -> Any:
    module, qualname, items = content
    found: Any = nodes.classes.named(module, qualname)
    if not _is_namedtuple(found) or len(found._fields) != len(items):
        raise TypeError(content)
    return tuple.__new__(found, nodes.decode(items))


def _is_namedtuple(kind: Any) -> bool:
    fields = getattr(kind, "_fields", None)
    return (
        issubclass(kind, tuple)
        and isinstance(fields, tuple)
        and all(isinstance(name, str) for name in fields)
    )


def _encode_dataclass(nodes: Nodes, value: Any, depth: int) -> Node:
    kind = type(value)
    names = nodes.classes.field_names(kind)
    found = nodes.classes.as_found(kind)
    if found is not kind and (
        not dataclasses.is_dataclass(found) or nodes.classes.field_names(found) != names
    ):
        raise refusal(kind, "its class was redefined since, with other fields")
    _refuse_attributes_beyond(names, value)
    content = {name: nodes.encode(_field(value, name), depth + 1) for name in names}
    return {"$dataclass": [kind.__module__, kind.__qualname__, content]}


def _field(value: Any, name: str) -> Any:
    try:
        return getattr(value, name)
    except AttributeError:
        raise refusal(type(value), f"its field '{name}' was never set") from None


def _refuse_attributes_beyond(names: Sequence[str], value: Any) -> None:
    kind = type(value)
    slots = {slot for base in kind.__mro__ for slot in _slots(base) if hasattr(value, slot)}
    held = slots.union(getattr(value, "__dict__", ()))
    # A cached property is computed again; __orig_class__ is typing's note on Box[int](…).
    extra = sorted(
        name
        for name in held.difference(names, ("__orig_class__", "__dict__", "__weakref__"))
        if not isinstance(getattr(kind, name, None), cached_property)
    )
    if extra:
        raise refusal(kind, f"its attribute '{extra[0]}' is not a field")


def _slots(base: type) -> list[str]:
    slots = base.__dict__.get("__slots__", ())
    names = [slots] if isinstance(slots, str) else list(slots)
    private = f"_{base.__name__.lstrip('_')}"
    return [
        private + name if name.startswith("__") and not name.endswith("__") else name
        for name in names
    ]


def _decode_dataclass(nodes: Nodes, content: Node) -> Any:
    module, qualname, stored = content
    found: Any = nodes.classes.named(module, qualname)
    if not dataclasses.is_dataclass(found) or not set(stored) <= set(
        nodes.classes.field_names(found)
    ):
        raise TypeError(content)
    cls: Any = found
    instance = object.__new__(cls)
    for field in dataclasses.fields(cls):
        value = nodes.decode(stored[field.name]) if field.name in stored else field.default
        if value is dataclasses.MISSING:
            raise LookupError(field.name)
        object.__setattr__(instance, field.name, value)
    return instance


CLASS_DECODERS: dict[str, Decode] = {
    "$enum": _decode_enum,
    "$flag": _decode_flag,
    "$namedtuple": _decode_namedtuple,
    "$dataclass": _decode_dataclass,
}


def class_encoder(kind: type) -> Encode | None:
    """Return the encoder of an enum, dataclass or named tuple."""
    if isinstance(kind, EnumMeta):
        return _encode_flag if issubclass(kind, Flag) else _encode_enum
    if dataclasses.is_dataclass(kind):
        return _encode_dataclass
    return _encode_namedtuple if _is_namedtuple(kind) else None
