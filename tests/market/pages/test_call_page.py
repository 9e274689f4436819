"""CallMarketPage over real sockets: sealed, cleared once for all, and there again after a crash."""
# ruff: noqa: ANN001, ANN201  (as authors write)

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.running import Browser, Rejected, serving, set_clock, until
from uproot_nb import (
    GroupCreatingWait,
    Page,
    Player,
    Rounds,
    Run,
    create_groups,
    live,
    mark_dropout,
    move_to_end,
    move_to_page,
    open_log,
    rerun,
    watch_for_dropout,
)
from uproot_nb.errors import BadPage
from uproot_nb.market import (
    AssetMarketPage,
    CallMarketPage,
    Dividends,
    InducedValues,
    Market,
    MarketPage,
    Rules,
)
from uproot_nb.market.orderbook import refusals
from uproot_nb.market.traders import ZIC, market_bot
from uproot_nb.monitor.monitor import Monitor

SECRET = 77321
"""A price that nothing else on a page is."""


class Over(Page):
    """It is over."""


class Call(CallMarketPage):
    """Trade."""

    rules = Rules(call=True, no_loss=True, max_price=100_000)
    seconds = 600

    def open_market(page, market, traders):
        names = [trader.name for trader in traders]
        values = [99_000, 88_000]
        market.induce(
            InducedValues(
                dict.fromkeys(names[::2], values), {name: [100, 200] for name in names[1::2]}
            )
        )


class Ready(Call):
    """Trade."""

    seconds = None
    clear_when_all_ready = True


class Open(Call):
    """Trade."""

    sealed = False


def market_of(run: Run, period: int = 1) -> Market:
    return Market.in_session(run.session, period=period)


def cleared(run: Run, period: int = 1) -> int:
    """Return how often a market was cleared."""
    entries = [entry for _, _, entry in market_of(run, period).model.entries]
    return sum((entry.get("command") or {}).get("command") == "clear" for entry in entries)


async def order(browser: Browser, side: str, price: int, quantity: int = 1) -> dict[str, Any]:
    reply: dict[str, Any] = await browser.call("send_order", "market", side, price, quantity)
    return reply


async def seed(browser: Browser) -> dict[str, Any]:
    told: dict[str, Any] = (await browser.call("seed_markets"))["markets"][0]
    return told


async def opened(run: Run, count: int = 2) -> list[Browser]:
    return [await Browser.open(run, place) for place in range(count)]


async def go_on(browser: Browser) -> None:
    """Press Next, and connect on the page that comes."""
    await browser.submit()
    await browser.load()
    await browser.reconnect()


async def refused(call: Awaitable[Any]) -> str:
    with pytest.raises(Rejected) as rejected:
        await call
    return rejected.value.message


def let_time_pass(run: Run) -> None:
    set_clock(run, lambda: time.time() + 700)


# ---- the sealed book -----------------------------------------------------------------------


async def test_nobody_learns_of_others_orders() -> None:
    """Not by the page, a push, a reply, a refusal, or the numbers of one's own orders."""
    with serving(Call, Over) as run:
        ann, bob = await opened(run)
        before = await seed(ann)
        mine = (await order(bob, "sell", SECRET))["mine"]
        assert [row[1:] for row in mine["orders"]] == [["sell", SECRET, 1]]
        assert await ann.settle() == []
        assert await seed(ann) == before
        assert str(SECRET) not in await ann.load()
        assert (before["depth"], before["trades"]) == ({"seq": 0, "bids": [], "asks": []}, [])
        reply = await order(ann, "buy", 90_000)
        assert str(SECRET) not in json.dumps(reply)
        assert reply["order"] > 1_000_000
        assert reply["order"] == reply["mine"]["orders"][0][0]
        assert [data["mine"] for data in await bob.settle()] == [mine]  # what bob knows


async def test_all_tabs_of_a_trader_and_no_others_hear_of_the_own_orders() -> None:
    with serving(Call, Over) as run:
        ann, bob = await opened(run)
        tab = await Browser.open(run, 0)
        number = (await order(ann, "buy", 300))["order"]
        (heard,) = await tab.settle()
        assert heard["mine"]["orders"] == [[number, "buy", 300, 1]]
        await tab.call("cancel_order", "market", number)
        assert [data["mine"]["orders"] for data in await ann.settle()][1:] == [[]]
        assert await bob.settle() == []
        Call.clear_now(run.players[1])
        assert [data["call"]["open"] for data in await bob.settle()] == [False]


