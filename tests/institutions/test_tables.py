"""InstitutionTables: their columns, from simulations and logs, and in exports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas
import pytest

from uproot_nb import Page
from uproot_nb.errors import OrderRefused, UprootError
from uproot_nb.institutions import (
    CommonValue,
    Endowment,
    EquilibriumStrategy,
    InstitutionPage,
    LiveGame,
    PostedOffer,
    PredictionMarket,
    SealedBidAuction,
    ZeroIntelligence,
    simulate_institution,
)
from uproot_nb.institutions.columns import COLUMNS, ENTRY_FIELDS, frame_of
from uproot_nb.institutions.refusals import REFUSAL_TEXTS
from uproot_nb.institutions.tables import INSTITUTION_TABLES
from uproot_nb.institutions.words import WORD_TEXTS
from uproot_nb.testing import Served, served

ROOT = Path(__file__).parents[2]


class Auction(InstitutionPage):
    """Bid."""

    institution = SealedBidAuction("second", reserve=10)


class Over(Page):
    """It is over."""


@pytest.fixture
def session() -> Iterator[Served]:
    with served([Auction, Over], players=2) as session:
        yield session


def play(session: Served) -> None:
    game = LiveGame.in_session(session.run.session, Auction.institution)
    names = [player.name for player in session.run.players]
    game.start(names)
    with pytest.raises(OrderRefused):
        game.decide(names[0], "bid", ["odd"])
    game.decide(names[0], "bid", [40], client_time=3.5)
    game.decide(names[1], "pass")


@pytest.mark.parametrize("name", INSTITUTION_TABLES)
def test_a_table_has_the_columns_that_are_documented(name: str) -> None:
    auction = SealedBidAuction()
    tables = simulate_institution(auction, {"ann": EquilibriumStrategy(auction)})
    for frame in (getattr(tables, name), frame_of(name, [])):
        types = frame.dtypes.astype(str).to_dict()
        assert types == {column: about.dtype for column, about in COLUMNS[name].items()}
    assert len(getattr(tables, name)) == 1


def test_what_everybody_was_given_is_there_for_winners_and_losers(session: Served) -> None:
    """In sessions from the log, while the period lasts, too; in simulations likewise."""
    game = LiveGame.in_session(session.run.session, Auction.institution, name="given")
    ann, bob = (player.name for player in session.run.players)
    game.start([ann, bob], {ann: Endowment(values=(Decimal("40.5"),)), bob: Endowment(values=(9,))})
    given = session.run.institution("given").endowments
    columns = ["period", "player", "role", "item", "unit", "amount"]
    rows = given[columns].astype(object).values.tolist()
    assert rows == [[1, ann, "bidder", "value", 1, 40.5], [1, bob, "bidder", "value", 1, 9.0]]

    def dealt(rules: Any, players: int) -> list[list[Any]]:
        robots = {f"p{n}": ZeroIntelligence(rules) for n in range(players)}
        found = simulate_institution(rules, robots, seed=1).endowments
        shown = found[["player", "item", "unit", "amount", "target"]].astype(object)
        return shown.where(shown.notna(), "").values.tolist()

    assert dealt(PostedOffer(values=((90, 70),), costs=((20,),)), 2) == [
        ["p0", "cost", 1, 20.0, ""], ["p1", "value", 1, 90.0, ""], ["p1", "value", 2, 70.0, ""],
    ]  # fmt: skip
    common = dealt(SealedBidAuction("first", CommonValue(25, 225, error=15)), 2)
    assert [row[1] for row in common] == ["value", "estimate"] * 2
    assert common[0][3] == common[2][3]
    hint, cash = dealt(PredictionMarket(("rain", "sun"), cash=500), 1)
    assert (hint[1], hint[3], hint[4] in ("rain", "sun")) == ("hint", "", True)
    assert cash[1:] == ["cash", 1, 500.0, ""]


def test_a_log_gives_the_same_tables_with_timestamps(session: Served) -> None:
    play(session)
    tables = session.run.institution()
    assert tables.decisions["reason"].astype(object).fillna("").tolist() == ["no_amount", "", ""]
    assert tables.decisions["client_time"].iloc[1] == 3.5
    assert tables.decisions["amount"].isna().tolist() == [True, False, True]
    stamps = tables.decisions["timestamp"]
    seconds = (stamps - pandas.Timestamp(0, tz="UTC")).dt.total_seconds()
    assert (seconds - tables.decisions["time"]).abs().max() < 1e-6
    (period,) = tables.periods.to_dict("records")
    assert (period["price"], period["units"], period["revenue"]) == (10, 1, 10)


def test_the_documented_table_of_bids_and_values_has_no_refused_bids(session: Served) -> None:
    play(session)
    (code,) = (
        block.partition("```")[0]
        for block in (ROOT / "docs/institutions.md").read_text("utf-8").split("```python\n")
        if 'suffixes=("_bid", "_value")' in block.partition("```")[0]
    )
    known: dict[str, Any] = {"tables": session.run.institution()}
    exec(code, known)
    bids = known["bids"]
    assert bids["amount_bid"].tolist() == [40]
    assert bids["amount_value"].notna().all()


def test_the_equilibrium_of_given_values_is_missing(session: Served) -> None:
    auction = SealedBidAuction("first")
    names = [player.name for player in session.run.players]
    for period in (1, 2):
        game = LiveGame.in_session(session.run.session, auction, name="first", period=period)
        given = {name: Endowment(values=(50,)) for name in names} if period == 2 else None
        game.start(names, given)
        game.settle(at_once=True)
    tables = session.run.institution("first")
    assert tables.periods["equilibrium_price"].isna().tolist() == [False, True]
    assert tables.allocations["equilibrium_amount"].isna().tolist() == [False, False, True, True]


def test_the_tables_are_empty_before_anybody_has_decided_and_names_are_known(
    session: Served,
) -> None:
    assert session.run.institution().periods.empty
    with pytest.raises(UprootError, match="'sealed_bid'"):
        session.run.institution("lottery")


def test_a_log_has_labels_beside_names(session: Served) -> None:
    east, other = (session.run._runtime.world.add_player(label=one) for one in ("east", None))
    game = LiveGame.in_session(session.run.session, Auction.institution, name="late")
    game.start([east, other])
    game.decide(other, "bid", [40])
    assert session.run.institution("late").decisions["label"].tolist() == ["Bidder 4"]
    game.decide(east, "pass")
    tables = session.run.institution("late")
    assert tables.decisions["label"].tolist() == ["Bidder 4", "east"]
    for table in (tables.allocations, tables.endowments):
        columns = list(table)
        assert columns[columns.index("player") + 1] == "label"
        assert table["label"].tolist() == ["east", "Bidder 4"]
    for name in tables.names:
        assert ("player" in getattr(tables, name)) == ("label" in getattr(tables, name)), name


@pytest.mark.long
@pytest.mark.parametrize("left_out", ["scrub", "anonymous"])
def test_an_export_for_others_has_no_labels(session: Served, tmp_path: Path, left_out: str) -> None:
    east = session.run._runtime.world.add_player(label="east-wing")
    game = LiveGame.in_session(session.run.session, Auction.institution, name="late")
    game.start([east, session.run.players[0]])
    game.settle(at_once=True)
    whose: Any = {left_out: True}
    folder = session.run.export(tmp_path / "out", progress=False, **whose)
    files = [file for file in Path(folder).rglob("*") if file.is_file()]
    assert not any("east-wing" in file.read_text("utf-8", "replace") for file in files)
    for name in ("decisions", "endowments", "allocations"):
        frame = pandas.read_csv(Path(folder) / "institutions" / "late" / f"{name}.csv")
        assert "player" in frame
        assert "label" not in frame


@pytest.mark.long
def test_an_export_has_the_tables_and_their_codebook(session: Served, tmp_path: Path) -> None:
    play(session)
    folder = session.run.export(tmp_path / "out")
    codebook: dict[str, Any] = json.loads((folder / "codebook.json").read_text("utf-8"))
    for name in INSTITUTION_TABLES:
        file = f"institutions/sealed_bid/{name}"
        frame = pandas.read_csv(folder / f"{file}.csv")
        assert len(frame) == len(getattr(session.run.institution(), name))
        assert set(codebook[file]) == set(frame.columns)
        for column, about in COLUMNS[name].items():
            assert codebook[file][column]["meaning"] == about.meaning
    model = codebook["models/sealed_bid-1"]
    assert {name for name in model if name in ENTRY_FIELDS} == set(ENTRY_FIELDS)
    assert all(model[name]["meaning"] for name in ENTRY_FIELDS)
    assert "institutions/" in (folder / "README.txt").read_text("utf-8")


def test_robots_of_all_kinds_fill_the_same_tables() -> None:
    auction = SealedBidAuction()
    robots = {"ann": ZeroIntelligence(auction), "bob": EquilibriumStrategy(auction)}
    tables = simulate_institution(auction, robots, periods=3, seed=1)
    assert list(tables.periods["period"]) == [1, 2, 3]
    assert list(tables.allocations["player"]) == ["ann", "bob"] * 3


def test_each_text_is_listed_once() -> None:
    assert len(set(WORD_TEXTS)) == len(WORD_TEXTS)
    assert len(set(REFUSAL_TEXTS)) == len(REFUSAL_TEXTS)
