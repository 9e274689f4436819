"""table_rows: the tables for the lab manager, as columns and rows of plain values."""

from __future__ import annotations

from typing import Any

from uproot_nb.errors import UprootError
from uproot_nb.steering.host import Host
from uproot_nb.steering.withheld import Withheld

__all__ = ["TABLES", "table_rows"]

TABLES = ("funnel", "payments")
"""The tables that monitors and the REST API give on request; both roles may see them."""
_WRITTEN = frozenset({"treatment", "note"})
"""Columns with what the experiment's code has written."""


def table_rows(host: Host, name: str, withheld: Withheld | None = None) -> dict[str, Any]:
    """Return a table as `{"columns": [...], "rows": [[...], ...]}`, ready for JSON.

    Numbers stay numbers, amounts of money become text, so that they stay exact, and what is
    missing is None. It imports pandas, so do not call it on the run's loop.

    Args:
        withheld: what its reader does not get; None for a steward.

    Raises:
        UprootError: there is no such table, or no payment rule.
    """
    if name not in TABLES:
        raise UprootError(f"There is no table {name!r}.\nThere are {', '.join(TABLES)}.")
    frame = host.funnel.reset_index() if name == "funnel" else host.payments
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    columns = [str(column) for column in frame.columns]
    if withheld is not None:
        withheld.refresh()
        rows = [[_shown(*pair, withheld) for pair in zip(columns, r, strict=True)] for r in rows]
    return {"columns": columns, "rows": [[*map(_plain, row)] for row in rows]}


def _shown(column: str, cell: Any, withheld: Withheld) -> Any:
    """Return a cell as a viewer gets it."""
    if not isinstance(cell, str):
        return cell
    if column in ("label", "buyer_label", "seller_label"):
        return withheld.label(cell) or None
    return withheld.value(column, cell) if column in _WRITTEN else cell


def _plain(value: Any) -> Any:
    is_plain = value is None or isinstance(value, (bool, int, float, str))
    return value if is_plain else str(value)
