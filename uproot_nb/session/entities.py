"""Player, Group and Session: what authors read and write; every assignment is an event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, NamedTuple, NoReturn, Protocol, Self

from uproot_nb.errors import ReservedName, UnknownField, Unstorable, UprootError
from uproot_nb.experiment.hints import ENTITY_NAMES
from uproot_nb.experiment.identifiers import (
    GroupIdentifier,
    PlayerIdentifier,
    SessionIdentifier,
)
from uproot_nb.experiment.money.payoffs import PAYOFF, Payoff, payoff_of
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import CHANGES, Event
from uproot_nb.log.player_status import ended_as
from uproot_nb.log.state import UNCHANGING, Own, PlayerState, State, Stored
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.interrupts import guarded
from uproot_nb.session.journal import Journal
from uproot_nb.session.steps import CellLock, StepLock
from uproot_nb.session.tracked import (
    FieldOwner,
    TrackedDict,
    TrackedList,
    TrackedSet,
    leaves,
    own,
    release,
)

__all__ = [
    "Change",
    "Entity",
    "EntityWorld",
    "FieldHistory",
    "Group",
    "Player",
    "Session",
    "Settings",
    "PastFields",
    "VirtualFields",
    "own_for",
    "reserved_names",
]

_LIVE = frozenset({TrackedList, TrackedDict, TrackedSet})
_TRACKABLE = frozenset({list, dict, set, tuple}) | _LIVE
_MISSING = object()
_NEVER_FIELDS = ("__", "_uproot", "_ipython", "_repr_")
"""How names begin that Python, the framework and IPython give a meaning."""


def _unknown(subject: str, name: str) -> UnknownField:
    here = ENTITY_NAMES.get(name)
    return UnknownField(subject, name, f"What oTree calls so is here: {here}.\n" if here else "")


VirtualFields = Mapping[tuple[str, str], Callable[[Any], Any]]
"""What a name of no field stands for in the session's apps, by kind of entity and name."""


class Change(NamedTuple):
    """One change of one field, oldest first in `player.history()`.

    `time` is Unix seconds; `value` is the field's whole value after the change, and
    `available` is False where the field was deleted.
    """

    seq: int
    time: float
    field: str
    value: Any
    available: bool
    page: str
    cause: str

    @property
    def data(self) -> Any:
        """The same as `value`, by the framework's name."""
        return self.value

    @property
    def unavailable(self) -> bool:
        """Whether the field was deleted, by the framework's name."""
        return not self.available

    @property
    def context(self) -> str:
        """What ran when the change was made, by the framework's name."""
        return self.cause or self.page


class FieldHistory(list[Change]):
    """Changes, oldest first, also by field as in the framework: `player.history()["bid"]`."""

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        return self._by_field()[key]

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str):
            return any(change.field == key for change in self)
        return super().__contains__(key)

    def _by_field(self) -> dict[str, list[Change]]:
        """Group the changes, in one pass."""
        found: dict[str, list[Change]] = {}
        for change in self:
            found.setdefault(change.field, []).append(change)
        return found

    def keys(self) -> list[str]:
        """Return the fields' names, in the order of their first change."""
        return list(self._by_field())

    def items(self) -> list[tuple[str, list[Change]]]:
        """Return each field's name with its changes."""
        return list(self._by_field().items())

    def values(self) -> list[list[Change]]:
        """Return each field's changes."""
        return list(self._by_field().values())

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field's changes, or *default* where there are none."""
        return self._by_field().get(name, default)


class EntityWorld(Protocol):
    """What entities need of the session they belong to."""

    name: str
    state: State
    codec: Codec
    journal: Journal
    lock: StepLock
    cell_lock: CellLock
    session: Session
    settings: Settings
    simulated: bool
    has_payoffs: bool
    in_app: bool
    virtual_fields: VirtualFields

    def write(self, kind: str, subject: str, field: str, value: str) -> int:
        """Log one change."""

    def past_of(self, subject: str) -> Iterator[Event]:
        """Yield all changes of the fields of *subject*, oldest first."""

    def players(self) -> Bunch[Player]:
        """Return all players, in the order of player.id."""

    def player(self, name: str) -> Player:
        """Return the player of that name."""

    def group(self, name: str) -> Group:
        """Return the group of that name."""

    def context_of(self, player: Player) -> Any:
        """Return the app's Context for a player."""


