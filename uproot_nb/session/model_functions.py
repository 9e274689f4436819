"""Model functions: create tables, add entries, and find them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from uproot_nb.errors import (
    BadEntry,
    NoEntries,
    UnknownModel,
    UprootError,
)
from uproot_nb.experiment.entries import (
    Entry,
    check_fields,
    field_names,
    identifiers_in,
)
from uproot_nb.experiment.identifiers import (
    GroupIdentifier,
    ModelIdentifier,
    PlayerIdentifier,
    SessionIdentifier,
)
from uproot_nb.session.entities import Entity, Player, Session
from uproot_nb.session.model import Model, Stamped, identifier_of, unknown_model
from uproot_nb.session.world import find_world, world_here, world_of

__all__ = [
    "add_entry", "add_raw_entry", "create_model", "filter_entries", "find_model", "get_entries",
    "get_field", "get_latest_entry", "get_storage", "model_exists",
]  # fmt: skip

_LONGEST_TAG = 100
_EVERYTHING = slice(None)
_MISSING = object()


# ---- what authors call ---------------------------------------------------------------------


def create_model(session: Session | SessionIdentifier, tag: str | None = None) -> Model:
    """Create a model: a table for offers, trades, ratings and the like.

        def new_session(session):
            session.offers = create_model(session, tag="offers")

    Args:
        tag: the table's name in exports; several models may share one.
    """
    world = find_world(session)
    if tag is not None and not _is_name(tag):
        raise UprootError(
            f"A model cannot have the tag {tag!a}.\nUse a short name, such as 'offers'."
        )
    with world.lock:
        return world.models.create(tag)


def add_entry(
    model: Model | ModelIdentifier, player: Player | PlayerIdentifier, Type: type, /, **fields: Any
) -> UUID:
    """Add an entry, and return its id: `add_entry(session.offers, player, Offer, price=3)`.

    Fields for the identifier of a player, group, session or model default to those of *player*
    and *model*.

    Raises:
        BadEntry: a field is unknown or missing.
        Unstorable: a value cannot be stored in the log.
    """
    found = find_model(model, player)
    world = world_of(found)
    with world.lock:
        actor = world.find_player(player)
        if not isinstance(Type, Entry):
            name = getattr(Type, "__name__", repr(Type))
            raise BadEntry(name, "it is not a type of entries.", "Write 'class Offer(Entry): …'.")
        given = {**_filled_in(found, actor, Type, fields), **fields}
        check_fields(Type, given)
        return found._add(Type(**given))


def add_raw_entry(model: Model | ModelIdentifier, entry: Any) -> UUID:
    """Add an existing entry or a dict, and return its id.

    Raises:
        Unstorable: it cannot be stored in the log.
    """
    found = find_model(model)
    with found._world.lock:
        return found._add(entry)


def get_entries(
    model: Model | ModelIdentifier, Type: type | None = None, subset: slice = _EVERYTHING
) -> list[Stamped]:
    """Return entries, oldest first, as (id, time, entry).

        for _, time, offer in get_entries(session.offers, Offer):
            print(time, offer.price)

    Args:
        Type: only entries of this type; by default all. An entry whose class is not defined here
            is returned as a dict.
        subset: a slice of them: `slice(-10, None)` gives the last ten.
    """
    found = find_model(model)
    with found._world.lock:
        return found._at(found._places(Type)[subset], Type)


def filter_entries(
    model: Model | ModelIdentifier,
    Type: type,
    /,
    *,
    id: UUID | str | None = None,
    predicate: Callable[[Any], Any] | None = None,
    **fields: Any,
) -> list[Stamped]:
    """Return the entries whose fields have these values: `filter_entries(m, Offer, price=3.5)`.

    Fields are indexed: the time depends on the number of matches, not on the table's length. A
    *predicate* alone reads every entry of the type.

    Args:
        id: only the entry with this id.
        predicate: only entries for which `predicate(entry)` is true.

    Raises:
        BadEntry: the type has no such field.
    """
    found = find_model(model)
    wanted = {name: identifier_of(value) for name, value in fields.items()}
    with found._world.lock:
        index = found._indexed()
        if isinstance(Type, Entry):
            _check_known(Type, wanted)
        fitting = found._fitting_dicts(Type)
        if id is not None:
            places = [p for p in index.of_id(str(id)) if found._is_of(p, Type) or p in fitting]
        else:
            places = index.places(Type.__name__, wanted)
            places = sorted((*places, *fitting)) if fitting else places
        rows = [row for row in found._at(places, Type) if _has(found, row.entry, wanted)]
        return rows if predicate is None else [row for row in rows if predicate(row.entry)]


def get_latest_entry(model: Model | ModelIdentifier, Type: type | None = None) -> Stamped:
    """Return the newest entry, as (id, time, entry).

    Raises:
        NoEntries: there are none (a LookupError).
    """
    latest = get_entries(model, Type, slice(-1, None))
    if not latest:
        kind = "any" if Type is None else Type.__name__
        raise NoEntries(find_model(model).subject, kind)
    return latest[0]


def get_field(model: Model | ModelIdentifier, name: str) -> Any:
    """Return a field of the model itself, such as `get_field(model, "open")`."""
    return getattr(find_model(model), name)


def get_storage(model: Model | ModelIdentifier) -> Model:
    """Return the model itself, given it or its identifier."""
    return find_model(model)


def model_exists(model: Model | ModelIdentifier | None) -> bool:
    """Return whether the model exists."""
    try:
        found = find_model(model)
        with found._world.lock:
            found._records()
    except UnknownModel:
        return False
    return True


# ---- their parts ---------------------------------------------------------------------------


def find_model(model: Any, near: Any = None) -> Model:
    """Return the model itself, given it or its identifier.

    Args:
        near: a player or other entity of the session to search.

    Raises:
        UnknownModel: there is none, or a cell passed an identifier alone.
    """
    if isinstance(model, Model):
        return model
    if not isinstance(model, ModelIdentifier):
        raise UnknownModel(
            model, "that is not a model.", "Give what create_model(session) returned."
        )
    world = world_of(near) if isinstance(near, Entity) else world_here()
    if world is None:
        raise UnknownModel(
            model,
            "outside hooks and live methods, an identifier does not say which run it belongs to.",
            "Give the model itself, for example run.session.offers.",
        )
    found = world.models.get(model.name) if model.session == world.name else None
    if found is None:
        raise unknown_model(model)
    return found


def _is_name(tag: Any) -> bool:
    short = isinstance(tag, str) and 0 < len(tag) <= _LONGEST_TAG
    return short and tag.isprintable()


def _filled_in(model: Model, player: Player, kind: type, given: dict[str, Any]) -> dict[str, Any]:
    """Return the identifiers that a new entry gets by default."""
    filled = {}
    for name, wanted in identifiers_in(kind).items():
        if name in given:
            continue
        if wanted is GroupIdentifier:
            if player.group is not None:
                filled[name] = ~player.group
        else:
            sources: dict[type, Entity] = {PlayerIdentifier: player, ModelIdentifier: model}
            filled[name] = identifier_of(sources.get(wanted, player.session))
    return filled


def _check_known(kind: type, wanted: dict[str, Any]) -> None:
    names = field_names(kind)
    for name in wanted:
        if name not in names:
            raise BadEntry(
                kind.__name__, f"it has no field '{name}'.", f"Its fields are {', '.join(names)}."
            )


def _has(model: Model, entry: Any, wanted: dict[str, Any]) -> bool:
    values = entry if isinstance(entry, dict) else getattr(entry, "__dict__", {})
    return all(_same(model, values.get(name, _MISSING), value) for name, value in wanted.items())


def _same(model: Model, one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except ValueError:  # arrays and frames, whose == gives no yes or no
        encode = model._world.codec.encode
        return type(one) is type(other) and encode(one) == encode(other)
