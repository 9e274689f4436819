"""Replications: our robots beside the published figures, and the documentation beside both."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import pandas
import pytest
from replications import PAGE, page, read_measured, tables

from tests.market.simulations.market_designs import Here
from uproot_nb.errors import BadMarket
from uproot_nb.market.replications import REPLICATIONS, published_figures, replicate
from uproot_nb.market.replications.comparison import compared, distance_between
from uproot_nb.market.replications.insider_trading import DATA

KEYS = ["where", "design", "periods", "statistic"]
FEW = {"gode_sunder": ["ZI-C 3", "ZI-U 3"], "gjerstad_dickhaut": ["ZI-C"]}
"""Small markets, of traders who do not listen: they are simulated in no time."""


@pytest.fixture(scope="module")
def measured() -> pandas.DataFrame:
    return read_measured()


def rows_of(frame: pandas.DataFrame, name: str) -> pandas.DataFrame:
    return frame[frame["replication"] == name].reset_index(drop=True)


# ---- the table in the documentation ------------------------------------------------------------


@pytest.mark.long
def test_the_documentation_has_the_measured_figures(measured: pandas.DataFrame) -> None:
    """After a change: python tools/replications.py."""
    text = PAGE.read_text("utf-8")
    assert page(text, measured) == text


@pytest.mark.parametrize("name", ["gode_sunder", "smith"])
def test_a_table_says_where_it_is_not_known_whether_figures_agree(
    name: str, measured: pandas.DataFrame, tmp_path: Path
) -> None:
    rows = rows_of(measured, name).astype({"agrees": object})
    rows.loc[0, ["distance", "agrees"]] = [math.nan, None]
    rows.to_csv(tmp_path / "stored.csv", index=False)
    agree = int(rows["agrees"].eq(True).sum())
    for frame in (rows, pandas.read_csv(tmp_path / "stored.csv", dtype={"periods": str})):
        text = "\n".join(tables(frame))
        assert f"{agree} of {len(rows)} figures agree. Of 1 it is not known." in text
        assert "nan" not in text
        assert ("| – | not known |" if name == "gode_sunder" else "(–)") in text


@pytest.mark.parametrize("name", REPLICATIONS)
def test_each_published_figure_was_measured(name: str, measured: pandas.DataFrame) -> None:
    """After a change of designs or figures: python tools/replications.py --measure NAME."""
    rows, figures = rows_of(measured, name), published_figures(name)
    keys = [(one.where, one.design, one.span, one.statistic, one.value) for one in figures]
    assert keys == [tuple(row) for row in rows[[*KEYS, "published"]].itertuples(index=False)]
    assert (rows["runs"] == REPLICATIONS[name].runs).all()
    computed = not REPLICATIONS[name].designs()
    for one, row in zip(figures, rows.itertuples(), strict=True):
        assert row.distance == pytest.approx(
            distance_between(one, row.ours, row.sd, row.runs, computed)
        )
        assert row.agrees == (abs(row.distance) < 3)


@pytest.mark.long
def test_designs_and_figures_name_each_other() -> None:
    for name, replication in REPLICATIONS.items():
        designs = replication.designs()
        assert set(designs) in ({one.design for one in published_figures(name)}, set())
        for figure in published_figures(name):
            if designs:
                assert figure.periods[1] <= designs[figure.design].periods


# ---- what is simulated -------------------------------------------------------------------------


def test_beliefs_after_one_trade_are_those_of_example_3() -> None:
    """All eight numbers, to the cent (Gjerstad and Dickhaut 1998, p. 20)."""
    found = replicate("gjerstad_dickhaut_example")
    assert len(found) == 8
    assert [round(one) for one in found["ours"]] == list(found["published"])


@pytest.mark.long
@pytest.mark.parametrize("name", FEW)
def test_a_few_sessions_are_near_what_was_measured_with_many(
    name: str, measured: pandas.DataFrame
) -> None:
    """Within six standard errors of the difference, or the documentation is out of date."""
    found = replicate(name, runs=2, executor=Here(), designs=FEW[name])
    many = rows_of(measured, name)
    many = many[many["design"].isin(FEW[name])].reset_index(drop=True)
    assert list(many["published"]) == list(found["published"])
    error = many["sd"] * (1 / 2 + 1 / many["runs"]) ** 0.5
    assert ((found["ours"] - many["ours"]).abs() <= 6 * error + 1e-9).all()


@pytest.mark.slow
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("name", REPLICATIONS)
def test_all_sessions_give_the_measured_figures_again(
    name: str, measured: pandas.DataFrame
) -> None:
    if name == "schmidt_stoeckl_palan" and DATA not in os.environ:
        pytest.skip(f"{DATA} names no folder of published data.")
    found, before = replicate(name), rows_of(measured, name)[[*KEYS, "published", "ours", "sd"]]
    pandas.testing.assert_frame_equal(
        found[list(before)], before, check_dtype=False, rtol=1e-9, atol=1e-12
    )


# ---- distances ---------------------------------------------------------------------------------


def test_the_distance_counts_the_spread_of_all_sessions_and_rounding() -> None:
    figure = replace(published_figures("cliff_zip")[0], value=2.0, spread=0.2, runs=3, rounded=0.1)
    row = compared(figure, [2.1, 2.3])
    variance = (0.02 + 2 * 0.2**2) / 3
    error = math.sqrt(variance * (1 / 2 + 1 / 3) + 0.1**2 / 12)
    assert row["distance"] == pytest.approx(0.2 / error)
    bare = replace(figure, spread=None, runs=1)
    alone = math.sqrt(0.02 * (1 / 2 + 1) + 0.1**2 / 12)
    assert compared(bare, [2.1, 2.3])["distance"] == pytest.approx(0.2 / alone)
    near, far = compared(bare, [2.1, 2.3]), compared(bare, [2.3, 2.30001])
    assert (near["agrees"], far["agrees"]) == (True, False)


def test_an_unknown_replication_names_those_there_are() -> None:
    with pytest.raises(BadMarket, match="no replication 'smith_1776'") as refused:
        replicate("smith_1776")
    assert "'gode_sunder'" in str(refused.value)


def test_an_unknown_design_names_those_there_are() -> None:
    for designs in ("ZI-C", ["ZI-C 3", "ZI-C"]):
        with pytest.raises(BadMarket, match="no design 'ZI-C'") as refused:
            replicate("gode_sunder", designs=designs)
        assert "'ZI-C 3'" in str(refused.value)
    (one,) = replicate("gjerstad_dickhaut_example", designs="buyer 1")["design"]
    assert one == "buyer 1"


def test_one_session_alone_has_no_distance() -> None:
    figure = replace(published_figures("cliff_zip")[0], spread=None, runs=1)
    row = compared(figure, [2.1])
    assert math.isnan(row["distance"])
    assert row["agrees"] is None
    known = replace(figure, spread=0.2, runs=3)
    assert not math.isnan(compared(known, [2.1])["distance"])
