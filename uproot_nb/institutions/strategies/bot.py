"""institution_bot: a robot that decides on InstitutionPages, over real connections."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from uproot_nb.bots.random_forms import random_form
from uproot_nb.errors import BadMarket
from uproot_nb.institutions.robot_moves import Move, Seen
from uproot_nb.institutions.strategies.strategy import Strategy

__all__ = ["institution_bot"]


def institution_bot(
    strategy: Strategy | Mapping[str, Strategy], *, pace: float = 0.5
) -> Callable[[Any], Awaitable[None]]:
    """Return a bot for `run.bots` that decides by a strategy on every InstitutionPage.

        run.bots([institution_bot(EquilibriumStrategy(Auction.institution)) for _ in range(4)])

    Args:
        strategy: one for all pages, or one for each `game_name`, by name.
        pace: seconds before a decision, on average; the gaps are exponential. Decisions at a
            certain price of a clock are made at that moment.

    Other pages are answered as `random_forms` does. When the period is over, it goes on.
    """

    async def play(client: Any) -> None:
        # lazy: `import uproot_nb` needs no Tornado
        from uproot_nb.bots.refusals import PageLeft

        while not client.at_end:
            if client.kind != "institution":
                await random_form(client)
                continue
            try:
                await _Visit(client, strategy, pace).play()
            except PageLeft:
                continue

    named = "institutions" if isinstance(strategy, Mapping) else type(strategy).__name__
    play.__name__ = play.__qualname__ = named
    return play


class _Visit:
    """A bot on one page: it sees, decides, and leaves when the period is over."""

    def __init__(
        self, client: Any, strategy: Strategy | Mapping[str, Strategy], pace: float
    ) -> None:
        self._client, self._strategies, self._pace = client, strategy, pace
        self._view: dict[str, Any] = {}
        self._seen_at = 0.0

    async def play(self) -> None:
        """Decide until the period is over, and press Next."""
        await self._look()
        strategy = self._strategy()
        while self._view["open"]:
            seen = Seen.of(self._view) if self._view["actions"] else None
            move = None if seen is None else strategy.decide(seen, self._client.rng)
            move = None if self._comes_too_late(move) else move
            if not await self._changes_before(move) and move is not None:
                await self._send(move)
        if self._view["report"] is not None:
            strategy.learn(self._view["report"])
        await self._client.submit()

    def _strategy(self) -> Strategy:
        if not isinstance(self._strategies, Mapping):
            return self._strategies
        title = self._view["title"]
        if title not in self._strategies:
            raise BadMarket(
                f"The bot has no strategy for {title!r}.",
                f"Write institution_bot({{{title!r}: …}}).",
            )
        return self._strategies[title]

    async def _changes_before(self, move: Move | None) -> bool:
        """Wait until a move is due; return whether something else has happened before."""
        wait = self._wait_for_clock() if move is None else self._wait_for(move)
        due = None if wait is None else time.monotonic() + wait
        while True:
            timeout = None if due is None else max(0.0, due - time.monotonic())
            try:
                note = await self._client.next_note("UprootInstitution", timeout=timeout)
            except TimeoutError:
                if move is None:
                    await self._look()
                return move is None
            if note.data["period"] != self._view["period"]:
                return True
            if self._is_news(note.data):
                self._take(note.data)
                return True

    def _is_news(self, data: dict[str, Any]) -> bool:
        """Return whether a push has more than the answer to the bot's own decision had."""
        return any(data[name] != self._view[name] for name in ("decisions", "open", "started"))

    def _wait_for(self, move: Move) -> float:
        if move.at is None:
            return float(self._client.rng.expovariate(1 / self._pace))
        return move.at - self._elapsed()

    def _wait_for_clock(self) -> float | None:
        """Return how long it is to the start or end of a clock; None without one."""
        clock, elapsed = self._view["clock"], self._elapsed()
        if clock is None:
            return None
        return -elapsed if elapsed < 0 else float(clock["length"]) - elapsed

    def _comes_too_late(self, move: Move | None) -> bool:
        """Return whether the clock ends before a move is due."""
        clock = self._view["clock"]
        if clock is None or move is None or move.at is None:
            return False
        return move.at >= float(clock["length"])

    def _elapsed(self) -> float:
        """Return the seconds since the period began, by the server's clock and our own."""
        elapsed = self._view["now"] - self._view["started"]
        return float(elapsed) + time.monotonic() - self._seen_at

    async def _send(self, move: Move) -> None:
        # lazy: as above
        from uproot_nb.bots.refusals import CallRefused

        action, target, amounts = move.plain()
        try:
            self._take(await self._client.call("send_decision", action, amounts, target))
        except CallRefused as refusal:  # somebody was faster, or the rules do not take it
            if getattr(refusal, "error", "") == "BadArguments":
                raise
            await self._look()

    async def _look(self) -> None:
        self._take(await self._client.call("seed_institution"))

    def _take(self, view: dict[str, Any]) -> None:
        if self._view and view["decisions"] < self._view["decisions"]:
            return  # it was on its way when the answer to the bot's own decision came
        self._view, self._seen_at = view, time.monotonic()
