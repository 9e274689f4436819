"""Snapshot: a whole book as plain data, and back."""

from __future__ import annotations

from typing import Any

from uproot_nb.errors import BadMarket
from uproot_nb.market.orderbook.accounts import Account, UnitValue
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.orders import Order
from uproot_nb.market.orderbook.prices import from_plain, plain
from uproot_nb.market.orderbook.rules import Rules

__all__ = ["restore", "snapshot"]

_VERSION = 1
_COUNTED = ("initial_units", "bought", "sold", "earned")


def snapshot(book: Book) -> dict[str, Any]:
    """Return everything about a book as JSON has it.

    text = json.dumps(snapshot(book))
    book = restore(json.loads(text))
    """
    return {
        "version": _VERSION,
        "rules": book.rules.plain(),
        "seq": book.seq,
        "next_order": book.next_order,
        "next_trade": book.next_trade,
        "accounts": [_plain_account(account) for account in book.accounts.values()],
        # By number: that is by time, and priority within a price follows from it.
        "orders": [_plain_order(order) for order in book.orders.values()],
    }


def restore(told: dict[str, Any], value_of: UnitValue | None = None) -> Book:
    """Make the book that a snapshot tells of; functions are not in it, so hand in *value_of*.

    Raises:
        BadMarket: the snapshot is a newer version's.
    """
    if told.get("version") != _VERSION:
        raise BadMarket("This is no snapshot of a book that this version knows.", "Update first.")
    book = Book(Rules.from_plain(told["rules"]), value_of)
    book.seq, book.next_order = told["seq"], told["next_order"]
    book.next_trade = told["next_trade"]
    for row in told["accounts"]:
        account = Account(row["player"], book.grid, from_plain(row["initial_cash"]))
        for name in _COUNTED:
            setattr(account, name, row[name])
        book.accounts[account.player] = account
    for row in told["orders"]:
        book.stand(Order(**{**row, "price": book.grid.price(abs(row["key"]))}))
    return book


def _plain_account(account: Account) -> dict[str, Any]:
    counted = {name: getattr(account, name) for name in _COUNTED}
    return {"player": account.player, "initial_cash": plain(account.initial_cash), **counted}


def _plain_order(order: Order) -> dict[str, Any]:
    return {
        "number": order.number, "player": order.player, "side": order.side, "key": order.key,
        "price": plain(order.price), "quantity": order.quantity, "remaining": order.remaining,
    }  # fmt: skip