@pytest.mark.long
async def test_a_refusal_tells_nothing_of_the_book_either() -> None:
    with serving(Call, Over) as run:
        ann, bob = await opened(run)
        shown = (await order(bob, "sell", SECRET))["order"]
        told = {
            await refused(ann.call("take_price", "market", "buy", price))
            for price in (SECRET, SECRET - 1, 50)
        }
        assert told == {"Trading takes place once all orders are in."}
        told = {await refused(ann.call("cancel_order", "market", n)) for n in (1, 2, shown, -5)}
        assert told == {"This order is no longer in the market."}
        told = {await refused(ann.call("replace_order", "market", n, 60)) for n in (1, shown)}
        assert told == {"This order is no longer in the market."}
        assert "price" in await refused(order(ann, "buy", None))  # type: ignore[arg-type]
        assert len(market_of(run).orders_of(run.players[1])) == 1


async def test_ones_own_orders_are_changed_and_taken_back_also_after_a_reload() -> None:
    with serving(Call, Over) as run:
        ann, _ = await opened(run)
        number = (await order(ann, "buy", 300))["order"]
        await ann.load()
        assert (await seed(ann))["mine"]["orders"] == [[number, "buy", 300, 1]]
        reply = await ann.call("replace_order", "market", number, 400, 2)
        assert reply["mine"]["orders"] == [[reply["order"], "buy", 400, 2]]
        assert reply["order"] != number
        reply = await ann.call("cancel_order", "market", reply["order"])
        assert reply["mine"]["orders"] == []


async def test_ones_own_order_is_known_by_its_shown_number_but_not_shouted_again() -> None:
    with serving(Call, Over) as run:
        ann, bob = await opened(run)
        number = (await order(ann, "buy", 300))["order"]
        told = await refused(ann.call("repeat_order", "market", number))
        assert told == refusals.NO_CHANGE
        told = await refused(bob.call("repeat_order", "market", number))
        assert told == refusals.NO_ORDER
        logged = [entry["refused"]["order"] for _, _, entry in market_of(run).model.entries[1:]]
        assert logged == [1, 0]


async def test_an_open_book_is_seen_while_it_fills() -> None:
    """Crossed, with levels and no names; still nobody can take a price."""
    with serving(Open, Over) as run:
        ann, bob = await opened(run)
        assert (await order(bob, "sell", 300))["order"] == 1
        await order(ann, "buy", 500)
        told = [event for event in await bob.settle() if "changes" in event]
        assert [event["changes"] for event in told] == [
            [["sell", 300, 1, 1]], [["buy", 500, 1, 1]],
        ]  # fmt: skip
        depth = (await seed(bob))["depth"]
        assert (depth["bids"], depth["asks"]) == ([[500, 1, 1]], [[300, 1, 1]])
        assert await refused(ann.call("take_price", "market", "buy", 300))


async def test_one_sees_what_all_of_ones_units_are_worth() -> None:
    with serving(Call, Over) as run:
        ann, bob = await opened(run)
        mine = (await seed(ann))["mine"], (await seed(bob))["mine"]
        assert [m["values"] for m in mine] == [[99_000, 88_000], []]
        assert [m["costs"] for m in mine] == [[], [100, 200]]


# ---- the end -------------------------------------------------------------------------------


@pytest.mark.long
async def test_when_time_is_up_all_is_traded_once_and_everybody_goes_on() -> None:
    with serving(Call, Over) as run:
        ann, bob = await opened(run)
        await order(ann, "buy", 400, 2)
        await order(bob, "sell", 300)
        let_time_pass(run)
        assert "closed" in await refused(order(bob, "sell", 200))
        await asyncio.gather(ann.load(), bob.load())
        await until(lambda: [p.page for p in run.players] == ["Over", "Over"])
        market = market_of(run)
        assert cleared(run) == 1
        assert not market.is_open
        assert [(t.price, t.quantity) for _, t in market.trades] == [(400, 1)]
        assert [o.remaining for o in market.orders_of(run.players[0])] == [1]
        tables = run.market()
        assert list(tables.trades["initiator"]) == ["sell"]
        assert list(tables.order_events["event"])[-4:] == [
            "reject",
            "partial_fill",
            "fill",
            "close",
        ]