class Entity:
    """Fields by attribute: `entity.x = 1`, `entity.x`, `entity.get("x", 0)`, `del entity.x`.

    In-place changes of lists, dicts and sets are logged as well. `with entity as e:` groups reads
    and changes, and also logs in-place changes of arrays, frames and dataclasses.
    """

    __slots__ = ("_depth", "_watched", "_world", "subject")
    _kind: ClassVar[str] = ""
    _depth: int
    _watched: dict[str, Watched] | None
    _world: EntityWorld
    subject: str

    def __init__(self, world: EntityWorld, subject: str) -> None:
        object.__setattr__(self, "_world", world)
        object.__setattr__(self, "subject", subject)
        object.__setattr__(self, "_watched", None)
        object.__setattr__(self, "_depth", 0)

    # ---- fields ----

    def __getattr__(self, name: str) -> Any:
        world = self._world
        fields = world.state.fields.get(self.subject)
        if fields is not None:
            value = fields.get(name)
            kind = type(value)
            plainly = kind in UNCHANGING or (kind in _LIVE and self._watched is None)
            if plainly and (value is not None or name in fields) and world.lock.owned():
                return value
        is_known = name in (fields or ()) or (self._kind, name) in world.virtual_fields
        if name[:1] == "_" and not is_known:
            raise AttributeError(name)  # no field: IPython and copy ask for such
        with world.lock:
            return self._read(name)

    def _read(self, name: str) -> Any:
        state = self._world.state
        try:
            value = state.value(self.subject, name)
        except KeyError:
            virtual = self._world.virtual_fields.get((self._kind, name))
            if virtual is not None:
                return virtual(self)
            raise _unknown(self.subject, name) from None
        watched = self._watched
        if watched is not None and name not in watched and type(value) not in UNCHANGING:
            stored = state.fields[self.subject][name]
            texts = {} if type(stored) is Stored else self._texts_in(name, value)
            watched[name] = Watched(stored, texts)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name in reserved_names(type(self)) or (
            name[:1] == "_" and not self._may_be_private(name)
        ):
            raise ReservedName(self.subject, name)
        self._set(name, value)

    def _may_be_private(self, name: str) -> bool:
        """Return whether a name with an underscore may be a field: in apps of the framework."""
        return self._world.in_app and not name.startswith(_NEVER_FIELDS)

    def _set(self, name: str, value: Any) -> None:
        world = self._world
        if name == PAYOFF:
            value = self._as_payoff(value)
        kind = type(value)
        with world.lock:
            fields = world.state.fields.get(self.subject)
            if fields is None:
                fields = world.state.fields[self.subject] = {}
            old = fields.get(name, _MISSING)
            if kind in _LIVE and old is value:
                return  # 'player.rows += [...]' has logged its change already
            try:
                text = world.codec.encode(value)
            except Unstorable as error:
                raise error.at(f"{self.subject}.{name}") from None
            if old is _MISSING:
                _check_name(self.subject, name)
            world.journal.write("set", self.subject, name, text)
            if kind in UNCHANGING:
                stored = value
            elif kind in _TRACKABLE:
                stored = own(value, FieldOwner(world, self.subject, name))
            else:
                stored = Stored(text)  # never an object that the author could change unseen
            if type(old) in _TRACKABLE:
                release(old)
            fields[name] = stored

    def _as_payoff(self, value: Any) -> Any:
        """Return what is stored of a value that is assigned to `payoff`."""
        return value

    def __delattr__(self, name: str) -> None:
        if name in reserved_names(type(self)) or (
            name[:1] == "_" and not self._may_be_private(name)
        ):
            raise ReservedName(self.subject, name)
        world = self._world
        with world.lock:
            fields = world.state.fields.get(self.subject, {})
            if name not in fields:
                raise _unknown(self.subject, name)
            world.journal.write("del", self.subject, name, "null")
            release(fields.pop(name))

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field's value, or *default* where it is not set."""
        world = self._world
        with world.lock:
            is_field = name in world.state.fields.get(self.subject, ())
            is_known = is_field or (self._kind, name) in world.virtual_fields
            if not is_known and not hasattr(type(self), name):
                return default
            try:
                return getattr(self, name)
            except UnknownField:  # of the class, and not set: a payoff
                return default

    def fields(self) -> dict[str, Any]:
        """Return every field that was set with its latest value (a plain dict)."""
        with self._world.lock:
            return {name: self._read(name) for name in list(self._world.state.names(self.subject))}

    @guarded
    def __enter__(self) -> Self:
        self._world.cell_lock.__enter__()
        object.__setattr__(self, "_depth", self._depth + 1)
        if self._watched is None:
            object.__setattr__(self, "_watched", {})
        return self

    @guarded
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        lock = self._world.cell_lock
        lock.resume()
        object.__setattr__(self, "_depth", self._depth - 1)
        watched = self._watched or {}
        if not self._depth:
            object.__setattr__(self, "_watched", None)
        try:
            for name, seen in watched.items():
                self._log_changes(name, seen)
        finally:
            lock.finish()

    # ---- in-place changes of untracked objects, logged by `with` ----

    def _log_changes(self, name: str, seen: Watched) -> None:
        """Log a field whose value was changed in place since it was read."""
        world = self._world
        stored = world.state.fields.get(self.subject, {}).get(name)
        if stored is not seen.stored:
            return  # the field was assigned since, and logged
        owner = FieldOwner(world, self.subject, name)
        try:
            if type(stored) is not Stored:
                texts = self._texts_in(name, stored)
                if texts.items() <= seen.texts.items():
                    return
                seen.texts = texts
                text = owner.encode(stored)
            else:
                text = owner.encode(stored.read(world.codec))
                if text == stored.text:
                    return
                stored.text = text
        except UprootError:
            self._read_again(name)
            raise
        world.journal.write("set", self.subject, name, text)

    def _texts_in(self, name: str, value: Any) -> dict[int, str]:
        """Return the text of each untracked object in a tracked value, by its identity."""
        owner = FieldOwner(self._world, self.subject, name)
        return {id(leaf): owner.encode(leaf) for leaf in leaves(value)}

    def _read_again(self, name: str) -> None:
        """Restore a field's logged value after a change that cannot be logged."""
        world = self._world
        past = State(world.codec, own_for(world))
        past.apply_all(world.journal.read(CHANGES, self.subject, name))
        fields = world.state.fields[self.subject]
        release(fields[name])
        fields[name] = past.fields[self.subject][name]

    # ---- the past ----

    def history(self, name: str | None = None) -> FieldHistory:
        """Return all changes of the fields (or of one), oldest first, from the log."""
        found = FieldHistory()
        past = State(self._world.codec)
        for event in self._world.journal.read(CHANGES, self.subject, name):
            past.apply_apart(event)
            available = event.kind != "del"
            value = past.value(self.subject, event.field) if available else None
            found.append(
                Change(
                    event.seq, event.time, event.field, value, available, event.page, event.cause
                )
            )
        return found

    def within(self, *, strict: bool = False, **context: Any) -> PastFields:
        """Return the fields as they were when `context` last held: `player.within(round=2).bid`.

        Args:
            strict: only fields that were set while it held, not those set before.
        """
        past = State(self._world.codec)
        found: dict[str, Any] = {}
        during: set[str] = set()
        held = False
        for event in self._world.past_of(self.subject):
            if held and event.field in context:
                found = self._copy_of(past)
            past.apply(event)
            before, held = held, _holds(past, self.subject, context)
            if held:
                during = {*during, event.field} if before else {event.field}
        if held:
            found = self._copy_of(past)
        seen = {k: v for k, v in found.items() if not strict or k in during or k in context}
        return PastFields(self.subject, context, seen, self._along)

    def along(self, name: str) -> Iterator[tuple[Any, PastFields]]:
        """Yield each value of field *name*, in order, with all fields as they were then.

        A value that occurred several times is shown as of its last time.
        """
        return self._along(name, {})

    def _along(self, name: str, context: Mapping[str, Any]) -> Iterator[tuple[Any, PastFields]]:
        """Yield the values that field *name* was given while *context* held."""
        views: list[tuple[Any, PastFields]] = []
        past = State(self._world.codec)
        was_given = False
        for event in self._world.past_of(self.subject):
            matters = event.field == name or event.field in context
            if matters and was_given:
                self._note_view(views, past, name, context)
            past.apply(event)
            if matters:
                given_now = was_given or event.field == name
                was_given = given_now and _holds(past, self.subject, context)
        if was_given:
            self._note_view(views, past, name, context)
        yield from views

    def _note_view(
        self,
        views: list[tuple[Any, PastFields]],
        past: State,
        name: str,
        context: Mapping[str, Any],
    ) -> None:
        if name not in past.names(self.subject):
            return
        values = self._copy_of(past)
        value = values[name]
        made = value, PastFields(self.subject, {**context, name: value}, values, self._along)
        known = next((n for n, (other, _) in enumerate(views) if other == value), None)
        if known is None:
            views.append(made)
        else:
            views[known] = made

    def _copy_of(self, past: State) -> dict[str, Any]:
        codec = self._world.codec
        copy: dict[str, Any] = codec.decode(codec.encode(past.values(self.subject)))
        return copy

    # ---- identity ----

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Entity):
            return self.subject == other.subject and self._world is other._world
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.subject, self._world.name))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.subject} of {self._world.name}>"

    def __dir__(self) -> Iterable[str]:
        return sorted({*super().__dir__(), *self._world.state.names(self.subject)})


