"""The table `order_events`: one row for everything that happened to an order, refusals too.

A period's last row is its end, `close`; those who are `bankrupt` at its settlement follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from uproot_nb.errors import OrderRefused
from uproot_nb.market.analysis.columns import frame_of, types_of
from uproot_nb.market.analysis.period_events import PeriodEvents
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Kind, Side
from uproot_nb.market.orderbook.outcomes import Outcome, StatusChange

if TYPE_CHECKING:
    import pandas

__all__ = [
    "ORDER_EVENTS",
    "bankrupt_row",
    "closing_row",
    "order_event_rows",
    "order_event_table",
    "period_event_columns",
    "refusal_row",
]

ORDER_EVENTS = types_of("order_events")
"""The columns and their dtypes."""

_FIELDS = {
    **{name: name for name in ("event", "order", "player", "side", "kind", "price", "quantity",
                               "remaining", "reason", "trade")},
    "tax_paid": "tax", "fee_paid": "fee", "shown": "shown", "good_for": "good_for",
}  # fmt: skip
"""By column: the field of an `OrderEvent`."""


def order_event_rows(outcome: Outcome, time: float, period: int) -> list[dict[str, Any]]:
    """Return a command's effects as rows of `order_events`; *time* is in Unix seconds."""
    rows = [
        {
            "time": time, "period": period, "event": event.event, "order": event.order,
            "player": event.player, "side": event.side, "kind": event.kind, "price": event.price,
            "quantity": event.quantity, "remaining": event.remaining, "reason": event.reason,
            "trade": event.trade,
        }
        for event in outcome.events
    ]  # fmt: skip
    if outcome.trades and any(event.tax is not None for event in outcome.events):
        for row, event in zip(rows, outcome.events, strict=True):
            row |= {"tax_paid": event.tax, "fee_paid": event.fee}
    if outcome.is_detailed:
        for row, event in zip(rows, outcome.events, strict=True):
            row |= {"shown": event.shown, "good_for": event.good_for}
    if outcome.status is not None:
        rows.append(_status_row(outcome.status, time, period))
    return rows


def _status_row(status: StatusChange, time: float, period: int) -> dict[str, Any]:
    return {
        "time": time, "period": period, "event": status.event, "price": status.price,
        "reason": status.reason,
    }  # fmt: skip


def closing_row(time: float, period: int) -> dict[str, Any]:
    """Return the end of a period as a row of `order_events`."""
    return {"time": time, "period": period, "event": "close"}


def bankrupt_row(time: float, period: int, player: str, cash: Price, owed: int) -> dict[str, Any]:
    """Return that a trader has less than no cash at the end, as a row of `order_events`."""
    return {
        "time": time, "period": period, "event": "bankrupt", "player": player, "price": cash,
        "quantity": owed,
    }  # fmt: skip


def refusal_row(
    refusal: OrderRefused, time: float, period: int, player: str, *, side: Side | None = None,
    kind: Kind | None = None, price: Price | None = None, quantity: int | None = None,
    order: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return a refused command as a row of `order_events`; `reason` is the refusal's code."""
    return {
        "time": time, "period": period, "event": "reject", "order": order, "player": player,
        "side": side, "kind": kind, "price": price, "quantity": quantity, "remaining": None,
        "reason": refusal.code, "trade": None,
    }  # fmt: skip


def order_event_table(rows: Iterable[Mapping[str, Any]]) -> pandas.DataFrame:
    """Return the table `order_events` of rows in the order in which they happened.

    Columns (see `ORDER_EVENTS` for dtypes): seq (numbered here from 1 on, over all periods), time
    (Unix seconds of the server), client_time (of the trader's browser, if sent), period, event
    (submit, fill, partial_fill, cancel, reject, halt, resume, close, bankrupt), order, player, side
    (buy, sell), kind (limit, market), price (in a fill what was paid, else the limit), quantity
    (submitted, filled or cancelled), remaining, reason, trade, tax_paid and fee_paid (in a fill),
    shown (of an order that is shown in parts) and good_for (the time for which a new order may
    stand). A trade is two fills, the maker's and then the taker's (in a call, the earlier order's
    and then the later's).
    Orders and trades are numbered within the period if each has a new book.
    """
    events = list(rows)
    columns: dict[str, Any] = {name: [row.get(name) for row in events] for name in ORDER_EVENTS}
    columns["seq"] = range(1, len(events) + 1)
    return frame_of("order_events", columns)


def period_event_columns(periods: Sequence[PeriodEvents]) -> dict[str, list[Any]]:
    """Return the columns of that table for periods that were closed, in their order."""
    last: list[Any] = [None]  # in the columns that the end of a period leaves empty
    columns: dict[str, list[Any]] = {name: [] for name in ORDER_EVENTS}
    for its in periods:
        count = len(its.events) + 1
        columns["time"] += [*its.times, its.end]
        columns["client_time"] += last * count
        columns["period"] += [its.period] * count
        for name, field in _FIELDS.items():
            columns[name] += map(attrgetter(field), its.events)
            columns[name] += ["close"] if name == "event" else last
        if its.halts:
            _insert_halts(columns, its)
    columns["seq"] = list(range(1, len(columns["time"]) + 1))
    return columns


def _insert_halts(columns: dict[str, list[Any]], its: PeriodEvents) -> None:
    """Put the halts of the period that comes last, and their ends, among its events."""
    first = len(columns["time"]) - len(its.events) - 1
    for place, time, change in reversed(its.halts):  # the last first: places stay as they are
        row = _status_row(change, time, its.period)
        for name in columns.keys() - {"seq"}:
            columns[name].insert(first + place, row.get(name))
