"""Payment files: what sites and banks take, for those who are not paid yet."""

from __future__ import annotations

import csv
import io
import stat
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.study.test_payments import finished, paying, replayed
from uproot_nb import Payment, UprootError, leave, open_log
from uproot_nb.log.state import State
from uproot_nb.study.new_files import write_new
from uproot_nb.study.payment_line import PaymentLine
from uproot_nb.study.site_files import (
    as_csv,
    check_labels,
    mturk_approvals,
    mturk_bonuses,
    prolific_approvals,
    prolific_bonuses,
)
from uproot_nb.testing import Served

ANN, BOB = "5f3c9a1b2d4e6f7081920a1b", "60ffe5c8371090c7041d43f8"
TWENTY = "3ZDAD0O1T1CN599WLKGCNURD"


def line(player: str = "ann", label: str | None = ANN, **changes: Any) -> PaymentLine:
    values: dict[str, Any] = {
        "player": player, "label": label, "ended_as": "done", "points": Decimal(12),
        "fee": Decimal(5), "amount": Decimal("6.20"), "paid": False, "currency": "EUR",
        "query": {},
    }  # fmt: skip
    return PaymentLine(**{**values, **changes})


def label(session: Served, *labels: str | None) -> None:
    """Give the participants labels, as a room does."""
    for participant, one in zip(session, labels, strict=False):
        participant.player._state.label = one


# ---- what is in them ----


def test_prolific_takes_a_line_with_the_id_and_the_amount_for_each() -> None:
    lines = [line(), line("bob", BOB, amount=Decimal("10.00"))]
    assert prolific_bonuses(lines) == f"{ANN},6.20\n{BOB},10.00\n".encode()
    assert prolific_approvals(lines) == f"{ANN}\n{BOB}\n".encode()


@pytest.mark.parametrize("wrong", [None, "", "PC-01", ANN.upper(), f"{ANN},1000", f"{ANN}\n", "=1"])
def test_a_label_that_is_no_prolific_id_is_refused_and_names_the_player(wrong: str | None) -> None:
    if wrong == f"{ANN}\n":
        assert prolific_bonuses([line(label=wrong)]) == f"{ANN},6.20\n".encode()
        return
    with pytest.raises(UprootError, match=r"not a Prolific ID .*: ann\.\nLeave them out"):
        prolific_bonuses([line(label=wrong)])


def test_one_person_at_two_places_is_not_paid_twice_by_accident() -> None:
    ann, bob = line(), line("bob", f" {ANN}")
    for other in (
        bob, line("bob", ANN, paid=True), line("bob", ANN, ended_as="still in", amount=None)
    ):  # fmt: skip
        with pytest.raises(UprootError, match=r"paid twice: ann and bob\.\nIf only one"):
            check_labels([ann], [ann, other])
    for nothing in (
        line("bob", ANN, freed=True), line("bob", ANN, amount=None, ended_as="screened"),
        line("bob", BOB),
    ):  # fmt: skip
        check_labels([ann], [ann, nothing])
    check_labels([line(label=None)], [line(label=None), line("bob", None)])


def test_the_second_file_does_not_pay_the_same_person_again(tmp_path: Path) -> None:
    with paying() as session:
        label(session, None, None)
        finished(session, 12)
        label(session, ANN, ANN)
        ann, bob, _ = session.run.players
        session.run.payment_file("csv", tmp_path / "first.csv")
        session.run.mark_paid(ann)
        finished(session, 12, 3)
        for players in (None, bob):
            with pytest.raises(UprootError, match=rf"paid twice: {ann.name} and {bob.name}"):
                session.run.payment_file("prolific", tmp_path / "second.csv", players=players)
        assert not (tmp_path / "second.csv").exists()


