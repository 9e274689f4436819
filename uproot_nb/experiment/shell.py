"""Shell: IPython's shell, and the cell that it runs."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["find_cell", "find_shell"]


def find_shell() -> Any:
    """Return IPython's shell in a notebook's kernel or IPython terminal, else None."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython  # lazy: a script, or the server, needs no IPython

    return get_ipython()


def find_cell() -> tuple[str, str]:
    """Return the ids of the running cell and of its execution; "" if unknown."""
    kernel = getattr(find_shell(), "kernel", None)
    parent = {} if kernel is None else kernel.get_parent("shell") or {}
    cell = parent.get("metadata", {}).get("cellId", "")
    return str(cell), str(parent.get("header", {}).get("msg_id", ""))
