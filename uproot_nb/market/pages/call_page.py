"""CallMarketPage: a page on which orders are collected, and traded at one price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, ClassVar

from uproot_nb.errors import BadPage, Refused
from uproot_nb.experiment.live import live
from uproot_nb.experiment.pages import Check
from uproot_nb.market.market import Market
from uproot_nb.market.orderbook.outcomes import Outcome
from uproot_nb.market.orderbook.prices import plain
from uproot_nb.market.orderbook.rules import Rules
from uproot_nb.market.pages.page import MarketPage, markets_of
from uproot_nb.market.pages.page_functions import page_function
from uproot_nb.realtime.author_functions import notify
from uproot_nb.session.entities import Player
from uproot_nb.session.world import world_of

__all__ = ["CallMarketPage"]


class CallMarketPage(MarketPage):
    """A page on which players send orders that are all cleared together (a clearing house).

        class Call(CallMarketPage):
            rules = Rules(call=True, no_loss=True)
            seconds = 90

            def open_market(page, market, traders):
                names = [trader.name for trader in traders]
                market.induce(InducedValues.drawn(names[::2], names[1::2], units=3, seed=1))

    When the time is up, the market is cleared (see `Book.clear`) and closed, once for all, and
    everybody goes on. What is not traded stays in the book. `market.trades` has the price on a
    page that follows.

    Attributes:
        sealed: nobody learns of others' orders: they are in no page, push or reply, and the numbers
            by which a browser knows its own do not tell how many there are. With False all see the
            book as it fills.
        clear_when_all_ready: there is a button "Ready"; when everybody has pressed it, the market
            is cleared, and the page shows the result and a button to go on. All who have begun, who
            are here or still on their way, and are no dropouts, are waited for, and at least two;
            a wait page before this one holds those who are early. Whenever somebody goes in another
            way, it is looked at again. Give `seconds`, too, for those who never press it.
    """

    rules: ClassVar[Rules] = Rules(call=True)
    sealed: ClassVar[bool] = True
    clear_when_all_ready: ClassVar[bool] = False
    kind_attributes: ClassVar[Mapping[str, Check]] = {
        **MarketPage.kind_attributes,
        "sealed": (lambda v: isinstance(v, bool), "True or False"),
        "clear_when_all_ready": (lambda v: isinstance(v, bool), "True or False"),
    }

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.rules.call:
            raise BadPage(
                cls.__name__, "its rules are not those of a call market.",
                "Write rules = Rules(call=True, …).",
            )  # fmt: skip

    # What cells and handlers call

    @classmethod
    def clear_now(cls, player: Player) -> None:
        """Clear and close the player's market, as from a cell; once it is closed, do nothing.

        Call.clear_now(run.players[0])
        """
        with player._world.lock:
            for market in markets_of(cls, player):
                if market.is_open:
                    market.clear()
                    market.close()

    @classmethod
    def clear_if_all_ready(cls, player: Player) -> None:
        """Clear if nobody is waited for any more.

        It is done by itself when somebody is ready, has moved, or has dropped out (after the
        handler, if there is one). Do it where `traders` has changed.
        """
        if not cls.clear_when_all_ready:
            return
        with player._world.lock:
            traders = list(page_function(cls, "traders")(cls, player))
            for first in _first_of_each_period(cls, traders):
                if _all_ready(first, traders, _ready_in(cls, first)):
                    cls.clear_now(first)

    @classmethod
    def look_again(cls, player: Player) -> None:
        """Clear the markets of those whom a player has left behind, if they are all ready."""
        cls.clear_if_all_ready(player)

    @classmethod
    def looks_once_for(cls, player: Player) -> str:
        """Return the same for players whose traders are the same: their group or session."""
        if page_function(cls, "traders") is not page_function(MarketPage, "traders"):
            return player.subject
        return "session" if player.group is None else player.group.subject

    # What the page's flow asks

    def timeout_reached(page: Any, player: Player) -> None:
        """Clear and close the market, if nobody's page has done so."""
        page.clear_now(player)

    def may_proceed(page: Any, player: Player) -> bool:
        """Let nobody go before the market is cleared."""
        return not any(market.is_open for market in markets_of(page, player))

    # What the browser calls

    @live
    def set_ready(
        page: Any, player: Player, market: str, ready: bool, sent: float | None = None
    ) -> dict[str, Any]:
        """Say that one has done all one wants to do, or that one has not after all."""
        if not page.clear_when_all_ready:
            raise Refused("This market is cleared when its time is up.")
        markets = markets_of(page, player)
        found = next((one for one in markets if one.name == market), markets[0])
        if found.is_open:
            _note_ready(markets[0], player, ready)
            page.clear_if_all_ready(player)
        mine = page_function(page, "mine_of")(page, player, found)
        return {"market": found.name, "mine": mine, "call": _call_of(page, player, found)}

    # What this kind of page tells

    def told_of(page: Any, player: Player, market: Market) -> dict[str, Any]:
        """Return all that the page shows: of a sealed book only one's own orders."""
        told: dict[str, Any] = page_function(MarketPage, "told_of")(page, player, market)
        if page.sealed:
            told |= {"depth": {"seq": 0, "bids": [], "asks": []}, "trades": []}
        return told | {"call": _call_of(page, player, market)}

    def mine_of(page: Any, player: Player, market: Market) -> dict[str, Any]:
        """Return what is only for the player, with the values and costs of all that is left."""
        told = market.holdings(player)
        shown = page_function(page, "shown_number")
        told["orders"] = [[shown(page, market, row[0]), *row[1:]] for row in told["orders"]]
        values = market.values
        for name, side, done in (("values", "values", "bought"), ("costs", "costs", "sold")):
            units = () if values is None else getattr(values, side).get(player.name, ())
            told[name] = [plain(value) for value in units[told[done] :]]
        return told

    def tell(page: Any, player: Player, market: Market, outcome: Outcome) -> None:
        """Push what has changed to the others, unless the book is sealed."""
        if not page.sealed:
            page_function(MarketPage, "tell")(page, player, market, outcome)

    def tell_closed(page: Any, player: Player, market: Market) -> None:
        """Push what a call came to, to each of those who are on the page in that period."""
        told_of, period = page_function(page, "told_of"), page_function(page, "period")
        for trader in page_function(page, "traders")(page, player):
            if trader.page == page.key and period(page, trader) == market.period:
                # from their own place: who is asked to clear may be somewhere else
                told = told_of(page, trader, market)
                notify(trader, trader, told, event="UprootMarketCleared")

    def shown_number(page: Any, market: Market, order: int) -> int:
        """Return by what number a browser knows an order; a sealed book's tell nothing."""
        if not page.sealed:
            return order
        text = f"order/{market.model.name}/{order}"
        # The seed is nobody's but the researcher's, and in a rerun it is the same.
        key = str(world_of(market.model).seed).encode()[:64]
        # 48 bits: a script's numbers are exact up to 53
        return int.from_bytes(blake2b(text.encode(), key=key, digest_size=6).digest(), "big")

    def order_of(page: Any, player: Player, market: Market, shown: int) -> int:
        """Return which of the player's own orders is meant; 0, which is none, if none is."""
        number = page_function(page, "shown_number")
        own = (order.number for order in market.orders_of(player))
        return next((order for order in own if number(page, market, order) == shown), 0)


