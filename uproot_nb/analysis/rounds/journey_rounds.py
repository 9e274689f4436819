"""JourneyRounds: the round at each position of one player's journey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["JourneyRounds", "RoundKey"]


class RoundKey(NamedTuple):
    """Which round it is: `RoundKey("training", 1, (2,), 2)`.

    Attributes:
        block: the name of the rounds' block; "" without one.
        part: counts, from 1, the rounds without a name that a page order has one after another.
        nested: the numbers of the rounds around each other, outermost first.
        number: the value of `player.round`.
    """

    block: str
    part: int
    nested: tuple[int, ...]
    number: int

    @property
    def name(self) -> str:
        """The block's name; of rounds without one: "" for the first, then "2", "3", …"""
        return self.block or (str(self.part) if self.part > 1 else "")

    @property
    def address(self) -> str:
        """The numbers of nested rounds, as "2.1"; "" for rounds that are not nested."""
        return ".".join(map(str, self.nested)) if len(self.nested) > 1 else ""

    def __str__(self) -> str:
        return f"{self.name} {self.address or self.number}".lstrip()


class _Before(NamedTuple):
    """What comes before a step: the parts so far, and the outermost round if the last goes on."""

    part: int = 0
    last: int | None = None


class JourneyRounds:
    """The rounds of a journey, as events of kind `order` make it known.

    rounds = JourneyRounds()
    rounds.splice(0, 0, ["Welcome", {"page": "Decide", "rounds": [1]}])
    rounds.at(1)        # RoundKey("", 1, (1,), 1)
    """

    def __init__(self) -> None:
        self._stored: list[Any] = []
        self._rounds: list[RoundKey | None] = []
        self._before: list[_Before] = []

    def splice(self, start: int, end: int, steps: Sequence[Any]) -> None:
        """Put stored steps in the place of those from *start* to *end*."""
        behind = [*steps, *self._stored[end:]]
        for known in (self._stored, self._rounds, self._before):
            del known[start:]
        before = self._before[-1] if self._before else _Before()
        for stored in behind:
            found, before = _round_of(stored, before)
            self._stored.append(stored)
            self._rounds.append(found)
            self._before.append(before)

    def knows(self, position: int) -> bool:
        """Return whether the journey has a step at a position."""
        return 0 <= position < len(self._rounds)

    def at(self, position: int) -> RoundKey | None:
        """Return the round at a position; None outside of rounds."""
        return self._rounds[position]


def _round_of(stored: Any, before: _Before) -> tuple[RoundKey | None, _Before]:
    """Return the round of a step as `Step.dump` has stored it, and what comes before the next."""
    step: Mapping[str, Any] = stored if isinstance(stored, dict) else {"page": stored}
    if "page" not in step:  # a decision inside a Repeat, or the next app
        return None, before._replace(last=None) if step.get("app") else before
    nested = tuple(step.get("rounds", ()))
    if not nested:
        return None, before._replace(last=None)
    block, number = step.get("block", ""), step.get("number") or nested[-1]
    if block:
        is_apart = len(nested) == 1
        return RoundKey(block, 1, nested, number), before._replace(
            last=None
        ) if is_apart else before
    begins = before.last is None or nested[0] < before.last
    part = before.part + 1 if begins else before.part
    return RoundKey("", part, nested, number), _Before(part, nested[0])
