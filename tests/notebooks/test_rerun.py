"""Sessions of our notebooks are recorded and rerun: with their own code, and with another rule."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from tests.driving.notebooks import OpenNotebook
from tests.driving.robots import Robots
from tests.running import Browser

Open = Callable[[str], OpenNotebook]

CLOSE = "path, name = run.path, run.name; run.close(); recorded = open_log(path, name)"


async def arrive(links: Sequence[str]) -> list[Browser]:
    """Let everybody open the first page, and connect."""
    people = [Browser(link) for link in links]
    for one in people:
        await one.load()
        await one.connect()
    return people


async def settle_on(people: Sequence[Browser], text: str) -> None:
    """Load everybody's page until it has a text; a browser is told to, these are not."""
    for one in people:
        async with asyncio.timeout(20):
            while text not in await one.load():
                await asyncio.sleep(0.02)
        await one.disconnect()
        await one.connect()


def check(notebook: OpenNotebook, order: str, told: str, rule: str, first: str) -> None:
    """Rerun with the same code, then with another payoff rule."""
    notebook.kernel.run(CLOSE)
    notebook.kernel.run(f"again = rerun(recorded, {order})")
    assert notebook.kernel.value("repr(again)").endswith("no difference>")
    assert notebook.kernel.value("(again.same, len(again.differences))") == [True, 0]
    assert notebook.kernel.value(
        f"again.repeated[{told!r}] > 0 and 'left out' not in again.repeated"
    )
    notebook.kernel.run(rule)
    notebook.kernel.run(f"again = rerun(recorded, {order})")
    assert notebook.kernel.value("again.same") is False
    assert first in notebook.kernel.value("repr(again)")


@pytest.mark.slow
def test_the_double_auction(open_notebook: Open) -> None:
    auction = open_notebook("real_time_by_hand")
    with Robots(auction.links[:3]) as robots:
        robots.do(robots[0].invoke("post_offer", 40))
        robots.do(robots[1].invoke("accept_offer", 1))
        robots.do(robots[1].invoke("post_offer", 50))
        robots.do(robots[2].invoke("accept_offer", 2))
    rules = auction.cells["rules"].replace("price - cost", "price - cost - 1")
    check(auction, "[Market]", "call", rules, "Market.accept_offer(1)")
    assert auction.kernel.value("(again.first.field, again.first.recorded, again.first.now)") == [
        "profit", 25, 24,
    ]  # fmt: skip


@pytest.mark.slow
def test_the_prisoners_dilemma(open_notebook: Open) -> None:
    dilemma = open_notebook("prisoners_dilemma")

    async def play() -> None:
        people = await arrive(dilemma.links)
        await settle_on(people, "Your choice")
        for one, choice in zip(people, ("True", "False", "True", "True"), strict=True):
            await one.submit(cooperate=choice)
            await one.load()
            await one.disconnect()
            await one.connect()
        await settle_on(people, "You earn")
        for one in people:
            await one.disconnect()

    asyncio.run(play())
    order = "[Pair, Choose, Compare, Results]"
    check(dilemma, order, "submit", "C.REWARD = 11", "Compare.all_here")
    assert dilemma.kernel.value("(again.first.field, again.first.recorded, again.first.now)") == [
        "payoff", "10", "11",  # Decimals come as text
    ]  # fmt: skip


@pytest.mark.slow
def test_the_public_goods_game(open_notebook: Open) -> None:
    goods = open_notebook("public_goods")

    async def play() -> None:
        people = await arrive(goods.links)
        for number in (1, 2):
            await settle_on(people, f"Round {number} of 3")
            for given, one in enumerate(people):
                await one.submit(contribution=str(5 * given))
                await one.load()
                await one.disconnect()
                await one.connect()
            await settle_on(people, f"Result of round {number}")
            for one in people:
                await one.submit()
        for one in people:
            await one.disconnect()

    goods.kernel.run("C.SECONDS = 60; C.AWAY = 60.0")
    asyncio.run(play())
    order = "[Team, Rounds(Contribute, Share, Result, n=C.ROUNDS)]"
    check(goods, order, "submit", 'C.FACTOR = cu("2")', "Share.all_here")
    assert goods.kernel.value("again.first.field") == "earned"
