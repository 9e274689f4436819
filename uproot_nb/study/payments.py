"""Payments: what each player of a session is paid, as lines and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from uproot_nb.analysis.typed_columns import table
from uproot_nb.errors import BadPayment, BadPayoff
from uproot_nb.experiment.money.payment import Payment
from uproot_nb.experiment.money.payoffs import PAYOFF, payoff_of
from uproot_nb.log.player_status import ended_as
from uproot_nb.log.state import PlayerState, State
from uproot_nb.study.payment_line import PaymentLine

if TYPE_CHECKING:
    import pandas

__all__ = ["payment_lines", "payments_table"]

_COLUMNS = {
    "player": "object", "label": "string", "ended_as": "string", "points": "object",
    "fee": "object", "amount": "object", "paid": "bool", "note": "string",
}  # fmt: skip


def payment_lines(state: State, payment: Payment) -> list[PaymentLine]:
    """Return a line for each player, in the order of player.id."""
    return [_line(state, name, player, payment) for name, player in state.players.items()]


def _line(state: State, name: str, player: PlayerState, payment: Payment) -> PaymentLine:
    how, paid = ended_as(player), player.paid
    fee, points, amount, problem = payment.fee(how), None, None, ""
    try:
        points = _points(state, name)
        amount = payment.amount(how, points)
        if amount is None and fee is not None:
            problem = "has finished without a payoff"
    except (BadPayoff, BadPayment) as error:
        problem = str(error).splitlines()[0] if fee is not None else ""
    loss = "" if points is None else _loss(payment, how, points, amount)
    if paid is not None:
        amount, problem, loss = Decimal(paid["amount"]), "", ""
    return PaymentLine(
        name, player.label, how, points, fee, amount, paid is not None,
        paid["currency"] if paid else payment.currency, player.query, problem, loss,
        player.freed, player.bot,
    )  # fmt: skip


def _points(state: State, name: str) -> Decimal | None:
    """Return a player's payoff; None if there is none."""
    subject = f"player/{name}"
    try:
        value = state.value(subject, PAYOFF)
    except KeyError:
        return None
    return None if value is None else payoff_of(subject, value)


def _loss(payment: Payment, how: str, points: Decimal, amount: Decimal | None) -> str:
    if points >= 0 or amount is None:
        return ""
    total = payment.total(how, points)
    assert total is not None
    raised = f", raised to {amount}" if total < payment.minimum else ""
    return f"{points} points make {total}{raised}"


def payments_table(lines: Sequence[PaymentLine]) -> pandas.DataFrame:
    """Return the lines as a DataFrame; points, fee and amount are Decimals, or None."""
    return table([_cells(line) for line in lines], _COLUMNS)


def _cells(line: PaymentLine) -> dict[str, object]:
    """Return a line's cells; nobody owes anything to who has given up the place."""
    cells = {name: getattr(line, name) for name in _COLUMNS}
    return {**cells, "fee": None, "amount": None} if line.freed and not line.paid else cells
