"""Dialect: the framework's functions, if their arguments or results differ from ours."""

from __future__ import annotations

import hashlib
import inspect
import operator
from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from uproot_nb.errors import UprootError
from uproot_nb.experiment import csv_files
from uproot_nb.experiment.identifiers import (
    GroupIdentifier,
    ModelIdentifier,
    PlayerIdentifier,
    SessionIdentifier,
)
from uproot_nb.experiment.query import FieldReference
from uproot_nb.flow import dropouts
from uproot_nb.realtime import author_functions as realtime
from uproot_nb.realtime import chat
from uproot_nb.session import groups
from uproot_nb.session import model_functions as models
from uproot_nb.session.entities import Player, Session
from uproot_nb.session.model import Model
from uproot_nb.session.world import World, world_here
from uproot_nb.templating import formatting

__all__ = [
    "FrozenDottedDict", "add_chat_player", "add_to_group", "as_identifier", "ensure_awaitable",
    "entry_matches", "noop", "resolve", "vertical", "check_session", "combine", "create_group",
    "create_chat", "create_groups", "create_model", "ensure",
    "ensure_not_none", "find_online", "fmtnum", "get_setting", "identify", "mark_dropout",
    "materialize", "move_to_end", "move_to_page", "notify", "page2path", "return_or_raise",
    "read_csv", "send_to", "send_to_one", "sha256", "valid_token", "who_online", "calling_world",
]  # fmt: skip

RECEIVED = "_uproot_Received"
"""The event that the framework names where an author names none."""

Identifier = SessionIdentifier | PlayerIdentifier | GroupIdentifier | ModelIdentifier


def calling_world() -> World:
    """Return the world of the session for which this code runs.

    Raises:
        UprootError: the code runs for no session, as in a cell.
    """
    world = world_here()
    if world is None:
        raise UprootError(
            "This code does not run for a session, so nothing can be found by name.\n"
            "Call it in a hook, callback or live method; in a cell use run.players or run.session."
        )
    return world


# ---- identifiers ----


def identify(entity: Any) -> Any:
    """Return the identifier of a player, group, session or model."""
    return entity if isinstance(entity, Identifier) else ~entity


def materialize(identifier: Any) -> Any:
    """Return what an identifier stands for."""
    if not isinstance(identifier, Identifier):
        return identifier
    check_session(identifier.session)
    world = calling_world()
    match identifier:
        case SessionIdentifier():
            return world.session
        case PlayerIdentifier():
            return world.player(identifier.name)
        case GroupIdentifier():
            return world.group(identifier.name)
    return models.get_storage(identifier)


def check_session(name: str) -> None:
    """Refuse a session other than the one for which this code runs."""
    own = calling_world().name
    if name != own:
        raise UprootError(
            f"There is no session '{name}' here; this is '{own}'.\n"
            "An app can reach only its own session."
        )


# ---- messages ----


def notify(
    sender: Player, to: Any, data: Any = None, *, event: str | None = None, where: Any = None
) -> None:
    """Push *data* to recipients who are on the sender's page."""
    realtime.notify(sender, to, data, event=_named(event), where=where)


def send_to(
    recipient: Any, data: Any = None, event: str | None = None, *, where: Any = ...
) -> None:
    """Push *data* without a sender."""
    realtime.send_to(recipient, data, event=_named(event), where=where)


def send_to_one(
    recipient: Any, data: Any = None, event: str | None = None, *, where: Any = ...
) -> None:
    """Push *data* to one player."""
    realtime.send_to_one(materialize(recipient), data, event=_named(event), where=where)


def _named(event: str | None) -> str | None:
    return None if event == RECEIVED else event


def create_model(session: Any, tag: str | None = None) -> Model:
    """Create a model and return it, which also works in cells that read the session's fields."""
    return models.create_model(materialize(session), tag)


def create_chat(session: Any) -> Model:
    """Create a chat and return it."""
    return chat.create(materialize(session))


def add_chat_player(chat_: Any, player: Any, pseudonym: str | None = None) -> None:
    """Add a player to a chat; the framework cannot distinguish members with the same pseudonym."""
    if pseudonym is not None:
        pseudonym = chat.free_pseudonym(chat_, player, pseudonym)
    chat.add_player(chat_, player, pseudonym)


# ---- moving ----


def move_to_page(player: Any, target: Any, reload_: bool = True) -> None:
    """Put the player on a page; an open browser follows."""
    realtime.move_to_page(materialize(player), target)


def move_to_end(player: Any, reload_: bool = True) -> None:
    """Put the player past the last page."""
    realtime.move_to_end(materialize(player))


def mark_dropout(pid: Any) -> None:
    """Count a player as a dropout."""
    dropouts.mark_dropout(materialize(pid))


# ---- groups ----


def create_group(
    session: Any, members: Iterable[Any], *, gname: str | None = None, overwrite: bool = False
) -> GroupIdentifier:
    """Make a group and return its identifier."""
    return ~groups.create_group(materialize(session), list(members), gname, overwrite)


