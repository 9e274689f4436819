"""World: one session's state and journal, and the entities that authors use."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from hashlib import blake2b
from importlib import import_module
from random import Random
from typing import Any

from uproot_nb.bridge.messages import AddPlayers, BridgeMessage
from uproot_nb.errors import UnknownPlayer, UprootError, WrongRecipient
from uproot_nb.experiment.execution import session_here
from uproot_nb.experiment.identifiers import (
    GroupIdentifier,
    ModelIdentifier,
    PlayerIdentifier,
    SessionIdentifier,
)
from uproot_nb.experiment.pages import Page
from uproot_nb.log.codec import Codec, Resolve
from uproot_nb.log.encoding.array_nodes import ARRAY_DECODERS
from uproot_nb.log.encoding.frame_nodes import FRAME_DECODERS
from uproot_nb.log.events import CHANGES, Event
from uproot_nb.log.log import EventLog
from uproot_nb.log.state import Own, State, Stored, changes_until
from uproot_nb.session.clock import EvenClock
from uproot_nb.session.entities import (
    Entity,
    Group,
    Player,
    Session,
    Settings,
    VirtualFields,
    own_for,
)
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.journal import Journal
from uproot_nb.session.model import Model, Models
from uproot_nb.session.quotas import Quotas
from uproot_nb.session.services import (
    DeliveryService,
    DropoutService,
    FlowService,
    RuntimeService,
)
from uproot_nb.session.steps import Cause, CellLock, StepLock

__all__ = ["World", "find_world", "load_state", "world_here", "world_of"]

_LETTERS = "abcdefghijkmnpqrstuvwxyz"
_DIGITS = "23456789"


class World:
    """A session's state, journal and entities.

    Args:
        secret: the session's 32 bytes from the log; every link is derived from it.
        outside: the cause of changes made outside authors' steps.
        seed: makes the players' names (and later draws) reproducible.
    """

    runtime: RuntimeService
    delivery: DeliveryService
    flow: FlowService
    dropouts: DropoutService
    is_served = False
    """Whether the four services are connected; otherwise the session is only read and written."""

    def __init__(
        self,
        name: str,
        log: EventLog,
        secret: bytes,
        lock: StepLock,
        loop: asyncio.AbstractEventLoop,
        outside: Callable[[], Cause],
        settings: Mapping[str, Any] | None,
        seed: Any = None,
        resolve: Resolve | None = None,
    ) -> None:
        self.name, self.log, self.lock, self.loop = name, log, lock, loop
        self._secret = secret
        self.codec = self._new_codec(resolve)
        self.state = load_state(log, name, self.codec, own_for(self))
        _load_libraries(self.state)
        self.settings = Settings(self.state.settings if settings is None else settings)
        self.journal = Journal(log, name, self.state, lock, loop, outside)
        self.clock = EvenClock(lambda: self.journal.clock(), loop.time)
        """The time for durations and deadlines; the log's times are the journal's."""
        self._joined = {one.visit: name for name, one in self.state.players.items() if one.visit}
        self.cell_lock = CellLock(lock, self.journal.commit)
        """The lock for authors' own blocks."""
        self.send: Callable[[BridgeMessage], None] = lambda message: None
        self.drain: Callable[[int], Awaitable[None]] = _nothing_to_wait_for
        """Waits until the participant server has read most of what was sent; it is the server that
        has the socket or request with this number."""
        self.see_code: Callable[[type[Page]], None] = lambda page: None
        """Called before a page's code runs, which may have been changed in place."""
        self.closing = False
        """Whether the run is ending, so that cancellations are no errors."""
        self.offers_help = False
        """Whether every page has the button by which participants raise their hands."""
        self.robots = Counter[str]()  # how many bots play for a player: an end may be noted late
        self.simulated = False
        """Whether pages fill themselves in."""
        self.has_payoffs = True
        """Whether `player.payoff` is always a number; in apps it is what they assign."""
        self.in_app = False
        """Whether the session runs apps of the framework, where some things are done as there."""
        self.virtual_fields: VirtualFields = {}
        """What names of no field stand for in apps of the framework."""
        self.make_context: Callable[[Player], Any] = lambda player: None
        self.session = Session(self)
        self.models = Models(self, resolve)
        self.quotas = Quotas(name, log, self.state, self.journal, self._draws_in)
        self._players = {name: Player(self, name) for name in self.state.players}
        self._everybody: Bunch[Player] | None = None
        self._names = list(self._players)
        self._taken = 0
        """How many places are taken from the start of `_names`."""
        self._groups: dict[str, Group] = {}
        self._random = Random(f"{seed}/names") if seed is not None else secrets.SystemRandom()
        self.seed = seed if seed is not None else self.state.seed or secrets.token_hex(8)
        """The seed of every draw; logged."""
        self._drawn = (0, 0)
        """The event after which generators were last made, and how many."""
        self.new_name: Callable[[], str] = self._new_name
        self.mark_of: Callable[[str], str] = self._new_mark
        """Makes the next player's name; a rerun uses those of the recording."""
        self.shift = 0
        """In a rerun, how many more events the recording has so far; draws use its numbers."""

    def serve_by(
        self,
        runtime: RuntimeService,
        delivery: DeliveryService,
        flow: FlowService,
        dropouts: DropoutService,
    ) -> None:
        """Connect the services through which authors' functions reach participants."""
        self.runtime, self.delivery, self.flow, self.dropouts = runtime, delivery, flow, dropouts
        self.is_served = True
        self.quotas.reopen()

    def new_rng(self, purpose: str) -> Random:
        """Return a generator seeded by the session's seed and the purpose."""
        return Random(f"{self.seed}/{purpose}")

    def _draws_in(self, field: str) -> list[Any]:
        """Return the session's list of draws in a field, which grows with them."""
        if self.session.get(field) is None:
            self.session._set(field, [])
        draws: list[Any] = self.session.get(field)
        return draws

    def next_rng(self) -> Random:
        """Return another generator for each call, also after a restart."""
        with self.lock:
            seq, made = self.journal.seq, 1
            if self._drawn[0] == seq:
                made = self._drawn[1] + 1
            self._drawn = seq, made
            return self.new_rng(f"rng/{seq + self.shift}/{made}")

    # ---- entities ----

    def players(self) -> Bunch[Player]:
        """Return all players, in the order of player.id."""
        if self._everybody is None:
            self._everybody = Bunch(list(self._players.values()), f"session '{self.name}'")
        return self._everybody

    def player(self, name: str) -> Player:
        """Return the player of that name."""
        try:
            return self._players[name]
        except KeyError:
            raise UnknownPlayer(name, f"session '{self.name}'") from None

    def find_player(self, player: Any) -> Player:
        """Return a player of this session, given it or its identifier.

        Raises:
            WrongRecipient: it is neither, or of another session.
        """
        if isinstance(player, Player) and player._world is self:
            return player
        if isinstance(player, PlayerIdentifier) and player.session == self.name:
            return self.player(player.name)
        raise WrongRecipient(player)

    def group(self, name: str) -> Group:
        """Return the group of that name."""
        if name not in self.state.groups:
            raise LookupError(f"There is no group {name!r} in session '{self.name}'.")
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = Group(self, name)
        return group

    def joined_before(self, visit: str) -> Player | None:
        """Return the player whose place was taken by this visit of the join link, if any."""
        name = self._joined.get(self.mark_of(visit)) if visit else None
        return None if name is None else self._players[name]

    def add_player(
        self,
        *,
        claimed: bool = False,
        label: str | None = None,
        visit: str = "",
        room: str = "",
        cookie: str = "",
        scope: str = "",
    ) -> Player:
        """Open one more place.

        Args:
            scope: the room in which the label counts; "" if it does everywhere.
        """
        with self.lock:
            name = self.new_name()
            number = len(self.state.players)
            came = self._note(visit, room, cookie, name, scope)
            value = {"id": number, "label": label, "claimed": claimed, **came}
            self.journal.fold("join", f"player/{name}", "", self.codec.encode(value))
            player = self._players[name] = Player(self, name)
            self._everybody = None
            self._names.append(name)
            added = AddPlayers(self.key, {self.token(name): name})
            self.journal.after_commit(lambda: self.send(added))
            return player

    def claim_place(
        self,
        label: str | None = None,
        visit: str = "",
        room: str = "",
        cookie: str = "",
        scope: str = "",
    ) -> Player | None:
        """Assign the next free place to a participant who joins; None if all are taken."""
        with self.lock:
            name = self._first_free()
            if name is None:
                return None
            player = self.state.players[name]
            label = label or player.label
            came = self._note(visit, room, cookie, name, scope)
            joined = {"id": player.id, "label": label, "claimed": True, **came}
            self.journal.fold("join", f"player/{name}", "", self.codec.encode(joined))
            return self._players[name]

    def give_place(
        self, label: str | None, visit: str, cookie: str, room: str = "", scope: str = ""
    ) -> Player:
        """Assign a place to a participant who joins: the next free one, or one more."""
        return self.claim_place(label, visit, room, cookie, scope) or self.add_player(
            claimed=True, label=label, visit=visit, room=room, cookie=cookie, scope=scope
        )

    def _note(self, visit: str, room: str, cookie: str, name: str, scope: str) -> dict[str, str]:
        """Remember the visit that took a place; return what the log has of it."""
        came: dict[str, str] = {}
        if visit:
            came["visit"] = self.mark_of(visit)
            self._joined[came["visit"]] = name
        if room:
            came["room"] = room
        if scope:
            came["scope"] = scope
        if cookie:
            came["cookie"] = self.cookie_mark(cookie)
        return came

    def cookie_mark(self, cookie: str) -> str:
        """Return the mark by which the log knows a browser's cookie."""
        return self._derive(f"cookie/{cookie}")

    def _new_mark(self, visit: str) -> str:
        """Return a visit's mark for the log.

        With the visit itself, a reader of the log could take the place by the join link.
        """
        return self._derive(f"visit/{visit}")

    def _first_free(self) -> str | None:
        """Return the first free place; a taken one becomes free by `note_free` only."""
        while self._taken < len(self._names):
            name = self._names[self._taken]
            if not self.state.players[name].claimed:
                return name
            self._taken += 1
        return None

    def note_free(self, player: Player) -> None:
        """Offer a place again that only a hook had taken, which has failed."""
        if not player._state.claimed:
            self._taken = min(self._taken, player.id)

    def _new_name(self) -> str:
        while True:
            letters = "".join(self._random.choice(_LETTERS) for _ in range(3))
            name = letters + "".join(self._random.choice(_DIGITS) for _ in range(2))
            if name not in self.state.players:
                return name

    def context_of(self, player: Player) -> Any:
        """Return the app's Context for a player."""
        return self.make_context(player)

    # ---- links ----

    @property
    def key(self) -> str:
        """The session's key on the bridge; it reveals no secret."""
        return self._derive("session key")

    @property
    def join_secret(self) -> str:
        """The secret part of the join link."""
        return self._derive("join link")

    def files_key(self, folder: str) -> str:
        """Return the secret part of a static folder's address."""
        return self._derive(f"files/{folder}")

    @property
    def visit_key(self) -> bytes:
        """The key for the tokens in forms."""
        return self._secret

    def token(self, player: str) -> str:
        """Return a player's 128-bit secret, the same after every restart."""
        return self._derive(f"player/{player}")

    def tokens(self) -> dict[str, str]:
        """Return all players' names by token."""
        return {self.token(name): name for name in self.state.players}

    def _derive(self, purpose: str) -> str:
        return blake2b(purpose.encode(), key=self._secret, digest_size=16).hexdigest()

    # ---- the log ----

    def write(self, kind: str, subject: str, field: str, value: str) -> int:
        """Log one change; tracked containers call this."""
        return self.journal.write(kind, subject, field, value)

    def past_of(self, subject: str) -> Iterator[Event]:
        """Yield all changes of the fields of *subject*, oldest first."""
        return self.journal.read(CHANGES, subject)

    def _new_codec(self, resolve: Resolve | None) -> Codec:
        codec = Codec(resolve)
        codec.with_type("player-entity", Player, lambda p: ~p, self._as_player)
        codec.with_type("group-entity", Group, lambda g: ~g, self._as_group)
        codec.with_type("session-entity", Session, lambda s: ~s, self._as_session)
        codec.with_type("model-entity", Model, lambda m: ~m, self._as_model)
        return codec

    def _as_player(self, identifier: PlayerIdentifier) -> Any:
        here = identifier.session == self.name and identifier.name in self._players
        return self._players[identifier.name] if here else identifier

    def _as_group(self, identifier: GroupIdentifier) -> Any:
        here = identifier.session == self.name and identifier.name in self.state.groups
        return self.group(identifier.name) if here else identifier

    def _as_session(self, identifier: SessionIdentifier) -> Any:
        return self.session if identifier.session == self.name else identifier

    def _as_model(self, identifier: ModelIdentifier) -> Any:
        found = self.models.get(identifier.name) if identifier.session == self.name else None
        return identifier if found is None else found


