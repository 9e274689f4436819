"""Codec: values as JSON text, with tags for what JSON lacks, and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import NoneType
from typing import Any

from orjson import (
    OPT_PASSTHROUGH_DATACLASS,
    OPT_PASSTHROUGH_DATETIME,
    JSONDecodeError,
    dumps,
    loads,
)

from uproot_nb.errors import Unstorable
from uproot_nb.log.encoding.array_nodes import ARRAY_DECODERS, array_encoder
from uproot_nb.log.encoding.class_nodes import CLASS_DECODERS, class_encoder
from uproot_nb.log.encoding.classes import Classes, Resolve, find_loaded_class
from uproot_nb.log.encoding.clock_nodes import CLOCK_DECODERS, CLOCK_ENCODERS
from uproot_nb.log.encoding.container_nodes import (
    CONTAINER_DECODERS,
    CONTAINER_ENCODERS,
    tracked_base,
    tracked_encoder,
)
from uproot_nb.log.encoding.frame_nodes import FRAME_DECODERS, frame_encoder
from uproot_nb.log.encoding.nodes import TAG, TAG_OPENING, Decode, Encode, Node, Nodes
from uproot_nb.log.encoding.plain_values import is_plain
from uproot_nb.log.encoding.refusals import MAX_DEPTH, too_deep
from uproot_nb.log.encoding.scalar_nodes import SCALAR_DECODERS, SCALAR_ENCODERS
from uproot_nb.log.encoding.unresolved import Unresolved, text_as_stored

__all__ = ["MAX_DEPTH", "Codec", "Resolve", "Unresolved", "find_loaded_class"]

_OPTIONS = OPT_PASSTHROUGH_DATACLASS | OPT_PASSTHROUGH_DATETIME
_EXACT_SCALARS = frozenset({NoneType, bool, int, str})


class Codec:
    """Turn what experimenters store into JSON text, and back to an equal value of the same type.

        codec = Codec()
        codec.encode({"price": Decimal("12.50")})  # '{"price":{"$decimal":"12.50"}}'
        codec.decode('{"price":{"$decimal":"12.50"}}')

    Neither way runs a constructor of an author's class. Classes are found by module and
    qualified name through *resolve*, by default among the modules that are loaded.
    """

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._encoders = dict(_ENCODERS)
        self._decoders = dict(_DECODERS)
        classes = Classes(resolve or find_loaded_class)
        self._nodes = Nodes(self._encoders, self._decoders, _encoder_for, classes)

    def with_type(
        self, tag: str, cls: type, encode: Callable[[Any], Any], decode: Callable[[Any], Any]
    ) -> Codec:
        """Store instances of *cls* (not of its subclasses) under *tag*, and return this codec.

        *encode* turns an instance into a storable value, *decode* turns that back.

            codec.with_type("player", Player, lambda player: ~player, find_player)
        """
        key = TAG + tag
        if key in self._decoders or cls in self._encoders:
            raise ValueError(f"The codec already stores {cls.__name__} or has a tag '{tag}'.")

        def encode_instance(nodes: Nodes, value: Any, depth: int) -> Node:
            return {key: nodes.encode(encode(value), depth + 1)}

        self._encoders[cls] = encode_instance
        self._decoders[key] = lambda nodes, content: decode(nodes.decode(content))
        return self

    def encode(self, value: Any) -> str:
        """Return *value* as JSON text.

        Raises:
            Unstorable: it would not come back equal and of the same type.
        """
        kind = type(value)
        try:
            if kind in _EXACT_SCALARS or (kind is float and math.isfinite(value)):
                return dumps(value).decode()
            if kind is dict or kind is list or tracked_base(kind):
                text = dumps(value, None, _OPTIONS)
                if is_plain(value, text):
                    return text.decode()
        except TypeError:  # orjson cannot write it as it stands: a tag, or a refusal, is due
            pass
        return self._encode_tagged(value)

    def decode(self, text: str) -> Any:
        """Return the value that `encode` wrote as *text*.

        A value whose class is unknown, or whose tag is damaged, becomes `Unresolved`.

        Raises:
            Unstorable: *text* is not JSON, or nested beyond what `encode` writes.
        """
        try:
            node = loads(text)
            return self._nodes.decode(node) if TAG_OPENING in text else node
        except JSONDecodeError as error:
            raise Unstorable("text", f"it is not JSON: {error}") from error
        except RecursionError:
            raise too_deep(str) from None

    def _encode_tagged(self, value: Any) -> str:
        try:
            return dumps(self._nodes.encode(value)).decode()
        except (RecursionError, TypeError) as error:
            if isinstance(error, Unstorable):
                raise
            # orjson bounds the nesting of the JSON, which tags make deeper than the value.
            raise too_deep(type(value)) from None


def _encoder_for(kind: type) -> Encode | None:
    """Return the encoder of a class that is not in the table of exact types."""
    return (
        tracked_encoder(kind) or class_encoder(kind) or array_encoder(kind) or frame_encoder(kind)
    )


_ENCODERS: dict[type, Encode] = {
    **SCALAR_ENCODERS,
    **CLOCK_ENCODERS,
    **CONTAINER_ENCODERS,
    Unresolved: lambda nodes, value, depth: text_as_stored(value),
}

_DECODERS: dict[str, Decode] = {
    **SCALAR_DECODERS,
    **CLOCK_DECODERS,
    **CONTAINER_DECODERS,
    **CLASS_DECODERS,
    **ARRAY_DECODERS,
    **FRAME_DECODERS,
}