def test_somebody_who_took_part_twice_is_paid_for_both_if_the_researcher_says_so(
    tmp_path: Path,
) -> None:
    """Whether or not the first time is paid already; the error says how."""
    with paying() as session:
        label(session, ANN, ANN, BOB)
        finished(session, 12, 3, 1)
        ann, again, bob = session.run.players
        twice = rf"paid for several places: {ann.name} and {again.name}\.\n.*run\.free"
        with pytest.warns(UserWarning, match=twice):
            both = session.run.payment_file("prolific", tmp_path / "both.csv", repeated=True)
        assert both.path.read_text() == f"{ANN},11.50\n{BOB},5.10\n"
        assert (both.players, both.total) == ((ann.name, again.name, bob.name), Decimal("16.60"))
        with pytest.warns(UserWarning, match=twice):
            ids = session.run.payment_file("prolific approvals", tmp_path / "ids", repeated=True)
        assert ids.path.read_text() == f"{ANN}\n{BOB}\n"
        session.run.mark_paid([ann, bob])
        with pytest.raises(UprootError, match=r"pass repeated=True\. If .*run\.mark_paid\(player"):
            session.run.payment_file("prolific", tmp_path / "second.csv")
        with pytest.warns(UserWarning, match=twice):
            second = session.run.payment_file("prolific", tmp_path / "second.csv", repeated=True)
        assert second.path.read_text() == f"{ANN},5.30\n"
        session.run.mark_paid(second)
        assert list(map(str, session.run.payments["amount"])) == ["6.20", "5.30", "5.10"]


@pytest.mark.long
def test_the_same_person_in_another_session_is_paid_there_too(tmp_path: Path) -> None:
    for name in ("monday", "tuesday"):
        with paying(name=name, db=tmp_path / "lab.sqlite3") as session:
            label(session, ANN)
            finished(session, 12)
            session.run.mark_paid(session.run.payment_file("prolific", tmp_path / f"{name}.csv"))
            assert session.run.payments["paid"].tolist() == [True, False, False]


def test_the_place_that_does_not_count_is_freed_and_then_the_other_is_paid(tmp_path: Path) -> None:
    with paying() as session:
        label(session, ANN, ANN)
        finished(session, 12, 3)
        session.run.free(session[0].player)
        with pytest.warns(UserWarning, match=rf"{session[0].player.name}, the place was"):
            made = session.run.payment_file("prolific", tmp_path / "bonuses.csv")
        assert made.path.read_text() == f"{ANN},5.30\n"


def test_mechanical_turk_takes_workers_assignments_amounts_and_a_reason() -> None:
    known = {"assignmentId": TWENTY, "hitId": TWENTY[::-1]}
    lines = [line(label="A2XYZABCD", currency="USD", query=known)]
    assert list(csv.DictReader(io.StringIO(mturk_bonuses(lines, "Points, yours").decode()))) == [
        {"WorkerId": "A2XYZABCD", "AssignmentId": TWENTY, "BonusAmount": "6.20",
         "Reason": "Points, yours"},
    ]  # fmt: skip
    assert mturk_approvals(lines).decode().splitlines() == [
        "HITId,AssignmentId,WorkerId,Approve,Reject", f"{TWENTY[::-1]},{TWENTY},A2XYZABCD,x,",
    ]  # fmt: skip


def test_mechanical_turk_pays_dollars_and_needs_assignments() -> None:
    with pytest.raises(UprootError, match="pays in USD, and the amounts are in EUR"):
        mturk_bonuses([line(label="A2XYZABCD")], "")
    with pytest.raises(UprootError, match=r"no assignment .* for ann\."):
        mturk_bonuses([line(label="A2XYZABCD", currency="USD", query={"assignmentId": "=1"})], "")
    with pytest.raises(UprootError, match="is not a worker's ID"):
        mturk_approvals([line(label="A2XYZ ABCD")])


def test_a_table_for_a_spreadsheet_has_everything_and_no_formula() -> None:
    lines = [
        line(label='=cmd|"/c calc"!A1'),
        line("bob", "Ann, Bob", points=None),
        line("eve", None),
    ]
    rows = list(csv.DictReader(io.StringIO(as_csv(lines).decode(), newline="")))
    assert list(rows[0]) == [
        "player", "label", "ended_as", "points", "fee", "amount", "currency",
    ]  # fmt: skip
    assert [row["label"] for row in rows] == ['\'=cmd|"/c calc"!A1', "Ann, Bob", ""]
    assert [row["points"] for row in rows] == ["12", "", "12"]
    assert {row["amount"] for row in rows} == {"6.20"}


