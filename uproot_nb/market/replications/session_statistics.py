"""Session statistics: one number for each simulated session, as the published figures are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uproot_nb.market.replications.published import PublishedFigure

if TYPE_CHECKING:
    import pandas

__all__ = ["session_statistics"]


def session_statistics(tables: dict[str, pandas.DataFrame], figure: PublishedFigure) -> list[float]:
    """Return the figure's statistic of each simulated session.

    Args:
        tables: "periods" and "trades" of simulated markets, with the columns design and seed.
    """
    first, last = figure.periods
    periods, trades = (
        frame[(frame["design"] == figure.design) & frame["period"].between(first, last)]
        for frame in (tables["periods"], tables["trades"])
    )
    if figure.statistic in periods:
        return [float(one) for one in periods.groupby("seed")[figure.statistic].mean()]
    columns = ["seed", "period", "equilibrium_price_low", "equilibrium_price_high"]
    joined = trades.merge(periods[columns], on=["seed", "period"])
    middle = (joined[columns[2]] + joined[columns[3]]) / 2
    joined["gap"] = joined["price"].astype(float) - middle.astype(float)
    made = _OF_PRICES[figure.statistic]
    return [made(session) for _, session in joined.groupby("seed")]


def _mean_absolute_deviation(trades: pandas.DataFrame) -> float:
    return float(trades["gap"].abs().mean())


def _rmsd_slope(trades: pandas.DataFrame) -> float:
    """Regress, on the number of the trade, the root of its mean squared deviation over periods."""
    import numpy  # lazy: an experiment needs none of it

    number = trades.groupby("period").cumcount() + 1
    by_number = (trades["gap"] ** 2).groupby(number).mean() ** 0.5
    return float(numpy.polyfit(by_number.index, by_number.to_numpy(), 1)[0])


_OF_PRICES = {"mean_absolute_deviation": _mean_absolute_deviation, "rmsd_slope": _rmsd_slope}
