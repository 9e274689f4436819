"""OwnedFolder: a private temporary folder that the next process removes if its own was killed."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where folders of killed processes stay
    fcntl = None  # type: ignore[assignment]

from uproot_nb.bridge.forks import leave_to_parent, take_back

__all__ = ["OwnedFolder", "remove_abandoned"]


class OwnedFolder:
    """A folder for this process alone, of mode 0700, locked as long as the process lives.

        folder = OwnedFolder("uproot_nb-received-")
        folder.path
        folder.remove()

    The operating system ends the lock with the process, however that ends.

    Raises:
        OSError: the folder cannot be made.
    """

    def __init__(self, prefix: str) -> None:
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=prefix))
            self._descriptor = _open_locked(self.path, wait=True)
            if self._descriptor != _NONE or self.path.exists():  # some file systems have no locks
                break  # else another process took it for one that is abandoned
        leave_to_parent(self._descriptor)

    def remove(self) -> None:
        """Remove the folder and all that is in it. Idempotent."""
        shutil.rmtree(self.path, ignore_errors=True)
        descriptor, self._descriptor = self._descriptor, _NONE
        if descriptor != _NONE:
            take_back(descriptor)
            os.close(descriptor)


def remove_abandoned(prefix: str, unused_for: float = 0.0) -> int:
    """Remove this user's folders with this prefix whose processes are gone; return how many.

    Args:
        unused_for: leave those in which something was changed in the last so many seconds.
    """
    before, removed = time.time() - unused_for, 0
    for path in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        descriptor = _open_locked(path, wait=False)
        if descriptor == _NONE:
            continue
        try:
            if os.fstat(descriptor).st_mtime <= before:
                shutil.rmtree(path, ignore_errors=True)
                removed += 1
        finally:
            os.close(descriptor)
    return removed


_NONE = -1


def _open_locked(path: Path, *, wait: bool) -> int:
    """Return a descriptor that locks a folder of this user; _NONE if it is not available."""
    if fcntl is None:
        return _NONE
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return _NONE
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        if _is_own(path, os.fstat(descriptor)):
            return descriptor
    except OSError:  # another process has it
        pass
    os.close(descriptor)
    return _NONE


def _is_own(path: Path, opened: os.stat_result) -> bool:
    """Return whether the opened folder is this user's, and still has this name."""
    named = os.lstat(path)
    is_same = (named.st_ino, named.st_dev) == (opened.st_ino, opened.st_dev)
    return is_same and stat.S_ISDIR(named.st_mode) and opened.st_uid == os.getuid()
