"""What was entered before a page had to be left counts or is logged, however late it arrives."""
# ruff: noqa: ANN001, ANN202, RUF012  (as authors write)

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running import Browser, serving, set_clock, until
from uproot_nb import (
    FileField,
    IntegerField,
    Page,
    StringField,
    leave,
    move_to_page,
    rerun,
    watch_for_dropout,
)
from uproot_nb.flow.timeouts import GRACE, RETURN_WITHIN
from uproot_nb.log.state import State
from uproot_nb.session.late_answers import MOST_CHARACTERS
from uproot_nb.testing import ExperimentFailed, Participant, Served, served
from uproot_nb.testing.memory_server import MemoryLine

SECRET = "open" + " sesame"


class Decide(Page):
    """# Decide"""

    timeout = 60
    fields = {
        "points": IntegerField(label="Points", min=0, max=10),
        "why": StringField(label="Why", optional=True),
    }


class Later(Page):
    """# Later"""

    timeout = 1000
    fields = {"more": IntegerField(label="More", optional=True)}


class Last(Page):
    """# The last page"""


class Form:
    """A form as a participant's browser holds it: it names its page and visit."""

    def __init__(self, session: Served, ann: Participant) -> None:
        boot = re.search(r'id="uproot-page">(.*?)</script>', ann.html, re.DOTALL)
        assert boot is not None
        self.page = json.loads(boot[1])
        self.session, self.link = session, session.run.link(ann.player)

    def send(self, age: float | str | None = None, **answers: str) -> None:
        """Post it; *age*: seconds since its last change."""
        hidden = {"_uproot_page": self.page["page"], "_uproot_visit": self.page["visit"]}
        if age is not None:
            hidden["_uproot_age"] = age if isinstance(age, str) else str(round(age * 1000))
        text = urlencode({**hidden, "_uproot_timeout": "1", **answers}).encode()
        body = text, "application/x-www-form-urlencoded"
        answer = self.session.do("an answer", self.session.server.ask(self.link, body), 60.0)
        assert answer.code == 303


def late(session: Served) -> list[dict[str, Any]]:
    events = session.run.events
    return [
        json.loads(one) if isinstance(one, str) else one
        for one in events.value[events.kind == "late"]
    ]


def goes_offline(session: Served, number: int = 0) -> tuple[Participant, Form]:
    """Let a participant lose the connection on the page."""
    ann = session[number]
    form = Form(session, ann)
    ann.leave()
    return ann, form


@pytest.mark.long
def test_who_was_offline_at_the_deadline_and_comes_back_at_once_has_answered_in_time() -> None:
    with served([Decide, Later, Last], players=2) as session:
        ann, form = goes_offline(session)
        session.advance(60 + RETURN_WITHIN - 1)
        assert ann.player.page == "Decide"
        form.send(age=RETURN_WITHIN + 5, points="7", why="")
        assert (ann.player.page, ann.player.points) == ("Later", 7)
        (row,) = late(session)
        assert row["accepted"] is True
        assert row["typed_at"] == pytest.approx(session.now - RETURN_WITHIN - 5)
        assert row["form"] == [["points", "7"], ["why", ""]]


@pytest.mark.long
def test_who_does_not_come_back_goes_on_and_what_arrives_is_logged_once() -> None:
    with served([Decide, Later, Last], players=1) as session:
        ann, form = goes_offline(session)
        session.advance(60 + RETURN_WITHIN + 1)
        assert ann.player.page == "Later"
        session.advance(300)
        for _ in range(3):  # the answer to it may be lost
            form.send(age=330, points="7")
        (row,) = late(session)
        assert (row["accepted"], row["form"]) == (False, [["points", "7"]])
        assert row["typed_at"] == pytest.approx(session.now - 330)
        assert (ann.player.page, "points" in ann.player.fields()) == ("Later", False)


@pytest.mark.long
@pytest.mark.parametrize("age", [None, 0, 5, "x", "nan", "inf", "-5", ""])
def test_what_was_entered_after_the_deadline_does_not_count(age: Any) -> None:
    with served([Decide, Later], players=1) as session:
        ann, form = goes_offline(session)
        session.advance(60 + 10)
        form.send(age=age, points="7")
        assert (ann.player.page, "points" in ann.player.fields()) == ("Later", False)
        assert [row["accepted"] for row in late(session)] == [False]
        form.send(age=age, points="7")
        assert len(late(session)) == 1


