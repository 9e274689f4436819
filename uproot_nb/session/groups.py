"""Groups: create groups and add players to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from uproot_nb.errors import UprootError, WrongRecipient
from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.session.entities import Group, Player, Session
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.world import World, world_of

__all__ = ["add_to_group", "create_group", "create_groups"]


def create_group(
    session: Session, members: Iterable[Any], gname: str | None = None, overwrite: bool = False
) -> Group:
    """Create a group; players get their `member_id` in the order given.

    Args:
        gname: the group's name; by default "g0", "g1", ….
        overwrite: move players who are in other groups, and replace all members of a group that
            has this name, instead of raising an error.

    Raises:
        UprootError: a player is in a group already, or the name is taken.
    """
    world = world_of(session)
    with world.lock:
        names = _member_names(world, members)
        name = gname if gname is not None else _free_name(world)
        _check_name(world, name, overwrite)
        _check_free(world, names, overwrite)
        return _make(world, name, names)


def create_groups(
    session: Session, members: Iterable[Iterable[Any]], overwrite: bool = False
) -> Bunch[Group]:
    """Create several groups: `create_groups(session, [[a, b], [c, d]])`.

    Raises:
        UprootError: a player is listed twice or is in a group already; no group is created.
    """
    world = world_of(session)
    with world.lock:
        named = [_member_names(world, group) for group in members]
        _refuse_twice([name for names in named for name in names])
        for names in named:
            _check_free(world, names, overwrite)
        _take_out(world, [name for names in named for name in names])
        return Bunch([_make(world, _free_name(world), names) for names in named], "groups")


def add_to_group(group: Group, player: Any, overwrite: bool = False) -> Group:
    """Add one or more players to a group.

    Raises:
        UprootError: the player is in a group already, and *overwrite* is not set.
    """
    world = world_of(group)
    with world.lock:
        one = isinstance(player, (Player, PlayerIdentifier, str))
        names = _member_names(world, [player] if one else player)
        _check_free(world, names, overwrite)
        _take_out(world, names)
        current = world.state.groups[group.name]
        _write(world, group.name, current.id, [*current.members, *names])
        return group


def _make(world: World, name: str, names: list[str]) -> Group:
    _take_out(world, names)
    known = world.state.groups.get(name)
    _write(world, name, _next_id(world) if known is None else known.id, names)
    return world.group(name)


def _member_names(world: World, members: Iterable[Any]) -> list[str]:
    if isinstance(members, (str, PlayerIdentifier)) or not isinstance(members, Iterable):
        raise WrongRecipient(members)
    names = [_name_of(member, world) for member in members]
    _refuse_twice(names)
    if not names:
        raise UprootError("A group needs members.\nGive at least one player.")
    return names


def _name_of(member: Any, world: World) -> str:
    if not isinstance(member, (Player, PlayerIdentifier, str)):
        raise WrongRecipient(member)
    if isinstance(member, Player) and member._world is world:
        return member.name
    name: str = world.players().get(member).name  # also by a label
    return name


def _refuse_twice(names: list[str]) -> None:
    if len(set(names)) != len(names):
        raise UprootError("A player is listed twice in the groups.\nList every member once.")


def _check_name(world: World, name: Any, overwrite: bool) -> None:
    if not isinstance(name, str) or not name or not name.isprintable():
        raise UprootError(f"A group cannot be named {name!a}.\nGive gname some text.")
    if name in world.state.groups and not overwrite:
        raise UprootError(
            f"There is a group '{name}' already.\nGive another gname, or overwrite=True."
        )


def _check_free(world: World, names: list[str], overwrite: bool) -> None:
    for name in names:
        old = world.state.players[name].group
        if old is not None and not overwrite:
            raise UprootError(
                f"player/{name} is in group '{old}' already.\n"
                "Give overwrite=True to take players out of their groups."
            )


def _take_out(world: World, names: list[str]) -> None:
    leaving: dict[str, set[str]] = {}
    for name in names:
        old = world.state.players[name].group
        if old is not None:
            leaving.setdefault(old, set()).add(name)
    for old, gone in leaving.items():
        group = world.state.groups[old]
        _write(world, old, group.id, [member for member in group.members if member not in gone])


def _free_name(world: World) -> str:
    number = len(world.state.groups)
    while f"g{number}" in world.state.groups:
        number += 1
    return f"g{number}"


def _next_id(world: World) -> int:
    newest = next(reversed(world.state.groups.values()), None)  # ids rise as groups are made
    return 0 if newest is None else newest.id + 1


def _write(world: World, name: str, number: int, members: list[str]) -> None:
    value = world.codec.encode({"id": number, "members": members})
    world.journal.fold("group", f"group/{name}", "", value)
