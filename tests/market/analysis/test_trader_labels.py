"""Trader labels: own ones, else a role and a place, the same in all periods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.running import serving
from uproot_nb import Page
from uproot_nb.log.state import PlayerState
from uproot_nb.market import InducedValues, Market, plots
from uproot_nb.market.analysis.trader_labels import induced_roles, trader_labels


class Over(Page):
    """It is over."""


def test_a_label_is_ones_own_or_the_role_of_the_first_period_with_units() -> None:
    names = ["ann", "bob", "cy", "di", "ed"]
    players = {name: PlayerState(id=place) for place, name in enumerate(names)}
    players["di"].label = "PC 4"
    periods = [induced_roles({"ann"}, ()), induced_roles({"cy", "bob"}, {"ann", "cy"})]
    assert trader_labels(players, periods) == {
        "ann": "Buyer 1", "bob": "Buyer 2", "cy": "Player 3", "di": "PC 4", "ed": "Player 5",
    }  # fmt: skip


@pytest.mark.long
def test_labels_stand_beside_names_in_tables_and_exports(tmp_path: Path) -> None:
    with serving(Over, players=0) as run:
        east, other = (run._runtime.world.add_player(label=label) for label in ("east", None))
        market = Market.in_session(run.session)
        with run.lock:
            market.induce(InducedValues({east.name: [90]}, {other.name: [20]}))
            market.limit(east, "buy", 60)
            market.limit(other, "sell", 55)
        tables = run.market()
        assert list(tables.trades.columns[7:11]) == [
            "buyer",
            "buyer_label",
            "seller",
            "seller_label",
        ]
        assert tables.trades.iloc[0][["buyer_label", "seller_label"]].tolist() == [
            "east",
            "Seller 2",
        ]
        assert list(tables.traders["label"]) == ["east", "Seller 2"]
        assert list(tables.induced_values["label"]) == ["east", "Seller 2"]
        for left_out in ("", "scrub", "anonymous"):
            how: Any = {left_out: True} if left_out else {}
            folder = run.export(tmp_path / f"out{left_out}", progress=False, **how)
            trades = pd.read_csv(Path(folder) / "markets" / "market" / "trades.csv")
            found = trades["buyer_label"].tolist() if "buyer_label" in trades else []
            assert found == ([] if left_out else ["east"])


@pytest.mark.long
def test_a_legend_has_labels() -> None:
    pytest.importorskip("matplotlib")
    with serving(Over) as run:
        ann, bob = run.players
        market = Market.in_session(run.session)
        with run.lock:
            market.induce(InducedValues({ann.name: [90]}, {bob.name: [20]}))
        _, names = plots.profits(run.market(), by="label").get_legend_handles_labels()
        assert {"Buyer 1", "Seller 2"} <= set(names)
