"""Market pushes: the data a market page starts with, and the changes pushed to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from uproot_nb.market.market import Market
from uproot_nb.market.orderbook.amounts import plain
from uproot_nb.market.orderbook.depth import plain_changes
from uproot_nb.market.orderbook.orders import Order, Side
from uproot_nb.market.orderbook.outcomes import Outcome, Trade
from uproot_nb.market.pages.trader_data import own_trades
from uproot_nb.realtime.game_pages import page_function
from uproot_nb.session.entities import Player
from uproot_nb.session.world import world_of

__all__ = [
    "market_data", "push", "push_endowments", "push_outcome", "push_own", "push_shout",
    "push_to_traders",
]  # fmt: skip

SHOWN_TRADES = 500
"""The latest trades that a page starts with."""


def push_to_traders(page: Any, player: Player, market: Market, outcome: Outcome | None) -> None:
    """Push every outcome to the page's traders, including those of the author's own code."""
    if outcome is None:
        page_function(page, "push_closed")(page, player, market)
        return
    if outcome.events or outcome.status is None:
        page_function(page, "push_outcome")(page, player, market, outcome)
    if outcome.status is not None:
        traders = list(page_function(page, "traders")(page, player))
        push(page, market, traders, {"halted": market.is_halted}, "UprootMarketHalted")


def push_outcome(page: Any, player: Player, market: Market, outcome: Outcome) -> None:
    """Push the changes to everybody, if there are any, and private data to the traders concerned.

    Pushes are numbered among themselves: what only its owner sees leaves no gap that others see.
    """
    push_own(page, player, market, outcome)  # first: who hears of a trade knows what is left
    if outcome.changes:
        traders = list(page_function(page, "traders")(page, player))
        number, now = market.public_changes, world_of(player).clock()
        trades = [_plain_trade(now, trade) for trade in outcome.trades]
        numbers = {"before": number - 1, "seq": number}
        news = {**plain_changes(outcome), **numbers, "trades": trades, "quote": _quote(outcome)}
        push(page, market, traders, news, "UprootMarket")


def push_own(page: Any, player: Player, market: Market, outcome: Outcome) -> None:
    """Push their own data to the traders whose orders an outcome is about, in all of their tabs."""
    traders = page_function(page, "traders")(page, player)
    private_data = page_function(page, "private_data")
    names = {trade.maker for trade in outcome.trades} | {e.player for e in outcome.events}
    concerned = [one for one in traders if one.name in names]
    for other in concerned:
        own = own_trades(outcome.trades, other.name)
        # The caller has a reply, but only in one of the tabs.
        mine = {"mine": private_data(page, other, market), "own": own}
        push(page, market, [other], mine, "UprootMarketMine")
    _push_purses(page, market, concerned)


def push_endowments(page: Any, player: Player, market: Market, names: Collection[str]) -> None:
    """Push their own data to traders who were endowed, or whose values were induced."""
    if market.model.get("met") is None:
        return  # the market is being set up: no page shows it yet
    traders = list(page_function(page, "traders")(page, player))
    concerned = [one for one in traders if one.name in names]
    for other in concerned:
        news = {
            "mine": page_function(page, "private_data")(page, other, market),
            "sides": list(page_function(page, "sides")(page, other, market)),
            "units": _units(other, market),
        }
        push(page, market, [other], news, "UprootMarketMine")
    _push_purses(page, market, concerned)


def _push_purses(page: Any, market: Market, traders: list[Player]) -> None:
    """Push their own data to those whose cash in other markets of the page has changed, too."""
    private_data = page_function(page, "private_data")
    for beside in market.purse_markets():
        if beside.title in page.market_names:
            for other in traders:
                mine = {"mine": private_data(page, other, beside)}
                push(page, beside, [other], mine, "UprootMarketMine")


def push_shout(page: Any, player: Player, market: Market, order: Order) -> None:
    """Push to everybody that a standing order's price was shouted again."""
    traders = list(page_function(page, "traders")(page, player))
    news = {"side": order.side, "price": plain(order.price)}
    push(page, market, traders, news, "UprootMarketShout")


def _quote(outcome: Outcome) -> list[Any] | None:
    """Return side and price of the limit order that was sent; None if there was none."""
    for event in outcome.events:
        if event.event == "submit" and event.price is not None:
            return [event.side, plain(event.price)]
    return None


def push(
    page: Any, market: Market, traders: list[Player], news: Mapping[str, Any], event: str
) -> None:
    """Push to players on the page; browsers ignore pushes of another period."""
    data = {"market": market.name, "period": market.period, **news}
    world_of(market.model).delivery.notify(None, traders, data, event, page)


def market_data(page: Any, player: Player, market: Market) -> dict[str, Any]:
    """Return everything that a page shows of a market, for JSON."""
    trades = market.trades
    own = own_trades((trade for _, trade in trades), player.name)
    return {
        "market": market.name, "title": market.title, "period": market.period,
        "periods": page_function(page, "periods")(page, player), "practice": page.practice,
        **_rules_of(page, market),
        "sides": list(page_function(page, "sides")(page, player, market)),
        "depth": {**market.depth().plain(), "seq": market.public_changes},
        "mine": page_function(page, "private_data")(page, player, market),
        "own": own[-SHOWN_TRADES:],
        "trades": [_plain_trade(*trade) for trade in trades[-SHOWN_TRADES:]],
        "open": market.is_open, "halted": market.is_halted,
        "timed": page.seconds is not None, "seconds": page.seconds,
        "ends": market.model.get("ends"),
        "facts": dict(page_function(page, "facts")(page, player, market)),
        "units": _units(player, market),
    }  # fmt: skip


def _units(player: Player, market: Market) -> dict[Side, list[Any]]:
    """Return what all the player's units of the period are worth, and cost, by side."""
    values = market.values
    if values is None:
        return {"buy": [], "sell": []}
    schedules: dict[Side, Any] = {"buy": values.values, "sell": values.costs}
    return {
        side: [plain(one) for one in units.get(player.name, ())]
        for side, units in schedules.items()
    }


def _rules_of(page: Any, market: Market) -> dict[str, Any]:
    """Return the rules that a page needs to know, and its own texts for refusals."""
    rules = market.rules
    return {
        "tick": plain(rules.tick), "min_price": plain(rules.lowest),
        "max_price": plain(rules.highest), "max_quantity": rules.max_quantity,
        "max_orders": rules.max_orders, "improvement": rules.improvement,
        "self_trade": rules.self_trade, "lapse": rules.lapse,
        "charges": _charges(market), "terms": list(rules.terms),
        "good_for": rules.good_for, "texts": dict(page.texts),
    }  # fmt: skip


def _charges(market: Market) -> dict[str, Any] | None:
    """Return the taxes and fees, as the rules' plain data have them; None if there are none."""
    if market.book.charges is None:
        return None
    rules = market.rules.plain()
    return {name: rules[name] for name in ("buyer_tax", "seller_tax", "fees")}


def _plain_trade(time: float, trade: Trade) -> list[Any]:
    return [trade.trade, time, plain(trade.price), trade.quantity, trade.initiator]
