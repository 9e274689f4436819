"""Mispricing: RD and RAD beside what others have computed from their recorded markets."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.statistics import relative_absolute_deviation, relative_deviation
from uproot_nb.market.replications import replicate
from uproot_nb.market.replications.insider_trading import (
    DATA,
    mispricing_by_market,
    unit_mispricing,
)
from uproot_nb.market.replications.ztree import ztree_table

# ---- markets of one period ---------------------------------------------------------------------

MARKETS = [
    (1, 12, 32.0, [(60, 1), (53, 5)], 0.6927083333, 0.6927083333),
    (10, 12, 75.2, [(75, 1), (76.5, 1), (76.8, 1), (76, 20)], 0.0108117484, 0.0110430157),
    (10, 7, 72.6, [(72, 2), (72.3, 4), (72.7, 2), (69, 2)], -0.0129476584, 0.0134986226),
    (13, 9, 30.3, [(35, 10), (31, 10), (35, 10), (29, 5), (32, 1)], 0.0881921525, 0.1001100110),
    (14, 3, 41.3, [(41, 5), (41, 5), (41.5, 5), (41, 10)], -0.0048426150, 0.0067796610),
    (8, 10, 73.0, [], 0.0, 0.0),
]
"""Group, period, value, trades, RD and RAD: the tables `transactions` and `marketsummary` of
Data.RData of Schmidt, Stöckl and Palan (2024), github.com/domidt/VotingForInsiderTradingRegulation,
Copyright (c) 2024 Dominik Schmidt, MIT License."""


@pytest.mark.parametrize(("group", "period", "value", "trades", "rd", "rad"), MARKETS)
def test_a_market_has_the_published_rd_and_rad(
    group: int, period: int, value: float, trades: list[tuple[float, int]], rd: float, rad: float
) -> None:
    assert unit_mispricing(trades, value) == pytest.approx((rd, rad), abs=1e-10)


# ---- markets of fifteen periods ----------------------------------------------------------------

NG1 = (
    [105.5, math.nan, 96, 90.75, 89.6, 82, 454 / 7, 75, 62.25, 49.1, 49.15, 37.5, 27.5625, 102 / 7,
     7.5],
    0.003728874362244896, 0.08591956313775509,
)  # fmt: skip
GHP1 = (
    [86, 87.66, 84.665, 72.75, 69, 64.774, 374.11 / 6, 167.99 / 3, 137 / 3, 312 / 7, 39.938, 31.4,
     28.33, 146.88 / 7, 14.375],
    -0.15785282738095235, 0.1905358630952381,
)  # fmt: skip
"""Mean prices by day of two markets of the design of Smith, Suchanek and Williams (1988), first
repetition on 12 May 2026, and their RD and RAD: market_day_panel.csv and market_rep_metrics.csv in
github.com/mariuszoican/gamified_bubbles_analysis ("Trading Gamification, Asset Prices, and
Liquidity", a working paper). The asset is worth 120 at first and 8 less each day. Nobody traded on
the second day of the first market."""


@pytest.mark.parametrize(("prices", "rd", "rad"), [NG1, GHP1])
def test_a_bubble_has_the_rd_and_rad_of_others(prices: list[float], rd: float, rad: float) -> None:
    """A day without a trade counts for the mean value alone, as here."""
    values = list(range(120, 0, -8))
    assert relative_deviation(prices, values) == pytest.approx(rd, rel=1e-12)
    assert relative_absolute_deviation(prices, values) == pytest.approx(rad, rel=1e-12)


# ---- files of z-Tree ---------------------------------------------------------------------------

LINES = """\
s\t1\tglobals\tPeriod\tBBV[1]\t
s\t1\tglobals\t0\t50\t
s\t1\tcontracts\tPeriod\tSeller\tBuyer\tp\tq
s\t1\tcontracts\t0\t3\t4\t90\t1
s\t1\tglobals\tPeriod\tBBV[1]\t
s\t1\tglobals\t1\t40\t
s\t1\tcontracts\tPeriod\tSeller\tBuyer\tp\tq
s\t1\tcontracts\t1\t-2\t-2\t0\t0
s\t1\tcontracts\t1\t3\t4\t30\t1
s\t1\tcontracts\t1\t-1\t4\t0\t7
s\t1\tcontracts\t1\t5\t4\t42\t3
s\t1\tglobals\tPeriod\tBBV[1]\t
s\t1\tglobals\t2\t60\t
odd
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "G07FluctNR.xls").write_text(LINES)
    return tmp_path


def test_a_table_has_the_rows_of_all_periods(folder: Path) -> None:
    rows = ztree_table(folder / "G07FluctNR.xls", "globals")
    assert rows == [{"Period": str(n), "BBV[1]": v} for n, v in enumerate(("50", "40", "60"))]
    assert ztree_table(folder / "G07FluctNR.xls", "subjects") == []


def test_offers_that_nobody_took_and_training_do_not_count(folder: Path) -> None:
    first, second = mispricing_by_market(folder).to_dict("records")
    # A unit at 10 below and three at 2 above: -4 / 4 and 16 / 4, of 40.
    assert first == {
        "group": 7, "period": 1, "value": 40, "volume": 4,
        "rd": pytest.approx(-0.025), "rad": pytest.approx(0.1),
    }  # fmt: skip
    assert second == {"group": 7, "period": 2, "value": 60, "volume": 0, "rd": 0, "rad": 0}


def test_without_the_data_it_says_where_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(DATA, raising=False)
    with pytest.raises(BadMarket, match=r"(?s)No folder.*VotingForInsiderTradingRegulation"):
        replicate("schmidt_stoeckl_palan")
    monkeypatch.setenv(DATA, str(tmp_path))
    with pytest.raises(BadMarket, match="No data are in"):
        replicate("schmidt_stoeckl_palan")


@pytest.mark.slow
@pytest.mark.skipif(DATA not in os.environ, reason=f"{DATA} names no folder of published data")
def test_all_384_markets_come_to_the_published_table() -> None:
    found = replicate("schmidt_stoeckl_palan")
    assert len(found) == 10
    assert found["agrees"].all()
