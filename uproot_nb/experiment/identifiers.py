"""Identifiers: small, storable references to players, groups, sessions and models."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["GroupIdentifier", "ModelIdentifier", "PlayerIdentifier", "SessionIdentifier"]


class SessionIdentifier(NamedTuple):
    """A reference to a session: `~session`."""

    session: str

    @property
    def sname(self) -> str:
        """The session's name."""
        return self.session


class PlayerIdentifier(NamedTuple):
    """A reference to a player: `~player`. Use it as a value, a dict key or a recipient."""

    session: str
    name: str

    @property
    def sname(self) -> str:
        """The session's name."""
        return self.session

    @property
    def uname(self) -> str:
        """The player's name."""
        return self.name


class GroupIdentifier(NamedTuple):
    """A reference to a group: `~group`."""

    session: str
    name: str

    @property
    def sname(self) -> str:
        """The session's name."""
        return self.session

    @property
    def gname(self) -> str:
        """The group's name."""
        return self.name


class ModelIdentifier(NamedTuple):
    """A reference to a model (a typed, append-only table)."""

    session: str
    name: str

    @property
    def sname(self) -> str:
        """The session's name."""
        return self.session

    @property
    def mname(self) -> str:
        """The model's name."""
        return self.name
