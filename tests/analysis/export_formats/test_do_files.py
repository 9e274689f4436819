"""read.do: run by an interpreter of the commands that it uses, it gives the session's data."""

from __future__ import annotations

import datetime as dt
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.analysis.export_formats.do_files import Frame, NotStata, run
from tests.analysis.export_formats.reading import cells, codebook, exported
from tests.analysis.lives import STEPS, Live
from uproot_nb import IntegerField, RadioField, add_raw_entry, create_model
from uproot_nb.analysis.export_formats.described_tables import DescribedTables
from uproot_nb.analysis.export_formats.legal_names import STATA, legal_names
from uproot_nb.analysis.export_formats.stata_script import stata_script
from uproot_nb.experiment.field_descriptions import describe_fields
from uproot_nb.session.steps import Cause

DAY_ZERO = dt.datetime(1960, 1, 1)
ODD = [
    '"\'', '`"', "`1'", "$HOME", "\\$x", "a // b", "http://x", "/* no", "//", "*", "\\\\server\\x",
    "two\nlines", 'say "hi"', "`", "é☃😀", " ", "}", "{", "/", "///",
]  # fmt: skip
LABELS = st.text(max_size=30) | st.sampled_from(ODD)
NAMES = st.text(max_size=40) | st.sampled_from(
    [*ODD, "with", "_n", "str8", "v1", "v2", "_column_0", "_column_1", "x" * 40, "x" * 41, "if"]
)


@pytest.mark.long
@settings(max_examples=6, deadline=None)
@given(STEPS, st.booleans())
def test_stata_has_every_value_in_its_place(steps: Any, excel: bool) -> None:
    with Live() as live, tempfile.TemporaryDirectory() as made:
        live.go(steps)
        truth = cells(exported(live, Path(made), "jsonl"))
        folder = exported(live, Path(made), **({"excel": True} if excel else {}))
        _compare(folder, truth)


def _compare(folder: Path, truth: Any) -> None:
    described, frames = codebook(folder), run(folder / "read.do")
    names = legal_names((name.replace("/", "_") for name in described), STATA)
    assert list(frames) == list(names.values())
    for (table, columns), frame in zip(described.items(), frames.values(), strict=True):
        legal = legal_names(columns, STATA)
        assert list(frame.variables) == list(legal.values())
        for column, about in columns.items():
            values = frame.variables[legal[column]]
            wanted = [_in_stata(value, about["type"]) for value in truth[table][column]]
            if about["type"] == "integer" and any(abs(one or 0) >= 10**15 for one in wanted):
                wanted = ["" if one is None else str(one) for one in wanted]
            found = [_as_value(value, about["type"]) for value in values]
            assert found == wanted, (table, column, about["type"])


def _in_stata(value: Any, type: str) -> Any:
    """Return what a value is in Stata, None for a missing one."""
    if type == "text":
        return value or ""
    if type == "JSON":
        return value
    if value is None or type == "never had a value":
        return None
    if type == "number":
        number = float(value)
        return number if abs(number) < 8.98e307 else None
    if type in ("date", "datetime", "time"):
        return _since_1960(value, type)
    return value


def _since_1960(text: str, type: str) -> Any:
    moment = dt.datetime.fromisoformat(text.removesuffix("Z")[:23])
    if moment.year < 100:
        return text
    ended = moment - DAY_ZERO
    return ended.days if type == "date" else ended / dt.timedelta(milliseconds=1)


def _as_value(value: Any, type: str) -> Any:
    if type == "JSON":
        return json.loads(value) if value else None
    if type == "text":
        return value
    return None if value == "" or value != value else value


# ---- labels and names ---------------------------------------------------------------------------


def _frame(entries: dict[str, Any], cell: str = "1") -> Frame:
    """Return what a table of one row becomes, given its codebook."""
    about = DescribedTables("s", "1", {"latest/players": entries}, "csv")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "latest").mkdir()
        row = ",".join([cell] * len(entries))
        (folder / "latest/players.csv").write_text(f"{row}\r\n{row}\r\n", "utf-8")
        (folder / "read.do").write_text(stata_script(about), "utf-8")
        return run(folder / "read.do")["latest_players"]


@settings(deadline=None)
@given(LABELS, LABELS, LABELS)
@example("/" * 90, "*/" * 100, "\\" * 90)
def test_whatever_a_label_says_stata_shows_it(meaning: str, yes: str, no: str) -> None:
    choices = {"1": yes, "0": no}
    frame = _frame({"bid": {"meaning": meaning, "type": "integer", "unit": "", "choices": choices}})
    assert frame.variables == {"bid": [1]}
    assert _shows(frame.labels.get("bid", ""), " ".join(meaning.split()))
    wanted = {value: text for value, text in ((1, yes), (0, no)) if text != str(value)}
    shown = frame.value_labels.get("bid", {})
    assert shown.keys() == wanted.keys()
    assert all(_shows(shown[value], text) for value, text in wanted.items())


