"""The fields in which a session stores the draws of `balanced`."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["BLOCK", "COUNTED", "keys_dealt"]

BLOCK = "balanced_"
"""What the names of the fields with blocks begin with."""
COUNTED = "counted_"
"""What the names of the fields with counted draws begin with."""


def keys_dealt(names: Iterable[str]) -> list[str]:
    """Return the keys of what was dealt, by the names of the session's fields, each once."""
    return list(dict.fromkeys(
        name.removeprefix(start) for name in names for start in (BLOCK, COUNTED)
        if name.startswith(start)
    ))  # fmt: skip
