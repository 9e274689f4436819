"""Timeline: where each player and group was at each event of a log."""

from __future__ import annotations

import heapq
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from uproot_nb.analysis.rounds.journey_rounds import RoundKey
from uproot_nb.analysis.rounds.locator import MOVES, ROUND, Location, Locator
from uproot_nb.analysis.rounds.sorted_moves import SortedMoves, sorted_moves
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event
from uproot_nb.log.log import EventLog

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Timeline", "moves_after"]


class Timeline:
    """The groups and rounds of a session, to be asked for any event.

        timeline = Timeline(codec)
        timeline.take(log.read("market", kinds=MOVES))
        numbers = timeline.at(["player/ann"], [120])
        timeline.locations[numbers[0]]          # Location("g1", RoundKey("", 1, (2,), 2))

    It holds some thirty bytes for each move from one group or round to another. Several threads may
    ask it.
    """

    def __init__(self, codec: Codec) -> None:
        self._locator = Locator(codec)
        self._subjects: dict[str, int] = {}
        self._numbers: dict[Location, int] = {}
        self._moved, self._seqs = array("i"), array("q")
        self._places = array("i")
        self._by_seq: SortedMoves | None = None
        self._lock = threading.RLock()
        self.seq = 0
        """The last event that was taken in."""
        self.locations: list[Location] = []
        """By number: every location that there was."""

    def follow(self, read: Callable[[int], Iterable[Event]], last: int) -> None:
        """Take in what is new: *read* returns the moves after an event."""
        with self._lock:
            if last > self.seq:
                self.take(read(self.seq))
                self.seq = last

    def take(self, events: Iterable[Event]) -> None:
        """Take in newer events, oldest first."""
        with self._lock:
            for event in events:
                for subject in self._locator.apply(event):
                    self._note(event, subject)
                self.seq = event.seq
            self._by_seq = None

    def _note(self, event: Event, subject: str) -> None:
        location = self._locator.of(subject)
        number = self._numbers.setdefault(location, len(self._numbers))
        if number == len(self.locations):
            self.locations.append(location)
        self._moved.append(self._subjects.setdefault(subject, len(self._subjects)))
        self._seqs.append(event.seq)
        self._places.append(number)

    @property
    def rounds(self) -> list[RoundKey]:
        """Every round in which a player has been, in the order of their first visit."""
        found = (location.round for location in self.locations)
        return list(dict.fromkeys(key for key in found if key is not None))

    def at(self, subjects: Sequence[str], seqs: Any) -> np.ndarray[Any, Any]:
        """Return the number of each subject's location after an event; -1 before its first."""
        return self.at_codes(self.codes(subjects), seqs)

    def codes(self, subjects: Sequence[str]) -> np.ndarray[Any, Any]:
        """Return the subjects' own numbers, for `at_codes`; -1 for one that never moved."""
        import numpy as np  # lazy: see __init__

        found = (self._subjects.get(subject, -1) for subject in subjects)
        return np.fromiter(found, "int64", len(subjects))

    def at_codes(self, codes: np.ndarray[Any, Any], seqs: Any) -> np.ndarray[Any, Any]:
        """Return what `at` does, of subjects by their own numbers."""
        import numpy as np  # lazy: see __init__

        by_seq = self._by_seq or self._sort_by_seq()
        return by_seq.find(codes, np.asarray(seqs, "int64"))

    def _sort_by_seq(self) -> SortedMoves:
        with self._lock:
            self._by_seq = made = sorted_moves(self._moved, self._seqs, self._places)
        return made


def moves_after(log: EventLog, session: str, seq: int) -> Iterator[Event]:
    """Yield the events after *seq* that move players or groups, oldest first."""
    moves = log.read(session, after=seq, kinds=MOVES)
    counted = log.read(session, after=seq, kinds={"set", "del"}, field=ROUND)
    return heapq.merge(moves, counted)
