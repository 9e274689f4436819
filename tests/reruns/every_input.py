"""A session with every kind of input, to be recorded and rerun."""
# ruff: noqa: ANN001, ANN202, RUF012  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from tests.running import Browser, until
from uproot_nb import (
    GroupCreatingWait,
    IntegerField,
    Page,
    Run,
    add_raw_entry,
    after_commit,
    create_model,
    live,
    move_to_page,
    notify,
    players,
    rng,
    room,
    send_to,
    serve,
    spawn,
    watch_for_dropout,
)

__all__ = ["NAMES", "ORDER", "RULE", "record"]

RULE: dict[str, Any] = {"factor": 2, "seconds": 0.01}
"""The payoff rule, and how long a hook waits; a test changes them."""


def new_session(session):
    session.total = 0
    session.diary = create_model(session, tag="diary")


async def arrived(player):
    player.source = player.query.get("source", "")
    await asyncio.sleep(RULE["seconds"])
    player.welcome = rng().random()


def new_player(player):
    player.draw = rng().random()
    watch_for_dropout(player, left, tolerance=2.0)


def left(player):
    player.gone = True


def restart():
    print("restarted")


def pay(player):
    player.paid = True


class Desk(Page):
    """Live methods, and values that are drawn when the page is rendered."""

    def before_once(page, player):
        player.early = rng().random()

    def templatevars(page, player):
        player.shown = player.get("shown", 0) + 1
        return {"luck": rng().random()}

    @live
    def buy(page, player, price: int):
        player.session.total += price * RULE["factor"]
        add_raw_entry(player.session.diary, {"price": price})
        notify(player, players(player.session), price, event="Trade")
        return [player.session.total, rng().random()]

    @live
    async def think(page, player):
        seen = player.session.total
        await asyncio.sleep(0.02)
        player.thought = [seen, player.session.total, rng().random()]

        async def later() -> None:
            await asyncio.sleep(0.01)
            player.later = rng().random()

        spawn(later())


class Ask(Page):
    """A question, with a way back."""

    fields = {"number": IntegerField(label="Number", min=0, max=9)}

    async def before_form_save(page, player, data):
        if RULE["seconds"]:
            await asyncio.sleep(RULE["seconds"])
        player.weighed = data["number"] * RULE["factor"]

    def after_once(page, player):
        player.luck = rng().random()
        after_commit(pay, player)


class Again(Page):
    """Another question."""

    allow_back = True
    fields = {"again": IntegerField(label="Again", min=0, max=9)}


class Account(Page):
    """An account number that is not stored."""

    fields = {"age": IntegerField(label="Age", min=1, max=99), "pin": IntegerField(label="PIN")}
    stealth_fields = ["pin"]

    def handle_stealth_fields(page, player, pin):
        player.payable = True


class Sum(GroupCreatingWait):
    """Two make a group."""

    group_size = 2

    def after_grouping(page, group):
        for player in group.players:
            player.payoff = RULE["factor"] * player.get("number", 0)


class Timed(Page):
    """A page with little time."""

    timeout = 0.3
    fields = {"late": IntegerField(label="Late", min=0, max=9)}

    def timeout_reached(page, player):
        player.was_late = rng().random()


class End(Page):
    """The end."""


ORDER = [Desk, Ask, Again, Account, Sum, Timed, End]
NAMES: dict[str, Any] = {
    "new_session": new_session, "new_player": new_player, "left": left, "restart": restart,
    "pay": pay, "arrived": arrived,
}  # fmt: skip


async def record(path: Path) -> Run:
    """Play a session in two kernels' lives, and return the second run, which is still open."""
    options: dict[str, Any] = {
        "db": str(path), "name": "lab", "embedded": True, "port": 0, "namespace": NAMES, "seed": 7,
    }  # fmt: skip
    first = await asyncio.to_thread(lambda: serve(ORDER, players=1, **options))
    ann = await _arrive(first)
    await _trade(first, ann)
    await asyncio.to_thread(first.close)
    second = await asyncio.to_thread(lambda: serve(ORDER, players=1, **options))
    await _answer(second)
    await _steer(second)
    return second


async def _arrive(run: Run) -> Browser:
    """Somebody by the link, by the join link, and through a room."""
    press = {"_uproot_visit": "visit-0123456789-abcdef"}
    await Browser(run.join_link).fetch("?source=mail", body=press)
    await Browser(run.join_link).fetch(body={"_uproot_visit": "visit-0123456789-ghijkl"})
    lab = run.room(room("lab", labels=["p1", "p2"]))
    visitor = Browser(f"{lab.url}")
    shown = await visitor.fetch("?label=p1")
    visit = re.search(r'name="_uproot_visit" value="([^"]+)"', shown.body.decode())
    assert visit is not None
    await visitor.fetch("?source=web", body={"label": "p1", "_uproot_visit": visit[1]})
    assert [player.get("source") for player in run.players] == ["mail", "", "web"]
    assert len(run.players) == 3
    return await Browser.open(run, 0)


async def _trade(run: Run, ann: Browser) -> None:
    """Calls, alone and at once; cells that write in between; a pause."""
    bob, cem = await Browser.open(run, 1), await Browser.open(run, 2)
    await ann.call("buy", 3)
    await asyncio.gather(ann.call("think"), bob.call("buy", 1), cem.call("think"))
    await until(lambda: run.players[0].get("later") and run.players[2].get("later"))
    await bob.load()
    run.session.tax = 3
    with run.lock:
        run.players[1].round = 1
        run.session.prices = [1]
    run.session.prices.append(2)
    send_to(run.players, {"price": 3}, event="News")
    run.pause()
    waiting = await ann.ask("buy", 2)
    run.resume()
    await ann.answer(waiting)
    await cem.disconnect()
    await until(lambda: not run.players[2].online)
    for browser in (ann, bob):
        await browser.disconnect()
    await until(lambda: not any(player.online for player in run.players))


async def _answer(run: Run) -> None:
    """Forms, one of them after a step back, and one whose time is up."""
    people = [Browser(run.link(player)) for player in run.players]
    for number, one in enumerate(people):
        await one.load()
        await one.submit()
        await one.load()
        await one.submit(number="99")
        await one.submit(number=str(4 + number))
        await one.load()
    await people[0].submit(_uproot_back="1")
    await people[0].load()
    await people[0].submit(number="7")
    await people[0].load()
    for one in people[:2]:
        await one.submit(again="1")
        await one.load()
        await one.submit(age="30", pin="4711")
        await one.load()
        await one.connect()
    await people[2].submit(again="2")


async def _steer(run: Run) -> None:
    """Moves, dropouts, watches and bots by cells."""
    ann, bob, cem = run.players
    await until(lambda: ann.page == bob.page == "Timed")
    run.advance(cem, defaults={"age": 20})
    run.advance(cem)
    one = Browser(run.link(ann))
    await one.load()
    await until(lambda: ann._state.late)
    await one.submit(late="3", _uproot_timeout="1")
    await until(lambda: all(player.page == "End" for player in (ann, bob)))
    move_to_page(bob, Ask)
    run.revert(ann)
    run.set(ann, bonus=1)
    run.move_to_end(ann)
    bots = run.bots(1)
    await until(lambda: run.players[3].page == "Sum")
    bots.stop()
    run._runtime.add_places(5)
    watch_for_dropout(run.players[4], left, tolerance=0.02)
    one = await Browser.open(run, 4)
    await one.disconnect()
    await until(lambda: run.players[4].get("gone"))
    run.mark_dropout(run.players[1])
    await until(lambda: run.players[1].get("gone"))
