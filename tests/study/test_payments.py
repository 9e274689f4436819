"""What players are paid, and that nobody is paid twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from uproot_nb import Page, Payment, UprootError, leave, open_log, rerun, serve
from uproot_nb.errors import AlreadyPaid, BadPayment, BadPayoff, ClosedRun
from uproot_nb.log.state import State
from uproot_nb.testing import Served, served


class Task(Page):
    """# Task"""


RULE = Payment(currency="EUR", fee={"done": 5, "lobby": "2.50"}, per_point="0.10", round_to="0.05")


def paying(players: int = 3, payment: Any = RULE, **options: Any) -> Served:
    return served([Task], players=players, names={"payment": payment}, **options)


def finished(session: Served, *payoffs: Any) -> None:
    """Let the first participants finish with these payoffs."""
    for participant, payoff in zip(session, payoffs, strict=False):
        participant.player.payoff = payoff
        participant.submit()


def replayed(run: Any) -> State:
    world = run._runtime.world
    world.journal.commit()
    return State(world.codec).apply_all(world.log.read(world.name))


@pytest.mark.long
def test_a_row_says_what_each_player_is_paid_and_why() -> None:
    with paying(4) as session:
        finished(session, 12, 0.4)
        leave(session[2].player, "lobby")
        table = session.run.payments
        assert list(table) == [
            "player", "label", "ended_as", "points", "fee", "amount", "paid", "note",
        ]  # fmt: skip
        assert table["player"].tolist() == [p.player.name for p in session]
        assert table["ended_as"].tolist() == ["done", "done", "lobby", "still in"]
        assert table["points"].tolist() == [Decimal(12), Decimal("0.4"), None, None]
        assert list(map(str, table["fee"])) == ["5.00", "5.00", "2.50", "None"]
        assert list(map(str, table["amount"])) == ["6.20", "5.05", "2.50", "None"]
        assert table["amount"].sum() == Decimal("13.75")
        assert (table["paid"].dtype, table["paid"].any()) == (bool, False)


@pytest.mark.long
def test_the_table_is_the_same_of_a_database_that_is_only_read(tmp_path: Path) -> None:
    with paying(db=tmp_path / "lab.sqlite3") as session:
        finished(session, 12, 3)
        session.run.mark_paid(session[0].player)
        table = session.run.payments
        with open_log(tmp_path / "lab.sqlite3") as recording:
            assert recording.payments.equals(table)
            recording.payment = Payment(fee=1)
            assert str(recording.payments["amount"][1]) == "4.00"
        assert session.run.payments.equals(table)


def test_a_session_without_a_rule_says_how_to_write_one() -> None:
    with served([Task]) as session:
        assert session.run.payment is None
        with pytest.raises(UprootError, match=r"no payment rule\.\nWrite payment = Payment\("):
            session.run.payments  # noqa: B018
        session.run.payment = Payment(fee=3)
        assert replayed(session.run).payment == Payment(fee=3).as_dict()
        with pytest.raises(UprootError, match="is not a payment rule"):
            session.run.payment = 3


def test_a_rule_that_is_none_raises_and_a_function_of_that_name_is_the_authors_own(
    tmp_path: Path,
) -> None:
    for wrong in (5, "5 EUR", {"fee": 5}, Payment):
        with pytest.raises(BadPayment, match=r"payment = .* is not a payment rule"):
            paying(payment=wrong)
    with paying(payment=finished) as session:
        assert session.run.payment is None
    with pytest.raises(UprootError, match=r"serve\(payment=5\): give a rule"):
        serve([Task], payment=5, db=tmp_path / "lab.sqlite3")  # type: ignore[arg-type]


def test_a_misspelt_outcome_is_a_warning_with_the_nearest_name() -> None:
    options: Any = {"db": ":memory:", "embedded": True, "port": 0}
    for rule, meant in (
        (Payment(fee={"dne": 3}), r"end as 'dne'\.\nDid you mean 'done'\?"),
        (Payment(pay_for={"screend"}), r"end as 'screend'\.\nDid you mean 'screened'\?"),
    ):
        with pytest.warns(UserWarning, match=meant):
            serve([Task], **options, namespace={"payment": rule}).close()
    own = Payment(fee={"done": 5, "quit": 1, "dropped out": 2, "still in": 1})
    names: dict[str, Any] = {"payment": own, "exits": {"quit": {"text": "Bye."}}}
    with serve([Task], **options, namespace=names) as run:
        assert run.payment == own


