"""Delivery: pushes to browsers, in order, each exactly once."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from sqlite3 import Error as SqliteError
from typing import Any

import orjson

from uproot_nb.bridge.messages import (
    FAMILY_BITS,
    Action,
    Backlog,
    CloseSocket,
    Push,
    SocketOpened,
)
from uproot_nb.errors import BadPage, LogAway, UprootError, WrongRecipient
from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.experiment.pages import Page
from uproot_nb.log.events import Event
from uproot_nb.log.meant_players import holders, meant_players
from uproot_nb.realtime.addressees import Addressees, Everybody
from uproot_nb.session.browser_json import event_frame, to_sendable_json
from uproot_nb.session.entities import Player
from uproot_nb.session.services import Where
from uproot_nb.session.world import World

__all__ = ["Delivery"]

Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Runs a coroutine in the background."""

REMEMBERED = 500
"""Pushes to one player held in memory for browsers that reconnect; older ones are read from the
log."""
REMEMBERED_SETS = 20
"""Sets of players to whom the same was pushed more than once."""
REMEMBERED_BYTES = 8 * 1024 * 1024
"""Bytes of all pushes held in memory."""
LONGEST_BACKLOG = 10_000
"""Pushes that are sent again to a page; a page that has missed more is reloaded."""
LARGEST_BACKLOG = 2 * 1024 * 1024
"""Bytes of pushes that are sent again to a page."""
PART_BYTES = 256 * 1024
"""Bytes of pushes in one part of a backlog."""
SEARCHED_BYTES = 64 * 1024 * 1024
"""Bytes of pushes that are read from the log at once, for all pages that have missed some."""
AGAIN_SECONDS = 0.25
"""How long the log is left alone that could not be read just now."""
_EVENTS_A_TURN = 500
_BYTES_A_PUSH = 200
"""Bytes of memory for a push besides its frame."""
_LEAST_COST = 2048
"""Bytes that answering one socket counts for at least, so that many leave turns to others."""

RELOAD = to_sendable_json({"op": "action", "action": "reload"})

Frames = list[tuple[int, bytes]]


class _Sent:
    """A push: its seq and frame, which is empty once it has been dropped."""

    __slots__ = ("frame", "seq")

    def __init__(self, seq: int, frame: bytes) -> None:
        self.seq, self.frame = seq, frame


