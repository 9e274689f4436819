"""Paths: the notebook's file, its folder, and its database."""

from __future__ import annotations

import os
from pathlib import Path

from uproot_nb.experiment.shell import find_shell
from uproot_nb.log.postgres.address import DatabaseAddress, Place, is_database

__all__ = ["database_path", "notebook_file", "notebook_folder"]

_JUPYTER = "JPY_SESSION_NAME"
"""The variable in which Jupyter's server passes kernels their notebook's path."""
_VS_CODE = "__vsc_ipynb_file__"
"""The name of VS Code's variable for it in the notebook's namespace."""


def notebook_file() -> Path | None:
    """Return this notebook's file, as the editor reports it; None where there is no notebook.

    It need not be there: VS Code has notebooks that were never saved, and a Jupyter server that
    VS Code has started a kernel on makes a name up.
    """
    shell = find_shell()
    seen = "" if shell is None else shell.user_ns.get(_VS_CODE, "")
    found = [Path(name) for name in (os.environ.get(_JUPYTER, ""), seen) if name]
    return next((path for path in found if path.is_file()), found[0] if found else None)


def notebook_folder() -> Path:
    """Return the folder of the notebook (the working folder where there is none)."""
    notebook = notebook_file()
    if notebook is None or not notebook.is_absolute() or not notebook.parent.is_dir():
        return Path.cwd()
    return notebook.parent


def database_path(db: Place | None) -> Path | DatabaseAddress:
    """Return the database: the one given, the environment's, or the file beside the notebook."""
    named = db if db is not None else os.environ.get("UPROOT_NB_DATABASE")
    if isinstance(named, DatabaseAddress) or (named and is_database(named)):
        return DatabaseAddress.of(named)
    return Path(named).absolute() if named else notebook_folder() / "uproot_nb.sqlite3"
