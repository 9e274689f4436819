"""market_bot: a robot trader who trades on a MarketPage, over real connections."""

from __future__ import annotations

import copy
import time
from collections.abc import Awaitable, Callable
from typing import Any

from uproot_nb.bots.random_forms import random_form
from uproot_nb.errors import BadMarket
from uproot_nb.market.orderbook.amounts import Price, exact, from_plain, plain
from uproot_nb.market.orderbook.orders import OTHER
from uproot_nb.market.traders.seat import MarketSeat
from uproot_nb.market.traders.trader import Trader, View

__all__ = ["market_bot"]


def market_bot(
    trader: Trader,
    *,
    pace: float = 1.0,
    seconds: float | None = None,
    highest: Price | None = None,
    on_trade: Callable[[list[Any]], None] | None = None,
) -> Callable[[Any], Awaitable[None]]:
    """Return a bot for `run.bots` that trades by a rule on every MarketPage it comes to.

        run.bots([market_bot(ZIC()) for _ in range(8)])
        run.bots({dropout: market_bot(ZIP(Random(1)))})

    The bot plays with a copy of the trader, as it is when the bot begins: so several bots may be
    given the same one, and what a bot learns stays with it. A `Design` copies its traders, too.

    Args:
        pace: seconds between two acts, on average; the gaps are exponential.
        seconds: how long a period lasts, for traders who look at the clock; by default what the
            page says.
        highest: the highest price to think of where the rules name none. By default the bots of a
            run think of what units are worth at most, as a simulation does, and a bot that plays by
            a `Client` of your own, who is not told that, of twice the highest of what it knows: its
            unit's value or cost, and the standing prices.
        on_trade: called with each trade that the page shows: number, time, price, quantity,
            initiator.

    Other pages are answered as `random_forms` does. Where there are several markets on a page, it
    trades in the first. Where the page has no end of its own, the bot has done its part when it has
    no unit left to trade. Where an asset is traded,
    a trader's limit is what holding a unit pays on average if the page shows it (`show_value`),
    else half of the highest price. A trader who stands by its price repeats it, and everybody hears
    it again. What traders are asked and hear, and in which order, is as in `simulate_market` and
    `simulate_asset_market`. On a CallMarketPage the bot sends one order for each of its
    units, at what the trader would quote for it, and is ready then; a `CallTrader` hears what came
    of them.

    Raises:
        BadMarket: *highest* is not an amount of money above 0.
    """
    most = _checked_highest(highest)

    async def play(client: Any) -> None:
        # lazy: `import uproot_nb` needs no Tornado
        from uproot_nb.bots.refusals import CallRefused, PageLeft

        own = copy.deepcopy(trader)
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
                bot = _Play(here, own, seed["markets"][0], pace, seconds, on_trade, most)
                await bot.learn_range()
                if bot.seat.is_call:
                    await bot.send_all(CallRefused)
                    await bot.be_ready()
                    here.check()
                    await client.submit()
                    continue
                await bot.trade(CallRefused)
                if not bot.timed:
                    return
                await client.proceeded()  # the period's end, or whatever moves the player
            except PageLeft:
                continue

    play.__name__ = play.__qualname__ = type(trader).__name__
    return play


def _checked_highest(highest: Price | None) -> Price | None:
    made = None if highest is None else exact(highest)
    if highest is not None and (made is None or made <= 0):
        raise BadMarket(
            f"highest={highest!r} is not an amount of money above 0.",
            "Write a whole number or a Decimal, as highest=200, or leave it out.",
        )
    return made


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


