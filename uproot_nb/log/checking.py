"""check_log: find what is missing from a log, or damaged."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from uproot_nb.errors import CorruptLog, UprootError
from uproot_nb.log.sqlite import SqliteLog

__all__ = ["Checked", "check_log"]


class Checked(NamedTuple):
    """The size of a log, and its faults; it is sound if `faults` is empty."""

    sessions: int
    events: int
    unsigned: int
    """Events without a checksum: an older version has written them."""
    faults: list[str]


def check_log(path: str | os.PathLike[str]) -> Checked:
    """Read all of a log without changing it, and report what is missing or damaged.

        check_log("uproot_nb.sqlite3").faults

    Raises:
        NotALog: the file is no log, or of a newer version.
        FileNotFoundError: there is no such file.
    """
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            log = SqliteLog(path, readonly=True)
        except CorruptLog as torn:
            return Checked(0, 0, 0, [str(torn)])
        with closing(log):
            faults = [*log.damage(), *_faults(log)]
            sessions, events, unsigned = log.counts()
    warnings_given = [str(one.message) for one in warned if one.category is UserWarning]
    return Checked(sessions, events, unsigned, [*dict.fromkeys(warnings_given + faults)])


def _faults(log: SqliteLog) -> Iterator[str]:
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
        except UprootError as fault:
            yield f"Session '{name}': {fault}"
