"""EventTable: the log as a DataFrame that grows with it."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from uproot_nb.analysis.event_table import EventTable
from uproot_nb.analysis.recording import Tables
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event
from uproot_nb.log.log import MemoryLog


def event(seq: int, kind: str = "set", value: str = "1") -> Event:
    """Make an event."""
    return Event(seq, 1.5 * seq, "m", kind, "session", "x", value, "", "", "", "")


def test_an_empty_table_has_its_columns_and_types() -> None:
    """So that code written for a full one works."""
    table = EventTable(Codec()).df
    assert [*Event._fields[:2], "timestamp", *Event._fields[2:]] == list(table.columns)
    assert str(table["seq"].dtype) == "int64"
    assert str(table["time"].dtype) == "float64"
    assert len(table) == 0


def test_a_table_grows_by_what_it_takes_and_knows_how_far_it_is() -> None:
    """Rows once given stay; seq tells from where to read on."""
    table = EventTable(Codec())
    table.take([event(1), event(2)])
    first = table.df
    table.take([])
    table.take([event(3)])
    assert (len(first), len(table.df), table.seq) == (2, 3, 3)
    assert table.df["timestamp"][2].timestamp() == 4.5


def test_each_look_has_the_right_times_and_is_its_holders_own() -> None:
    """However often somebody has looked before, and whatever was done to the frames."""
    table = EventTable(Codec())
    for seq in range(1, 4):
        table.take([event(seq)])
        frame = table.df
        assert [stamp.timestamp() for stamp in frame["timestamp"]] == frame["time"].tolist()
        assert frame["time"].tolist() == [1.5 * n for n in range(1, seq + 1)]
        frame.loc[0, "time"] = -1.0
        frame.loc[0, "timestamp"] = frame["timestamp"].iloc[-1]


def one_value(kind: str, text: str) -> object:
    table = EventTable(Codec())
    table.take([event(1, kind, text)])
    return table.df["value"].iloc[0]


def test_values_are_what_was_stored() -> None:
    """Data come back through the codec, what browsers said as plain JSON."""
    codec = Codec()
    for value in (Decimal("1.50"), datetime.date(2025, 1, 2), (1, {2}), None, {"__tuple__": [1]}):
        assert one_value("set", codec.encode(value)) == value
    said = '{"id":"a-1","args":[{"$decimal":"1"}],"kwargs":{}}'
    assert one_value("call", said)["args"] == [{"$decimal": "1"}]  # type: ignore[index]
    assert one_value("notify", '{"data":"\\ud83c\\udf88"}') == {"data": "🎈"}


@pytest.mark.long
def test_two_threads_that_look_at_once_get_each_event_once() -> None:
    """Each begins to read before the other has added what it read, if nothing keeps them apart."""
    both_read = threading.Barrier(2)

    class Slow(MemoryLog):
        def read_arrays(self, session: str, after: int = 0, **more: Any) -> Iterator[Any]:
            pages = list(super().read_arrays(session, after, **more))
            with suppress(threading.BrokenBarrierError):
                both_read.wait(0.2)
            yield from pages

    log = Slow()
    log.claim("market")
    log.append([Event(1, 1.0, "market", "set", "session", "x", "1", "", "", "", "")])
    tables = Tables(log, "market")
    with ThreadPoolExecutor(2) as threads:
        found = threads.map(lambda _: len(tables.events), range(2))
        assert list(found) == [1, 1]
