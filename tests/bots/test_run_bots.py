"""run.bots: bots that take part in a run, each for itself."""
# ruff: noqa: ANN001, ANN201, ANN202, C408, RUF012  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.driving.notebooks import cells_of
from tests.running import Browser, serving, until, until_true
from uproot_nb import (
    GroupCreatingWait,
    IntegerField,
    Page,
    Run,
    UprootError,
    live,
    move_to_page,
    notify,
    open_log,
    players,
    random_forms,
    serve,
    watch_for_dropout,
)
from uproot_nb.errors import ClosedRun

PATIENCE = 30.0


class Offer(Page):
    """# Your offer"""

    fields = dict(amount=IntegerField(min=0, max=10))


class Market(Page):
    """Bid."""

    @live
    def bid(page, player, price: int):
        notify(player, players(player.session), price, event="Bid")
        return price


class Pair(GroupCreatingWait):
    group_size = 2


class Thanks(Page):
    """Thank you."""


async def idle(client):
    await client.next_note("Never")


async def substitute(client):
    await client.next_note("Go", timeout=PATIENCE)
    await random_forms(client)


async def bad(client):
    raise KeyError(f"no idea on {client.page}")


def of_bots(run: Run) -> list[dict[str, Any]]:
    """What the log says of bots: player, bot, whether it plays."""
    told = run.events.query("kind == 'intervention' and field == 'bot'")
    return [
        {"player": subject.removeprefix("player/"), "bot": v["bot"], "plays": v["plays"]}
        for subject, v in zip(told["subject"], told["value"], strict=True)
    ]


