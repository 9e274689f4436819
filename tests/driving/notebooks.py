"""OpenNotebook: a copy of one of our notebooks, open in a kernel of its own."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from live_jupyter import LiveJupyter, wait_until

__all__ = ["NOTEBOOKS", "OpenNotebook", "cells_of"]

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def cells_of(name: str) -> dict[str, str]:
    """Return the code cells of a notebook by their ids, from top to bottom."""
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text("utf-8"))["cells"]
    return {c["id"]: "".join(c["source"]) for c in cells if c["cell_type"] == "code"}


def _with_constants(code: str, constants: Mapping[str, int]) -> str:
    """Return a cell's code with other values for constants."""
    for name, value in constants.items():
        code = re.sub(rf"^{name} = \d+", f"{name} = {value}", code, flags=re.MULTILINE)
    return code


class OpenNotebook:
    """A notebook whose cells have been run; in a folder of its own, so its session is new.

    notebook = OpenNotebook(jupyter, "double_auction", "some-folder")
    notebook.links[0]

    Args:
        constants: other values for constants of the notebook, such as {"SECONDS": 2}.
    """

    def __init__(
        self, jupyter: LiveJupyter, name: str, folder: str,
        constants: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        cells = cells_of(name)
        self.cells = {cell: _with_constants(code, constants or {}) for cell, code in cells.items()}
        (jupyter.folder / folder).mkdir()
        shutil.copy(NOTEBOOKS / f"{name}.ipynb", jupyter.folder / folder)
        self.kernel = jupyter.start_kernel(f"{folder}/{name}.ipynb")
        self.run_all_cells()
        self.links: list[str] = self.kernel.value("list(run.links['url'])")

    def run_all_cells(self) -> None:
        """Run the cells from top to bottom."""
        for code in self.cells.values():
            self.kernel.run(code)

    def wait_until(self, expression: str) -> None:
        """Return when *expression* is true in the kernel."""
        wait_until(lambda: self.kernel.value(f"bool({expression})"), 20.0, expression)

    @property
    def raised(self) -> list[str]:
        """What authors' code has raised; not what the watchdog says of a slow machine."""
        return list(self.kernel.value("[t for t in run.errors['type'] if t != 'Warning']"))

    def close(self) -> None:
        """Shut the kernel down."""
        self.kernel.shut_down()
