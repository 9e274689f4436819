"""The layout of a file that was opened: its version, its tables, and the events that it lacks."""

from __future__ import annotations

import warnings

from uproot_nb.errors import CorruptLog, LostEvents
from uproot_nb.log.sqlite.leftovers import CLAIMS, Claim, claims_of, is_missing_journal, loss_of
from uproot_nb.log.sqlite.log_file import LogFile
from uproot_nb.log.sqlite.opening import check_version
from uproot_nb.log.sqlite.readers import FileReaders
from uproot_nb.log.sqlite.tables import TABLES, VERSION

__all__ = ["NO_CHECKSUM", "check_layout"]

NO_CHECKSUM = "NULL"
"""What stands for the column of checksums where a file has none."""


def check_layout(file: LogFile, readers: FileReaders) -> str:
    """Refuse a newer version that only the journal shows, and a file with missing tables.

    Warns of events that are missing. Returns the column of checksums, or what stands for it.
    """
    version = readers.fetch("PRAGMA user_version")[0][0]
    check_version(version, file.path)
    names = readers.fetch("SELECT name FROM sqlite_master WHERE type = 'table'")
    for table in sorted(TABLES[max(version, 1)]):
        if (table,) not in names:
            raise CorruptLog(file.path, f"its table '{table}' is missing")
        readers.fetch(f"SELECT 1 FROM {table} LIMIT 1")
    if version < VERSION:
        return NO_CHECKSUM
    claims = claims_of(readers.fetch(CLAIMS), file.path)
    losses = [loss for claim in claims if (loss := _loss(file, readers, claim)) is not None]
    for loss in losses:
        warnings.warn(str(loss), stacklevel=5)
    if not losses and is_missing_journal(file.name, claims):
        warnings.warn(
            f"{file.path} was copied or moved while it was being written, without its journal "
            f"({file.path}-wal): its newest events may be missing.",
            stacklevel=5,
        )
    return "checksum"


def _loss(file: LogFile, readers: FileReaders, claim: Claim) -> LostEvents | None:
    """Return what a session lacks; its writer may have written just now, so check twice."""
    loss = loss_of(file.name, file.path, claim)
    if loss is None:
        return None
    rows = readers.fetch(f"{CLAIMS} WHERE session = ?", (claim.session,))
    return loss_of(file.name, file.path, Claim(*rows[0])._replace(seq=claim.seq))
