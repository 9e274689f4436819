"""Entries: decisions, refusals and outcomes of a period, as a session's log has them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from uproot_nb.errors import OrderRefused
from uproot_nb.experiment.live import client_seconds
from uproot_nb.institutions.game import Allocation, Benchmark, Decision, Game, Result
from uproot_nb.market.orderbook.amounts import exact, from_plain, plain

__all__ = [
    "allocation_rows", "closing_entry", "decision_entry", "decision_in", "decision_rows",
    "endowment_rows", "period_row", "refusal_entry",
]  # fmt: skip

_LONGEST, _HUGE = 40, 10**15
"""Characters stored of a text that is no amount; amounts beyond are not stored."""


def decision_entry(decision: Decision, client_time: Any) -> dict[str, Any]:
    """Return the log entry of a decision."""
    return {
        "decision": [
            decision.player, decision.action, decision.target,
            [plain(amount) for amount in decision.amounts],
        ],
        "client_time": client_seconds(client_time),
    }  # fmt: skip


def decision_in(entry: Mapping[str, Any]) -> Decision | None:
    """Return the decision of an entry; None if it has another thing."""
    data = entry.get("decision")
    if data is None:
        return None
    player, action, target, amounts = data
    return Decision(player, action, tuple(map(from_plain, amounts)), target)


def refusal_entry(asked: Decision, refusal: OrderRefused, client_time: Any) -> dict[str, Any]:
    """Return the log entry of a decision that was refused, however odd its values are."""
    return {
        "refused": [
            asked.player, str(asked.action)[:_LONGEST], str(asked.target)[:_LONGEST],
            [_harmless(amount) for amount in asked.amounts[:20]],
        ],
        "reason": refusal.code, "client_time": client_seconds(client_time),
    }  # fmt: skip


def closing_entry(game: Game, result: Result, benchmark: Benchmark) -> dict[str, Any]:
    """Return the log entry of a period's outcome."""
    return {
        "outcome": {
            "price": plain(result.price), "units": plain(result.units),
            "revenue": plain(result.revenue), "surplus": plain(result.surplus),
            "maximum_surplus": plain(result.maximum_surplus),
            "equilibrium_price": benchmark.price,
        },
        "allocations": [
            [
                name, own.role, *_plain_allocation(result.allocations[name]),
                benchmark.amounts.get(name),
            ]
            for name, own in game.endowments.items()
        ],
    }  # fmt: skip


def decision_rows(entry: Mapping[str, Any], time: float, period: int) -> Iterator[dict[str, Any]]:
    """Yield an entry's rows of the table `decisions`: one for each amount; *time* in seconds."""
    data = entry.get("decision") or entry.get("refused")
    if data is None:
        return
    player, action, target, amounts = data
    for unit, amount in enumerate(amounts or [None], 1):
        yield {
            "time": time, "client_time": entry["client_time"], "period": period, "player": player,
            "action": action, "target": target or None, "unit": unit, "amount": _number(amount),
            "reason": entry.get("reason"),
        }  # fmt: skip


def endowment_rows(entry: Mapping[str, Any], period: int) -> Iterator[dict[str, Any]]:
    """Yield an entry's rows of the table `endowments`: one for each amount that was given."""
    for name, own in entry.get("endowments", {}).items():
        signal = own["signal"]
        estimate = signal["money"] if isinstance(signal, Mapping) else None
        given: list[tuple[str, Sequence[Any]]] = [
            ("value", own["values"]), ("cost", own["costs"]),
            ("estimate", [] if estimate is None else [estimate]),
            ("hint", [signal] if isinstance(signal, str) else []),
            ("cash", [] if own["cash"] is None else [own["cash"]]),
        ]  # fmt: skip
        for item, amounts in given:
            for unit, amount in enumerate(amounts, 1):
                is_hint = item == "hint"
                yield {
                    "period": period, "player": name, "role": own["role"], "item": item,
                    "unit": unit, "amount": None if is_hint else _number(amount),
                    "target": amount if is_hint else None,
                }  # fmt: skip


def allocation_rows(entry: Mapping[str, Any], period: int) -> Iterator[dict[str, Any]]:
    """Yield an entry's rows of the table `allocations`."""
    for name, role, units, worth, paid, profit, predicted in entry.get("allocations", ()):
        yield {
            "period": period, "player": name, "role": role, "units": _number(units),
            "worth": _number(worth), "paid": _number(paid), "profit": _number(profit),
            "equilibrium_amount": predicted,
        }  # fmt: skip


def period_row(entry: Mapping[str, Any], period: int) -> dict[str, Any] | None:
    """Return an entry's row of the table `periods`; None for an entry of another kind."""
    data = entry.get("outcome")
    if data is None:
        return None
    row = {name: _number(value) for name, value in data.items()}
    surplus, most = row["surplus"], row["maximum_surplus"]
    return {
        "period": period, **row,
        "efficiency": None if surplus is None or not most else surplus / most,
    }  # fmt: skip


def _plain_allocation(own: Allocation) -> list[Any]:
    return [plain(own.units), plain(own.worth), plain(own.paid), plain(own.profit)]


def _number(amount: Any) -> float | None:
    try:
        number = math.nan if amount is None else float(amount)
    except ValueError:
        return None  # what was refused need not be a number
    return number if math.isfinite(number) else None


def _harmless(amount: Any) -> Any:
    made = exact(amount)
    if made is not None and -_HUGE < made < _HUGE:
        return plain(made)
    return str(amount)[:_LONGEST] if isinstance(amount, str) else None
