"""Command: what a trader asks of a book, as a value that can be kept and carried out again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from uproot_nb.errors import OrderRefused
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.orderbook.outcomes import Outcome
from uproot_nb.market.orderbook.prices import Price

__all__ = [
    "Cancel", "CancelAll", "Clear", "Command", "Endow", "Limit", "Market", "Replace", "carry_out",
    "carry_out_all", "from_plain_command", "plain_command",
]  # fmt: skip


class _Command(msgspec.Struct, frozen=True, tag_field="command", tag=str.lower):
    pass


class Endow(_Command, frozen=True):
    """See `Book.endow`."""

    player: str
    cash: Price = 0
    units: int = 0
    credit: bool | None = None


class Limit(_Command, frozen=True):
    """See `Book.limit`."""

    player: str
    side: Side
    price: Price
    quantity: int = 1


class Market(_Command, frozen=True):
    """See `Book.market`."""

    player: str
    side: Side
    quantity: int = 1


class Cancel(_Command, frozen=True):
    """See `Book.cancel`."""

    player: str
    order: int


class CancelAll(_Command, frozen=True):
    """See `Book.cancel_all`."""

    player: str | None = None


class Replace(_Command, frozen=True):
    """See `Book.replace`."""

    player: str
    order: int
    price: Price | None = None
    quantity: int | None = None


class Clear(_Command, frozen=True):
    """See `Book.clear`."""


Command = Endow | Limit | Market | Cancel | CancelAll | Replace | Clear


def carry_out(book: Book, command: Command) -> Outcome | None:
    """Do what a command says; endowing has no outcome.

    Raises:
        OrderRefused: the rules do not take it.
    """
    match command:
        case Endow(player, cash, units, credit):
            book.endow(player, cash, units, bool(credit))
            return None
        case Limit(player, side, price, quantity):
            return book.limit(player, side, price, quantity)
        case Market(player, side, quantity):
            return book.market(player, side, quantity)
        case Cancel(player, order):
            return book.cancel(player, order)
        case CancelAll(someone):
            return book.cancel_all(someone)
        case Replace(player, order, new_price, new_quantity):
            return book.replace(player, order, new_price, new_quantity)
        case Clear():
            return book.clear()


def carry_out_all(book: Book, commands: Iterable[Command]) -> list[Outcome]:
    """Do what was done before, as to make a book anew; what was refused then is refused again."""
    outcomes = []
    for command in commands:
        try:
            outcome = carry_out(book, command)
        except OrderRefused:
            continue
        if outcome is not None:
            outcomes.append(outcome)
    return outcomes


def plain_command(command: Command) -> dict[str, Any]:
    """Return a command as JSON has it: `{"command": "limit", "player": "ann", …}`."""
    told: dict[str, Any] = msgspec.to_builtins(command)
    return told


def from_plain_command(told: dict[str, Any]) -> Command:
    """Return the command that `plain_command` told."""
    command: Command = msgspec.convert(told, Command)
    return command