def test_the_rule_is_that_of_the_latest_serve() -> None:
    """A cell that runs again brings a corrected rule; an argument goes before the name."""
    names: dict[str, Any] = {"payment": RULE}
    options: Any = {"name": "lab", "db": ":memory:", "embedded": True, "port": 0}
    with serve([Task], **options, namespace=names) as run:
        assert run.payment == RULE
        names["payment"] = Payment(fee=7)
        assert serve([Task], **options, namespace=names) is run
        assert run.payment == Payment(fee=7)
        serve([Task], **options, namespace=names, payment=Payment(fee=8))
        assert run.payment == Payment(fee=8)


def test_who_has_finished_without_a_payoff_is_named_and_has_no_amount() -> None:
    with paying() as session:
        session[0].submit()
        with pytest.warns(UserWarning, match=rf"{session[0].player.name} \(has finished without"):
            table = session.run.payments
        assert table["amount"][0] is None
        with pytest.raises(UprootError, match=r"without a payoff.*\nGive them a payoff"):
            session.run.mark_paid(session[0].player)
        session.run.set(session[0].player, payoff=0)
        assert str(session.run.payments["amount"][0]) == "5.00"


def test_a_negative_payoff_is_said_and_never_makes_less_than_the_minimum() -> None:
    with paying() as session:
        finished(session, -20, -80)
        with pytest.warns(UserWarning, match=r"-20 points make 3\.00\).*-3\.00, raised to 0\.00\)"):
            table = session.run.payments
        assert list(map(str, table["amount"][:2])) == ["3.00", "0.00"]


def test_whoever_marks_a_loss_as_paid_is_warned() -> None:
    with paying() as session:
        finished(session, -20)
        with pytest.warns(UserWarning, match=r"Negative payoffs: .*-20 points make 3\.00"):
            session.run.mark_paid(session[0].player)


@pytest.mark.parametrize("amount", ["NaN", "-1", "ten", -2, "0.001", True, float("inf")])
def test_an_amount_by_hand_that_cannot_be_paid_is_refused(amount: Any) -> None:
    with paying() as session, pytest.raises(BadPayment, match=r"^mark_paid\(amount=") as refused:
        session.run.mark_paid(session[0].player, amount=amount)
    assert "Payment(" not in str(refused.value)


def test_a_payoff_of_an_app_that_is_no_number_is_said() -> None:
    with paying() as session:
        session.run._runtime.world.has_payoffs = False
        finished(session, "ten", None, "7")
        with pytest.warns(UserWarning, match=r"payoff cannot be 'ten'.*without a payoff"):
            table = session.run.payments
        assert list(map(str, table["amount"])) == ["None", "None", "5.70"]


@pytest.mark.long
def test_a_payoff_by_hand_that_is_no_number_changes_nothing() -> None:
    with paying() as session:
        before = len(session.run.events)
        with pytest.raises(BadPayoff):
            session.run.set(session.run.players, payoff="ten")
        assert len(session.run.events) == before


def test_marking_is_an_intervention_with_the_amount() -> None:
    with paying() as session:
        finished(session, 12)
        ann = session[0].player
        assert list(session.run.mark_paid(ann)) == [ann]
        events = session.run.events
        assert events["kind"].tolist()[-2:] == ["intervention", "pay"]
        assert events["value"].iloc[-1] == {"paid": True, "amount": "6.20", "currency": "EUR"}
        assert session.run.payments["paid"].tolist() == [True, False, False]


def test_nobody_is_marked_twice_and_the_error_says_when() -> None:
    with paying(now=1_800_000_000.0) as session:
        finished(session, 12, 3)
        ann, bob, _ = session.run.players
        session.run.mark_paid(ann)
        again = rf"{ann.name} has been marked as paid since 2027-01-15 08:00:\d\d UTC: 6\.20 EUR"
        with pytest.raises(AlreadyPaid, match=again):
            session.run.mark_paid([bob, ann])
        assert session.run.payments["paid"].tolist() == [True, False, False]
        session.run.mark_paid([bob, bob.name])
        assert session.run.payments["paid"].tolist() == [True, True, False]


