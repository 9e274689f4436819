"""Recorded rules: later versions read what earlier ones wrote, and tell other rules apart."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from tests.worlds_at_rest import Worlds
from uproot_nb.errors import BadMarket
from uproot_nb.institutions import (
    BertrandMarket,
    CommonValue,
    CournotMarket,
    DutchClock,
    EnglishClock,
    Institution,
    LinearDemand,
    LiveGame,
    MultiUnitAuction,
    PostedOffer,
    PredictionMarket,
    PrivateValues,
    SealedBidAuction,
)
from uproot_nb.institutions.recorded_rules import plain_rules, rules_as_begun, rules_text

HALF = Decimal("0.5")
RULES: list[Institution] = [
    SealedBidAuction(), SealedBidAuction("second", CommonValue(25, 225, error=15), reserve=30),
    SealedBidAuction(values=PrivateValues(0, HALF * 9), tick=HALF), EnglishClock(), DutchClock(),
    MultiUnitAuction(values=PrivateValues(0, 9, units=2), feedback="price"), BertrandMarket(),
    PostedOffer(values=((9,), (8, HALF)), costs=((1, 2),), tick=HALF),
    CournotMarket(LinearDemand(HALF * 61, 2), costs=(3, 4)),
    PredictionMarket(("rain", "sun's"), accuracy=Decimal("7E-1")),
]  # fmt: skip


def rule(**settings: Any) -> Institution:
    """Return the rules of an author's class; each call stands for another version of it."""
    annotations = {name: type(value) for name, value in settings.items()}
    body = {"__annotations__": annotations, "__module__": __name__, **settings}
    made = type("Lottery", (Institution,), {**body, "__qualname__": "Lottery"})
    rules: Institution = dataclass(frozen=True)(made)()
    return rules


def written(rules: Institution, form: str) -> Any:
    """Return rules as this version writes them, or as earlier ones did."""
    return repr(rules) if form == "text" else json.loads(json.dumps(plain_rules(rules)))


both_forms = pytest.mark.parametrize("form", ["plain", "text"])


@both_forms
@pytest.mark.parametrize("rules", RULES, ids=repr)
def test_rules_are_those_that_were_written_and_no_others(rules: Institution, form: str) -> None:
    stored = written(rules, form)
    assert repr(rules_as_begun(stored, rules)) == repr(rules)
    others = [other for other in RULES if rules_as_begun(stored, other) is not None]
    assert [repr(one) for one in others] == [repr(rules)]
    assert rules_as_begun(stored, replace(rules, tick=Decimal("0.125"))) is None


@both_forms
def test_a_setting_of_a_later_version_is_no_difference_unless_it_is_written(form: str) -> None:
    stored = written(rule(prizes=3), form)
    later = rule(prizes=3, refund=HALF)
    assert rules_as_begun(stored, later) == later
    assert rules_as_begun(stored, replace(later, refund=1)) is None
    assert rules_as_begun(written(later, form), rule(prizes=3)) is None  # an older version


def test_a_period_goes_on_with_the_defaults_of_its_beginning() -> None:
    stored = written(rule(prizes=3, stakes=(1, HALF), refund=HALF), "plain")
    later = rule(prizes=4, stakes=(1, 2), refund=2)
    begun: Any = rules_as_begun(stored, later)
    assert (begun.prizes, begun.stakes, begun.refund) == (3, (1, HALF), HALF)
    assert rules_as_begun(stored, replace(later, prizes=3)) is not None  # written out
    assert rules_as_begun(stored, replace(later, prizes=5)) is None


@both_forms
def test_what_an_author_has_written_and_then_left_out_is_a_difference(form: str) -> None:
    stored = written(SealedBidAuction(reserve=5), form)
    assert rules_as_begun(stored, SealedBidAuction()) is None


def test_defaults_of_values_are_those_of_the_beginning_too() -> None:
    demand = LinearDemand(30, 1)
    stored = written(rule(demand=demand), "plain")
    later: Any = rules_as_begun(stored, rule(demand=LinearDemand(30, HALF)))
    assert later.demand == demand
    assert rules_as_begun(stored, rule(demand=PrivateValues(0, 30))) is None


@pytest.mark.parametrize("stored", ["<Lottery>", "Lottery(", "x" * 9, "Lottery(tick=f())", None, 3])
def test_what_cannot_be_read_is_another_rule_unless_it_is_the_same(stored: Any) -> None:
    assert rules_as_begun(stored, SealedBidAuction()) is None
    assert isinstance(rules_text(stored), str)


def test_rules_are_shown_as_they_are_written() -> None:
    for rules in RULES:
        shown = rules_text(plain_rules(rules))
        assert shown.startswith(f"{type(rules).__name__}(")
    assert "tick=Decimal('0.5')" in rules_text(plain_rules(SealedBidAuction(tick=HALF)))
    assert "values=PrivateValues(" in rules_text(plain_rules(SealedBidAuction()))


def test_a_session_of_an_earlier_version_goes_on() -> None:
    worlds = Worlds()
    world = worlds.open("market")
    names = [world.add_player().name for _ in range(2)]
    rules = SealedBidAuction("second", reserve=5)
    live = LiveGame.in_session(world.session, rules)
    live.start(names)
    live.model.institution = {**live.model.institution, "rules": repr(rules)}
    world.models.bound.clear()  # as after a restart
    again = LiveGame.in_session(world.session, rules)
    assert (again is live, again.institution) == (False, rules)
    assert LiveGame.find(world.session, rules) is again
    with pytest.raises(BadMarket, match=r"different rules: SealedBidAuction\(.*reserve=5"):
        LiveGame.in_session(world.session, SealedBidAuction("second"), name="sealed_bid")
    worlds.close()


def test_a_session_goes_on_in_a_later_version() -> None:
    worlds = Worlds()
    world = worlds.open("market")
    LiveGame.in_session(world.session, rule(prizes=3), name="lottery")
    world.models.bound.clear()
    again: Any = LiveGame.in_session(world.session, rule(prizes=4, refund=1), name="lottery")
    assert (again.institution.prizes, again.institution.refund) == (3, 1)
    with pytest.raises(BadMarket, match=r"different rules: Lottery\(.*prizes=3"):
        LiveGame.in_session(world.session, replace(rule(prizes=3), tick=2), name="lottery")
    worlds.close()
