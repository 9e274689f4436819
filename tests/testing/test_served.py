"""served: what an author may rely on in tests of an experiment."""
# ruff: noqa: ANN001, ANN201, ANN202, C408, RUF012  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.docs.fences import fences_of
from uproot_nb import (
    BooleanField,
    FileField,
    GroupCreatingWait,
    IntegerField,
    Page,
    Refused,
    Rounds,
    SynchronizingWait,
    UprootError,
    live,
    move_to_end,
    move_to_page,
    notify,
    others_in_session,
    random_forms,
    redirect,
    spawn,
    watch_for_dropout,
)
from uproot_nb.testing import CallRefused, ExperimentFailed, FormRefused, served

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120


class Ask(Page):
    """# A question

    <script>const secret = 1;</script>"""

    timeout = 60
    allow_back = True
    fields = dict(
        age=IntegerField(label="Your age", min=18, max=99),
        agree=BooleanField(label="I agree", optional=True),
    )

    def timeout_reached(page, player):
        player.late = True


class Trade(Page):
    """# Trade"""

    allow_back = True

    def jsvars(page, player):
        return {"endowment": 10}

    @live
    def offer(page, player, price: int):
        if price > 100:
            raise Refused("Too high.")
        player.price = price
        notify(player, others_in_session(player), price, event="Offer")
        return {"posted": 10 // price}

    @live
    async def think(page, player, seconds: float):
        await asyncio.sleep(seconds)
        return player.name

    @live(thread=True)
    def compute(page, player, n: int):
        return sum(range(n))

    @live
    def later(page, player, seconds: float):
        async def tell():
            await asyncio.sleep(seconds)
            notify(player, player, "now", event="Later")

        spawn(tell())


class Thanks(Page):
    """Thank you."""


class TestAnswering:
    def test_answers_are_checked_stored_and_lead_to_the_next_page(self) -> None:
        with served([Ask, Trade], players=1) as session:
            (ann,) = session
            assert ann.page == "Ask"
            assert (ann.fields["age"].min, ann.fields["age"].label) == ("18", "Your age")
            assert ann.assert_form_refused(age=17) == ann.errors
            with pytest.raises(FormRefused, match="age"):
                ann.submit(age=100)
            assert ann.submit(age=18, agree=True) == "Trade"
            assert (ann.player.age, ann.player.agree) == (18, True)
            assert ann.go_back() == "Ask"

    def test_an_accepted_form_fails_an_assertion_of_its_refusal(self) -> None:
        with (
            served([Ask, Trade], players=1) as session,
            pytest.raises(AssertionError, match=r"Ask accepted \{'age': 20\} and led to Trade"),
        ):
            session[0].assert_form_refused(age=20)

    def test_the_text_is_what_is_to_be_read_and_assertions_show_it(self) -> None:
        with served([Ask], players=1) as session:
            (ann,) = session
            ann.assert_reads("A question")
            ann.assert_reads("Your\n age")
            assert "secret" not in ann.text
            with pytest.raises(AssertionError, match=r"does not read 'Welcome'(.|\n)*A question"):
                ann.assert_reads("Welcome")
            with pytest.raises(AssertionError, match=r"is on Ask, not on Trade(.|\n)*A question"):
                ann.assert_on(Trade)

    def test_a_file_is_sent_with_a_form(self, tmp_path: Path) -> None:
        class Upload(Page):
            """# Upload"""

            fields = dict(photo=FileField(label="Photo"))

            def before_once(page, player):
                player.had = False

            def handle_stealth_fields(page, player, data):
                player.size = data["photo"].size

            stealth_fields = ["photo"]

        (tmp_path / "a.png").write_bytes(b"x" * 700)
        with served([Upload, Thanks], players=1) as session:
            session[0].submit(photo=tmp_path / "a.png")
            session[0].assert_on(Thanks)
            assert session[0].player.size == 700

    @pytest.mark.long
    def test_bots_play_for_everybody(self) -> None:
        with served([Ask, Thanks], players=5) as session:
            session.play(random_forms)
            assert all(participant.at_end for participant in session)


class TestLive:
    def test_a_call_returns_and_others_get_the_push(self) -> None:
        with served([Trade], players=2) as session:
            ann, bob = session
            assert ann.call("offer", 5) == {"posted": 2}
            assert ann.vars == {"endowment": 10}
            assert [push.data for push in bob.pushes] == [5]
            assert bob.push("Offer").data == 5
            assert bob.pushes == []
            assert ann.assert_call_refused("offer", 101) == "Too high."
            with pytest.raises(CallRefused):
                ann.call("offer", "dear")
            with pytest.raises(AssertionError, match=r"offer\(1\) was not refused"):
                ann.assert_call_refused("offer", 1)

    def test_a_push_that_does_not_come_fails_and_names_those_that_did(self) -> None:
        with served([Trade], players=2) as session:
            ann, bob = session
            ann.call("offer", 5)
            with pytest.raises(AssertionError, match=r"'Sale' within 5 s.*\['Offer'\]"):
                bob.push("Sale", within=5)

    def test_a_call_that_takes_time_takes_none_of_the_tests(self) -> None:
        with served([Trade], players=1) as session:
            before, begun = session.now, time.monotonic()
            assert session[0].call("think", 30) == session[0].player.name
            assert session.now - before == pytest.approx(30, abs=1)
            assert time.monotonic() - begun < 10
            assert session[0].call("compute", 5) == 10

    def test_what_a_background_task_sends_comes_at_its_time(self) -> None:
        with served([Trade], players=1) as session:
            (ann,) = session
            ann.call("later", 20)
            session.advance(19)
            assert ann.pushes == []
            assert ann.push("Later", within=5).data == "now"

    def test_who_was_away_gets_what_was_missed(self) -> None:
        with served([Trade], players=2) as session:
            ann, bob = session
            bob.leave()
            assert not bob.player.online
            ann.call("offer", 5)
            assert bob.arrive(polling=True) == "Trade"
            assert bob.player.online
            assert session.run.presence["by"].tolist() == ["websocket", "websocket", "polling"]
            ann.call("offer", 2)
            assert [push.data for push in bob.pushes] == [
                2
            ]  # the page that was loaded has the rest


class TestTime:
    @pytest.mark.long
    def test_the_form_of_an_open_page_is_taken_when_the_time_is_up(self) -> None:
        with served([Ask, Thanks], players=2) as session:
            ann, bob = session
            bob.leave()
            session.advance(59)
            assert (ann.page, bob.player.page) == ("Ask", "Ask")
            session.advance(5)
            assert (ann.page, bob.player.page) == ("Thanks", "Ask")  # who may come back with it
            session.advance(15)
            assert bob.player.page == "Thanks"
            assert ann.player.late

    def test_times_in_the_log_are_those_of_the_test(self) -> None:
        with served([Ask, Thanks], players=1, now=1_000_000_000.0) as session:
            session.advance(10)
            session[0].submit(age=30)
            events = session.run._runtime.world.log.read("test", kinds={"submit"})
            assert [event.time for event in events] == [pytest.approx(1_000_000_010, abs=0.1)]

    def test_a_dropout_is_noticed_after_the_tolerance(self) -> None:
        async def left(player):
            player.gone = True
            move_to_end(player)

        def new_player(player):
            watch_for_dropout(player, left, tolerance=30)

        names = {"new_player": new_player, "left": left}
        with served([Ask], players=2, names=names) as session:
            ann, _ = session
            ann.leave()
            session.advance(29)
            assert not ann.player.get("gone", False)
            session.advance(2)
            assert ann.player.gone

    @pytest.mark.long
    def test_a_pause_keeps_everybody_waiting(self) -> None:
        with served([Ask, Thanks], players=1) as session:
            session.run.pause()
            session.advance(100)
            session[0].assert_on(Ask)
            session.run.resume()
            session.advance(70)
            session[0].assert_on(Thanks)


class TestSteering:
    def test_robots_follow_where_the_experiment_sends_them(self) -> None:
        with served([Ask, Trade, Thanks], players=2) as session:
            ann, bob = session
            move_to_page(ann.player, Trade)
            session.settle()
            ann.assert_on(Trade)
            session.run.message(session.run.players, "Five minutes left.")
            session.settle()
            assert bob.messages == ["Five minutes left."]
            redirect(bob.player, "https://example.org/done")
            session.settle()
            assert bob.redirected == "https://example.org/done"
            assert bob.at_end

    def test_somebody_joins_by_the_link(self) -> None:
        with served([Ask], players=1, arrive=False) as session:
            first, second = session.join(), session.join()
            assert first is session[0]
            assert [first.page, second.page, len(session)] == ["Ask", "Ask", 2]


class TestGroups:
    def test_wait_pages_let_go_when_all_are_there(self) -> None:
        class Pair(GroupCreatingWait):
            group_size = 2

        class Sync(SynchronizingWait):
            def all_here(page, group):
                group.total = sum(group.players.each("age"))

        with served([Pair, Ask, Sync, Thanks], players=4, arrive=False) as session:
            ann, bob, eve, _ = session
            ann.arrive()
            assert ann.waits
            bob.arrive()
            ann.assert_on(Ask)
            eve.arrive()
            assert eve.waits
            ann.submit(age=20)
            bob.submit(age=30)
            ann.assert_on(Thanks)
            assert ann.player.group.total == 50


class TestFailures:
    def test_what_a_live_method_raises_fails_the_test_with_its_traceback(self) -> None:
        with served([Trade], players=1) as session:
            with pytest.raises(ExperimentFailed, match=r"Trade.offer: ZeroDivisionError(.|\n)*//"):
                session[0].call("offer", 0)
            assert session.failures() == []

    def test_what_a_hook_raises_fails_the_test(self) -> None:
        class Broken(Page):
            """# Broken"""

            def before_once(page, player):
                raise KeyError("cash")

        with pytest.raises(ExperimentFailed, match="KeyError") as failed:
            served([Broken], players=1)
        assert failed.value.failures[0].where == "Broken.before_once"

    def test_what_is_raised_in_the_background_fails_the_test_at_its_end(self) -> None:
        class Later(Page):
            """# Later"""

            @live
            def go(page, player):
                async def fail():
                    await asyncio.sleep(5)
                    raise RuntimeError("too late")

                spawn(fail())

        session = served([Later], players=1)
        session[0].call("go")
        with pytest.raises(ExperimentFailed, match="too late"):
            session.advance(10)
        session.close()

    def test_a_module_without_a_page_order_is_refused(self) -> None:
        with pytest.raises(UprootError, match="defines no page_order"):
            served(pytest)


def test_the_names_beside_pages_are_found_behind_an_operator() -> None:
    module = ModuleType("beside")
    text = (
        "from uproot_nb import Page, Rounds\n"
        "class Only(Page):\n    fields = {}\n"
        "def new_player(player):\n    player.cash = 7\n"
    )
    exec(text, vars(module))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "beside", module)
        with served([Rounds(module.Only, n=2)], players=1) as session:
            assert session[0].player.cash == 7


