"""replay_orders: runs a book on an order flow, and returns the tables of a market."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market.analysis.period_events import PeriodEvents
from uproot_nb.market.analysis.results import SimulatedMarket
from uproot_nb.market.order_flow import lobster
from uproot_nb.market.order_flow.lobster import (
    MESSAGE_COLUMNS,
    SCALE,
    FlowMessage,
    book_columns,
    check_levels,
    level_row,
    scaled,
)
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.commands import due_commands, execute
from uproot_nb.market.orderbook.orders import OTHER, Order, Side
from uproot_nb.market.orderbook.outcomes import Outcome
from uproot_nb.market.orderbook.rules import NO_LIMIT, Rules

if TYPE_CHECKING:
    import pandas

__all__ = ["ReplayedMarket", "replay_orders"]

Messages: TypeAlias = "pandas.DataFrame | str | Path"
"""A table with the columns of a message file, in their order, or the path of such a file."""

_SIDES: dict[int, Side] = {1: "buy", -1: "sell"}
_OF_ORDERS = (lobster.SUBMIT, lobster.CANCEL, lobster.DELETE, lobster.EXECUTE)
_BEFORE, _TAKER = "before", "taker"
"""Who has the orders that stood before the first message, and who takes those that trade."""
_USUAL_QUANTITY = 10_000


class ReplayedMarket(SimulatedMarket):
    """The tables of an order flow, as a session has them: `trades`, `book`, `order_events` …

    Attributes:
        levels: how many levels `depth` has.
    """

    def __init__(
        self, noted: PeriodEvents, depth: list[list[int]], notes: list[tuple[Any, ...]],
        levels: int,
    ) -> None:  # fmt: skip
        super().__init__([noted], [])
        self.name, self.levels = "order flow", levels
        self._depth, self._notes = depth, notes

    @cached_property
    def depth(self) -> pandas.DataFrame:
        """The best levels of both sides after each message, as a book file has them."""
        import pandas  # lazy: an experiment that makes no table does not need it

        columns = pandas.Index(book_columns(self.levels))
        return pandas.DataFrame(self._depth, columns=columns, dtype="int64")

    @cached_property
    def notes(self) -> pandas.DataFrame:
        """Messages that the book could not take unchanged, with the reason; see `replay_orders`.

        Columns: message (its place, from 0), those of the message, and note.
        """
        import pandas  # lazy: as above

        return pandas.DataFrame(
            self._notes, columns=pandas.Index(["message", *MESSAGE_COLUMNS, "note"])
        )


def replay_orders(
    messages: Messages, *, opening: pandas.Series[Any] | None = None, rules: Rules | None = None,
    levels: int = 10,
) -> ReplayedMarket:  # fmt: skip
    """Feed a market with an order flow in LOBSTER's format, and return its tables.

        replayed = replay_orders("AMZN_2012-06-21_34200000_57600000_message_10.csv")
        replayed.trades, replayed.book, replayed.depth, replayed.notes

    A submission (type 1) is a limit order, a partial cancellation (2) reduces one, a deletion (3)
    cancels it, and an execution (4) is an order of the other side that takes it at its price. Such
    files do not name traders: each order has a trader of its own, named by its number, and the
    other side of an execution is "taker". `time` is in seconds after midnight. Messages that do not
    fit are in `notes`:

    - "hidden execution" (5) and "cross trade" (6): trades without an order in the book. They are
      left out.
    - "unknown order": it stood before the first message. With *opening*, the opening depth at
      its price is reduced or taken instead, without a note; else the message is left out.
    - "not the first in line": an execution of an order that others precede by price and time.
      The order is reduced by its size, so that the book is right, and there is no trade.
    - "repeated number": a new order with the number of one that stands. It is left out.
    - "traded at once": a new order met a standing one, and has traded with it.
    - "refused: …": the rules refuse it. A halt (7, price -1) halts trade until quotes or
      trades (prices 0 and 1) go on. An execution that is refused, as in a halt, still reduces its
      order, without a trade; later messages about a refused order are an "unknown order".

    Args:
        opening: a row of a book file: what stands before the first message. The first row of a book
            file is the book after its first message, so give `opening=book.iloc[0]` and leave that
            message out.
        rules: by default those of a market that accepts any price and quantity.
        levels: how many levels `depth` has.

    Raises:
        BadMarket: this is not an order flow: there is no message, or a row has fractions, such as
            prices in dollars, or is earlier than the one before. Or the rules are those of a call
            market, or there is no level.
    """
    check_levels(levels)
    flow = _messages_in(messages)
    prices, sizes = ([], []) if opening is None else _opened(opening)
    allowed = rules or _rules_for(flow, sizes, prices)
    if allowed.call:
        raise BadMarket(
            "A call market cannot replay an order flow.", "Write rules without call=True."
        )
    replay = _Replay(allowed, levels)
    if opening is not None:
        replay.open(prices, sizes, flow[0].time if flow else 0.0)
    for message in flow:
        replay.take(message)
    replay.noted.close(flow[-1].time if flow else 0.0)
    return ReplayedMarket(replay.noted, replay.depth, replay.notes, levels)


def _messages_in(messages: Messages) -> list[FlowMessage]:
    import pandas  # lazy: as above

    frame = messages
    if not isinstance(frame, pandas.DataFrame):
        try:
            frame = pandas.read_csv(frame, header=None)
        except ValueError as error:  # it is empty, or no text, or no table
            raise BadMarket(
                f"There are no messages in {messages}: {error}.",
                "Give a message file of LOBSTER's format, which has a line for each message.",
            ) from None
    if len(frame.columns) < len(MESSAGE_COLUMNS):
        raise BadMarket(
            f"A message file has the columns {', '.join(MESSAGE_COLUMNS)}; this has "
            f"{len(frame.columns)}.",
            "Give the message file, not the book file, of LOBSTER's format.",
        )
    # LOBSTER's own files have a seventh column in some years, which means nothing.
    columns = [frame.iloc[:, place].tolist() for place in range(len(MESSAGE_COLUMNS))]
    flow = [_message(place, row) for place, row in enumerate(zip(*columns, strict=True))]
    for place, (before, message) in enumerate(pairwise(flow), 1):
        if message.time < before.time:
            raise BadMarket(
                f"Row {place} is earlier than the one before: {message.time} after {before.time}.",
                "Give the messages of one day, in the order in which they came.",
            )
    return flow


def _opened(opening: pandas.Series[Any]) -> tuple[list[int], list[int]]:
    """Return the prices and the sizes of a row of a book file."""
    try:
        prices, sizes = ([_whole(one) for one in opening.iloc[first::2]] for first in (0, 1))
    except (TypeError, ValueError, OverflowError):
        prices, sizes = [], [0]
    if len(prices) != len(sizes):
        raise BadMarket(
            f"opening={opening.tolist()!r} is not a row of a book file.",
            "Give a price and a size of each level, as whole numbers: opening=book.iloc[0].",
        )
    return prices, sizes


def _whole(number: Any) -> int:
    """Return a whole number; a ValueError says that it is none."""
    found = int(number)
    if not isinstance(number, str) and found != number:
        raise ValueError(f"{number!r} is not a whole number")
    return found


def _message(place: int, row: tuple[Any, ...]) -> FlowMessage:
    """Return the message of a row of a table."""
    try:
        message = FlowMessage(float(row[0]), *map(_whole, row[1:]))
    except (TypeError, ValueError, OverflowError):
        message = None
    concerns_order = message is not None and message.type in _OF_ORDERS
    if (
        message is None
        or not math.isfinite(message.time)
        or (concerns_order and (message.direction not in _SIDES or message.size < 1))
    ):
        named = ", ".join(f"{n}={v!r}" for n, v in zip(MESSAGE_COLUMNS, row, strict=True))
        raise BadMarket(
            f"Row {place} is not a message: {named}.",
            "Give whole numbers after the time: prices in ten-thousandths (587.25 is 5872500), "
            "sizes of 1 or more, and 1 (buy) or -1 (sell) as direction.",
        )
    return message


def _rules_for(flow: list[FlowMessage], sizes: list[int], prices: list[int]) -> Rules:
    """Return rules that take all prices and quantities."""
    named = [message.price for message in flow if message.type in (lobster.SUBMIT, lobster.EXECUTE)]
    named += [price for price, size in zip(prices, sizes, strict=True) if size]
    step = math.gcd(*named) if named else SCALE
    step = math.gcd(step, SCALE)  # a tick that divides the unit of money
    tick: Price = 1 if step == SCALE else Decimal(step) / SCALE
    most = max([_USUAL_QUANTITY, *sizes, *(message.size for message in flow)])
    highest = max([NO_LIMIT, *(1 + price // SCALE for price in named)])
    return Rules(tick=tick, max_quantity=most, max_price=highest)


class _Replay:
    """A book that takes messages."""

    def __init__(self, rules: Rules, levels: int) -> None:
        self.noted = PeriodEvents(1)
        self.depth: list[list[int]] = []
        self.notes: list[tuple[Any, ...]] = []
        self._book, self._levels, self._tick = Book(rules), levels, scaled(rules.tick)
        self._numbers: dict[int, int] = {}
        """The book's number of each order by the number in the messages."""
        self._refused: set[int] = set()
        """The orders in the messages that the rules did not take."""
        self._before: dict[tuple[Side, int], int] = {}
        """The orders that stand from before, by side and price."""

    def open(self, prices: list[int], sizes: list[int], time: float) -> None:
        """Let stand what stood before the first message: asks and bids in turn."""
        self._book.now = time
        for place, (price, size) in enumerate(zip(prices, sizes, strict=True)):
            if size:
                side: Side = "buy" if place % 2 else "sell"
                outcome = self._book.limit(_BEFORE, side, self._money(price), size)
                self._record(outcome, time)
                assert outcome.order is not None
                self._before[side, price] = outcome.order

    def take(self, message: FlowMessage) -> None:
        """Take a message, and note the book after it."""
        if self._book.rules.is_timed:
            for command in due_commands(self._book, message.time):
                self._record(execute(self._book, command), self._book.now)
        try:
            note = self._apply(message)
        except OrderRefused as refusal:
            note = f"refused: {refusal.code}"
        if note:
            self.notes.append((len(self.depth), *message, note))
        self.depth.append(self._row())

    def _apply(self, message: FlowMessage) -> str:
        """Take a message; return what does not fit."""
        match message.type:
            case lobster.SUBMIT:
                return self._submit(message)
            case lobster.CANCEL | lobster.DELETE | lobster.EXECUTE:
                order = self._find(message)
                if order is None:
                    return "unknown order"
                if message.type == lobster.EXECUTE:
                    return self._execute(message, order)
                self._reduce(order, message)
                return ""
            case lobster.HIDDEN:
                return "hidden execution"
            case lobster.CROSS:
                return "cross trade"
            case lobster.HALT:
                self._set_halted(message)
                return ""
            case _:
                return "unknown type"

    def _submit(self, message: FlowMessage) -> str:
        if self._numbers.get(message.order) in self._book.orders:
            return "repeated number"
        side = _SIDES[message.direction]
        price = self._money(message.price)
        self._refused.add(message.order)
        outcome = self._book.limit(str(message.order), side, price, message.size)
        self._refused.remove(message.order)
        self._record(outcome, message.time)
        assert outcome.order is not None
        self._numbers[message.order] = outcome.order
        return "traded at once" if outcome.trades else ""

    def _find(self, message: FlowMessage) -> Order | None:
        """Return the order of a message, or what stands at its price from before."""
        number = self._numbers.get(message.order)
        if number is None and message.order not in self._refused:
            number = self._before.get((_SIDES[message.direction], message.price), 0)
        return self._book.orders.get(number or 0)

    def _execute(self, message: FlowMessage, order: Order) -> str:
        first = next(self._book.standing(order.side))
        if first is not order or order.remaining < message.size:
            self._reduce(order, message)
            return "not the first in line"
        try:
            taken = self._book.limit(_TAKER, OTHER[order.side], order.price, message.size)
        except OrderRefused:
            self._reduce(order, message)
            raise
        self._record(taken, message.time)
        return ""

    def _reduce(self, order: Order, message: FlowMessage) -> None:
        book, left = self._book, order.remaining - message.size
        if left <= 0 or (message.type == lobster.DELETE and order.player != _BEFORE):
            outcome = book.cancel(order.player, order.number)
        else:
            outcome = book.replace(order.player, order.number, quantity=left)
        self._record(outcome, message.time)

    def _set_halted(self, message: FlowMessage) -> None:
        if message.price < 0:
            self._record(self._book.halt(), message.time)
        elif self._book.halted:
            self._record(self._book.resume(), message.time)

    def _record(self, outcome: Outcome | None, time: float) -> None:
        if outcome is not None:
            self.noted.add(outcome, time)

    def _money(self, price: int) -> Price:
        whole, rest = divmod(price, SCALE)
        return Decimal(price) / SCALE if rest else whole

    def _row(self) -> list[int]:
        return level_row(self._best("sell"), self._best("buy"), self._levels)

    def _best(self, side: Side) -> list[tuple[int, int]]:
        levels = islice(self._book.ladders[side], self._levels)
        return [(abs(level.key) * self._tick, level.quantity) for level in levels]
