"""LiveGame: what is in the log is what was decided, whoever folds it, and however odd it is."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.worlds_at_rest import Worlds
from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.institutions import (
    Decision,
    Endowment,
    Game,
    Institution,
    LiveGame,
    Move,
    MultiUnitAuction,
    PostedOffer,
    PredictionMarket,
    PrivateValues,
    SealedBidAuction,
)
from uproot_nb.institutions.entries import decision_entry, decision_in, decision_rows, refusal_entry

MONEY = st.one_of(
    st.integers(-(10**12), 10**12), st.decimals(-(10**9), 10**9, places=3).map(Decimal.normalize)
)
ODD: Any = st.one_of(
    st.none(), st.booleans(), st.text(max_size=50), st.floats(), st.integers(), st.decimals(),
    st.lists(st.integers(), max_size=2),
)  # fmt: skip


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


@given(
    st.builds(
        Endowment, st.sampled_from(["bidder", "seller"]), st.lists(MONEY).map(tuple),
        st.lists(MONEY).map(tuple), st.one_of(st.none(), MONEY, st.text()), st.none() | MONEY,
    )
)  # fmt: skip
def test_an_endowment_is_what_was_written(own: Endowment) -> None:
    assert Endowment.from_plain(as_json(own.plain())) == own


@given(st.text(), st.text(), st.lists(MONEY).map(tuple), st.text())
def test_decisions_and_moves_are_what_was_written(
    player: str, action: str, amounts: Any, target: str
) -> None:
    decision = Decision(player, action, amounts, target)
    assert decision_in(as_json(decision_entry(decision, None))) == decision
    move = Move(action, amounts, target)
    assert Move.from_plain(as_json(move.plain())) == move


@given(st.lists(ODD, max_size=3), ODD)
def test_whatever_was_refused_can_be_stored_and_tabulated(amounts: Any, sent: Any) -> None:
    asked = Decision("ann", "bid" * 50, tuple(amounts), "x" * 50)
    entry = as_json(refusal_entry(asked, OrderRefused("no_amount", "No."), sent))
    rows = list(decision_rows(entry, 1.0, 1))
    assert len(rows) == max(1, len(amounts))
    assert {row["reason"] for row in rows} == {"no_amount"}
    assert decision_in(entry) is None


INSTITUTIONS: list[Institution] = [
    SealedBidAuction(reserve=3), MultiUnitAuction(values=PrivateValues(0, 9, units=2)),
    PostedOffer(values=((9,), (8,)), costs=((1, 2),)),
    PredictionMarket(liquidity=5, tick=Decimal("0.01")),
]  # fmt: skip
ASKED = st.tuples(
    st.integers(0, 2), st.sampled_from(["bid", "pass", "offer", "buy", "sell", "done"]),
    st.lists(st.integers(0, 12), max_size=2), st.sampled_from(["", "1", "A", "B"]),
    st.sampled_from(["decide", "decide", "decide", "leave out", "fold anew"]),
)  # fmt: skip


@examples(40)
@given(st.sampled_from(INSTITUTIONS), st.lists(ASKED, max_size=12))
def test_whoever_folds_the_log_gets_the_same_game(institution: Institution, steps: Any) -> None:
    """Also after each restart; and the rules alone decide the same."""
    worlds = Worlds()
    world = worlds.open("market")
    names = [world.add_player().name for _ in range(3)]
    live = LiveGame.in_session(world.session, institution)
    live.start(names)
    pure = Game(live.game.endowments, seed=live.seed)
    for player, action, amounts, target, what in steps:
        asked = Decision(names[player], action, tuple(amounts), target)
        if what == "fold anew":
            live = LiveGame(live.model, institution)
        elif what == "leave out":
            if not institution.is_over(pure, 0) and not pure.is_absent(names[player]):
                pure = pure.after(Decision(names[player], "absent"))
            live.leave_out(names[player])
        else:
            with suppress(OrderRefused):
                pure = pure.after(institution.check(pure, asked, 0.0))
            with suppress(OrderRefused):
                live.decide(names[player], action, amounts, target)
        assert live.game == pure
        assert live.is_open == (not institution.is_over(pure, 0))
    if not live.is_open:
        assert live.result == institution.result(pure)
    worlds.close()


def test_nobody_is_without_an_endowment() -> None:
    worlds = Worlds()
    world = worlds.open("market")
    live = LiveGame.in_session(world.session, SealedBidAuction())
    with pytest.raises(BadMarket, match="No endowment"):
        live.start(["ann", "bob"], {"ann": Endowment(values=(1,))})
    assert not live.is_started
    assert LiveGame.find(world.session, SealedBidAuction(), period=2) is None
    worlds.close()
