"""Refusals: errors that say why a value cannot be stored."""

from __future__ import annotations

from uproot_nb.errors import Unstorable

__all__ = ["MAX_DEPTH", "refusal", "too_deep", "type_name"]

MAX_DEPTH = 100
"""How deep containers may nest; a container that holds itself is nested without end."""


def type_name(kind: type) -> str:
    """Return the name by which a person would find a class."""
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def refusal(kind: type, reason: str = "") -> Unstorable:
    """Return the error that refuses a value of that class."""
    return Unstorable(type_name(kind), reason)


def too_deep(kind: type) -> Unstorable:
    """Return the error that refuses a value nested without end, or nearly so."""
    return refusal(kind, f"it contains itself, or is nested more than about {MAX_DEPTH} deep")
