"""A study: arms, sessions and groups of a design, simulated and recorded, in the same tables."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas
import pytest

from tests.market.simulations.market_designs import VALUES, Here, same
from tests.running import serving
from uproot_nb import create_group
from uproot_nb.errors import BadMarket
from uproot_nb.market import Design, Market, Rules, session_tables, simulate_markets
from uproot_nb.market.traders import ZIC, ZIP

STUDY = Design(
    VALUES, ZIC, periods=2, practice=1, steps=60, shifts={2: {"demand": 10}},
    arms={"zic": {}, "zip": {"traders": ZIP}, "call": {"rules": Rules(call=True), "groups": 2}},
)  # fmt: skip
TABLES = ["periods", "trades", "induced_values"]


@pytest.fixture(scope="module")
def study() -> dict[str, pandas.DataFrame]:
    return simulate_markets(STUDY, [3, 1], Here(), progress=False, tables=TABLES, chunk=1)


@pytest.mark.long
def test_each_arm_has_its_sessions_and_each_session_its_groups(
    study: dict[str, pandas.DataFrame],
) -> None:
    markets = study["markets"]
    assert markets[["arm", "session", "group"]].to_numpy().tolist() == [
        ["zic", "zic 3", 1], ["zic", "zic 1", 1], ["zip", "zip 3", 1], ["zip", "zip 1", 1],
        ["call", "call 3", 1], ["call", "call 3", 2], ["call", "call 1", 1], ["call", "call 1", 2],
    ]  # fmt: skip
    periods = study["periods"]
    assert list(periods.columns[:4]) == ["arm", "session", "group", "period"]
    assert len(periods) == 2 * len(markets)
    assert (periods["trades"] > 0).any()


@pytest.mark.long
def test_a_sessions_name_is_its_seed(study: dict[str, pandas.DataFrame]) -> None:
    trades = study["trades"]
    for arm, group, seed in [("zip", 1, "zip 1"), ("call", 2, "call 3/2")]:
        alone = STUDY.arm(arm).simulate(seed)
        mine = trades[(trades["session"] == seed.partition("/")[0]) & (trades["group"] == group)]
        assert list(mine["price"]) == list(alone.trades["price"])


@pytest.mark.long
def test_sessions_of_different_arms_share_no_draws() -> None:
    twins = Design(VALUES, ZIC, steps=60, arms={"one": {}, "other": {}})
    trades = simulate_markets(twins, [1], Here(), progress=False, tables=["trades"])["trades"]
    one, other = (list(prices) for _, prices in trades.groupby("arm")["price"])
    assert one != other


def test_sessions_of_the_same_name_are_refused() -> None:
    named = Design(VALUES, ZIC, steps=60, arms={"call": {}, "call 3": {}})
    seeds = ["3 1", "1"]
    with pytest.raises(BadMarket, match=r"'call' and 'call 3' both have a session 'call 3 1'"):
        simulate_markets(named, seeds, Here(), progress=False)
    made = simulate_markets(named, seeds[1:], Here(), progress=False)
    assert list(made["session"]) == ["call 1", "call 3 1"]
    with pytest.raises(BadMarket, match="same seed twice"):
        simulate_markets(named, [1, "1"], Here(), progress=False)


def test_without_groups_and_arms_there_is_one_arm_and_no_column_of_groups() -> None:
    design = Design(VALUES, ZIC, steps=30, name="alone")
    markets = simulate_markets(design, [1, 2], Here(), progress=False)
    assert markets[["arm", "session"]].to_numpy().tolist() == [
        ["alone", "alone 1"], ["alone", "alone 2"],
    ]  # fmt: skip
    assert "group" not in markets


@pytest.mark.long
def test_a_study_is_the_same_by_threads_and_from_a_folder(
    study: dict[str, pandas.DataFrame], tmp_path: Path
) -> None:
    with ThreadPoolExecutor(2) as threads:
        assert same(simulate_markets(STUDY, [3, 1], threads, False, tables=TABLES, chunk=3), study)
    for _ in range(2):
        here = Here()
        found = simulate_markets(STUDY, [3, 1], here, False, tables=TABLES, folder=tmp_path / "s")
        assert same(found, study)
    assert here.tasks == 0
    with pytest.raises(BadMarket, match="other seeds"):
        simulate_markets(STUDY, [3, 2], here, False, tables=TABLES, folder=tmp_path / "s")


def test_arms_are_no_designs_of_the_same_names(tmp_path: Path) -> None:
    """Their sessions have other seeds, so a folder of one is not that of the other."""
    study = Design(VALUES, ZIC, steps=30, arms={"zic": {}})
    simulate_markets(study, [1], Here(), False, folder=tmp_path / "s")
    with pytest.raises(BadMarket, match="other seeds"):
        simulate_markets({"zic": study.arm("zic")}, [1], Here(), False, folder=tmp_path / "s")
    for several in (study, Design(VALUES, ZIC, groups=2)):
        with pytest.raises(BadMarket, match="several arms or groups"):
            simulate_markets({"study": several}, [1], Here(), False)


@pytest.mark.long
def test_a_recorded_session_has_the_tables_of_a_simulated_one(
    study: dict[str, pandas.DataFrame],
) -> None:
    arm = STUDY.arm("zip")
    with serving(*arm.pages(), players=arm.players) as run:
        nothing = session_tables(run, arm, session="lab", tables=TABLES)
        assert list(nothing["periods"]) == [c for c in study["periods"] if c != "group"]
        assert all(table.empty for table in nothing.values())
        for name, period in (("practice", 1), ("market", 1), ("market", 2)):
            market = Market.in_session(run.session, name=name, period=period)
            market.induce(arm.values_in(period))
            market.limit("b1", "buy", 60)
            market.limit("s1", "sell", 50)
        lab = session_tables(run, arm, session="lab", tables=TABLES)
    assert lab["periods"][["arm", "session", "period", "trades"]].to_numpy().tolist() == [
        ["zip", "lab", 1, 1], ["zip", "lab", 2, 1],
    ]  # fmt: skip
    assert lab["trades"]["price"].tolist() == [60, 60]
    both = pandas.concat([study["periods"], lab["periods"]], ignore_index=True)
    assert both.drop(columns="group").dtypes.equals(study["periods"].drop(columns="group").dtypes)
    assert lab["markets"]["volume"].tolist() == [2]


@pytest.mark.long
def test_the_groups_of_a_recorded_session_are_numbered_by_their_places() -> None:
    arm = Design(VALUES, periods=1, groups=2, name="two")
    with serving(*arm.pages(), players=arm.players) as run:
        size = len(arm.seats)
        for number in (2, 1):  # the second group is the first to be complete
            members = run.players[(number - 1) * size : number * size]
            group = create_group(run.session, members)
            market = Market.in_session(run.session, group=group)
            for price in range(10, 10 + number):
                market.limit(members[0], "buy", price)
                market.limit(members[1], "sell", price)
        lab = session_tables(run, arm, session="lab", tables=["trades"])
    assert lab["markets"][["session", "group", "trades"]].to_numpy().tolist() == [
        ["lab", 1, 1], ["lab", 2, 2],
    ]  # fmt: skip
    assert list(lab["trades"]["group"]) == [1, 2, 2]
