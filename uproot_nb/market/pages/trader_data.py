"""Trader data: a trader's own units, money and trades, and why an order would be refused.

The book decides. A reason here is one for which it refuses every new order of that side, whatever
its price; where that is not certain, there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from uproot_nb.errors import OrderRefused
from uproot_nb.market.analysis.dividends import as_price
from uproot_nb.market.analysis.values import highest_worth
from uproot_nb.market.market import Market
from uproot_nb.market.orderbook import refusals
from uproot_nb.market.orderbook.amounts import Price, plain, total
from uproot_nb.market.orderbook.order_checks import check_owed, check_units
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.orderbook.outcomes import Trade
from uproot_nb.realtime.game_pages import warn_once
from uproot_nb.session.entities import Player
from uproot_nb.session.world import world_of

__all__ = ["own_trades", "robots_highest", "trader_data", "warn_of_empty_purses"]

_SIDES: tuple[Side, Side] = ("buy", "sell")


def trader_data(page: Any, player: Player, market: Market) -> dict[str, Any]:
    """Return a trader's private data, for JSON: `Market.holdings`, and further keys.

    values and costs (of the units that are left, the next one first), limits (by side: the worst
    price at which each of these is no loss; null unless the rules forbid losses), free (cash that
    can still be spent, null without a budget; units that can still be sold, null where short sales
    are allowed), cannot (by side: the sentence with which every new order would be refused, or
    null).
    """
    name, left = player.name, {side: _units_left(market, player.name, side) for side in _SIDES}
    account, cash = market.book.account(name), market.free_cash(name)
    return market.holdings(player) | {
        "values": [plain(value) for value in left["buy"]],
        "costs": [plain(cost) for cost in left["sell"]],
        "limits": _limits(market, left) if market.rules.no_loss else None,
        "free": {
            "cash": plain(cash), "units": None if market.rules.short_sales else account.free_units,
        },
        "cannot": {side: _why_not(page, market, name, side, len(left[side])) for side in _SIDES},
    }  # fmt: skip


def robots_highest(market: Market) -> Price | None:
    """Return what a unit is worth at most, as a simulation of the market would; None if unknown.

    It is the highest of all induced values and costs; where nobody has any, what holding a unit
    pays, or the cash with which the richest trader has begun. It tells something about others.
    """
    charges, dividends = market.book.charges, market.dividends
    if market.values is not None:
        return highest_worth(market.values, None if charges is None else charges.limit)
    known = _cash_at_first(market)
    if dividends is not None:
        known.append(as_price(dividends.fundamental_value(market.period)))
    return max(known, default=None)


def _cash_at_first(market: Market) -> list[Price]:
    """Return the cash with which each trader began the period, in all markets of the purse."""
    books = [one.book for one in (market, *market.purse_markets())]
    return [total(book.account(name).initial_cash for book in books) for name in books[0].accounts]


def own_trades(trades: Iterable[Trade], name: str) -> list[list[Any]]:
    """Return a trader's own trades: number, side, price, quantity."""
    return [
        [trade.trade, side, plain(trade.price), trade.quantity]
        for trade in trades
        for side, trader in (("buy", trade.buyer), ("sell", trade.seller))
        if trader == name
    ]


def warn_of_empty_purses(
    page: Any, traders: Sequence[Player], market: Market, giver: str | None
) -> None:
    """Warn once of a page in whose market no bid can be taken, as nobody has cash.

    It is for a market without orders: with them, it is too late to endow. While only some traders
    have an endowment, the others' may still come, as from a hook before their own page.

    Args:
        giver: the page's function that endows, as an author writes it; None if an author's function
            endows late traders, so that cash may still come.
    """
    world = world_of(market.model)
    if giver is None or not traders or not world.is_served:
        return
    if any(_can_pay(market, trader.name) for trader in traders):
        return
    endowed = [market.book.account(trader.name).endowed for trader in traders]
    if any(endowed) and not all(endowed):
        return
    text = (
        f"{page.__name__}: nobody in the market {market.title!r} has cash, so no bid can be taken. "
        f"Give the traders some: market.endow(trader, cash=100) in {giver}(), or let all buy on "
        "credit: Rules(budget=False)."
    )
    warn_once(world, page, text)


def _can_pay(market: Market, name: str) -> bool:
    try:
        _check_money(market, name)
    except OrderRefused:
        return False
    return True


def _units_left(market: Market, name: str, side: Side) -> list[Price]:
    """Return the values or costs of the units that a trader has not traded, the next one first."""
    values = market.values
    if values is None:
        return []
    account = market.book.account(name)
    if side == "buy":
        return list(values.values.get(name, ()))[account.bought :]
    return list(values.costs.get(name, ()))[account.sold :]


def _limits(market: Market, left: dict[Side, list[Price]]) -> dict[str, list[Any]]:
    """Return the worst price for each unit, with taxes and fees."""
    charges = market.book.charges
    return {
        side: [plain(unit if charges is None else charges.limit(side, unit)) for unit in units]
        for side, units in left.items()
    }


def _why_not(page: Any, market: Market, name: str, side: Side, left: int) -> str | None:
    """Return why every new order of a side would be refused; None if that is not certain."""
    try:
        _check_left(market, name, side, left)
        if side == "buy":
            _check_money(market, name)
        else:
            _check_stock(market, name)
    except OrderRefused as refusal:
        return str(page.texts.get(refusal.code, refusal))
    return None


def _standing(market: Market, name: str, side: Side) -> int:
    """Return the units of the standing orders that a new one would not replace."""
    lapses = market.rules.lapse in ("shout", "own")
    return 0 if lapses else market.book.account(name).standing_units(side)


def _check_left(market: Market, name: str, side: Side, left: int) -> None:
    if market.values is not None and left <= _standing(market, name, side):
        raise OrderRefused("no_units", refusals.NO_MORE_UNITS)


def _check_money(market: Market, name: str) -> None:
    """Refuse who cannot pay the lowest price for a unit, and owes none."""
    book, cash = market.book, market.free_cash(name)
    account = book.account(name)
    if cash is None or account.owed or account.bid_units > _standing(market, name, "buy"):
        return
    lowest = max(1, -book.grid.affordable(-market.rules.lowest))
    due = lowest if book.charges is None else max(0, book.charges.total("buy", lowest))
    if due > book.grid.affordable(cash):
        raise OrderRefused("no_cash", refusals.NO_CASH)


def _check_stock(market: Market, name: str) -> None:
    """Refuse who has no unit to sell, and may not owe one."""
    rules, account = market.rules, market.book.account(name)
    if account.ask_units > _standing(market, name, "sell"):
        return
    if not rules.short_sales:
        check_units(account, 1)
    elif rules.max_short is not None:
        check_owed(account, 1, rules.max_short)
