"""Checksums: each row of a log has one, so that damaged data is never read as valid."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from struct import error as StructError
from typing import Any
from zlib import crc32

__all__ = ["checksum_of_bytes", "checksum_of_event", "first_damaged", "is_whole"]

_numbers = Struct("<qd").pack


def checksum_of_event(row: Sequence[Any]) -> int:
    """Return the checksum of an event's columns, which are those of `Event`, in that order."""
    return crc32("\0".join(row[2:11]).encode(), crc32(_numbers(row[0], row[1])))


def checksum_of_bytes(name: str, number: float, content: bytes) -> int:
    """Return the checksum of a row with a session's name, a number, and bytes."""
    return crc32(content, crc32(name.encode(), crc32(_numbers(0, number))))


def is_whole(name: Any, number: Any, content: Any, checksum: Any) -> bool:
    """Return whether a row of bytes is undamaged; damage may have changed its types, too."""
    if checksum is None:  # an older version has written it
        return True
    try:
        return bool(checksum == checksum_of_bytes(name, number, content))
    except (AttributeError, TypeError, UnicodeError, StructError):
        return False


def first_damaged(rows: Sequence[Sequence[Any]]) -> Any:
    """Return the seq of the first row whose last column is not its checksum; None if all are right.

    A row without one is of a log that an older version has written.
    """
    try:
        sums = [
            crc32("\0".join(row[2:11]).encode(), crc32(_numbers(row[0], row[1]))) for row in rows
        ]
    except (TypeError, UnicodeError, StructError):  # damage has made a number or bytes of a text
        sums = [_checksum_or_none(row) for row in rows]  # type: ignore[misc]
    written = [row[11] for row in rows]
    if sums == written:
        return None
    pairs = zip(rows, sums, written, strict=True)
    return next((row[0] for row, right, found in pairs if found not in (right, None)), None)


def _checksum_or_none(row: Sequence[Any]) -> int | None:
    try:
        return checksum_of_event(row)
    except (TypeError, UnicodeError, StructError):
        return -1