Views = Callable[[str, Mapping[str, Any]], Iterator[tuple[Any, "PastFields"]]]
"""Yields the values that a field was given while a context held."""


class Watched:
    """A field read inside `with`: its stored value, and the texts of its untracked parts."""

    __slots__ = ("stored", "texts")

    def __init__(self, stored: Any, texts: dict[int, str]) -> None:
        self.stored, self.texts = stored, texts


def _holds(past: State, subject: str, context: Mapping[str, Any]) -> bool:
    fields = past.fields.get(subject, {})
    return all(k in fields and bool(past.value(subject, k) == v) for k, v in context.items())


def _check_name(subject: str, name: str) -> None:
    """Refuse a field name that cannot be logged."""
    if not name or not name.isprintable():
        raise UprootError(
            f"{subject} cannot have a field named {name!a}.\n"
            "Use letters, digits and underscores, as for any variable."
        )


def _refuse_to_change(what: str, name: str) -> NoReturn:
    raise UprootError(f"{what} is read-only, so its '{name}' cannot be set.\nSet a field instead.")


class PastFields:
    """Fields as they once were; read-only."""

    _subject: str
    _context: dict[str, Any]
    _values: dict[str, Any]
    _views: Views

    def __init__(
        self, subject: str, context: Mapping[str, Any], values: dict[str, Any], views: Views
    ) -> None:
        self.__dict__.update(_subject=subject, _context=dict(context), _values=values, _views=views)

    def __setattr__(self, name: str, value: Any) -> None:
        _refuse_to_change(repr(self), name)

    def __getattr__(self, name: str) -> Any:
        if name[:1] == "_" and name not in self.__dict__.get("_values", ()):
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            when = ", ".join(f"{k}={v!r}" for k, v in self._context.items())
            raise _unknown(f"{self._subject} within {when}", name) from None

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field's value then, or *default*."""
        return self._values.get(name, default)

    def fields(self) -> dict[str, Any]:
        """Return every field that was set then."""
        return dict(self._values)

    def along(self, name: str) -> Iterator[tuple[Any, PastFields]]:
        """Yield each value that a field was given then: `player.within(app="a").along("round")`."""
        return self._views(name, self._context)

    def __repr__(self) -> str:
        return f"<Fields of {self._subject} within {self._context}: {self._values}>"


