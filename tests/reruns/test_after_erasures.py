"""Reruns after an erasure: the others' market, chat and groups come out as they were."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import random
from pathlib import Path

import pytest

from uproot_nb import (
    Entry,
    GroupCreatingWait,
    Page,
    PlayerIdentifier,
    StringField,
    add_entry,
    chat,
    create_model,
    live,
    notify,
    rerun,
)
from uproot_nb.log.checking import check_log
from uproot_nb.market import MarketPage
from uproot_nb.market.pages.page import markets_of
from uproot_nb.testing import CallRefused, Participant, Served, served

SEND = "_uproot_chat_send"
WORDS = (
    "name", "from", "text", "mine", "trades", "changes", "orders", "cash", "sell", "ok", "facts",
    "Lambda", "Alpha", "Omega", "Pi", "I am from Kiel", "hello to all of you", "12345678",
)  # fmt: skip
"""What participants write: words of our own formats and pseudonyms among them."""


class Note(metaclass=Entry):
    """What somebody said."""

    player: PlayerIdentifier
    text: str
    tags: dict


class Ask(Page):
    """Ask."""

    fields = {"word": StringField(label="Word")}  # noqa: RUF012
    template = "{{ fields() }}{{ chat(session.chat) }}"

    @live
    def talk(page, player, text: str):
        session = player.session
        session.by = {**session.get("by", {}), text: len(session.get("by", {}))}
        add_entry(session.notes, player, Note, text=text, tags={text: 1})
        notify(player, session.players, {"t": text})
        return text


class Pair(GroupCreatingWait):
    """Pair."""

    group_size = 2


class Trade(MarketPage):
    """Trade."""

    market_names = ("m",)

    def open_market(page, market, traders):
        for trader in traders:
            market.endow(trader, cash=1000, units=50)


ORDER = [Ask, Pair, Trade]


def new_session(session):
    session.chat = chat.create(session)
    session.notes = create_model(session, tag="notes")


def new_player(player):
    chat.add_player(player.session.chat, player)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_whoever_is_erased_the_others_come_out_the_same(tmp_path: Path, seed: int) -> None:
    drawn = random.Random(seed)
    with served(ORDER, players=4, db=tmp_path / "log.sqlite3") as session:
        _play(session, drawn)
        run = session.run
        for player in drawn.sample(list(run.players), 2):
            run.erase(player, disconnect=True)
            again = rerun(run, ORDER, namespace=globals())
            assert again.same, (again.first, again.differences)
    assert check_log(tmp_path / "log.sqlite3").faults == []


def _play(session: Served, drawn: random.Random) -> None:
    ann, *others = session
    for word in WORDS:
        ann.call("talk", word)
    for one in others:
        one.call("talk", "nothing of that")
        one.call(SEND, session.run.session.chat.name, "good morning")
    for one in session:
        one.submit(word=drawn.choice(WORDS))
    for _ in range(25):
        _trade(drawn.choice(list(session)), drawn)


def _trade(one: Participant, drawn: random.Random) -> None:
    [market] = markets_of(Trade, one.player)
    side, price, act = drawn.choice(["buy", "sell"]), drawn.randint(4, 6), drawn.random()
    try:
        if act < 0.6:
            one.call("send_order", market.name, side, price)
        elif act < 0.8:
            one.call("take_price", market.name, side, price)
        else:
            one.call("cancel_order", market.name, drawn.randint(1, 6))
    except CallRefused:
        pass  # there is no such order or price
