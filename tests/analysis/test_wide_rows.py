"""WideRows: the same rows, however the log's changes are cut into pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.lives import STEPS, Live
from tests.examples import examples
from uproot_nb.analysis.changes import SUBJECTS, Changes
from uproot_nb.analysis.export import everything
from uproot_nb.analysis.past_states import read_codec
from uproot_nb.analysis.rounds.people import People
from uproot_nb.analysis.rounds.timeline import Timeline
from uproot_nb.analysis.wide_rows import SparseRows, Spool, WideRows
from uproot_nb.log.events import CHANGES, Event, EventColumns

Row = tuple[Any, ...]


def rows_in(pieces: Iterator[SparseRows]) -> list[Row]:
    return [
        row
        for head, fields, cells in pieces
        for row in zip(*(column.values for column in head), fields, cells, strict=True)
    ]


def rows_of(events: list[Event], size: int) -> dict[str, list[Row]]:
    """Read the events in pages of that size."""
    codec = read_codec()
    people = People("m", {}, Timeline(codec))
    changes = Changes(codec, everything, people)
    wide = {kind: WideRows(kind, codec, people) for kind in SUBJECTS}
    found: dict[str, list[Row]] = {kind: [] for kind in SUBJECTS}
    for start in range(0, len(events), size):
        page = EventColumns(*zip(*events[start : start + size], strict=True))
        for some in changes.by_kind(page):
            found[some.kind] += rows_in(wide[some.kind].of(some))
    for kind in SUBJECTS:
        found[kind] += rows_in(wide[kind].rest())
    return found


@examples(60)
@given(STEPS, st.integers(1, 9))
def test_the_size_of_pages_makes_no_difference(steps: Any, size: int) -> None:
    with Live() as live:
        live.go(steps)
        events = list(live.worlds.log.read("market", kinds=CHANGES))
        in_one = rows_of(events, len(events) + 1)
        assert rows_of(events, size) == rows_of(events, 1) == in_one


def growing(length: int) -> list[Event]:
    """A list that grows while something else of its player changes all the time."""

    def event(seq: int, kind: str, field: str, value: str) -> Event:
        return Event(seq, 1.0, "m", kind, "player/ann", field, value, "", "", "", "")

    events = [event(1, "set", "strokes", "[]")]
    for number in range(length):
        change = f'{{"path":[],"values":[{number}]}}'
        events.append(event(len(events) + 1, "append", "strokes", change))
        events.append(event(len(events) + 1, "set", "tool", '"pen"'))
    return events


@pytest.mark.long
@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.slow
def test_the_rows_of_a_growing_list_grow_with_the_log_and_not_with_its_square(size: int) -> None:
    def written(length: int) -> int:
        return sum(len(row[-1]) for row in rows_of(growing(length), size)["player"])

    assert written(8000) < 5 * written(2000)
    assert written(8000) < 5 * sum(len(event.value) for event in growing(8000))


@pytest.mark.long
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_the_last_row_of_a_long_list_has_all_of_it_also_before_it_is_replaced(size: int) -> None:
    events = growing(1500)
    events.append(events[0]._replace(seq=len(events) + 1))
    events += [event._replace(seq=len(events) + 1 + n) for n, event in enumerate(growing(1500)[1:])]
    rows = [row for row in rows_of(events, size)["player"] if row[-2] == "strokes"]
    whole = "[" + ",".join(map(str, range(1500))) + "]"
    emptied = next(n for n, row in enumerate(rows) if n and row[-1] == "[]")
    assert rows[emptied - 1][-1] == rows[-1][-1] == whole


def test_a_list_that_was_set_long_ago_is_known_when_it_changes() -> None:
    def event(seq: int, kind: str, field: str, value: str) -> Event:
        return Event(seq, 1.0, "m", kind, "player/ann", field, value, "", "", "", "")

    events = [
        event(1, "set", "bids", "[1]"), event(2, "set", "note", '"a"'),
        event(3, "append", "bids", '{"path":[],"values":[2]}'),
        event(4, "append", "bids", '{"path":[],"values":[3]}'), event(5, "set", "note", "null"),
    ]  # fmt: skip
    rows = [(row[1], *row[-2:]) for row in rows_of(events, 1)["player"]]
    assert rows == [
        (1, "bids", "[1]"),
        (2, "note", '"a"'),
        (4, "bids", "[1,2,3]"),
        (5, "note", None),
    ]


def test_pieces_come_back_in_the_order_in_which_they_were_put(tmp_path: Path) -> None:
    with Spool[list[int]](tmp_path / "aside") as spool:
        spool.put_all([[1, 2], []])
        spool.put_all(iter([[3]]))
        assert len(spool) == 3
        assert list(spool) == list(spool) == [[1, 2], [], [3]]


def test_nothing_set_aside_is_nothing(tmp_path: Path) -> None:
    with Spool[str](tmp_path / "aside") as spool:
        assert (len(spool), list(spool)) == (0, [])