class Player(Entity):
    """A participant's place in the session."""

    __slots__ = ("_state", "name")
    _kind = "player"
    _state: PlayerState
    name: str

    def __init__(self, world: EntityWorld, name: str) -> None:
        super().__init__(world, f"player/{name}")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_state", world.state.players[name])

    @property
    def id(self) -> int:
        """Number of the place, from 0."""
        return self._state.id

    @property
    def label(self) -> str | None:
        """The participant's label; None if there is none, "" in apps of the framework."""
        return self._state.label or ("" if self._world.in_app else None)

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the address with which the participant came; read-only.

        A recruiter's parameters, such as MTurk's `assignmentId`, are those of the latest visit.
        """
        return MappingProxyType(self._state.query)

    @property
    def payoff(self) -> Any:
        """What the player has earned, in points: a Decimal, whatever number was assigned.

        It calculates with floats as with Decimals. In apps of the framework it is the assigned
        value. Raises UnknownField if nothing was assigned.
        """
        value = self.__getattr__(PAYOFF)
        exact = type(value) is Decimal and self._world.has_payoffs
        return Payoff(value) if exact else value

    @payoff.setter
    def payoff(self, value: Any) -> None:
        self._set(PAYOFF, value)

    def _as_payoff(self, value: Any) -> Any:
        return payoff_of(self.subject, value) if self._world.has_payoffs else value

    @property
    def position(self) -> int:
        """Position in the page order, from 0; -1 before the first page, its length at the end."""
        return self._state.position

    @property
    def show_page(self) -> int:
        """The framework's name of `position`."""
        return self._state.position

    @property
    def page(self) -> str | None:
        """Name of the page the player is on; None before the first page and at the end."""
        return self._state.page

    @property
    def online(self) -> bool:
        """Whether a browser of the player is connected right now."""
        return self._state.online

    @property
    def member_id(self) -> int | None:
        """Number within the group, from 0; None without a group."""
        return self._state.member_id

    @property
    def session(self) -> Session:
        """The session."""
        return self._world.session

    @property
    def group(self) -> Group | None:
        """The group; None without one."""
        return None if self._state.group is None else self._world.group(self._state.group)

    @property
    def other_in_group(self) -> Player:
        """The one other member of a group of two."""
        return _only(self.others_in_group, f"group of {self.name}")

    @property
    def others_in_group(self) -> Bunch[Player]:
        """The other members of the group."""
        group = self.group
        return Bunch([p for p in group.players if p != self] if group else [], "group")

    @property
    def other_in_session(self) -> Player:
        """The one other player of a session of two."""
        return _only(self.others_in_session, f"session of {self.name}")

    @property
    def others_in_session(self) -> Bunch[Player]:
        """Everybody else in the session."""
        return Bunch([p for p in self._world.players() if p != self], "session")

    @property
    def has_dropped_out(self) -> bool:
        """Whether the player has dropped out; others no longer wait for them."""
        return self._state.dropped

    @property
    def ended_as(self) -> str:
        """How the player's participation ended; if it has not, "never came" or "still in".

        "done", "declined", "screened", "lobby", "timed out", "dropped out", "full", or the name
        of an exit of yours.
        """
        return ended_as(self._state)

    @property
    def context(self) -> Any:
        """The app's `Context` for this player; templates read `player.context.x`."""
        return self._world.context_of(self)

    @property
    def pid(self) -> PlayerIdentifier:
        """The same as `~player`."""
        return ~self

    def __invert__(self) -> PlayerIdentifier:
        return PlayerIdentifier(self._world.name, self.name)


