"""What a page requires of the browser: checked before anything of the page begins."""
# ruff: noqa: ANN001, ANN201  (as authors write)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.page_reporting import report
from uproot_nb import Page, Requires, random_forms, rerun
from uproot_nb.bots.requests import form_body
from uproot_nb.errors import BadExit, BadPage
from uproot_nb.experiment.participation.requirements import Device
from uproot_nb.flow.participation.requirements import MOST
from uproot_nb.testing import Participant, Served, served

WIDE = {
    "width": 1280, "height": 800, "is_touch": False, "has_mouse": True, "has_fullscreen": True,
}  # fmt: skip
PHONE = {**WIDE, "width": 375, "is_touch": True, "has_mouse": False}


class Hello(Page):
    """Hello."""


class Trade(Page):
    """Trade."""

    requires = Requires(min_width=900, touch=False)
    timeout = 60

    def before_once(page, player):
        player.begun = player.get("begun", 0) + 1


class Thanks(Page):
    """Thanks."""


ORDER = [Hello, Trade, Thanks]


def at_the_entrance(session: Served, participant: Participant) -> Participant:
    """Let a participant get to the page whose browser says nothing of itself."""
    participant._client._show_client = lambda needs: None  # type: ignore[method-assign]
    participant.submit()
    return participant


def clients(session: Served) -> list[dict[str, Any]]:
    events = session.run.events
    return list(events[events["kind"] == "client"]["value"])


@pytest.mark.long
def test_a_page_waits_until_the_browser_has_what_it_requires() -> None:
    with served(ORDER, players=1) as session:
        ann = at_the_entrance(session, session[0])
        session.advance(100)
        ann.assert_reads("One moment: your browser is being checked.")
        assert ann.player.get("begun") is None
        report(session, ann, "client", PHONE)
        assert ann.reload() == "Trade"
        assert "Before you go on" in ann.text
        report(session, ann, "client", WIDE)
        ann.reload()
        ann.assert_reads("Trade.")
        assert ann.player.begun == 1
        assert [row["unmet"] for row in clients(session)] == [["touch", "min_width"], []]
        assert clients(session)[1]["width"] == 1280
        session.advance(63)
        ann.reload()
        ann.assert_on("Thanks")


@pytest.mark.long
def test_an_open_browser_goes_on_by_itself() -> None:
    with served(ORDER, players=1) as session:
        (ann,) = session
        ann.submit()
        session.advance(0.1)
        ann.assert_reads("Trade.")


def test_who_cannot_do_it_leaves_by_the_exit() -> None:
    class Own(Page):
        requires = Requires(touch=True, exit="no phone")

    with served([Hello, Own], players=1) as session:
        ann = at_the_entrance(session, session[0])
        report(session, ann, "client", WIDE)
        press_cannot(session, ann, "forged")
        assert ann.player.ended_as == "still in"
        press_cannot(session, ann, str(ann._client._boot["visit"]))
        assert ann.player.ended_as == "no phone"
        assert clients(session)[-1] == {"unmet": ["touch"], "gave_up": True}


def press_cannot(session: Served, participant: Participant, visit: str) -> None:
    position = participant._client.position
    form = {"_uproot_page": str(position), "_uproot_visit": visit, "cannot": "1"}
    asked = session.server.ask(participant._link, form_body(list(form.items())))
    session.do("the answer", asked, 60.0)


def test_nobody_gets_past_it_by_a_form() -> None:
    with served(ORDER, players=1) as session:
        ann = at_the_entrance(session, session[0])
        boot = ann._client._boot
        form = [("_uproot_page", str(boot["page"])), ("_uproot_visit", str(boot["visit"]))]
        session.do("the answer", session.server.ask(ann._link, form_body(form)), 60.0)
        assert ann.player.page == "Trade"
        assert ann.player.get("begun") is None


def test_a_form_of_who_is_in_already_is_no_way_out() -> None:
    with served(ORDER, players=1) as session:
        (ann,) = session
        ann.submit()
        press_cannot(session, ann, str(ann._client._boot["visit"]))
        assert ann.player.ended_as == "still in"


