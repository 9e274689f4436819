"""page_function: a page's function as its author wrote it."""

from __future__ import annotations

from typing import Any

__all__ = ["page_function"]


def page_function(page: Any, name: str) -> Any:
    """Return a page's function as its author wrote it; its first argument is the page."""
    value = getattr(page, name)
    return getattr(value, "__func__", value)