def create_groups(
    session: Any, groups_: Iterable[Iterable[Any]], *, overwrite: bool = False
) -> list[GroupIdentifier]:
    """Make several groups and return their identifiers."""
    members = [list(group) for group in groups_]
    return [~group for group in groups.create_groups(materialize(session), members, overwrite)]


def add_to_group(group: Any, members: Any, *, overwrite: bool = False) -> None:
    """Add one player, or several, to a group."""
    single = isinstance(members, (Player, PlayerIdentifier))
    for member in [members] if single else list(members):
        groups.add_to_group(materialize(group), member, overwrite)


# ---- odds and ends ----


def get_setting(session: Session, key: str, default: Any = None) -> Any:
    """Return a setting of the session, or *default* where it has none."""
    return session.settings.get(key, default)


def combine(named_tuples: Sequence[Any]) -> Any:
    """Turn rows, as `players.each("name", "bid")` gives them, into one value by first field.

    `combine(rows).ann` is the rest of the row that begins with "ann": the second field itself, or
    a named tuple where there are several.
    """
    rests = {str(row[0]): _rest(row) for row in named_tuples}
    return namedtuple("Combined", rests)(**rests)


def _rest(row: Any) -> Any:
    fields = row._fields[1:]
    return row[1] if len(fields) == 1 else namedtuple("Rest", fields)(*row[1:])


def fmtnum(
    value: float | Decimal,
    pre: str = "",
    post: str = "",
    places: int = 2,
    use_nbsp: bool = True,
    sep: str = ",",
    decsep: str = ".",
) -> str:
    """Show an amount as the framework does: with separated thousands and without line breaks."""
    if formatting.amount(value).is_finite():
        shown = formatting.fmtnum(value, pre, post, places, sep, decsep)
    else:
        shown = f"{pre}{value}{post}"
    return shown.replace(" ", "\N{NO-BREAK SPACE}") if use_nbsp else shown


def read_csv(path: str) -> list[dict[str, str]]:
    """Read a CSV file as dicts; [] if there is none."""
    return csv_files.read_csv(path) if Path(path).exists() else []


def who_online(tolerance: float | None = None, sname: str | None = None) -> set[PlayerIdentifier]:
    """Return who is connected right now."""
    return {~player for player in calling_world().players() if player.online}


def find_online(pid: Any) -> float | None:
    """Return 0.0 for a player who is connected right now, and None for another."""
    return 0.0 if materialize(pid).online else None


def page2path(page: Any) -> str:
    """Return what names a page in a session: "app/Name"."""
    return str(page.key)


def ensure(condition: Any, exctype: type[Exception] = ValueError, msg: str | None = None) -> None:
    """Raise unless *condition* holds."""
    if not condition:
        raise exctype(msg or "A condition of the app does not hold.")


def ensure_not_none(val: Any) -> Any:
    """Return a value that is not None."""
    ensure(val is not None, ValueError, "A value of the app is None where it must not be.")
    return val


def return_or_raise(
    value: Any,
    predicate: Callable[[Any], bool],
    exctype: type[Exception] = ValueError,
    msg: str | None = None,
) -> Any:
    """Return a value of which *predicate* holds."""
    ensure(predicate(value), exctype, msg)
    return value


def valid_token(x: str) -> bool:
    """Tell whether a text may be a name: letters, digits, '.', '_' and '-'."""
    return bool(x) and all(sign.isascii() and (sign.isalnum() or sign in "._-") for sign in x)


def sha256(b: str | bytes) -> str:
    """Return the SHA-256 of a text or of bytes, in hex digits."""
    return hashlib.sha256(b.encode() if isinstance(b, str) else b).hexdigest()


class FrozenDottedDict(dict[str, Any]):
    """A dict that cannot be changed, whose values are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("This dict cannot be changed. Make a new one: dict(old, name=value).")

    __setattr__ = __setitem__ = __delitem__ = __delattr__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


def as_identifier(kind: type, obj: Any) -> Any:
    """Return the identifier of something; an error if it is of another kind."""
    found = identify(obj)
    if not isinstance(found, kind):
        raise TypeError(f"{obj!r} has no {kind.__name__}. Pass something that has one.")
    return found


async def ensure_awaitable(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function, async or not, and return its result."""
    result = func(*args, **kwargs)
    return await result if inspect.isawaitable(result) else result


def entry_matches(
    entry: Any, predicate: Callable[[Any], bool] | None, field_filters: dict[str, Any]
) -> bool:
    """Return whether an entry passes a test and has these values."""
    if predicate is not None and not predicate(entry):
        return False
    missing = object()
    return all(getattr(entry, name, missing) == value for name, value in field_filters.items())


def resolve(referent: Any, obj: Any) -> Any:
    """Return what `_.field` stands for in an object, and anything else as it is."""
    if not isinstance(referent, FieldReference):
        return referent
    return operator.attrgetter(".".join(referent._path))(obj)


def noop(s: str) -> str:
    """Return a text as it is."""
    return s


def vertical(matrix: Iterable[Iterable[Any]]) -> Iterable[list[Any]]:
    """Return the columns of rows: `for name, bids in vertical(rows)`."""
    return map(list, zip(*matrix, strict=False))
