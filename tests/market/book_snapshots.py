"""Snapshot: a whole book as plain data, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market.orderbook.accounts import Account, UnitValue
from uproot_nb.market.orderbook.amounts import from_plain, plain
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.commands import Command, execute
from uproot_nb.market.orderbook.orders import Order
from uproot_nb.market.orderbook.outcomes import Outcome
from uproot_nb.market.orderbook.rules import Rules

__all__ = ["execute_all", "restore", "snapshot"]

_VERSION = 1
_COUNTED = ("initial_units", "bought", "sold", "earned", "charged")
_TIMED = ("now", "halted", "halt_ends")


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
        **{name: getattr(book, name) for name in _TIMED},
        "reference": plain(book.reference),
        # In the order of filling.
        "orders": [_plain_order(o) for side in ("buy", "sell") for o in book.standing(side)],
    }


def restore(data: dict[str, Any], value_of: UnitValue | None = None) -> Book:
    """Restore a book from its snapshot; pass *value_of*, for functions are not stored.

    Raises:
        BadMarket: the snapshot is a newer version's.
    """
    if data.get("version") != _VERSION:
        raise BadMarket("This is no snapshot of a book that this version knows.", "Update first.")
    book = Book(Rules.from_plain(data["rules"]), value_of)
    book.seq, book.next_order = data["seq"], data["next_order"]
    book.next_trade = data["next_trade"]
    for name in _TIMED:
        setattr(book, name, data[name])
    book.reference = None if data["reference"] is None else from_plain(data["reference"])
    for row in data["accounts"]:
        account = Account(row["player"], book.grid, from_plain(row["initial_cash"]))
        for name in _COUNTED:
            setattr(account, name, row[name])
        book.accounts[account.player] = account
    for row in data["orders"]:
        book.stand(Order(**{**row, "price": book.grid.price(abs(row["key"]))}))
    return book


def _plain_account(account: Account) -> dict[str, Any]:
    counted = {name: getattr(account, name) for name in _COUNTED}
    return {"player": account.player, "initial_cash": plain(account.initial_cash), **counted}


def _plain_order(order: Order) -> dict[str, Any]:
    return {
        "number": order.number, "player": order.player, "side": order.side, "key": order.key,
        "price": plain(order.price), "quantity": order.quantity, "remaining": order.remaining,
        "due": order.due, "good_for": order.good_for, "expires": order.expires,
        "peak": order.peak, "shown": order.shown,
    }  # fmt: skip


def execute_all(book: Book, commands: Iterable[Command]) -> list[Outcome]:
    """Execute commands again; what was refused then is refused again."""
    outcomes = []
    for command in commands:
        try:
            outcome = execute(book, command)
        except OrderRefused:
            continue
        if outcome is not None:
            outcomes.append(outcome)
    return outcomes
