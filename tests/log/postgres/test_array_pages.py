"""Pages of arrays have the same events, whatever stands in their texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.components.postgres import PostgresCluster
from uproot_nb.errors import CorruptLog
from uproot_nb.log.arrow_pages import EventArrays
from uproot_nb.log.events import Event, EventColumns
from uproot_nb.log.postgres import array_pages, postgres_log
from uproot_nb.log.postgres.postgres_log import PostgresLog

ODD = [
    '"', "\\", ",", "\n", "\r\n", "\t", "", "\\.", "\\N", " a ", "ä", "𝒳", "\0", "\1", "\ufdd0",
]  # fmt: skip
COUNT = 3_000


def odd_event(seq: int) -> Event:
    odd = ODD[seq % len(ODD)] if seq % 97 == 0 else "bid"
    text = f'"{ODD[seq % len(ODD)]}"' if seq % 89 == 0 else str(seq)
    kind, subject = "call" if seq % 3 == 0 else "set", f"player/p{seq % 5}"
    time = 1.76e9 + seq / 7
    return Event(seq, time, "market", kind, subject, odd, text, "", "0:M", odd, "f0")


EVENTS = [odd_event(seq) for seq in range(1, COUNT + 1)]


@pytest.fixture
def log(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresLog]:
    """A log of odd texts, which is read in small pages of arrays."""
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(postgres_log, "LONG_READ", 10)
    monkeypatch.setattr(array_pages, "_NUMBERS_A_PAGE", 200)
    with closing(PostgresLog(postgres)) as made:
        made.append(EVENTS)
        yield made


def rows(pages: Iterable[EventArrays | EventColumns]) -> list[Event]:
    columns = (page.columns() if isinstance(page, EventArrays) else page for page in pages)
    return [Event(*row) for page in columns for row in zip(*page, strict=True)]


@pytest.mark.parametrize(
    "options",
    [{}, {"after": 700, "until": 2_500}, {"kinds": {"call"}}, {"kinds": {"leave"}}, {"kinds": ()}],
)
def test_arrays_are_the_events(log: PostgresLog, options: dict[str, Any]) -> None:
    assert rows(log.read_arrays("market", **options)) == list(log.read("market", **options))


def test_most_pages_are_arrays_where_texts_are_plain(log: PostgresLog) -> None:
    log.append([
        Event(seq, 1.0, "market", "set", "player/p", "bid", "1", "", "", "", "")
        for seq in range(COUNT + 1, 2 * COUNT + 1)
    ])  # fmt: skip
    pages = list(log.read_arrays("market", after=COUNT))
    assert all(isinstance(page, EventArrays) for page in pages)
    assert len(pages) > 3


@pytest.mark.parametrize("kinds", [None, {"set"}])
def test_a_damaged_row_is_named(
    log: PostgresLog, postgres_cluster: PostgresCluster, kinds: set[str] | None
) -> None:
    schema = log.address.schema
    postgres_cluster.execute(f"UPDATE {schema}.events SET value = '0' WHERE seq = 1000")
    with pytest.raises(CorruptLog, match="event 1000 is not what was written"):
        rows(log.read_arrays("market", kinds=kinds))


def test_a_missing_row_is_named(log: PostgresLog, postgres_cluster: PostgresCluster) -> None:
    postgres_cluster.execute(f"DELETE FROM {log.address.schema}.events WHERE seq = 1000")
    with pytest.raises(CorruptLog, match="event 1000 is missing"):
        rows(log.read_arrays("market"))
