"""market_bot: a robot trader who trades on a MarketPage, over real connections."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from uproot_nb.bots.random_forms import random_form
from uproot_nb.market.analysis.dividends import HOLDING_VALUE
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.orderbook.prices import Price, from_plain, plain
from uproot_nb.market.orderbook.rules import NO_LIMIT
from uproot_nb.market.traders.trader import Shout, Trader, View, chosen_side

__all__ = ["market_bot"]

_SIDES: tuple[Side, Side] = ("buy", "sell")


def market_bot(
    trader: Trader,
    *,
    pace: float = 1.0,
    seconds: float | None = None,
    on_trade: Callable[[list[Any]], None] | None = None,
) -> Callable[[Any], Awaitable[None]]:
    """Return a bot for `run.bots` that trades by a rule on every MarketPage it comes to.

        run.bots([market_bot(ZIC()) for _ in range(8)])
        run.bots({dropout: market_bot(ZIP(Random(1)))})

    Args:
        pace: seconds between two acts, on average; the gaps are exponential.
        seconds: how long a period lasts, for traders who look at the clock.
        on_trade: called with each trade that the page shows: number, time, price, quantity,
            initiator.

    Other pages are answered as `random_forms` does. Where there are several markets on a page, it
    trades in the first. Where the page has no end of its own, the bot has done its part when it has
    no unit left to trade. Where an asset is traded,
    a trader's limit is what holding a unit pays on average if the page shows it (`show_value`),
    else half of the highest price. A trader who stands by its price sends nothing; nobody hears it
    again, as in `simulate_market`. On a CallMarketPage the bot sends one order for each of its
    units, at what the trader would quote for it, and is ready then.
    """

    async def play(client: Any) -> None:
        # lazy: `import uproot_nb` needs no Tornado
        from uproot_nb.bots.refusals import CallRefused, PageLeft

        while not client.at_end:
            here = _Here(client)
            if getattr(client, "kind", "market") != "market":
                await random_form(client)
                continue
            try:
                seed = await here.call("seed_markets")
            except PageLeft:
                continue
            try:
                seat = _Seat(here, trader, seed["markets"][0], pace, seconds, on_trade)
                if seat.is_call:
                    await seat.send_all(CallRefused)
                    await seat.be_ready()
                    here.check()
                    await client.submit()
                    continue
                await seat.trade(CallRefused)
                if not seat.timed:
                    return
                await client.proceeded()  # the period's end, or whatever moves the player
            except PageLeft:
                continue

    play.__name__ = play.__qualname__ = type(trader).__name__
    return play


class _Here:
    """A client as long as it is on one page: whatever is asked of it later raises PageLeft.

    A page may be left while its last answer or push is on its way to the bot. What the bot asked
    then would be asked of another page, and what it waited for would never come.
    """

    def __init__(self, client: Any) -> None:
        self._client, self._visit, self._page = client, client.visit, client.page
        self.rng = client.rng

    def check(self) -> None:
        """Raise PageLeft if the player is on another page."""
        # lazy: as above
        from uproot_nb.bots.refusals import PageLeft

        if self._client.visit != self._visit:
            raise PageLeft(self._page, "the bot did the next thing")

    async def call(self, method: str, *args: Any) -> Any:
        """Call a live method of the page. See `Client.call`."""
        self.check()
        return await self._client.call(method, *args)

    async def next_note(self, timeout: float | None = None) -> Any:
        """Return the page's next push. See `Client.next_note`."""
        self.check()
        return await self._client.next_note(timeout=timeout)