@pytest.mark.long
def test_another_test_goes_on_with_the_log(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite3"
    with served([Ask, Trade], players=1, db=path) as session:
        session[0].submit(age=40)
    with served([Ask, Trade], players=1, db=path) as session:
        session[0].assert_on(Trade)
        assert session[0].player.age == 40


@pytest.mark.long
def test_the_same_seed_draws_the_same() -> None:
    def names() -> list[str]:
        with served([Ask], players=3) as session:
            return [participant.player.name for participant in session]

    assert names() == names()


@pytest.fixture
def author(tmp_path: Path) -> Callable[[dict[str, str]], str]:
    """Somebody with a folder of files, who runs pytest there and reads what it writes."""

    def run(files: dict[str, str]) -> str:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "pytest_uproot_nb",
            "-p",
            "no:cacheprovider",
        ]
        done = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, check=False,
        )  # fmt: skip
        return done.stdout

    return run


class TestAsAnAuthor:
    def test_the_example_of_the_documentation_passes(self, author: Any) -> None:
        page = fences_of(ROOT / "docs" / "testing.md")
        assert "5 passed" in author({fence.file: fence.text for fence in page if fence.file})

    @pytest.mark.slow
    def test_a_mistake_in_the_experiment_is_shown_by_its_traceback(self, author: Any) -> None:
        experiment = (
            "from uproot_nb import *\n"
            "class Ask(Page):\n"
            "    '''# Ask'''\n"
            "    @live\n"
            "    def bid(page, player, price: int):\n"
            "        player.cash -= price\n"
            "page_order = [Ask]\n"
        )
        test = (
            "import auction\n"
            "def test_a_bid(served):\n"
            "    (ann,) = served(auction, players=1)\n"
            "    ann.call('bid', 3)\n"
        )
        shown = author({"auction.py": experiment, "test_auction.py": test})
        assert "1 failed" in shown
        assert "ExperimentFailed" in shown
        assert "player.cash -= price" in shown

    @pytest.mark.slow
    def test_an_app_in_a_folder_is_served(self, author: Any) -> None:
        app = (
            "from uproot.fields import *\n"
            "from uproot.smithereens import *\n"
            "class Ask(Page):\n"
            "    fields = dict(age=IntegerField(label='Your age'))\n"
            "page_order = [Ask]\n"
        )
        template = (
            "{% extends 'Base.html' %}{% block title %}Ask{% endblock %}"
            "{% block main %}How old? {{ fields() }}{% endblock %}"
        )
        test = (
            "def test_the_age(served):\n"
            "    (ann,) = served('apps/ages', players=1)\n"
            "    ann.assert_reads('How old?')\n"
            "    ann.submit(age=30)\n"
            "    assert ann.player.age == 30\n"
        )
        files = {"apps/ages/__init__.py": app, "apps/ages/Ask.html": template, "test_ages.py": test}
        assert "1 passed" in author(files)

    def test_the_plugin_alone_does_not_import_the_package(self, author: Any) -> None:
        test = (
            "import sys\n"
            "def test_nothing():\n"
            "    assert 'pytest_uproot_nb' in sys.modules\n"
            "    assert 'uproot_nb' not in sys.modules\n"
        )
        assert "1 passed" in author({"test_nothing.py": test})
