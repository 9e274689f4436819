"""Pages of a database's events: in either order, none twice, and a gap is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from uproot_nb.errors import CorruptLog
from uproot_nb.log.checksums import checksum_of_bytes
from uproot_nb.log.log import Snapshot
from uproot_nb.log.paging import Row, walk_pages
from uproot_nb.log.stored_log import newest_whole


def damaged(reason: str) -> CorruptLog:
    return CorruptLog("log", reason)


def pages_of(
    seqs: Iterable[int], newest_first: bool = False, size: int = 3
) -> Callable[[int, int], tuple[list[Row], bool]]:
    """Return what fetches pages of some events."""
    there = sorted(seqs, reverse=newest_first)

    def fetch(low: int, high: int) -> tuple[list[Row], bool]:
        rows: list[Row] = [(seq,) for seq in there if low < seq <= high]
        return rows[:size], len(rows) > size

    return fetch


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_each_event_comes_once_and_in_order(newest_first: bool, size: int) -> None:
    fetch = pages_of(range(1, 10), newest_first, size)
    pages = walk_pages(fetch, (1, 9), True, newest_first, damaged)
    found = [seq for page in pages for (seq,) in page]
    assert found == sorted(range(2, 10), reverse=newest_first)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("missing", [1, 2, 4, 5, 9])
def test_a_missing_event_is_named(newest_first: bool, missing: int) -> None:
    fetch = pages_of(set(range(1, 10)) - {missing}, newest_first)
    with pytest.raises(CorruptLog, match=f"event {missing} is missing"):
        list(walk_pages(fetch, (0, 9), True, newest_first, damaged))


def test_a_filter_leaves_gaps() -> None:
    pages = walk_pages(pages_of([2, 5, 6, 9]), (0, 10), False, False, damaged)
    assert [len(page) for page in pages] == [3, 1]


def test_before_a_damaged_snapshot_an_older_one_is_taken() -> None:
    def find(until: int | None) -> Row | None:
        seqs = [seq for seq in (10, 20, 30) if until is None or seq <= until]
        state = b"state" if seqs and seqs[-1] < 30 else b"other"
        checksum = checksum_of_bytes("market", seqs[-1], b"state") if seqs else None
        return ("market", seqs[-1], state, checksum) if seqs else None

    assert newest_whole(find, None) == Snapshot("market", 20, b"state")
    assert newest_whole(find, 15) == Snapshot("market", 10, b"state")
    assert newest_whole(find, 9) is None
