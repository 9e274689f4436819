"""Cell code: what a notebook's cells say before they run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["imported_modules", "literal_arguments"]


def imported_modules(cells: Iterable[str]) -> list[str]:
    """Return the modules that cells import at their top level, in order.

    imported_modules(["import numpy as np", "from scipy import stats"])    # ['numpy', 'scipy']
    """
    found: dict[str, None] = {}
    for statement in _statements(cells):
        if isinstance(statement, ast.Import):
            found |= dict.fromkeys(alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            found[statement.module] = None
    return list(found)


def literal_arguments(cells: Iterable[str], function: str, argument: str) -> list[Any]:
    """Return the different values that calls of a function write for a keyword argument.

    literal_arguments(['run = serve(players=4, name="pilot")'], "serve", "name")    # ['pilot']
    """
    calls = (node for statement in _statements(cells) for node in ast.walk(statement))
    values = [
        keyword.value.value
        for call in calls
        if isinstance(call, ast.Call) and _name_of(call.func) == function
        for keyword in call.keywords
        if keyword.arg == argument and isinstance(keyword.value, ast.Constant)
    ]
    return list(dict.fromkeys(values))


def _name_of(called: ast.expr) -> str:
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


def _statements(cells: Iterable[str]) -> Iterator[ast.stmt]:
    """Yield the statements of cells; those of cells that are no Python are left out."""
    # lazy: only a standby reads cells before a kernel does
    from IPython.core.inputtransformer2 import TransformerManager

    magics = TransformerManager()  # type: ignore[no-untyped-call]
    for cell in cells:
        try:
            yield from ast.parse(magics.transform_cell(cell)).body
        except SyntaxError:
            continue
