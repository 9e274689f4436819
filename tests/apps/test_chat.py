"""The chat app: people who write to each other under pseudonyms, and a host who listens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.apps.driving import Walk, walking
from uproot_nb.realtime import chat

pytestmark = pytest.mark.slow

PLAYERS = 4
TALK = ["I say: <i>amber</i>", "Agreed, amber it is", "Thank you. Please write down your word."]


@pytest.fixture(scope="module")
def walked(browser: Browser) -> Iterator[Walk]:
    """The app, walked to its end by two pairs."""
    with walking(browser, "chat", players=PLAYERS) as walk:
        walk.until_all_ended()
        yield walk


def test_a_pair_and_its_host_have_their_own_chat(walked: Walk) -> None:
    for group in walked.run.session.groups:
        ruby, opal = group.players
        said = [(message.sender, message.text) for _, _, message in chat.messages(group.chat)]
        assert said == list(zip([~ruby, ~opal, "The host"], TALK, strict=True))
        assert list(chat.players(group.chat)) == [ruby, opal]


def test_everybody_greets_everybody_in_the_lobby(walked: Walk) -> None:
    lobby = walked.run.session.lobby
    senders = {message.sender for _, _, message in chat.messages(lobby)}
    assert senders == {~player for player in walked.run.players}
    assert len(chat.players(lobby)) == PLAYERS


def test_a_callback_hears_what_participants_write(walked: Walk) -> None:
    for group in walked.run.session.groups:
        assert [player.words for player in group.players] == [3, 4]
        assert (group.spoken, group.agreed) == (2, True)


def test_nobody_reads_who_somebody_is(walked: Walk) -> None:
    pushes = walked.run.events.query("kind == 'notify'")["value"]
    shown = [push["data"] for push in pushes if push["event"] == "_uproot_chat"]
    private = [one["name"] for one in shown if one["text"] in TALK]
    assert sorted(private) == ["Opal", "Opal", "Ruby", "Ruby", "The host", "The host"]
    secrets = {player.name for player in walked.run.players}
    assert not [one for one in shown if secrets & set(map(str, one.values()))]


def test_everything_was_looked_at_and_nothing_was_wrong(walked: Walk) -> None:
    assert (walked.complaints, list(walked.run.errors["value"])) == ([], [])
    assert walked.unseen == set()
