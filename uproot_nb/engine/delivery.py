"""Delivery: notifications to browsers, in order, each exactly once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from sys import getsizeof
from types import EllipsisType
from typing import Any, NamedTuple

import orjson

from uproot_nb.bridge.messages import Action, Backlog, CloseSocket, Push, SocketOpened
from uproot_nb.engine.entities import Player
from uproot_nb.engine.wire import event_frame, to_json
from uproot_nb.engine.world import World
from uproot_nb.errors import BadPage, WrongRecipient
from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.experiment.pages import Page

__all__ = ["Delivery", "Where"]

Where = type[Page] | int | EllipsisType | None

REMEMBERED = 4_000
"""Notifications kept in memory for browsers that reconnect; older ones are read from the log."""
REMEMBERED_BYTES = 8 * 2**20
"""About how much memory they may take; a notification that is larger alone is not kept."""


class _Sent(NamedTuple):
    seq: int
    players: frozenset[str]
    frame: bytes


class _Recent:
    """The latest notifications, bounded by their number and by the memory that they take.

    Those that go to the same players share one set of names.
    """

    def __init__(self, after: int) -> None:
        self.after = after
        """Every notification after this seq is here."""
        self._sent: deque[_Sent] = deque()
        self._bytes = 0

    def add(self, seq: int, players: list[str], frame: bytes) -> None:
        """Keep one more notification, and let go of the oldest where there are too many."""
        names, last = frozenset(players), self._sent[-1] if self._sent else None
        if last is not None and last.players == names:
            names = last.players
        self._sent.append(_Sent(seq, names, frame))
        self._bytes += self._size_of_last()
        while self._sent and (len(self._sent) > REMEMBERED or self._bytes > REMEMBERED_BYTES):
            self._drop_oldest()

    def missed(self, player: str, since: int, until: int) -> list[tuple[int, bytes]]:
        """Return what *player* was sent after *since* and up to *until*, oldest first."""
        found: list[tuple[int, bytes]] = []
        for sent in reversed(self._sent):
            if sent.seq <= since:
                break
            if sent.seq <= until and player in sent.players:
                found.append((sent.seq, sent.frame))
        return found[::-1]

    def _size_of_last(self) -> int:
        sent = self._sent[-1]
        shared = len(self._sent) > 1 and self._sent[-2].players is sent.players
        return _size_of(sent, shared)

    def _drop_oldest(self) -> None:
        dropped = self._sent.popleft()
        self.after = dropped.seq
        shared = bool(self._sent) and self._sent[0].players is dropped.players
        self._bytes -= _size_of(dropped, shared)


def _size_of(sent: _Sent, shared: bool) -> int:
    """Return about how many bytes a notification takes, without names that it shares."""
    return getsizeof(sent) + getsizeof(sent.frame) + (0 if shared else getsizeof(sent.players))


class Delivery:
    """Logs each notification once and releases it after the commit."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._recent = _Recent(world.state.seq)

    def notify(
        self, sender: Player | None, recipients: Any, data: Any, event: str | None, where: Where
    ) -> None:
        """Push *data* to the recipients who are where it says."""
        world = self._world
        if event is not None and not isinstance(event, str):
            raise TypeError(f"event= takes a name (text), not {type(event).__name__}.")
        payload = to_json(data)
        with world.lock:
            names = self.names(recipients)
            at = self._place_of(sender) if where is None else where
            present = self._present(names, at)
            named = orjson.dumps(event)
            place = _told(at)
            value = b'{"event":%b,"where":%b,"recipients":%b,"data":%b}' % (
                named, orjson.dumps(place), orjson.dumps(present), payload,
            )  # fmt: skip
            subject = "session" if sender is None else sender.subject
            seq = world.journal.write("notify", subject, event or "", value.decode())
            self._release(seq, present, event_frame(seq, named, payload))

    def act(self, recipients: Any, action: str, **details: Any) -> None:
        """Steer the open browsers of the recipients (reload, redirect, submit, message)."""
        world = self._world
        with world.lock:
            names = self.names(recipients)
            value = world.codec.encode({"action": action, "players": names, **details})
            subject = f"player/{names[0]}" if len(names) == 1 else "session"
            world.journal.write("intervention", subject, action, value)
            self.tell(names, action, **details)

    def tell(self, names: list[str], action: str, **details: Any) -> None:
        """Steer open browsers as `act`, once what is written so far is committed; log nothing."""
        world = self._world
        frame = to_json({"op": "action", "action": action, **details})
        message = Action(world.key, names, frame)
        with world.lock:
            world.journal.say(lambda: world.send(message))

    def catch_up(self, opened: SocketOpened) -> None:
        """Send a browser that (re)connects what it has missed."""
        world = self._world
        player = world.state.players.get(opened.player)
        if player is None:
            world.send(CloseSocket(opened.socket, 4403, "unknown"))
            return
        frames: Iterable[tuple[int, bytes]] = ()
        with world.lock:  # a cell may send, and so commit, at any moment
            committed = world.journal.committed
            if player.position == opened.page:
                frames = self._missed(opened.player, opened.since, committed)
        world.send(Backlog(opened.socket, committed, list(frames)))
        if player.position != opened.page and opened.page >= 0:
            self.tell([opened.player], "reload", entered=player.entered)

    def _release(self, seq: int, players: list[str], frame: bytes) -> None:
        if not players:
            return
        world = self._world
        self._recent.add(seq, players, frame)
        positions = [world.state.players[name].position for name in players]
        message = Push(world.key, seq, players, frame, positions)
        world.journal.say(lambda: world.send(message))

    def _missed(self, player: str, since: int, committed: int) -> Iterable[tuple[int, bytes]]:
        if since >= self._recent.after:
            return self._recent.missed(player, since, committed)
        return self._missed_long_ago(player, since, committed)

    def _missed_long_ago(
        self, player: str, since: int, committed: int
    ) -> Iterable[tuple[int, bytes]]:
        log = self._world.log
        for event in log.read(self._world.name, after=since, until=committed, kinds={"notify"}):
            value = orjson.loads(event.value)
            if player in value["recipients"]:
                name, data = orjson.dumps(value["event"]), orjson.dumps(value["data"])
                yield event.seq, event_frame(event.seq, name, data)

    # ---- who, and where ----

    def names(self, recipients: Any) -> list[str]:
        """Return the names of players: of one, of an identifier, or of any iterable of these.

        Raises:
            WrongRecipient: something is not a player of this session.
        """
        return list(dict.fromkeys(self._each_name(recipients)))

    def _each_name(self, recipients: Any) -> Iterable[str]:
        if isinstance(recipients, (Player, PlayerIdentifier, str)):
            yield self._name(recipients)
        elif isinstance(recipients, Iterable) and not isinstance(recipients, (bytes, dict)):
            for recipient in recipients:
                yield self._name(recipient)
        else:
            raise WrongRecipient(recipients)

    def _name(self, recipient: Any) -> str:
        world = self._world
        if isinstance(recipient, Player) and recipient._world is world:
            return recipient.name
        if isinstance(recipient, PlayerIdentifier) and recipient.session == world.name:
            return world.player(recipient.name).name
        if isinstance(recipient, str):
            return world.player(recipient).name
        raise WrongRecipient(recipient)

    def _place_of(self, sender: Player | None) -> tuple[str | None, int]:
        """Return the sender's page, and which of its places in the order it is."""
        if sender is None:
            raise BadPage(
                "notify",
                "there is no sender whose page could be meant.",
                "Say where=PageClass, or where=... for any page.",
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


def _told(where: Any) -> Any:
    """Return what the log tells of the place that a notification was meant for."""
    if isinstance(where, tuple):
        return where[0]
    if isinstance(where, int):
        return where
    return getattr(where, "key", None)
