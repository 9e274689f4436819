"""Plain values: what orjson writes unasked so that it reads back the same."""

from __future__ import annotations

import math
from itertools import chain
from types import NoneType
from typing import Any

from uproot_nb.log.encoding.container_nodes import tracked_base
from uproot_nb.log.encoding.nodes import NESTED, TAG_OPENING
from uproot_nb.log.encoding.refusals import MAX_DEPTH

__all__ = ["is_plain"]

_SCALARS = frozenset({NoneType, bool, int, float, str})
_TAG_OPENING_BYTES = TAG_OPENING.encode()


def is_plain(value: Any, text: bytes) -> bool:
    """Return whether *text*, as orjson wrote it by itself, reads back as exactly *value*.

    orjson turns tuples, enum members, UUIDs and NaN silently into something else, so the types
    of the values are looked at, a whole level of nesting at a time: that is what C does fast.
    """
    if _TAG_OPENING_BYTES in text:
        return False
    may_hide_nan = b"null" in text
    level = _contents([value], {type(value): _plain_base(type(value))})
    for _ in range(MAX_DEPTH):
        kinds = set(map(type, level))
        if may_hide_nan and float in kinds and not _all_finite(level):
            return False
        if kinds <= _SCALARS:
            return True
        bases = {kind: _plain_base(kind) for kind in kinds}
        if None in bases.values():
            return False
        level = _contents(level, bases)
    return False


def _all_finite(level: list[Any]) -> bool:
    return all(math.isfinite(value) for value in level if type(value) is float)


def _plain_base(kind: type) -> type | None:
    """Return list or dict for what is stored as such, `object` for a scalar, None for the rest."""
    if kind in _SCALARS:
        return object
    base = kind if kind in NESTED else tracked_base(kind)
    return base if base in NESTED else None


def _contents(level: list[Any], bases: dict[type, type | None]) -> list[Any]:
    """Return what the lists and dicts of a level hold, without what subclasses make of that."""
    if set(bases) == {list}:
        return list(chain.from_iterable(level))
    lists = [value for value in level if bases[type(value)] is list]
    dicts = [value for value in level if bases[type(value)] is dict]
    values = chain.from_iterable(map(dict.values, dicts))
    return [*chain.from_iterable(map(list.__iter__, lists)), *values]
