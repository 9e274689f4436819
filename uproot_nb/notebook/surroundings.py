"""Surroundings: what a researcher should know about where a notebook is being served."""

from __future__ import annotations

import os
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from uproot_nb.errors import UprootError
from uproot_nb.log.sqlite.sqlite_log import SqliteLog

if TYPE_CHECKING:
    from psutil import Process

__all__ = ["databases_around", "runner_of", "session_elsewhere", "warning_of"]

_VOILA = "voila"
_RUNNERS = (
    "nbconvert",
    "papermill",
    "jupyter-execute",
    "jupyter execute",
    "nbclient",
    "quarto",
    _VOILA,
)
_LEVELS = 3
_MOST_FOLDERS, _MOST_DATABASES = 300, 20


def runner_of(process: Process | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """Return the program that executes this notebook from top to bottom; "" if a person does.

    Args:
        process: the kernel's parent; by default that of this process.
        environ: the kernel's environment. Voila is often part of a Jupyter server, and says there
            which kernels are its own.
    """
    import psutil  # lazy: only serve asks

    if environ.get("SERVER_SOFTWARE", "").startswith(f"{_VOILA}/"):
        return _VOILA
    try:
        parent = psutil.Process(os.getppid()) if process is None else process
        words = " ".join(Path(word).name for word in parent.cmdline()[:4])
    except (psutil.Error, OSError):
        return ""
    return next((name for name in _RUNNERS if name in words), "")


def warning_of(runner: str) -> str:
    """Return what a researcher should know whose notebook is executed by *runner*."""
    kernel = "This notebook is being executed by {runner}. Its kernel ends after the last cell."
    if runner == _VOILA:
        kernel = (
            "This notebook is being executed by {runner}, once for each visitor of its page; the "
            "kernel ends with the visit."
        )
    return (
        f"{kernel.format(runner=runner)} From then on no link to this session works, not even "
        "those in the saved output. To serve without JupyterLab: uproot-nb run NOTEBOOK."
    )


def session_elsewhere(database: Path, session: str) -> Path | None:
    """Return a database nearby that has the *session* which *database* lacks, the newest first."""
    around = databases_around(database)[:_MOST_DATABASES]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files that are not this notebook's
        return next((other for other in around if _has(other, session)), None)


def databases_around(database: Path) -> list[Path]:
    """Return the databases of that name in the folders around, those written last first."""
    folders: dict[Path, None] = {}
    for level in islice(database.parent.parents, _LEVELS):
        folders[level] = None
        folders.update(dict.fromkeys(islice(_folders_in(level), _MOST_FOLDERS)))
    folders.update(dict.fromkeys(islice(_folders_in(database.parent), _MOST_FOLDERS)))
    folders.pop(database.parent, None)
    found = [folder / database.name for folder in folders]
    dated = [(path.stat().st_mtime, path) for path in found if path.is_file()]
    return [path for _, path in sorted(dated, reverse=True)]


def _folders_in(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                    yield Path(entry.path)
    except OSError:  # not ours to read
        return


def _has(database: Path, session: str) -> bool:
    try:
        log = SqliteLog(database, readonly=True)
    except (UprootError, OSError, sqlite3.Error):
        return False
    try:
        return any(record.name == session for record in log.sessions())
    except (UprootError, OSError, sqlite3.Error):
        return False
    finally:
        log.close()
