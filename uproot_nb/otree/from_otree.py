"""from_otree: an oTree app as the first version of a notebook."""

from __future__ import annotations

import os
from pathlib import Path

from uproot_nb.errors import UprootError

__all__ = ["from_otree"]


def from_otree(folder: str | os.PathLike[str], to: str | os.PathLike[str] = "") -> Path:
    """Write a first version of a notebook for an oTree app (5 or 6), and return its path.

        from_otree("my_project/public_goods", to="public_goods.ipynb")

    Pages, fields, constants, functions, wait pages, live methods and templates are translated;
    the app is read, never run. The first cell lists what was not translated, by file and line,
    and a comment marks each place. Included templates, static files and data are copied beside
    the notebook. It needs `pip install "uproot_nb[export]"`.

    Args:
        folder: the app's folder, in its oTree project.
        to: the notebook; by default it has the app's name, in the working folder.

    Raises:
        BadApp: there is no such app, it was written for oTree before 5, or the notebook exists.
        UprootError: LibCST is missing.
    """
    app = Path(folder).expanduser()
    notebook = Path(to).expanduser() if to else Path(f"{app.absolute().name}.ipynb")
    try:
        from uproot_nb.otree.notebook import write_notebook  # lazy: it loads LibCST and nbformat
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "libcst":
            raise
        raise UprootError(
            "from_otree() needs LibCST, which is not installed.\n"
            'Install it with %pip install "uproot_nb[export]" and run the cell again.'
        ) from None
    return write_notebook(app, notebook)