@pytest.mark.long
def test_a_browser_that_lies_gains_no_more_than_is_stated() -> None:
    with served([Decide, Later], players=2) as session:
        (ann, first), (bob, second) = goes_offline(session, 0), goes_offline(session, 1)
        session.advance(60 + RETURN_WITHIN)
        first.send(age=1e6, points="7")
        session.advance(GRACE + 0.1)
        second.send(age=1e6, points="7")
        assert ann.player.points == 7
        assert "points" not in bob.player.fields()


def connected(session: Served, ann: Participant) -> list[str]:
    """Connect a browser that answers nothing; return the frames that it gets."""
    url = f"{session.run.link(ann.player)}ws?page=0&since={session.run._runtime.world.journal.seq}"
    frames: list[str] = []

    async def connect() -> None:
        MemoryLine(session.server, lambda: url, lambda: None, frames.append, lambda code: False)

    session.do("a connection", connect(), 60.0)
    session.settle()
    return frames


@pytest.mark.long
def test_who_is_online_and_silent_is_waited_for_as_a_lost_connection_may_look_open() -> None:
    with served([Decide, Later], players=1) as session:
        ann, form = goes_offline(session)
        connected(session, ann)
        session.advance(60 + GRACE + 1)
        assert ann.player.page == "Decide"
        form.send(age=GRACE + 3, points="3")
        assert ann.player.points == 3


@pytest.mark.long
def test_who_never_came_or_has_left_for_good_holds_nobody_up() -> None:
    class Short(Page):
        """# Short"""

        timeout = 5
        fields = {"word": StringField(label="Word", optional=True)}

    with served([Short, Decide, Later], players=1) as session:
        ann, _ = goes_offline(session)
        session.advance(5 + RETURN_WITHIN + 1)
        assert ann.player.page == "Decide"
        session.advance(60)  # nobody has been on this page: it does not wait once more
        assert ann.player.page == "Later"


def test_a_page_without_questions_goes_on_at_once() -> None:
    class Read(Page):
        """# Read this"""

        timeout = 30

    with served([Read, Last], players=1) as session:
        ann, _ = goes_offline(session)
        session.advance(31)
        assert ann.player.page == "Last"


def test_a_browser_that_comes_back_is_asked_for_its_form() -> None:
    with served([Decide, Last], players=1) as session:
        ann, form = goes_offline(session)
        session.advance(65)
        (frame,) = [json.loads(one) for one in connected(session, ann) if "submit" in one]
        assert (frame["action"], frame["timeout"]) == ("submit", True)
        form.send(age=6, points="2")
        assert (ann.player.page, ann.player.points) == ("Last", 2)


@pytest.mark.long
def test_a_pause_at_the_deadline_takes_nothing_from_the_time_to_come_back() -> None:
    with served([Decide, Later], players=1) as session:
        ann, form = goes_offline(session)
        session.advance(61)
        session.run.pause()
        session.advance(500)
        session.run.resume()
        session.advance(5)
        assert ann.player.page == "Decide"
        form.send(age=506, points="4")
        assert ann.player.points == 4


@pytest.mark.long
def test_while_the_participant_server_is_away_nobody_goes_on_without_a_form() -> None:
    with served([Decide, Later], players=1) as session:
        ann, form = goes_offline(session)
        timeouts = session.run._runtime.flow.timeouts
        session.run._runtime.loop.call_soon_threadsafe(timeouts.note_connection, False)
        session.advance(600)
        assert ann.player.page == "Decide"
        session.run._runtime.loop.call_soon_threadsafe(timeouts.note_connection, True)
        session.advance(RETURN_WITHIN - 1)
        form.send(age=600, points="9")
        assert (ann.player.page, ann.player.points) == ("Later", 9)


