"""Refusals: what participants read when an order is refused; pages translate these texts."""

from __future__ import annotations

__all__ = [
    "CANNOT_BUY", "CANNOT_SELL", "CLOSED", "GONE", "HALTED", "LOSS_ASK", "LOSS_ASK_NET",
    "LOSS_BID", "LOSS_BID_NET", "NEEDS_PRICE", "NOBODY_BUYS", "NOBODY_SELLS", "NOT_POSITIVE",
    "NOT_YOURS",
    "NO_BETTER_ASK", "NO_BETTER_BID", "NO_CASH", "NO_CHANGE", "NO_MORE_UNITS", "NO_ORDER",
    "NO_PRICE", "NO_PROCEEDS", "NO_QUANTITY", "NO_SIDE", "NOT_ALL", "NO_TAKING", "NO_TERMS",
    "NO_SHOWN", "NO_TIME", "NO_UNITS", "NO_UNIT_TO_BUY", "NO_UNIT_TO_SELL", "OFF_TICK",
    "REFUSAL_TEXTS", "SELF_TRADE", "TOO_FEW_SHOWN", "TOO_HIGH", "TOO_LONG", "TOO_LOW", "TOO_MANY",
    "TOO_MANY_ORDERS",
]  # fmt: skip

NO_PRICE = "A price must be a plain number."
NOT_POSITIVE = "A price must be above zero."
TOO_HIGH = "A price must not be above {highest}."
TOO_LOW = "A price must not be below {lowest}."
OFF_TICK = "A price must be a multiple of {tick}."
NO_SIDE = "An order must be to buy or to sell."
NEEDS_PRICE = "Please enter a price: all orders trade at a single price."
NO_QUANTITY = "A quantity must be a whole number above zero."
TOO_MANY = "A quantity must not be above {quantity}."
NO_BETTER_BID = "A new bid must be above the best bid, {price}."
NO_BETTER_ASK = "A new ask must be below the best ask, {price}."
TOO_MANY_ORDERS = "You have reached the limit for orders of this kind: {count}."
NO_CASH = "You do not have enough money left for this order."
NO_UNITS = "You do not have enough units left for this order."
NO_MORE_UNITS = "You have no more units to trade."
NO_UNIT_TO_BUY = "You have no more units to buy."
NO_UNIT_TO_SELL = "You have no more units to sell."
LOSS_BID = "Your bid is above your value of {value}."
LOSS_ASK = "Your ask is below your cost of {value}."
LOSS_BID_NET = "Your bid with taxes and fees is above your value of {value}."
LOSS_ASK_NET = "Your ask less taxes and fees is below your cost of {value}."
NO_PROCEEDS = "Taxes and fees would be more than you receive."
NOBODY_SELLS = "Nobody else is selling at the moment."
NOBODY_BUYS = "Nobody else is buying at the moment."
NO_ORDER = "This order is no longer in the market."
NOT_YOURS = "This order belongs to somebody else."
SELF_TRADE = "You cannot trade with yourself."
NO_CHANGE = "Your order is already like this."
NO_TAKING = "Trading takes place once all orders are in."
NOT_ALL = "There are not enough units at this price."
NO_TERMS = "Orders of this kind are not allowed here."
NO_TIME = "A time must be a number of seconds above zero."
TOO_LONG = "An order may stay for {seconds} seconds at most."
NO_SHOWN = "The units shown must be a whole number from 1 to the quantity."
TOO_FEW_SHOWN = "The number of units shown must be at least {least}."
HALTED = "Trading is halted for the moment. You can still withdraw your orders."
GONE = "That offer is no longer available."
CLOSED = "The market is closed."
CANNOT_BUY = "You cannot buy here."
CANNOT_SELL = "You cannot sell here."

REFUSAL_TEXTS = (
    NO_PRICE, NOT_POSITIVE, TOO_HIGH, TOO_LOW, OFF_TICK, NO_SIDE, NEEDS_PRICE, NO_QUANTITY,
    TOO_MANY, NO_BETTER_BID, NO_BETTER_ASK, TOO_MANY_ORDERS, NO_CASH, NO_UNITS, NO_MORE_UNITS,
    NO_UNIT_TO_BUY, NO_UNIT_TO_SELL, LOSS_BID, LOSS_ASK, LOSS_BID_NET, LOSS_ASK_NET, NO_PROCEEDS,
    NOBODY_SELLS, NOBODY_BUYS, NO_ORDER, NOT_YOURS, SELF_TRADE, NO_CHANGE, NO_TAKING, NOT_ALL,
    NO_TERMS, NO_TIME, TOO_LONG, NO_SHOWN, TOO_FEW_SHOWN, HALTED, GONE, CLOSED, CANNOT_BUY,
    CANNOT_SELL,
)  # fmt: skip
"""All of them, each once; the shipped languages translate exactly these."""
