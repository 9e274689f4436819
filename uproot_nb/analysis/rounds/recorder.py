"""RoundRecorder: a session's changes, cut where players go from one round to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from uproot_nb.analysis.rounds.journey_rounds import RoundKey
from uproot_nb.analysis.rounds.locator import (
    FLOW,
    MOVES,
    ROUND,
    Location,
    Locator,
    whole_number,
)
from uproot_nb.analysis.rounds.round_pieces import RoundPiece
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import CHANGES, Event
from uproot_nb.log.state import State

__all__ = ["ADDRESS", "PLAYER", "RECORDED", "RoundRecorder"]

RECORDED = CHANGES | MOVES
"""The kinds of events that a recorder takes."""
_BESIDE_ROUND = frozenset({"round_nested", "block"})
ADDRESS = _BESIDE_ROUND | {ROUND}
"""Fields in which the page flow stores which round it is."""
PLAYER = "player/"
"""What the subjects of players begin with."""


class RoundRecorder:
    """Yields a piece each time that somebody leaves a round; it holds no more than a state does.

        recorder = RoundRecorder(codec)
        pieces = [*recorder.pieces(log.read("market", kinds=RECORDED))]

    Attributes:
        inside: the fields that were changed in rounds, and the rounds of each.
        outside: the fields that were changed outside of rounds.
    """

    def __init__(self, codec: Codec) -> None:
        self._locator, self._past = Locator(codec), State(codec)
        self._at: dict[str, Location] = {}
        self._groups: dict[str, str] = {}
        self._changed: dict[str, dict[str, None]] = {}
        self.inside: dict[str, dict[RoundKey, None]] = {}
        self.outside: dict[str, None] = {}

    def pieces(self, events: Iterable[Event]) -> Iterator[RoundPiece]:
        """Yield the pieces of a whole session."""
        yield from self.pieces_until(events)
        yield from self.rest()

    def pieces_until(self, events: Iterable[Event]) -> Iterator[RoundPiece]:
        """Yield the pieces that end in the next events; `rest` has those that go on."""
        for event in events:
            if event.kind in MOVES or event.field == ROUND:
                for subject in self._locator.apply(event):
                    if subject.startswith(PLAYER):
                        yield from self._move(subject)
            if event.kind in CHANGES and event.subject.startswith(PLAYER):
                self._note(event)

    def rest(self) -> Iterator[RoundPiece]:
        """Yield the pieces that go on at the end of the session."""
        for subject in self._at:
            yield from self._left(subject)

    def _move(self, subject: str) -> Iterator[RoundPiece]:
        before, now = self._at.get(subject, Location()), self._locator.of(subject)
        if before.round != now.round:
            yield from self._left(subject)
            self._changed.pop(subject, None)
            self._groups[subject] = ""
        self._at[subject] = now
        self._groups[subject] = now.group or self._groups.get(subject, "")

    def _left(self, subject: str) -> Iterator[RoundPiece]:
        key = self._at[subject].round if subject in self._at else None
        if key is not None:
            texts = {name: self._text(subject, name) for name in self._changed.get(subject, ())}
            yield RoundPiece(subject.removeprefix(PLAYER), key, self._groups[subject], texts)

    def _text(self, subject: str, name: str) -> str | None:
        there = name in self._past.fields.get(subject, ())
        return self._past.text(subject, name) if there else None

    def _note(self, event: Event) -> None:
        self._past.apply(event)
        if _is_address(event):
            return
        location = self._at.get(event.subject)
        if location is None or location.round is None:
            self.outside[event.field] = None
        else:
            self._changed.setdefault(event.subject, {})[event.field] = None
            self.inside.setdefault(event.field, {})[location.round] = None


def _is_address(event: Event) -> bool:
    """Return whether a change only says which round it is."""
    if event.field == ROUND:
        return event.kind == "del" or whole_number(event) is not None
    return event.field in _BESIDE_ROUND and event.cause == FLOW
