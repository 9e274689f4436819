"""Subscriptions: what changes in a session, as code of the framework's apps waits for it.

queue = events.FIELDCHANGE[session.name].subscribe()
namespace, field, value = await jobs.subscribe_to_fieldchange(queue, ["bid"])
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.interop.admin_chat import adminchat_event
from uproot_nb.interop.dialect import calling_world, check_session
from uproot_nb.log.events import CHANGES, Event
from uproot_nb.realtime.chat import HOST, MEMBERS
from uproot_nb.session.world import World

__all__ = [
    "FieldValue", "Pulse", "event_names", "subscribe_to_adminchat", "subscribe_to_attendance",
    "subscribe_to_fieldchange",
]  # fmt: skip

ENTRIES = "entries"
"""The field in which a model has its entries; the framework calls each of them "entry"."""

Queue = asyncio.Queue[Any]
Namespace = tuple[str, ...]


class FieldValue(NamedTuple):
    """What a field was set to: `data`, or `unavailable` where it was deleted."""

    time: float
    unavailable: bool
    data: Any
    context: str


class Pulse:
    """Hands each piece of news to all who have subscribed; each keeps the newest of them.

    Args:
        maxsize: how many one keeps; the oldest go.
    """

    def __init__(self, maxsize: int = 1024) -> None:
        self.maxsize = maxsize
        self.subscribers: list[Queue] = []

    def subscribe(self) -> Queue:
        """Return a queue that gets all news from now on."""
        queue: Queue = asyncio.Queue(self.maxsize)
        self.subscribers.append(queue)
        return queue

    def unsubscribe(self, queue: Queue) -> None:
        """Send no more news to a queue. Idempotent."""
        with suppress(ValueError):
            self.subscribers.remove(queue)

    def set(self, data: Any = None) -> None:
        """Send news."""
        for queue in self.subscribers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(data)


class SessionPulse(Pulse):
    """The news of one session, once they are committed; nothing is read without a subscriber."""

    def __init__(self, world: World, news: News) -> None:
        super().__init__()
        self._world, self._news = world, news

    def subscribe(self) -> Queue:
        """Return a queue that gets all news from now on."""
        if not self.subscribers:
            self._world.journal.listeners.append(self._note)
        return super().subscribe()

    def unsubscribe(self, queue: Queue) -> None:
        """Send no more news to a queue. Idempotent."""
        super().unsubscribe(queue)
        if not self.subscribers:
            with suppress(ValueError):
                self._world.journal.listeners.remove(self._note)

    def _note(self, event: Event) -> None:
        world = self._world
        if event.kind in CHANGES or event.kind in ("chat", "connect", "disconnect"):
            world.journal.after_commit(lambda: self._send(event))

    def _send(self, event: Event) -> None:
        with self._world.lock:
            news = list(self._news(self._world, event))
        for one in news:
            self.set(one)


News = Callable[[World, Event], Iterator[Any]]


class SessionPulses:
    """The news of each session by its name: `ATTENDANCE[session.name]`."""

    def __init__(self, news: News) -> None:
        self._news = news
        self._known: WeakKeyDictionary[World, SessionPulse] = WeakKeyDictionary()

    def __getitem__(self, sname: str) -> SessionPulse:
        check_session(str(sname))
        world = calling_world()
        if world not in self._known:
            self._known[world] = SessionPulse(world, self._news)
        return self._known[world]


def event_names() -> dict[str, Any]:
    """Return what the framework's module of events offers to one app."""
    return {
        "ATTENDANCE": SessionPulses(_attendance), "FIELDCHANGE": SessionPulses(_field_changes),
        "ADMINCHAT": SessionPulses(_chat_with_researcher),
    }  # fmt: skip


# ---- waiting ----


async def subscribe_to_attendance(queue: Queue) -> PlayerIdentifier:
    """Wait until a player comes or goes; return which."""
    found: PlayerIdentifier = await queue.get()
    return found


async def subscribe_to_fieldchange(
    queue: Queue, fields: Collection[str] | None = None
) -> tuple[Namespace, str, FieldValue]:
    """Wait until a field changes, or one of *fields*; return whose it is, its name and value."""
    while True:
        found: tuple[Namespace, str, FieldValue] = await queue.get()
        if fields is None or found[1] in fields:
            return found


async def subscribe_to_adminchat(queue: Queue) -> dict[str, Any]:
    """Wait until something happens in a chat with the researcher; return its summary."""
    found: dict[str, Any] = await queue.get()
    return found


# ---- news ----


def _attendance(world: World, event: Event) -> Iterator[PlayerIdentifier]:
    if event.kind in ("connect", "disconnect"):
        yield PlayerIdentifier(world.name, event.subject.partition("/")[2])


def _field_changes(world: World, event: Event) -> Iterator[tuple[Namespace, str, FieldValue]]:
    kind, _, name = event.subject.partition("/")
    namespace = (kind, world.name, name) if name else (kind, world.name)
    if event.field == ENTRIES and kind == "model":
        for entry in _entries(world, event):
            yield namespace, "entry", FieldValue(event.time, False, entry, event.cause)
    elif event.kind in CHANGES:
        data = None if event.kind == "del" else _data(world, event)
        value = FieldValue(event.time, event.kind == "del", data, event.cause)
        yield namespace, event.field, value


def _data(world: World, event: Event) -> Any:
    """Return what a field holds: what it was set to, or what it is after a change in place."""
    if event.kind == "set":
        return world.codec.decode(event.value)
    names = world.state.names(event.subject)
    if event.field not in names:  # it was deleted meanwhile
        return None
    return world.codec.decode(world.state.text(event.subject, event.field))


def _entries(world: World, event: Event) -> Iterator[Any]:
    added = world.codec.decode(event.value) if event.kind in ("append", "chat") else {}
    for record in added.get("values", ()):
        yield world.codec.decode(record["fields"])


def _chat_with_researcher(world: World, event: Event) -> Iterator[dict[str, Any]]:
    kind, _, name = event.subject.partition("/")
    model = world.models.get(name) if kind == "model" else None
    members = list(model.get(MEMBERS) or ()) if model is not None and model.get(HOST) else []
    if members:
        player = PlayerIdentifier(world.name, members[0])
        what = "message" if event.field == ENTRIES else "state"
        yield adminchat_event(player, kind=what)