@pytest.mark.long
def test_a_form_of_a_page_that_a_hook_moved_the_player_from_is_logged_too() -> None:
    class Timed(Page):
        """# Timed"""

        timeout = 10
        fields = {"word": StringField(label="Word", optional=True)}

        def timeout_reached(page, player):
            move_to_page(player, Last)

    with served([Timed, Decide, Last], players=2) as session:
        (ann, first), (bob, second) = goes_offline(session, 0), goes_offline(session, 1)
        session.advance(11)
        first.send(age=5, word="in time")
        session.advance(60)
        second.send(age=70, word="late")
        assert [ann.player.page, bob.player.page] == ["Last", "Last"]
        forms = [row["form"] for row in late(session)]
        assert forms == [[["word", "in time"]], [["word", "late"]]]


def test_stealth_fields_and_files_are_not_in_the_log() -> None:
    class Pay(Page):
        """# Pay"""

        timeout = 10
        fields = {
            "account": StringField(label="Account"),
            "note": StringField(label="Note"),
            "photo": FileField(label="Photo", optional=True),
        }
        stealth_fields = ["account"]

        def handle_stealth_fields(page, player, data):
            pass

    class Hidden(Pay):
        """# Hidden"""

        fields = Pay.fields

        def stealth_fields(page, player):
            return ["account", "note"]

    with served([Pay, Hidden, Last], players=1) as session:
        (ann,) = session
        forms = []
        for _ in range(2):
            ann.arrive()
            forms.append(goes_offline(session)[1])
            session.advance(10 + RETURN_WITHIN + 1)
        for form in forms:
            form.send(age=40, account=SECRET, note="x", _uproot_own="y")
        assert [row["form"] for row in late(session)] == [[["note", "x"]], None]
        assert SECRET not in session.run.events.to_csv()


class Open(Page):
    """# Without a deadline"""

    fields = {"points": IntegerField(label="Points"), "word": StringField(label="Word")}


def ends_for(session: Served, ann: Participant, how: str) -> None:
    """Let somebody else end the player's visit."""
    if how == "dropout":
        ann.leave()
        session.advance(25)
    else:
        getattr(session.run, how)(ann.player)


def gone(player) -> None:
    leave(player, "dropout")


@pytest.mark.filterwarnings("ignore:Not answered")
@pytest.mark.parametrize("how", ["advance", "move_to_end", "dropout"])
@pytest.mark.parametrize("page", [Decide, Open])
def test_what_somebody_typed_whom_others_moved_is_logged_once(how: str, page: type[Page]) -> None:
    class Watched(page):  # type: ignore[misc, valid-type]
        """# Typing"""

        fields = page.fields

        def before_once(page, player):
            watch_for_dropout(player, gone, tolerance=10)

    with served([Watched, Last], players=1) as session:
        (ann,) = session
        form = Form(session, ann)
        ends_for(session, ann, how)
        for _ in range(2):
            form.send(points="7", word="half")
        (row,) = late(session)
        assert (row["accepted"], row["form"]) == (False, [["points", "7"], ["word", "half"]])
        assert "points" not in ann.player.fields()
        again = rerun(session.run, [Watched, Last])
        assert again.same, again


def test_a_form_whose_own_hook_moves_the_player_is_not_late_when_it_is_sent_twice() -> None:
    class Jump(Page):
        """# Jump"""

        fields = {"word": StringField(label="Word")}

        def after_once(page, player):
            move_to_page(player, Last)

    with served([Jump, Later, Last], players=1) as session:
        (ann,) = session
        form = Form(session, ann)
        for _ in range(2):
            form.send(word="once")
        assert (ann.player.word, ann.player.page, late(session)) == ("once", "Last", [])


def test_a_page_without_questions_takes_no_late_form() -> None:
    class Read(Page):
        """# Read this"""

    with served([Read, Last], players=1) as session:
        (ann,) = session
        form = Form(session, ann)
        session.run.advance(ann.player)
        form.send(word="hostile")
        assert late(session) == []


@pytest.mark.filterwarnings("ignore:Not answered")
def test_who_is_put_back_on_the_page_gets_the_answers_to_check() -> None:
    with served([Open, Last], players=1) as session:
        (ann,) = session
        form = Form(session, ann)
        session.run.advance(ann.player)
        session.run.revert(ann.player)
        hidden = {"_uproot_page": form.page["page"], "_uproot_visit": form.page["visit"]}
        text = urlencode({**hidden, "points": "7", "word": "half"}).encode()
        body = text, "application/x-www-form-urlencoded"
        answer = session.do("an answer", session.server.ask(form.link, body), 60.0)
        assert answer.code == 422
        assert b"half" in answer.body
        assert [row["form"] for row in late(session)] == [[["points", "7"], ["word", "half"]]]