@pytest.fixture
def notebook(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """One of our notebooks, served as its last cells do, with places for twelve."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = cells_of(request.param)
    for code in cells.values():
        if "run = serve(" not in code and "run." not in code and not code.startswith("%%"):
            exec(code.replace("%load_ext uproot_nb", ""), names)
    order = cells["serve"].partition("serve(")[2].partition(", players=")[0]
    page_order = eval(order, names)
    run = serve(
        page_order, players=12, namespace=names, db=":memory:", embedded=True, port=0, seed=1
    )
    yield run
    run.close()


@pytest.mark.long
@pytest.mark.parametrize("notebook", ["survey", "public_goods", "prisoners_dilemma"], indirect=True)
@pytest.mark.sample(1)
def test_random_forms_walk_through_our_notebooks_to_the_end(notebook: Run) -> None:
    """Every question answered, every group made, no error on the way."""
    bots = notebook.bots(12, seed=1)
    assert bots.wait(60), bots.status.to_string()
    assert bots.status["state"].tolist() == ["done"] * 12, bots.status["error"].tolist()
    assert notebook.errors.query("field != 'Warning'").empty
    assert [player.page for player in notebook.players] == [None] * 12


# ---- whose place ----


@pytest.mark.long
def test_bots_that_are_counted_take_free_places_and_more_are_opened() -> None:
    """Nobody who is there already is disturbed; the log tells who is played by a bot."""
    with serving(Offer, Thanks, players=3) as run:
        asyncio.run(look_in(run))
        bots = run.bots(3, seed="a")
        assert bots.wait(PATIENCE)
        assert len(run.players) == 4
        assert bots.status["player"].tolist() == [p.name for p in run.players[1:]]
        assert run.players[0].page == "Offer"
        until_true(lambda: len(of_bots(run)) == 6)
        told = of_bots(run)
        assert [t["player"] for t in told if t["plays"]] == bots.status["player"].tolist()
        assert sorted(t["player"] for t in told if not t["plays"]) == sorted(bots.status["player"])
        assert {t["bot"] for t in told} == {"random_forms"}
        assert (bots.status["submissions"] == 2).all()


@pytest.mark.long
def test_bots_that_poll_play_as_where_websockets_are_blocked() -> None:
    """Calls and pushes pass, and the log says by what."""

    async def bidder(client):
        await client.call("bid", 7)
        assert (await client.next_note("Bid", timeout=PATIENCE)).data == 7
        await client.submit()

    with serving(Market, players=2) as run:
        bots = run.bots({0: bidder}, polling=True)
        assert bots.wait(PATIENCE), bots.status.to_string()
        assert bots.status["state"].tolist() == ["done"], bots.errors.to_string()
        assert run.bots({1: bidder}).wait(PATIENCE)
        until_true(lambda: len(set(run.presence["player"])) == 2)
        by = run.presence.groupby("player", observed=True)["by"].agg(
            lambda some: set(map(str, some))
        )
        assert by.to_dict() == {
            run.players[0].name: {"polling"}, run.players[1].name: {"websocket"},
        }  # fmt: skip


async def look_in(run: Run) -> None:
    """Somebody opens the first link, and goes."""
    browser = await Browser.open(run, 0)
    await browser.disconnect()


@pytest.mark.long
def test_a_place_is_named_by_player_name_number_or_label() -> None:
    """Each gets the bot that is named with it."""
    seen: dict[str, str] = {}

    def named(mark: str) -> Any:
        async def bot(client):
            seen[mark] = client.name

        return bot

    with serving(Offer, players=3) as run:
        run._runtime.world.add_player(label="PC-07")
        ann, bob, eve, pat = run.players
        cast = {ann: named("a"), bob.name: named("b"), 2: named("e"), "PC-07": named("p")}
        assert run.bots(cast).wait(PATIENCE)
        assert seen == {"a": ann.name, "b": bob.name, "e": eve.name, "p": pat.name}


@pytest.mark.long
def test_chance_is_repeatable() -> None:
    """The same seed, the same answers."""

    def amounts(seed: int) -> list[int]:
        with serving(Offer, Thanks, players=5) as run:
            run.bots(5, seed=seed).wait(PATIENCE)
            return run.players.each("amount")

    assert amounts(1) == amounts(1) != amounts(2)


@pytest.mark.long
def test_the_same_seed_again_makes_new_calls() -> None:
    """The server takes none of them for one that it has answered before."""
    drawn: list[float] = []

    async def bidder(client):
        drawn.append(client.rng.random())
        await client.call("bid", len(drawn))

    with serving(Market) as run:
        for _ in range(2):
            assert run.bots({0: bidder}, seed=1).wait(PATIENCE)
        assert drawn[0] == drawn[1]
        assert run.calls["outcome"].tolist() == ["ok", "ok"]


WRONG: list[Any] = [0, -1, True, 1.5, "ann", None, [5], {"nobody": idle}, {99: idle}]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: repr(wrong).partition(" at 0x")[0])
def test_what_makes_no_sense_is_refused_before_anybody_plays(wrong: Any) -> None:
    """And nothing is written."""
    with serving(Offer) as run:
        with pytest.raises(UprootError):
            run.bots(wrong)
        assert of_bots(run) == []


def test_a_function_that_is_not_async_is_no_bot() -> None:
    """The remedy is in the message."""

    def plain(client):
        pass

    with serving(Offer) as run, pytest.raises(UprootError, match="async def"):
        run.bots([plain])


def test_nobody_is_played_by_two_bots_at_once() -> None:
    """One after the other is well."""
    with serving(Offer) as run:
        first = run.bots({0: idle})
        with pytest.raises(UprootError, match=r"two bots.*\n.*stop"):
            run.bots({0: random_forms})
        with pytest.raises(UprootError, match="two bots"):
            run.bots({1: idle, run.players[1]: idle})
        first.stop()
        assert run.bots({0: random_forms}).wait(PATIENCE)


def test_a_closed_run_takes_no_bots() -> None:
    """As it takes nobody else."""
    with serving(Offer) as run:
        run.close()
        with pytest.raises(ClosedRun):
            run.bots(1)


# ---- what they do ----


@pytest.mark.long
def test_a_bot_of_ones_own_calls_and_hears() -> None:
    """Two of them trade with each other."""
    heard: list[Any] = []

    async def seller(client):
        note = await client.next_note("Bid", timeout=PATIENCE)
        heard.append(note.data)
        await client.call("bid", note.data + 1)

    async def buyer(client):
        await client.call("bid", 41)
        while (note := await client.next_note("Bid", timeout=PATIENCE)).data != 42:
            heard.append(note.data)

    with serving(Market, Thanks) as run:
        selling = run.bots([seller])
        until_true(lambda: run.players[0].online)
        bots = run.bots([buyer])
        assert bots.wait(PATIENCE)
        assert selling.wait(PATIENCE)
        assert heard == [41, 41]
        assert bots.status[["bot", "state", "page", "calls"]].values.tolist() == [
            ["buyer", "done", "Market", 1]
        ]


@pytest.mark.long
def test_a_bot_that_fails_shows_its_traceback_and_the_others_go_on() -> None:
    """Its place is left."""
    with serving(Offer, Thanks, players=3) as run:
        bots = run.bots([bad, random_forms, functools.partial(random_forms, tries=3)])
        assert bots.wait(PATIENCE)
        assert bots.status["state"].tolist() == ["failed", "done", "done"]
        assert bots.status["bot"].tolist() == ["bad", "random_forms", "random_forms"]
        assert bots.errors["error"].tolist() == ["KeyError: 'no idea on Offer'"]
        assert "in bad" in bots.errors["traceback"][0]
        shown = bots._repr_html_()
        assert "no idea on Offer" in shown
        assert "<summary>" in shown
        assert repr(bots) == "<Bots: 1 failed, 2 done>"
        until_true(lambda: not any(run.players.each("online")))


@pytest.mark.long
def test_a_page_that_accepts_nothing_is_told_with_its_errors() -> None:
    """After so many tries."""

    class Never(Page):
        """Never."""

        fields = dict(amount=IntegerField(min=0, max=10))

        def validate(page, player, data):
            return {"amount": "Not this <one>."}

    with serving(Never, Thanks, players=1) as run:
        bots = run.bots(1, functools.partial(random_forms, tries=4))
        assert bots.wait(PATIENCE)
        assert bots.status["state"].tolist() == ["stuck"]
        assert bots.status["page"].tolist() == ["Never"]
        assert "Not this <one>." in bots.status["error"][0]
        assert "Not this &lt;one&gt;." in bots._repr_html_()
        assert len(bots.errors) == 1


@pytest.mark.long
def test_a_cell_that_computes_does_not_stop_them() -> None:
    """They are on a thread of their own."""
    with serving(Offer, Thanks, players=4) as run:
        bots = run.bots(4)
        end = time.monotonic() + PATIENCE
        while bots.running and time.monotonic() < end:
            sum(range(1000))  # a cell that never waits
        assert bots.status["state"].tolist() == ["done"] * 4


# ---- the end ----


@pytest.mark.long
def test_stop_in_the_middle_leaves_what_was_done() -> None:
    """It can be called again; the players are offline, and nobody plays for them."""
    with serving(Offer, Pair, Thanks, players=3) as run:
        bots = run.bots({0: random_forms, 1: idle})
        until_true(lambda: run.players[0].page == "Pair")
        assert not bots.wait(0.0)
        assert bots.running == [run.players[0].name, run.players[1].name]
        bots.stop()
        bots.stop()
        assert bots.wait(0.0)
        assert bots.status["state"].tolist() == ["stopped"] * 2
        assert bots.errors.empty
        assert 0 <= run.players[0].amount <= 10
        until_true(lambda: [t["plays"] for t in of_bots(run)] == [True, True, False, False])
        until_true(lambda: not any(run.players.each("online")))


@pytest.mark.long
def test_bots_are_stopped_at_once_by_a_cell_that_holds_the_lock() -> None:
    with serving(Offer) as run:
        bots = run.bots([idle])
        with run.lock:
            bots.stop()
            assert not bots._thread.is_alive()
        until_true(lambda: [told["plays"] for told in of_bots(run)] == [True, False])


@pytest.mark.long
def test_the_log_of_a_closed_run_says_that_its_bots_have_ended(tmp_path: Path) -> None:
    with serving(Offer, db=tmp_path / "log.sqlite3") as run:
        run.bots([idle, idle])
    with open_log(tmp_path / "log.sqlite3", "market") as log:
        told = log.events.query("kind == 'intervention' and field == 'bot'")["value"]
        assert [value["plays"] for value in told] == [True, True, False, False]


def test_closing_the_run_ends_its_bots() -> None:
    """The thread ends, too."""
    with serving(Offer) as run:
        bots = run.bots([idle, idle])
        run.close()
        assert bots.wait(PATIENCE)
        assert not bots._thread.is_alive()
        assert bots.status["state"].tolist() == ["stopped"] * 2


# ---- a dropout's place ----


@pytest.mark.long
async def test_a_bot_takes_the_place_of_somebody_who_left_and_the_partner_goes_on() -> None:
    """The person may be back at the same time, as in a second window; what comes first counts."""
    gone: list[str] = []

    async def left(player):
        gone.append(player.name)

    def new_player(player):
        watch_for_dropout(player, left, tolerance=0.05)

    with serving(Pair, Offer, Meeting, Thanks, names={"new_player": new_player}) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await until(lambda: run.players.each("page") == ["Offer"] * 2)
        await bob.load()
        await bob.connect()
        await bob.submit(amount=5)
        await ann.disconnect()
        await until(lambda: gone == [run.players[0].name])
        bots = run.bots({gone[0]: substitute})
        back = await Browser.open(run, 0)  # the person, at the same time
        await until(lambda: (bot := bots._parts[0].client) is not None and bot.connected)
        notify(run.players[0], run.players[0], event="Go", where=...)
        assert await asyncio.to_thread(bots.wait, PATIENCE)
        assert bots.status["state"].tolist() == ["done"]
        assert run.players[1].page == "Thanks"
        amount = run.players[0].amount
        assert (await back.submit(amount=10 - amount + 1)).code == 303  # too late: it is answered
        await back.load()
        assert back.page["end"]
        assert run.players[0].amount == amount
        assert of_bots(run)[0] == {
            "player": run.players[0].name, "bot": "substitute", "plays": True,
        }  # fmt: skip
        assert not run.players[0].has_dropped_out


class Meeting(Page):
    """The partner's offer counts."""

    def before_once(page, player):
        if player.id == 0:
            move_to_page(player.other_in_group, Thanks)
