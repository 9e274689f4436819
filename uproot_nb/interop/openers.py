"""Openers: Player, Session, Group and Model as the framework's apps open them, by name."""

from __future__ import annotations

from typing import Any, NoReturn

from uproot_nb.errors import UprootError
from uproot_nb.experiment.identifiers import GroupIdentifier, ModelIdentifier, PlayerIdentifier
from uproot_nb.interop.dialect import calling_world, check_session, materialize
from uproot_nb.session import entities

__all__ = ["Admin", "Group", "Model", "Opener", "Player", "Session"]


class Opener(type):
    """A class that stands for entities: `isinstance(player, Player)` holds for ours."""

    kind: type = entities.Entity

    def __instancecheck__(cls, instance: Any) -> bool:
        """Tell whether something is such an entity."""
        return isinstance(instance, cls.kind)


class Player(metaclass=Opener):
    """A player: `with Player(session.name, name) as player: ...`."""

    kind = entities.Player

    def __new__(cls, sname: str, uname: str) -> Any:
        """Return the player of that name."""
        return materialize(PlayerIdentifier(sname, uname))


class Session(metaclass=Opener):
    """A session: `with Session(name) as session: ...`."""

    kind = entities.Session

    def __new__(cls, sname: str) -> Any:
        """Return the session, if it is the one for which the code runs."""
        check_session(sname)
        return calling_world().session


class Group(metaclass=Opener):
    """A group: `with Group(session.name, name) as group: ...`."""

    kind = entities.Group

    def __new__(cls, sname: str, gname: str) -> Any:
        """Return the group of that name."""
        return materialize(GroupIdentifier(sname, gname))


class Model(metaclass=Opener):
    """A model's own fields: `with Model(session.name, name) as model: ...`."""

    def __new__(cls, sname: str, mname: str) -> Any:
        """Return the model of that name."""
        return materialize(ModelIdentifier(sname, mname))


class Admin(metaclass=Opener):
    """The framework's storage of all sessions, which has no place in a notebook."""

    def __new__(cls) -> NoReturn:
        """Say what there is instead."""
        raise UprootError(
            "There is no admin storage: the researcher works in the notebook.\n"
            "Keep what belongs to the session in session.x; read other sessions with open_log()."
        )
