"""Values as JSON with their types, the same for the framework's values and for ours."""

from __future__ import annotations

import hashlib
from random import Random
from typing import Any

__all__ = ["described"]


def described(value: Any) -> Any:
    """Return a value as JSON, with its type; the names that an identifier holds in its place."""
    kind = type(value).__name__
    if kind.endswith("Identifier"):
        return [kind, *map(str, value)]
    if isinstance(value, (list, tuple)):
        return ["list" if isinstance(value, list) else "tuple", *map(described, value)]
    if isinstance(value, (set, frozenset)):
        return [kind, *sorted(map(described, value))]
    if isinstance(value, dict):
        return ["dict", {name: described(part) for name, part in value.items()}]
    if isinstance(value, Random):
        return [kind, hashlib.sha256(repr(value.getstate()).encode()).hexdigest()]
    return [kind, repr(value)]
