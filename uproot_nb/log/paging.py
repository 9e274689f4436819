"""Paging: a database's events are read a page at a time, in either order, and none is missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from uproot_nb.errors import CorruptLog

__all__ = ["EventFilter", "Row", "walk_pages"]

Row: TypeAlias = tuple[Any, ...]
"""A row as a database gives it; its columns are typed where it becomes an Event or a record."""

_seq_of: Callable[[Row], int] = itemgetter(0)


class EventFilter(NamedTuple):
    """Which events are read; None allows any.

    EventFilter(kinds={"set"}, subject="player/abc12")
    """

    kinds: Collection[str] | None = None
    subject: str | None = None
    field: str | None = None


def walk_pages(
    fetch: Callable[[int, int], tuple[list[Row], bool]],
    numbers: tuple[int, int],
    is_gapless: bool,
    newest_first: bool,
    damaged: Callable[[str], CorruptLog],
) -> Iterator[list[Row]]:
    """Yield the events with numbers[0] < seq <= numbers[1]; nothing is held in between.

    Args:
        fetch: returns the first rows between two numbers, in the order of reading, and whether
            there may be more.
        is_gapless: whether every number must be there.
        damaged: makes the error of a reason.

    Raises:
        CorruptLog: an event is missing.
    """
    low, high = numbers
    while low < high:
        page, more = fetch(low, high)
        if is_gapless:
            first, last = (high, low + 1) if newest_first else (low + 1, high)
            missing = _first_missing(page, first, _seq_of(page[-1]) if more else last)
            if missing is not None:
                raise damaged(f"event {missing} is missing")
        if page:
            yield page
        if not more:
            return
        end = _seq_of(page[-1])
        low, high = (low, end - 1) if newest_first else (end, high)


def _first_missing(page: list[Row], first: int, last: int) -> int | None:
    """Return which event from *first* to *last* is not on a page, in either order."""
    # They are ordered and distinct, so the ends and the count suffice.
    seqs = list(map(_seq_of, page))
    if len(seqs) == abs(last - first) + 1 and (seqs[0], seqs[-1]) == (first, last):
        return None
    step = 1 if first <= last else -1
    there = set(seqs)
    return next((seq for seq in range(first, last + step, step) if seq not in there), first)
