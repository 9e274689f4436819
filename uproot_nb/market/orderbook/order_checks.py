"""Order checks: each raises a refusal with a text for the participant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from uproot_nb.errors import OrderRefused
from uproot_nb.market.orderbook import refusals
from uproot_nb.market.orderbook.accounts import Account, UnitValue
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.charges import UnitCharges
from uproot_nb.market.orderbook.durations import is_duration
from uproot_nb.market.orderbook.levels import Ladder
from uproot_nb.market.orderbook.orders import Order, Side
from uproot_nb.market.orderbook.rules import Rules, Terms

__all__ = [
    "check_at_once", "check_improvement", "check_life", "check_loss",
    "check_orders", "check_owed", "check_priced", "check_proceeds", "check_purchase",
    "check_quantity", "check_share", "check_short_sale", "check_shown", "check_side", "check_terms",
    "check_units",
]  # fmt: skip


MOST_PARTS = 20
"""In how many parts an order may be shown at most: its trades take the others' time."""


def check_side(side: Any) -> None:
    """Refuse a side that is neither buy nor sell."""
    if side not in ("buy", "sell"):
        raise OrderRefused("no_side", refusals.NO_SIDE)


def check_priced(rules: Rules) -> None:
    """Refuse an order without a price in a call market."""
    if rules.call:
        raise OrderRefused("needs_price", refusals.NEEDS_PRICE)


def check_quantity(quantity: Any, rules: Rules) -> None:
    """Refuse a quantity that is not a number of units, or too large."""
    if type(quantity) is not int or quantity < 1:
        raise OrderRefused("no_quantity", refusals.NO_QUANTITY)
    if quantity > rules.max_quantity:
        raise OrderRefused("too_many", refusals.TOO_MANY, quantity=rules.max_quantity)


def check_terms(terms: Any, rules: Rules) -> None:
    """Refuse terms that the rules do not have."""
    if terms not in get_args(Terms) or terms not in rules.terms:
        raise OrderRefused("no_terms", refusals.NO_TERMS)


def check_life(good_for: Any, rules: Rules) -> None:
    """Refuse a time for which an order cannot stand."""
    if "gft" not in rules.terms:
        raise OrderRefused("no_terms", refusals.NO_TERMS)
    if not is_duration(good_for):
        raise OrderRefused("no_time", refusals.NO_TIME)
    if rules.good_for is not None and good_for > rules.good_for:
        raise OrderRefused("too_long", refusals.TOO_LONG, seconds=f"{rules.good_for:g}")


def check_shown(shown: Any, quantity: int, rules: Rules) -> None:
    """Refuse a part of an order that cannot be shown alone."""
    if "iceberg" not in rules.terms:
        raise OrderRefused("no_terms", refusals.NO_TERMS)
    if type(shown) is not int or not 1 <= shown <= quantity:
        raise OrderRefused("no_shown", refusals.NO_SHOWN)