def _only(others: Bunch[Player], where: str) -> Player:
    if len(others) != 1:
        raise LookupError(
            f"There are {len(others)} others in the {where}, not one.\n"
            "Use others_in_group or others_in_session for any number."
        )
    return others[0]


class Group(Entity):
    """Players who interact; created by `create_group`."""

    __slots__ = ("name",)
    _kind = "group"
    name: str

    def __init__(self, world: EntityWorld, name: str) -> None:
        super().__init__(world, f"group/{name}")
        object.__setattr__(self, "name", name)

    @property
    def id(self) -> int:
        """Number of the group, from 0."""
        return self._world.state.groups[self.name].id

    @property
    def session(self) -> Session:
        """The session."""
        return self._world.session

    @property
    def players(self) -> Bunch[Player]:
        """The members, in the order of their member_id."""
        members = self._world.state.groups[self.name].members
        return Bunch([self._world.player(name) for name in members], self.name)

    @property
    def gid(self) -> GroupIdentifier:
        """The same as `~group`."""
        return ~self

    def __invert__(self) -> GroupIdentifier:
        return GroupIdentifier(self._world.name, self.name)


class Groups(Bunch[Group]):
    """The groups of a session."""

    def __call__(self, app: str | None = None) -> Bunch[Group]:
        """Return the groups created in an app; all groups without a name."""
        if app is None:
            return self
        return Bunch([g for g in self if g.get("app") == app], f"groups of '{app}'")


