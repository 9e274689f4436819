"""Sources: the tables that a figure shows, from a market, a study or a table itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.results import MarketTables

if TYPE_CHECKING:
    import pandas

__all__ = [
    "LABELS", "Source", "check_column", "check_numbers", "check_period", "has_table", "one_market",
    "select", "table_of",
]  # fmt: skip

Source: TypeAlias = "MarketTables | Mapping[str, pandas.DataFrame] | pandas.DataFrame"
"""`run.market()`, the dict of tables of `simulate_markets` or `session_tables`, or one table."""

LABELS = ("design", "arm", "session", "seed", "group")
"""Columns that tell markets apart."""


def table_of(source: Any, name: str, *needed: str) -> pandas.DataFrame:
    """Return a table of a source; a table itself is taken as it is, if it has the needed columns.

    Raises:
        BadMarket: the source has no such table, or it is another one.
    """
    found = _table(source, name)
    missing = [column for column in needed if column not in found]
    if missing:
        raise BadMarket(
            f"This is not the table {name!r}: it has no column {missing[0]!r}.",
            "Give run.market(), or the dict of tables of simulate_markets.",
        )
    return found


def check_column(frame: pandas.DataFrame, column: str, advice: str) -> None:
    """Refuse a column that a table does not have."""
    if column not in frame:
        raise BadMarket(f"The table has no column {column!r}.", advice)


def check_numbers(frame: pandas.DataFrame, column: str, advice: str) -> None:
    """Refuse a column of which nothing could be drawn: of texts, or without any number.

    A table without rows may be that of a session whose first period is still to come.
    """
    import pandas  # lazy: an experiment that makes no table does not need it

    if not len(frame):
        return
    if not pandas.api.types.is_numeric_dtype(frame[column]):
        raise BadMarket(f"The column {column!r} does not have numbers.", advice)
    if frame[column].isna().all():
        raise BadMarket(f"The column {column!r} is missing in all rows.", advice)


def check_period(period: Any, *frames: pandas.DataFrame) -> None:
    """Refuse a period that is in none of the tables."""
    there = {int(number) for frame in frames for number in frame["period"].unique()}
    if period not in there:
        known = ", ".join(map(str, sorted(there))) or "none"
        raise BadMarket(f"There is nothing of a period {period!r}.", f"There are: {known}.")


def _table(source: Any, name: str) -> pandas.DataFrame:
    if hasattr(source, "columns"):
        frame: pandas.DataFrame = source
        return frame
    if not has_table(source, name):
        raise BadMarket(
            f"There is no table {name!r} in {type(source).__name__}.",
            f'Ask for it: simulate_markets(…, tables=["{name}"]), or give run.market().',
        )
    found: pandas.DataFrame = source[name] if isinstance(source, Mapping) else getattr(source, name)
    return found


def has_table(source: Any, name: str) -> bool:
    """Tell whether a source has a table of this name."""
    return isinstance(source, MarketTables) or (isinstance(source, Mapping) and name in source)


def one_market(source: Any, name: str, *needed: str) -> pandas.DataFrame:
    """Return a table of one market.

    Raises:
        BadMarket: the source has no such table, or another one, or that of several markets.
    """
    frame = table_of(source, name, *needed)
    for label in LABELS:
        if label in frame and frame[label].nunique() > 1:
            some = frame[label].iloc[0]
            raise BadMarket(
                f"The table {name!r} has more than one {label}.",
                f"Choose one: select(tables, {label}={some!r}).",
            )
    return frame


@overload
def select(tables: pandas.DataFrame, **labels: Any) -> pandas.DataFrame: ...


@overload
def select(
    tables: Mapping[str, pandas.DataFrame], **labels: Any
) -> dict[str, pandas.DataFrame]: ...


def select(tables: Any, **labels: Any) -> Any:
    """Return the rows of one arm, session or group, from one table or all.

        plots.price_path(plots.select(simulated, session="call 3"))

    Raises:
        BadMarket: nothing has these labels, or these are the tables of one market.
    """
    if not isinstance(tables, Mapping) and not hasattr(tables, "columns"):
        raise BadMarket(
            f"{type(tables).__name__} is not a table, nor a dict of tables.",
            "Give the tables of simulate_markets or session_tables; one market's need no choice.",
        )
    frames = dict(tables) if isinstance(tables, Mapping) else {"": tables}
    found = {name: _rows(frame, labels) for name, frame in frames.items()}
    if all(frame.empty for frame in found.values()):
        wanted = " and ".join(f"{label} {value!r}" for label, value in labels.items())
        raise BadMarket(f"There is nothing with {wanted}.", _there(frames, labels))
    return found if isinstance(tables, Mapping) else found[""]


def _rows(frame: pandas.DataFrame, labels: Mapping[str, Any]) -> pandas.DataFrame:
    for label, value in labels.items():
        frame = frame[frame[label] == value] if label in frame else frame.iloc[:0]
    return frame


def _there(frames: Mapping[str, pandas.DataFrame], labels: Mapping[str, Any]) -> str:
    """Return which labels there are, in the first table that has any."""
    for label in labels:
        for frame in frames.values():
            if label in frame and len(frame):
                return f"There are: {', '.join(map(str, frame[label].unique()))}."
    return f"The columns {', '.join(labels)} are not in the tables."
