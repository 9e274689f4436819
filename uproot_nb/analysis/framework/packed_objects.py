"""Reading MessagePack objects that follow one another, as in the framework's dumps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

__all__ = ["Incomplete", "read_objects"]

_FIXED = {
    **dict.fromkeys((0xC0, 0xC2, 0xC3), 0),
    **{0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8},
}
"""Bytes after the first one: of None, truth values, and numbers."""
_DEEPEST = 64
"""Maps within maps, at most. A row of the framework has none."""
_SIZED = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
"""Bytes of the length that comes before bytes and texts."""


class Incomplete(ValueError):
    """The data end within an object, or hold something else than objects."""


def read_objects(data: bytes) -> Iterator[Any]:
    """Yield each object in *data*: maps of numbers, texts, bytes and None.

    msgspec decodes one object and refuses what follows, so the ends are found first.

    Raises:
        Incomplete: the data are cut off or damaged.
    """
    at = 0
    while at < len(data):
        end = _end(data, at)
        try:
            yield msgspec.msgpack.decode(memoryview(data)[at:end])
        except msgspec.DecodeError as error:
            raise Incomplete(str(error)) from error
        at = end


def _end(data: bytes, at: int, depth: int = 0) -> int:
    """Return where the object at *at* ends."""
    if depth > _DEEPEST:
        raise Incomplete(f"at byte {at} maps are nested more than {_DEEPEST} deep")
    if at >= len(data):
        raise Incomplete(f"it ends at byte {len(data)}, within a row")
    first = data[at]
    if 0x80 <= first <= 0x8F:  # a map of up to 15
        end = at + 1
        for _ in range(2 * (first & 0x0F)):
            end = _end(data, end, depth + 1)
        return end
    return at + 1 + _size(data, at)


def _size(data: bytes, at: int) -> int:
    """Return how many bytes of a plain object follow its first one."""
    first = data[at]
    if first <= 0x7F or first >= 0xE0:  # a small number
        return 0
    if 0xA0 <= first <= 0xBF:  # a short text
        return first & 0x1F
    if first in _FIXED:
        return _FIXED[first]
    if first in _SIZED:
        width = _SIZED[first]
        return width + int.from_bytes(data[at + 1 : at + 1 + width])
    raise Incomplete(f"byte {at} begins no object")
