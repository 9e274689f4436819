"""Traders: participants who call all the time, and note what they are answered and sent."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from hosts.market_notebook import METHODS
from uproot_nb.bots.client import Client
from uproot_nb.bots.refusals import CallRefused

__all__ = ["Answer", "Trader", "Traders"]

_PAUSE = (0.3, 1.2)
"""The least and the most seconds between an answer and the next call."""


class Answer(NamedTuple):
    """What a call was answered: who did it, by the notebook's words."""

    epoch: int
    writer: str


class Trader(Client):
    """One participant. It notes pushes as they come, before the page has left any out."""

    def __init__(self, link: str, name: str, rng: random.Random) -> None:
        super().__init__(link, name, rng=rng)
        self.answers: dict[int, Answer] = {}
        self.orders: set[int] = set()
        """The calls that have sent the market an order."""
        self.interrupted: set[int] = set()
        self.failed: list[str] = []
        self.pushes: list[tuple[int, Any]] = []
        """Number in the log, and data."""
        self.states: list[str] = []
        """What the page has read of the session: "paused", "running", and so on."""
        self.answered_at = time.monotonic()
        self.since = 0
        """The call that waits, 0 for none."""
        self.number = 0
        """The number of the last call."""

    @property
    def player(self) -> str:
        """Its name in the session."""
        return str(self._boot["player"])

    def _receive(self, text: str) -> None:
        super()._receive(text)
        if self.state != (self.states or [""])[-1]:
            self.states.append(self.state)

    def _deliver(self, frame: dict[str, Any]) -> None:
        if frame.get("event") == "Done":
            self.pushes.append((int(frame["seq"]), frame.get("data")))
        super()._deliver(frame)

    async def call_once(self) -> None:
        """Call some method, and note what comes of it."""
        self.number += 1
        method = self.rng.choice(METHODS)
        side, price = self.rng.choice(("buy", "sell")), self.rng.randint(45, 55)
        self.since = self.number
        if method == "trade":
            self.orders.add(self.number)
        try:
            answer = await self.call(method, self.number, side, price)
            self.answers[self.number] = Answer(*answer)
        except CallRefused as error:
            if error.error == "Interrupted":
                self.interrupted.add(self.number)
            else:
                self.failed.append(f"{self.name}: {method}({self.number}): {error}")
        self.since, self.answered_at = 0, time.monotonic()


class Traders:
    """All participants, who call one after the other in the running loop.

        async with Traders(links, seed) as traders:
            await traders.trade_until(asyncio.Event())

    Args:
        links: their addresses.
        first: the number of everybody's first call; others have called before in this session.
    """

    def __init__(self, links: Sequence[str], seed: int, first: int = 1) -> None:
        self.all = [
            Trader(link, f"trader {at}", random.Random(f"{seed} {at}"))
            for at, link in enumerate(links)
        ]
        for trader in self.all:
            trader.number = first - 1
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    async def __aenter__(self) -> Traders:
        await asyncio.gather(*(trader.open() for trader in self.all))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(trader.close() for trader in self.all))

    def begin(self) -> None:
        """Let everybody trade from now on."""
        self._tasks = [asyncio.create_task(self._trade(trader)) for trader in self.all]

    async def end(self, seconds: float) -> None:
        """Begin no more calls, and wait for the answers to those that were begun."""
        self._stopping = True
        await asyncio.wait(self._tasks, timeout=seconds)

    async def _trade(self, trader: Trader) -> None:
        while not self._stopping:
            try:
                await trader.call_once()
            except Exception as error:  # whatever ends a participant is a fault
                trader.failed.append(f"{trader.name} has ended: {error!r}")
                return
            await asyncio.sleep(trader.rng.uniform(*_PAUSE))

    def waiting_since(self, moment: float) -> list[Trader]:
        """Return those who were not answered since *moment* (monotonic)."""
        return [trader for trader in self.all if trader.answered_at < moment]

    def count(self) -> Counter[str]:
        """Return how many calls were answered, interrupted and failed, and how many pushes came."""
        found: Counter[str] = Counter()
        for trader in self.all:
            found.update(
                answered=len(trader.answers), interrupted=len(trader.interrupted),
                failed=len(trader.failed), pushes=len(trader.pushes),
            )  # fmt: skip
        return found
