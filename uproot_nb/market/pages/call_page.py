"""CallMarketPage: a page on which orders are collected, and traded at one price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, ClassVar

from uproot_nb.errors import BadPage, Refused
from uproot_nb.experiment.live import live
from uproot_nb.experiment.pages import Check
from uproot_nb.market.market import Market
from uproot_nb.market.orderbook.amounts import plain
from uproot_nb.market.orderbook.outcomes import Outcome
from uproot_nb.market.orderbook.rules import Rules
from uproot_nb.market.pages.market_pushes import push_own
from uproot_nb.market.pages.page import MarketPage, markets_of
from uproot_nb.realtime.author_functions import notify
from uproot_nb.realtime.game_pages import group_subject, page_function
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

    When the time is up, the market is cleared (see `Book.clear`) and closed, once for
    everybody, and all go on. Unfilled orders stay in the book. On later pages, `market.trades` has
    the price.

    Attributes:
        sealed: players do not see others' orders: no page, push or reply has them, and the
            numbers of their own orders do not reveal how many there are. If False, everybody
            sees the book as it fills.
        clear_when_all_ready: show a button "Ready"; when everybody has pressed it, the market is
            cleared, and the page shows the result and a button to go on. The market waits for all
            traders who have begun, are here or still on their way, and have not dropped out; at
            least two. Put a wait page before this one for those who are early. Set `seconds`, too,
            for those who never press it.
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

    # For cells and handlers

    @classmethod
    def clear_now(cls, player: Player) -> None:
        """Clear and close the player's market, as from a cell; does nothing once it is closed.

        Call.clear_now(run.players[0])
        """
        with player._world.lock:
            for market in markets_of(cls, player):
                if market.is_open:
                    market.clear()
                    market.close()

    @classmethod
    def clear_if_all_ready(cls, player: Player) -> None:
        """Clear the market if it waits for nobody any more.

        This happens automatically when somebody is ready, moves or drops out (after the handler, if
        there is one). Call it if `traders` has changed.
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
        """Clear the markets of those left behind by a player, if they are all ready."""
        cls.clear_if_all_ready(player)

    @classmethod
    def looks_once_for(cls, player: Player) -> str:
        """Return a key shared by players with the same traders: their group or session."""
        if page_function(cls, "traders") is not page_function(MarketPage, "traders"):
            return player.subject
        return group_subject(player)

    # Hooks

    def timeout_reached(page: Any, player: Player) -> None:
        """Clear and close the market, unless it is closed already."""
        page.clear_now(player)

    def may_proceed(page: Any, player: Player) -> bool:
        """Hold everybody until the market is cleared."""
        return not any(market.is_open for market in markets_of(page, player))

    # Live methods

    @live
    def set_ready(
        page: Any, player: Player, market: str, ready: bool, sent: float | None = None
    ) -> dict[str, Any]:
        """Mark the player as ready, or as no longer ready."""
        if not page.clear_when_all_ready:
            raise Refused("This market is cleared when its time is up.")
        markets = markets_of(page, player)
        found = next((one for one in markets if one.name == market), markets[0])
        if found.is_open:
            _note_ready(markets[0], player, ready)
            page.clear_if_all_ready(player)
        mine = page_function(page, "private_data")(page, player, found)
        return {"market": found.name, "mine": mine, "call": _call_of(page, player, found)}

    # What this kind of page sends

    def market_data(page: Any, player: Player, market: Market) -> dict[str, Any]:
        """Return everything that the page shows; of a sealed book only the player's own orders."""
        data: dict[str, Any] = page_function(MarketPage, "market_data")(page, player, market)
        if page.sealed:
            data |= {"depth": {"seq": 0, "bids": [], "asks": []}, "trades": []}
        return data | {"call": _call_of(page, player, market)}

    def private_data(page: Any, player: Player, market: Market) -> dict[str, Any]:
        """Return the player's private data, with the numbers by which browsers know its orders."""
        data: dict[str, Any] = page_function(MarketPage, "private_data")(page, player, market)
        shown = page_function(page, "shown_number")
        data["orders"] = [[shown(page, market, row[0]), *row[1:]] for row in data["orders"]]
        return data

    def push_outcome(page: Any, player: Player, market: Market, outcome: Outcome) -> None:
        """Push an outcome to all; of a sealed book, to each trader what concerns its own orders."""
        if page.sealed:
            push_own(page, player, market, outcome)
        else:
            page_function(MarketPage, "push_outcome")(page, player, market, outcome)

    def push_closed(page: Any, player: Player, market: Market) -> None:
        """Push the result of the call to everybody on the page in that period."""
        market_data, period = page_function(page, "market_data"), page_function(page, "period")
        for trader in page_function(page, "traders")(page, player):
            if trader.page == page.key and period(page, trader) == market.period:
                # from the trader's own place: the player who clears may be elsewhere
                data = market_data(page, trader, market)
                notify(trader, trader, data, event="UprootMarketCleared")

    def shown_number(page: Any, market: Market, order: int) -> int:
        """Return the number by which browsers know an order; a sealed book's reveal nothing."""
        if not page.sealed:
            return order
        text = f"order/{market.model.name}/{order}"
        # Only the researcher knows the seed, and a rerun has the same.
        key = str(world_of(market.model).seed).encode()[:64]
        # 48 bits: JavaScript's integers are exact up to 53
        return int.from_bytes(blake2b(text.encode(), key=key, digest_size=6).digest(), "big")

    def order_of(page: Any, player: Player, market: Market, shown: int) -> int:
        """Return the player's order number, or 0 if there is none."""
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


def _first_of_each_period(page: type[CallMarketPage], traders: Iterable[Player]) -> list[Player]:
    """Return the player who is furthest in each period, among those on the page."""
    period = page_function(page, "period")
    first: dict[int, Player] = {}
    here = [trader for trader in traders if trader.page == page.key]
    for trader in sorted(here, key=lambda trader: trader.position):
        first[period(page, trader)] = trader
    return list(first.values())


def _ready_in(page: type[CallMarketPage], player: Player) -> Iterable[str]:
    """Return the ready traders of the player's period, without setting up a market."""
    period = page_function(page, "period")(page, player)
    place: dict[str, Any] = {"name": page.market_names[0], "period": period}
    market = Market.find(player.session, **place, group=player.group)
    return () if market is None else market.model.get("ready_traders", ())


def _all_ready(player: Player, traders: Iterable[Player], ready: Iterable[str]) -> bool:
    """Return whether at least two traders have come and all who are left are ready."""
    come = [trader for trader in traders if trader.position >= 0]
    awaited = [t for t in come if t.position <= player.position and not t.has_dropped_out]
    names = set(ready)
    return len(come) > 1 and bool(awaited) and all(trader.name in names for trader in awaited)


def _call_of(page: type[CallMarketPage], player: Player, market: Market) -> dict[str, Any]:
    """Return the call's data; price and quantity once it is over."""
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
