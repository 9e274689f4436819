"""The kernel dies in the midst of trading, and the market goes on."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from live_jupyter import wait_until
from random_trader import Call, RandomTrader, View
from robot import Event, Robot

from tests.driving.notebooks import OpenNotebook
from tests.driving.participant import Participant
from tests.driving.robots import Robots

HOLD_FOR_EVER = """
import threading
held = threading.Event()
hold = lambda: (run.lock.__enter__(), held.set(), threading.Event().wait())
threading.Thread(target=hold, daemon=True).start()
held.wait()
"""
MANY_UNITS = "for trader in run.players:\n    trader.units = trader.units[:1] * 300"
SHOWN = ("number", "price", "buyer", "seller")


def hasty(view: View, rng: random.Random) -> Call:
    """Act at once, and often at a price that others take."""
    if rng.random() < 0.3:
        return "post_offer", 55 + rng.randint(-1, 1)
    return "post_offer", 1 if view.buys else 100


@pytest.mark.slow
def test_every_acknowledged_call_outlives_the_kernel(
    auction: OpenNotebook, person: Callable[[str], Participant]
) -> None:
    """Robots trade without a pause, the process is killed, the cells run again."""
    auction.kernel.run(MANY_UNITS)
    ann = person(auction.links[6]).arrive()
    over, lines = False, ann.lines
    with Robots(auction.links[:6]) as robots:
        traders = [RandomTrader(robots[i], random.Random(i), hasty) for i in range(len(robots))]
        trading = [robots.begin(trader.trade(lambda: over)) for trader in traders]
        wait_until(lambda: _acknowledged(traders) > 200, 30.0, "the market to be busy")

        auction.kernel.sigkill()
        ann.sees("#uproot-banner", "The study is paused")
        at_death = _acknowledged(traders)
        assert all(not future.done() for future in trading)
        auction.kernel.restart()
        auction.run_all_cells()

        ann.reads("#uproot-banner", "")
        wait_until(lambda: _acknowledged(traders) > at_death + 200, 30.0, "trading to go on")
        over = True
        for future in trading:
            future.result(30.0)
        last = ann.call("post_offer", 3)["offer"]
        robots.do(_all_hear_of(robots, 3))
        print(_acknowledged(traders), "acknowledged,", at_death, "of them before the kill")

        assert [robot.lost for robot in _all(robots)] == [False] * len(robots)
        assert all(robot.states[-1] == "running" for robot in _all(robots))
        kept = _in_the_log(auction)
        _assert_kept(_all(robots), kept)
        _assert_in_sequence(_all(robots), kept)
    assert last == kept["offers"]
    assert ann.lines == lines


@pytest.mark.slow
def test_a_call_in_flight_when_the_kernel_dies_is_answered_after_the_restart(
    auction: OpenNotebook,
) -> None:
    """It came while the kernel could not run it; it is run once by the next."""
    with Robots(auction.links[:2]) as robots:
        auction.kernel.run(HOLD_FOR_EVER)
        waiting = robots.begin(robots[0].invoke("post_offer", 40))
        robots.do(robots[0].ping())
        assert not waiting.done()
        auction.kernel.sigkill()
        auction.kernel.restart()
        auction.run_all_cells()
        assert waiting.result(30.0)["offer"] == 1
        assert auction.kernel.value("run.session.offers_made") == 1


@pytest.mark.slow
def test_links_and_data_are_the_same_after_a_restart(auction: OpenNotebook) -> None:
    with Robots(auction.links[:2]) as robots:
        robots.do(robots[0].invoke("post_offer", 40))
        robots.do(robots[1].invoke("accept_offer", 1))
        auction.kernel.restart()
        auction.run_all_cells()
        assert auction.kernel.value("list(run.links['url'])") == auction.links
        assert auction.kernel.value("trades['price'].tolist()") == [40]
        assert robots.do(robots[0].invoke("post_offer", 30))["profit"] == 55


def _all(robots: Robots) -> list[Robot]:
    return [robots[number] for number in range(len(robots))]


def _acknowledged(traders: Sequence[RandomTrader]) -> int:
    return sum(len(trader.replies) for trader in traders)


async def _all_hear_of(robots: Robots, price: int) -> None:
    """Wait until everybody has been shown a book with this bid."""

    def shows(event: Event) -> bool:
        return event["event"] == "Book" and price in [b["price"] for b in event["data"]["bids"]]

    for robot in _all(robots):
        await robot.heard(shows)


def _in_the_log(auction: OpenNotebook) -> dict[str, Any]:
    """Read offers, trades and pushes from the log itself."""
    return {
        "trades": auction.kernel.value("[dict(deal) for deal in run.session.trades]"),
        "offers": auction.kernel.value("run.session.offers_made"),
        "calls": auction.kernel.value(
            "[(v['id'], v['outcome'], v.get('result'))"
            " for v in run.events.query('kind == \"call\"')['value']]"
        ),
        "pushes": auction.kernel.value("run.events.query('kind == \"notify\"')['seq'].tolist()"),
    }


def _assert_kept(robots: Sequence[Robot], kept: dict[str, Any]) -> None:
    """Every acknowledged call is in the log once, with the reply that was given, and its effect."""
    replies = {number: reply for robot in robots for number, reply in robot.answered.items()}
    log = {number: reply for number, outcome, reply in kept["calls"] if outcome == "ok"}
    assert {number: log.get(number) for number in replies} == replies
    assert Counter(number for number, *_ in kept["calls"]).most_common(1)[0][1] == 1
    offers = sorted(reply["offer"] for reply in log.values() if "offer" in reply)
    assert offers == list(range(1, kept["offers"] + 1))
    trades = sorted(reply["trade"] for reply in log.values() if "trade" in reply)
    assert trades == [deal["number"] for deal in kept["trades"]]
    assert trades == list(range(1, len(trades) + 1))


def _assert_in_sequence(robots: Sequence[Robot], kept: dict[str, Any]) -> None:
    """Everybody was shown every push that was meant for them, once, in the log's order."""
    shown = [{name: deal[name] for name in SHOWN} for deal in kept["trades"]]
    for robot in robots:
        seqs = [event["seq"] for event in robot.events]
        assert seqs == sorted(set(seqs))
        assert set(seqs) <= set(kept["pushes"])
        assert [e["data"] for e in robot.events if e["event"] == "Trade"] == shown
    books = [[e["seq"] for e in robot.events if e["event"] == "Book"] for robot in robots]
    latest_start = max(seqs[0] for seqs in books)
    assert len({tuple(s for s in seqs if s >= latest_start) for seqs in books}) == 1
