"""Erasing people from a session that is served: gone on disk, in memory, and on their page."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uproot_nb import (
    Entry,
    IntegerField,
    Page,
    StringField,
    add_entry,
    create_model,
    get_entries,
    live,
    notify,
    open_log,
    rerun,
)
from uproot_nb.errors import UprootError
from uproot_nb.log.checking import check_log
from uproot_nb.reruns.session_replay import SessionReplay
from uproot_nb.testing import Served, served

SAID, TYPED, COUNTED = "zebras dance at night", "kiwi-vermilion", 918273645


class Remark(metaclass=Entry):
    """What somebody said, and for how much."""

    said: str
    price: int


class Ask(Page):
    """Ask."""

    fields = {  # noqa: RUF012
        "word": StringField(label="Word"), "count": IntegerField(label="Count"),
    }  # fmt: skip

    @live
    def remark(page, player, said: str, price: int):
        player.last = [said]
        player.session.quote = f"{said}?"
        player.session.sum = player.session.get("sum", 0) + price
        add_entry(player.session.remarks, player, Remark, said=said, price=price)
        notify(player, player, {"said": said})
        return said


class Results(Page):
    """Results."""


def new_session(session):
    session.remarks = create_model(session, tag="remarks")


def new_player(player):
    player.cash = 5


ORDER = [Ask, Results]


def files_with(folder: Path, *texts: object) -> list[tuple[str, str]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [(p.name, str(t)) for p in files for t in texts if str(t).encode() in p.read_bytes()]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Served]:
    with served(ORDER, players=2, db=tmp_path / "log.sqlite3") as made:
        play(made)
        yield made


def play(session: Served, said: str = SAID, word: str = TYPED, count: int = COUNTED) -> None:
    ann, bob = session
    ann.call("remark", said, 4)
    bob.call("remark", f"Ann: {said}", 3)
    ann.submit(word=word, count=count)
    bob.submit(word="no kiwis", count=1)


@pytest.mark.long
def test_who_is_online_is_not_erased_unless_disconnected_first(session: Served) -> None:
    run, place = session.run, session.run.players[0]
    with pytest.raises(UprootError, match=r"because these players are online: \w+\."):
        run.erase(place)
    assert place.word == TYPED
    assert not (run.events["kind"] == "erase").any()
    run.erase(place, disconnect=True)
    assert place.get("word") is None


@pytest.mark.long
def test_nothing_of_a_person_is_left_in_files_tables_and_memory(
    session: Served, tmp_path: Path
) -> None:
    run = session.run
    run._runtime.world.journal.take_snapshot()
    run.state, run.events, run.calls  # noqa: B018  (cached)
    run.erase(run.players[0], disconnect=True)
    run.export(tmp_path / "export")
    assert files_with(tmp_path, SAID, TYPED, COUNTED) == []
    assert run.session.quote == "Ann: …?"
    assert [one.said for _, _, one in get_entries(run.session.remarks, Remark)] == ["…1", "Ann: …"]
    seen = "\n".join(f.to_string() for f in (run.events, run.state, run.calls, run.notifications))
    assert not [text for text in (SAID, TYPED, str(COUNTED)) if text in seen]
    assert run.state.loc[run.players[1].name, "word"] == "no kiwis"
    assert check_log(run.path).faults == []


@pytest.mark.long
def test_the_others_go_on_and_sums_that_they_share_stay(session: Served) -> None:
    run = session.run
    _, bob = session
    run.erase(run.players[0], disconnect=True)
    bob.assert_reads("Results.")
    assert run.session.sum == 7
    assert run.players[1].cash == 5


@pytest.mark.long
def test_whoever_comes_back_reads_one_calm_sentence(session: Served) -> None:
    _, bob = session
    run, server = session.run, session.server
    run.erase(run.players[0], disconnect=True)
    for _ in range(2):
        answer = session.do("the page", server.ask(run.link(run.players[0])), 1.0)
        assert "Your data have been deleted from this study. Thank you." in answer.body.decode()
    bob.reload()
    bob.assert_reads("Results.")


@pytest.mark.long
def test_a_rerun_of_the_others_is_the_same(session: Served) -> None:
    run = session.run
    run.erase(run.players[0], disconnect=True)
    again = rerun(run, ORDER, namespace=globals())
    assert again.same, again.first


@pytest.mark.long
def test_a_rerun_ends_with_the_session_though_somebody_was_erased_much_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(ORDER, players=2, db=tmp_path / "log.sqlite3", now=1_600_000_000) as session:
        play(session)
    session.run.erase(session.run.players[0].name)
    ends: list[float] = []
    monkeypatch.setattr(SessionReplay, "pass_time", lambda replay, until: ends.append(until))
    with open_log(session.run.path) as log:
        assert rerun(log, ORDER, namespace=globals()).same
    assert len(ends) == 1
    assert 1_600_000_000 <= ends[0] < 1_600_000_100


@pytest.mark.long
def test_a_run_that_was_closed_and_a_log_that_is_read_erase_too(tmp_path: Path) -> None:
    with served(ORDER, players=2, db=tmp_path / "log.sqlite3") as session:
        play(session)
        run = session.run
        names = [player.name for player in run.players]
    run.erase(names[0])
    assert files_with(tmp_path, SAID, TYPED, COUNTED) == []
    with open_log(run.path) as found:
        assert found.erase(names[1]) == names[1]
        assert "word" not in found.state
    assert files_with(tmp_path, "no kiwis") == []


@pytest.mark.long
def test_what_was_paid_stays_in_the_accounts(session: Served) -> None:
    run = session.run
    run._runtime.interventions.mark_paid({run.players[0].name: "7.50"}, "EUR")
    run.erase(run.players[0], disconnect=True)
    assert run.players[0]._state.paid is not None
    assert run.players[0]._state.paid["amount"] == "7.50"


@pytest.mark.long
def test_a_session_that_is_opened_again_knows_nothing_of_who_was_erased(tmp_path: Path) -> None:
    db = tmp_path / "log.sqlite3"
    with served(ORDER, players=2, db=db) as session:
        play(session)
        session.run.erase(session.run.players[0], disconnect=True)
    with served(ORDER, players=2, db=db, arrive=False) as session:
        player = session.run.players[0]
        assert player._state.erased
        assert player.get("word") is None
        assert session.run.session.quote == "Ann: …?"


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.text("qwrtp ", min_size=14, max_size=40).map(lambda text: f"x{text}x"),
    word=st.text("jkvö\"\\'", min_size=6, max_size=12).map(lambda text: f"z{text}z"),
    count=st.integers(10**8, 10**9),
)
def test_whatever_somebody_has_written_no_byte_of_it_is_left(
    tmp_path_factory: pytest.TempPathFactory, said: str, word: str, count: int
) -> None:
    folder = tmp_path_factory.mktemp("erased")
    with served(ORDER, players=2, db=folder / "log.sqlite3") as session:
        play(session, said, word, count)
        run = session.run
        before = run.state.loc[run.players[1].name, ["word", "count", "cash"]].tolist()
        run.erase(run.players[0], disconnect=True)
        run.export(folder / "export", format="jsonl")
        assert run.state.loc[run.players[1].name, ["word", "count", "cash"]].tolist() == before
        assert rerun(run, ORDER, namespace=globals()).same
    assert files_with(folder, said, word, count) == []


@pytest.mark.long
def test_somebody_who_joined_by_a_link_for_all_is_erased_and_the_others_rerun(
    tmp_path: Path,
) -> None:
    with served(ORDER, players=1, db=tmp_path / "log.sqlite3") as session:
        eve = session.join()
        eve.call("remark", SAID, 4)
        eve.submit(word=TYPED, count=COUNTED)
        ann = session[0]
        ann.call("remark", "nothing to add", 1)
        ann.submit(word="no kiwis", count=1)
        run = session.run
        run.erase(eve.player, disconnect=True)
        again = rerun(run, ORDER, namespace=globals())
        assert again.same, again.first
        assert again.state.loc[ann.player.name, "word"] == "no kiwis"
    assert files_with(tmp_path, SAID, TYPED, COUNTED) == []


@pytest.mark.long
def test_a_page_left_open_may_report_after_its_participant_was_erased(session: Served) -> None:
    run = session.run
    run.erase(run.players[0], disconnect=True)
    world = run._runtime.world
    world.journal.fold("error", run.players[0].subject, "", '{"type":"X","message":"late"}')
    world.journal.commit()
    assert check_log(run.path).faults == []
