"""Identifiers: small, storable references to players, groups, sessions and models.

Their parts have short names as well, as in the framework: `PlayerIdentifier(sname=…, uname=…)`.
"""

from __future__ import annotations

from typing import NamedTuple, Self

__all__ = ["GroupIdentifier", "ModelIdentifier", "PlayerIdentifier", "SessionIdentifier"]


class _NameOfSession(NamedTuple):
    session: str


class _NameInSession(NamedTuple):
    session: str
    name: str


class SessionIdentifier(_NameOfSession):
    """A reference to a session: `~session`."""

    __slots__ = ()

    def __new__(cls, session: str | None = None, *, sname: str | None = None) -> Self:
        return super().__new__(cls, _one_of(session=session, sname=sname))

    @property
    def sname(self) -> str:
        """The session's name."""
        return self.session


class PlayerIdentifier(_NameInSession):
    """A reference to a player: `~player`. Use it as a value, a dict key or a recipient."""

    __slots__ = ()

    def __new__(
        cls, session: str | None = None, name: str | None = None, *,
        sname: str | None = None, uname: str | None = None,
    ) -> Self:  # fmt: skip
        return super().__new__(
            cls, _one_of(session=session, sname=sname), _one_of(name=name, uname=uname)
        )

    @property
    def sname(self) -> str:
        """The session's name."""
        return self.session

    @property
    def uname(self) -> str:
        """The player's name."""
        return self.name


class GroupIdentifier(_NameInSession):
    """A reference to a group: `~group`."""

    __slots__ = ()

    def __new__(
        cls, session: str | None = None, name: str | None = None, *,
        sname: str | None = None, gname: str | None = None,
    ) -> Self:  # fmt: skip
        return super().__new__(
            cls, _one_of(session=session, sname=sname), _one_of(name=name, gname=gname)
        )

    @property
    def sname(self) -> str:
        """The session's name."""
        return self.session

    @property
    def gname(self) -> str:
        """The group's name."""
        return self.name


class ModelIdentifier(_NameInSession):
    """A reference to a model (a typed, append-only table)."""

    __slots__ = ()

    def __new__(
        cls, session: str | None = None, name: str | None = None, *,
        sname: str | None = None, mname: str | None = None,
    ) -> Self:  # fmt: skip
        return super().__new__(
            cls, _one_of(session=session, sname=sname), _one_of(name=name, mname=mname)
        )

    @property
    def sname(self) -> str:
        """The session's name."""
        return self.session

    @property
    def mname(self) -> str:
        """The model's name."""
        return self.name


def _one_of(**given: str | None) -> str:
    """Return the one of two arguments that was given."""
    found = [value for value in given.values() if value is not None]
    if len(found) == 1:
        return found[0]
    what = " and ".join(given)
    raise TypeError(f"An identifier needs one of {what}, and was given {len(found)} of them.")
