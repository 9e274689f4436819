"""Rows of a page's tables, and the words of code in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

__all__ = ["Executed", "code_words", "rows_of"]

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
_WORD = re.compile(r"[A-Za-z_]\w*")
_FREE = frozenset({"a", "b", "c", "d", "x", "n", "A", "B", "png"})
"""Names that stand for anything."""


def rows_of(page: str) -> dict[str, str]:
    """Return the two columns of the tables in a page of the documentation."""
    lines = (DOCS / page).read_text("utf-8").splitlines()
    rows = [line.strip("|").split(" | ") for line in lines if re.match(r"\| .+ \| .+ \|$", line)]
    found = {left.strip(): " | ".join(right).strip() for left, *right in rows}
    return {left: right for left, right in found.items() if right not in ("here", "")}


def code_words(cell: str) -> set[str]:
    """Return the names in a cell's code."""
    spans = re.findall(r"`([^`]+)`", cell)
    return {word for span in spans for word in _WORD.findall(span)} - _FREE


class Executed:
    """Functions that execute the rows of a page, by a part of the row's first cell."""

    def __init__(self, page: str) -> None:
        self.rows = rows_of(page)
        self.functions: dict[str, Callable[..., None]] = {}

    def row(self, left: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Mark the function that executes the row with *left* in its first cell."""
        (found,) = [cell for cell in self.rows if left in cell]

        def marked(function: Callable[..., None]) -> Callable[..., None]:
            assert found not in self.functions, f"{found} is executed twice"
            self.functions[found] = function
            return function

        return marked

    def missing_words(self, left: str, source: str, more: Iterable[str] = ()) -> set[str]:
        """Return the names in a row's second cell that its function does not use."""
        return code_words(self.rows[left]) - set(_WORD.findall(source)) - set(more)