class _Play:
    """A bot in one market: it listens, acts at its pace, and sends what its trader decides."""

    def __init__(
        self, here: _Here, trader: Trader, data: dict[str, Any], pace: float,
        seconds: float | None, on_trade: Callable[[list[Any]], None] | None,
        highest: Price | None,
    ) -> None:  # fmt: skip
        self._here, self._pace, self._given_highest = here, pace, highest
        length = seconds or data.get("seconds")
        ends = data.get("ends") if seconds is None else None
        self._length, self._ends = length, ends or time.time() + (length or 0.0)
        self.seat = MarketSeat(trader, data, here.rng, self._time_left, on_trade)

    @property
    def timed(self) -> bool:
        """Whether the page has an end of its own."""
        return bool(self.seat.data["timed"])

    def _time_left(self) -> float:
        if not self._length:
            return 1.0
        return min(1.0, max(0.0, (self._ends - time.time()) / self._length))

    async def learn_range(self) -> None:
        """Take the highest price to think of, or ask for it, where the rules name none."""
        if self._given_highest is not None:
            self.seat.set_range(plain(self._given_highest))
        elif not self.seat.has_range:
            told = await self._here.call("robots_range", self.seat.data["market"])
            self.seat.set_range(told["highest"])

    async def trade(self, refused: type[Exception]) -> None:
        """Act until there is nothing left to trade, or the page is left."""
        while self.seat.has_units:
            await self._listen(self._here.rng.expovariate(1 / self._pace))
            await self.act(refused)

    async def act(self, refused: type[Exception]) -> None:
        """Let the trader act once, and hear everything up to its own quote."""
        view = self.seat.view()
        price = None if view is None else self.seat.trader.quote(view, self._here.rng)
        if view is None or price is None:
            return
        try:
            await self._shout(view, price)
        except refused as refusal:  # somebody was faster, or the rules do not take it
            if getattr(refusal, "error", "") == "BadArguments":
                raise

    async def send_all(self, refused: type[Exception]) -> None:
        """Send an order for each unit that has none yet, of a market that trades them together."""
        for view in list(self.seat.units_without_order()):
            await self._listen(self._here.rng.expovariate(1 / self._pace))
            if not self.seat.data["open"]:
                return
            price = self.seat.trader.quote(view, self._here.rng)
            if price is None:
                continue
            try:
                reply = await self._command("send_order", view.side, plain(price), 1)
            except refused as refusal:
                if getattr(refusal, "error", "") == "BadArguments":
                    raise
                continue  # the rules do not take it
            self.seat.expect(reply)
            self.seat.note_order(view, price)

    async def be_ready(self) -> None:
        """Say that one is ready, where one is asked, and wait until the market is cleared."""
        data = self.seat.data
        if data["open"] and data["call"]["ready"] is not None:
            await self._command("set_ready", True)
        # Who is ready last hears the result as all others do, with what came of its orders.
        while self.seat.data["open"]:
            await self._hear_of(await self._here.next_note())

    async def _shout(self, view: View, price: Price) -> None:
        """Shout a price: again, instead of the last one, or as a first order.

        Where everybody buys and sells, a trader has one order: that of the other side is taken
        back as soon as the new one is accepted.
        """
        own = self.seat.own(view.side)
        other = self.seat.own(OTHER[view.side]) if self.seat.is_asset else None
        if own is None:
            reply = await self._command("send_order", view.side, plain(price), 1)
        elif from_plain(own[2]) == price:
            await self._command("repeat_order", own[0])
            return
        else:
            reply = await self._command("replace_order", own[0], plain(price), None)
        await self._hear_own(reply)
        if other is not None and other[0] in [row[0] for row in self.seat.mine["orders"]]:
            await self._hear_own(await self._command("cancel_order", other[0]))

    async def _command(self, method: str, *args: Any) -> dict[str, Any]:
        reply: dict[str, Any] = await self._here.call(
            method, self.seat.data["market"], *args, time.time()
        )
        return reply

    async def _hear_own(self, reply: dict[str, Any]) -> None:
        """Hear what came before one's own order, then that, and take one's new data with it."""
        self.seat.expect(reply)
        while self.seat.seq < reply["seq"]:
            await self._hear_of(await self._here.next_note())

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
        data = note.data
        if not isinstance(data, dict):
            return
        here = all(data.get(name) == self.seat.data[name] for name in ("market", "period"))
        if here and not self.seat.take(note.event, data):
            await self._ask_again()

    async def _ask_again(self) -> None:
        data = await self._here.call("seed_markets")
        name = self.seat.data["market"]
        self.seat.seed(next(one for one in data["markets"] if one["market"] == name))
        await self.learn_range()