def inputs(session: Served) -> list[Any]:
    """Return the forms in the rows of inputs from which nobody went on."""
    events = session.run.events
    rows = events.value[events.kind == "input"]
    return [(json.loads(one) if isinstance(one, str) else one).get("form") for one in rows]


@pytest.mark.long
def test_a_form_that_came_in_time_is_in_the_log_if_the_hook_at_the_deadline_fails() -> None:
    broken = [True]

    class Timed(Page):
        """# Timed"""

        timeout = 60
        fields = {"points": IntegerField(label="Points"), "secret": StringField(label="Secret")}

        def timeout_reached(page, player):
            if broken[0]:
                raise ValueError("a bug")

    class Secret(Timed):
        """# Secret"""

        fields = Timed.fields
        stealth_fields = ["secret"]

        def handle_stealth_fields(page, player, data):
            pass

    for page in (Timed, Secret):
        broken[0] = True
        with served([page, Last], players=1) as session:
            ann, form = goes_offline(session)
            session.advance(60 + GRACE / 2)
            with pytest.raises(ExperimentFailed):
                form.send(age=5, points="7", secret=SECRET)
            session._seen = 10**9
            broken[0] = False
            session.advance(RETURN_WITHIN + GRACE)
            ann.arrive()
            assert ann.player.page == "Last"
            logged = inputs(session) + [row["form"] for row in late(session)]
            assert any(["points", "7"] in one for one in logged if one)
            assert (SECRET in session.run.events.to_csv()) is (page is Timed)
            session._seen = 10**9


@pytest.mark.long
def test_a_reload_while_the_form_may_still_come_goes_on_with_it() -> None:
    """The page is shown again with its draft, which it sends when it is asked."""
    with served([Decide, Last], players=1) as session:
        ann, form = goes_offline(session)
        session.advance(60 + GRACE + 1)
        answer = session.do("a page", session.server.ask(form.link), 60.0)
        assert b"Decide" in answer.body
        assert ann.player.page == "Decide"
        form.send(age=GRACE + 5, points="7")
        assert (ann.player.page, ann.player.points) == ("Last", 7)
        again = rerun(session.run, [Decide, Last])
        assert again.same, again


@pytest.mark.long
def test_a_hostile_form_is_cut_and_logged_once() -> None:
    with served([Decide, Later], players=1) as session:
        _, form = goes_offline(session)
        session.advance(60 + RETURN_WITHIN + 1)
        form.send(age=80, points="7", why="x" * (MOST_CHARACTERS + 1))
        form.send(age=80, **{f"n{number}": "y" for number in range(2000)})
        (row,) = late(session)
        assert (row["form"], row["cut"]) == ([["points", "7"]], True)


def test_only_visits_whose_time_was_up_can_be_late() -> None:
    with served([Decide, Later, Last], players=2) as session:
        ann, bob = session
        form = Form(session, ann)
        ann.submit(points=3, why="")
        form.send(age=1, points="4")
        other = Form(session, bob)
        other.link = form.link
        other.send(age=1, points="5")
        assert late(session) == []
        assert (ann.player.points, ann.player.page) == (3, "Later")


@pytest.mark.long
def test_a_late_form_is_known_again_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite3"
    with served([Decide, Later], players=1, db=path) as session:
        ann, form = goes_offline(session)
        session.advance(60 + RETURN_WITHIN + 1)
        form.send(age=80, points="7")
        state = session.run._runtime.world.state
        replayed = State(state.codec).apply_all(session.run._runtime.world.log.read("test"))
        name = ann.player.name
        assert replayed.players[name] == state.players[name]
        assert State(state.codec).load(state.dump()).players[name] == state.players[name]


