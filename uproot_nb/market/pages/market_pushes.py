"""Telling: what a market page shows at first, and what is pushed to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uproot_nb.market.market import Market
from uproot_nb.market.orderbook.depth import plain_changes
from uproot_nb.market.orderbook.outcomes import Outcome, Trade
from uproot_nb.market.orderbook.prices import plain
from uproot_nb.market.pages.page_functions import page_function
from uproot_nb.session.entities import Player
from uproot_nb.session.world import world_of

__all__ = ["hear", "push", "tell", "told_of"]

SHOWN_TRADES = 500
"""How many trades, the latest, a page begins with."""


def hear(page: Any, player: Player, market: Market, outcome: Outcome | None) -> None:
    """Tell the page's traders of whatever happens in a market, also by the author's own code."""
    if outcome is None:
        page_function(page, "tell_closed")(page, player, market)
    else:
        page_function(page, "tell")(page, player, market, outcome)


def tell(page: Any, player: Player, market: Market, outcome: Outcome) -> None:
    """Push what has changed to everybody, and what is theirs to those whom it concerns."""
    traders = list(page_function(page, "traders")(page, player))
    now = world_of(player).clock()
    trades = [_plain_trade(now, trade) for trade in outcome.trades]
    push(page, market, traders, {**plain_changes(outcome), "trades": trades}, "UprootMarket")
    mine_of = page_function(page, "mine_of")
    concerned = {trade.maker for trade in outcome.trades} | {e.player for e in outcome.events}
    for other in traders:
        if other.name in concerned and other.name != market.answered:
            push(page, market, [other], {"mine": mine_of(page, other, market)}, "UprootMarketMine")


def push(
    page: Any, market: Market, traders: list[Player], news: Mapping[str, Any], event: str
) -> None:
    """Push to those who are on the page; in another period they know that it is not for them."""
    told = {"market": market.name, "period": market.period, **news}
    world_of(market.model).delivery.notify(None, traders, told, event, page)


def told_of(page: Any, player: Player, market: Market) -> dict[str, Any]:
    """Return all that a page shows of a market, as JSON has it."""
    rules = market.rules
    return {
        "market": market.name, "title": market.title, "period": market.period,
        "tick": plain(rules.tick),
        "max_price": plain(rules.max_price), "max_quantity": rules.max_quantity,
        "sides": list(page_function(page, "sides")(page, player, market)),
        "depth": market.depth().plain(),
        "mine": page_function(page, "mine_of")(page, player, market),
        "trades": [_plain_trade(*trade) for trade in market.trades[-SHOWN_TRADES:]],
        "open": market.is_open, "timed": page.seconds is not None,
        "facts": dict(page_function(page, "facts")(page, player, market)),
    }  # fmt: skip


def _plain_trade(time: float, trade: Trade) -> list[Any]:
    return [trade.trade, time, plain(trade.price), trade.quantity, trade.initiator]
