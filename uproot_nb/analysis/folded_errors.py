"""folded_errors: equal failures in a log as one, with the number of events and of players."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from uproot_nb.log.events import Event

__all__ = ["folded_errors"]


def folded_errors(events: Iterable[Event]) -> tuple[list[Event], list[int], list[int]]:
    """Return the first event of each kind of failure, its count, and for how many players it was.

    Two are equal if type, message, traceback, place, page and code are; failures of authors' code
    are distinguished by player as well. An event that stands for several has a `count`.
    """
    firsts: dict[tuple[str, ...], Event] = {}
    counts: dict[tuple[str, ...], int] = {}
    subjects: dict[tuple[str, ...], set[str]] = {}
    for event in events:
        value = orjson.loads(event.value)
        texts = (str(value.get(name)) for name in ("message", "traceback", "source"))
        subject = event.subject if value.get("traceback") else ""
        key = (event.field, event.page, event.cause, subject, *texts)
        firsts.setdefault(key, event)
        counts[key] = counts.get(key, 0) + int(value.get("count", 1))
        known = subjects.setdefault(key, set())
        if event.subject.startswith("player/"):
            known.add(event.subject)
    return list(firsts.values()), list(counts.values()), [len(known) for known in subjects.values()]
