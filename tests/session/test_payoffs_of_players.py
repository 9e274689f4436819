"""player.payoff is a Decimal; a group's or a session's field of that name is any value."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.worlds_at_rest import replayed
from uproot_nb.errors import BadPayoff, UnknownField
from uproot_nb.session.entities import Player
from uproot_nb.session.groups import create_group
from uproot_nb.session.world import World


@pytest.fixture
def player(market: World) -> Player:
    return market.players()[0]


def test_what_is_assigned_becomes_a_decimal(player: Player) -> None:
    player.payoff = 0.1
    assert isinstance(player.payoff, Decimal)
    assert str(player.payoff) == "0.1"
    assert player.fields() == {"payoff": Decimal("0.1")}
    assert [change.value for change in player.history("payoff")] == [Decimal("0.1")]


def test_a_payoff_grows_by_floats_without_a_rounding_error(player: Player) -> None:
    player.payoff = 0
    for _ in range(3):
        player.payoff += 0.1
    assert player.payoff == Decimal("0.3")
    player.payoff *= 1.5
    assert player.get("payoff") == Decimal("0.45")


def test_a_payoff_that_is_no_number_is_refused_and_the_one_before_stays(player: Player) -> None:
    player.payoff = 3
    for wrong in (None, "ten", float("nan")):
        with pytest.raises(BadPayoff, match=player.name):
            player.payoff = wrong
    assert player.payoff == 3


def test_a_player_without_a_payoff_has_none(player: Player) -> None:
    assert not hasattr(player, "payoff")
    assert player.get("payoff", 0) == 0
    player.payoff = 1
    del player.payoff
    with pytest.raises(UnknownField, match="payoff"):
        player.payoff  # noqa: B018


def test_a_payoff_is_the_same_after_a_replay_of_the_log(market: World, player: Player) -> None:
    player.payoff = "7.50"
    player.share = player.payoff / 2
    state = replayed(market)
    assert str(state.value(player.subject, "payoff")) == "7.50"
    assert type(player.share) is Decimal
    assert state.value(player.subject, "share") == player.share == Decimal("3.75")


def test_bunches_assign_and_read_payoffs(market: World) -> None:
    market.players().assign("payoff", [1, 2.5, "3", 4])
    assert market.players().each("payoff")[:2] == [1, Decimal("2.5")]


def test_a_group_and_the_session_keep_what_they_are_given(market: World) -> None:
    group = create_group(market.session, market.players()[:2])
    group.payoff = [1, 2]
    market.session.payoff = "none yet"
    assert group.payoff == [1, 2]
    assert market.session.payoff == "none yet"


def test_apps_of_the_framework_keep_what_they_assign(market: World, player: Player) -> None:
    market.has_payoffs = False
    player.payoff = None
    assert player.payoff is None
    player.payoff = 0.5
    assert type(player.payoff) is float
