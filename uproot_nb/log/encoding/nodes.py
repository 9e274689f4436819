"""Nodes: values as JSON with tags for what JSON lacks, one step from its text."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from struct import error as StructError
from typing import Any, TypeAlias

from orjson import dumps

from uproot_nb.log.encoding.classes import Classes
from uproot_nb.log.encoding.refusals import MAX_DEPTH, refusal, too_deep
from uproot_nb.log.encoding.unresolved import Unresolved

__all__ = [
    "NESTED",
    "TAG",
    "TAG_OPENING",
    "Decode",
    "Encode",
    "Node",
    "Nodes",
    "bytes_node",
    "bytes_of",
]

Node: TypeAlias = Any
"""JSON as orjson reads and writes it: what experimenters store, one step from its text."""
Encode: TypeAlias = Callable[["Nodes", Any, int], Node]
"""Return a value, inside that many containers, as a node."""
Decode: TypeAlias = Callable[["Nodes", Node], Any]
"""Return what the content of a tag stands for."""

NESTED = (dict, list)
"""The kinds of node that hold others."""

# A tagged value is an object whose only key begins with "$". In compact JSON these two
# characters stand side by side nowhere else: within a string the quote would be escaped.
TAG = "$"
TAG_OPENING = '{"$'

_CLASS_TAGS = frozenset({"$dataclass", "$enum", "$flag", "$namedtuple"})

# What a decoder of ours (or struct, zoneinfo, numpy, pandas, decimal below it) raises when a tag's
# content is not what the encoder writes, or a class is not what it was. OSError: zoneinfo, where
# the name of a time zone is that of a folder.
_MALFORMED = (
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
    StructError,
)


class Nodes:
    """Turn values into nodes and back, each by the encoder of its type or the decoder of its tag.

    *find_encoder* is asked for the types that are not in *encoders*.

        nodes.encode(Decimal("12.50"))  # {"$decimal": "12.50"}
        nodes.decode({"$decimal": "12.50"})
    """

    def __init__(
        self,
        encoders: Mapping[type, Encode],
        decoders: Mapping[str, Decode],
        find_encoder: Callable[[type], Encode | None],
        classes: Classes,
    ) -> None:
        self.classes = classes
        self._encoders = encoders
        self._decoders = decoders
        self._find_encoder = find_encoder

    def encode(self, value: Any, depth: int = 0) -> Node:
        """Return *value*, inside *depth* containers, as JSON with tags."""
        encoder = self._encoders.get(type(value)) or self._find_encoder(type(value))
        if encoder is None:
            raise refusal(type(value))
        if depth > MAX_DEPTH:
            raise too_deep(type(value))
        return encoder(self, value, depth)

    def encode_each(self, values: Iterable[Any], depth: int) -> list[Node]:
        """Return the nodes of what a container inside *depth* others holds."""
        return [self.encode(value, depth + 1) for value in values]

    def decode(self, node: Node) -> Any:
        """Return what *node* stands for."""
        kind = type(node)
        if kind is list:
            return [self.decode(item) if type(item) in NESTED else item for item in node]
        if kind is not dict:
            return node
        if len(node) == 1:
            (key,) = node
            if key.startswith(TAG):
                return self._decode_tag(key, node[key])
        return {
            key: self.decode(item) if type(item) in NESTED else item for key, item in node.items()
        }

    def _decode_tag(self, tag: str, content: Node) -> Any:
        decoder = self._decoders.get(tag)
        if decoder is not None:
            try:
                return decoder(self, content)
            except _MALFORMED:
                pass  # what cannot be read is stored and shown, below
        return self._unresolved(tag, content)

    def _unresolved(self, tag: str, content: Node) -> Unresolved:
        text = dumps({tag: content}).decode()
        match content:
            case [str(module), str(qualname), inner] if tag in _CLASS_TAGS:
                return Unresolved(f"{module}.{qualname}", self.decode(inner), text)
        return Unresolved(tag.removeprefix(TAG), self.decode(content), text)


def bytes_node(data: bytes) -> str:
    """Return the node that *data* is stored as."""
    return b64encode(data).decode()


def bytes_of(content: str) -> bytes:
    """Return the bytes that `bytes_node` described."""
    return b64decode(content, validate=True)
