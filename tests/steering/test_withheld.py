"""Withheld: a viewer gets nothing by which one could take part, and no account number."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.monitor.rest.asking import Asking
from tests.running import Browser, Rejected, serving, until
from uproot_nb import (
    BICField,
    IBANField,
    Page,
    Payment,
    Run,
    StringField,
    after_commit,
    live,
    notify,
    players,
    redirect,
    room,
)
from uproot_nb.log.events import KINDS, Event
from uproot_nb.log.state import State
from uproot_nb.monitor.monitor import Monitor
from uproot_nb.steering.withheld import Withheld

IBAN, BIC = "DE89370400440532013000", "COBADEFFXXX"
SPACED = "de89 3704 0044 0532 0130 00"


class Account(Page):
    """Where to pay."""

    fields: ClassVar[dict[str, Any]] = {
        "iban": IBANField(label="IBAN"),
        "bic": BICField(label="BIC"),
        "note": StringField(label="Note"),
    }

    @live
    def save(page, player, link: str):
        player.mine = {"link": link, "deep": [f"see {link}"]}
        print("somebody has", link)
        notify(player, players(player.session), {"link": link})
        after_commit(print, link, "PASSWORD-2")

    @live
    def fail(page, player, link: str):
        raise ValueError(f"no {link}")


class Away(Page):
    """Thanks."""


@pytest.fixture
def run() -> Iterator[Run]:
    """A run with two players, a room, a payment rule, and a setting that is secret."""
    with serving(
        Account, Away, settings={"key": "PASSWORD-1"}, seed="SEED-1",
        rooms=[room("lab", ["LABEL-OF-A-SEAT"], open=True)], payment=Payment(currency="EUR"),
        label_from="PID",
    ) as made:  # fmt: skip
        yield made


async def lived(run: Run) -> list[str]:
    """Let a session have every secret in its log, wherever one may come; return them all."""
    ann = await Browser.open(run)
    link = run.link(run.players[1])
    await ann.call("save", link)
    await ann.call("save", run.join_link)
    await ann.call("save", f"https://lab.example.org/join/market/{run._runtime.world.join_secret}/")
    with pytest.raises(Rejected):
        await ann.call("fail", link)
    await ann.submit(iban=IBAN, bic=BIC, note=f"mine is {SPACED}, or {link}")
    await asyncio.to_thread(run.answer, run.players[0], f"Go to {link}")
    await asyncio.to_thread(run.message, run.players[0], f"Go to {run.url}room/lab/")
    redirect(run.players[0], "https://prolific.example.org/?cc=CODE-1")
    bob = Browser(f"{run.join_link}?PID=PID-1&secret=PARAMETER-1")
    await bob.fetch()
    await bob.fetch(body={"_uproot_begin": "1"})
    run.session.address = run.join_link
    run.players[1].iban = IBAN
    run._refresh()
    state = run._runtime.world.state
    marks = [m for one in state.players.values() for m in (*one.cookies, one.visit) if m]
    return [
        *run._runtime.world.tokens(), run._runtime.world.join_secret, *marks, run.url, IBAN, BIC,
        SPACED, "PASSWORD-1", "PASSWORD-2", "SEED-1", "CODE-1", "PARAMETER-1", "LABEL-OF-A-SEAT",
    ]  # fmt: skip


def found(secrets: list[str], shown: Any) -> set[str]:
    text = shown if isinstance(shown, str) else json.dumps(shown)
    return {secret for secret in secrets if secret in text}


@pytest.mark.long
async def test_no_event_table_or_monitor_gives_a_viewer_a_secret(run: Run) -> None:
    secrets = await lived(run)
    asking = Asking(run)
    everything = await asyncio.to_thread(asking.events)
    assert found(secrets, everything) >= {IBAN, BIC, SPACED, run.url, "PASSWORD-1", "CODE-1"}
    events = await asyncio.to_thread(asking.events, "viewer")
    assert [one["seq"] for one in events] == [one["seq"] for one in everything]
    for event in events:
        assert found(secrets, event) == set(), event
    for path in ("", "players", "overview", "rooms", "funnel", "payments"):
        status, shown = await asyncio.to_thread(asking.get, path, "viewer")
        assert status == 200
        assert found(secrets, shown) == set(), path


@pytest.mark.long
async def test_a_viewers_monitor_shows_no_secret_in_rows_values_errors_and_chats(run: Run) -> None:
    secrets = await lived(run)
    sent: list[dict[str, Any]] = []
    fields = ("iban", "bic", "mine", "note", "session.address")
    monitor = Monitor(run._runtime, run, sent.append, fields, "viewer")
    monitor.receive({"op": "ready"})
    monitor.receive({"op": "rows", "id": 1, "a": 0, "count": 500})
    await until(lambda: {"news", "rows"} <= {one["op"] for one in sent})
    rows = next(one for one in sent if one["op"] == "rows")["rows"]
    assert len(rows) == len(run.events)
    news = next(one for one in sent if one["op"] == "news")
    assert news["errors"]
    assert news["chats"]
    assert found(secrets, sent) == set()
    monitor.leave()


async def test_what_a_viewer_gets_adds_up_to_the_same_state_but_for_the_secrets(run: Run) -> None:
    await lived(run)
    world, withheld = run._runtime.world, Withheld(run._runtime)
    whole, shown = State(world.codec), State(world.codec)
    for event in world.log.read("market"):
        whole.apply(event)
        shown.apply(withheld.event(event))
    assert list(shown.players) == list(whole.players)
    for name, player in shown.players.items():
        known = whole.players[name]
        assert (player.page, player.ended) == (known.page, known.ended)
        assert player.label is None  # each would lead to its place, see test_withheld_labels.py
    assert shown.fields.keys() == whole.fields.keys()


def test_a_player_who_joins_later_is_protected_too(run: Run) -> None:
    withheld, world = Withheld(run._runtime), run._runtime.world
    with run.lock:
        new = world.add_player()
        run.session.address = world.token(new.name)
    run._refresh()
    events = [withheld.event(one) for one in world.log.read("market", kinds={"set"})]
    assert world.token(new.name) not in str(events)


LEAVES = st.sampled_from(["TOKEN", "TOKEN", IBAN, SPACED, f"x\n{IBAN}y", "plain", 12, None, True])
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "iban", "form", "query"]), inner, max_size=4)
        | st.builds(json.dumps, inner)
    ),
    max_leaves=12,
)


@given(
    kind=st.sampled_from(sorted(KINDS)), value=VALUES, before=st.sampled_from(["", "\n", "b", "…"])
)
def test_wherever_a_secret_stands_in_an_event_of_any_kind_it_is_found(
    kind: str, value: Any, before: str
) -> None:
    token = world_of_all.token
    text = json.dumps(value).replace("TOKEN", json.dumps(f"{before}{token}")[1:-1])
    shown = world_of_all.withheld.event(
        Event(1, 0.0, "market", kind, "player/ann", "x", text, "ann", "Page", "cause", "")
    )
    assert found([token, IBAN, SPACED], json.dumps(json.loads(shown.value))) == set()


class _World:
    """A run that all examples share; it is only read."""

    token = ""
    withheld: Withheld


world_of_all = _World()


@pytest.fixture(autouse=True, scope="module")
def one_run() -> Iterator[None]:
    with serving(Account) as run:
        world_of_all.withheld = Withheld(run._runtime)
        world_of_all.token = run._runtime.world.token(run.players[0].name)
        yield


@pytest.mark.parametrize(
    "text",
    [
        "5f2a9c31d0e45f2a9c31d0e45f2a9c31", "DE89370400440532013001",
        "AB12 words that go on and on",
        "https://example.org/page", "0123456789" * 20,
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    """A hash, a wrong check digit, an address elsewhere, a long number."""
    assert world_of_all.withheld.text(text) == text


def test_links_of_another_address_of_this_server_are_found() -> None:
    text = world_of_all.withheld.text('{"a":"go to https://lab.example.org/x/room/lab/?label=7"}')
    assert re.fullmatch(r'\{"a":"go to …"\}', text)
