"""Arrow columns: what they make of a page is what the plain functions make of each event."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.analysis.lives import STEPS, Live
from tests.analysis.rounds.people_in import people_in
from tests.examples import examples
from uproot_nb.analysis.arrow_columns import field_kinds, float_texts
from uproot_nb.analysis.arrow_writers import open_arrow_writer
from uproot_nb.analysis.changes import Changed, Changes, long_columns
from uproot_nb.analysis.export import everything
from uproot_nb.analysis.json_cells import NOT_FINITE, Column, Kind, kind_of, readable
from uproot_nb.analysis.past_states import read_codec
from uproot_nb.analysis.rounds.people import People
from uproot_nb.analysis.rounds.timeline import Timeline
from uproot_nb.analysis.table_writers import open_writer
from uproot_nb.analysis.wide_rows import WideRows
from uproot_nb.log.arrow_pages import EventArrays
from uproot_nb.log.events import CHANGES, Event, EventColumns

pyarrow = pytest.importorskip("pyarrow")

REPEATED = ("kind", "subject", "field", "actor", "page", "cause", "code")
TEXTS = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(['"', ",", "a\r\nb"])
CELLS: dict[Kind, st.SearchStrategy[str]] = {
    "integer": st.integers(-(2**63), 2**63 - 1).map(str),
    "number": st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.sampled_from([*NOT_FINITE]),
    "boolean": st.sampled_from(["true", "false"]),
    "text": TEXTS.map(lambda text: read_codec().encode(text)),
    "json": st.sampled_from(["null", "[1,2]", '{"a":"b,c"}', '"a"', "7", "[]", *NOT_FINITE]),
}


def arrays_of(events: list[Event]) -> EventArrays:
    columns = EventColumns(*zip(*events, strict=True))
    repeated = {}
    for name in REPEATED:
        texts = list(getattr(columns, name))
        known = list(dict.fromkeys([*texts, "nowhere"]))
        repeated[name] = (np.array([known.index(text) for text in texts], "int32"), known)
    value = pyarrow.array(columns.value, pyarrow.string())
    return EventArrays("market", np.array(columns.seq), np.array(columns.time), value, repeated)


def plain_values(column: Any) -> list[Any]:
    values = column.values if isinstance(column, Column) else column
    return list(values.to_pylist() if hasattr(values, "to_pylist") else values)


def told(changed: list[Changed]) -> list[Any]:
    return [
        [one.kind, [plain_values(c) for c in long_columns(one)], plain_values(one.cells)]
        for one in changed
    ]


@examples(100)
@given(STEPS, st.integers(1, 12))
def test_changes_fields_and_wide_rows_are_those_of_columns(steps: Any, size: int) -> None:
    with Live() as live:
        live.go(steps)
        events = list(live.worlds.log.read("market", kinds=CHANGES))
        people = people_in(live.worlds.log, "market")
    codec = read_codec()
    plain, fast = Changes(codec, everything, people), Changes(codec, everything, people)
    rows: list[dict[str, WideRows]] = [{}, {}]
    for start in range(0, len(events), size):
        some = events[start : start + size]
        expected = list(plain.by_kind(EventColumns(*zip(*some, strict=True))))
        found = list(fast.by_kind(arrays_of(some)))
        assert told(found) == told(expected)
        assert wide_rows(found, rows[1], people) == wide_rows(expected, rows[0], people)
    assert fast.fields == plain.fields
    assert [*fast.fields.get("player", {})] == [*plain.fields.get("player", {})]


def wide_rows(changed: list[Changed], wide: dict[str, WideRows], people: People) -> list[Any]:
    for some in changed:
        wide.setdefault(some.kind, WideRows(some.kind, read_codec(), people))
    return [
        [[plain_values(column) for column in head], plain_values(fields), plain_values(cells)]
        for some in changed
        for head, fields, cells in wide[some.kind].of(some)
    ]


@given(st.lists(st.floats() | st.floats(1e-4, 1e17) | st.integers(0, 2**60).map(float)))
@example([1e10, 9999999999.999998])
@example([1e15, 1e16, 0.001, 0.0001, 1760000000.0])
def test_floats_are_written_as_python_writes_them(numbers: list[float]) -> None:
    for some in [numbers, *([number] for number in numbers)]:
        found = float_texts(pyarrow.array(some, pyarrow.float64())).to_pylist()
        assert found == list(map(repr, some))


@given(st.lists(st.decimals() | st.integers() | st.floats() | TEXTS, min_size=1))
@example([Decimal(text) for text in ("-0.00", "0E-7", "1E+3", "12.50", "-7", "1E-30", "sNaN")])
def test_values_and_their_kinds_are_those_of_each_event(values: list[Any]) -> None:
    codec = read_codec()
    texts = [codec.encode(value) for value in values]
    event = Event(1, 1.0, "m", "set", "session", "x", "", "", "", "", "")
    nobody = People("m", {}, Timeline(codec))
    [found] = Changes(codec, everything, nobody).by_kind(
        arrays_of([event._replace(field=f"f{n}", value=text) for n, text in enumerate(texts)])
    )
    cells = [text if '"$' not in text else readable(text, codec) for text in texts]
    assert plain_values(found.cells) == cells
    assert isinstance(found.events, EventArrays)
    kinds = {(f"f{n}", kind_of(cell)) for n, cell in enumerate(cells)}
    assert set(field_kinds(found.events, found.cells)) == kinds


SPARSE = st.lists(
    st.sampled_from(list(CELLS)).flatmap(
        lambda kind: st.tuples(st.just(kind), st.none() | CELLS[kind])
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(deadline=None)
@given(SPARSE, st.lists(TEXTS | st.none(), min_size=12, max_size=12), st.booleans())
@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_lines_are_the_same_bytes(
    format: str, rows: list[tuple[Kind, str | None]], names: list[str | None], repeats: bool
) -> None:
    kinds: dict[str, Kind] = {'a "name"': "text", "time": "number", **{k: k for k in CELLS}}
    places, cells = [list(CELLS).index(kind) for kind, _ in rows], [cell for _, cell in rows]
    with tempfile.TemporaryDirectory() as folder:
        plain, fast = Path(folder) / "plain", Path(folder) / "fast"
        texts = names[: len(rows)]
        times = [n / 7 for n in range(len(rows))]
        with open_writer(plain, format, kinds) as file:
            head = file.made([Column(texts, plain=True), Column(times, plain=True)])
            file.write_sparse(head, places, cells)
            file.write_columns([*head, *sparse_columns(rows)])
        with open_arrow_writer(fast, format, kinds) as file:
            array = pyarrow.array(texts, pyarrow.string())
            first = array.dictionary_encode() if repeats else texts
            head = file.made([Column(first, plain=True), Column(times, plain=True)])
            file.write_sparse(head, places, pyarrow.array(cells, pyarrow.string()))
            file.write_columns([*head, *sparse_columns(rows)])
        assert (
            fast.with_suffix(f".{format}").read_bytes()
            == plain.with_suffix(f".{format}").read_bytes()
        )


def sparse_columns(rows: list[tuple[Kind, str | None]]) -> list[Column]:
    return [Column([cell if k == kind else None for k, cell in rows]) for kind in CELLS]
