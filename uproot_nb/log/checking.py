"""check_log: find what is missing from a log, or damaged."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from uproot_nb.errors import CorruptLog, UprootError
from uproot_nb.log.erasing.own_texts import OwnTexts
from uproot_nb.log.erasing.redaction import Redaction
from uproot_nb.log.log import EventLog
from uproot_nb.log.places import open_place
from uproot_nb.log.postgres.address import Place

__all__ = ["Checked", "check_log"]


class Checked(NamedTuple):
    """The size of a log, and its faults; it is sound if `faults` is empty."""

    sessions: int
    events: int
    unsigned: int
    """Events without a checksum: an older version has written them."""
    faults: list[str]


def check_log(path: Place) -> Checked:
    """Read all of a log without changing it, and report what is missing or damaged.

        check_log("uproot_nb.sqlite3").faults

    Raises:
        NotALog: the file is no log, or of a newer version.
        FileNotFoundError: there is no such file.
    """
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            log = open_place(path, readonly=True)
        except CorruptLog as torn:
            return Checked(0, 0, 0, [str(torn)])
        with closing(log):
            faults = [*log.damage(), *_faults(log)]
            sessions, events, unsigned = log.counts()
    warnings_given = [str(one.message) for one in warned if one.category is UserWarning]
    return Checked(sessions, events, unsigned, [*dict.fromkeys(warnings_given + faults)])


def _faults(log: EventLog) -> Iterator[str]:
    try:
        names = [record.name for record in log.sessions()]
    except UprootError as fault:
        yield str(fault)
        return
    for name in names:
        try:
            log.load_snapshot(name)
            for _ in log.read_columns(name):
                pass
            yield from _left_of_erased(log, name)
        except UprootError as fault:
            yield f"Session '{name}': {fault}"


def _left_of_erased(log: EventLog, session: str) -> Iterator[str]:
    """Yield where the log has data of somebody who was erased: nobody may write them back."""
    erased = {event.subject: event.seq for event in log.read(session, kinds={"erase"})}
    people = {one: Redaction(one.partition("/")[2], OwnTexts()) for one in erased}
    for event in log.read(session, until=max(erased.values())) if erased else ():
        redaction = people.get(event.subject)
        if redaction is None or event.seq > erased[event.subject]:
            continue  # what a page that was left open still reports has nothing of before
        if redaction.of(event) != event:
            name = redaction.player
            yield f"Session '{session}': event {event.seq} has data of {name}, who was erased"
