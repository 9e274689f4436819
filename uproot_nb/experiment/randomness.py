"""Randomness: generators that can be stored, and identifiers that nobody can guess."""

from __future__ import annotations

import secrets
import uuid as identifiers
from collections.abc import Callable
from random import Random
from uuid import UUID

from uproot_nb.experiment.execution import session_here

__all__ = ["rng", "uuid"]

_NEW: Callable[[], UUID] = getattr(identifiers, "uuid7", identifiers.uuid4)
"""From Python 3.14 on, identifiers that sort by creation time."""


def rng() -> Random:
    """Return a new random generator: `player.treatment = rng().choice(["A", "B"])`.

    In a hook or live method its draws follow from the session's seed: a session with the same
    `seed=` and the same events has the same draws. In a cell, the operating system supplies the
    seed. To continue its sequence later, store the generator in a field: `player.rng = rng()`.
    """
    session = session_here()
    return Random(secrets.randbits(128)) if session is None else session.next_rng()


def uuid() -> UUID:
    """Return a unique identifier that nobody can guess."""
    return _NEW()
