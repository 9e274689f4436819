"""Mistakes: what went wrong in an app's own code while it was walked."""

from __future__ import annotations

from uproot_nb import Run

__all__ = ["mistakes"]


def mistakes(run: Run) -> list[str]:
    """Return what hooks and live methods raised; that a machine is slow is no mistake of theirs."""
    errors = run.errors
    return [str(value) for value in errors[errors["cause"] != "watchdog"]["value"]]