@pytest.mark.long
def test_who_is_paid_stays_paid_after_the_kernel_was_killed(tmp_path: Path) -> None:
    """What the log has when `mark_paid` returns is all that the next kernel knows."""
    with paying(db=tmp_path / "lab.sqlite3") as session:
        finished(session, 12)
        session.run.mark_paid(session[0].player)
        with open_log(tmp_path / "lab.sqlite3") as recording:
            assert recording.payments["paid"].tolist() == [True, False, False]
    with paying(db=tmp_path / "lab.sqlite3", arrive=False) as session, pytest.raises(AlreadyPaid):
        session.run.mark_paid(session[0].player)


def test_who_is_paid_stays_paid_in_a_snapshot() -> None:
    with paying() as session:
        finished(session, 12)
        session.run.mark_paid(session[0].player)
        state = replayed(session.run)
        loaded = State(state.codec).load(state.dump())
        name = session[0].player.name
        assert loaded.players[name].paid == state.players[name].paid != None  # noqa: E711
        assert loaded.payment == RULE.as_dict()


def test_what_was_paid_stays_what_it_was_when_the_rule_changes() -> None:
    with paying() as session:
        finished(session, 12, 12)
        session.run.mark_paid(session[0].player)
        session.run.payment = Payment(fee=100)
        assert list(map(str, session.run.payments["amount"][:2])) == ["6.20", "112.00"]


def test_an_amount_by_hand_is_logged_to_the_cent() -> None:
    with paying() as session:
        session.run.mark_paid(session[0].player, amount="1.5")
        assert str(session.run.payments["amount"][0]) == "1.50"
        with pytest.raises(UprootError, match=r"no coin below 0\.01 EUR"):
            session.run.mark_paid(session[1].player, amount="1.505")
        with pytest.raises(UprootError, match=r"by the payment rule they get nothing"):
            session.run.mark_paid(session[1].player)


def test_a_mark_can_be_taken_back() -> None:
    with paying() as session:
        finished(session, 12)
        session.run.mark_paid(session[0].player)
        session.run.mark_unpaid(session[0].player)
        assert not session.run.payments["paid"].any()
        with pytest.raises(UprootError, match="Not marked as paid"):
            session.run.mark_unpaid(session[0].player)
        session.run.mark_paid(session[0].player)


def test_a_closed_run_marks_nobody() -> None:
    with paying() as session:
        finished(session, 12)
        run = session.run
    with pytest.raises(ClosedRun):
        run.mark_paid(run.players[0])
    assert str(run.payments["amount"][0]) == "6.20"


@examples(30)
@given(st.lists(st.sets(st.integers(0, 3), min_size=1), max_size=6))
def test_in_whatever_order_players_are_marked_each_is_paid_at_most_once(
    marks: list[set[int]],
) -> None:
    with paying(4) as session:
        finished(session, 1, 2, 3, 4)
        paid: list[int] = []
        for chosen in marks:
            try:
                session.run.mark_paid([session[n].player for n in chosen])
                paid.extend(chosen)
            except AlreadyPaid:
                assert chosen & set(paid)
        assert len(paid) == len(set(paid))
        assert session.run.payments["paid"].tolist() == [n in paid for n in range(4)]


@pytest.mark.long
def test_a_rerun_pays_by_todays_rule_and_finds_no_difference(tmp_path: Path) -> None:
    with paying(db=tmp_path / "lab.sqlite3") as session:
        finished(session, 12, 3)
        session.run.mark_paid(session[0].player)
        session.run.mark_unpaid(session[0].player)
        session.run.payment = Payment(fee=1)
    with open_log(tmp_path / "lab.sqlite3") as recording:
        again = rerun(recording, [Task], namespace={"payment": RULE})
        assert again.same
        assert str(again.payments["amount"][0]) == "6.20"


def test_two_threads_that_mark_the_same_player_mark_them_once() -> None:
    with paying() as session, ThreadPoolExecutor(4) as pool:
        finished(session, 12)
        ann = session[0].player

        def mark(_: int) -> bool:
            try:
                return bool(session.run.mark_paid(ann))
            except AlreadyPaid:
                return False

        assert sum(pool.map(mark, range(4))) == 1
        kinds = session.run.events["kind"].tolist()
        assert kinds.count("pay") == 2  # the rule, and the payment
