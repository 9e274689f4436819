"""LOBSTER: a market's order flow as message and book files, as those of lobsterdata.com.

The format is that of "LOBSTER: Limit Order Book Reconstruction System" (Huang and Polak 2011,
Humboldt-Universität zu Berlin) and of lobsterdata.com, "Data structure".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sortedcontainers import SortedDict

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.results import MarketTables

if TYPE_CHECKING:
    import pandas

__all__ = [
    "CANCEL", "CROSS", "DELETE", "EXECUTE", "HALT", "HIDDEN", "MESSAGE_COLUMNS", "NO_ASK",
    "NO_BID", "SCALE", "SUBMIT", "FlowMessage", "LobsterFiles", "book_columns", "check_levels",
    "level_row", "scaled", "to_lobster",
]  # fmt: skip

SUBMIT, CANCEL, DELETE, EXECUTE, HIDDEN, CROSS, HALT = range(1, 8)
"""The types of messages: a new limit order, a part of one cancelled, all of it, a visible and a
hidden execution, a cross trade, and a halt."""

SCALE = 10_000
"""Prices are in ten-thousandths of the unit of money."""

NO_ASK, NO_BID = 9_999_999_999, -9_999_999_999
"""Prices of levels that are not there; their sizes are 0."""

MESSAGE_COLUMNS = ("time", "type", "order", "size", "price", "direction")

_DAY = 86_400.0
_DIRECTIONS = {"buy": 1, "sell": -1}
_HALTED, _GOES_ON = -1, 1
"""The prices of messages that trade is halted, and that it goes on."""


class FlowMessage(NamedTuple):
    """One row of a message file: time in seconds after midnight, price in ten-thousandths.

    `direction` is 1 for a buy limit order and -1 for a sell limit order; of an execution it is that
    of the order that stood.
    """

    time: float
    type: int
    order: int
    size: int
    price: int
    direction: int


@dataclass(frozen=True)
class LobsterFiles:
    """A message file, and a book file with the book after each message.

    Attributes:
        messages: time (float64, seconds after midnight), type (1 to 7), order, size, price (in
            ten-thousandths of the unit of money) and direction (all int64).
        book: ask_price_1, ask_size_1, bid_price_1, bid_size_1, ask_price_2 … (int64).
    """

    messages: pandas.DataFrame
    book: pandas.DataFrame

    def write(self, folder: str | Path, name: str = "market") -> tuple[Path, Path]:
        """Write both files, without a header line, and return their paths.

            to_lobster(run.market()).write("flow", "session1")

        They are `session1_message_10.csv` and `session1_orderbook_10.csv`, where 10 is the number
        of levels.
        """
        place, levels = Path(folder), len(self.book.columns) // 4
        place.mkdir(parents=True, exist_ok=True)
        paths = (
            place / f"{name}_message_{levels}.csv", place / f"{name}_orderbook_{levels}.csv",
        )  # fmt: skip
        for path, frame in zip(paths, (self.messages, self.book), strict=True):
            frame.to_csv(path, header=False, index=False)
        return paths


def to_lobster(
    tables: MarketTables, *, period: int | None = None, levels: int = 10
) -> LobsterFiles:
    """Return the order flow of a period as LOBSTER-style messages and books.

        files = to_lobster(run.market(), period=1)
        files.messages, files.book

    A trade is an execution (type 4) of the standing order. Of the order that met it, only the
    part that stands afterwards is a submission (type 1). Of orders with hidden size, the files
    have only the parts that are shown, each with a number of its own, above all others. They
    leave out what the rules refuse. Times are seconds after midnight UTC of the day on which the
    period began; in a simulation they are steps.

    Args:
        period: which period; may be left out if there is only one.
        levels: how many prices of each side the book has.

    Raises:
        BadMarket: there are several periods, or none with that number; or trades do not have the
            standing order's price, as in a call, which such files cannot express; or there is no
            level.
    """
    check_levels(levels)
    import pandas  # lazy: an experiment that makes no table does not need it

    events = tables.order_events
    events = events[events["period"] == _period(events, period)].sort_values("seq")
    begin = 0.0
    if "timestamp" in events and len(events):  # Unix seconds
        begin = events["time"].iloc[0] // _DAY * _DAY
    flow = _Flow(begin)
    columns = [c for c in _NEEDED if c in events]
    values = (events[c].astype(object).where(events[c].notna(), None).tolist() for c in columns)
    for row in zip(*values, strict=True):
        flow.take(dict(zip(columns, row, strict=True)))
    messages = flow.finished()
    types = {name: "float64" if name == "time" else "int64" for name in MESSAGE_COLUMNS}
    frame = pandas.DataFrame(messages, columns=pandas.Index(MESSAGE_COLUMNS)).astype(types)
    books = pandas.DataFrame(
        list(_books(messages, levels)), columns=pandas.Index(book_columns(levels)), dtype="int64"
    )
    return LobsterFiles(frame, books)


_NEEDED = (
    "time", "event", "order", "side", "kind", "price", "quantity", "remaining", "reason", "trade",
    "shown",
)  # fmt: skip


def check_levels(levels: Any) -> None:
    """Refuse what is no number of levels.

    Raises:
        BadMarket: it is not a whole number from 1 on.
    """
    if type(levels) is not int or levels < 1:
        raise BadMarket(f"levels={levels!r} is not a number of levels.", "Write levels=1 or more.")


def book_columns(levels: int) -> list[str]:
    """Return the names of the columns of a book of so many levels."""
    return [
        f"{side}_{what}_{level}"
        for level in range(1, levels + 1)
        for side in ("ask", "bid")
        for what in ("price", "size")
    ]


def _period(events: pandas.DataFrame, period: int | None) -> int:
    there = sorted({int(number) for number in events["period"]})
    if period is None and len(there) == 1:
        return there[0]
    if period not in there:
        known = ", ".join(map(str, there)) or "none"
        raise BadMarket(
            "Say which period." if period is None else f"There is no period {period!r}.",
            f"Write to_lobster(…, period=…). There are: {known}.",
        )
    return period


class _StandingPart:
    """What is shown of an order; *part* is 0, or the number of a later part of it."""

    def __init__(self, order: int, part: int, price: int, direction: int, size: int) -> None:
        self.order, self.part, self.price = order, part, price
        self.direction, self.size = direction, size


class _Flow:
    """The messages of the events of a period, one after the other."""

    def __init__(self, begin: float) -> None:
        self._begin = begin
        self._messages: list[tuple[int, FlowMessage]] = []
        """Each with its part: 0, or from 1 on a later part of an order that is shown in parts."""
        self._standing: dict[int, _StandingPart] = {}
        self._new: dict[str, Any] | None = None
        """The limit order that has come and may trade yet, with what is left and shown of it."""
        self._begun: set[int] = set()
        """Trades of which one side has come."""
        self._parts = 0
        self._highest = 0

    def take(self, row: dict[str, Any]) -> None:
        """Take an event of `order_events`."""
        event = row["event"]
        if event == "submit":
            self._settle()
            self._highest = max(self._highest, int(row["order"]))
            self._new = dict(row) if row["kind"] == "limit" else None
        elif event in ("fill", "partial_fill"):
            self._fill(row)
        elif event == "cancel":
            if row["reason"] != "self_trade":  # that comes between a new order and its trades
                self._settle()
            self._cancel(row)
        elif event in ("halt", "resume"):
            self._settle()
            price = _HALTED if event == "halt" else _GOES_ON
            message = FlowMessage(row["time"] - self._begin, HALT, 0, 0, price, -1)
            self._messages.append((0, message))

    def finished(self) -> list[FlowMessage]:
        """Return all messages; parts of orders are numbered above all orders."""
        self._settle()
        return [
            message._replace(order=self._highest + part) if part else message
            for part, message in self._messages
        ]

    def _settle(self) -> None:
        """Let the new order stand with what its trades have left of it."""
        new, self._new = self._new, None
        if new is None or not new["remaining"]:
            return
        size = min(int(new.get("shown") or new["remaining"]), int(new["remaining"]))
        self._stand(new["time"], int(new["order"]), new["side"], scaled(new["price"]), size, 0)

    def _stand(
        self, time: float, order: int, side: str, price: int, size: int, part: int
    ) -> None:  # fmt: skip
        made = _StandingPart(order, part, price, _DIRECTIONS[side], size)
        self._standing[order] = made
        self._note_part(time, SUBMIT, made, size)

    def _fill(self, row: dict[str, Any]) -> None:
        """Take a side of a trade: first the order that stood, then the one that met it."""
        trade, order = int(row["trade"]), int(row["order"])
        self._begun ^= {trade}
        if trade in self._begun:
            self._execute(row, order)
        elif self._new is not None and order == int(self._new["order"]):
            self._new["remaining"] = row["remaining"]
        elif order in self._standing:  # two that stood: a call
            raise _not_of_the_maker()

    def _execute(self, row: dict[str, Any], order: int) -> None:
        found, size = self._standing.get(order), int(row["quantity"])
        if found is None or scaled(row["price"]) != found.price:
            raise _not_of_the_maker()
        self._note_part(row["time"], EXECUTE, found, size)
        found.size -= size
        if not found.size:
            self._leave(row, order, found)

    def _leave(self, row: dict[str, Any], order: int, found: _StandingPart) -> None:
        """Remove a part that is gone; the next one of its order is a submission."""
        del self._standing[order]
        if row["remaining"]:
            self._parts += 1
            shown = int(row["shown"])
            self._stand(row["time"], order, row["side"], found.price, shown, self._parts)

    def _cancel(self, row: dict[str, Any]) -> None:
        order = int(row["order"])
        found = self._standing.get(order)
        if found is None:
            return  # it did not stand
        left = row["shown"] if row.get("shown") is not None else row["remaining"]
        size = found.size - int(left)
        if size:
            kind = CANCEL if left else DELETE
            self._note_part(row["time"], kind, found, size)
            found.size = int(left)
        if not left:
            del self._standing[order]

    def _note_part(self, time: float, kind: int, of: _StandingPart, size: int) -> None:
        message = FlowMessage(
            time - self._begin, kind, of.order, size, of.price, of.direction
        )  # fmt: skip
        self._messages.append((of.part, message))


def _not_of_the_maker() -> BadMarket:
    return BadMarket(
        "A trade has not the price of the order that stood, and such files cannot say so.",
        'Export markets with trade_price="maker" that are no calls.',
    )


def scaled(price: Any) -> int:
    """Return a price in ten-thousandths; finer ones cannot be written."""
    exact = Fraction(repr(float(price))) * SCALE
    if exact.denominator != 1:
        raise BadMarket(
            f"The price {price} has more than four decimals, which such files cannot hold.",
            "Export markets whose tick is 0.0001 or a multiple of it.",
        )
    return int(exact)


def _books(messages: Iterable[FlowMessage], levels: int) -> Iterator[list[int]]:
    """Yield the best levels of both sides after each message."""
    sides: dict[int, SortedDict[int, int]] = {-1: SortedDict(), 1: SortedDict()}
    for message in messages:
        if message.type in (SUBMIT, CANCEL, DELETE, EXECUTE):
            side, key = sides[message.direction], -message.direction * message.price
            size = message.size if message.type == SUBMIT else -message.size
            side[key] = side.get(key, 0) + size
            if not side[key]:
                del side[key]
        asks, bids = (list(sides[which].items()[:levels]) for which in (-1, 1))
        yield level_row([(key, size) for key, size in asks], [(-k, n) for k, n in bids], levels)


def level_row(
    asks: list[tuple[int, int]], bids: list[tuple[int, int]], levels: int
) -> list[int]:  # fmt: skip
    """Return a row of a book file of the prices and sizes of both sides, best first."""
    row: list[int] = []
    for level in range(levels):
        row += asks[level] if level < len(asks) else (NO_ASK, 0)
        row += bids[level] if level < len(bids) else (NO_BID, 0)
    return row
