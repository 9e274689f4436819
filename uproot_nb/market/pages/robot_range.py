"""Robot range: the highest price of which robots on a page think, where the rules name none."""

from __future__ import annotations

from uproot_nb.market.analysis.dividends import as_price
from uproot_nb.market.analysis.worth import highest_worth, most_paid
from uproot_nb.market.market import Market
from uproot_nb.market.orderbook.amounts import Price, total
from uproot_nb.session.entities import Player
from uproot_nb.session.world import world_of

__all__ = ["plays_for", "range_of"]


def plays_for(player: Player) -> bool:
    """Return whether a bot of this run plays for a player now."""
    return bool(world_of(player).robots[player.name] > 0)


def range_of(market: Market) -> Price | None:
    """Return what a unit is worth at most, as a simulation of the market would; None if unknown.

    It is the highest of all induced values and costs; where nobody has any, what holding a unit
    pays, or the cash with which the richest trader has begun. It tells something about others.
    """
    if market.values is not None:
        return highest_worth(market.values, market.book.charges)
    cash = _cash_at_first(market)
    if market.dividends is not None:
        value = as_price(market.dividends.fundamental_value(market.period))
        return most_paid(value, cash)
    return max(cash, default=None)


def _cash_at_first(market: Market) -> list[Price]:
    """Return the cash with which each trader began the period, in all markets of the purse."""
    books = [one.book for one in (market, *market.purse_markets())]
    return [total(book.account(name).initial_cash for book in books) for name in books[0].accounts]
