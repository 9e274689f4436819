"""Databases and dumps of the framework uproot, which `open_log` reads as ours."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sqlite3
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.analysis.framework.described import described
from tests.interop.framework import install_framework
from uproot_nb import UprootError, open_log
from uproot_nb.errors import CorruptLog, NotALog
from uproot_nb.study.recording import Recording

HERE = Path(__file__).parent
FILES = ("uproot.sqlite3", "uproot.dump")
SESSIONS = ("pilot", "main")
NOT_HELD = {"bytearray": "bytes", "complex": "list"}
"""Types of the framework that our log does not hold, and what they are here."""
ELSEWHERE = {"id", "member_id", "label", "show_page", "entry", "pid", "gid", "sid", "mid"}
"""Fields that our tables have under another name or as a column of their own."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        shutil.copy(HERE / name, tmp_path)
    return tmp_path


def rows_of(folder: Path, session: str) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return what the framework read in its database, by subject and field."""
    found = defaultdict(list)
    for row in json.loads((folder / "values.json").read_text("utf-8")):
        kind, *names = row["namespace"].split("/")
        if names[:1] == [session]:
            subject = "session" if kind == "session" else f"{kind}/{names[-1]}"
            found[subject, row["field"]].append(row)
    return found


def compare_fields(recording: Recording, folder: Path) -> int:
    """Compare each value that a field had, with its time; return how many."""
    events = recording.events
    events = events[events["kind"].isin(["set", "del"])]
    seen = defaultdict(list)
    for event in events.itertuples():
        seen[event.subject, event.field].append(event)
    compared = 0
    for (subject, field), rows in rows_of(folder, recording.name).items():
        if field in ELSEWHERE or field.startswith("_uproot_"):
            continue
        assert [event.time for event in seen[subject, field]] == [row["time"] for row in rows]
        for event, row in zip(seen[subject, field], rows, strict=True):
            assert (event.kind == "del") == row["deleted"]
            assert event.cause == row["context"]
            compare_value(event.value, row["value"])
            compared += 1
    return compared


def compare_value(ours: Any, theirs: Any) -> None:
    if theirs[0] == "complex":
        assert complex(*ours) == complex(theirs[1])
    elif theirs[0] == "bytearray":
        assert repr(bytearray(ours)) == theirs[1]
    else:
        assert described(ours) == theirs


def latest(folder: Path, session: str) -> dict[tuple[str, str], Any]:
    return {key: rows[-1]["value"] for key, rows in rows_of(folder, session).items()}


def compare_tables(recording: Recording, folder: Path) -> None:
    """Compare what our tables have as columns of their own."""
    theirs = latest(folder, recording.name)
    for name, row in recording.state.iterrows():
        at = f"player/{name}"
        assert described(int(row["id"])) == theirs[at, "id"]
        assert described(int(row["position"])) == theirs[at, "show_page"]
        assert described("" if pd.isna(row["label"]) else row["label"]) == theirs[at, "label"]
        group = theirs[at, "_uproot_group"]
        assert group == (["NoneType", "None"] if pd.isna(row["group"]) else
                         ["GroupIdentifier", recording.name, row["group"]])  # fmt: skip
        assert pd.isna(row["group"]) or described(int(row["member_id"])) == theirs[at, "member_id"]
    for name, row in recording.groups.iterrows():
        members = [["PlayerIdentifier", recording.name, one] for one in row["members"]]
        assert theirs[f"group/{name}", "_uproot_players"] == ["list", *members]
    settings = recording.session_state["settings"].iloc[0]
    assert described(settings) == theirs["session", "_uproot_settings"]


def compare_entries(recording: Recording, folder: Path) -> int:
    """Compare each entry of each model: its id, time and fields."""
    compared = 0
    for (subject, field), rows in rows_of(folder, recording.name).items():
        if field != "entry":
            continue
        frame = recording.frame(subject.partition("/")[2])
        assert frame["time"].tolist() == [row["time"] for row in rows]
        for ours, row in zip(frame.to_dict("records"), rows, strict=True):
            _, identifier, fields = row["value"]
            assert f"UUID('{ours['id']}')" == identifier[1] or repr(ours["id"]) == identifier[1]
            for name, value in fields[1].items():
                wanted = value[1]["uname"][1] if value[0] == "dict" else value[1]
                assert repr(ours[name]) == wanted
            compared += 1
    return compared


def compare_all(folder: Path) -> Iterator[int]:
    for file in FILES:
        for session in SESSIONS:
            with open_log(folder / file, session) as recording:
                compare_tables(recording, folder)
                yield compare_fields(recording, folder) + compare_entries(recording, folder)


@pytest.mark.long
def test_each_value_is_what_the_framework_reads_in_its_database() -> None:
    assert [*compare_all(HERE)] == [68, 68, 68, 68]


def test_a_players_latest_values_and_its_place_are_a_row(folder: Path) -> None:
    with open_log(folder / "uproot.sqlite3", "pilot") as pilot:
        assert pilot.state.index.tolist() == ["ann", "bob", "cleo"]
        bob = pilot.state.loc["bob"]
        assert (bob["page"], bob["position"], bob["label"]) == ("guess/Guess", 1, "desk 2")
        assert "gone" not in pilot.state.columns
        assert pilot.panel()["guess"].tolist() == [5, 6]
        assert pilot.groups.loc["pair", "members"] == ["ann", "bob"]
        assert pilot.frame("hints")["pid"].tolist()[:2] == ["ann", "bob"]
        visits = pilot.page_times
        assert visits[visits["player"] == "ann"]["page"].tolist() == [
            "guess/StartApp", "guess/Guess", "guess/Result",
        ]  # fmt: skip


@pytest.mark.long
def test_an_earlier_moment_and_an_export_are_there_too(folder: Path) -> None:
    with open_log(folder / "uproot.dump", "main") as main:
        events = main.events
        first = int(events[events["field"] == "guess"]["seq"].iloc[0])
        assert main.at(seq=first).loc["emil", "guess"] == 5
        exported = main.export(folder / "main", progress=False)
    assert (exported / "models" / "hints.csv").is_file()


def test_several_sessions_are_named_where_none_is_chosen(folder: Path) -> None:
    with pytest.raises(UprootError, match=r"Say which session.*\n.*'pilot', 'main'"):
        open_log(folder / "uproot.sqlite3")


def test_reading_changes_nothing_and_leaves_nothing_beside_the_file(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name in FILES:
        open_log(folder / name, "pilot").close()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_a_running_server_has_not_moved_into_the_file_yet_is_read(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "uproot.sqlite3", isolation_level=None)) as server:
        server.execute("PRAGMA journal_mode = WAL")
        server.execute("UPDATE uproot_values SET value = ? WHERE field = 'secret'", [b"\x0018"])
        with open_log(folder / "uproot.sqlite3", "pilot") as pilot:
            assert pilot.session_state["secret"].tolist() == [18]


def change(sql: str) -> Callable[[Path], Path]:
    def changed(folder: Path) -> Path:
        with closing(sqlite3.connect(folder / "uproot.sqlite3", isolation_level=None)) as database:
            database.execute(sql)
        return folder / "uproot.sqlite3"

    return changed


def cut(name: str, to: int) -> Callable[[Path], Path]:
    def shorten(folder: Path) -> Path:
        (folder / name).write_bytes((folder / name).read_bytes()[:to])
        return folder / name

    return shorten


def rewrite_dump(edit: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    def rewrite(folder: Path) -> Path:
        path = folder / "uproot.dump"
        path.write_bytes(edit(gzip.decompress(path.read_bytes())))
        return path

    return rewrite


@pytest.mark.parametrize(
    ("spoil", "error", "reason"),
    [
        (cut("uproot.sqlite3", 30_000), CorruptLog, "is damaged"),
        (cut("uproot.dump", 3_000), CorruptLog, "dump is cut off"),
        (rewrite_dump(lambda data: data[:5_000]), CorruptLog, "dump is cut off"),
        (rewrite_dump(lambda data: data[:5_000] + b"\xc1" + data[5_001:]), CorruptLog, "dump is"),
        (rewrite_dump(lambda data: data + b"\x81" * 5_000), CorruptLog,
         "dump is cut off or changed .* nested more than"),
        (rewrite_dump(lambda data: data.replace(b"\xa7context", b"\xa7kontext")), NotALog,
         "another version of uproot wrote this dump"),
        (change("UPDATE uproot_values SET value = x'006F68' WHERE field = 'guess'"),
         CorruptLog, "'guess' of player/pilot/bob cannot be read"),
        (change("UPDATE uproot_values SET value = x'8033' WHERE field = 'entry'"),
         CorruptLog, "'entry' of model/pilot/"),
        (change("UPDATE uproot_values SET value = x'C831' WHERE field = 'guess'"),
         NotALog, "another version of uproot wrote it .a value has the type 200"),
        (change("ALTER TABLE uproot_values RENAME COLUMN seq TO place"), NotALog,
         "another version of uproot wrote it .no column 'seq'"),
        (change("CREATE TABLE uprootlab_values(seq)"), NotALog, "several servers"),
        (change("DROP TABLE uproot_values"), NotALog, "not a database of uproot_nb"),
    ],
)  # fmt: skip
def test_a_damaged_file_or_another_version_is_refused_with_its_reason(
    folder: Path, spoil: Callable[[Path], Path], error: type[UprootError], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        open_log(spoil(folder), "pilot")


@pytest.mark.slow
def test_a_database_that_the_framework_makes_now_has_the_same_values(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    programs = install_framework(tmp_path_factory.getbasetemp())
    script = [str(programs / "python"), str(HERE / "make_database.py"), str(tmp_path)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    made = subprocess.run(script, capture_output=True, text=True, env=environment, timeout=120)
    assert made.returncode == 0, made.stderr
    assert [*compare_all(tmp_path)] == [68, 68, 68, 68]
