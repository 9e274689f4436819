"""Limits: what the rules refuse, each in words for the participant."""

from __future__ import annotations

from typing import Any

from uproot_nb.errors import OrderRefused
from uproot_nb.market.accounts import Account, UnitValue
from uproot_nb.market.levels import Level
from uproot_nb.market.orders import Side
from uproot_nb.market.prices import Price
from uproot_nb.market.rules import Rules

__all__ = [
    "check_cash", "check_improvement", "check_loss", "check_orders", "check_priced",
    "check_quantity", "check_side", "check_units",
]  # fmt: skip

_QUOTE = {"buy": "bid", "sell": "ask"}
_BETTER = {"buy": "above", "sell": "below"}


def check_side(side: Any) -> None:
    """Refuse what is neither buying nor selling."""
    if side not in ("buy", "sell"):
        raise OrderRefused("no_side", "An order must be to buy or to sell.")


def check_priced(rules: Rules) -> None:
    """Refuse an order without a price where all are collected before any is traded."""
    if rules.call:
        raise OrderRefused("needs_price", "Please say a price: all orders are traded at one.")


def check_quantity(quantity: Any, rules: Rules) -> None:
    """Refuse what is no number of units, or too many."""
    if type(quantity) is not int or quantity < 1:
        raise OrderRefused("no_quantity", "A quantity must be a whole number above zero.")
    if quantity > rules.max_quantity:
        raise OrderRefused("too_many", f"A quantity must not be above {rules.max_quantity}.")


def check_improvement(side: Side, key: int, best: Level | None) -> None:
    """Refuse a quote that is not better than the best of its side."""
    if best is not None and key >= best.key:
        quote = _QUOTE[side]
        raise OrderRefused(
            "no_improvement",
            f"A new {quote} must be {_BETTER[side]} the best {quote}, {best.price}.",
        )


def check_orders(account: Account, side: Side, rules: Rules) -> None:
    """Refuse one more standing order than a trader may have."""
    if rules.max_orders is None:
        return
    if account.counts[side] >= rules.max_orders:
        quote = _QUOTE[side]
        raise OrderRefused(
            "too_many_orders",
            f"You have {rules.max_orders} {quote}{'s' * (rules.max_orders > 1)} already, "
            "which is as many as you may have.",
        )


def check_cash(account: Account, ticks: int) -> None:
    """Refuse to spend what is not there or bound by other bids."""
    if ticks > account.free_ticks:
        raise OrderRefused("no_cash", "You do not have enough money left for this order.")


def check_units(account: Account, quantity: int) -> None:
    """Refuse to sell what is not there or bound by other asks."""
    if quantity > account.free_units:
        raise OrderRefused("no_units", "You do not have enough units left for this order.")


def check_loss(
    account: Account, side: Side, quantity: int, price: Price, value_of: UnitValue
) -> None:
    """Refuse a price at which a unit could be traded at a loss.

    The units are the next ones after those that were traded and those that stand in other orders.
    A trader's better-priced orders are filled first, so none of them can then make a loss, as
    long as values fall and costs rise from unit to unit; where they do not, the worst of the units
    that come before counts.
    """
    if side == "buy":
        done, standing = account.bought, account.bid_units
    else:
        done, standing = account.sold, account.ask_units
    for unit in range(done + 1, done + standing + quantity + 1):
        value = value_of(account.player, side, unit)
        if value is None:
            raise OrderRefused("no_unit", f"You have no further unit to {side}.")
        if side == "buy" and price > value:
            raise OrderRefused("loss", f"Your bid is above your value of {value}.")
        if side == "sell" and price < value:
            raise OrderRefused("loss", f"Your ask is below your cost of {value}.")