@pytest.mark.long
async def test_who_comes_after_the_call_is_told_what_it_came_to() -> None:
    with serving(Ready, Over, players=3) as run:
        ann, bob = await opened(run)
        await order(ann, "buy", 400)
        await order(bob, "sell", 300)
        Ready.clear_now(run.players[0])
        late = await Browser.open(run, 2)
        told = await seed(late)
        assert told["call"] == {
            "sealed": True, "open": False, "ready": False, "price": 350, "quantity": 1,
        }  # fmt: skip
        assert "closed" in await refused(order(late, "buy", 500))
        assert (await late.call("set_ready", "market", True))["call"]["open"] is False
        await late.submit()
        assert run.players[2].page == "Over"
        assert cleared(run) == 1


async def test_when_all_are_ready_each_is_told_the_price_and_the_own_trades() -> None:
    with serving(Ready, Over) as run:
        ann, bob = await opened(run)
        await order(ann, "buy", 400)
        await order(bob, "sell", 300)
        assert (await ann.call("set_ready", "market", True))["call"]["ready"] is True
        await ann.submit()
        assert run.players[0].page == "Ready"  # nobody goes before the market is cleared
        assert (await ann.call("set_ready", "market", False))["call"]["ready"] is False
        assert (await bob.call("set_ready", "market", True))["call"]["open"] is True
        assert cleared(run) == 0
        reply = await ann.call("set_ready", "market", True)
        assert (reply["call"]["price"], reply["mine"]["bought"]) == (350, 1)
        for browser, sold in ((ann, 0), (bob, 1)):
            (told,) = [one for one in await browser.settle() if "call" in one]
            assert (told["call"]["price"], told["call"]["quantity"]) == (350, 1)
            assert (told["mine"]["sold"], told["depth"]["bids"]) == (sold, [])
            await browser.submit()
        assert [p.page for p in run.players] == ["Over", "Over"]


@pytest.mark.long
async def test_nobody_is_alone_in_being_all() -> None:
    """Who has begun and is on the way is waited for; a place that nobody took is not."""
    with serving(Over, Ready, players=3) as run:
        ann, bob = await opened(run)
        await go_on(ann)
        await order(ann, "buy", 400)
        await ann.call("set_ready", "market", True)
        assert cleared(run) == 0
        await go_on(bob)
        await bob.call("set_ready", "market", True)
        assert cleared(run) == 1


def left(player):
    Ready.clear_if_all_ready(player)


@pytest.mark.long
async def test_a_dropout_is_not_waited_for() -> None:
    with serving(Ready, Over, players=3, names={"left": left}) as run:
        ann, bob, cem = await opened(run, 3)
        watch_for_dropout(run.players[2], left, tolerance=30)
        await ann.call("set_ready", "market", True)
        await bob.call("set_ready", "market", True)
        await cem.disconnect()
        assert cleared(run) == 0
        mark_dropout(run.players[2])
        await until(lambda: cleared(run) == 1)
        (told,) = await ann.settle()
        assert told["call"]["open"] is False


def by_monitor(run: Run, player: Player) -> None:
    done = Monitor(run._runtime, run, lambda message: None)._do(
        "move_to_end", {"players": [player.name]}
    )
    assert "error" not in done


WAYS: dict[str, Callable[[Run, Player], Any]] = {
    "advanced": lambda run, player: run.advance(player),
    "at the end": lambda run, player: run.move_to_end(player),
    "moved by a cell": lambda run, player: move_to_end(player),
    "moved in the monitor": by_monitor,
    "a dropout": lambda run, player: run.mark_dropout(player),
    "a dropout by a cell": lambda run, player: mark_dropout(player),
}
"""How a trader leaves who is not ready, from the researcher's side."""


async def ready_but_the_last(run: Run) -> list[Browser]:
    """Let all connect and trade, and all but the last player be ready."""
    people = await opened(run, len(run.players))
    await order(people[0], "buy", 400)
    await order(people[1], "sell", 300)
    for browser in people[:-1]:
        await browser.call("set_ready", "market", True)
    assert cleared(run) == 0
    return people


