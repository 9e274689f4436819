"""Formats: every file is read back with the values and types that the log has."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import openpyxl
import pandas
import pyreadstat
import pytest
from hypothesis import given, settings

from tests.analysis.export_formats.reading import (
    FORMATS,
    WITH_LABELS,
    cells,
    codebook,
    expected,
    exported,
    loaded,
    same,
)
from tests.analysis.lives import STEPS, Live, Offer
from uproot_nb import IntegerField, RadioField, UprootError, add_entry, add_raw_entry, create_model
from uproot_nb.analysis.export_formats.excel import ExcelTable
from uproot_nb.analysis.export_formats.stata import StataTable
from uproot_nb.experiment.field_descriptions import describe_fields
from uproot_nb.session.steps import Cause

DTYPES = {
    "boolean": {"boolean"}, "integer": {"Int64"}, "number": {"float64"}, "text": {"string"},
    "time": {"datetime64[us, UTC]"}, "date": {"datetime64[us]"}, "datetime": {"datetime64[us]"},
}  # fmt: skip
HOSTILE = [
    "=1+1", "@SUM(A1)", "-5", "+49 30", "\t=1", "'=1", "''", "007", "NA", "1e3", "TRUE", "\r=x",
    "＝1", 'a,"b"\r\nc', "nan", "inf", "_x0041_", " spaces before", "null", "é☃😀",
]  # fmt: skip


@settings(max_examples=5, deadline=None)
@given(STEPS)
@pytest.mark.slow
def test_the_script_reads_back_what_is_in_every_format(steps: Any) -> None:
    with Live() as live, tempfile.TemporaryDirectory() as made:
        live.go(steps)
        truth = cells(exported(live, Path(made), "jsonl"))
        for format in FORMATS:
            _compare(exported(live, Path(made), format), truth, format)
        _compare(exported(live, Path(made), excel=True), truth, "csv")


def _compare(folder: Path, truth: Any, format: str) -> None:
    described, tables = codebook(folder), loaded(folder)
    assert set(tables) == set(truth)
    for name, columns in described.items():
        table = tables[name]
        assert list(table.columns) == list(columns) == list(truth[name])
        for column, about in columns.items():
            wanted = DTYPES.get(about["type"], {"object"})
            assert str(table[column].dtype) in wanted, (format, name, column)
            values = [expected(v, about["type"], format) for v in truth[name][column]]
            found = table[column].tolist()
            assert len(found) == len(values)
            for one, value in zip(found, values, strict=True):
                assert same(one, value, about["type"], format), (format, name, column, one, value)


def _hostile(live: Live) -> None:
    model = create_model(live.world.session, "notes")
    for text in HOSTILE:
        add_raw_entry(model, {"text": text, "=evil": text})


@pytest.mark.long
@pytest.mark.parametrize("format", [*FORMATS, "excel"])
def test_texts_survive_that_look_like_something_else(tmp_path: Path, format: str) -> None:
    options: Any = {"excel": True} if format == "excel" else {}
    with Live() as live:
        _hostile(live)
        folder = exported(live, tmp_path, "csv" if options else format, **options)
    notes = loaded(folder)["models/notes"]
    assert notes["text"].tolist() == HOSTILE
    assert notes["=evil"].tolist() == HOSTILE


@pytest.mark.long
def test_no_cell_of_a_csv_for_excel_is_a_formula(tmp_path: Path) -> None:
    with Live() as live:
        _hostile(live)
        folder = exported(live, tmp_path, excel=True)
    for path in folder.rglob("*.csv"):
        raw = path.read_bytes()
        assert raw.startswith(b"\xef\xbb\xbf"), path
        table = pandas.read_csv(path, header=None, dtype=str, keep_default_na=False)
        for cell in table.to_numpy().ravel():
            assert cell[:1] not in "=+@\t\r＝" or not cell, (path, cell)
            assert cell[:1] != "-" or cell[1:].replace(".", "").isdecimal(), (path, cell)
    with pytest.raises(UprootError, match='excel=True is for format="csv"'):
        exported(live, tmp_path, "dta", excel=True)


@pytest.mark.long
def test_a_workbook_has_texts_as_texts_and_times_as_times(tmp_path: Path) -> None:
    with Live() as live:
        _hostile(live)
        live.world.session.players[0].is_fast = True
        folder = exported(live, tmp_path, "xlsx")
    book = openpyxl.load_workbook(folder / "models/notes.xlsx")
    assert book.sheetnames == ["data", "codebook"]
    sheet = book["data"]
    heads = {str(cell.value): place for place, cell in enumerate(sheet[1])}
    for row in sheet.iter_rows(min_row=2):
        text, time = row[heads["text"]], row[heads["timestamp"]]
        assert (text.data_type, text.number_format) in (("s", "@"), ("inlineStr", "@"))
        assert time.is_date
        assert row[heads["time"]].data_type == "n"
    meanings = {row[0].value: row[4].value for row in book["codebook"].iter_rows(min_row=2)}
    assert meanings["type"] == "the entry's class"
    latest = openpyxl.load_workbook(folder / "latest/players.xlsx")["data"]
    assert [c.value for c in latest[2]][[c.value for c in latest[1]].index("is_fast")] is True


@pytest.mark.long
def test_a_table_longer_than_a_sheet_goes_on_in_another(tmp_path: Path) -> None:
    path = tmp_path / "long.xlsx"
    with ExcelTable(path, {"n": "integer"}, _entries("n", "integer"), most_rows=3) as file:
        file.write([str(number)] for number in range(5))
    sheets = pandas.read_excel(path, sheet_name=None)
    assert list(sheets) == ["data", "data 2", "data 3", "codebook"]
    assert [n for name in list(sheets)[:3] for n in sheets[name]["n"]] == list(range(5))


@pytest.mark.long
def test_a_table_too_wide_for_stata_is_refused_with_a_way_out(tmp_path: Path) -> None:
    columns: Any = {f"c{number}": "integer" for number in range(32_768)}
    with pytest.raises(UprootError, match=r'Stata can hold 32,767(.*)\n.* export as format="csv"'):
        StataTable(tmp_path / "wide.dta", columns, {})


def test_a_table_too_wide_for_a_sheet_is_refused_with_a_way_out(tmp_path: Path) -> None:
    columns: Any = {f"c{number}": "integer" for number in range(16_385)}
    with pytest.raises(UprootError, match='export as format="csv"'):
        ExcelTable(tmp_path / "wide.xlsx", columns, {})


def _entries(column: str, type: str) -> Any:
    return {column: {"meaning": "", "type": type, "unit": ""}}


# ---- labels and names ---------------------------------------------------------------------------


def _with_labels(live: Live) -> None:
    """Log what two questions ask, and what two players answer."""
    fields = {
        "gender": RadioField(label="Your gender", choices=[(1, "Woman"), (2, "Man")]),
        "age": IntegerField(label="Your age", addon_end="years"),
        "x" * 40: RadioField(label="Is it long? " * 10, choices=[(True, "Yes"), (False, "No")]),
    }
    with live.world.lock:
        text = live.world.codec.encode({"page": "P", "fields": describe_fields(fields, "P")})
        live.world.journal.write_for(Cause("", "P", "", ""), "code", "session", "P", text)
        for gender, player in enumerate(live.world.session.players[:2], 1):
            player.gender, player.age = gender, 30 + gender
            setattr(player, "x" * 40, gender == 1)


def _read(path: Path) -> Any:
    read = pyreadstat.read_dta if path.suffix == ".dta" else pyreadstat.read_sav
    return read(str(path))


@pytest.mark.long
@pytest.mark.parametrize("format", WITH_LABELS)
def test_variables_and_values_have_labels(tmp_path: Path, format: str) -> None:
    with Live() as live:
        _with_labels(live)
        folder = exported(live, tmp_path, format)
    frame, about = _read(folder / f"latest/players.{format}")
    labels = about.column_names_to_labels
    assert labels["gender"] == "Your gender"
    assert labels["age"] == "Your age (years)"
    assert about.variable_value_labels["gender"] == {1: "Woman", 2: "Man"}
    long = ("x" * 40)[: 32 if format == "dta" else 40]
    assert about.variable_value_labels[long] == {0: "No", 1: "Yes"}
    assert labels[long].startswith("Is it long? ")
    assert frame[long].tolist()[:2] == [1, 0]
    assert about.variable_value_labels["online"] == {0: "FALSE", 1: "TRUE"}


NAMES = {
    "dta": {"with": "with_", "str8": "str8_", "2nd": "v2nd", "a b": "a_b_2", "a_b": "a_b",
            "été": "été", "": "v", "y" * 33: "y" * 30 + "_2", "y" * 32: "y" * 32, "Bid": "Bid",
            "bid": "bid", "_n": "_n_", "if": "if_"},
    "sav": {"with": "with_", "AND": "AND_", "2nd": "v2nd", "a b": "a_b_2", "a_b": "a_b",
            "été": "été", "": "v", "é" * 40: "é" * 32, "Bid": "Bid", "bid": "bid_2", "_n": "v_n"},
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("format", WITH_LABELS)
def test_illegal_names_are_replaced_and_listed_in_the_codebook(tmp_path: Path, format: str) -> None:
    wanted = NAMES[format]
    with Live() as live:
        add_raw_entry(create_model(live.world.session, "notes"), dict.fromkeys(wanted, 1))
        folder = exported(live, tmp_path, format)
    frame, _ = _read(folder / f"models/notes.{format}")
    assert set(wanted.values()) <= set(frame.columns)
    entries = codebook(folder)["models/notes"]
    renamed = {column: e["name"] for column, e in entries.items() if "name" in e}
    assert renamed == {c: n for c, n in wanted.items() if c != n}
    table = pandas.read_csv(folder / "codebook.csv", keep_default_na=False, dtype=str)
    rows = table[(table["table"] == "models/notes") & (table["name"] != "")]
    assert dict(zip(rows["column"], rows["name"], strict=True)) == renamed
    assert list(loaded(folder)["models/notes"].columns) == list(entries)


@pytest.mark.long
@pytest.mark.parametrize("format", WITH_LABELS)
def test_what_a_format_cannot_hold_is_said_in_the_codebook(tmp_path: Path, format: str) -> None:
    with Live() as live:
        model = create_model(live.world.session, "notes")
        add_raw_entry(model, {"big": 2**60 + 1, "odd": float("inf"), "long": "ß" * 20_000})
        folder = exported(live, tmp_path, format)
    notes = {name: entry.get("note") for name, entry in codebook(folder)["models/notes"].items()}
    assert "stored as text" in notes["big"]
    assert "not-a-number or infinity" in notes["odd"]
    assert (notes["long"] is None) == (format == "dta")
    [row] = loaded(folder)["models/notes"].to_dict("records")
    assert row["big"] == 2**60 + 1
    assert len(row["long"].encode()) == (40_000 if format == "dta" else 32_767)


@pytest.mark.long
def test_stata_has_times_and_the_smallest_types(tmp_path: Path) -> None:
    with Live() as live:
        _with_labels(live)
        ann = live.world.session.players[0]
        add_entry(create_model(live.world.session, "offers"), ann, Offer, price=2**40, time="007")
        folder = exported(live, tmp_path, "dta")
    _, about = _read(folder / "models/offers.dta")
    assert about.original_variable_types["timestamp"] == "%tc"
    assert about.readstat_variable_types["price"] == "double"
    assert about.readstat_variable_types["time_"] == "string"
    _, about = _read(folder / "latest/players.dta")
    assert about.readstat_variable_types["online"] in ("int8", "int32")


@pytest.mark.long
def test_spss_shows_times_to_the_millisecond(tmp_path: Path) -> None:
    with Live() as live:
        live.go([("set", 0, "bid", 1)])
        folder = exported(live, tmp_path, "sav")
    frame, about = _read(folder / "ultralong/players.sav")
    assert about.original_variable_types["timestamp"] == "DATETIME23.3"
    raw, _ = pyreadstat.read_sav(
        str(folder / "ultralong/players.sav"), disable_datetime_conversion=True
    )
    assert raw["timestamp"][0] - 12_219_379_200 == pytest.approx(frame["time"][0], abs=0.002)


@pytest.mark.parametrize(("format", "package"), [("sav", "pyreadstat"), ("xlsx", "xlsxwriter")])
def test_a_missing_package_is_named_with_its_extra(
    tmp_path: Path, format: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with Live() as live, pytest.raises(UprootError, match=r"pip install \"uproot_nb\["):
        exported(live, tmp_path, format)
    assert list(tmp_path.iterdir()) == []