class _Seat:
    """A bot's place in one market: the page's data, and the trader's decisions."""

    def __init__(
        self, here: _Here, trader: Trader, data: dict[str, Any], pace: float,
        seconds: float | None, on_trade: Callable[[list[Any]], None] | None,
    ) -> None:  # fmt: skip
        self._on_trade, self._last_trade = on_trade, 0
        self._here, self._trader, self._pace, self._seconds = here, trader, pace, seconds
        self._begun = time.monotonic()
        self._seed(data)

    @property
    def timed(self) -> bool:
        """Whether the page has an end of its own."""
        return bool(self._data["timed"])

    @property
    def is_call(self) -> bool:
        """Whether orders are collected here, and traded together."""
        return "call" in self._data

    def _seed(self, data: dict[str, Any]) -> None:
        self._data, self._mine, self._seq = data, data["mine"], data["depth"]["seq"]
        rows = {"buy": data["depth"]["bids"], "sell": data["depth"]["asks"]}
        self._levels = {side: {from_plain(row[0]) for row in rows[side]} for side in _SIDES}
        self._observe(data["trades"])

    def _observe(self, trades: list[list[Any]]) -> None:
        for trade in trades:
            if trade[0] > self._last_trade:
                self._last_trade = trade[0]
                if self._on_trade is not None:
                    self._on_trade(trade)

    async def trade(self, refused: type[Exception]) -> None:
        """Act until there is nothing left to trade, or the page is left."""
        while self._has_units():
            await self._listen(self._here.rng.expovariate(1 / self._pace))
            view = self._view()
            price = None if view is None else self._trader.quote(view, self._here.rng)
            if view is None or price is None:
                continue
            try:
                await self._send(view, price)
            except refused as refusal:
                if getattr(refusal, "error", "") == "BadArguments":
                    raise
                await self._ask_again()  # somebody was faster, or the rules do not take it

    async def send_all(self, refused: type[Exception]) -> None:
        """Send an order for each unit that has none yet, of a market that trades them together."""
        for side, unit, limit in self._units():
            await self._listen(self._here.rng.expovariate(1 / self._pace))
            if not self._data["open"]:
                return
            view = self._view_of(side, limit, None, unit)
            price = self._trader.quote(view, self._here.rng)
            if price is None:
                continue
            name = self._data["market"]
            try:
                reply = await self._here.call(
                    "send_order", name, side, plain(price), 1, time.time()
                )
            except refused as refusal:
                if getattr(refusal, "error", "") == "BadArguments":
                    raise
                continue  # the rules do not take it
            self._mine = reply["mine"]

    async def be_ready(self) -> None:
        """Say that one is ready, where one is asked, and wait until the market is cleared."""
        if self._data["open"] and self._data["call"]["ready"] is not None:
            name = self._data["market"]
            reply = await self._here.call("set_ready", name, True, time.time())
            self._data["open"] = reply["call"]["open"]
        while self._data["open"]:
            await self._hear_of(await self._here.next_note())

    def _units(self) -> list[tuple[Side, int, Any]]:
        """Return side, number and limit of all units without an order; in asset markets, of one."""
        sides: list[Side] = [side for side in _SIDES if side in self._data["sides"]]
        if self._mine["profit"] is None:
            free = not self._mine["orders"] and sides
            return [(self._here.rng.choice(sides), 1, None)] if free else []
        found: list[tuple[Side, int, Any]] = []
        for side in sides:
            standing = sum(row[3] for row in self._mine["orders"] if row[1] == side)
            limits = self._mine["values" if side == "buy" else "costs"][standing:]
            begun = self._mine["bought" if side == "buy" else "sold"] + standing
            found += [(side, unit, limit) for unit, limit in enumerate(limits, begun + 1)]
        return found

    async def _send(self, view: View, price: Price) -> None:
        own = next((row for row in self._mine["orders"] if row[1] == view.side), None)
        market, sent = self._data["market"], time.time()
        if own is None:
            reply = await self._here.call("send_order", market, view.side, plain(price), 1, sent)
        elif from_plain(own[2]) == price:
            return
        else:
            reply = await self._here.call("replace_order", market, own[0], plain(price), None, sent)
        self._mine = reply["mine"]

    async def _listen(self, seconds: float) -> None:
        """Hear the market for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                note = await self._here.next_note(timeout=left)
            except TimeoutError:
                return
            await self._hear_of(note)

    async def _hear_of(self, note: Any) -> None:
        if isinstance(note.data, dict) and self._is_here(note.data):
            await self._take(note.event, note.data)

    def _is_here(self, data: dict[str, Any]) -> bool:
        return all(data.get(name) == self._data[name] for name in ("market", "period"))

    async def _take(self, event: str | None, data: dict[str, Any]) -> None:
        if event == "UprootMarketCleared":
            self._seed(data)
        elif event == "UprootMarketClosed":
            self._data["open"] = False
        elif event == "UprootMarketMine":
            self._mine = data["mine"]
        elif event == "UprootMarket" and data["seq"] > self._seq:
            if data["before"] != self._seq:
                await self._ask_again()
                return
            self._seq = data["seq"]
            self._change(data)

    def _change(self, data: dict[str, Any]) -> None:
        for side, price, quantity, _ in data["changes"]:
            level = self._levels[side]
            (level.add if quantity else level.discard)(from_plain(price))
            if quantity and not data["trades"]:
                self._hear(Shout(side, from_plain(price), False))
        self._observe(data["trades"])
        for _, _, price, _, initiator in data["trades"]:
            self._hear(Shout(initiator, from_plain(price), True))

    def _hear(self, shout: Shout) -> None:
        self._trader.observe(shout, self._view(), self._here.rng)

    async def _ask_again(self) -> None:
        data = await self._here.call("seed_markets")
        name = self._data["market"]
        self._seed(next(one for one in data["markets"] if one["market"] == name))

    def _has_units(self) -> bool:
        mine = self._mine
        return mine["profit"] is None or mine["value"] is not None or mine["cost"] is not None

    def _view(self) -> View | None:
        """Return what the trader sees; None if it can do nothing now."""
        side = self._side()
        if side is None or not self._data["open"]:
            return None
        limit = self._mine["value" if side == "buy" else "cost"]
        own = next((row for row in self._mine["orders"] if row[1] == side), None)
        unit = self._mine["bought" if side == "buy" else "sold"] + 1
        return self._view_of(side, limit, None if own is None else from_plain(own[2]), unit)

    def _view_of(self, side: Side, limit: Any, own: Price | None, unit: int) -> View:
        """Return what the trader sees who would trade a unit of that value or cost."""
        left = 1.0
        if self._seconds:
            left = max(0.0, 1 - (time.monotonic() - self._begun) / self._seconds)
        if limit is None:
            limit = self._data["facts"].get(HOLDING_VALUE)
        highest = self._highest(limit)
        return View(
            side, highest // 2 if limit is None else from_plain(limit),
            max(self._levels["buy"], default=None), min(self._levels["sell"], default=None),
            own, from_plain(self._data["tick"]), highest, left, self._data["period"],
            self._data["period"], unit,
        )  # fmt: skip

    def _highest(self, limit: Any) -> Price:
        """Return the highest price to think of: that of the rules, if they name one.

        Else it is twice the highest of the trader's own value or cost and the prices that stand:
        it does not know what the units of others are worth. Without any, it is what it can pay.
        """
        highest: Price = from_plain(self._data["max_price"])
        if highest != NO_LIMIT:
            return highest
        known = [price for side in _SIDES for price in self._levels[side]]
        known += [] if limit is None else [from_plain(limit)]
        cash: Price = from_plain(self._mine["cash"])
        return min(highest, max(2 * max(known) if known else cash, 1)) if known or cash else highest

    def _side(self) -> Side | None:
        able: list[Side] = [side for side in _SIDES if side in self._data["sides"]]
        if self._mine["profit"] is not None:
            held = {"buy": self._mine["value"], "sell": self._mine["cost"]}
            able = [side for side in able if held[side] is not None]
        return chosen_side(self._trader, self._data["period"], able, self._here.rng)