async def comes_again(run: Run, *pages: type[Page], **names: Any) -> None:
    again = await asyncio.to_thread(rerun, run, list(pages), namespace=names)
    assert again.same, f"{again!r}\n{again.messages}"
    assert "left out" not in again.repeated


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
async def test_when_the_last_who_is_not_ready_leaves_the_others_do_not_wait(way: str) -> None:
    """Once, with the price told to those who are left; and a rerun does the same."""
    with serving(Ready, Over, players=3, seed=3) as run:
        ann, bob, _ = await ready_but_the_last(run)
        await asyncio.to_thread(WAYS[way], run, run.players[2])
        await until(lambda: cleared(run) == 1)
        for browser in (ann, bob):
            (told,) = [one for one in await browser.settle() if "call" in one]
            assert (told["call"]["open"], told["call"]["price"]) == (False, 350)
            await browser.submit()
        assert [player.page for player in run.players[:2]] == ["Over", "Over"]
        run.move_to_end(run.players[2])
        assert cleared(run) == 1
        await comes_again(run, Ready, Over)


@pytest.mark.long
@pytest.mark.parametrize(
    "ways", [("advanced", "a dropout"), ("a dropout", "a dropout"), ("at the end", "advanced")]
)
async def test_two_who_leave_at_once_are_both_waited_for_till_then(ways: tuple[str, str]) -> None:
    with serving(Ready, Over, players=4, seed=3) as run:
        people = await ready_but_the_last(run)
        await people[2].call("set_ready", "market", False)
        await asyncio.gather(
            *(
                asyncio.to_thread(WAYS[way], run, player)
                for way, player in zip(ways, run.players[2:], strict=True)
            )
        )
        await until(lambda: cleared(run) == 1)
        assert len(market_of(run).trades) == 1
        await comes_again(run, Ready, Over)


@pytest.mark.long
async def test_one_act_of_a_cell_may_take_two_away() -> None:
    with serving(Ready, Over, players=4, seed=3) as run:
        people = await ready_but_the_last(run)
        await people[2].call("set_ready", "market", False)
        run.advance(run.players[2])
        assert cleared(run) == 0
        run.revert(run.players[2])
        assert cleared(run) == 0
        run.advance(list(run.players[2:]))
        assert cleared(run) == 1
        await comes_again(run, Ready, Over)


@pytest.mark.long
async def test_who_leaves_while_another_takes_ready_back_comes_again_in_that_order() -> None:
    """Nothing comes between a move and the look at those who are left."""
    with serving(Ready, Over, players=3, seed=3) as run:
        ann, _, _ = await ready_but_the_last(run)
        await asyncio.gather(
            ann.call("set_ready", "market", False),
            asyncio.to_thread(run.advance, run.players[2]),
            return_exceptions=True,
        )
        if not cleared(run):
            await ann.call("set_ready", "market", True)
        assert cleared(run) == 1
        await comes_again(run, Ready, Over)


def taken_back(player):
    """Withdraw what a dropout has in the book: nobody answers for it any more."""
    Market.in_session(player.session).cancel_all(player)


def watched(player):
    watch_for_dropout(player, taken_back, tolerance=0.3)


@pytest.mark.long
async def test_a_dropouts_handler_comes_before_the_call() -> None:
    """By itself, when the browser has been away too long; nobody needs to ask for it there."""
    names = {"taken_back": taken_back, "new_player": watched}
    with serving(Ready, Over, players=3, seed=3, names=names) as run:
        *_, cem = await ready_but_the_last(run)
        await order(cem, "buy", 500)
        await cem.disconnect()
        await until(lambda: cleared(run) == 1)
        assert [trade.buyer for _, trade in market_of(run).trades] == [run.players[0].name]
        await comes_again(run, Ready, Over, **names)


def failing(player):
    raise ValueError("no such bank")


@pytest.mark.long
async def test_a_handler_that_fails_lets_nobody_wait() -> None:
    with serving(Ready, Over, players=3, names={"failing": failing}) as run:
        await ready_but_the_last(run)
        watch_for_dropout(run.players[2], failing, tolerance=600)
        run.mark_dropout(run.players[2])
        await until(lambda: cleared(run) == 1)
        assert "no such bank" in str(run.errors["message"].tolist())


class Hurried(Ready):
    """Trade."""

    def timeout(page, player):
        return 0.3 if player.id == 2 and player.session.get("hurry") else None

    def timeout_reached(page, player):
        player.late = True


