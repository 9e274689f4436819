"""Long logs: the same tables and exports with the extra "fast" as without it."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from tests.analysis.export_formats.reading import loaded
from uproot_nb import Recording, open_log
from uproot_nb.log import arrow_pages
from uproot_nb.log.arrow_pages import has_arrow_driver
from uproot_nb.log.events import Event
from uproot_nb.log.sqlite import copies
from uproot_nb.log.sqlite.sqlite_log import SqliteLog

ROWS = 400
VALUES = ["1", '"text"', "-0.0", "null", '{"$decimal":"12.50"}', '{"$float":"nan"}', '[1,"ä"]']
CALL = '{"id":"a-1","outcome":"ok","args":[{"$decimal":"1"}],"kwargs":{}}'


def event(seq: int) -> Event:
    kind = "call" if seq % 9 == 0 else "set" if seq % 11 else "del"
    value = CALL if kind == "call" else "null" if kind == "del" else VALUES[seq % len(VALUES)]
    if seq == 150:
        value = f'"{"x" * 5000}"'
    subject = "session" if seq % 13 == 0 else f"player/p{seq % 5}"
    return Event(
        seq, 1.76e9 + seq / 7, "m", kind, subject, f"f{seq % 3}", value, "p1", "M", "c", ""
    )


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(arrow_pages, "_ROWS_A_PAGE", 16)
    monkeypatch.setattr(copies, "LONG_READ", 1)
    monkeypatch.setattr(copies, "_BYTES_AN_EVENT", 1_000_000)
    with closing(SqliteLog(tmp_path / "log.sqlite3")) as log:
        log.append([event(seq) for seq in range(1, ROWS + 1)])
    return tmp_path / "log.sqlite3"


@pytest.fixture(params=[False, True], ids=["without", "with"])
def recording(
    path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Recording]:
    """Return the recording as it is read with the extra, or without it."""
    if request.param and not has_arrow_driver():
        pytest.skip('the extra "fast" (adbc-driver-sqlite) is not installed')
    if not request.param:
        monkeypatch.setattr(copies, "has_arrow_driver", lambda: False)
    with open_log(path) as opened:
        yield opened


def events_one_by_one(recording: Recording) -> pd.DataFrame:
    """Return the table as the plain reader fills it."""
    with open_log(recording.path) as other:
        other._table.take(other._log.read("m"))
        return other._table.df


@pytest.mark.long
def test_the_events_are_the_same_frame(recording: Recording) -> None:
    found, expected = recording.events, events_one_by_one(recording)
    assert list(found["value"].array.texts) == list(expected["value"].array.texts)
    assert list(map(repr, found["value"])) == list(map(repr, expected["value"]))
    pd.testing.assert_frame_equal(found.drop(columns="value"), expected.drop(columns="value"))


@pytest.mark.long
def test_new_events_are_added_to_the_frame(recording: Recording) -> None:
    assert len(recording.events) == ROWS
    with closing(SqliteLog(recording.path)) as log:
        log.append([event(seq) for seq in range(ROWS + 1, ROWS + 41)])
    found, expected = recording.events, events_one_by_one(recording)
    pd.testing.assert_frame_equal(found.drop(columns="value"), expected.drop(columns="value"))


@pytest.mark.long
@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
@pytest.mark.sample(2)
def test_exports_are_the_same_bytes(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    found = recording.export(tmp_path / "found", format)
    monkeypatch.setattr(copies, "has_arrow_driver", lambda: False)
    expected = recording.export(tmp_path / "expected", format)
    assert _sums(found) == _sums(expected)


@pytest.mark.long
@pytest.mark.parametrize("format", ["dta", "excel"])
@pytest.mark.sample(2)
def test_exports_that_arrow_does_not_write_are_the_same_tables(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    def tables(name: str) -> dict[str, pd.DataFrame]:
        is_csv = format == "excel"
        return loaded(recording.export(tmp_path / name, "csv" if is_csv else format, excel=is_csv))

    found = tables("found")
    monkeypatch.setattr(copies, "has_arrow_driver", lambda: False)
    for name, expected in tables("expected").items():
        pd.testing.assert_frame_equal(found[name], expected)
    assert len(found["ultralong/players"]) > 0
    files = list((tmp_path / "found").rglob("*.csv"))
    assert all(path.read_bytes().startswith(BOM_UTF8) for path in files) or format == "dta"


def _sums(folder: Path) -> list[str]:
    """Return the checksums of all files but the one with the time in it."""
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    return [line for line in lines if not line.endswith("README.txt")]