def _note_ready(market: Market, player: Player, ready: bool) -> None:
    model = market.model
    if model.get("ready_traders") is None:
        model.ready_traders = []
    if ready and player.name not in model.ready_traders:
        model.ready_traders.append(player.name)
    elif not ready and player.name in model.ready_traders:
        model.ready_traders.remove(player.name)


def _first_of_each_period(page: Any, traders: Iterable[Player]) -> list[Player]:
    """Return, of those who are on the page, who is the furthest in each period."""
    period = page_function(page, "period")
    first: dict[int, Player] = {}
    here = [trader for trader in traders if trader.page == page.key]
    for trader in sorted(here, key=lambda trader: trader.position):
        first[period(page, trader)] = trader
    return list(first.values())


def _ready_in(page: Any, player: Player) -> Iterable[str]:
    """Return who is ready in the player's period, without setting up a market for it."""
    period = page_function(page, "period")(page, player)
    place: dict[str, Any] = {"name": page.market_names[0], "period": period}
    market = Market.find(player.session, **place, group=player.group)
    return () if market is None else market.model.get("ready_traders", ())


def _all_ready(player: Player, traders: Iterable[Player], ready: Iterable[str]) -> bool:
    """Say whether nobody is waited for: at least two have come, and all who are left are ready."""
    come = [trader for trader in traders if trader.position >= 0]
    awaited = [t for t in come if t.position <= player.position and not t.has_dropped_out]
    names = set(ready)
    return len(come) > 1 and bool(awaited) and all(trader.name in names for trader in awaited)


def _call_of(page: Any, player: Player, market: Market) -> dict[str, Any]:
    """Return what is told of the call itself; price and quantity once it is over."""
    trades = [] if market.is_open else market.trades
    last = [trade for time, trade in trades if time == trades[-1][0]]
    ready = None
    if page.clear_when_all_ready:
        ready = player.name in markets_of(page, player)[0].model.get("ready_traders", ())
    return {
        "sealed": page.sealed, "open": market.is_open, "ready": ready,
        "price": plain(last[0].price) if last else None,
        "quantity": sum(trade.quantity for trade in last),
    }  # fmt: skip