@pytest.mark.long
async def test_who_runs_out_of_a_time_of_their_own_is_not_waited_for() -> None:
    """With a browser that is asked for its form, and without one."""
    for is_here in (True, False):
        with serving(Over, Hurried, Over, players=3, seed=3) as run:
            run.session.hurry = True
            people = await opened(run, 3)
            for browser in people[:2]:
                await go_on(browser)
            await order(people[0], "buy", 400)
            for browser in people[:2]:
                await browser.call("set_ready", "market", True)
            await go_on(people[2])
            assert cleared(run) == 0
            if not is_here:
                await people[2].disconnect()
            await until(lambda run=run: cleared(run) == 1)
            assert (run.players[2].late, run.players[2].page) == (True, "Over")
            await comes_again(run, Over, Hurried, Over)


class Some(Ready):
    """Trade."""

    def show(page, player):
        return player.id != 2


@pytest.mark.long
async def test_who_passes_the_page_without_seeing_it_is_not_waited_for() -> None:
    with serving(Over, Some, Over, players=3, seed=3) as run:
        people = await opened(run, 3)
        for browser in people[:2]:
            await go_on(browser)
            await browser.call("set_ready", "market", True)
        assert cleared(run) == 0
        await people[2].submit()
        await people[2].load()
        await until(lambda: cleared(run) == 1)
        await comes_again(run, Over, Some, Over)


class Skipped(Ready):
    """Trade."""

    @live
    def skip(page, player):
        move_to_page(player, 2)


@pytest.mark.long
async def test_each_period_is_looked_at_for_itself() -> None:
    """One is in the next period already; those who are in the first still wait for the last."""
    with serving(Rounds(Skipped, Over, n=2), players=4, seed=3) as run:
        people = await opened(run, 4)
        await people[3].call("skip")
        await people[3].load()
        for browser in people[:2]:
            await browser.call("set_ready", "market", True)
        run.mark_dropout(run.players[2])
        assert (cleared(run), run.players[3].page, run.players[3].round) == (1, "Skipped", 2)
        await comes_again(run, Rounds(Skipped, Over, n=2))


async def test_where_nobody_is_left_nothing_is_cleared() -> None:
    """All were offline too long; when they come back the market is as it was."""
    with serving(Ready, Over, seed=3) as run:
        people = await opened(run)
        await order(people[0], "buy", 400)
        run.mark_dropout(list(run.players))
        assert cleared(run) == 0
        assert market_of(run).is_open


async def test_to_look_again_sets_up_no_market() -> None:
    """Who is only put on the page has not arrived there yet."""
    with serving(Over, Ready, players=3, seed=3) as run, run.lock:  # nobody arrives meanwhile
        run.advance(list(run.players))
        run.advance(list(run.players))
        run.mark_dropout(run.players[2])
        assert Market.find(run.session) is None


@pytest.mark.parametrize("grouped", [False, True])
async def test_whoever_many_go_at_once_those_who_are_left_are_asked_once(
    monkeypatch: pytest.MonkeyPatch, grouped: bool
) -> None:
    """Once for each group, or the session: not for each who goes."""
    with serving(Ready, Over, players=40, seed=3) as run:
        if grouped:
            create_groups(run.session, [run.players[n : n + 20] for n in (0, 20)])
        run.advance(list(run.players))
        asked: list[Any] = []
        look = Ready.clear_if_all_ready
        monkeypatch.setattr(Ready, "clear_if_all_ready", lambda p: (asked.append(p), look(p)))
        run.move_to_end(list(run.players)[::2])
        assert len(asked) == (2 if grouped else 1)
        run.mark_dropout(list(run.players)[1::4])
        assert len(asked) == (4 if grouped else 2)


class Wrong(Ready):
    """Trade."""

    def traders(page, player):
        if player.session.get("wrong"):
            raise LookupError("no such trader")
        return player.session.players


@pytest.mark.long
async def test_a_mistake_in_traders_is_told_and_the_move_stands() -> None:
    with serving(Wrong, Over, players=3) as run:
        await ready_but_the_last(run)
        run.session.wrong = True
        run.advance(run.players[2])
        assert run.players[2].page == "Over"
        assert cleared(run) == 0
        assert "no such trader" in str(run.errors["message"].tolist())


@pytest.mark.long
async def test_what_a_kill_has_cut_off_is_looked_at_when_the_kernel_is_back(
    tmp_path: Path,
) -> None:
    """It came after the dropout was written, and before the handler had run."""
    log = str(tmp_path / "log.sqlite3")
    with serving(Ready, Over, players=3, db=log) as run:
        await ready_but_the_last(run)
        run._runtime.dropouts._left = lambda player: None
        run.mark_dropout(run.players[2])
        assert cleared(run) == 0
    with serving(Ready, Over, players=3, db=log) as run:
        assert cleared(run) == 1


