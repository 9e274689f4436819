"""Command: what a trader asks of a book, as a value that can be stored and executed again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.orderbook.outcomes import Outcome
from uproot_nb.market.orderbook.rules import Terms

__all__ = [
    "Cancel", "CancelAll", "Clear", "Command", "Endow", "Expire", "Halt", "LimitOrder",
    "MarketOrder", "Replace", "Resume", "due_commands", "execute", "from_plain_command",
    "plain_command",
]  # fmt: skip


class _Command(msgspec.Struct, frozen=True, tag_field="command", tag=str.lower):
    pass


class Endow(_Command, frozen=True):
    """See `Book.endow`."""

    player: str
    cash: Price = 0
    units: int = 0
    credit: bool | None = None
    held: Price | None = None


class LimitOrder(_Command, frozen=True, tag="limit"):
    """See `Book.limit`."""

    player: str
    side: Side
    price: Price
    quantity: int = 1
    terms: Terms | None = None
    good_for: float | None = None
    shown: int | None = None


class MarketOrder(_Command, frozen=True, tag="market"):
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

    lot: int | None = None


class Expire(_Command, frozen=True):
    """See `Book.expire`."""


class Halt(_Command, frozen=True):
    """See `Book.halt`."""

    length: float | None = None


class Resume(_Command, frozen=True):
    """See `Book.resume`."""

    is_over: bool = False


Command = (
    Endow | LimitOrder | MarketOrder | Cancel | CancelAll | Replace | Clear | Expire | Halt | Resume
)


def execute(book: Book, command: Command) -> Outcome | None:
    """Execute a command; an endowment has no outcome.

    Raises:
        OrderRefused: the rules do not take it.
    """
    match command:
        case Endow(player, cash, units, credit, held):
            book.endow(player, cash, units, bool(credit), held or 0)
            return None
        case LimitOrder(player, side, price, quantity, terms, good_for, shown):
            return book.limit(player, side, price, quantity, terms, good_for, shown)
        case MarketOrder(player, side, quantity):
            return book.market(player, side, quantity)
        case Cancel(player, order):
            return book.cancel(player, order)
        case CancelAll(someone):
            return book.cancel_all(someone)
        case Replace(player, order, new_price, new_quantity):
            return book.replace(player, order, new_price, new_quantity)
        case Clear(lot):
            return book.clear(lot)
        case Expire():
            return book.expire()
        case Halt(length):
            return book.halt(length)
        case Resume(is_over):
            return book.resume(is_over)


def due_commands(book: Book, now: float) -> Iterator[Command]:
    """Set a book's time, and yield what time asks of it, in its order: orders leave, a halt ends.

    for command in due_commands(book, now):
        execute(book, command)

    Each command has to be executed before the next is asked for.
    """
    while (due := book.next_time) is not None and due <= now:
        book.now = due
        yield Resume(is_over=True) if book.halt_ends == due else Expire()
    book.now = now


def plain_command(command: Command) -> dict[str, Any]:
    """Return a command as JSON has it: `{"command": "limit", "player": "ann", …}`."""
    data: dict[str, Any] = msgspec.to_builtins(command)
    return data


def from_plain_command(data: dict[str, Any]) -> Command:
    """Return the command that `plain_command` wrote."""
    command: Command = msgspec.convert(data, Command)
    return command
