"""Answering: a page's reply to a command, and the checks that the page makes before the book."""

from __future__ import annotations

from typing import Any

from uproot_nb.errors import OrderRefused
from uproot_nb.market.market import Market
from uproot_nb.market.orderbook import refusals
from uproot_nb.market.orderbook.commands import Command, LimitOrder, MarketOrder, Replace
from uproot_nb.market.orderbook.order_checks import check_side
from uproot_nb.market.orderbook.orders import OTHER, Side
from uproot_nb.market.orderbook.outcomes import Outcome
from uproot_nb.market.pages.trader_data import own_trades
from uproot_nb.realtime.game_pages import in_own_words, page_function
from uproot_nb.session.entities import Player
from uproot_nb.session.world import world_of

__all__ = ["answer", "check_halted", "check_time", "refuse", "standing"]


def answer(page: Any, player: Player, market: Market, asked: Command, sent: Any) -> dict[str, Any]:
    """Execute a command, push its outcome, and return the caller's private data.

    Raises:
        OrderRefused: it is refused, with the page's text.
    """
    with market.at_one_time():
        outcome = _outcome(page, player, market, asked, sent)
    mine = page_function(page, "private_data")(page, player, market)
    shown = outcome.order
    if shown is not None:
        shown = page_function(page, "shown_number")(page, market, shown)
    traded = sum(trade.quantity for trade in outcome.trades)
    reply = {
        "market": market.name, "order": shown, "resting": outcome.resting, "traded": traded,
        "mine": mine, "own": own_trades(outcome.trades, player.name),
    }  # fmt: skip
    # How many events a sealed book has had is nobody's business.
    return reply if market.rules.call else {**reply, "seq": market.public_changes}


def _outcome(page: Any, player: Player, market: Market, asked: Command, sent: Any) -> Outcome:
    check_time(page, player, market, asked, sent)
    _check_units(page, player, market, asked, sent)
    try:
        return market.give(asked, sent)
    except OrderRefused as refusal:
        raise in_own_words(page.texts, refusal) from None


def check_time(page: Any, player: Player, market: Market, asked: Command, sent: Any) -> None:
    """Refuse a command after the end, even if the market is not closed yet."""
    if not market.is_open or world_of(player).flow.timeouts.has_passed(player):
        raise refuse(page, market, asked, "closed", refusals.CLOSED, sent)


def check_halted(page: Any, market: Market, asked: Command, sent: Any) -> None:
    """Refuse a command while trade is halted."""
    if market.is_halted:
        raise refuse(page, market, asked, "halted", refusals.HALTED, sent)


def _check_units(page: Any, player: Player, market: Market, asked: Command, sent: Any) -> None:
    """Check an order, or a change of one, against the page's sides and the induced units."""
    order = _as_new(player, market, asked)
    if order is None:
        return  # the book refuses it
    side, quantity, standing_units = order
    if side not in page_function(page, "sides")(page, player, market):
        words = refusals.CANNOT_BUY if side == "buy" else refusals.CANNOT_SELL
        raise refuse(page, market, asked, "side", words, sent)
    values = market.values
    if values is None or type(quantity) is not int:
        return
    account, schedules = market.book.account(player.name), values.costs
    done = account.sold
    if side == "buy":
        done, schedules = account.bought, values.values
    left = len(schedules.get(player.name, ())) - done - standing_units
    if quantity > left:
        words = refusals.NO_UNITS if left > 0 else refusals.NO_MORE_UNITS
        raise refuse(page, market, asked, "no_units", words, sent)


def _as_new(player: Player, market: Market, asked: Command) -> tuple[Side, Any, int] | None:
    """Return side and quantity of an order as it would be, and the units that stand beside it."""
    account = market.book.account(player.name)
    if isinstance(asked, Replace):
        old = account.orders.get(asked.order) if type(asked.order) is int else None
        if old is None:
            return None
        quantity = old.remaining if asked.quantity is None else asked.quantity
        return old.side, quantity, account.standing_units(old.side) - old.remaining
    if not isinstance(asked, (LimitOrder, MarketOrder)) or asked.side not in ("buy", "sell"):
        return None
    renewed = market.rules.lapse in ("shout", "own")  # the new order takes the place of the last
    side: Side = asked.side
    return side, asked.quantity, 0 if renewed else account.standing_units(side)


def standing(page: Any, player: Player, market: Market, asked: LimitOrder, sent: Any) -> int:
    """Return how many units of other traders stand at a price or better.

    Raises:
        OrderRefused: the order's price or side is invalid.
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
    """Log a refusal, and return the error to raise."""
    return in_own_words(page.texts, market.refuse(asked, code, words, sent))