class Settings(Mapping[str, Any]):
    """Read-only settings: `session.settings.endowment` or `session.settings["endowment"]`."""

    _values: dict[str, Any]

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__["_values"] = dict(values)

    def __setattr__(self, name: str, value: Any) -> None:
        _refuse_to_change("session.settings", name)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        if name[:1] == "_":
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            raise UnknownField("session.settings", name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __str__(self) -> str:
        return str(self._values)

    def __repr__(self) -> str:
        return f"Settings({self._values!r})"


class Session(Entity):
    """The session: fields that all players share."""

    __slots__ = ()
    _kind = "session"

    def __init__(self, world: EntityWorld) -> None:
        super().__init__(world, "session")

    @property
    def name(self) -> str:
        """The session's name."""
        return self._world.name

    @property
    def _uproot_simulate(self) -> bool:
        """Whether pages fill themselves in, by the framework's name."""
        return self._world.simulated

    @property
    def players(self) -> Bunch[Player]:
        """All players, in the order of player.id."""
        return self._world.players()

    @property
    def groups(self) -> Groups:
        """All groups, oldest first; `session.groups(app="auction")` only those of one app."""
        return Groups([self._world.group(name) for name in self._world.state.groups], "session")

    def group(self, name: str | GroupIdentifier) -> Group:
        """Return a group by its name or identifier.

        Raises:
            LookupError: the session has no such group.
        """
        known = name if isinstance(name, str) else name.name
        if known not in self._world.state.groups:
            raise LookupError(
                f"The session '{self.name}' has no group '{known}'.\nsession.groups lists all."
            )
        return self._world.group(known)

    @property
    def settings(self) -> Settings:
        """The settings passed to `serve(settings={...})`; read-only."""
        return self._world.settings

    @property
    def sid(self) -> SessionIdentifier:
        """The same as `~session`."""
        return ~self

    def __invert__(self) -> SessionIdentifier:
        return SessionIdentifier(self._world.name)


_RESERVED: dict[type, frozenset[str]] = {}


def reserved_names(kind: type[Entity]) -> frozenset[str]:
    """Return the names that fields of an entity cannot have."""
    names = _RESERVED.get(kind)
    if names is None:
        names = _RESERVED[kind] = frozenset(dir(kind)) - {PAYOFF}
    return names


def own_for(world: EntityWorld) -> Own:
    """Return the function that makes decoded values track their in-place changes."""
    return lambda subject, name, value: own(value, FieldOwner(world, subject, name))
