"""market_bot where a page is left under its eyes: it asks nothing more of the page, and goes on."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tests.running import Browser, serving
from uproot_nb import Page, Rounds
from uproot_nb.bots.refusals import PageLeft
from uproot_nb.market import CallMarketPage, InducedValues, MarketPage, Rules
from uproot_nb.market.traders import ZIC, CallResult, Sniper, View, market_bot


class Over(Page):
    """It is over."""


def induce(page: Any, market: Any, traders: Any) -> None:
    buyer, seller = (trader.name for trader in traders)
    market.induce(InducedValues({buyer: [90]}, {seller: [10]}))


class Auction(MarketPage):
    """Trade."""

    seconds = 60
    open_market = induce


class Call(CallMarketPage):
    """Trade."""

    rules = Rules(call=True)
    clear_when_all_ready = True
    open_market = induce


class MovedMeanwhile:
    """A participant who is moved on while the answer to a call is on its way.

    Args:
        answers: what each method of the first page returns; after the last, the page is left.
    """

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers, self.calls = answers, list[str]()
        self.visit, self.page, self.at_end = 1, "Market", False
        self.rng = random.Random(1)

    async def call(self, method: str, *args: Any) -> Any:
        self.calls.append(method)
        if self.visit == 2:  # the next page has gone as well when its first answer comes
            self.at_end = True
            raise PageLeft("Over", f"'{method}' was answered")
        answer = self.answers.pop(method)
        if not self.answers:
            self.visit = 2
        return answer

    async def next_note(self, timeout: float | None = None) -> Any:
        await asyncio.wait_for(asyncio.Event().wait(), timeout)  # nothing is said on another page


@pytest.mark.long
@pytest.mark.parametrize(
    ("page", "methods"),
    [
        (Auction, ["seed_markets"]),
        (Auction, ["seed_markets", "robots_range"]),
        (Auction, ["seed_markets", "robots_range", "send_order"]),
        (Call, ["seed_markets"]),
        (Call, ["seed_markets", "robots_range", "send_order"]),
        (Call, ["seed_markets", "robots_range", "send_order", "set_ready"]),
    ],
)
async def test_a_bot_sees_that_its_page_was_left_after_each_answer(
    page: Any, methods: list[str]
) -> None:
    with serving(page, Over, players=2) as run:
        buyer, _ = await Browser.open(run, 0), await Browser.open(run, 1)
        answers = {"seed_markets": await buyer.call("seed_markets")}
        if len(methods) > 1:
            answers["robots_range"] = await buyer.call("robots_range", "market")
        if "send_order" in methods:
            answers["send_order"] = await buyer.call("send_order", "market", "buy", 5)
        if "set_ready" in methods:
            answers["set_ready"] = await buyer.call("set_ready", "market", True)
    client = MovedMeanwhile(answers)
    async with asyncio.timeout(20):
        await market_bot(ZIC(), pace=0.001)(client)
    assert client.calls == [*methods, "seed_markets"]


@pytest.mark.long
def test_a_bot_is_called_by_its_trader() -> None:
    with serving(Auction, Over, players=2) as run:
        bots = run.bots([market_bot(ZIC()), market_bot(Sniper())])
        assert bots.status["bot"].tolist() == ["ZIC", "Sniper"]
        bots.stop()


@pytest.mark.long
async def test_who_learns_from_calls_hears_of_each() -> None:
    heard: dict[int, list[CallResult]] = {0: [], 1: []}

    class Learning(ZIC):
        def __init__(self, number: int) -> None:
            self.number = number

        def observe_call(self, result: CallResult, chance: random.Random) -> None:
            heard[self.number].append(result)

    traders = [Learning(0), Learning(1)]
    with serving(Rounds(Call, n=2), Over, players=2) as run:
        bots = run.bots([market_bot(trader, pace=0.01) for trader in traders], seed=1)
        assert await asyncio.to_thread(bots.wait, 30.0)
        trades = run.market().trades.groupby("period")["price"].first()
    for results in heard.values():
        assert [one.orders[0].view.period for one in results] == [1, 2]
        assert [one.price for one in results] == [trades.get(1), trades.get(2)]


async def test_bots_that_are_given_the_same_trader_share_nothing_that_it_learns() -> None:
    class Client:
        """A participant whom the bot finds on a market page that is left at once."""

        def __init__(self) -> None:
            self.visit, self.page, self.at_end, self.rng = 1, "Market", False, random.Random(1)

        async def call(self, method: str, *args: Any) -> Any:
            if method == "seed_markets":
                return answer
            if method == "robots_range":
                return {"market": "market", "highest": 90}
            self.at_end = True
            raise PageLeft("Over", "it is over")

        async def next_note(self, timeout: float | None = None) -> Any:
            raise TimeoutError

    class Counting(ZIC):
        quotes = 0

        def quote(self, view: View, chance: random.Random) -> Any:
            self.quotes += 1
            counts.append(self.quotes)
            return super().quote(view, chance)

    counts: list[int] = []
    with serving(Call, Over, players=2) as run:
        answer = {"markets": (await (await Browser.open(run, 0)).call("seed_markets"))["markets"]}
    same = Counting()
    bots = [market_bot(same, pace=1e-9) for _ in range(2)]
    for bot in (*bots, bots[0]):
        await bot(Client())
    assert counts == [1, 1, 1]
    assert same.quotes == 0


@pytest.mark.long
async def test_a_bot_asks_no_other_page_for_its_market() -> None:
    """The researcher sees no refused calls."""
    with serving(Over, Call, Over, players=2) as run:
        bots = run.bots([market_bot(ZIC(), pace=0.01) for _ in range(2)], seed=1)
        assert await asyncio.to_thread(bots.wait, 30.0)
        assert bots.status["state"].tolist() == ["done"] * 2
        assert set(run.calls["page"]) == {"Call"}
        assert "NotLive" not in set(run.errors["type"])
