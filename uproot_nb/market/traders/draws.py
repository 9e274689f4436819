"""Draws: whole numbers from random bits, as `random.Random` draws them, in one step."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

__all__ = ["drawn_below", "one_of"]

Something = TypeVar("Something")


def drawn_below(count: int, chance: Random) -> int:
    """Return a number from 0 to *count* - 1, all alike: `chance.randrange(count)`.

    The same seed gives the same numbers as `randrange`, which checks what is known here, and takes
    three calls for it.
    """
    bits, draw = count.bit_length(), chance.getrandbits
    found = draw(bits)
    while found >= count:
        found = draw(bits)
    return found


def one_of(some: Sequence[Something], chance: Random) -> Something:
    """Return one of some, all alike: `chance.choice(some)`."""
    count = len(some)  # as drawn_below, which each step of a simulation would call
    bits, draw = count.bit_length(), chance.getrandbits
    found = draw(bits)
    while found >= count:
        found = draw(bits)
    return some[found]
