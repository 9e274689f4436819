"""Arrow pages: the same events with the Arrow driver as without, and the same damage named."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from uproot_nb.errors import UprootError
from uproot_nb.log import arrow_pages
from uproot_nb.log.arrow_pages import EventArrays, has_arrow_driver
from uproot_nb.log.events import Event, EventColumns
from uproot_nb.log.sqlite import copies
from uproot_nb.log.sqlite.sqlite_log import SqliteLog

needs_driver = pytest.mark.skipif(
    not has_arrow_driver(), reason='the extra "fast" (adbc-driver-sqlite) is not installed'
)
pytestmark = needs_driver
ROWS = 300


def event(seq: int, session: str = "market") -> Event:
    kind = ("set", "call", "append")[seq % 3]
    value = f'"{"ä" * (seq % 40)}"'
    return Event(
        seq, seq / 3, session, kind, f"player/p{seq % 7}", f"f{seq % 5}", value, f"p{seq % 7}",
        "M", "M.post", "",
    )  # fmt: skip


@pytest.fixture(autouse=True)
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let short logs be read by the driver, in pages of sixteen events."""
    monkeypatch.setattr(arrow_pages, "_ROWS_A_PAGE", 16)
    monkeypatch.setattr(copies, "LONG_READ", 1)
    monkeypatch.setattr(copies, "_BYTES_AN_EVENT", 1_000_000)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with closing(SqliteLog(tmp_path / "log.sqlite3")) as made:
        made.append([event(seq) for seq in range(1, ROWS + 1)])
        made.append([event(seq, "other") for seq in range(1, 50)])
        yield made


def pages_of(log: SqliteLog, **bounds: Any) -> list[EventArrays | EventColumns]:
    return list(log.read_arrays("market", **bounds))


def events_in(pages: list[EventArrays | EventColumns]) -> list[Event]:
    columns = [page if isinstance(page, EventColumns) else page.columns() for page in pages]
    return [Event(*row) for some in columns for row in zip(*some, strict=True)]


def arrays_in(pages: list[EventArrays | EventColumns]) -> int:
    return sum(isinstance(page, EventArrays) for page in pages)


def change(log: SqliteLog, statement: str) -> None:
    with closing(sqlite3.connect(log.path)) as connection, connection:
        connection.execute(statement)


@pytest.mark.long
@pytest.mark.parametrize("bounds", [
    {}, {"after": 7}, {"until": 100}, {"after": 50, "until": 51}, {"kinds": {"set", "append"}},
    {"kinds": {"order"}}, {"kinds": {"call"}, "after": 290}, {"after": ROWS}, {"until": 0},
])  # fmt: skip
def test_the_driver_reads_the_same_events(log: SqliteLog, bounds: dict[str, Any]) -> None:
    expected = [Event(*row) for page in log.read_columns("market", **bounds)
                for row in zip(*page, strict=True)]  # fmt: skip
    pages = pages_of(log, **bounds)
    assert events_in(pages) == expected
    assert all(isinstance(page, EventArrays) for page in pages)


@pytest.mark.long
def test_a_log_that_is_only_read_is_read_by_the_driver_beside_its_writer(log: SqliteLog) -> None:
    with closing(SqliteLog(log.path, readonly=True)) as reader:
        pages = pages_of(reader)
    assert events_in(pages) == list(log.read("market"))
    assert arrays_in(pages) == len(pages)