@pytest.mark.parametrize(
    "wrong", [None, {}, {**WIDE, "width": -1}, {**WIDE, "width": "9"}, {**WIDE, "more": 1}]
)
def test_what_no_page_of_ours_sends_lets_nobody_in(wrong: Any) -> None:
    with served(ORDER, players=1) as session:
        ann = at_the_entrance(session, session[0])
        report(session, ann, "client", wrong)
        assert clients(session) == []
        assert session.run.errors["message"].tolist() == ["report 'client' that cannot be read"]


@pytest.mark.long
def test_a_hostile_browser_cannot_fill_the_log_and_gets_in_all_the_same() -> None:
    with served(ORDER, players=1) as session:
        ann = at_the_entrance(session, session[0])
        for number in range(100):
            report(session, ann, "client", {**PHONE, "is_touch": bool(number % 2)})
        assert len(clients(session)) == MOST
        report(session, ann, "client", WIDE)
        ann.reload()
        ann.assert_reads("Trade.")


def test_a_report_of_a_page_that_was_left_changes_nothing() -> None:
    with served(ORDER, players=1) as session:
        ann = at_the_entrance(session, session[0])
        report(session, ann, "client", WIDE, page=0)
        assert clients(session) == []


@pytest.mark.long
def test_it_outlasts_the_kernel_and_is_asked_once_a_visit(tmp_path: Path) -> None:
    db = tmp_path / "log.sqlite3"
    with served(ORDER, players=2, db=db) as session:
        ann, bob = (at_the_entrance(session, one) for one in session)
        report(session, ann, "client", WIDE)  # and the kernel dies before the page is loaded
        report(session, bob, "client", PHONE)
        state = session.run._runtime.world.state
        assert type(state)(state.codec).load(state.dump()).players == state.players
    with served(ORDER, players=2, db=db, arrive=False) as session:
        ann, bob = session
        ann.arrive()
        ann.assert_reads("Trade.")
        assert "begun" not in bob.player.fields()


@pytest.mark.long
def test_a_rerun_repeats_it() -> None:
    with served(ORDER, players=2) as session:
        ann, bob = (at_the_entrance(session, one) for one in session)
        report(session, ann, "client", PHONE)
        report(session, ann, "client", WIDE)
        ann.reload()
        ann.submit()
        report(session, bob, "client", PHONE)
        press_cannot(session, bob, str(bob._client._boot["visit"]))
        again = rerun(session.run, ORDER)
        assert again.same, again.first
        assert again.state["ended_as"].equals(session.run.state["ended_as"])
        assert again.state["begun"].equals(session.run.state["begun"])


class Watch(Page):
    """Watch."""

    requires = Requires(fullscreen=True)
    timeout = 60


def before_the_press(session: Served, participant: Participant) -> Participant:
    """Let a participant get to the page in full screen, and not press the button."""
    client = participant._client
    report_all = client._report
    client._report = (  # type: ignore[method-assign]
        lambda what, data: None if what == "fullscreen" else report_all(what, data)
    )
    participant.submit()
    participant.assert_reads("Watch.")
    return participant


def presses(session: Served, participant: Participant, visit: Any = None) -> None:
    visit = participant.player._state.entered if visit is None else visit
    report(session, participant, "fullscreen", {"visit": visit})


WATCH = [Hello, Watch, Thanks]


@pytest.mark.long
def test_the_clock_of_a_page_in_full_screen_begins_with_the_press() -> None:
    with served(WATCH, players=1) as session:
        ann = before_the_press(session, session[0])
        boot = ann._client._boot
        assert (boot["timeout"], boot["stopped"]) == (60_000, True)
        session.advance(500)
        assert ann.player.page == "Watch"
        presses(session, ann)
        presses(session, ann)
        assert [row.get("fullscreen", False) for row in clients(session)] == [False, True]
        session.advance(50)
        assert ann.player.page == "Watch"
        ann.reload()
        assert "stopped" not in ann._client._boot
        assert 9_000 <= ann._client._boot["timeout"] <= 10_000
        session.advance(13)
        assert ann.player.page == "Thanks"