class _Recent:
    """The latest pushes, limited in number for each player and in total size."""

    def __init__(self, after: int) -> None:
        self._after = self._after_shared = after
        self._sent: deque[_Sent] = deque()
        self._bytes = 0
        self._of: dict[str, deque[_Sent]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        self._shared: deque[tuple[_Sent, frozenset[str]]] = deque()
        """The latest pushes to sets of players."""
        self._sets = 0

    def add(
        self, seq: int, players: list[str], frame: bytes, members: frozenset[str] | None = None
    ) -> None:
        """Add a push, and drop the oldest if there are too many.

        Args:
            members: the players as a set that several pushes share.
        """
        sent, of = _Sent(seq, frame), self._of
        if members is None:
            for name in players:
                of[name].append(sent)
        else:
            self._share(sent, members)
        self._sent.append(sent)
        self._bytes += len(frame) + _BYTES_A_PUSH
        while self._bytes > REMEMBERED_BYTES:
            oldest = self._sent.popleft()
            self._bytes -= len(oldest.frame) + _BYTES_A_PUSH
            self._after, oldest.frame = oldest.seq, b""

    def _share(self, sent: _Sent, members: frozenset[str]) -> None:
        if not self._shared or self._shared[-1][1] is not members:
            self._sets += 1
        self._shared.append((sent, members))
        while len(self._shared) > REMEMBERED or self._sets > REMEMBERED_SETS:
            oldest, of = self._shared.popleft()
            self._after_shared = oldest.seq
            self._sets -= self._shared[0][1] is not of

    def after(self, player: str) -> int:
        """Return the seq after which all pushes to a player are here."""
        sent = self._of.get(player)
        full = bool(sent) and len(sent or ()) == REMEMBERED
        after = max(self._after, self._after_shared)
        return max(after, sent[0].seq - 1) if full and sent else after

    def missed(self, player: str, since: int, until: int) -> Frames:
        """Return the pushes to a player after *since* and up to *until*, oldest first."""
        shared = (sent for sent, members in self._shared if player in members)
        found = [
            (one.seq, one.frame)
            for one in chain(self._of.get(player, ()), shared)
            if since < one.seq <= until
        ]
        return sorted(found)


def _family_of(opened: SocketOpened) -> int:
    """Return the upper bits of a socket's number, which name the participant server."""
    return opened.socket >> FAMILY_BITS


class _Missed:
    """Pushes for a socket from the log, newest first; memory has those after `until`."""

    def __init__(self, opened: SocketOpened, until: int) -> None:
        self.opened, self.until = opened, until
        self.is_found = False
        """Whether the log has been searched."""
        self.frames: Frames = []
        self.size = 0
        self.too_much = False

    def take(self, seq: int, frame: bytes) -> None:
        """Add one older push, if the socket lacks it."""
        if self.too_much or not self.opened.since < seq <= self.until:
            return
        self.frames.append((seq, frame))
        self.size += len(frame)
        if self.size > LARGEST_BACKLOG or len(self.frames) > LONGEST_BACKLOG:
            self.give_up()

    def give_up(self) -> None:
        """Reload the page instead."""
        self.too_much = True
        self.frames.clear()

    def begin_again(self) -> None:
        """Forget what an interrupted search has found."""
        self.frames.clear()
        self.size, self.too_much = 0, False


class Delivery:
    """Logs each push once and sends it after the commit.

    For each participant server, one task answers browsers that reconnect, in turn: from memory,
    or, if they have missed more, from one search of the log for all of them, in another thread. So
    a server that reads slowly delays nobody else's.

    Args:
        spawn: runs a coroutine in the background.
    """

    def __init__(self, world: World, spawn: Spawn) -> None:
        self._world, self._spawn = world, spawn
        self._recent = _Recent(world.state.seq)
        self._everybody = Everybody(world, lambda at: self._present(list(world.state.players), at))
        self._opened: dict[int, SocketOpened] = {}
        """Sockets that lack pushes that they have missed."""
        self._late: dict[int, _Missed] = {}
        """Those for which the log is searched."""
        self._answering: set[int] = set()
        """The participant servers whose sockets are being answered; see `FAMILY_BITS`."""
        self._served: set[int] = set()
        """Those that are being sent what was found in the log."""
        self._searching = False
        self._reader: ThreadPoolExecutor | None = None

    def notify(
        self, sender: Player | None, recipients: Any, data: Any, event: str | None, where: Where
    ) -> None:
        """Push *data* to the recipients who are on the page *where*."""
        world = self._world
        if event is not None and not isinstance(event, str):
            raise TypeError(f"event= takes a name (text), not {type(event).__name__}.")
        payload, named = to_sendable_json(data), to_sendable_json(event)
        with world.lock:
            everybody = recipients is world.players()
            names = [] if everybody else self.names(recipients)
            at = self._place_of(sender) if where is None else where
            found = self._everybody.there(at) if everybody else self._addressees(names, at)
            value = b'{"event":%b,"where":%b,"recipients":%b,"data":%b}' % (
                named, orjson.dumps(_place_in_log(at)), found.encoded, payload,
            )  # fmt: skip
            subject = "session" if sender is None else sender.subject
            seq = world.journal.write("notify", subject, event or "", value.decode())
            self._release(seq, found, event_frame(seq, named, payload))

    def _addressees(self, names: list[str], where: Any) -> Addressees:
        return Addressees(self._present(names, where), self._world.state.players)

    def act(self, recipients: Any, action: str, **details: Any) -> None:
        """Steer the open browsers of the recipients (reload, redirect, submit, message)."""
        world = self._world
        with world.lock:
            names = self.names(recipients)
            value = world.codec.encode({"action": action, "players": names, **details})
            subject = f"player/{names[0]}" if len(names) == 1 else "session"
            world.journal.write("intervention", subject, action, value)
            self.steer(names, action, **details)

    def steer(self, names: list[str], action: str, **details: Any) -> None:
        """Steer open browsers as `act`, after the next commit, without logging it."""
        world = self._world
        frame = to_sendable_json({"op": "action", "action": action, **details})
        message = Action(world.key, names, frame)
        with world.lock:
            world.journal.after_commit(lambda: world.send(message))

    def _release(self, seq: int, to: Addressees, frame: bytes) -> None:
        if not to.names:
            return
        world = self._world
        self._recent.add(seq, to.names, frame, to.members)
        message = Push(world.key, seq, to.names, frame, to.positions)
        world.journal.after_commit(lambda: world.send(message))

    # ---- browsers that reconnect ----

    def catch_up(self, opened: SocketOpened) -> None:
        """Send a browser that (re)connects what it has missed, or reload its page."""
        self._opened[opened.socket] = opened
        family = _family_of(opened)
        if family not in self._answering:
            self._answering.add(family)
            self._spawn(self._answer_all(family))

    def forget_socket(self, socket: int) -> None:
        """Forget a closed socket."""
        self._opened.pop(socket, None)
        self._late.pop(socket, None)

    def forget_sockets(self) -> None:
        """Forget all sockets: the connection is lost, and the next one lists them again."""
        self._opened.clear()
        self._late.clear()

    def close(self) -> None:
        """End the reading thread."""
        if self._reader is not None:
            self._reader.shutdown(wait=False, cancel_futures=True)

    async def _answer_all(self, family: int) -> None:
        """Answer a server's waiting sockets; those that need the log wait for its search."""
        try:
            while waiting := self._waiting(family):
                await self._answer(waiting)
        finally:
            self._answering.discard(family)

    def _waiting(self, family: int) -> list[SocketOpened]:
        return [
            opened
            for number, opened in self._opened.items()
            if number not in self._late and _family_of(opened) == family
        ]

    async def _answer(self, waiting: list[SocketOpened]) -> None:
        cost = 0
        for opened in waiting:
            if not self._awaits(opened):
                continue
            with self._world.lock:
                committed, until = self._world.journal.committed, self._recent.after(opened.player)
                current = self._can_catch_up(opened)
                found = self._remembered(opened, opened.since) if current else []
            if current and opened.since < until:
                self._answer_later(_Missed(opened, until))
                continue
            cost += await self._send(opened, found, committed)
            if cost > PART_BYTES:
                cost = 0
                await self._world.drain(opened.socket)

    def _answer_later(self, missed: _Missed) -> None:
        """Have the log searched for a socket, once all that memory lacks is committed."""
        self._late[missed.opened.socket] = missed
        with self._world.lock:
            self._world.journal.after_commit(self._search_soon)

    def _search_soon(self) -> None:
        if not self._searching and self._late:
            self._searching = True
            self._spawn(self._answer_from_log())

    def _searchable(self) -> list[_Missed]:
        committed = self._world.journal.committed
        return [
            missed
            for missed in self._late.values()
            if missed.until <= committed
            and not missed.is_found
            and _family_of(missed.opened) not in self._served
        ]

    async def _answer_from_log(self) -> None:
        """Answer the sockets that need the log, all by one search."""
        try:
            while missed := self._searchable():
                await self._answer_by_search(missed)
        finally:
            self._searching = False

    async def _answer_by_search(self, missed: list[_Missed]) -> None:
        try:
            await self._search(missed)
        except LogAway:
            # A database that is away comes back, and the log says so: pages wait as their calls do.
            for one in missed:
                one.begin_again()
            await asyncio.sleep(AGAIN_SECONDS)
            return
        except (OSError, SqliteError, UprootError) as error:
            self._world.journal.report(error)
            for one in missed:  # a page that reloads needs nothing from the log
                one.give_up()
        by_family: dict[int, list[_Missed]] = defaultdict(list)
        for one in missed:
            one.is_found = True
            by_family[_family_of(one.opened)].append(one)
        for family, found in by_family.items():
            self._served.add(family)
            self._spawn(self._answer_found(family, found))

    async def _answer_found(self, family: int, found: list[_Missed]) -> None:
        """Send a server's sockets what the log has; then it may be searched for further ones."""
        try:
            for one in found:
                await self._answer_one(one)
        finally:
            self._served.discard(family)
        self._search_soon()

    async def _answer_one(self, missed: _Missed) -> None:
        opened = missed.opened
        if self._late.get(opened.socket) is missed:
            del self._late[opened.socket]
        if self._awaits(opened):
            missed.frames.reverse()
            await self._send(opened, None if missed.too_much else missed.frames, missed.until)
            await self._world.drain(opened.socket)

    async def _search(self, missed: list[_Missed]) -> None:
        """Read the log once, newest first, for all sockets that need it."""
        world = self._world
        if self._reader is None:
            self._reader = ThreadPoolExecutor(1, f"uproot_nb {world.name} reads")
        since, until = min(m.opened.since for m in missed), max(m.until for m in missed)
        events = world.log.read(
            world.name, after=since, until=until, kinds={"notify"}, newest_first=True
        )
        size, more = 0, True
        while more:
            wanted: dict[str, list[_Missed]] = defaultdict(list)
            for one in missed:
                if not self._awaits(one.opened):
                    one.give_up()  # closed meanwhile, or opened again
                elif not one.too_much:
                    wanted[one.opened.player].append(one)
            if size > SEARCHED_BYTES:
                for one in missed:
                    one.give_up()
            if not wanted or size > SEARCHED_BYTES:
                return
            some, more = await world.loop.run_in_executor(
                self._reader, _sort_some, events, wanted
            )  # fmt: skip
            size += some

    async def _send(self, opened: SocketOpened, frames: Frames | None, until: int) -> int:
        """Send a socket *frames*, then those after *until* in memory; return the bytes.

        The last part is made and sent at once: it has the seq up to which the socket is complete.
        Without frames, or with too many in memory, the page is reloaded.
        """
        world = self._world
        cost, part, size = _LEAST_COST, Frames(), 0
        for number, frame in frames or ():
            part.append((number, frame))
            size += len(frame)
            if size >= PART_BYTES:
                world.send(Backlog(opened.socket, number, part, more=True))
                cost, part, size = cost + size, Frames(), 0
                await world.drain(opened.socket)
                if not self._awaits(opened):
                    return cost
        with world.lock:
            if opened.player not in world.state.players:
                world.send(CloseSocket(opened.socket, 4403, "unknown"))
            else:
                rest = None if frames is None else self._remembered(opened, until)
                action = self._reload_for(opened, rest is None)
                last = [] if action or rest is None else [*part, *rest]
                world.send(Backlog(opened.socket, world.journal.committed, last, action=action))
        self._opened.pop(opened.socket, None)
        return cost + size

    def _awaits(self, opened: SocketOpened) -> bool:
        """Return whether a socket is still open and has not been answered."""
        return self._opened.get(opened.socket) is opened

    def _can_catch_up(self, opened: SocketOpened) -> bool:
        """Return whether a page is its player's current one, rendered in this visit."""
        player = self._world.state.players.get(opened.player)
        if player is None or player.position != opened.page:
            return False
        return player.entered <= opened.since <= self._world.journal.committed

    def _reload_for(self, opened: SocketOpened, too_much: bool) -> bytes:
        """Return the frame that reloads a page; empty if it need not."""
        player = self._world.state.players[opened.player]
        if self._can_catch_up(opened):
            return RELOAD if too_much else b""
        if opened.page < 0:
            return b""
        if player.position == opened.page and opened.since > self._world.journal.committed:
            return RELOAD  # from another history: the log was restored
        return to_sendable_json({"op": "action", "action": "reload", "entered": player.entered})

    def _remembered(self, opened: SocketOpened, since: int) -> Frames | None:
        """Return the committed pushes after *since*; None if some are missing, or too many."""
        if since < self._recent.after(opened.player):
            return None
        found = self._recent.missed(opened.player, since, self._world.journal.committed)
        return None if sum(len(frame) for _, frame in found) > LARGEST_BACKLOG else found

    # ---- recipients and pages ----

    def names(self, recipients: Any) -> list[str]:
        """Return players' names, given a player, an identifier, a name or an iterable of these.

        Raises:
            WrongRecipient: something is not a player of this session.
        """
        return list(dict.fromkeys(self._each_name(recipients)))

    def meant(self, players: Any) -> list[str]:
        """Return the names of the players whom a researcher means; see `meant_players`.

        Raises:
            AmbiguousLabel: several have a label.
            UnknownPlayer: nobody has a name or label.
            WrongRecipient: something is not a player of this session.
        """
        return self.names(meant_players(players, holders(self._world.state.players)))

    def _each_name(self, recipients: Any) -> Iterable[str]:
        if isinstance(recipients, (Player, PlayerIdentifier, str)):
            recipients = (recipients,)
        elif not isinstance(recipients, Iterable) or isinstance(recipients, (bytes, dict)):
            raise WrongRecipient(recipients)
        world = self._world
        for one in recipients:
            yield (world.player(one) if isinstance(one, str) else world.find_player(one)).name

    def _place_of(self, sender: Player | None) -> tuple[str | None, int]:
        """Return the sender's page, and its occurrence in the page order."""
        if sender is None:
            raise BadPage(
                "notify",
                "there is no sender, so it does not know the page.",
                "Write where=PageClass, or where=... for any page.",
            )
        return sender.page, sender._state.nth

    def _present(self, names: list[str], where: Any) -> list[str]:
        states = self._world.state.players
        if where is ...:
            return [name for name in names if states[name].page is not None]
        if isinstance(where, bool):
            raise TypeError("where= takes a page class, a position, or ... for any page.")
        if isinstance(where, tuple):
            return [n for n in names if (states[n].page, states[n].nth) == where]
        if isinstance(where, int):
            return [name for name in names if states[name].position == where]
        if isinstance(where, type) and issubclass(where, Page) and where.may_be_listed():
            return [name for name in names if states[name].page == where.key]
        raise TypeError(
            f"where={where!r} is not a page.\nGive a page class, a position, or ... for any page."
        )


def _place_in_log(where: Any) -> Any:
    """Return a push's page for the log."""
    if isinstance(where, tuple):
        return where[0]
    if isinstance(where, int):
        return where
    return getattr(where, "key", None)


def _sort_some(events: Iterator[Event], wanted: dict[str, list[_Missed]]) -> tuple[int, bool]:
    """Collect some pushes from the log for those who missed them; return bytes, and whether more
    follow. Runs in another thread.
    """
    read = size = 0
    for event in islice(events, _EVENTS_A_TURN):
        read += 1
        value = orjson.loads(event.value)
        missing = wanted.keys() & value["recipients"]
        if missing:
            named, data = orjson.dumps(value["event"]), orjson.dumps(value["data"])
            frame = event_frame(event.seq, named, data)
            size += len(frame)
            for name in missing:
                for one in wanted[name]:
                    one.take(event.seq, frame)
    return size, read == _EVENTS_A_TURN
