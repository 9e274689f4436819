"""Stored texts: PostgreSQL takes no zero byte in a text, so another character stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["from_stored", "row_from_stored", "to_stored"]

_MARK = "\ufdd0"
"""A character that Unicode reserves for such uses: it is in nobody's text."""


def to_stored(text: str) -> str:
    """Return a text as it is stored."""
    if "\0" not in text and _MARK not in text:
        return text
    return text.replace(_MARK, f"{_MARK}1").replace("\0", f"{_MARK}0")


def from_stored(text: str) -> str:
    """Return a stored text as it was."""
    return text.replace(f"{_MARK}0", "\0").replace(f"{_MARK}1", _MARK)


def row_from_stored(row: Sequence[Any]) -> tuple[Any, ...]:
    """Return a stored row with its texts as they were."""
    return tuple(from_stored(value) if isinstance(value, str) else value for value in row)