def _shows(label: str, text: str) -> bool:
    if label.endswith("…") and len(label) in (80, 200):
        return _plain(text).startswith(_plain(label))
    return _plain(text) == _plain(label)


def _plain(text: str) -> str:
    """Return what is left of a label of signs that mean something to Stata, and of blanks."""
    return re.sub(r"""[\s"'`$＄\\/…]""", "", "".join(c for c in text if c.isprintable()))


@settings(deadline=None)
@given(st.lists(NAMES, unique=True, min_size=1, max_size=6))
@example(["_column_1", "_column_0", "v2", "v1"])
@example(["x" * 40, "x" * 41, "x" * 32])
def test_whatever_the_columns_are_called_each_has_its_own_values(names: list[str]) -> None:
    entries = {name: {"meaning": "", "type": "text", "unit": ""} for name in names}
    about = DescribedTables("s", "1", {"t": entries}, "csv")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        row = ",".join(map(str, range(len(names))))
        (folder / "t.csv").write_text(f"{row}\r\n{row}\r\n", "utf-8")
        (folder / "read.do").write_text(stata_script(about), "utf-8")
        frame = run(folder / "read.do")["t"]
    legal = legal_names(names, STATA)
    assert frame.variables == {legal[name]: [str(n)] for n, name in enumerate(names)}


@pytest.mark.long
def test_labels_of_questions_choices_and_truth_are_there(tmp_path: Path) -> None:
    fields = {
        "gender": RadioField(label="Your gender", choices=[(1, "Woman"), (2, "Man")]),
        "age": IntegerField(label='Your "age"', addon_end="$"),
    }
    with Live() as live:
        with live.world.lock:
            text = live.world.codec.encode({"page": "P", "fields": describe_fields(fields, "P")})
            live.world.journal.write_for(Cause("", "P", "", ""), "code", "session", "P", text)
            for player in live.world.session.players:
                player.gender, player.age, player.is_fast = 1, 30, True
                player.born = dt.date(1990, 2, 3)
        folder = exported(live, tmp_path)
    players = run(folder / "read.do")["latest_players"]
    assert players.labels["gender"] == "Your gender"
    assert players.labels["age"] == "Your 'age' (＄)"
    assert players.value_labels[players.labelled["gender"]] == {1: "Woman", 2: "Man"}
    assert players.value_labels[players.labelled["is_fast"]] == {0: "FALSE", 1: "TRUE"}
    assert players.formats["born"] == "%td"
    assert players.variables["born"] == [(dt.date(1990, 2, 3) - DAY_ZERO.date()).days] * 3


@pytest.mark.parametrize("long", ["9007199254740993", "-1152921504606846977"])
def test_what_stata_would_round_or_lacks_stays_a_text(long: str) -> None:
    entry = {"meaning": "", "unit": ""}
    assert _frame({"n": {**entry, "type": "integer"}}, long).variables == {"n": [long]}
    for kind, old in (("date", "0099-12-31"), ("datetime", "0099-12-31T10:00:00")):
        assert _frame({"d": {**entry, "type": kind}}, old).variables == {"d": [old]}


@pytest.mark.parametrize(
    "line", ['display "x"', 'label variable bid "`x"', "label variable bid $x", "frame create 2x",
             "shell rm", "generate byte x = nothing(1)", 'use "a" /* b'],
)  # fmt: skip
def test_the_interpreter_refuses_what_it_does_not_know(tmp_path: Path, line: str) -> None:
    (tmp_path / "read.do").write_text(line, "utf-8")
    with pytest.raises((NotStata, KeyError)):
        run(tmp_path / "read.do")


@pytest.mark.long
def test_notes_of_hostile_participants_are_data(tmp_path: Path) -> None:
    with Live() as live:
        model = create_model(live.world.session, "notes")
        for text in [*ODD, '=cmd|"/c calc"!A1', "'=1", "007", "NA"]:
            add_raw_entry(model, {"text": text, text: 1})
        truth = cells(exported(live, tmp_path, "jsonl"))
        _compare(exported(live, tmp_path), truth)
        _compare(exported(live, tmp_path, excel=True), truth)


@pytest.mark.long
def test_a_table_with_many_columns_is_made_room_for() -> None:
    entry = {"meaning": "", "type": "integer", "unit": ""}
    frame = _frame({f"bid_{number}": entry for number in range(2_100)})
    assert len(frame.variables) == 2_100
    assert frame.variables["bid_2099"] == [1]
