"""without_warning: that what a test does warns of nothing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_warning"]


@contextmanager
def without_warning() -> Iterator[None]:
    """Make an error of each warning, but for sockets of other tests that are collected just now."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ResourceWarning)
        yield
