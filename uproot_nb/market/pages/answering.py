"""Answering: what a page replies to a command, and what it refuses before the book does."""

from __future__ import annotations

from typing import Any

from uproot_nb.errors import OrderRefused
from uproot_nb.market.market import Market
from uproot_nb.market.orderbook import refusals
from uproot_nb.market.orderbook.commands import Command, Limit
from uproot_nb.market.orderbook.commands import Market as AtBest
from uproot_nb.market.orderbook.order_checks import check_side
from uproot_nb.market.orderbook.orders import OTHER
from uproot_nb.market.pages.page_functions import page_function
from uproot_nb.session.entities import Player
from uproot_nb.session.world import world_of

__all__ = ["answer", "check_time", "refuse", "standing"]


def answer(page: Any, player: Player, market: Market, asked: Command, sent: Any) -> dict[str, Any]:
    """Carry out a command, tell the others, and return what the caller alone gets to know.

    Raises:
        OrderRefused: it is not taken, in the words of the page.
    """
    check_time(page, player, market, asked, sent)
    _check_units(page, player, market, asked, sent)
    market.answered = player.name
    try:
        outcome = market.give(asked, sent)
    except OrderRefused as refusal:
        raise _worded(page, refusal) from None
    finally:
        market.answered = ""
    mine = page_function(page, "mine_of")(page, player, market)
    shown = outcome.order
    if shown is not None:
        shown = page_function(page, "shown_number")(page, market, shown)
    traded = sum(trade.quantity for trade in outcome.trades)
    return {
        "market": market.name, "order": shown, "resting": outcome.resting, "traded": traded,
        "mine": mine,
    }  # fmt: skip


def check_time(page: Any, player: Player, market: Market, asked: Command, sent: Any) -> None:
    """Refuse what comes after the end, even where the market is not closed yet."""
    if not market.is_open or world_of(player).flow.timeouts.has_passed(player):
        raise refuse(page, market, asked, "closed", refusals.CLOSED, sent)


def _check_units(page: Any, player: Player, market: Market, asked: Command, sent: Any) -> None:
    """Hold an order to what the page knows: the sides, and the units induced."""
    if not isinstance(asked, (Limit, AtBest)) or asked.side not in ("buy", "sell"):
        return  # the book has words for that
    side, quantity = asked.side, asked.quantity
    if side not in page_function(page, "sides")(page, player, market):
        words = refusals.CANNOT_BUY if side == "buy" else refusals.CANNOT_SELL
        raise refuse(page, market, asked, "side", words, sent)
    values = market.values
    if values is None or type(quantity) is not int:
        return
    account = market.book.account(player.name)
    if side == "buy":
        schedules, done = values.values, account.bought + account.bid_units
    else:
        schedules, done = values.costs, account.sold + account.ask_units
    if done + quantity > len(schedules.get(player.name, ())):
        raise refuse(page, market, asked, "no_units", refusals.NO_MORE_UNITS, sent)


def standing(page: Any, player: Player, market: Market, asked: Limit, sent: Any) -> int:
    """Return how many units of others stand at a price or better.

    Raises:
        OrderRefused: what is asked for has no such price or side.
    """
    try:
        check_side(asked.side)
        market.book.grid.ticks(asked.price)
    except OrderRefused as refusal:
        raise refuse(page, market, asked, refusal.code, str(refusal), sent) from None
    units, limit = 0, asked.price
    for order in market.book.standing(OTHER[asked.side]):
        if (order.price > limit) if asked.side == "buy" else (order.price < limit):
            break
        units += order.remaining if order.player != player.name else 0
    return units


def refuse(
    page: Any, market: Market, asked: Command, code: str, words: str, sent: Any
) -> OrderRefused:
    """Log that a command is not taken, and return what to raise."""
    return _worded(page, market.refuse(asked, code, words, sent))


def _worded(page: Any, refusal: OrderRefused) -> OrderRefused:
    text = page.texts.get(refusal.code)
    return refusal if text is None else OrderRefused(refusal.code, text)
