"""New files: written completely or not at all, and never over another by accident."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from uproot_nb.errors import UprootError

__all__ = ["write_new"]


def write_new(path: Path, content: bytes, overwrite: bool, private: bool = False) -> Path:
    """Write a file, and return its absolute path; a file with the same content stays.

    Args:
        overwrite: whether another file of that name is replaced.
        private: whether nobody but its owner may read it.

    Raises:
        UprootError: there is another file of that name, or it cannot be written.
    """
    path = path.absolute()
    if not path.parent.is_dir():
        raise UprootError(f"There is no folder {path.parent}.\nCreate it, or pass another path.")
    if path.is_dir():
        raise UprootError(f"{path} is a folder.\nGive the name of a file.")
    draft = _draft(path, content, private)
    try:
        if overwrite:
            os.replace(draft, path)
        elif not _put(draft, path) and path.read_bytes() != content:
            raise UprootError(
                f"{path} exists, with other content, and was not changed.\n"
                "Choose another name, or write overwrite=True."
            )
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    return path


def _draft(path: Path, content: bytes, private: bool) -> Path:
    """Write the content to a file beside, which only its owner may read."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        os.unlink(name)
        raise
    if not private:
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
    return Path(name)


def _put(draft: Path, path: Path) -> bool:
    """Give the draft its name, unless there is a file of that name; return whether it was."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if path.exists():
            return False
        os.replace(draft, path)
    return True
