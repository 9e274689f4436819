"""Functions: their names in the log, and finding them by these names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["find_function", "name_of_function"]


def name_of_function(function: Callable[..., Any]) -> str:
    """Return a function's module and qualified name, as stored in the log."""
    module = getattr(function, "__module__", "") or ""
    return f"{module}:{getattr(function, '__qualname__', repr(function))}"


def find_function(name: str, namespaces: list[Mapping[str, Any]]) -> Callable[..., Any] | None:
    """Return the newest function of that name; None if there is none.

    Nested functions and lambdas cannot be found.
    """
    module, _, qualname = name.partition(":")
    places: list[Any] = [names for names in namespaces if names.get("__name__") == module]
    if not places and module in sys.modules:
        places = [vars(sys.modules[module])]
    for found in places:
        for part in qualname.split("."):
            found = found.get(part) if isinstance(found, Mapping) else getattr(found, part, None)
        if callable(found):
            return found  # type: ignore[no-any-return]
    return None
