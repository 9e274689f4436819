"""The run whose code this is: found by the event loop on which it runs."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["runtime_here"]


def runtime_here() -> Any:
    """Return the runtime on whose loop this code runs; None in a cell, a thread or a script."""
    try:
        return getattr(asyncio.get_running_loop(), "runtime", None)
    except RuntimeError:
        return None