# ---- who is in them ----


def test_only_those_are_in_a_file_who_are_not_paid_yet(tmp_path: Path) -> None:
    with paying(4) as session:
        label(session, ANN, BOB)
        finished(session, 12, 3)
        first = session.run.payment_file("prolific", tmp_path / "first.csv")
        assert (first.players, first.total, first.currency) == (
            tuple(p.player.name for p in session)[:2], Decimal("11.50"), "EUR",
        )  # fmt: skip
        assert Path(first).read_text() == f"{ANN},6.20\n{BOB},5.30\n"
        assert repr(first) == f"<PaymentFile {tmp_path / 'first.csv'}: 2 players, 11.50 EUR>"
        session.run.mark_paid(session[1].player)
        rest = session.run.payment_file("prolific", tmp_path / "rest.csv")
        assert rest.path.read_text() == f"{ANN},6.20\n"
        session.run.mark_paid(rest)
        with pytest.raises(UprootError, match=r"nobody to pay: 2 of 4 are marked as paid"):
            session.run.payment_file("prolific", tmp_path / "none.csv")
        assert not (tmp_path / "none.csv").exists()


def test_those_who_are_paid_are_in_a_file_again_only_with_a_warning(tmp_path: Path) -> None:
    with paying() as session:
        label(session, ANN)
        finished(session, 12)
        session.run.mark_paid(session[0].player)
        with pytest.warns(UserWarning, match=r"1 of 1 in this file are marked as paid"):
            again = session.run.payment_file("prolific", tmp_path / "again.csv", again=True)
        assert again.path.read_text() == f"{ANN},6.20\n"


def test_the_same_file_written_twice_is_the_same_and_another_is_not_overwritten(
    tmp_path: Path,
) -> None:
    with paying() as session:
        finished(session, 12)
        first = session.run.payment_file("csv", tmp_path / "paid.csv")
        before = first.path.stat().st_mtime_ns
        assert session.run.payment_file("csv", tmp_path / "paid.csv") == first
        assert first.path.stat().st_mtime_ns == before
        session[0].player.payoff = 13
        with pytest.raises(UprootError, match=r"exists, with other content, and was not changed"):
            session.run.payment_file("csv", tmp_path / "paid.csv")
        second = session.run.payment_file("csv", tmp_path / "paid.csv", overwrite=True)
        assert second.total == Decimal("6.30")
        assert [path.name for path in tmp_path.iterdir()] == ["paid.csv"]


@pytest.mark.long
def test_two_kernels_write_the_same_file(tmp_path: Path) -> None:
    with paying(db=tmp_path / "lab.sqlite3") as session:
        finished(session, 12)
        mine = session.run.payment_file("csv", tmp_path / "paid.csv")
        with open_log(tmp_path / "lab.sqlite3") as recording:
            assert recording.payment_file("csv", tmp_path / "paid.csv") == mine
            session.run.mark_paid(mine.players)
            with pytest.raises(UprootError, match="nobody to pay"):
                recording.payment_file("csv", tmp_path / "again.csv")


def test_a_file_leaves_the_fees_out_where_the_site_pays_them(tmp_path: Path) -> None:
    with paying() as session:
        label(session, ANN, BOB)
        finished(session, 12, 0)
        with pytest.warns(UserWarning, match=rf"as 0\.00 are due: {session[1].player.name}\."):
            made = session.run.payment_file("prolific", tmp_path / "bonuses.csv", fee=False)
        assert made.path.read_text() == f"{ANN},1.20\n"
        assert (made.total, made.settled) == (Decimal("1.20"), (session[1].player.name,))
        session.run.mark_paid(made)
        table = session.run.payments
        assert table["paid"].tolist() == [True, True, False]
        assert list(map(str, table["amount"])) == ["6.20", "5.00", "None"]