@pytest.mark.long
def test_a_rerun_comes_to_the_same(tmp_path: Path) -> None:
    with served([Decide, Later, Last], players=3) as session:
        (ann, first), (_, second) = goes_offline(session, 0), goes_offline(session, 1)
        session.advance(65)
        first.send(age=10, points="7")
        session.advance(60)
        second.send(age=90, points="8")
        again = rerun(session.run, [Decide, Later, Last])
        assert again.same, again
        assert again.repeated["late"] == 2
        assert ann.player.points == 7


# ---- two tabs ---------------------------------------------------------------------------------


class Tab(Form):
    """One of several tabs or devices on the same page."""

    def press(self, button: str = "", **answers: str) -> None:
        """Press Next, or another button."""
        self.session.do("an answer", self.ask(button, **answers), 60.0)

    def ask(self, button: str = "", **answers: str) -> Any:
        ours = {"_uproot_page": self.page["page"], "_uproot_visit": self.page["visit"]}
        text = urlencode({**ours, **({button: "1"} if button else {}), **answers}).encode()
        return self.session.server.ask(self.link, (text, "application/x-www-form-urlencoded"))


class Essay(Page):
    """# Essay"""

    fields = {"text": StringField(label="Text"), "points": IntegerField(label="Points")}


@pytest.mark.parametrize("page", [Essay, Decide])
def test_what_a_second_tab_sends_is_logged_once_and_replaces_nothing(page: type[Page]) -> None:
    with served([page, Later, Last], players=1) as session:
        (ann,) = session
        tab = Tab(session, ann)
        named = {"text" if page is Essay else "why": "in the other tab", "points": "4"}
        ann.submit(**{name: "first" for name in named if name != "points"}, points=3)
        for _ in range(3):  # the answer to it may be lost
            tab.press(**named)
        tab.press(points="9")
        (row,) = late(session)
        assert (row["accepted"], row["form"]) == (False, [list(one) for one in named.items()])
        assert (ann.player.points, ann.player.page) == (3, "Later")
        again = rerun(session.run, [page, Later, Last])
        assert again.same, again
        state = session.run._runtime.world.state
        replayed = State(state.codec).apply_all(session.run._runtime.world.log.read("test"))
        assert replayed.players == state.players
        assert State(state.codec).load(state.dump()).players == state.players


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_the_same_form_pressed_twice_is_not_late(ending: str) -> None:
    with served([Essay, Later, Last], players=1) as session:
        (ann,) = session
        tab = Tab(session, ann)
        tab.press(text="one\r\ntwo", points="3")
        tab.press(text=f"one{ending}two", points="3", _uproot_age="17")
        assert (ann.player.points, ann.player.page, late(session)) == (3, "Later", [])
        tab.press(text="one\n\ntwo", points="3")
        assert len(late(session)) == 1


def test_of_two_tabs_that_send_at_once_one_counts_and_the_other_is_logged() -> None:
    with served([Essay, Later, Last], players=1) as session:
        (ann,) = session
        tabs = [Tab(session, ann) for _ in range(3)]

        async def all_at_once() -> None:
            await asyncio.gather(
                *(tab.ask(text=str(n), points=str(n)) for n, tab in enumerate(tabs))
            )

        session.do("answers", all_at_once(), 60.0)
        (row,) = late(session)
        assert ann.player.page == "Later"
        assert [["text", ann.player.text], ["points", str(ann.player.points)]] != row["form"]


def test_next_in_one_tab_after_back_in_the_other_is_logged_and_back_twice_is_not() -> None:
    class Second(Page):
        """# Second"""

        allow_back = True
        fields = {"word": StringField(label="Word")}

    with served([Essay, Second, Last], players=1) as session:
        (ann,) = session
        ann.submit(text="x", points=3)
        tab = Tab(session, ann)
        for _ in range(2):
            tab.press("_uproot_back", word="half")
        assert (ann.player.page, late(session)) == ("Essay", [])
        tab.press(word="whole")
        assert [row["form"] for row in late(session)] == [[["word", "whole"]]]
        assert ann.player.page == "Essay"


def test_a_second_form_of_a_page_with_secrets_is_not_compared_and_not_logged() -> None:
    class Pay(Page):
        """# Pay"""

        fields = {"account": StringField(label="Account"), "note": StringField(label="Note")}
        stealth_fields = ["account"]

        def handle_stealth_fields(page, player, data):
            pass

    with served([Pay, Later], players=1) as session:
        (ann,) = session
        tab = Tab(session, ann)
        for _ in range(2):
            tab.press(account=SECRET, note="x")
        tab.press(account=SECRET, note="y")
        assert late(session) == []
        assert SECRET not in session.run.events.to_csv()


