"""Notebooks: namespaces as IPython leaves them, cell by cell, without IPython."""

from __future__ import annotations

import itertools
import linecache
from pathlib import Path
from textwrap import dedent
from typing import Any

__all__ = ["Notebook"]

_numbers = itertools.count(1)


class Notebook:
    """A namespace in which cells run, and which remembers them.

    notebook = Notebook("class Hello(Page): ...", "page_order = [Hello]")
    export_app(notebook.names, folder)
    """

    def __init__(self, *cells: str, **names: Any) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__", "In": [""]}
        self.run("from uproot_nb import *")
        self.names.update(names)
        self.run(*cells)

    def run(self, *cells: str) -> None:
        """Run more cells."""
        for cell in map(dedent, cells):
            self.names["In"].append(cell)
            file = f"<cell {next(_numbers)}>"
            linecache.cache[file] = (len(cell), None, cell.splitlines(keepends=True), file)
            exec(compile(cell, file, "exec", dont_inherit=True), self.names)

    def template(self, page: str, text: str) -> None:
        """Run a %%template cell, as IPython keeps it."""
        self.names.setdefault("_uproot_nb_cell_templates", {})[page] = dedent(text)
        self.names["In"].append(f"get_ipython().run_cell_magic('template', {page!r}, {text!r})")


def notebook_in(folder: Path, monkeypatch: Any) -> None:
    """Let the notebook stand in a folder."""
    monkeypatch.setenv("JPY_SESSION_NAME", str(folder / "experiment.ipynb"))
