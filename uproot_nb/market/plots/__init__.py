"""Figures of markets, by matplotlib: each function draws on `ax=`, or new axes, and returns them.

from uproot_nb.market import plots
plots.price_path(run.market())
"""

from __future__ import annotations

from uproot_nb.market.plots.period_lines import bubble, by_period
from uproot_nb.market.plots.price_lines import bid_ask_history, price_path
from uproot_nb.market.plots.profit_points import profits
from uproot_nb.market.plots.schedule_steps import supply_and_demand
from uproot_nb.market.plots.sources import select

__all__ = [
    "bid_ask_history", "bubble", "by_period", "price_path", "profits", "select",
    "supply_and_demand",
]  # fmt: skip