@pytest.mark.filterwarnings("ignore:Negative payoffs", "ignore:Not in the file")
def test_a_loss_does_not_reduce_a_fee_that_the_site_pays(tmp_path: Path) -> None:
    with paying() as session:
        label(session, ANN, BOB)
        finished(session, 12, -20)
        bob = session[1].player.name
        with pytest.warns(UserWarning, match=rf"pays all of it: {bob} \(5\.00\)\."):
            made = session.run.payment_file("prolific", tmp_path / "bonuses.csv", fee=False)
        assert made.path.read_text() == f"{ANN},1.20\n"
        session.run.mark_paid(made)
        assert list(map(str, session.run.payments["amount"])) == ["6.20", "5.00", "None"]


@pytest.mark.long
def test_fees_that_the_site_does_not_pay_stay_in_the_file(tmp_path: Path) -> None:
    with paying() as session:
        label(session, ANN, BOB)
        finished(session, 12)
        leave(session[1].player, "lobby")
        made = session.run.payment_file("prolific", tmp_path / "a.csv", fee=False)
        assert made.path.read_text() == f"{ANN},1.20\n{BOB},2.50\n"
        same = session.run.payment_file("prolific", tmp_path / "a.csv", fee={"lobby"})
        assert same == made
        other = session.run.payment_file(
            "prolific", tmp_path / "b.csv", fee={"done"}, players=session[0].player
        )
        assert other.path.read_text() == f"{ANN},6.20\n"
        with pytest.raises(
            UprootError, match=r"ended as lobyb has a fee\.\n.* fees for done, lobby"
        ):
            session.run.payment_file("prolific", tmp_path / "c.csv", fee={"lobyb"})


def test_if_nothing_is_left_to_pay_everybody_is_named_and_no_file_written(tmp_path: Path) -> None:
    with paying() as session:
        label(session, ANN)
        finished(session, 0)
        with pytest.raises(UprootError, match=rf"0\.00 are due to {session[0].player.name}"):
            session.run.payment_file("prolific", tmp_path / "a.csv", fee=False)
        assert list(tmp_path.iterdir()) == []
        made = session.run.payment_file("csv", tmp_path / "a.csv", fee=False)
        row = next(csv.DictReader(made.path.open(newline="")))
        assert (row["fee"], row["amount"]) == ("0.00", "0.00")


def test_what_is_marked_is_what_the_file_said_whatever_has_changed_since(tmp_path: Path) -> None:
    with paying() as session:
        finished(session, 12, 3)
        made = session.run.payment_file("csv", tmp_path / "a.csv")
        session.run.set(session[0].player, payoff=300)
        session.run.payment = Payment(currency="GBP", fee=1)
        session.run.mark_paid(made)
        assert list(map(str, session.run.payments["amount"][:2])) == ["6.20", "5.30"]
        assert session.run.events["value"].iloc[-1]["currency"] == "EUR"


@pytest.mark.long
def test_approvals_and_files_of_other_sessions_mark_nobody(tmp_path: Path) -> None:
    with paying(name="monday") as session:
        label(session, ANN)
        finished(session, 12)
        approvals = session.run.payment_file("prolific approvals", tmp_path / "ids.txt")
        with pytest.raises(UprootError, match=r"approves submissions and pays no bonuses"):
            session.run.mark_paid(approvals)
        made = session.run.payment_file("csv", tmp_path / "a.csv")
        assert not session.run.payments["paid"].any()
    other = pytest.raises(UprootError, match="for the session 'monday', not 'tuesday'")
    with paying(name="tuesday") as session, other:
        session.run.mark_paid(made)


@pytest.mark.long
def test_bots_are_paid_only_if_named(tmp_path: Path) -> None:
    with paying(db=tmp_path / "lab.sqlite3") as session:
        finished(session, 12, 3)
        robot = session[1].player
        session.run._runtime.interventions.note_bot(robot, "robot", True)
        session.run._runtime.interventions.note_bot(robot, "robot", False)
        notes = session.run.payments["note"].tolist()
        assert notes == ["", "played by a bot", ""]
        with pytest.warns(UserWarning, match=rf"Left out: {robot.name} \(played by a bot\)"):
            made = session.run.payment_file("csv", tmp_path / "a.csv")
        assert made.players == (session[0].player.name,)
        with pytest.warns(UserWarning, match="Left out"):
            assert robot.name not in session.run.receipts(tmp_path / "a.html").read_text("utf-8")
        named = session.run.payment_file("csv", tmp_path / "b.csv", players=robot)
        assert named.players == (robot.name,)
        with open_log(tmp_path / "lab.sqlite3") as recording:  # as a kernel that begins anew
            assert recording.payments["note"].tolist() == notes
        state = replayed(session.run)
        assert State(state.codec).load(state.dump()).players[robot.name].bot