def check_share(shown: int, quantity: int) -> None:
    """Refuse an order in more than 20 parts, for each part that trades is a trade of its own."""
    least = -(-quantity // MOST_PARTS)
    if shown < least:
        raise OrderRefused("too_few_shown", refusals.TOO_FEW_SHOWN, least=least)


def check_at_once(terms: Terms, quantity: int, found: int) -> None:
    """Refuse an order that would trade nothing at once, or not all where it has to."""
    if not found:
        raise OrderRefused("gone", refusals.GONE)
    if terms == "fok" and found < quantity:
        raise OrderRefused("not_all", refusals.NOT_ALL)


def check_improvement(side: Side, key: int, ladder: Ladder, old: Order | None = None) -> None:
    """Refuse a quote that is not better than the best of its side.

    One that replaces *old* must be better than the others; if *old* is the best, it may not be
    worse than that, so that the best quote never falls back.
    """
    best = ladder.best_without(old)
    if old is not None and ladder.best is not best and key > old.key:
        best = ladder.best
    if best is not None and key >= best.key:
        words = refusals.NO_BETTER_BID if side == "buy" else refusals.NO_BETTER_ASK
        raise OrderRefused("no_improvement", words, price=best.price)


def check_orders(account: Account, side: Side, rules: Rules) -> None:
    """Refuse more standing orders than a trader may have."""
    if rules.max_orders is None:
        return
    if sum(order.side == side for order in account.orders.values()) >= rules.max_orders:
        raise OrderRefused("too_many_orders", refusals.TOO_MANY_ORDERS, count=rules.max_orders)


def check_purchase(
    account: Account, quantity: int, ticks: int, margin: int, elsewhere: int
) -> None:
    """Refuse to spend cash that is missing, reserved by bids, or held back for units owed.

    Whoever owes units may always buy them back, on credit if need be. *elsewhere* are ticks that
    the trader's purse has in other markets.
    """
    covered = min(quantity, account.to_cover)
    if covered < quantity:
        free = account.spendable(margin) + account.released_by(covered, margin)
        if ticks > free + elsewhere:
            raise OrderRefused("no_cash", refusals.NO_CASH)


def check_short_sale(account: Account, quantity: int, margin: int, elsewhere: int) -> None:
    """Refuse to sell units short without the margin in cash, whatever the sale brings."""
    more = account.owed_with(quantity) - account.owed_with(0)
    if more and margin * more > account.spendable(margin) + elsewhere:
        raise OrderRefused("no_cash", refusals.NO_CASH)


def check_owed(account: Account, quantity: int, most: int) -> None:
    """Refuse to owe more units than the rules allow."""
    if account.owed_with(quantity) > max(most, account.owed_with(0)):
        raise OrderRefused("no_units", refusals.NO_UNITS)


def check_units(account: Account, quantity: int) -> None:
    """Refuse to sell units that are missing or reserved by other asks."""
    if quantity > account.free_units:
        raise OrderRefused("no_units", refusals.NO_UNITS)


def check_proceeds(side: Side, ticks: int, charges: UnitCharges) -> None:
    """Refuse to sell at a price that is less than taxes and fees."""
    if side == "sell" and charges.total(side, ticks) < 0:
        raise OrderRefused("no_proceeds", refusals.NO_PROCEEDS)


def check_loss(
    account: Account, side: Side, quantity: int, price: Price, value_of: UnitValue,
    old: Order | None = None, net: Callable[[Side, Price], Price] | None = None,
) -> None:  # fmt: skip
    """Refuse a price at which a unit could be traded at a loss, as if *old* were cancelled.

    A trader's best-priced orders are filled first. So of all the units that the trader bids for or
    offers, standing or new, the best price goes with the next unit, the second best with the one
    after that, and so on. If each price is no loss there, none ever becomes one: whatever is filled
    or cancelled later, a price moves only to a unit that came with a better price before. *net* is
    what a unit at a price costs a buyer or brings a seller, if that is not the price.
    """
    standing = [o for o in account.orders.values() if o.side == side and o is not old]
    offered = [(o.price, o.remaining) for o in standing] + [(price, quantity)]
    if net is not None:
        offered = [(net(side, one), count) for one, count in offered]
    offered.sort(key=lambda pair: pair[0], reverse=side == "buy")
    unit = account.bought if side == "buy" else account.sold
    if value_of(account.player, side, unit + sum(count for _, count in offered)) is None:
        words = refusals.NO_UNIT_TO_BUY if side == "buy" else refusals.NO_UNIT_TO_SELL
        raise OrderRefused("no_unit", words)
    for one, count in offered:
        for _ in range(count):
            unit += 1
            value = value_of(account.player, side, unit)
            if value is not None and (one > value if side == "buy" else one < value):
                words = refusals.LOSS_BID if side == "buy" else refusals.LOSS_ASK
                if net is not None:
                    words = refusals.LOSS_BID_NET if side == "buy" else refusals.LOSS_ASK_NET
                raise OrderRefused("loss", words, value=value)
