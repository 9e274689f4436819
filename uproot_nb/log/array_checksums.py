"""Checksums of many events at once, computed on arrays.

The state of a CRC after some bytes is linear in its bits and in theirs. So what a byte adds can be
looked up, whatever stands around it, and a text that many events share is processed only once.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    import numpy as np

__all__ = ["are_sound"]

_ONES = 0xFFFFFFFF
_SHORT = 48
"""Bytes. Longer texts are faster one by one."""


def are_sound(
    written: np.ndarray[Any, Any],
    numbers: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]],
    session: str,
    texts: tuple[Any, Any, Any],
) -> bool:
    """Return whether the *written* checksums are those that `checksum_of_event` gives.

    Args:
        numbers: seq and time.
        texts: the columns between session and value, the value, and the columns behind it, joined
            by zero bytes: a pyarrow.StringArray, and two with a dictionary around it.
    """
    import pyarrow.compute as compute  # lazy: it is an extra

    heads, values, tails = texts
    before = compute.binary_join_element_wise(session, heads.dictionary, "", "\0")
    behind = compute.binary_join_element_wise("", tails.dictionary, "\0")
    states = _after_repeated(_after_numbers(*numbers), heads.indices.to_numpy(), before)
    states = _after_repeated(_after_texts(states, values), tails.indices.to_numpy(), behind)
    return bool((~states == written).all())


def _after_numbers(seq: np.ndarray[Any, Any], time: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the state after struct.pack("<qd", seq, time) for each event."""
    import numpy as np  # lazy: see __init__

    numbers = np.empty((len(seq), 2), "<u8")
    numbers[:, 0], numbers[:, 1] = seq.view("u8"), time.view("u8")
    content = numbers.view("u1")
    states = np.full(len(seq), _state_after(bytes(16), _ONES), "uint32")
    for place, effects in enumerate(_effects_of_bytes()):
        column = content[:, place]
        if (column == column[0]).all():  # as most bytes of a page's numbers are
            states ^= effects[column[0]]
        else:
            states ^= effects[column]
    return states


def _after_repeated(
    states: np.ndarray[Any, Any], codes: np.ndarray[Any, Any], known: Any
) -> np.ndarray[Any, Any]:
    """Return the states after the known text of each event's code."""
    import numpy as np  # lazy: see __init__

    alone = _after_texts(np.zeros(len(known), "uint32"), known)
    lengths, which = np.unique(np.diff(_offsets(known)), return_inverse=True)
    shifts = np.concatenate([_shift(length).reshape(-1) for length in lengths.tolist()])
    shift_of = (which * 4 * 256)[codes]
    found: np.ndarray[Any, Any] = alone[codes]
    for place in range(4):
        byte = (states >> (8 * place)) & 0xFF
        found ^= shifts[shift_of + (256 * place) + byte]
    return found


def _after_texts(states: np.ndarray[Any, Any], texts: Any) -> np.ndarray[Any, Any]:
    """Return the states after the event's own text of each."""
    import numpy as np  # lazy: see __init__

    content, offsets = texts.buffers()[2], _offsets(texts)
    starts, lengths = offsets[:-1], np.diff(offsets)
    shortest_last = np.argsort(-lengths, kind="stable")
    many_long = int((lengths > _SHORT).sum())
    found = states.copy()
    for row in shortest_last[:many_long].tolist():
        text = memoryview(content)[offsets[row] : offsets[row + 1]]
        found[row] = _state_after(text, int(states[row]))
    rows = shortest_last[many_long:]
    if len(rows) and lengths[rows[0]]:
        found[rows] = _after_bytes(
            states[rows], np.frombuffer(content, "u1"), starts[rows], lengths[rows]
        )
    return found


def _offsets(texts: Any) -> np.ndarray[Any, Any]:
    """Return where each text begins in its array's bytes, and where the last one ends."""
    import numpy as np  # lazy: see __init__

    bounds: np.ndarray[Any, Any] = np.frombuffer(texts.buffers()[1], "int32")
    return bounds[texts.offset : texts.offset + len(texts) + 1]


def _after_bytes(
    states: np.ndarray[Any, Any],
    content: np.ndarray[Any, Any],
    starts: np.ndarray[Any, Any],
    lengths: np.ndarray[Any, Any],
) -> np.ndarray[Any, Any]:
    """Return the states after texts of these lengths, longest first: all at once, byte by byte."""
    import numpy as np  # lazy: see __init__

    table = _shift(1)[0]
    longer = np.searchsorted(-lengths, -np.arange(int(lengths[0])), "left").tolist()
    for place, count in enumerate(longer):
        now = states[:count]
        index = (now ^ content[starts[:count] + place]) & 0xFF
        states[:count] = table[index] ^ (now >> 8)
    return states


def _state_after(content: bytes | memoryview, state: int) -> int:
    """Return the state after *content*: zlib's checksums are its complements."""
    return crc32(content, state ^ _ONES) ^ _ONES


@lru_cache(512)
def _shift(length: int) -> np.ndarray[Any, Any]:
    """Return by place and byte of a state: what it adds to the one after *length* zero bytes."""
    import numpy as np  # lazy: see __init__

    zeros = bytes(length)
    effects = [
        _state_after(zeros, byte << place) for place in (0, 8, 16, 24) for byte in range(256)
    ]
    return np.array(effects, "uint32").reshape(4, 256)


@cache
def _effects_of_bytes() -> np.ndarray[Any, Any]:
    """Return by place and byte: what a byte among sixteen adds to the state after them."""
    import numpy as np  # lazy: see __init__

    effects = [
        _state_after(bytes(place) + bytes([byte]) + bytes(15 - place), 0)
        for place in range(16)
        for byte in range(256)
    ]
    return np.array(effects, "uint32").reshape(16, 256)
