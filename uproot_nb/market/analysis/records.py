"""Record: a command and its outcome, as one entry of a session's log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from uproot_nb.errors import OrderRefused
from uproot_nb.market.orderbook.amounts import Price, exact, from_plain, plain
from uproot_nb.market.orderbook.commands import (
    Cancel,
    Command,
    LimitOrder,
    MarketOrder,
    Replace,
    from_plain_command,
    plain_command,
)
from uproot_nb.market.orderbook.outcomes import OrderEvent, Outcome, StatusChange
from uproot_nb.market.orderbook.rules import Terms

__all__ = ["command_in", "new_bankruptcies", "new_closing", "new_record", "new_refusal", "rows_in"]

_LONGEST = 40
"""Characters stored of a text that is not a price."""
_HUGE = 10**15
_COLUMNS = (
    "event",
    "order",
    "player",
    "side",
    "kind",
    "price",
    "quantity",
    "remaining",
    "reason",
    "trade",
)
_CHARGES = ("tax_paid", "fee_paid")
_MORE = (*_CHARGES, "shown", "good_for")
"""Columns that an event has only where the rules have taxes or fees, or orders that stand for a
time or are shown in parts."""
_MONEY = ("price", *_CHARGES)


def new_record(
    command: Command, outcome: Outcome | None, client_time: float | None, now: float | None = None
) -> dict[str, Any]:
    """Return the log entry of a command that was executed.

    Args:
        now: the time of the market, where orders stand for a time or trade is halted.
    """
    given = {key: value for key, value in plain_command(command).items() if value is not None}
    events = [] if outcome is None else [_plain_event(event) for event in outcome.events]
    if outcome is not None and outcome.status is not None:
        events.append(_plain_status(outcome.status))
    record = {"command": given, "client_time": client_time, "events": events}
    return record if now is None else {**record, "now": now}


def new_closing() -> dict[str, Any]:
    """Return the log entry of the market's end."""
    return {"client_time": None, "events": [["close", *(None for _ in _COLUMNS[1:])]]}


def new_bankruptcies(found: Iterable[tuple[str, Price, int]]) -> dict[str, Any]:
    """Return the log entry of bankrupt traders: each with the cash and the units that it owes."""
    rows = [
        ["bankrupt", None, player, None, None, plain(cash), owed, None, None, None]
        for player, cash, owed in found
    ]
    return {"client_time": None, "events": rows}


def new_refusal(
    command: Command, refusal: OrderRefused, client_time: float | None
) -> dict[str, Any]:
    """Return the log entry of a command that was refused, however odd its values are."""
    given = {name: getattr(command, name) for name in command.__struct_fields__}
    stored = {name: _harmless(value) for name, value in given.items() if value is not None}
    event = {
        "event": "reject", "order": _whole(given.get("order")), "player": given.get("player"),
        "side": given.get("side") if given.get("side") in ("buy", "sell") else None,
        "kind": _kind(command), "price": _price(given.get("price")),
        "quantity": _whole(given.get("quantity")), "reason": refusal.code,
    }  # fmt: skip
    row = [event.get(name) for name in _COLUMNS]
    kind = command.__struct_config__.tag
    return {"refused": {"command": kind, **stored}, "client_time": client_time, "events": [row]}


def command_in(record: Mapping[str, Any]) -> Command | None:
    """Return the command that was executed; None if it was refused, or the market closed."""
    data = record.get("command")
    return None if data is None else from_plain_command(dict(data))


def rows_in(record: Mapping[str, Any], time: float, period: int) -> Iterator[dict[str, Any]]:
    """Yield a record's rows of the table `order_events`; *time* is in Unix seconds."""
    for event in record["events"]:
        row = dict(zip((*_COLUMNS, *_MORE), event, strict=False))
        for name in _MONEY:
            if row.get(name) is not None:
                row[name] = from_plain(row[name])
        yield {"time": time, "client_time": record["client_time"], "period": period, **row}


def _plain_event(event: OrderEvent) -> list[Any]:
    return [
        event.event, event.order, event.player, event.side, event.kind, plain(event.price),
        event.quantity, event.remaining, event.reason, event.trade, *_more(event),
    ]  # fmt: skip


def _more(event: OrderEvent) -> tuple[Any, ...]:
    """Return the further columns of an event, as far as it has any."""
    if event.shown is not None or event.good_for is not None:
        return plain(event.tax), plain(event.fee), event.shown, event.good_for
    return () if event.tax is None else (plain(event.tax), plain(event.fee))


def _plain_status(status: StatusChange) -> list[Any]:
    row = {"event": status.event, "price": plain(status.price), "reason": status.reason}
    return [row.get(name) for name in _COLUMNS]


def _kind(command: Command) -> str | None:
    kinds: dict[type, str] = {
        LimitOrder: "limit", Replace: "limit", Cancel: "limit", MarketOrder: "market",
    }  # fmt: skip
    terms = command.terms if isinstance(command, LimitOrder) else None
    return terms if terms in get_args(Terms) else kinds.get(type(command))


def _harmless(value: Any) -> Any:
    if isinstance(value, str) or _whole(value) is not None:
        return value[:_LONGEST] if isinstance(value, str) else value
    return str(value)[:_LONGEST] if abs(_size(value)) < _HUGE else "huge"


def _price(value: Any) -> int | str | None:
    made = exact(value)
    return plain(made) if made is not None and _size(made) < _HUGE else None


def _whole(value: Any) -> int | None:
    return value if type(value) is int and abs(value) < _HUGE else None


def _size(value: Any) -> float:
    """Return the absolute value as a float: 0 for non-numbers, infinity on overflow."""
    try:
        size = abs(float(value))
    except OverflowError:
        return float("inf")
    except (TypeError, ValueError):
        return 0.0
    return size if size == size else 0.0
