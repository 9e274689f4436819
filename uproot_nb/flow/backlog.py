"""LogBacklog: requests that wait because the log is away, and what is bounded meanwhile."""

from __future__ import annotations

import asyncio

from uproot_nb.bridge.messages import HttpReply
from uproot_nb.flow.pause import HOLDING_SECONDS
from uproot_nb.session.world import World

__all__ = ["LogBacklog", "take_turn"]


class LogBacklog:
    """Lets requests wait while a database is away, as calls do, so that no memory fills.

    if await backlog.leaves_room():
        ...            # something more may be begun
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._landing: asyncio.Future[None] | None = None
        """The next commit, for all who wait for it."""

    async def leaves_room(self) -> bool:
        """Wait until not too much is uncommitted; return False if that takes too long."""
        journal, loop = self._world.journal, self._world.loop
        end = loop.time() + HOLDING_SECONDS
        while journal.is_full:
            try:
                async with asyncio.timeout_at(end):
                    await asyncio.shield(self._next_landing())
            except TimeoutError:
                return False
        return True

    async def send_after_commit(self, reply: HttpReply) -> None:
        """Answer a request once everything written so far is committed, and wait for that."""
        world = self._world
        sent: asyncio.Future[None] = world.loop.create_future()

        def send() -> None:
            world.send(reply)
            _set(sent)

        with world.lock:
            world.journal.after_commit(send)
        await sent

    def _next_landing(self) -> asyncio.Future[None]:
        if self._landing is None:
            self._landing = self._world.loop.create_future()
            with self._world.lock:
                self._world.journal.after_commit(self._landed)
        return self._landing

    def _landed(self) -> None:
        landing, self._landing = self._landing, None
        if landing is not None:
            _set(landing)


async def take_turn(turn: asyncio.Lock) -> bool:
    """Acquire *turn*; return False if that takes too long."""
    if not turn.locked():
        return await turn.acquire()
    try:
        async with asyncio.timeout(HOLDING_SECONDS):
            return await turn.acquire()
    except TimeoutError:
        return False


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
