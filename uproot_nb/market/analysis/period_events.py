"""PeriodEvents: what happened to the orders of one period, which all tables follow from."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import msgspec

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Side
from uproot_nb.market.orderbook.outcomes import OrderEvent, Outcome, StatusChange

if TYPE_CHECKING:
    import pandas

__all__ = ["Events", "Ladders", "PeriodEvents", "events_by_period"]

_ORDER_EVENTS = ("submit", "fill", "partial_fill", "cancel")
_FIELDS = ("seq", "event", "order", "player", "side", "kind", "price", "quantity", "trade")
_LATER_FIELDS = ("tax_paid", "fee_paid", "shown")
"""Columns that older tables do not have."""

_Best = tuple[float, Price | None, Price | None]
"""A time, and the best bid and ask from then on."""
_NO_QUOTES: _Best = (0.0, None, None)


class _Quote(Protocol):
    @property
    def price(self) -> Price: ...


class _Quotes(Protocol):
    @property
    def best(self) -> _Quote | None: ...


Ladders = Mapping[Side, _Quotes]
"""Both sides of a book."""


class PeriodEvents(msgspec.Struct):
    """The order events of a period, oldest first, and how it ended.

    A simulation notes them as they are; nothing is made of them before somebody asks.

        its = PeriodEvents(1)
        its.add(book.limit("ann", "buy", 9), time=3.0)
        its.close(400.0)

    Attributes:
        times: when each event was.
        seqs: the number of each event's row in `order_events`.
        halts: the halts of trade and their ends: before which event, when, and what it was. Those
            of a table are not here, because no other table has them.
        end: when the period was closed; of one that was not, the time of its last row.
        quotes: when the best quotes changed, as soon as somebody asked; several tables do.
        best: when a command changed the best quotes, and their prices then, if they were noted.
    """

    period: int
    events: list[OrderEvent] = []
    times: list[float] = []
    seqs: Sequence[int] = ()
    end: float = math.nan
    bankruptcies: int = 0
    quotes: list[Any] | None = None
    halts: list[tuple[int, float, StatusChange]] = []
    best: list[_Best] = []

    def add(self, outcome: Outcome, time: float, ladders: Ladders | None = None) -> None:
        """Note the effects of a command.

        Args:
            ladders: both sides of the book after it, so that the best quotes are noted, too, if the
                command has changed them, even for a moment.
        """
        events = outcome.events
        self.events += events
        self.times += [time] * len(events)
        if outcome.status is not None:
            self.halts.append((len(self.events), time, outcome.status))
        if ladders is None:
            return
        buy, sell = ladders["buy"].best, ladders["sell"].best
        bid, ask = None if buy is None else buy.price, None if sell is None else sell.price
        _, last_bid, last_ask = self.best[-1] if self.best else _NO_QUOTES
        if bid == last_bid and ask == last_ask:
            for change in outcome.changes:
                if change.price == (bid if change.side == "buy" else ask):
                    break
            else:
                return
        self.best.append((time, bid, ask))

    def close(self, time: float) -> None:
        """Note the end."""
        self.end = time

    def number(self, first: int) -> int:
        """Number the events from *first*, and return the number after that of the close."""
        after = first + len(self.events)
        self.seqs = range(first, after)
        if not self.halts:
            return after + 1
        rows = list(range(first, after + len(self.halts)))
        for place, _, _ in self.halts:
            del rows[place]
        self.seqs = rows
        return after + len(self.halts) + 1


Events: TypeAlias = "pandas.DataFrame | Sequence[PeriodEvents]"
"""The table `order_events`, or the periods that it would be made of."""


def events_by_period(order_events: Events) -> dict[int, PeriodEvents]:
    """Return each period's events, those of a table in the order of its `seq`."""
    if not hasattr(order_events, "columns"):
        return {its.period: its for its in order_events}
    frame = cast("pandas.DataFrame", order_events).sort_values("seq")
    found: dict[int, PeriodEvents] = {}
    seqs: defaultdict[int, list[int]] = defaultdict(list)
    closed: set[int] = set()
    # Column by column: with to_dict("records") this was most of the time that the tables took.
    columns = [frame[name].astype(object).tolist() for name in ("period", "time", *_FIELDS)]
    columns += [_known(frame, name) for name in _LATER_FIELDS]
    for number, time, seq, event, *row in zip(*columns, strict=True):
        period = int(number)
        its = found.setdefault(period, PeriodEvents(period))
        if period not in closed:
            its.end = float(time)
        if event in _ORDER_EVENTS:
            its.events.append(_event(seq, event, *row))
            its.times.append(time)
            seqs[period].append(seq)
        elif event == "close":
            closed.add(period)  # what comes later is refused
        elif event == "bankrupt":
            its.bankruptcies += 1
    for period, its in found.items():
        its.seqs = seqs[period]
    return found


def _known(frame: pandas.DataFrame, name: str) -> list[Any]:
    """Return the values of a column; None where they are missing, or all of it is."""
    if name not in frame or not (known := frame[name].notna()).any():
        return [None] * len(frame)
    return list(frame[name].astype(object).where(known, None))


def _event(
    seq: int, event: Any, order: Any, player: str, side: Any, kind: Any, price: Any,
    quantity: Any, trade: Any, tax: Any, fee: Any, shown: Any,
) -> OrderEvent:  # fmt: skip
    """Return an event as a book made it; what the tables do not need is not there."""
    number = int(trade) if event in ("fill", "partial_fill") else None
    return OrderEvent(
        seq, event, int(order), player, side, kind, price, int(quantity), 0, None, number, tax, fee,
        None if shown is None else int(shown),
    )  # fmt: skip
