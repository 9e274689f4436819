"""LogFile: which file a log is, where it is now, and whether it may be used."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

from uproot_nb.log.refusals import inherited
from uproot_nb.log.sqlite.forks import identity, note_inherited

__all__ = ["LogFile", "Signature"]

Signature: TypeAlias = tuple[int, int, int]
"""A file's number, size, and time of change: what nobody writes keeps them."""


class LogFile:
    """The file of a log, which may be moved, deleted or replaced while it is open.

    Attributes:
        path: its name as it was given, for people.
        name: its name without links.
        refusal: makes the error of whoever reads or writes; None while that is allowed.
        seen: when it was last found in its place.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = os.path.realpath(path)
        self.refusal: Callable[[str], ValueError] | None = None
        self.seen = float("-inf")
        self._away_since: float | None = None
        self._files: tuple[tuple[int, int], ...] = ()

    def remember(self) -> None:
        """Remember which files now have the names of the log and its journal."""
        self._files = self._identities()

    @property
    def is_known(self) -> bool:
        """Whether it was opened, and so is remembered."""
        return bool(self._files)

    def is_in_place(self) -> bool:
        """Return whether the file and its journal still have their names."""
        return self._identities() == self._files

    def seconds_away(self, now: float) -> float | None:
        """Return how long ago it was noticed that the file is away; None if it is in its place."""
        if self.is_in_place():
            self.seen, self._away_since = now, None
            return None
        if self._away_since is None:
            self._away_since = now
        return now - self._away_since

    def has_journal(self) -> bool:
        """Return whether there is a journal beside the file: somebody writes it, or was killed."""
        return os.path.exists(f"{self.name}-wal")

    def check_usable(self) -> None:
        """Raise ValueError once the log is closed, or in a forked child."""
        if self.refusal is not None:
            raise self.refusal(self.path)

    def move_to(self, name: str) -> None:
        """Go on in the file *name*."""
        self.path = self.name = name

    def signature(self) -> Signature:
        """Return what changes when somebody writes to the file or replaces it."""
        now = os.stat(self.name)
        return now.st_ino, now.st_size, now.st_mtime_ns

    def disown(self) -> None:
        """In a forked child: refuse to be used, here or by another log of this process."""
        note_inherited(self.name)
        self.refusal = inherited

    def _identities(self) -> tuple[tuple[int, int], ...]:
        return identity(self.name), identity(f"{self.name}-wal")