@pytest.mark.long
async def test_a_dropout_who_never_came_or_is_still_behind_is_not_waited_for_either() -> None:
    """The one is on an earlier page, the other looks at the result of an earlier period."""
    names = {"left": left}
    with serving(Over, Rounds(Ready, n=2), players=3, names=names) as run:
        ann, bob, _ = await opened(run, 3)
        for player in run.players:
            watch_for_dropout(player, left, tolerance=30)
        mark_dropout(run.players[2])
        for browser in (ann, bob):
            await go_on(browser)
            await browser.call("set_ready", "market", True)
        assert cleared(run) == 1
        await go_on(ann)
        await order(ann, "buy", 400)
        await ann.call("set_ready", "market", True)
        assert cleared(run, 2) == 0
        mark_dropout(run.players[1])
        await until(lambda: cleared(run, 2) == 1)


@pytest.mark.long
async def test_several_markets_and_groups_are_cleared_each_for_itself(tmp_path: Path) -> None:
    """One is ready for the whole page; another group goes on. The export has all of it."""

    class Pair(GroupCreatingWait):
        group_size = 2

    class Two(CallMarketPage):
        """Trade."""

        clear_when_all_ready = True
        market_names = ("red", "blue")

    with serving(Pair, Two, Over, players=4) as run:
        people = await opened(run, 4)
        await until(lambda: [player.page for player in run.players] == ["Two"] * 4)
        for browser in people:
            await browser.load()
            await browser.reconnect()
        groups = {player.group.name: [] for player in run.players}
        for browser, player in zip(people, run.players, strict=True):
            groups[player.group.name].append(browser)
        (one, pair), (other, _) = groups.items()
        for name, price in (("red", 30), ("blue", 50)):
            for side, browser in zip(("buy", "sell"), pair, strict=True):
                await browser.call("send_order", f"{name}-{one}", side, price)
        for browser in pair:
            await browser.call("set_ready", f"blue-{one}", True)
        told = (await pair[0].call("seed_markets"))["markets"]
        assert [(m["market"], m["call"]["price"]) for m in told] == [
            (f"red-{one}", 30), (f"blue-{one}", 50),
        ]  # fmt: skip
        state = [run.market(f"red-{name}").trades for name in (one, other)]
        assert [len(trades) for trades in state] == [1, 0]
        path = run.export(str(tmp_path / "calls"), progress=False)
        exported = (Path(path) / "markets" / f"blue-{one}" / "periods.csv").read_text()
        assert "50" in exported


async def test_a_page_without_the_button_takes_no_ready() -> None:
    with serving(Call, Over) as run:
        ann, _ = await opened(run)
        assert (await seed(ann))["call"]["ready"] is None
        assert "time is up" in await refused(ann.call("set_ready", "market", True))


async def test_two_who_are_ready_at_once_and_a_cell_clear_it_once() -> None:
    with serving(Ready, Over) as run:
        ann, bob = await opened(run)
        await order(ann, "buy", 400)
        await order(bob, "sell", 300)
        await asyncio.gather(
            ann.call("set_ready", "market", True), bob.call("set_ready", "market", True),
            asyncio.to_thread(Ready.clear_now, run.players[0]),
        )  # fmt: skip
        Ready.clear_now(run.players[1])
        assert cleared(run) == 1
        assert len(market_of(run).trades) == 1


@pytest.mark.long
async def test_each_round_is_a_call_of_its_own() -> None:
    with serving(Rounds(Ready, n=2), Over) as run:
        ann, bob = await opened(run)
        for period, price in ((1, 400), (2, 500)):
            await order(ann, "buy", price)
            await order(bob, "sell", price)
            await ann.call("set_ready", "market", True)
            assert cleared(run, period) == 0
            await bob.call("set_ready", "market", True)
            for browser in (ann, bob):
                await go_on(browser)
        assert list(run.market().periods["mean_price"]) == [400, 500]


