"""The notebook's source: its cells without their outputs, for the log."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from uproot_nb.engine.runtime import Runtime
from uproot_nb.experiment.shell import find_shell
from uproot_nb.log.paths import notebook_file

__all__ = ["note_notebook", "without_outputs"]


def note_notebook(runtime: Runtime, show: Callable[[str], None] = lambda text: None) -> None:
    """Store the notebook, as it was last saved, in the log; do nothing without one."""
    path = notebook_file()
    if path is None or path.suffix != ".ipynb":
        return
    if not path.is_file():
        renamed = _renamed(path)
        if renamed is None:
            if path.is_absolute() and path.parent.is_dir() and "-jvsc-" not in path.name:
                show(
                    f"{path} is not there: the notebook was not saved yet, or was renamed or "
                    "moved. Its source is not stored with the data. Save it, or restart the "
                    "kernel, and run this cell again."
                )
            return
        path = renamed
    try:
        text = path.read_text("utf-8")
        source = without_outputs(json.loads(text)) if text else ""
    except (OSError, ValueError):  # not saved yet, being saved right now, or moved
        return
    if source:
        runtime.code_log.note_notebook(path.name, source)


def _renamed(path: Path) -> Path | None:
    """Return the one notebook beside *path* that has the cell which is running just now."""
    shell = find_shell()
    cells = [] if shell is None else shell.user_ns.get("In", [])
    running = str(cells[-1]).strip() if cells else ""
    if not running or not path.parent.is_dir():
        return None
    beside = [one for one in sorted(path.parent.glob("*.ipynb"))[:200] if _has_cell(one, running)]
    return beside[0] if len(beside) == 1 else None


def _has_cell(path: Path, code: str) -> bool:
    try:
        cells = json.loads(path.read_text("utf-8")).get("cells", [])
        return any("".join(cell["source"]).strip() == code for cell in cells)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def without_outputs(notebook: dict[str, Any]) -> str:
    """Return a notebook as JSON, without outputs and attachments."""
    cells = [
        {name: value for name, value in cell.items() if name != "attachments"}
        | ({"outputs": [], "execution_count": None} if cell.get("cell_type") == "code" else {})
        for cell in notebook.get("cells", [])
    ]  # fmt: skip
    return json.dumps({**notebook, "cells": cells}, indent=1, ensure_ascii=False) + "\n"
