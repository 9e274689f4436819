"""Hands: participants ask for the researcher, who sees it, answers, and lowers the hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.running import Browser, Clocks, Rejected, serving, until
from uproot_nb import Page, rerun
from uproot_nb.log.chat_rows import name_of_chat
from uproot_nb.steering.actions import Actions


class Helped(Page):
    """A page on which hands can be raised."""

    ask_for_help = True


class Alone(Page):
    """A page without help."""


HAND = "_uproot_hand"


async def test_a_hand_is_up_until_the_researcher_lowers_it_and_the_page_shows_both() -> None:
    with serving(Helped) as run:
        ann = await Browser.open(run)
        assert 'aria-pressed="false"' in ann.html
        assert f'id="uproot-thread" data-chat="{name_of_chat(run.players[0].name)}"' in ann.html
        assert await ann.call(HAND, True) is True
        assert run.hands == [run.players[0]]
        assert 'aria-pressed="true"' in await ann.load()
        assert run.lower_hand(run.players) == [run.players[0]]
        assert run.hands == []
        while {"up": False} not in await ann.settle():
            pass
        assert run.lower_hand(run.players) == []


async def test_raising_opens_the_thread_and_an_answer_lowers_the_hand() -> None:
    with serving(Helped) as run:
        ann = await Browser.open(run)
        await ann.call(HAND, True)
        chat = name_of_chat(run.players[0].name)
        await ann.call("_uproot_chat_send", chat, "Which button?")
        run.answer(run.players[0], "The green one.")
        assert run.hands == []
        assert run.chats["text"].tolist() == ["Which button?", "The green one."]
        assert "uproot-thread" not in await ann.load()  # the thread itself is there now
        assert "Which button?" in ann.html


@pytest.mark.long
async def test_whoever_was_first_to_raise_a_hand_is_first_and_a_steward_lowers_it() -> None:
    with serving(Helped, players=3) as run:
        actions = Actions(run._runtime, run)
        for place in (2, 0, 1):
            browser = await Browser.open(run, place)
            await browser.call(HAND, True)
        a, b, c = run.players
        assert run.hands == [c, a, b]
        said = actions.do("lower_hand", {"players": [c.name, a.name]}, "steward")
        assert said == "lower hand: 2 of 2 players."
        assert run.hands == [b]


async def test_a_hand_moves_once_a_second_and_a_repeated_press_changes_nothing() -> None:
    with serving(Helped) as run:
        clocks = Clocks(run)
        ann = await Browser.open(run)
        for _ in range(3):
            assert await ann.call(HAND, True) is True
        with pytest.raises(Rejected, match="too fast"):
            await ann.call(HAND, False)
        clocks.wall += 2
        assert await ann.call(HAND, False) is False
        events = run.events
        assert events[events["kind"] == "hand"]["value"].tolist() == [True, False]


@pytest.mark.parametrize("argument", [None, "yes?", [], {"up": True}, 7.5])
async def test_a_page_without_help_has_no_button_and_takes_no_hand(argument: Any) -> None:
    with serving(Alone, Helped) as run:
        ann = await Browser.open(run)
        assert "uproot-hand" not in ann.html
        with pytest.raises(Rejected, match="not available"):
            await ann.call(HAND, True)
        run.advance(run.players[0])
        await until(lambda: run.players[0]._state.has_arrived)
        await ann.load()
        await ann.reconnect()
        with pytest.raises(Rejected):
            await ann.call(HAND, argument)
        assert run.hands == []
        assert run.chats.empty


async def test_every_page_has_the_button_if_the_run_says_so_and_nobody_else_s_hand_moves() -> None:
    with serving(Alone, ask_for_help=True) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        assert 'id="uproot-hand"' in ann.html
        await ann.call(HAND, True)
        await bob.settle()
        assert bob.data() == []
        assert run.hands == [run.players[0]]
        again = rerun(run, [Alone], namespace={})
        assert again.same, again.differences


@pytest.mark.long
async def test_a_hand_outlives_its_kernel_and_comes_again_in_a_rerun(tmp_path: Path) -> None:
    db = str(tmp_path / "hands.sqlite3")
    with serving(Helped, db=db) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await ann.call(HAND, True)
        await bob.call(HAND, True)
    with serving(Helped, db=db) as run:
        assert run.hands == list(run.players)
        run.lower_hand(run.players[0])
        again = rerun(run, [Helped], namespace={})
        assert again.same, again.differences
    with serving(Helped, db=db) as run:
        assert run.hands == [run.players[1]]
