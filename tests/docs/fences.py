"""Fence: a block of code on a page of the documentation, and what is said about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LANGUAGES", "Fence", "fences_of"]

LANGUAGES = {"python", "html", "js", "css", "yaml", "bash", "sql", "text"}
"""What a fence may be in; anything else is a mistake, so that nothing is skipped silently."""

_FENCE = re.compile(
    r"(?:^<!-- (?P<marker>[a-z]+): (?P<told>\S+) -->\n+)?^```(?P<language>\S*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Fence:
    """One block of code; a comment above it may say `raises`, `file` or `script`, and of what.

    <!-- raises: BadPage -->    the python below fails so
    <!-- file: Market.html -->  the text below is that file, beside the notebook
    <!-- script: Market -->     the JavaScript below stands in that page's template
    """

    page: Path
    line: int
    language: str
    text: str
    raises: str | None = None
    file: str | None = None
    script: str | None = None

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def fences_of(page: Path) -> list[Fence]:
    """Return the blocks of code of a page, from top to bottom."""
    text = page.read_text("utf-8")
    return [_fence(page, text, found) for found in _FENCE.finditer(text)]


def _fence(page: Path, text: str, found: re.Match[str]) -> Fence:
    line = text.count("\n", 0, found.start("text")) + 1
    marked = {found["marker"]: found["told"]} if found["marker"] else {}
    return Fence(page, line, found["language"], found["text"], **marked)