@pytest.mark.parametrize("wrong", [None, {}, 7, {"visit": "x"}, {"visit": 1, "more": 2}])
def test_what_no_page_in_full_screen_sends_starts_no_clock(wrong: Any) -> None:
    with served(WATCH, players=1) as session:
        ann = before_the_press(session, session[0])
        report(session, ann, "fullscreen", wrong)
        presses(session, ann, visit=1)  # another visit
        report(session, ann, "fullscreen", {"visit": ann.player._state.entered}, page=0)
        assert ann.player._state.deadline is None
        messages = session.run.errors["message"].tolist()
        assert messages == ["report 'fullscreen' that cannot be read"]


def test_other_pages_know_no_press() -> None:
    with served(ORDER, players=1) as session:
        (ann,) = session
        ann.submit()
        deadline = ann.player._state.deadline
        session.advance(5)
        presses(session, ann)
        assert ann.player._state.deadline == deadline
        assert len(clients(session)) == 1


@pytest.mark.long
def test_a_press_in_a_pause_starts_the_clock_when_the_study_continues() -> None:
    with served(WATCH, players=1) as session:
        ann = before_the_press(session, session[0])
        session.run.pause()
        presses(session, ann)
        session.advance(500)
        session.run.resume()
        session.advance(55)
        assert ann.player.page == "Watch"
        session.advance(8)
        assert ann.player.page == "Thanks"


@pytest.mark.long
def test_a_clock_that_waits_for_the_press_outlasts_the_kernel(tmp_path: Path) -> None:
    db = tmp_path / "log.sqlite3"
    with served(WATCH, players=1, db=db) as session:
        before_the_press(session, session[0])
        state = session.run._runtime.world.state
        assert type(state)(state.codec).load(state.dump()).players == state.players
    with served(WATCH, players=1, db=db, arrive=False) as session:
        (ann,) = session
        session.advance(500)
        assert ann.player.page == "Watch"
        presses(session, ann)
        session.advance(63)
        assert ann.player.page == "Thanks"


@pytest.mark.long
def test_a_rerun_begins_the_clock_with_the_press() -> None:
    with served(WATCH, players=2) as session:
        ann, bob = (before_the_press(session, one) for one in session)
        session.advance(100)
        presses(session, ann)
        session.advance(70)
        again = rerun(session.run, WATCH)
        assert again.same, again.first
        assert (ann.player.page, bob.player.page) == ("Thanks", "Watch")


def test_bots_go_to_full_screen_at_once() -> None:
    with served(WATCH, players=1) as session:
        (ann,) = session
        ann.submit()
        session.advance(63)
        ann.assert_on("Thanks")


@pytest.mark.long
def test_bots_have_what_a_page_requires() -> None:
    with served(ORDER, players=3) as session:
        session.play(random_forms)
        assert all(one.at_end for one in session)


CLIENTS = st.builds(
    Device, st.integers(0, 3000), st.integers(0, 3000), st.booleans(), st.booleans(), st.booleans()
)


@given(CLIENTS, st.integers(1, 2000), st.sampled_from([None, True, False]))
def test_all_that_is_required_is_checked(client: Device, width: int, touch: bool | None) -> None:
    unmet = Requires(min_width=width, touch=touch).unmet(client)
    assert ("min_width" in unmet) == (client.width < width)
    assert ("touch" in unmet) == (touch is not None and client.is_touch != touch)
    fine = Requires(pointer="fine", fullscreen=True).unmet(client)
    assert ("pointer" in fine, "fullscreen" in fine) == (
        not client.has_mouse, not client.has_fullscreen,
    )  # fmt: skip


@pytest.mark.parametrize(
    "given_",
    [
        {}, {"min_width": 0}, {"min_width": "900"}, {"min_height": True}, {"touch": "no"},
        {"pointer": "coarse"}, {"fullscreen": 3}, {"touch": True, "pointer": "fine"},
    ],
)  # fmt: skip
def test_a_mistake_is_named(given_: dict[str, Any]) -> None:
    with pytest.raises(BadPage, match=r"Requires\(…\)"):
        Requires(**given_)


def test_an_exit_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(BadExit):
        Requires(touch=False, exit="")


def test_another_value_on_a_page_is_refused() -> None:
    with pytest.raises(BadPage, match="requires"):

        class Odd(Page):
            requires = {"min_width": 900}  # noqa: RUF012
