"""A lobby in real browsers, with the kernel behind it: from the question to the group."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.running import serving, until_true
from uproot_nb import GroupCreatingWait, Page, Run


class Lobby(GroupCreatingWait):
    """Pairs of those who are there."""

    idle, leave_after = 120, 0


class Play(Page):
    """# Your decision"""


def wait_until(condition: Callable[[], object]) -> None:
    """Wait in another thread: Playwright has a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(until_true, condition).result()


def ask(run: Run, number: int) -> None:
    """Let a player's time without a touch be over."""
    player, runtime = run.players[number], run._runtime

    async def over() -> None:
        runtime.flow.idleness._seen[player.name] -= 121
        runtime.flow.idleness._check(player.name)
        await asyncio.sleep(0)

    runtime.wait_for(over())


def test_who_is_asked_is_grouped_after_a_press_and_not_before(context: BrowserContext) -> None:
    with serving(Lobby, Play) as run:
        ann, bob = context.new_page(), context.new_page()
        ann.goto(run.link(run.players[0]))
        wait_until(lambda: run.players[0].online)
        ask(run, 0)
        button = ann.get_by_role("button", name="Yes, I am here")
        button.wait_for()
        bob.goto(run.link(run.players[1]))
        wait_until(lambda: run.players[1].online)
        expect(bob.locator("#uproot-gathered")).to_have_text("Here: 1 of 2")
        assert [player.page for player in run.players] == ["Lobby", "Lobby"]
        button.click()
        for tab in (ann, bob):
            tab.get_by_role("heading", name="Your decision").wait_for()
        assert run.session.groups[0].players[0].id == 0


@pytest.mark.slow
def test_the_question_is_still_there_after_a_reload_in_the_participants_language(
    context: BrowserContext,
) -> None:
    with serving(Lobby, Play, language="de") as run:
        ann = context.new_page()
        ann.goto(run.link(run.players[0]))
        wait_until(lambda: run.players[0].online)
        ask(run, 0)
        ann.get_by_text("Sind Sie noch da?").wait_for()
        ann.reload()
        ann.get_by_role("button", name="Ja, ich bin da").click()
        wait_until(lambda: run.players[0]._state.idle == "")


@pytest.mark.slow
def test_who_leaves_is_at_the_end(context: BrowserContext) -> None:
    with serving(Lobby, Play) as run:
        ann = context.new_page()
        ann.goto(run.link(run.players[0]))
        wait_until(lambda: run.players[0].online)
        ann.get_by_role("button", name="Leave the study").click()
        ann.get_by_role("alertdialog").get_by_role("button", name="Leave the study").click()
        wait_until(lambda: run.players[0].ended_as == "lobby")
        ann.locator("#uproot-leave-button").wait_for(state="detached")


@pytest.mark.slow
def test_who_leaves_while_the_network_is_cut_has_left_when_it_is_back(
    context: BrowserContext,
) -> None:
    with serving(Lobby, Play, language="de") as run:
        ann = context.new_page()
        ann.goto(run.link(run.players[0]))
        wait_until(lambda: run.players[0].online)
        context.set_offline(True)
        ann.get_by_role("button", name="Studie verlassen").click()
        ann.get_by_role("alertdialog").get_by_role("button", name="Studie verlassen").click()
        ann.get_by_text("Sie verlassen die Studie, sobald die Verbindung wieder da ist.").wait_for()
        context.set_offline(False)
        wait_until(lambda: run.players[0].ended_as == "lobby")
        ann.locator("#uproot-leave-button").wait_for(state="detached")
