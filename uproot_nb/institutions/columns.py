"""Columns of the institutions' tables: the type, meaning and unit of each, defined once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas

__all__ = ["COLUMNS", "ENTRY_FIELDS", "InstitutionColumn", "frame_of"]


class InstitutionColumn(NamedTuple):
    """A column's dtype in pandas, its meaning, and its unit ("" for none)."""

    dtype: str
    meaning: str
    unit: str = ""


_PERIOD = InstitutionColumn("int64", "the period, from 1")
_PLAYER = InstitutionColumn("category", "the player's name")
_ROLE = InstitutionColumn("category", "bidder, buyer, seller, firm or trader")
_MONEY = "money"


def _money(meaning: str) -> InstitutionColumn:
    return InstitutionColumn("Float64", meaning, _MONEY)


COLUMNS: dict[str, dict[str, InstitutionColumn]] = {
    "decisions": {
        "seq": InstitutionColumn("int64", "number of the row, from 1, over all periods"),
        "time": InstitutionColumn(
            "float64", "when it arrived, on the server's clock", "Unix seconds"
        ),
        "client_time": InstitutionColumn(
            "Float64", "when, on the clock of the player's browser, if sent", "Unix seconds"
        ),
        "period": _PERIOD,
        "player": _PLAYER,
        "action": InstitutionColumn(
            "category",
            "what was decided: bid, pass, offer, buy, done, quantity, price, accept, leave, sell; "
            "or absent: the player has dropped out or was moved on",
        ),
        "target": InstitutionColumn("category", "whose offer was taken, or which contract"),
        "unit": InstitutionColumn(
            "int64", "which of the decision's amounts, from 1; 1 for a decision without amounts"
        ),
        "amount": InstitutionColumn(
            "Float64", "the price or quantity; on a clock, the price that it showed"
        ),
        "reason": InstitutionColumn("category", "why it was refused, as a code; else missing"),
    },
    "endowments": {
        "period": _PERIOD,
        "player": _PLAYER,
        "role": _ROLE,
        "item": InstitutionColumn(
            "category",
            "value (of a unit; that of an item of common value nobody is told), cost (of a unit; "
            "a firm's holds for each of its units), estimate, hint or cash",
        ),
        "unit": InstitutionColumn("int64", "which of the player's units, from 1; else 1"),
        "amount": _money("the amount; missing for a hint"),
        "target": InstitutionColumn("category", "of a hint, which contract"),
    },
    "allocations": {
        "period": _PERIOD,
        "player": _PLAYER,
        "role": _ROLE,
        "units": InstitutionColumn("Float64", "how many were bought or sold", "units"),
        "worth": _money("what units bought are worth, or units sold cost; the payout of shares"),
        "paid": _money("what the player has paid; negative for money received"),
        "profit": _money("of a buyer or bidder worth - paid, of a seller or firm - paid - worth"),
        "equilibrium_amount": InstitutionColumn(
            "Float64", "the player's risk-neutral equilibrium decision, where a formula is known"
        ),
    },
    "periods": {
        "period": _PERIOD,
        "price": _money("the price; where several were paid, the mean per unit"),
        "units": InstitutionColumn("Float64", "how many were traded", "units"),
        "revenue": _money("what the auctioneer or market maker has received"),
        "surplus": _money("the gains from trade of all, the auctioneer's or consumers' included"),
        "maximum_surplus": _money("the greatest surplus that was possible"),
        "efficiency": InstitutionColumn("Float64", "surplus / maximum_surplus", "share"),
        "equilibrium_price": _money("the price in equilibrium, where a formula is known"),
    },
}

ENTRY_FIELDS = {
    "decision": InstitutionColumn("object", "player, action, target, amounts"),
    "refused": InstitutionColumn("object", "the same of a decision that was refused"),
    "reason": COLUMNS["decisions"]["reason"],
    "client_time": COLUMNS["decisions"]["client_time"],
    "outcome": InstitutionColumn("object", "the row of periods, when the period was over"),
    "allocations": InstitutionColumn("object", "the rows of allocations"),
}
"""The fields of a period's model, from which the tables are made."""


def frame_of(table: str, rows: Iterable[Mapping[str, Any]]) -> pandas.DataFrame:
    """Return a table of its rows, with the dtypes of its columns."""
    import pandas  # lazy: an experiment that makes no table does not need it

    listed, about = list(rows), COLUMNS[table]
    columns: dict[str, Any] = {}
    for name, column in about.items():
        values = [row[name] for row in listed]
        if column.dtype == "category":
            seen = dict.fromkeys(value for value in values if value is not None)
            index = pandas.Index(list(seen), dtype="str")
            columns[name] = pandas.Categorical(values, categories=index)
        else:
            columns[name] = pandas.array(values, dtype=column.dtype)  # type: ignore[call-overload]
    return pandas.DataFrame(columns)
