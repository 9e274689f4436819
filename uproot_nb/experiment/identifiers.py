"""Identifiers: small, storable references to players, groups, sessions and models."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["GroupIdentifier", "ModelIdentifier", "PlayerIdentifier", "SessionIdentifier"]


class SessionIdentifier(NamedTuple):
    """A reference to a session: `~session`."""

    session: str


class PlayerIdentifier(NamedTuple):
    """A reference to a player: `~player`. Good as a value, a dict key, or a recipient."""

    session: str
    name: str


class GroupIdentifier(NamedTuple):
    """A reference to a group: `~group`."""

    session: str
    name: str


class ModelIdentifier(NamedTuple):
    """A reference to a model (a typed, append-only table)."""

    session: str
    name: str
