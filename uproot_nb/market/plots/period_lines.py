"""Period lines: a statistic from period to period, with its mean over sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.columns import COLUMNS
from uproot_nb.market.plots.sources import Source, check_column, check_numbers, table_of
from uproot_nb.market.plots.style import (
    BLACK,
    COLOURS,
    GREY,
    axes_or_new,
    finished,
    point_style,
)

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = ["bubble", "by_period"]

_COLUMNS = "Try efficiency, or alpha; for an asset, mean_price."
_NAMES = {"alpha": "Smith's alpha", "rmsd": "root mean squared deviation"}


def by_period(
    tables: Source, column: str = "efficiency", *, by: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a statistic of the table `periods` by period: the mean over sessions.

        plots.by_period(simulated, "alpha")

    Each arm, or else each design, has a line. Bars are one standard error of the mean over
    sessions; a session with several groups counts once. Without arms and designs, as for
    `run.market()`, there is one line.

    Args:
        column: efficiency, alpha, or another number of the table.
        by: the column that has a line for each of its values; by default the arm, else the design.

    Raises:
        BadMarket: there is no such table or column, or it has no numbers.
    """
    periods = table_of(tables, "periods", "period")
    check_column(periods, column, _COLUMNS)
    check_numbers(periods, column, _COLUMNS)
    lines, ax = _lines(periods, by), axes_or_new(ax)
    for number, (name, line) in enumerate(lines.items()):
        found = _over_sessions(line, column)
        apart = (number - (len(lines) - 1) / 2) * min(0.08, 0.6 / len(lines))
        ax.errorbar(
            found.index + apart, found["mean"], found["sem"].fillna(0.0), label=name,
            **point_style(number), markersize=4, linewidth=1.2, elinewidth=0.9, capsize=2,
        )  # fmt: skip
    _mark_periods(ax, periods["period"])
    return finished(ax, "period", _label(column))


def bubble(tables: Source, *, by: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw an asset's mean price by period against its fundamental value.

        plots.bubble(run.market())

    With several sessions, each is a thin line, and the thick one is their mean. Each arm, or
    else each design, has a thick line, and its own fundamental value if they differ.

    Args:
        by: the column that has a line for each of its values; by default the arm, else the design.

    Raises:
        BadMarket: no asset is traded here, or there is no such column.
    """
    periods = table_of(tables, "periods", "period", "mean_price", "fundamental_value")
    if len(periods) and periods["fundamental_value"].isna().all():
        raise BadMarket(
            "No asset is traded here: there is no fundamental value.",
            "Give the tables of simulate_asset_market, or of an AssetMarketPage.",
        )
    lines, ax = _lines(periods, by), axes_or_new(ax)
    _draw_values(ax, lines)
    for number, (name, line) in enumerate(lines.items()):
        sessions = [mine for _, mine in _by_session(line)]
        colour = COLOURS[number % len(COLOURS)]
        for session in sessions if len(sessions) > 1 else []:
            thin = GREY if len(lines) == 1 else colour
            ax.plot(session["period"], session["mean_price"], color=thin, linewidth=0.6, alpha=0.5)
        prices = _over_sessions(line, "mean_price")["mean"]
        label = "mean price" if len(sessions) == 1 else f"mean of {len(sessions)} sessions"
        ax.plot(
            prices.index, prices, **point_style(number), markersize=3.5,
            label=label if len(lines) == 1 else f"{name}: {label}",
        )  # fmt: skip
    _mark_periods(ax, periods["period"])
    ax.set_ylim(bottom=0)
    return finished(ax, "period", "price")


def _draw_values(ax: Axes, lines: Mapping[str, pandas.DataFrame]) -> None:
    """Draw the fundamental values by period, once where they are the same."""
    drawn: dict[tuple[Any, ...], str] = {}
    for name, line in lines.items():
        values = line.groupby("period")["fundamental_value"].mean().dropna()
        drawn.setdefault((*values.index, *values), name)
    for number, (steps, name) in enumerate(drawn.items()):
        half = len(steps) // 2
        if not half:
            continue
        edges = [steps[0] - 0.5, *(period + 0.5 for period in steps[:half])]
        label = "fundamental value" if len(drawn) == 1 else f"{name}: fundamental value"
        colour = BLACK if len(drawn) == 1 else COLOURS[number % len(COLOURS)]
        ax.stairs(
            steps[half:], edges, baseline=None, color=colour, linewidth=1.5, linestyle="dashed",
            label=label,
        )  # fmt: skip


def _lines(periods: pandas.DataFrame, by: str | None) -> dict[str, pandas.DataFrame]:
    there = [name for name in ("arm", "design") if name in periods]
    if by is None and not there:
        return {"": periods}
    by = there[0] if by is None else by
    if by not in periods:
        known = f"such as {there[0]!r}" if there else "or none, for one line"
        raise BadMarket(f"The table has no column {by!r}.", f"Give by= a column of it, {known}.")
    return {str(name): line for name, line in periods.groupby(by, sort=False, observed=True)}


def _by_session(periods: pandas.DataFrame) -> Any:
    names = [name for name in ("design", "arm", "session", "seed") if name in periods]
    return periods.groupby(names, sort=False) if names else [((), periods)]


def _over_sessions(periods: pandas.DataFrame, column: str) -> pandas.DataFrame:
    """Return mean and standard error over sessions, by period."""
    names = [name for name in ("design", "arm", "session", "seed") if name in periods]
    means = periods.groupby([*names, "period"])[column].mean()
    return means.groupby("period").agg(["mean", "sem"])


def _mark_periods(ax: Axes, periods: pandas.Series[int]) -> None:
    numbers = sorted(set(periods))
    ax.set_xticks(numbers[:: 1 + len(numbers) // 12])


def _label(column: str) -> str:
    unit = COLUMNS["periods"][column].unit if column in COLUMNS["periods"] else ""
    name = _NAMES.get(column, column.replace("_", " "))
    return f"{name} ({unit})" if unit == "percent" else name