def world_of(entity: Entity) -> World:
    """Return the world of an entity's session."""
    world = entity._world
    assert isinstance(world, World)
    return world


def world_here() -> World | None:
    """Return the world of the session for which this code runs; None in a cell or script."""
    here = session_here()
    return here if isinstance(here, World) else None


def find_world(session: Any) -> World:
    """Return the world of a session, given it or, in a hook or live method, its identifier."""
    if isinstance(session, Session):
        return world_of(session)
    world = world_here()
    if isinstance(session, SessionIdentifier) and world and world.name == session.session:
        return world
    raise UprootError(f"{session!r} is not a session.\nGive player.session, or run.session.")


async def _nothing_to_wait_for(number: int) -> None:
    return


def _load_libraries(state: State) -> None:
    """Import pandas and numpy if a stored value needs them.

    Otherwise the first read would import them under the lock, and delay everybody.
    """
    texts = [
        stored.text
        for fields in state.fields.values()
        for stored in fields.values()
        if type(stored) is Stored and stored.text is not None and '"$' in stored.text
    ]
    for library, marks in (("pandas", FRAME_DECODERS), ("numpy", ARRAY_DECODERS)):
        if any(f'"{mark}"' in text for text in texts for mark in marks):
            import_module(library)


def load_state(log: EventLog, session: str, codec: Codec, own: Own | None = None) -> State:
    """Return a session's state: the newest snapshot and the events after it."""
    state = State(codec, own)
    snapshot = log.load_snapshot(session)
    if snapshot is not None:
        state.load(snapshot.state, changes_until(log, session, snapshot.seq))
    # Later, the first read of a long value would read the log under the lock.
    return state.apply_all(log.read(session, after=state.seq)).fill()
