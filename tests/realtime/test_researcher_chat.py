"""The chat with the researcher: one participant and the researcher, and nobody else."""
# ruff: noqa: ANN001, ANN201  (as authors write)

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.running import Browser, Rejected, serving
from uproot_nb import Page, UprootError, chat, open_log, researcher_chat
from uproot_nb.realtime.researcher_chat import set_replies

SEND = "_uproot_chat_send"


class Work(Page):
    """Work."""


class Help(Page):
    template = "<p>Ask us.</p>{{ chat(player.help) }}<p>That is all.</p>"


def new_player(player):
    player.help = researcher_chat(player)


NAMES: dict[str, Any] = {"new_player": new_player, "__name__": __name__}


def helping(*pages: type[Page], **more: Any):
    return serving(*(pages or (Work,)), names=NAMES, **more)


def boot_of(html: str) -> dict[str, Any]:
    """Return what the widget on a page gets."""
    found = re.findall(r'<uproot-chat.*?json">(.*?)</script>', html, re.DOTALL)
    assert len(found) == 1, found
    boot: dict[str, Any] = json.loads(found[0])
    return boot


async def test_a_participant_asks_and_the_researcher_answers() -> None:
    with helping() as run:
        player = run.players[0]
        ann = await Browser.open(run)
        await ann.call(SEND, player.help.name, "Is it <b>this</b>?")
        assert list(run.answer(player, "Yes.")) == [player]
        pushed = [(one["from"], one["text"]) for one in await ann.settle()]
        assert pushed == [(0, "Is it <b>this</b>?"), (None, "Yes.")]
        chats = run.chats
        assert list(chats["player"]) == [player.name] * 2
        assert list(chats["sender"]) == ["player", "researcher"]
        assert list(chats["text"]) == ["Is it <b>this</b>?", "Yes."]
        events = run.events
        assert list(events[events["kind"] == "chat"]["actor"]) == [player.name, "researcher"]
        boot = boot_of(await ann.load())
        assert [one["text"] for one in boot["messages"]] == ["Is it <b>this</b>?", "Yes."]
        assert "<b>this" not in ann.html


@pytest.mark.long
async def test_a_stranger_neither_reads_nor_writes_it() -> None:
    with helping() as run:
        ann, bob = run.players
        run.answer(ann, "For Ann alone.")
        stranger = await Browser.open(run, 1)
        with pytest.raises(Rejected, match="not a member"):
            await stranger.call(SEND, ann.help.name, "Let me in")
        run.answer(ann, "Again for Ann.")
        assert await stranger.settle() == []
        assert "For Ann" not in await stranger.load()
        assert boot_of(stranger.html)["chat"] == bob.help.name
        assert list(run.chats["text"]) == ["For Ann alone.", "Again for Ann."]


async def test_a_page_that_shows_somebody_elses_chat_shows_none_of_its_messages() -> None:
    with helping(Help) as run:
        ann, bob = run.players
        run.answer(ann, "For Ann alone.")
        bob.help = ann.help
        html = (await Browser(run.link(bob)).fetch()).body.decode()
        assert "That is all." in html
        assert "For Ann" not in html


async def test_it_stands_at_the_end_of_a_page_or_where_the_template_has_it() -> None:
    with helping(Work, Help) as run:
        ann = await Browser.open(run)
        assert ann.html.index("</form>") < ann.html.index("<uproot-chat")
        assert boot_of(ann.html)["host"] == "Researcher"
        run.advance(run.players[0])
        await ann.load()
        assert boot_of(ann.html)["chat"] == run.players[0].help.name
        assert ann.html.index("<uproot-chat") < ann.html.index("That is all.")


async def test_there_is_one_for_each_player_and_answering_makes_it() -> None:
    with serving(Work) as run:
        ann, bob = run.players
        browser = await Browser.open(run)
        assert "uproot-chat" not in browser.html
        run.answer([ann, bob], "Five minutes left.")
        assert [one["host"] for one in await browser.settle()] == [True]
        assert researcher_chat(ann) is researcher_chat(ann)
        assert researcher_chat(ann) is not researcher_chat(bob)
        assert [message.text for _, _, message in chat.messages(researcher_chat(ann))] == [
            "Five minutes left."
        ]
        assert boot_of(await browser.load())["replies"] is True


async def test_replies_can_be_closed_and_opened_again() -> None:
    with helping() as run:
        player = run.players[0]
        ann = await Browser.open(run)
        researcher_chat(player, replies=False)
        with pytest.raises(Rejected, match="only read"):
            await ann.call(SEND, player.help.name, "But")
        assert boot_of(await ann.load())["replies"] is False
        await ann.reconnect()
        assert researcher_chat(player) is player.help  # which does not open it
        set_replies(player.help, True)
        set_replies(player.help, True)
        await ann.call(SEND, player.help.name, "At last")
        assert [one.get("open") for one in await ann.settle()] == [False, True, None]
        assert list(run.chats["text"]) == ["At last"]


async def test_at_the_end_it_can_only_be_read() -> None:
    with helping() as run:
        run.move_to_end(run.players[0])
        run.answer(run.players[0], "Please come to the desk.")
        ann = Browser(run.link(run.players[0]))
        boot = boot_of(await ann.load())
        assert (boot["replies"], boot["ended"]) == (False, True)
        assert [one["text"] for one in boot["messages"]] == ["Please come to the desk."]


async def test_the_researcher_is_named_in_the_language_of_the_page() -> None:
    names = {**NAMES, "language": lambda player: "de"}
    with serving(Work, names=names) as run:
        run.answer(run.players[0], "Ja.")
        ann = await Browser.open(run)
        assert boot_of(ann.html)["host"] == "Studienleitung"
        assert ann.page["texts"]["Researcher"] == "Studienleitung"


@pytest.mark.long
async def test_messages_outlast_the_kernel_and_are_in_the_log(tmp_path) -> None:
    db = str(tmp_path / "log.sqlite3")
    with helping(db=db) as run:
        ann = await Browser.open(run)
        await ann.call(SEND, run.players[0].help.name, "Hello?")
        run.answer(run.players[0], "Hello.")
    with helping(db=db) as run:
        assert list(run.chats["text"]) == ["Hello?", "Hello."]
        assert "Hello?" in (await Browser.open(run)).html
    assert list(open_log(db).chats["sender"]) == ["player", "researcher"]


async def test_code_may_answer_in_it_under_a_name() -> None:
    with helping() as run:
        chat.add_message(run.players[0].help, "Assistant", "How can I help?")
        chat.add_message(run.players[0].help, None, "Or I?")
        assert list(run.chats["sender"]) == ["Assistant", "researcher"]


@pytest.mark.parametrize("text", ["", "  ", "x" * 2001, None])
def test_an_answer_must_be_a_text_of_reasonable_length(text: Any) -> None:
    with helping() as run:
        with pytest.raises(UprootError, match=r"answer|characters"):
            run.answer(run.players[0], text)
        assert len(run.chats) == 0


def test_who_is_no_player_has_no_chat() -> None:
    with helping() as run, pytest.raises(UprootError):
        researcher_chat(run.session)  # type: ignore[arg-type]
