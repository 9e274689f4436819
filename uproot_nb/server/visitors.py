"""Visitors: how much one network may still ask of the server, a room or a join link."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict

from uproot_nb.server.limits import Limits, TokenBucket
from uproot_nb.server.networks import network_of

__all__ = ["Visitor", "Visitors"]

_MOST_VISITORS = 4096


class Visitor:
    """How much one network may still ask."""

    __slots__ = (
        "_guesses", "_joins", "_limits", "_queue", "_queued", "_requests", "_turn", "_waiting",
    )  # fmt: skip

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._requests = limits.bucket(now)
        self._queue = limits.request_bucket(now)
        self._guesses = TokenBucket(limits.guesses_per_second, limits.guess_burst, now)
        self._joins = limits.join_bucket(now)
        self._turn: asyncio.Lock | None = None
        self._waiting = self._queued = 0

    def may_ask(self, now: float) -> bool:
        """Say whether one more request may pass."""
        return self._requests is None or self._requests.take(now)

    def pause(self, now: float) -> float:
        """Count one more request; return how many seconds it has to wait for its turn."""
        return 0.0 if self._queue is None else self._queue.queue(now, self._limits.longest_turn)

    async def wait_for_turn(self, seconds: float) -> bool:
        """Wait as long as `pause` said; False at once if too many wait already."""
        if self._queued >= self._limits.max_waiting_turns:
            return False
        self._queued += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._queued -= 1
        return True

    def may_join(self, now: float) -> bool:
        """Say whether one more place may be opened."""
        return self._joins is None or self._joins.take(now)

    def give_back_join(self, now: float) -> None:
        """Do not count a join after all: no place was opened by it."""
        if self._joins is not None:
            self._joins.charge(now, -1.0)

    def may_guess(self, now: float) -> bool:
        """Charge one label that is tried; say whether it may be judged at once."""
        return self._guesses.take(now)

    def give_back_guess(self, now: float) -> None:
        """Do not count a label after all: it was right."""
        self._guesses.charge(now, -1.0)

    async def wait_to_guess(self) -> bool:
        """Wait until a label beyond the limit may be judged; False: too many wait already.

        A right label is not refused because neighbours behind the same address mistyped theirs,
        and whoever tries them all gets one answer in `guess_pause` seconds.
        """
        if self._waiting >= self._limits.max_waiting_guesses:
            return False
        self._turn = self._turn or asyncio.Lock()
        self._waiting += 1
        try:
            async with self._turn:
                await asyncio.sleep(self._limits.guess_pause)
        finally:
            self._waiting -= 1
        return True


class Visitors:
    """The visitors of a room or a session, by network; the longest silent are forgotten."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: OrderedDict[str, Visitor] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, address: str) -> Visitor:
        """Return what *address* may still ask."""
        network = network_of(address)
        visitor = self._known.pop(network, None) or Visitor(self._limits, time.monotonic())
        self._known[network] = visitor
        if len(self._known) > _MOST_VISITORS:
            self._known.popitem(last=False)
        return visitor
