"""Export: tables that agree with the log and with each other, in every format."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
import math
import os
import tempfile
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow.parquet
import pytest
from hypothesis import given

from tests.analysis.lives import STEPS, Live
from tests.examples import examples
from uproot_nb import UprootError
from uproot_nb.analysis.json_cells import common, in_json, kind_of, plain, readable
from uproot_nb.analysis.recording import Tables
from uproot_nb.analysis.typed_columns import beside
from uproot_nb.log.codec import Codec
from uproot_nb.log.state import State

Row = dict[str, Any]


def exported(live: Live, folder: Path, format: str, **options: Any) -> Path:
    return Tables(live.worlds.log, "market").export(folder / format, format, **options)


def names_in(folder: Path) -> set[str]:
    kinds = {".csv", ".jsonl", ".parquet"}
    found = (path for path in folder.rglob("*") if path.suffix in kinds)
    names = {path.relative_to(folder).with_suffix("").as_posix() for path in found}
    return names - {"codebook"}


def codebook(folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    told: dict[str, dict[str, dict[str, Any]]] = json.loads((folder / "codebook.json").read_text())
    return told


def lines(folder: Path, name: str) -> list[Row]:
    """Read a table of JSON lines; numbers keep all their digits."""
    text = (folder / f"{name}.jsonl").read_text("utf-8")
    return [json.loads(line, parse_float=Decimal) for line in text.split("\n")[:-1]]


def as_csv(value: Any, kind: str) -> str:
    """Return a value as the README says that CSV has it."""
    if value is None:
        return ""
    if kind == "number" and isinstance(value, str):
        return {"NaN": "NaN", "Infinity": "inf", "-Infinity": "-inf"}[value]
    if kind == "JSON":
        return json.dumps(_floats(value), sort_keys=True)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return str(value)


def _floats(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_floats(part) for part in value]
    if isinstance(value, dict):
        return {name: _floats(part) for name, part in value.items()}
    return value


def same(cell: str, value: Any, kind: str) -> bool:
    wanted = as_csv(value, kind)
    if not cell or not wanted:
        return cell == wanted
    if kind == "JSON":
        return json.dumps(json.loads(cell), sort_keys=True) == wanted
    if kind == "number" and not isinstance(value, str):
        return Decimal(cell) == Decimal(str(value))
    return cell == wanted


@examples(40)
@given(STEPS)
def test_every_format_says_the_same(steps: Any) -> None:
    with Live() as live, tempfile.TemporaryDirectory() as made:
        live.go(steps)
        folders = {f: exported(live, Path(made), f) for f in ("csv", "jsonl", "parquet")}
        tables = names_in(folders["csv"])
        assert tables == names_in(folders["jsonl"]) == names_in(folders["parquet"])
        told = codebook(folders["csv"])
        assert told == codebook(folders["jsonl"]) == codebook(folders["parquet"])
        assert set(told) == tables
        for name in tables:
            _compare(folders, name, {c: about["type"] for c, about in told[name].items()})


def _compare(folders: dict[str, Path], name: str, kinds: dict[str, str]) -> None:
    rows = lines(folders["jsonl"], name)
    with (folders["csv"] / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        assert next(reader) == list(kinds)
        told = list(reader)
    arrow = pyarrow.parquet.read_table(folders["parquet"] / f"{name}.parquet").to_pylist()
    assert len(told) == len(rows) == len(arrow)
    for row, cells, typed in zip(rows, told, arrow, strict=True):
        for (column, kind), cell in zip(kinds.items(), cells, strict=True):
            value = row.get(column)
            if column in row and value is None:  # it was set to None: not the same as no value
                assert (cell, typed[column]) == ("null", "null")
                continue
            assert same(cell, value, kind), (column, kind, cell, value)
            wanted = _typed(value, kind)
            both_nan = wanted != wanted and typed[column] != typed[column]
            assert both_nan or wanted == typed[column], (column, kind)


def _typed(value: Any, kind: str) -> Any:
    """Return a value as the README says that Parquet has it, JSON read back."""
    if value is None:
        return None
    if kind == "JSON":
        return _Json(value)
    if kind == "date":
        return dt.date.fromisoformat(value)
    if kind in ("datetime", "time"):
        return dt.datetime.fromisoformat(value)
    return float(value) if kind == "number" else value


class _Json:
    def __init__(self, value: Any) -> None:
        self.value = _floats(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and bool(json.loads(other) == self.value)

    __hash__ = None  # type: ignore[assignment]


OURS = {"session", "seq", "time", "timestamp", "player", "label", "bot", "group", "block", "round"}
"""The columns of `sparse/players` before those of fields."""


@examples(40)
@given(STEPS)
def test_the_wide_and_the_long_table_lead_to_the_latest_values(steps: Any) -> None:
    with Live() as live, tempfile.TemporaryDirectory() as made:
        live.go(steps)
        folder = exported(live, Path(made), "jsonl", filters=False)
        state = live.world.state
        for player in state.players:
            subject = f"player/{player}"
            values = {n: state.text(subject, n) for n in state.names(subject)}
            wanted = {
                n: json.loads(in_json(readable(t, Codec()) or "null")) for n, t in values.items()
            }
            assert _floats(dict(_replayed(folder, player))) == wanted
            told = _floats(_last_told(folder, player))
            columns = beside(OURS, wanted)
            there = {columns[n]: v for n, v in wanted.items() if v is not None}
            assert there.items() <= told.items()


def _replayed(folder: Path, player: str) -> Iterator[tuple[str, Any]]:
    """Replay ultralong: what any reader could do with it."""
    if not (folder / "ultralong/players.jsonl").exists():
        return
    fields: dict[str, Any] = {}
    for row in lines(folder, "ultralong/players"):
        if row["player"] != player:
            continue
        value, change, name = row.get("value"), row["change"], row["field"]
        if change == "set":
            fields[name] = value
        elif change == "del":
            del fields[name]
        else:
            assert value["path"] == []
            if change == "append":
                fields[name] += value["values"]
            else:
                for place, new in value["items"]:
                    fields[name][place] = new
    yield from fields.items()


def _last_told(folder: Path, player: str) -> Row:
    if not (folder / "sparse/players.jsonl").exists():
        return {}
    told: Row = {}
    for row in lines(folder, "sparse/players"):
        if row["player"] == player:
            told |= row
    return told


def test_the_checksums_hold_and_nothing_is_without_one(tmp_path: Path) -> None:
    with Live() as live:
        live.go([("set", 0, "bid", 1), ("entry", 1, "noon", 2)])
        folder = exported(live, tmp_path, "csv")
    sums = dict(reversed(line.split("  ")) for line in _text(folder, "SHA256SUMS").splitlines())
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(sums) == files - {"SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def _text(folder: Path, name: str) -> str:
    return (folder / name).read_text("utf-8")


def test_a_field_of_one_kind_is_never_a_column_of_another(tmp_path: Path) -> None:
    with Live() as live:
        live.go([("set", 0, "bid", 1), ("set", 3, "note", "x"), ("entry", 0, "noon", 2)])
        told = codebook(exported(live, tmp_path, "csv"))
    assert "note" not in told["latest/players"]
    assert "note" not in told["sparse/players"]
    assert "bid" not in told["latest/session"]
    assert not {"bid", "note"} & set(told["models/offers"])
    assert "ultralong/models" not in told


@pytest.mark.long
def test_the_bookkeeping_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    with Live() as live:
        live.go([("set", 0, "bid", 1), ("set", 0, "round_nested", [1])])
        assert "round_nested" not in codebook(exported(live, tmp_path, "csv"))["sparse/players"]
        kept = codebook(exported(live, tmp_path, "csv", filters=False))
        assert "round_nested" in kept["sparse/players"]
        mine = codebook(exported(live, tmp_path, "csv", filters=lambda kind, name: name != "bid"))
        assert "bid" not in mine["latest/players"]
        assert "bid" not in _text(tmp_path / "csv", "ultralong/players.csv")


def test_a_zip_holds_one_folder_that_is_called_like_it(tmp_path: Path) -> None:
    with Live() as live:
        live.go([("set", 0, "bid", 1)])
        path = Tables(live.worlds.log, "market").export(tmp_path / "market.zip")
    assert path == tmp_path / "market.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {name.split("/")[0] for name in archive.namelist()} == {"market"}
        assert "market/latest/players.csv" in archive.namelist()


@pytest.mark.long
def test_an_older_export_is_replaced_and_anything_else_is_left_alone(tmp_path: Path) -> None:
    with Live() as live:
        live.go([("set", 0, "bid", 1)])
        exported(live, tmp_path, "csv")
        live.go([("set", 0, "bid", 2)])
        assert "2" in _text(exported(live, tmp_path, "csv"), "latest/players.csv")
        (tmp_path / "thesis").mkdir()
        (tmp_path / "thesis/text").write_text("years of work")
        frames = Tables(live.worlds.log, "market")
        with pytest.raises(UprootError, match="no export"):
            frames.export(tmp_path / "thesis")
        assert (tmp_path / "thesis/text").read_text() == "years of work"
        with pytest.raises(FileNotFoundError):
            frames.export(tmp_path / "nowhere" / "x.zip")
        with pytest.raises(UprootError, match="Choose one of csv"):
            frames.export(tmp_path / "x", format="xls")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["csv", "thesis"]


@pytest.mark.parametrize(
    "files",
    [
        {"a/thesis": "years"}, {"a/README.txt": "mine", "a/SHA256SUMS": ""}, {},
        {"a/README.txt": "exported by uproot_nb 1", "b/SHA256SUMS": ""},
    ],
)  # fmt: skip
def test_a_zip_that_is_no_export_is_left_alone(tmp_path: Path, files: dict[str, str]) -> None:
    target = tmp_path / "mine.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    before = target.read_bytes()
    with Live() as live, pytest.raises(UprootError, match="is no export"):
        Tables(live.worlds.log, "market").export(target)
    assert target.read_bytes() == before


def test_a_file_or_folder_that_only_looks_like_an_export_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.zip").write_text("no archive")
    (tmp_path / "file").write_text("neither")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/SHA256SUMS").write_text("sums of my own")
    with Live() as live:
        for name in ("mine.zip", "file", "mine"):
            with pytest.raises(UprootError, match="is no export"):
                Tables(live.worlds.log, "market").export(tmp_path / name)
    assert (tmp_path / "mine.zip").read_text() == "no archive"
    assert (tmp_path / "mine/SHA256SUMS").read_text() == "sums of my own"


@pytest.mark.long
def test_a_packed_export_is_replaced_also_under_another_name(tmp_path: Path) -> None:
    with Live() as live:
        tables = Tables(live.worlds.log, "market")
        tables.export(tmp_path / "one.zip").rename(tmp_path / "other.zip")
        path = tables.export(tmp_path / "other.zip")
    with zipfile.ZipFile(path) as archive:
        assert "other/README.txt" in archive.namelist()


def test_a_zip_may_be_written_in_capitals_and_a_home_as_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with Live() as live:
        path = Tables(live.worlds.log, "market").export("~/UP.ZIP")
    assert path == tmp_path / "UP.ZIP"
    assert zipfile.is_zipfile(path)


@pytest.mark.long
def test_numbers_that_json_lacks_are_told_in_every_format(tmp_path: Path) -> None:
    with Live() as live:
        numbers = [math.inf, -math.inf, math.nan]
        for number, player in zip(numbers, live.world.session.players, strict=True):
            player.bid, player.bids = number, [number, None]
        live.world.journal.commit()
        folders = {f: exported(live, tmp_path, f) for f in ("csv", "jsonl", "parquet")}
    wide, long = "latest/players", "ultralong/players"
    table = pandas.read_csv(folders["csv"] / f"{wide}.csv")
    assert str(table["bid"].tolist()) == "[inf, -inf, nan]"
    with (folders["csv"] / f"{wide}.csv").open(newline="") as file:
        assert [row["bid"] for row in csv.DictReader(file)] == ["inf", "-inf", "NaN"]
    names = ["Infinity", "-Infinity", "NaN"]
    assert [row["bid"] for row in lines(folders["jsonl"], wide)] == names
    assert [row["bids"] for row in lines(folders["jsonl"], wide)] == [[n, None] for n in names]
    values = [row["value"] for row in lines(folders["jsonl"], long) if row["field"] == "bid"]
    assert values == names
    arrow = pyarrow.parquet.read_table(folders["parquet"] / f"{wide}.parquet")
    assert str(arrow["bid"].type) == "double"
    assert str(arrow["bid"].to_pylist()) == "[inf, -inf, nan]"
    assert json.loads(arrow["bids"].to_pylist()[2]) == ["NaN", None]
    for folder in folders.values():
        assert '"Infinity"' in _text(folder, "README.txt")


def test_an_export_that_fails_leaves_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Live() as live:
        live.go([("set", 0, "bid", 1)])
        folder = exported(live, tmp_path, "csv")
        before = _text(folder, "SHA256SUMS")

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(State, "names", full)
        with pytest.raises(OSError, match="No space"):
            exported(live, tmp_path, "csv")
    assert _text(folder, "SHA256SUMS") == before
    assert os.listdir(tmp_path) == ["csv"]


@pytest.mark.parametrize(
    ("value", "cell", "kind"),
    [
        (Decimal("12.50"), "12.50", "number"), (7, "7", "integer"), (2**70, str(2**70), "json"),
        (True, "true", "boolean"), (None, None, "empty"), ("a", '"a"', "text"),
        ({3}, "[3]", "json"), (b"ab", '"YWI="', "text"), (float("nan"), "NaN", "number"),
        (Decimal("-Infinity"), "-Infinity", "number"), (np.float64("inf"), "Infinity", "number"),
        ([1, {"a": float("nan")}, None], '[1,{"a":"NaN"},null]', "json"),
        (np.array([1.5, np.inf]), '[1.5,"Infinity"]', "json"), ([None], "[null]", "json"),
        ({float("-inf")}, '["-Infinity"]', "json"),
        ([2**70, float("nan")], f'[{2**70},"NaN"]', "json"),
        ((1, 2), "[1,2]", "json"), ({(1, 2): 3}, '{"$', "json"),
    ],
)  # fmt: skip
def test_a_value_is_written_for_any_program(value: Any, cell: str | None, kind: str) -> None:
    codec = Codec()
    made = readable(codec.encode(value), codec)
    assert made == cell or (cell == '{"$' and str(made).startswith(cell))
    assert kind_of(made) == kind
    assert plain(value, "") == made or kind == "json"


def test_whole_numbers_and_others_make_numbers_and_all_else_makes_json() -> None:
    assert common(["integer", "empty", "number"]) == "number"
    assert common(["integer", "text"]) == "json"
    assert common(["boolean", "integer"]) == "json"
    assert common([]) == "empty"


def test_texts_of_participants_stay_texts(tmp_path: Path) -> None:
    nasty = 'a,"b"\r\n\\c\tß=1+1 \x1b</script>'
    with Live() as live:
        live.go([("set", 0, "note", nasty)])
        folder = exported(live, tmp_path, "csv")
    with (folder / "latest/players.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["note"] == nasty