@pytest.mark.long
def test_a_closed_log_that_is_written_while_it_is_copied_is_read_whole(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, expected, copied = log.path, list(log.read("market")), []
    log.close()

    def interrupted(source: str, target: str) -> None:
        """Copy the file as a writer comes who replaces the first half of it meanwhile."""
        copied.append(target)
        content = Path(source).read_bytes()
        Path(target).write_bytes(b"\0" * (len(content) // 2) + content[len(content) // 2 :])
        with closing(SqliteLog(path)) as writer:
            writer.append([event(1, "third")])

    monkeypatch.setattr("shutil.copyfile", interrupted)
    with closing(SqliteLog(path, readonly=True)) as reader:
        pages = pages_of(reader)
    assert events_in(pages) == expected
    assert arrays_in(pages) == len(pages)
    assert len(copied) == 1


@pytest.mark.long
def test_events_that_are_committed_meanwhile_come_with_the_next_read(log: SqliteLog) -> None:
    pages = log.read_arrays("market")
    found = [next(pages)]
    log.append([event(ROWS + 1)])
    assert len(events_in([*found, *pages])) == ROWS
    assert [one.seq for one in events_in(pages_of(log, after=ROWS))] == [ROWS + 1]


@pytest.mark.long
@pytest.mark.parametrize("changes", [
    {"value": f'"{"x" * 5000}"'}, {"field": "a\0b"}, {"actor": "\0"}, {"value": '"\U0001f600"'},
    {"value": ""}, {"page": "", "cause": ""}, {"subject": "player/ä"},
])  # fmt: skip
def test_odd_events_are_read_unchanged_among_others(
    log: SqliteLog, changes: dict[str, Any]
) -> None:
    log.append([event(ROWS + 1)._replace(**changes), event(ROWS + 2)])
    log.append([event(seq) for seq in range(ROWS + 3, 2 * ROWS)])
    pages = pages_of(log)
    assert events_in(pages) == list(log.read("market"))
    assert arrays_in(pages) > 30


@pytest.mark.long
@pytest.mark.parametrize("places", [[1], [ROWS + 1], [20, 21, 130], range(40, 80)])
def test_filtered_events_with_long_values_are_not_lost(log: SqliteLog, places: list[int]) -> None:
    long = f'"{"x" * 5000}"'
    log.append([
        event(seq, "long")._replace(kind="set", value=long if seq in places else "1")
        for seq in range(1, ROWS + 2)
    ])  # fmt: skip
    pages = list(log.read_arrays("long", kinds={"set"}))
    assert events_in(pages) == list(log.read("long", kinds={"set"}))
    assert arrays_in(pages) > 10


@pytest.mark.long
def test_rows_without_checksums_are_read_as_ever(log: SqliteLog) -> None:
    change(log, "UPDATE events SET checksum = NULL WHERE seq BETWEEN 20 AND 40")
    pages = pages_of(log)
    assert events_in(pages) == list(log.read("market"))
    assert 0 < arrays_in(pages) < ROWS / 16


@pytest.mark.long
@pytest.mark.parametrize("statement", [
    "UPDATE events SET value = '1' WHERE seq = 77", "UPDATE events SET time = 1.0 WHERE seq = 77",
    "UPDATE events SET time = 'noon' WHERE seq = 77",
    "UPDATE events SET kind = x'ff' WHERE seq = 5",
    "UPDATE events SET code = 7 WHERE seq = 300", "UPDATE events SET checksum = 1 WHERE seq = 77",
    "DELETE FROM events WHERE seq = 77", "DELETE FROM events WHERE seq = 1",
    "DELETE FROM events WHERE seq BETWEEN 17 AND 32", "UPDATE events SET actor = '' WHERE seq = 16",
])  # fmt: skip
def test_damage_is_named_as_without_the_driver(log: SqliteLog, statement: str) -> None:
    change(log, statement)
    with pytest.raises(UprootError) as expected:
        list(log.read_columns("market"))
    with pytest.raises(UprootError) as found:
        pages_of(log)
    assert str(found.value) == str(expected.value)


@pytest.mark.long
def test_a_file_with_any_byte_changed_reads_the_same_or_is_named(
    log: SqliteLog, tmp_path: Path
) -> None:
    right = list(log.read("market"))
    log.close()
    content, draws, named = Path(log.path).read_bytes(), random.Random(5), 0
    for number in range(60):
        path = tmp_path / f"{number}.sqlite3"
        changed = bytearray(content)
        changed[draws.randrange(100, len(content))] ^= 1 << draws.randrange(8)
        path.write_bytes(changed)
        try:
            with closing(SqliteLog(path, readonly=True)) as damaged:
                assert events_in(pages_of(damaged)) == right, number
        except UprootError:
            named += 1
    assert 10 < named < 60


@pytest.mark.long
def test_nothing_is_left_behind(
    log: SqliteLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    pages = log.read_arrays("market")
    next(pages)
    pages.close()  # type: ignore[attr-defined]
    assert len(pages_of(log)) > 1
    assert list(folder.iterdir()) == []


def test_a_file_that_holds_much_else_is_not_copied(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "_BYTES_AN_EVENT", 1)
    pages = pages_of(log)
    assert arrays_in(pages) == 0
    assert events_in(pages) == list(log.read("market"))
