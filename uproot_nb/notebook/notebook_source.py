"""The notebook's source: its cells without what they showed, for the log."""

from __future__ import annotations

import json
from typing import Any

from uproot_nb.engine.runtime import Runtime
from uproot_nb.notebook.place import notebook_file

__all__ = ["note_notebook", "without_outputs"]


def note_notebook(runtime: Runtime) -> None:
    """Keep the notebook that is served in the log, as it was saved last; nothing without one."""
    path = notebook_file()
    if path is None or path.suffix != ".ipynb":
        return
    try:
        text = path.read_text("utf-8")
        source = without_outputs(json.loads(text)) if text else ""
    except (OSError, ValueError):  # not saved yet, being saved right now, or moved
        return
    if source:
        runtime.note_notebook(path.name, source)


def without_outputs(notebook: dict[str, Any]) -> str:
    """Return a notebook as JSON, without outputs and attachments."""
    cells = [
        {name: value for name, value in cell.items() if name != "attachments"}
        | ({"outputs": [], "execution_count": None} if cell.get("cell_type") == "code" else {})
        for cell in notebook.get("cells", [])
    ]  # fmt: skip
    return json.dumps({**notebook, "cells": cells}, indent=1, ensure_ascii=False) + "\n"
