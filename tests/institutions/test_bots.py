"""institution_bot over real connections: every institution is played to its end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running import serving
from uproot_nb import Page, Rounds
from uproot_nb.institutions import (
    BertrandMarket,
    BestReply,
    CommonValue,
    CournotMarket,
    DutchClock,
    Endowment,
    EnglishClock,
    EquilibriumStrategy,
    Institution,
    InstitutionPage,
    MultiUnitAuction,
    PostedOffer,
    PredictionMarket,
    PrivateValues,
    SealedBidAuction,
    ZeroIntelligence,
    institution_bot,
)

FAST = {"highest": 20, "seconds_per_tick": 0.02}


class Over(Page):
    """It is over."""


def page_of(rules: Institution) -> type[InstitutionPage]:
    return type("Game", (InstitutionPage,), {"institution": rules, "lead": 0.2})


def played(rules: Institution, strategies: list[Any], periods: int = 1) -> Any:
    with serving(Rounds(page_of(rules), n=periods), Over, players=len(strategies)) as run:  # type: ignore[arg-type]
        names = [player.name for player in run.players]
        bots = run.bots({
            place: institution_bot(strategy, pace=0.001)
            for place, strategy in enumerate(strategies)
        })  # fmt: skip
        bots.wait(60)
        assert run.errors.empty
        tables = run.institution()
        return names, tables.decisions, tables.allocations, tables.periods


@pytest.mark.parametrize(
    "rules",
    [
        SealedBidAuction("second", CommonValue(25, 225, error=15)),
        EnglishClock(PrivateValues(0, 20), **FAST),  # type: ignore[arg-type]
        EnglishClock(PrivateValues(0, 20), lowest=15, highest=20, seconds_per_tick=0.3),
        DutchClock(PrivateValues(0, 20), **FAST),  # type: ignore[arg-type]
        PostedOffer(values=((90, 70),), costs=((20, 50), (30,))),
        MultiUnitAuction("discriminatory", PrivateValues(0, 100), supply=2),
        BertrandMarket(),
        PredictionMarket(liquidity=20),
    ],
    ids=lambda rules: rules.kind,
)
@pytest.mark.parametrize("kind", [EquilibriumStrategy, ZeroIntelligence])
@pytest.mark.long
def test_robots_play_an_institution_to_its_end(rules: Institution, kind: Any) -> None:
    _, decisions, allocations, periods = played(rules, [kind(rules) for _ in range(3)])
    assert len(periods) == 1
    assert len(allocations) == 3
    assert decisions["reason"].dropna().isin(["closed", "no_cash"]).all()
    if kind is EquilibriumStrategy and rules.kind in ("sealed_bid", "multi_unit", "bertrand"):
        made = decisions.query("unit == 1").set_index("player")["amount"].astype(float)
        wanted = allocations.set_index("player")["equilibrium_amount"].astype(float)
        assert (made - wanted).abs().max() <= 0.5


@pytest.mark.parametrize("value", [10, 15, 18])
@pytest.mark.long
def test_a_single_robot_buys_at_the_first_price_if_it_is_worth_it(value: int) -> None:
    rules = EnglishClock(PrivateValues(0, 20), lowest=15, highest=20, seconds_per_tick=0.3)

    class Given(InstitutionPage):
        institution = rules
        lead = 0.2

        def endow(page, players, period):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            return {player.name: Endowment(values=(value,)) for player in players}

    with serving(Given, Over, players=1) as run:
        run.bots({0: institution_bot(EquilibriumStrategy(rules))}).wait(30)
        tables = run.institution()
        assert tables.decisions["reason"].isna().all()
        assert list(tables.periods["units"]) == [int(value >= 15)]


@pytest.mark.parametrize("kind", [CournotMarket, BertrandMarket])
@pytest.mark.long
def test_firms_decide_though_others_have_dropped_out_before_the_period(kind: Any) -> None:
    rules = kind(costs=(10, 20, 200))
    with serving(page_of(rules), Over, players=3) as run:
        gone, *there = run.players
        run.mark_dropout(gone)
        bots = run.bots({
            run.players.index(player): institution_bot(EquilibriumStrategy(rules), pace=0.001)
            for player in there
        })  # fmt: skip
        bots.wait(30)
        assert run.errors.empty
        tables = run.institution()
        made = tables.decisions.query("action != 'absent'").set_index("player")
        wanted = tables.allocations.set_index("player")["equilibrium_amount"].astype(float)
        assert made["reason"].isna().all()
        assert len(tables.periods) == 1
        assert wanted[gone.name] != wanted[gone.name]  # missing
        assert (made["amount"].astype(float) - wanted).abs().max() <= 0.5


@pytest.mark.long
def test_firms_learn_from_the_period_before() -> None:
    rules = CournotMarket()
    _, decisions, _, periods = played(rules, [BestReply(rules), BestReply(rules)], periods=8)
    assert len(periods) == 8
    assert list(decisions["amount"].iloc[-2:]) == pytest.approx([30, 30], abs=2)
