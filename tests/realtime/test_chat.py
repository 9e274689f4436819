"""Chat: members write, all members read, and nobody else."""
# ruff: noqa: ANN001, ANN201, PT012, PT018  (as authors write)

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.running import Browser, Rejected, serving, until
from uproot_nb import Page, Run, UprootError, chat

SEND = "_uproot_chat_send"
HEARD: list[tuple[str | None, str]] = []


class Talk(Page):
    template = "<p>Talk</p>{{ chat(session.chat) }}"

    def before_once(page, player):
        if player.id < 2:
            chat.add_player(player.session.chat, player, pseudonym=f"Player {player.id}")


class Elsewhere(Page):
    """Elsewhere."""


def new_session(session):
    session.chat = chat.create(session)
    chat.on_message(session.chat, heard)


def heard(where, player, message):
    HEARD.append((player and player.name, message))


NAMES = {"new_session": new_session, "heard": heard, "__name__": __name__}


def talking(**more: Any):
    HEARD.clear()
    return serving(Talk, Elsewhere, names=dict(NAMES), players=3, **more)


async def join(run: Run, number: int) -> Browser:
    """Open the page; of a member, as the third is not."""
    browser = Browser(run.link(run.players[number]))
    await browser.load()
    await browser.connect()
    return browser


async def test_a_message_reaches_every_member_under_a_pseudonym() -> None:
    with talking() as run:
        ann, bob = await join(run, 0), await join(run, 1)
        name = run.session.chat.name
        await ann.call(SEND, name, "Hello <b>")
        for one in (ann, bob):
            event = await one.event()
            assert event["event"] == "_uproot_chat"
            assert event["data"]["text"] == "Hello <b>"
            assert run.players[0].name not in json.dumps(event["data"])
        assert [(m.entry.sender.name, m.entry.text) for m in chat.messages(run.session.chat)] == [
            (run.players[0].name, "Hello <b>")
        ]
        await until(lambda: [(run.players[0].name, "Hello <b>")] == HEARD)
        assert "chat" in set(run.events["kind"])


async def test_who_is_no_member_neither_sends_nor_reads() -> None:
    with talking() as run:
        ann = await join(run, 0)
        with pytest.raises(UprootError):  # the page shows a chat to somebody who is not in it
            run.players[2].session.chat.unknown_field  # noqa: B018
        eve = Browser(run.link(run.players[2]))
        await eve.fetch()
        await until(lambda: run.players[2].page == "Talk")
        eve.page = {"page": 0, "since": 0}
        await eve.connect()
        with pytest.raises(Rejected):
            await eve.call(SEND, run.session.chat.name, "Let me in")
        await ann.call(SEND, run.session.chat.name, "Hi")
        assert await eve.settle() == []
        assert len(chat.messages(run.session.chat)) == 1


@pytest.mark.parametrize("text", ["", "   ", "x" * 2001])
async def test_what_is_no_message_is_refused_calmly(text: str) -> None:
    with talking() as run:
        ann = await join(run, 0)
        with pytest.raises(Rejected):
            await ann.call(SEND, run.session.chat.name, text)
        assert chat.messages(run.session.chat) == []


async def test_who_writes_too_fast_is_asked_to_wait() -> None:
    with talking() as run:
        ann = await join(run, 0)
        sent = 0
        with pytest.raises(Rejected) as refused:
            for number in range(20):
                await ann.call(SEND, run.session.chat.name, f"{number}")
                sent += 1
        assert "too fast" in str(refused.value)
        assert 3 <= sent <= 19


@pytest.mark.long
async def test_the_history_is_there_on_load_and_after_a_restart(tmp_path) -> None:
    db = str(tmp_path / "log.sqlite3")
    with talking(db=db) as run:
        ann = await join(run, 0)
        await ann.call(SEND, run.session.chat.name, "First")
        chat.add_message(run.session.chat, "Assistant", "Welcome")
    with talking(db=db) as run:
        assert [m.entry.text for m in chat.messages(run.session.chat)] == ["First", "Welcome"]
        ann = await join(run, 0)
        assert re.search("First", ann.html) and re.search("Welcome", ann.html)
        await ann.call(SEND, run.session.chat.name, "Second")
        await until(lambda: [(run.players[0].name, "Second")] == HEARD)  # the listener came back


def test_members_may_be_added_from_a_cell() -> None:
    with talking() as run:
        assert chat.exists(run.session.chat)
        chat.add_player(run.session.chat, run.players[2])
        assert [player.id for player in chat.players(run.session.chat)] == [2]


@pytest.mark.parametrize("again", ["Seller", "seller", " Sel ler", "\uff33eller"])
async def test_two_members_have_two_pseudonyms(again: str) -> None:
    with talking() as run:
        made = chat.create(run.session, "second")
        ann, bob, _ = run.players
        chat.add_player(made, ann, "Seller")
        chat.add_player(made, ann, "Seller")  # its own
        with pytest.raises(UprootError, match=r"Another member of .* is called"):
            chat.add_player(made, bob, again)
        assert list(chat.players(made)) == [ann]
        chat.add_player(made, ann, "Buyer")
        chat.add_player(made, bob, again)
