"""Waiting: for whom, or for what, a player waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Waiting"]


@dataclass(frozen=True)
class Waiting:
    """For whom, or for what, a player waits."""

    why: Literal["players", "group", "rule", "failed"]
    """For `players`; for a `group` to be made; for an author's `rule` that decides; or because an
    author's function has `failed`."""
    names: tuple[str, ...] = ()
    """The first of the players waited for, in the natural order of their labels."""
    missing: int = 0
    """How many players are waited for."""
    here: int = 0
    needed: int | None = None
    """Of how many; None if that is unknown."""
