"""EventStreams: a session's events as lines of JSON, up to now or as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import islice

import msgspec

from uproot_nb.bridge.messages import Role
from uproot_nb.engine.runtime import Runtime
from uproot_nb.errors import TooManyAtOnce
from uproot_nb.log.events import Event
from uproot_nb.steering.withheld import Withheld

__all__ = ["EventLine", "EventStreams", "encode_event"]

EVENTS_A_PART = 500
LOOK_SECONDS = 0.2
"""How often a stream that follows looks for new events."""
HEARTBEAT_SECONDS = 15.0
MOST_FOLLOWING = 16
"""Streams of one run that go on without an end; further ones are refused."""


class EventLine(msgspec.Struct, frozen=True):
    """An event as a line of JSON; `value` is the JSON that the log has, as it is there."""

    seq: int
    time: float
    kind: str
    subject: str
    field: str
    value: msgspec.Raw
    actor: str
    page: str
    cause: str
    code: str

    def event(self, session: str) -> Event:
        """Return the event, of a session of that name."""
        return Event(
            self.seq, self.time, session, self.kind, self.subject, self.field,
            bytes(self.value).decode(), self.actor, self.page, self.cause, self.code,
        )  # fmt: skip


_ENCODER = msgspec.json.Encoder()


def encode_event(event: Event) -> bytes:
    """Return an event as a line."""
    return _ENCODER.encode(
        EventLine(
            event.seq, event.time, event.kind, event.subject, event.field,
            msgspec.Raw(event.value.encode()), event.actor, event.page, event.cause, event.code,
        )
    )  # fmt: skip


class EventStreams:
    """Makes the parts of answers with events; the log is read beside the run's loop, in pieces."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self._withheld = runtime, Withheld(runtime)
        self._following = 0

    def open(
        self, role: Role, after: int, limit: int | None = None, follow: bool = False
    ) -> AsyncIterator[bytes]:
        """Return the events after *after*, as parts of an answer.

        Raises:
            TooManyAtOnce: many follow the run already.
        """
        if not follow:
            return self._past(role, after, limit)
        if self._following >= MOST_FOLLOWING:
            raise TooManyAtOnce(f"{MOST_FOLLOWING} programs follow this session's events")
        return self._follow(role, after, limit)

    async def _past(self, role: Role, after: int, limit: int | None) -> AsyncIterator[bytes]:
        world = self._runtime.world
        until = world.journal.committed
        events = islice(world.log.read(world.name, after=after, until=until), limit)
        withheld = self._withheld if role == "viewer" else None
        while part := await asyncio.to_thread(_part, events, withheld):
            yield part

    async def _follow(self, role: Role, after: int, limit: int | None) -> AsyncIterator[bytes]:
        self._following += 1
        journal, loop = self._runtime.world.journal, self._runtime.loop
        silent_since = loop.time()
        try:
            while limit is None or limit > 0:
                last = journal.committed
                if last > after:
                    async for part in self._past(role, after, limit):
                        limit = None if limit is None else limit - part.count(b"\n")
                        yield part
                    after, silent_since = last, loop.time()
                elif loop.time() - silent_since >= HEARTBEAT_SECONDS:
                    silent_since = loop.time()
                    yield b"\n"
                else:
                    await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._following -= 1


def _part(events: Iterator[Event], withheld: Withheld | None) -> bytes:
    """Return the next lines; b"" if there are none."""
    some = islice(events, EVENTS_A_PART)
    shown = some if withheld is None else map(withheld.event, some)
    return b"".join(encode_event(event) + b"\n" for event in shown)
