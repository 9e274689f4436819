"""page_function: a function of a page as its author wrote it."""

from __future__ import annotations

from typing import Any

__all__ = ["page_function"]


def page_function(page: Any, name: str) -> Any:
    """Return a function of a page as its author wrote it: it takes the page itself."""
    value = getattr(page, name)
    return getattr(value, "__func__", value)
