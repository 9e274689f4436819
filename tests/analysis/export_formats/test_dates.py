"""Dates: those of authors are dates in every format, and what reads it gives them back."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from pathlib import Path
from typing import Any

import openpyxl
import pandas
import pyarrow.parquet
import pyreadstat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analysis.export_formats.reading import FORMATS, codebook, exported, loaded
from tests.analysis.lives import ZONES, Live
from uproot_nb import add_raw_entry, create_model, plain_table, save_table
from uproot_nb.analysis.json_cells import common, kind_of_logged, kind_of_value, plain, readable
from uproot_nb.analysis.recording import Tables
from uproot_nb.log.codec import Codec

DAY = dt.date(2026, 3, 29)
CLOCK = dt.datetime(2026, 3, 29, 2, 30, 0, 125_000)
MOMENT = dt.datetime(2026, 3, 29, 2, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))
IN_UTC = dt.datetime(2026, 3, 29, 0, 30, tzinfo=dt.UTC)
LAST = dt.datetime(2261, 12, 31)
"""An older pandas has no later date in files of Stata."""


def _to_the_millisecond(moment: dt.datetime) -> dt.datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


WHEN = st.tuples(
    st.none() | st.dates(dt.date(1900, 1, 1), LAST.date()),
    st.none() | st.datetimes(dt.datetime(1900, 1, 1), LAST).map(_to_the_millisecond),
    st.none() | st.datetimes(max_value=LAST, timezones=ZONES).map(_to_the_millisecond),
)


def _born(live: Live) -> None:
    """Give the first player a date, a clock and a moment, and the second nothing."""
    with live.world.lock:
        ann = live.world.session.players[0]
        ann.born, ann.alarm, ann.met, ann.note = DAY, CLOCK, MOMENT, "2026-03-29"
        for _ in range(2):
            ann.round = ann.get("round", 0) + 1
            ann.due = DAY


@pytest.fixture
def live() -> Any:
    with Live() as live:
        _born(live)
        yield live


@pytest.mark.long
@pytest.mark.parametrize("format", FORMATS)
def test_the_codebook_has_their_types_and_the_script_reads_them_so(
    live: Live, tmp_path: Path, format: str
) -> None:
    folder = exported(live, tmp_path, format)
    entries, tables = codebook(folder), loaded(folder)
    for name in ("latest/players", "sparse/players", "wide/players", "rounds/players"):
        types = {
            column: entries[name][column]["type"] for column in ("born", "alarm", "met", "note")
        }
        assert types == {"born": "date", "alarm": "datetime", "met": "time", "note": "text"}
        assert entries[name]["met"]["unit"] == "UTC"
        row = tables[name].ffill().iloc[-3 if name in ("latest/players", "wide/players") else -1]
        found = [row["born"], row["alarm"], row["met"]]
        assert [one.to_pydatetime() for one in found] == [
            dt.datetime.combine(DAY, dt.time()), CLOCK, IN_UTC,
        ]  # fmt: skip
    assert entries["wide/players"]["due_1"]["type"] == "date"
    package = json.loads((folder / "datapackage.json").read_text("utf-8"))
    [players] = [one for one in package["resources"] if one["title"] == "latest/players"]
    types = {field["name"]: field["type"] for field in players["schema"]["fields"]}
    assert (types["born"], types["alarm"], types["met"]) == ("date", "datetime", "datetime")


@pytest.mark.long
def test_each_program_has_its_own_dates(live: Live, tmp_path: Path) -> None:
    _, about = pyreadstat.read_dta(str(exported(live, tmp_path, "dta") / "latest/players.dta"))
    formats = about.original_variable_types
    assert (formats["born"], formats["alarm"], formats["met"]) == ("%td", "%tc", "%tc")
    _, about = pyreadstat.read_sav(str(exported(live, tmp_path, "sav") / "latest/players.sav"))
    formats = about.original_variable_types
    assert (formats["born"], formats["alarm"]) == ("DATE11", "DATETIME23.3")
    book = openpyxl.load_workbook(exported(live, tmp_path, "xlsx") / "latest/players.xlsx")
    names, first = (list(row) for row in book["data"].iter_rows(max_row=2))
    cells = dict(zip([one.value for one in names], first, strict=True))
    assert (cells["born"].value, cells["born"].number_format) == (
        dt.datetime(2026, 3, 29), "yyyy-mm-dd",
    )  # fmt: skip
    assert cells["alarm"].value == CLOCK
    table = pyarrow.parquet.read_table(
        exported(live, tmp_path, "parquet") / "latest/players.parquet"
    )
    assert [str(table.schema.field(name).type) for name in ("born", "alarm", "met")] == [
        "date32[day]", "timestamp[us]", "timestamp[us, tz=UTC]",
    ]  # fmt: skip
    assert table["met"][0].as_py() == IN_UTC


@pytest.mark.long
@settings(max_examples=3, deadline=None)
@given(st.lists(WHEN, min_size=1, max_size=9))
def test_whatever_the_dates_every_format_gives_them_back(rows: list[Any]) -> None:
    with Live() as live, tempfile.TemporaryDirectory() as made:
        model = create_model(live.world.session, "visits")
        for row in rows:
            add_raw_entry(model, dict(zip("abc", row, strict=True)))
        for format in FORMATS:
            table = loaded(exported(live, Path(made), format))["models/visits"]
            for column, values in zip("abc", zip(*rows, strict=True), strict=True):
                found = [_gone_or_exact(one) for one in table[column].tolist()]
                assert found == list(map(_expected, values)), (format, column)


def _gone_or_exact(found: Any) -> Any:
    if found is None or found is pandas.NaT or found is pandas.NA:
        return None
    return found.to_pydatetime() if isinstance(found, pandas.Timestamp) else found


def _expected(value: Any) -> Any:
    if value is None or isinstance(value, dt.datetime):
        return value
    return dt.datetime.combine(value, dt.time())


OLD = {"dta": dt.date(99, 12, 31), "sav": dt.date(1582, 10, 14), "xlsx": dt.date(1899, 12, 31)}


@pytest.mark.long
@pytest.mark.parametrize("format", OLD)
def test_dates_before_a_programs_calendar_are_texts_and_the_codebook_says_so(
    tmp_path: Path, format: str
) -> None:
    with Live() as live:
        model = create_model(live.world.session, "coins")
        for day in (OLD[format], DAY):
            add_raw_entry(model, {"struck": day})
        folder = exported(live, tmp_path, format)
    entry = codebook(folder)["models/coins"]["struck"]
    assert "stored as text" in entry["note"]
    assert "dates before" in entry["note"]
    found = loaded(folder)["models/coins"]["struck"].tolist()
    assert [one.to_pydatetime().date() for one in found] == [OLD[format], DAY]


CODEC = Codec()


@pytest.mark.parametrize(
    ("value", "cell", "kind"),
    [
        (DAY, '"2026-03-29"', "date"),
        (CLOCK, '"2026-03-29T02:30:00.125000"', "datetime"),
        (CLOCK.replace(fold=1), '"2026-03-29T02:30:00.125000"', "datetime"),
        (MOMENT, '"2026-03-29T00:30:00Z"', "moment"),
        (pandas.Timestamp(CLOCK), '"2026-03-29T02:30:00.125000"', "datetime"),
        (pandas.Timestamp(MOMENT), '"2026-03-29T00:30:00Z"', "moment"),
        (pandas.Timestamp(1, unit="ns"), '"1970-01-01T00:00:00.000000001"', "text"),
        (dt.time(2, 30), '"02:30:00"', "text"),
        ("2026-03-29", '"2026-03-29"', "text"),
        ({"$date": "2026-03-29"}, '{"$date":"2026-03-29"}', "json"),
        (dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-1))),
         '"9999-12-31T23:59:59.999999-01:00"', "text"),
    ],
)  # fmt: skip
def test_a_column_is_of_dates_only_if_its_values_were(value: Any, cell: str, kind: str) -> None:
    text = CODEC.encode(value)
    made = readable(text, CODEC)
    assert made == plain(value) == cell
    assert kind_of_logged(text, made) == kind_of_value(value, made) == kind


def test_dates_of_several_kinds_and_dates_among_texts_are_texts() -> None:
    assert common(["date", "empty", "date"]) == "date"
    assert common(["date", "datetime"]) == common(["moment", "text"]) == "text"
    assert common(["date", "integer"]) == "json"


@pytest.mark.long
def test_one_table_saved_or_made_plain_has_dates_as_well(live: Live, tmp_path: Path) -> None:
    live.world.journal.commit()
    state = Tables(live.worlds.log, "market").state
    made = plain_table(state)
    assert [str(made[name].dtype) for name in ("born", "alarm", "met")] == ["datetime64[us]"] * 3
    assert made["met"][0] == pandas.Timestamp("2026-03-29 00:30")
    _, about = pyreadstat.read_dta(str(save_table(state, tmp_path / "state.dta")))
    assert about.original_variable_types["born"] == "%td"
    numbers = pandas.DataFrame({"n": pandas.Categorical([1, 2, 1])})
    assert pandas.read_csv(save_table(numbers, tmp_path / "n.csv"))["n"].tolist() == [1, 2, 1]
