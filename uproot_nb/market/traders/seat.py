"""MarketSeat: what a robot trader knows of a market page's market, and what it hears there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from uproot_nb.market.analysis.dividends import HOLDING_VALUE
from uproot_nb.market.orderbook.amounts import Price, from_plain, plain
from uproot_nb.market.orderbook.charges import UnitCharges
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.orderbook.prices import PriceGrid
from uproot_nb.market.orderbook.rules import NO_LIMIT
from uproot_nb.market.traders.call_results import hear_call
from uproot_nb.market.traders.trader import Shout, Trader, View, chosen_side

__all__ = ["OwnOrder", "MarketSeat"]

OwnOrder = list[Any]
"""A row of the trader's standing orders: number, side, price, remaining."""

_SIDES: tuple[Side, Side] = ("buy", "sell")


class MarketSeat:
    """A trader's place in one market: the page's data, kept up to date by its pushes.

    It asks for the same calls of the trader, in the same order, as a simulation of the same session
    does: `quote` when the trader may act, and `observe` for each quote that everybody hears, with
    the view after it.

    Args:
        data: the market, as `seed_markets` returns it.
        clock: returns the share of the period that is left.
    """

    def __init__(
        self, trader: Trader, data: dict[str, Any], chance: Random, clock: Callable[[], float],
        on_trade: Callable[[list[Any]], None] | None = None,
    ) -> None:  # fmt: skip
        self.trader, self._chance, self._clock = trader, chance, clock
        self._on_trade, self._last_trade = on_trade, 0
        self._next_mine: tuple[int, dict[str, Any]] | None = None
        self._sent: list[tuple[View, Price]] = []
        self._begun = data["mine"]
        self._worth: Price | None = None
        """What a unit is worth at most, as the server told; None if it did not."""
        self.seed(data)

    def seed(self, data: dict[str, Any]) -> None:
        """Take everything anew."""
        self._charges = _charges_in(data)
        self.data, self.mine, self.seq = data, data["mine"], data["depth"]["seq"]
        rows = {"buy": data["depth"]["bids"], "sell": data["depth"]["asks"]}
        self._levels = {side: {from_plain(row[0]) for row in rows[side]} for side in _SIDES}
        self._note_trades(data["trades"])

    @property
    def is_call(self) -> bool:
        """Whether orders are collected here, and traded together."""
        return "call" in self.data

    @property
    def is_asset(self) -> bool:
        """Whether nobody has induced values: everybody buys and sells."""
        return self.mine["profit"] is None

    @property
    def has_units(self) -> bool:
        """Whether the trader has something left to trade."""
        return self.is_asset or self.mine["value"] is not None or self.mine["cost"] is not None

    @property
    def has_range(self) -> bool:
        """Whether the rules name the highest price."""
        return bool(from_plain(self.data["max_price"]) != NO_LIMIT)

    def set_range(self, worth: Any) -> None:
        """Take what a unit is worth at most, None if nobody knows."""
        self._worth = None if worth is None else from_plain(worth)

    def own(self, side: Side) -> OwnOrder | None:
        """Return the trader's order on a side, None without one."""
        return next((row for row in self.mine["orders"] if row[1] == side), None)

    # What comes

    def expect(self, reply: dict[str, Any]) -> None:
        """Take the trader's own data, as a reply has it, when its order is heard."""
        if reply.get("seq", 0) > self.seq:
            self._next_mine = reply["seq"], reply["mine"]
        else:
            self.mine = reply["mine"]

    def take(self, event: str | None, data: dict[str, Any]) -> bool:
        """Take a push; return False if one is missing, so that all has to be asked for anew."""
        if event == "UprootMarketCleared":
            self.seed(data)
            self._hear_call()
        elif event == "UprootMarketClosed":
            self.data["open"] = False
        elif event == "UprootMarketHalted":
            self.data["halted"] = data["halted"]
        elif event == "UprootMarketMine":
            self.mine = data["mine"]
            self.data.update({key: data[key] for key in ("sides", "units") if key in data})
        elif event == "UprootMarketShout":
            self._hear(Shout(data["side"], from_plain(data["price"]), False))
        elif event == "UprootMarket" and data["seq"] > self.seq:
            if data["before"] != self.seq:
                return False
            self._change(data)
        return True

    def _change(self, data: dict[str, Any]) -> None:
        self.seq = data["seq"]
        for side, price, quantity, _ in data["changes"]:
            level = self._levels[side]
            (level.add if quantity else level.discard)(from_plain(price))
        if self._next_mine is not None and self.seq >= self._next_mine[0]:
            self.mine, self._next_mine = self._next_mine[1], None
        self._note_trades(data["trades"])
        for shout in _shouts(data):
            self._hear(shout)

    def _hear(self, shout: Shout) -> None:
        if self.is_call:
            return  # nobody hears of others before a call
        view = self.view_on(shout.side) if self.is_asset else self.view()
        self.trader.observe(shout, view, self._chance)

    def note_order(self, view: View, price: Price) -> None:
        """Remember an order for a call, to hear what came of it."""
        self._sent.append((view, price))

    def _hear_call(self) -> None:
        call, sent = self.data["call"], self._sent
        names: dict[Side, str] = {"buy": "bought", "sell": "sold"}
        traded = {side: self.mine[name] - self._begun[name] for side, name in names.items()}
        price = None if call["price"] is None else from_plain(call["price"])
        self._sent, self._begun = [], self.mine
        hear_call(self.trader, price, call["quantity"], sent, traded, self._chance)

    def _note_trades(self, trades: list[list[Any]]) -> None:
        for trade in trades:
            if trade[0] > self._last_trade:
                self._last_trade = trade[0]
                if self._on_trade is not None:
                    self._on_trade(trade)

    # What the trader sees

    def view(self) -> View | None:
        """Return what the trader sees; None if it can do nothing now."""
        if self.data.get("halted"):
            return None
        side = self._side()
        return None if side is None or not self.data["open"] else self.view_on(side)

    def view_on(self, side: Side) -> View:
        """Return what the trader sees of its next unit on a side."""
        limit, own = self.mine["value" if side == "buy" else "cost"], self.own(side)
        unit = self.mine["bought" if side == "buy" else "sold"] + 1
        if self.is_asset:
            unit = 1
        price = None if own is None else from_plain(own[2])
        bid = max(self._levels["buy"], default=None)
        return self._view_of(side, limit, unit, bid, min(self._levels["sell"], default=None), price)

    def units_without_order(self) -> Iterator[View]:
        """Yield what the trader sees of each unit that has no order yet, before a call.

        Nothing of others, whatever the page shows. Where nobody has induced values, it is one unit.
        """
        sides: list[Side] = [side for side in _SIDES if side in self.data["sides"]]
        if self.is_asset:
            if sides and not self.mine["orders"]:
                yield self._view_of(self._chance.choice(sides), None, 1)
            return
        for side in sides:
            standing = sum(row[3] for row in self.mine["orders"] if row[1] == side)
            limits = self.mine["values" if side == "buy" else "costs"][standing:]
            begun = self.mine["bought" if side == "buy" else "sold"] + standing
            yield from (
                self._view_of(side, limit, unit) for unit, limit in enumerate(limits, begun + 1)
            )

    def _view_of(
        self, side: Side, limit: Any, unit: int, bid: Price | None = None,
        ask: Price | None = None, own: Price | None = None,
    ) -> View:  # fmt: skip
        later: tuple[Price, ...] = ()
        if limit is None:
            limit = self.data["facts"].get(HOLDING_VALUE)
        else:
            limit = plain(self._limit(side, limit))
            later = tuple(self._limit(side, one) for one in self.data["units"][side][unit:])
        highest, period = self._highest(limit), self.data["period"]
        left = 1.0 if self.is_call else self._clock()
        return View(
            side, highest // 2 if limit is None else from_plain(limit), bid, ask, own,
            from_plain(self.data["tick"]), highest, left, period, period, unit,
            from_plain(self.data["min_price"]), later, self.is_call,
            self.data.get("improvement", False),
        )  # fmt: skip

    def _limit(self, side: Side, worth: Any) -> Price:
        """Return the worst price at which a unit is no loss."""
        price: Price = from_plain(worth)
        return price if self._charges is None else self._charges.limit(side, price)

    def _highest(self, limit: Any) -> Price:
        """Return the highest price to think of: that of the rules, if they name one.

        Else it is what a unit is worth at most, as in a simulation. Who is not told that, as it is
        no bot of the run, thinks of up to twice the highest of its own value or cost and the prices
        that stand; without any, of what it can pay.
        """
        highest: Price = from_plain(self.data["max_price"])
        if highest != NO_LIMIT:
            return highest
        if self._worth is not None:
            return min(self._worth, highest)
        known = [price for side in _SIDES for price in self._levels[side]]
        known += [] if limit is None else [from_plain(limit)]
        cash: Price = from_plain(self.mine["cash"])
        return min(highest, max(2 * max(known) if known else cash, 1)) if known or cash else highest

    def _side(self) -> Side | None:
        """Return the trader's next side; who can buy and sell here chooses, or a coin does."""
        sides: list[Side] = [side for side in _SIDES if side in self.data["sides"]]
        able = sides
        if not self.is_asset:
            held = {"buy": self.mine["value"], "sell": self.mine["cost"]}
            able = [side for side in sides if held[side] is not None]
            if len(sides) == 1:
                return able[0] if able else None
        return chosen_side(self.trader, self.data["period"], able, self._chance)


def _charges_in(data: dict[str, Any]) -> UnitCharges | None:
    """Return the market's taxes and fees; None if there are none."""
    charges = data["charges"]
    if charges is None:
        return None
    highest, lowest = from_plain(data["max_price"]), from_plain(data["min_price"])
    return UnitCharges.from_plain(charges, PriceGrid(from_plain(data["tick"]), highest, lowest))


def _shouts(data: dict[str, Any]) -> Iterator[Shout]:
    """Yield what was shouted: a quote that nobody took, or the trades that it made.

    Withdrawals are no shouts.
    """
    for _, _, price, _, initiator in data["trades"]:
        yield Shout(initiator, from_plain(price), True)
    quote = data.get("quote")
    if quote is not None and not data["trades"]:
        yield Shout(quote[0], from_plain(quote[1]), False)
