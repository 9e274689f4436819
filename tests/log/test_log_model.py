"""Whatever is appended, saved, erased and opened again: every log has what a list would have."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.components.log_places import LogPlace
from uproot_nb.log.events import Event
from uproot_nb.log.log import EventLog, Snapshot

pytestmark = pytest.mark.long

NUMBERS = itertools.count()
# As a participant may write them: quotes, separators, what PostgreSQL has not got, and long ones.
TEXTS = st.one_of(
    st.sampled_from([
        "", "bid", "a\0b", "\x01", "\x02", "\ufdd0", "\ufdd01", '"\\', "'", "{}", "NULL", "\r\n",
        "x" * 3_000, "\N{ROCKET}\N{COMBINING ACUTE ACCENT}",
    ]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)  # fmt: skip
KINDS = st.sampled_from(["set", "call", "join"])
ROWS = st.tuples(st.floats(0.001, 4e9), KINDS, *[TEXTS] * 7)
READS = st.tuples(
    st.integers(-1, 30), st.none() | st.integers(0, 30),
    st.none() | st.sets(KINDS, max_size=2), st.booleans(),
)  # fmt: skip
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.lists(ROWS, min_size=1, max_size=6)),
        st.tuples(st.just("replace"), st.tuples(st.integers(0, 29), ROWS)),
        st.tuples(st.just("save"), st.binary(max_size=20)),
        st.tuples(st.just("reopen"), st.none()),
        st.tuples(st.just("read"), READS),
    ),
    min_size=1, max_size=12,
)  # fmt: skip
few = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
many = settings(few, max_examples=300)


@dataclass
class Model:
    """What a log has to have, and the log."""

    place: LogPlace
    name: str
    events: list[Event] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)

    @contextmanager
    def opened(self) -> Iterator[EventLog]:
        with closing(self.place.open()) as log:
            log.claim(self.name)
            yield log

    def event(self, seq: int, row: tuple[Any, ...]) -> Event:
        return Event(seq, row[0], self.name, *row[1:])

    def append(self, log: EventLog, rows: list[tuple[Any, ...]]) -> None:
        batch = [self.event(len(self.events) + n, row) for n, row in enumerate(rows, 1)]
        log.append(batch)
        self.events += batch

    def replace(self, log: EventLog, change: tuple[int, tuple[Any, ...]]) -> None:
        """Put another event in the place of one, as an erasure does."""
        index, row = change
        if index >= len(self.events):
            return
        self.events[index] = self.event(index + 1, row)
        log.intend_erasure(self.name, "ann")
        log.erase(self.name, "ann", [self.events[index]])
        self.snapshots = []

    def save(self, log: EventLog, state: bytes) -> None:
        snapshot = Snapshot(self.name, len(self.events), state)
        self.snapshots = [one for one in self.snapshots if one.seq != snapshot.seq] + [snapshot]
        log.save_snapshot(snapshot)

    def read(self, log: EventLog, what: tuple[int, int | None, set[str] | None, bool]) -> None:
        after, until, kinds, newest_first = what
        wanted = [
            one for one in self.events
            if after < one.seq <= (len(self.events) if until is None else until)
            and (kinds is None or one.kind in kinds)
        ]  # fmt: skip
        assert list(rows_of(log.read_columns(self.name, after, until, kinds))) == wanted
        found = log.read(self.name, after, until, kinds, newest_first=newest_first)
        assert list(found) == (wanted[::-1] if newest_first else wanted)

    def check(self, log: EventLog) -> None:
        assert list(log.read(self.name)) == self.events
        assert log.last_seq(self.name) == len(self.events)
        assert log.load_snapshot(self.name) == (self.snapshots[-1] if self.snapshots else None)
        assert log.damage() == []


def rows_of(pages: Any) -> Iterator[Event]:
    for page in pages:
        yield from (Event(*row) for row in zip(*page, strict=True))


def follow(place: LogPlace, steps: list[tuple[str, Any]]) -> None:
    model = Model(place, f"market{next(NUMBERS)}")
    parts = [[]]
    for step in steps:
        if step[0] == "reopen":
            parts.append([])
        else:
            parts[-1].append(step)
    for part in parts:
        with model.opened() as log:
            model.check(log)
            for action, what in part:
                getattr(model, action)(log, what)
            model.check(log)


@few
@given(STEPS)
def test_a_log_has_what_a_list_would_have(place: LogPlace, steps: list[tuple[str, Any]]) -> None:
    follow(place, steps)


@pytest.mark.slow
@many
@given(STEPS)
def test_a_log_has_what_a_list_would_have_many_times(
    place: LogPlace, steps: list[tuple[str, Any]]
) -> None:
    follow(place, steps)
