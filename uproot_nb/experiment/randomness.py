"""Chance: random generators that can be stored, and identifiers that nobody can guess."""

from __future__ import annotations

import secrets
import uuid as identifiers
from collections.abc import Callable
from random import Random
from uuid import UUID

from uproot_nb.experiment.execution import session_here

__all__ = ["rng", "uuid"]

_NEW: Callable[[], UUID] = getattr(identifiers, "uuid7", identifiers.uuid4)
"""From Python 3.14 on, identifiers that sort by the time of their making."""


def rng() -> Random:
    """Make a random generator of its own: `player.treatment = rng().choice(["A", "B"])`.

    In a hook or live method its draws follow from the session's seed, so that a session served with
    `seed=` gives the same draws again if the same happens in it; in a cell they follow from the
    operating system. Store it in a field to go on with the same draws later: `player.rng = rng()`.
    """
    session = session_here()
    return Random(secrets.randbits(128)) if session is None else session.next_rng()


def uuid() -> UUID:
    """Make an identifier that is unique, and that nobody can guess."""
    return _NEW()
