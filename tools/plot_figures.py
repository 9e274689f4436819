"""Draw the figures of docs/market_studies.md, as a column of a journal shows them: 3.3 inches wide.

python tools/plot_figures.py [FOLDER]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")

from uproot_nb.market import Design, Dividends, InducedValues, Rules, plots, simulate_markets
from uproot_nb.market.traders import ZIC, ZIP, NearZeroIntelligence, simulate_asset_market

__all__ = ["draw_all", "figures"]

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
DOTS_PER_INCH = 200
TABLES = ["order_events", "periods", "trades", "book", "induced_values", "traders"]


def study() -> Design:
    """Return the study that the figures are of."""
    buyers, sellers = ([f"{side}{n}" for n in range(1, 5)] for side in "bs")
    values = InducedValues.symmetric(buyers, sellers, highest=120, lowest=20, step=10, units=2)
    arms = {"ZIC": {}, "ZIP": {"traders": ZIP}, "call": {"rules": Rules(call=True)}}
    return Design(values, ZIC, periods=6, steps=150, shifts={4: {"demand": 30}}, arms=arms)


def assets() -> Any:
    """Return the periods of five simulated asset markets."""
    import pandas

    classes = [(225, 3), (585, 2), (945, 1)]
    endowments = {f"trader {n}": classes[n % 3] for n in range(9)}
    dividends = Dividends((0, 8, 28, 60), periods=15)
    return pandas.concat(
        simulate_asset_market(
            {name: NearZeroIntelligence() for name in endowments}, dividends, endowments,
            steps=60, seed=seed,
        ).periods.assign(session=f"session {seed}")
        for seed in range(5)
    )  # fmt: skip


def figures() -> dict[str, Callable[[], Any]]:
    """Return what draws each figure, by the name of its file."""
    simulated = simulate_markets(study(), seeds=range(5), tables=TABLES, progress=False)
    one = plots.select(simulated, session="ZIP 0")
    return {
        "plot_supply_and_demand": lambda: plots.supply_and_demand(one),
        "plot_price_path": lambda: plots.price_path(one),
        "plot_bid_ask_history": lambda: plots.bid_ask_history(one),
        "plot_efficiency": lambda: plots.by_period(simulated),
        "plot_alpha": lambda: plots.by_period(simulated, "alpha"),
        "plot_profits": lambda: plots.profits(simulated),
        "plot_bubble": lambda: plots.bubble(assets()),
    }


def draw_all(folder: Path) -> None:
    """Write each figure into a folder."""
    for name, draw in figures().items():
        draw().get_figure().savefig(folder / f"{name}.png", dpi=DOTS_PER_INCH)


if __name__ == "__main__":
    draw_all(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)
