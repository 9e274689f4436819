"""ExportFailed: what to do if an export could not be written."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uproot_nb.errors import UprootError

__all__ = ["ExportFailed", "explained"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class ExportFailed(UprootError, OSError):
    """An export could not be written; an earlier one of its name is as it was."""

    def __init__(self, target: Path, reason: OSError) -> None:
        self.target, self.errno, self.reason = target, reason.errno, reason
        UprootError.__init__(self, f"{target} was not written: {self._what(reason)}")

    def __str__(self) -> str:
        return str(self.args[0])

    def _what(self, reason: OSError) -> str:
        there = " The earlier export there is unchanged." if self.target.exists() else ""
        if reason.errno in _FULL:
            return (
                f"the disk is full ({reason}).{there}\nThe new export was removed. Make space, "
                "or export to another disk; the temporary folder needs space, too."
            )
        return f"{reason}.{there}\nThe new export was removed."


@contextmanager
def explained(target: Path) -> Iterator[None]:
    """Turn errors of the file system in the block into ExportFailed."""
    try:
        yield
    except UprootError:
        raise
    except OSError as failure:
        raise ExportFailed(target, failure) from failure
