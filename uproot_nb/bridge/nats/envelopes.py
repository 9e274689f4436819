"""Envelope: one message over NATS, with a number that shows its stream what was lost."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

__all__ = ["HEADER_BYTES", "Envelope", "Kind", "unpack"]

_HEADER = struct.Struct(">BQQQ")
HEADER_BYTES = _HEADER.size


class Kind(IntEnum):
    """What an envelope is for."""

    WHOLE = 0
    """Numbered: the last or only part of an array of messages."""
    PART = 1
    """Numbered: a part of an array that goes on in the next envelope."""
    END = 2
    """Numbered: the sender has closed; nothing follows."""
    BEAT = 3
    """Numbered: a sign of life, and of what was taken; it may come between parts."""
    OPEN = 4
    """A gateway opens a stream; the body is an `Opening`."""
    BROKEN = 5
    """The sender does not know the stream, or not any more."""


class Envelope(NamedTuple):
    """One message over NATS.

    `stream` is the stream's random id, `number` counts from 1, `taken` is the number of bytes that
    the sender has taken of the other direction.
    """

    kind: int
    stream: int
    number: int = 0
    taken: int = 0
    body: bytes = b""

    def pack(self) -> bytes:
        """Return the bytes that `unpack` reads."""
        return _HEADER.pack(self.kind, self.stream, self.number, self.taken) + self.body


def unpack(data: bytes) -> Envelope | None:
    """Return the envelope in *data*; None if it is none."""
    if len(data) < HEADER_BYTES:
        return None
    kind, stream, number, taken = _HEADER.unpack_from(data)
    return Envelope(kind, stream, number, taken, data[HEADER_BYTES:])