@pytest.mark.long
async def test_an_order_that_stands_in_the_middle_of_a_period_outlasts_the_kernel(
    tmp_path: Path,
) -> None:
    """So do its number, who is ready, and the time that is left."""
    log = str(tmp_path / "log.sqlite3")

    class Both(Ready):
        """Trade."""

        seconds = 600

    with serving(Both, Over, db=log) as run:
        ann, bob = await opened(run)
        number = (await order(ann, "buy", 400))["order"]
        await order(bob, "sell", 300)
        await ann.call("set_ready", "market", True)
        run._runtime.world.journal.commit()
    with serving(Both, Over, db=log) as run:
        ann, bob = await opened(run)
        told = await seed(ann)
        assert told["mine"]["orders"] == [[number, "buy", 400, 1]]
        assert told["call"]["ready"] is True
        await bob.call("set_ready", "market", True)
        assert (cleared(run), [t.price for _, t in market_of(run).trades]) == (1, [350])
        assert run.players[0]._state.deadline is not None
        run._runtime.world.journal.commit()
    with serving(Both, Over, db=log) as run:
        assert [t.price for _, t in market_of(run).trades] == [350]
        let_time_pass(run)
        await Browser(run.link(run.players[0])).load()
        assert (cleared(run), run.players[0].page) == (1, "Over")


@pytest.mark.long
async def test_a_rerun_changes_the_same_orders_and_is_cleared_at_the_same_price(
    tmp_path: Path,
) -> None:
    log = str(tmp_path / "log.sqlite3")
    with serving(Ready, Over, db=log) as run:
        ann, bob = await opened(run)
        number = (await order(ann, "buy", 400))["order"]
        await ann.call("replace_order", "market", number, 500)
        await order(bob, "sell", 300)
        await ann.call("set_ready", "market", True)
        await bob.call("set_ready", "market", True)
        await ann.submit()
        run._runtime.world.journal.commit()
    again = await asyncio.to_thread(rerun, open_log(log, "market"), [Ready, Over])
    assert again.same, repr(again)


# ---- set up, and played by bots ------------------------------------------------------------


@pytest.mark.long
def test_a_page_without_the_rules_of_a_call_is_refused_where_it_is_written() -> None:
    with pytest.raises(BadPage, match="call=True"):

        class Wrong(CallMarketPage):
            rules = Rules(no_loss=True)


@pytest.mark.parametrize(
    ("base", "instead"),
    [(MarketPage, r"CallMarketPage.*market\.close"), (AssetMarketPage, r"market\.settle")],
)
def test_a_page_that_never_clears_its_call_is_refused_where_it_is_written(
    base: Any, instead: str
) -> None:
    asset = {"dividends": Dividends((0, 8), periods=3)}
    own: dict[str, Any] = {"__doc__": "Trade.", "rules": Rules(call=True)}
    own |= asset if base is AssetMarketPage else {}
    with pytest.raises(BadPage, match=instead):
        type("Never", (base,), own)
    type("Cleared", (base,), own | {"close_market": lambda page, market: None})


@pytest.mark.long
async def test_on_any_market_page_a_call_market_has_no_price_to_take() -> None:
    class ByHand(MarketPage):
        """Trade."""

        rules = Rules(call=True)

        def close_market(page, market) -> None:
            market.clear()
            market.close()

    with serving(ByHand, Over) as run:
        ann, bob = await opened(run)
        await order(bob, "sell", 300)
        assert await refused(ann.call("take_price", "market", "buy", 300))
        await order(ann, "buy", 300)
        assert [t.price for t in market_of(run).clear().trades] == [300]


@pytest.mark.long
@pytest.mark.parametrize("page", [Ready, Open])
def test_bots_send_an_order_for_each_unit_and_go_on(page: type[CallMarketPage]) -> None:
    """Where there is no button, until time is up."""
    with serving(Rounds(page, n=2), Over, players=6) as run:
        bots = run.bots([market_bot(ZIC(), pace=0.01) for _ in range(6)], seed=1)
        if page is Open:
            for period in (1, 2):
                wait_for(lambda at=period: len(market_of(run, at).book.orders) == 12)
                for player in run.players:
                    run.advance(player)
        assert bots.wait(30), bots.status.to_string()
        assert bots.status["state"].tolist() == ["done"] * 6, bots.status["error"].tolist()
        assert run.errors.query("field != 'Warning'").empty
        submitted = run.market().order_events.query("event == 'submit'")
        assert (submitted.groupby(["period", "player"]).size() == 2).all()
        trades = run.market().trades
        assert trades.empty == (page is Open)
        assert (trades.groupby("period")["price"].nunique() == 1).all()


def wait_for(condition: Callable[[], bool]) -> None:
    asyncio.run(until(condition, 30))
