"""OPENERS: what the framework's apps call to open a player, session, group or model by name."""

from __future__ import annotations

from typing import Any, NoReturn

from uproot_nb.errors import UprootError
from uproot_nb.experiment.identifiers import GroupIdentifier, ModelIdentifier, PlayerIdentifier
from uproot_nb.interop.dialect import calling_world, check_session, materialize
from uproot_nb.session import entities

__all__ = ["OPENERS"]


class Opener(type):
    """A class that stands for entities: `isinstance(player, Player)` holds for ours."""

    kind: type = entities.Entity

    def __instancecheck__(cls, instance: Any) -> bool:
        """Return whether something is such an entity."""
        return isinstance(instance, cls.kind)


class PlayerOpener(metaclass=Opener):
    """A player: `with Player(session.name, name) as player: ...`."""

    kind = entities.Player

    def __new__(cls, sname: str, uname: str) -> Any:
        """Return the player of that name."""
        return materialize(PlayerIdentifier(sname, uname))


class SessionOpener(metaclass=Opener):
    """A session: `with Session(name) as session: ...`."""

    kind = entities.Session

    def __new__(cls, sname: str) -> Any:
        """Return the session, if it is the one that runs this code."""
        check_session(sname)
        return calling_world().session


class GroupOpener(metaclass=Opener):
    """A group: `with Group(session.name, name) as group: ...`."""

    kind = entities.Group

    def __new__(cls, sname: str, gname: str) -> Any:
        """Return the group of that name."""
        return materialize(GroupIdentifier(sname, gname))


class ModelOpener(metaclass=Opener):
    """A model's own fields: `with Model(session.name, name) as model: ...`."""

    def __new__(cls, sname: str, mname: str) -> Any:
        """Return the model of that name."""
        return materialize(ModelIdentifier(sname, mname))


class AdminOpener(metaclass=Opener):
    """The framework's storage of all sessions, which has no place in a notebook."""

    def __new__(cls) -> NoReturn:
        """Raise, and name the alternatives."""
        raise UprootError(
            "There is no admin storage: the researcher works in the notebook.\n"
            "Store what belongs to the session in session.x; read other sessions with open_log()."
        )


OPENERS: dict[str, type] = {
    "Player": PlayerOpener, "Session": SessionOpener, "Group": GroupOpener, "Model": ModelOpener,
    "Admin": AdminOpener,
}  # fmt: skip
"""By the framework's names."""