def test_if_only_bots_have_played_the_error_says_that_they_are_left_out(tmp_path: Path) -> None:
    with paying(1) as session:
        finished(session, 12)
        session.run._runtime.interventions.note_bot(session[0].player, "robot", True)
        with (
            pytest.warns(UserWarning, match="Left out"),
            pytest.raises(UprootError, match=r"which are left out.*\n.*players="),
        ):
            session.run.payment_file("csv", tmp_path / "a.csv")


@pytest.mark.long
def test_a_freed_place_is_not_paid_unless_it_is_named(tmp_path: Path) -> None:
    with paying() as session:
        finished(session, 12, 3)
        gone = session[0].player
        session.run.free(gone)
        table = session.run.payments
        assert (table["amount"][0], table["note"][0]) == (None, "the place was freed")
        assert session.run.funnel.loc["all", ["finished", "freed"]].tolist() == [1, 1]
        with pytest.raises(UprootError, match="or their places were freed"):
            session.run.mark_paid(gone)
        with pytest.warns(UserWarning, match="Left out"):
            made = session.run.payment_file("csv", tmp_path / "a.csv")
        assert made.total == session.run.payments["amount"].dropna().sum() == Decimal("5.30")
        session.run.mark_paid(session.run.payment_file("csv", tmp_path / "b.csv", players=gone))
        assert str(session.run.payments["amount"][0]) == "6.20"


def test_who_has_closed_the_last_page_is_named_and_not_forgotten(tmp_path: Path) -> None:
    with paying() as session:
        finished(session, 12)
        session[1].player.payoff = 3
        warning = rf"Still in, with a payoff, and not paid: {session[1].player.name}\."
        with pytest.warns(UserWarning, match=warning):
            assert session.run.payments["note"][1] == "is still in, with a payoff"
        with pytest.warns(UserWarning, match=warning):
            session.run.payment_file("csv", tmp_path / "a.csv")
        with pytest.warns(UserWarning, match=warning):
            session.run.receipts(tmp_path / "a.html")


def test_rows_of_the_table_name_players(tmp_path: Path) -> None:
    with paying() as session:
        finished(session, 12, 3)
        due = session.run.payments.query("ended_as == 'done'")
        made = session.run.payment_file("csv", tmp_path / "a.csv", players=due)
        assert list(made.players) == due["player"].tolist()
        session.run.mark_paid(due)
        assert session.run.payments["paid"].tolist() == [True, True, False]


def test_sites_are_sent_no_payments_of_nothing_and_a_table_has_them(tmp_path: Path) -> None:
    with paying(payment=Payment()) as session:
        label(session, ANN, BOB)
        finished(session, 1, 0)
        with pytest.warns(UserWarning, match="Not in the file"):
            assert len(session.run.payment_file("prolific", tmp_path / "bonuses.csv").players) == 1
        assert len(session.run.payment_file("csv", tmp_path / "table.csv").players) == 2


def test_approvals_are_for_all_who_have_finished_whatever_they_are_paid(tmp_path: Path) -> None:
    with paying() as session:
        label(session, ANN, BOB)
        with pytest.raises(UprootError, match="nothing to approve"):
            session.run.payment_file("prolific approvals", tmp_path / "ids.txt")
        finished(session, 12)
        session.run.mark_paid(session[0].player)
        made = session.run.payment_file("prolific approvals", tmp_path / "ids.txt")
        assert made.path.read_text() == f"{ANN}\n"
        assert (made.total, made.approves) == (
            0,
            True,
        )  # the site pays the reward that it was given
        assert repr(made) == f"<PaymentFile {tmp_path / 'ids.txt'}: 1 players, to approve>"


