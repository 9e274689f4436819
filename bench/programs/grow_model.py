"""Grow a model to 100,000 entries; time adding and finding at 1,000 and at the end, in turn."""

from __future__ import annotations

import gc
import json
import sys
import time
from statistics import median
from typing import Any

import psutil  # type: ignore[import-untyped]

from uproot_nb import (
    Entry,
    Page,
    PlayerIdentifier,
    add_entry,
    create_model,
    filter_entries,
    get_entries,
    serve,
)

_SHORT, _LONG, _SAME, _TIMED = 1_000, 100_000, 10, 500


class Offer(metaclass=Entry):
    """Ten offers have the same lot."""

    player: PlayerIdentifier
    lot: int
    price: float


class Market(Page):
    """A table that grows."""


def main(database: str) -> None:
    """Print the times of adding and of finding, the memory, and the time to resume."""
    run = serve([Market], players=1, name="models", db=database)
    session, player = run.session, run.players[0]
    session.long, session.short = create_model(session), create_model(session)
    gc.collect()
    before = psutil.Process().memory_info().rss
    for number in range(_LONG - _TIMED):
        add_entry(session.long, player, Offer, lot=number // _SAME, price=3.5)
    gc.collect()
    grown = psutil.Process().memory_info().rss - before
    for number in range(_SHORT - _TIMED):
        add_entry(session.short, player, Offer, lot=number // _SAME, price=3.5)
    told = _adds(session, player) | _finds(session)
    if len(get_entries(session.long, Offer)) != _LONG:
        raise SystemExit("entries were lost")
    run.close()
    started = time.perf_counter()
    run = serve([Market], name="models", db=database)
    told |= {"open": time.perf_counter() - started, "bytes": grown / (_LONG - _TIMED)}
    if len(filter_entries(run.session.long, Offer, lot=77)) != _SAME:
        raise SystemExit("entries were lost while resuming")
    run.close()
    print(json.dumps(told))


def _adds(session: Any, player: Any) -> dict[str, float]:
    """Add to both in turn, so that a slower moment of the machine is one for both."""
    times: dict[str, list[float]] = {"short": [], "long": []}
    for number in range(_TIMED):
        for which, model, length in (("short", session.short, _SHORT),
                                     ("long", session.long, _LONG)):  # fmt: skip
            lot = (length - _TIMED + number) // _SAME
            started = time.perf_counter()
            add_entry(model, player, Offer, lot=lot, price=3.5)
            times[which].append(time.perf_counter() - started)
    return {f"add_{which}": median(found) * 1e6 for which, found in times.items()}


def _finds(session: Any) -> dict[str, float]:
    """Find ten entries in each, another ten each time."""
    times: dict[str, list[float]] = {"short": [], "long": []}
    for number in range(_SHORT // _SAME):
        for which, model in (("short", session.short), ("long", session.long)):
            started = time.perf_counter()
            found = filter_entries(model, Offer, lot=number)
            times[which].append(time.perf_counter() - started)
            if [entry.lot for _, _, entry in found] != [number] * _SAME:
                raise SystemExit(f"lot {number} was not found")
    return {f"find_{which}": median(found) * 1e3 for which, found in times.items()}


if __name__ == "__main__":
    main(sys.argv[1])
