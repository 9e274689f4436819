"""Refusals: why a log reads or writes nothing any more, or does not write."""

from __future__ import annotations

import io

__all__ = ["closed", "inherited", "read_only"]


def closed(path: str) -> ValueError:
    """Return the error of a log that is closed."""
    return ValueError(f"The log {path} is closed.")


def inherited(path: str) -> ValueError:
    """Return the error of a log that a forked child has from its parent."""
    return ValueError(
        f"The log {path} belongs to the process that this one was forked from.\n"
        "Open it here with readonly=True, or start processes by 'spawn'."
    )


def read_only(path: str) -> io.UnsupportedOperation:
    """Return the error of a log that nothing can be written to."""
    return io.UnsupportedOperation(f"The log {path} was opened for reading only.")
