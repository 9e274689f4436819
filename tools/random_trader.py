"""RandomTrader: a robot who trades at random prices, but never at a loss."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from robot import CallRefused, Event, Robot

__all__ = ["Decide", "RandomTrader", "View", "decide_at_random"]


@dataclass
class View:
    """What a trader sees of the market: its own units (best first), and the book."""

    buys: bool
    units: list[int]
    bids: list[dict[str, Any]] = field(default_factory=list)
    asks: list[dict[str, Any]] = field(default_factory=list)


Call = tuple[str, int]
Decide = Callable[[View, random.Random], Call | None]
"""A strategy: what to call (method, argument) at this view of the market; None to wait."""


def decide_at_random(view: View, rng: random.Random) -> Call | None:
    """Post any price that is no loss, or now and then accept the best offer that is none."""
    if not view.units:
        return None
    limit = view.units[0]
    rivals = view.asks if view.buys else view.bids
    if rivals and rng.random() < 0.4:
        best = rivals[0]
        if best["price"] <= limit if view.buys else best["price"] >= limit:
            return "accept_offer", best["number"]
    return "post_offer", rng.randint(1, limit) if view.buys else rng.randint(limit, 100)


class RandomTrader:
    """Sits on the double auction's page and trades.

    async with Robot(link) as robot:
        await RandomTrader(robot, random.Random(1)).trade(lambda: market_is_over)
    """

    def __init__(self, robot: Robot, rng: random.Random, decide: Decide = decide_at_random) -> None:
        self._robot, self._rng, self._decide = robot, rng, decide
        mine, book = robot.vars["mine"], robot.vars["book"]
        self.view = View(robot.vars["role"] == "buyer", mine["units"], book["bids"], book["asks"])
        self.refusals = 0
        self.replies: list[dict[str, Any]] = []
        robot.on_event(self._note)

    async def trade(self, is_over: Callable[[], bool], pause: float = 0.0) -> None:
        """Act until *is_over*; wait up to twice *pause* seconds between two acts."""
        while not is_over():
            call = self._decide(self.view, self._rng)
            if call is None:
                return
            await self._act(*call)
            await asyncio.sleep(self._rng.uniform(0.0, 2.0 * pause))

    async def _act(self, method: str, argument: int) -> None:
        try:
            reply = await self._robot.invoke(method, argument)
        except CallRefused as refusal:
            if refusal.error != "Refused":
                raise
            self.refusals += 1  # somebody was faster, or the book has moved
        else:
            self.replies.append(reply)
            self.view.units = reply["units"]

    def _note(self, event: Event) -> None:
        if event["event"] == "Book":
            self.view.bids, self.view.asks = event["data"]["bids"], event["data"]["asks"]
        elif event["event"] == "Filled":
            self.view.units = event["data"]["units"]
