"""A world without sockets or a running loop: enough to read, write and replay."""

from __future__ import annotations

import asyncio
from typing import Any

from uproot_nb.log.events import Event
from uproot_nb.log.log import EventLog, MemoryLog
from uproot_nb.log.state import State
from uproot_nb.session.steps import Cause, StepLock
from uproot_nb.session.world import World

CELL = Cause("researcher", "", "cell 1", "c0de")


class Worlds:
    """Makes worlds that share a log; each takes the session over from the one before it."""

    def __init__(self) -> None:
        self.log: EventLog = MemoryLog()
        self._loop = asyncio.new_event_loop()

    def open(self, name: str = "market", **options: Any) -> World:
        """Open a session, or open it again as after a restart."""
        self.log.release(name)
        secret = self.log.claim(name)
        settings = options.pop("settings", {})
        options.setdefault("seed", 1)
        world = World(
            name, self.log, secret, StepLock(), self._loop, lambda: CELL, settings, **options
        )
        world.journal.start()
        return world

    def close(self) -> None:
        self._loop.close()


def events_of(world: World) -> list[Event]:
    """Return every event of the session, those not yet committed included."""
    world.journal.commit()
    return list(world.log.read(world.name))


def replayed(world: World) -> State:
    """Return the state that replaying the log gives."""
    return State(world.codec).apply_all(events_of(world))


def loaded(world: World) -> State:
    """Return the state in a snapshot of now, without any event after it."""
    world.journal.commit()
    return State(world.codec).load(world.state.dump())
