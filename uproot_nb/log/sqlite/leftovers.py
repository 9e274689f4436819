"""Leftovers: the files that a killed process, or a moved file, has left beside a log.

A closed log is one file. While it is written there are its journal (`-wal`) and a lock file for
each session; a killed process leaves them. The file records which claims were open (`claims`),
the lock file which event was committed last. So a journal that is missing or of another file is
found before anything is touched.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from uproot_nb.errors import CorruptLog, ForeignJournal, LostEvents, NotALog
from uproot_nb.log.sqlite.session_lock import lock_path, read_note

__all__ = [
    "Claim",
    "check_journal",
    "claims_in_file",
    "claims_of",
    "is_missing_journal",
    "loss_of",
    "refuse_orphans",
    "refuse_rescued",
    "rescue_path",
]

CLAIMS = """
SELECT session, token, seq, coalesce((
    SELECT max(events.seq) FROM events WHERE events.session = claims.session
), 0) FROM claims
"""


class Claim(NamedTuple):
    """A session's claim in a log; `token` is empty once its writer has closed it.

    `seq` is its last event when that was written, `last` the last that is there.
    """

    session: str
    token: str
    seq: int
    last: int


def refuse_rescued(file: str, path: str) -> None:
    """Refuse to go on in a file whose log went on in another one, when this one was away.

    Raises:
        NotALog: names the other one.
    """
    rescued = _rescued(file)
    if rescued is not None:
        raise NotALog(
            path, f"it was moved, deleted or replaced meanwhile, and its log went on in {rescued}",
            f"To go on with that file, move what is left of the old one (-wal) away and rename "
            f"that file to {os.path.basename(file)}; otherwise move it away.",
        )  # fmt: skip


def refuse_orphans(file: str, path: str) -> None:
    """Refuse to make a new log where an old one has left what is not in any other file.

    Raises:
        ForeignJournal: the journal of a file that is not there any more.
    """
    for journal in (f"{file}-wal", f"{file}-journal"):
        if _size(journal):
            raise ForeignJournal(
                path, f"it is missing, and its journal {journal} is there",
                "Put the file back beside it, or move the journal away.",
            )  # fmt: skip


def check_journal(file: str, path: str) -> None:
    """Refuse a journal of another file, and a file whose journal is missing, before any is read.

    Raises:
        ForeignJournal: the journal belongs to a file that was here before.
        LostEvents: there is no journal, and the file lacks events that were committed.
    """
    for _ in range(2):  # a writer may open or close it just now
        claims = claims_in_file(file)
        if claims is None:
            return
        if not _has_journal(file):
            losses = [loss for claim in claims if (loss := loss_of(file, path, claim)) is not None]
            if not losses or _has_journal(file):
                return
            raise losses[0]
        if not _is_foreign(file, claims):
            return
    raise ForeignJournal(
        path, f"its journal {file}-wal belongs to an earlier file of this name",
        "Put that file back, or move the journal and the .lock files beside it away.",
    )  # fmt: skip


def claims_in_file(file: str) -> list[Claim] | None:
    """Return the claims as the file alone has them, without its journal; None if it has none.

    SQLite reads it as "immutable", which neither locks nor writes.
    """
    try:
        address = f"{Path(file).as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as reader:
            return claims_of(reader.execute(CLAIMS), file)
    except (
        sqlite3.DatabaseError,
        UnicodeDecodeError,
        CorruptLog,
    ):  # an older version, or shorter than its journal will make it
        return None


def claims_of(rows: Iterable[tuple[Any, ...]], path: str) -> list[Claim]:
    """Return rows of `CLAIMS`; CorruptLog where damage has made something else of them."""
    claims = [Claim(*row) for row in rows]
    if any(list(map(type, claim)) != [str, str, int, int] for claim in claims):
        raise CorruptLog(path, "its table 'claims' is not what was written")
    return claims


def loss_of(file: str, path: str, claim: Claim) -> LostEvents | None:
    """Return what is wrong if the file lacks events of a session that were committed."""
    note = read_note(lock_path(file, claim.session))
    committed = max(claim.seq, note.seq if note is not None else 0)
    if claim.last >= committed:
        return None
    return LostEvents(path, claim.session, claim.last, committed, _hint(file, note is not None))


def is_missing_journal(file: str, claims: list[Claim]) -> bool:
    """Return whether a file was copied without its journal while somebody was writing."""
    return any(claim.token for claim in claims) and not _has_journal(file)


def rescue_path(file: str) -> str:
    """Return a free name beside *file* for what is rescued of it."""
    return next(name for name in _rescue_names(file) if not os.path.lexists(name))


def _rescued(file: str) -> str | None:
    names = itertools.takewhile(os.path.lexists, _rescue_names(file))
    return next(reversed(list(names)), None)


def _rescue_names(file: str) -> Iterator[str]:
    stem, suffix = os.path.splitext(file)
    yield f"{stem}.rescued{suffix}"
    yield from (f"{stem}.rescued-{number}{suffix}" for number in itertools.count(2))


def _hint(file: str, killed: bool) -> str:
    if not killed:
        return "The file is damaged, or an older copy of it."
    if not _has_journal(file):
        return f"Its journal {file}-wal is missing: put it back."
    return f"Its journal {file}-wal is damaged, or belongs to another file."


def _is_foreign(file: str, claims: list[Claim]) -> bool:
    """Return whether lock files name claims, none of which are in the file beside the journal."""
    if not _size(f"{file}-wal"):
        return False
    folder, name = os.path.split(file)
    beside = [found for found in os.listdir(folder) if found.startswith(f"{name}-")]
    locks = [os.path.join(folder, found) for found in beside if found.endswith(".lock")]
    notes = {found: note for found in locks if (note := read_note(found)) and note.token}
    known = {lock_path(file, claim.session): claim.token for claim in claims}
    return bool(notes) and all(known.get(found) != note.token for found, note in notes.items())


def _has_journal(file: str) -> bool:
    return os.path.exists(f"{file}-wal")


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