def test_a_file_for_some_players_has_only_these(tmp_path: Path) -> None:
    with paying() as session:
        finished(session, 12, 3)
        ann, bob, _ = session.run.players
        assert session.run.payment_file("csv", tmp_path / "a.csv", players=ann).players == (
            ann.name,
        )
        assert session.run.payment_file(
            "csv", tmp_path / "b.csv", players=[ann.name, bob]
        ).players == (ann.name, bob.name)
        with pytest.raises(UprootError, match="no players zzz99"):
            session.run.payment_file("csv", tmp_path / "c.csv", players=["zzz99"])


def test_nothing_is_written_while_somebody_has_no_amount(tmp_path: Path) -> None:
    with paying() as session:
        finished(session, 12)
        session[1].submit()
        with pytest.raises(UprootError, match=rf"No amount for {session[1].player.name}"):
            session.run.payment_file("csv", tmp_path / "paid.csv")
        assert list(tmp_path.iterdir()) == []
        session.run.payment_file("csv", tmp_path / "ann.csv", players=session[0].player)


def test_an_unknown_site_lists_those_there_are(tmp_path: Path) -> None:
    there = r"'paypal'\.\nThere is one for csv, prolific,"
    with paying() as session, pytest.raises(UprootError, match=there):
        session.run.payment_file("paypal", tmp_path / "paid.csv")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    payoffs=st.lists(st.decimals(0, 1000, places=3), min_size=3, max_size=3),
    steps=st.lists(st.sampled_from(["file", "all", 0, 1, 2]), max_size=6),
)
def test_the_sum_of_a_file_is_that_of_the_table_and_each_is_paid_at_most_once(
    tmp_path_factory: pytest.TempPathFactory, payoffs: list[Decimal], steps: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    with paying(3) as session:
        finished(session, *payoffs)
        run, paid = session.run, []
        for number, step in enumerate(steps):
            due = run.payments.loc[lambda table: ~table["paid"]]
            if due.empty:
                break
            if step == "file":
                made = run.payment_file("csv", folder / f"{number}.csv")
                rows = list(csv.DictReader(made.path.open(newline="")))
                assert sum(Decimal(row["amount"]) for row in rows) == due["amount"].sum()
                assert made.total == due["amount"].sum()
                paid += run.mark_paid(made.players).each("name")
            else:
                some = due["player"].tolist() if step == "all" else due["player"].tolist()[:step]
                if some:
                    paid += run.mark_paid(some).each("name")
        assert len(paid) == len(set(paid))
        assert set(paid) == set(run.payments.loc[lambda table: table["paid"], "player"])


# ---- files ----


def test_a_private_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    write_new(tmp_path / "accounts", b"x", overwrite=False, private=True)
    write_new(tmp_path / "table", b"x", overwrite=False)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("accounts", "table")]
    assert modes[0] == 0o600
    assert modes[1] & 0o600 == 0o600


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_file_that_cannot_be_written_leaves_the_one_before_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    path = tmp_path / "paid.csv"
    path.write_bytes(b"before")

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_new(path, b"after", overwrite)
    assert path.read_bytes() == b"before"
    assert [file.name for file in tmp_path.iterdir()] == ["paid.csv"]


def test_a_file_is_written_where_links_are_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> None:
        raise OSError("operation not supported")

    monkeypatch.setattr("os.link", unknown)
    for _ in range(2):
        assert write_new(tmp_path / "paid.csv", b"x", overwrite=False).read_bytes() == b"x"
    with pytest.raises(UprootError, match="other content"):
        write_new(tmp_path / "paid.csv", b"y", overwrite=False)


@pytest.mark.parametrize(("place", "why"), [("none/a.csv", "no folder"), (".", "is a folder")])
def test_a_place_where_no_file_can_be_is_named(tmp_path: Path, place: str, why: str) -> None:
    with pytest.raises(UprootError, match=why):
        write_new(tmp_path / place, b"x", overwrite=False)