def test_what_a_second_tab_has_not_sent_itself_is_not_late() -> None:
    with served([Essay, Later], players=1) as session:
        (ann,) = session
        tab = Tab(session, ann)
        ann.submit(text="first", points=3)
        tab.press("_uproot_timeout", text="draft")
        assert late(session) == []


def test_nobody_else_sends_a_second_form_and_a_hostile_one_is_cut() -> None:
    with served([Essay, Later], players=2) as session:
        ann, bob = session
        tab, eve = Tab(session, ann), Tab(session, bob)
        ann.submit(text="first", points=3)
        eve.page = tab.page  # with a visit of somebody else
        eve.press(text="forged", points="1")
        assert late(session) == []
        tab.press(points="4", text="x" * (MOST_CHARACTERS + 1))
        (row,) = late(session)
        assert (row["form"], row["cut"]) == ([["points", "4"]], True)


@pytest.mark.long
async def test_a_second_tab_is_known_after_the_kernel_was_replaced(tmp_path: Path) -> None:
    log = str(tmp_path / "log.sqlite3")
    with serving(Essay, Last, db=log) as run:
        ann = await Browser.open(run, 0)
        await ann.submit(text="first", points="3")
        run._runtime.world.journal.commit()
    with serving(Essay, Last, db=log) as run:
        tab = Browser(run.link(run.players[0]))
        tab.page = ann.page
        for text in ("first", "second", "second"):
            assert (await tab.submit(text=text, points="3")).code == 303
        rows = run.events.value[run.events.kind == "late"]
        assert [row["form"] for row in rows] == [[["text", "second"], ["points", "3"]]]
        assert run.players[0].text == "first"


@examples(25)
@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=6))
def test_however_often_a_page_is_sent_the_first_counts_and_one_other_is_logged(
    texts: list[str],
) -> None:
    with served([Essay, Last], players=1) as session:
        (ann,) = session
        tab = Tab(session, ann)
        for text in texts:
            tab.press(text=text, points="1")
        others = [text for text in texts if text != texts[0]]
        assert ann.player.text == texts[0]
        assert [row["form"][0][1] for row in late(session)] == others[:1]


@pytest.mark.long
async def test_a_kernel_that_was_away_at_the_deadline_waits_for_the_forms(tmp_path: Path) -> None:
    log = str(tmp_path / "log.sqlite3")
    with serving(Decide, Last, db=log) as run:
        ann = await Browser.open(run, 0)
        visit, deadline = ann.page["visit"], run.players[0]._state.deadline
        run._runtime.world.journal.commit()
    with serving(Decide, Last, db=log) as run:
        set_clock(run, lambda: deadline + 300)
        run._runtime.loop.call_soon_threadsafe(run._runtime.flow.timeouts.note_connection, True)
        await until(lambda: run.players[0]._state.late)
        assert run.players[0].page == "Decide"
        again = Browser(run.link(run.players[0]))
        again.page = {"page": 0, "visit": visit}
        assert (await again.submit(points="6", why="", _uproot_age="301000")).code == 303
        assert (run.players[0].page, run.players[0].points) == ("Last", 6)


@examples(25)
@given(
    st.floats(0, 40), st.floats(0, 60) | st.none(), st.booleans(), st.sampled_from(["", "7", "70"])
)
def test_whenever_a_form_comes_it_counts_or_is_logged_once(
    after: float, age: float | None, repeated: bool, points: str
) -> None:
    with served([Decide, Later], players=1) as session:
        ann, form = goes_offline(session)
        session.advance(60 + after)
        for _ in range(1 + repeated):
            form.send(age=age, points=points)
        assert ann.player.page == "Later"
        rows, counted = late(session), ann.player.get("points") == 7
        assert len(rows) <= 1
        if after > GRACE:
            assert len(rows) == 1
        if counted:
            assert after <= RETURN_WITHIN + GRACE
            assert points == "7"
        if not counted and points == "7":
            assert [row["accepted"] for row in rows] == [False]
