"""What a failing network does to a participant: nothing that matters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Route

from tests.driving.notebooks import OpenNotebook
from tests.driving.participant import Participant
from tests.driving.robots import Robots
from tests.driving.wire import Wire

Person = Callable[[str], Participant]
KEEP_ALL = """
window.got = [];
document.addEventListener("DOMContentLoaded", () => {
    if (!window.uproot) return;     // before somebody has begun
    uproot.onCustomEvent("Book", (event) => got.push(["Book", event.detail.data]));
    uproot.onCustomEvent("Trade", (event) => got.push(["Trade", event.detail.data]));
    const show = uproot.receive;
    uproot.receive = (data) => { got.push(["", data]); show(data); };
});
"""
CUT = "Alpine.store('uproot').connected === false"


@pytest.mark.slow
def test_a_push_between_rendering_and_connecting_arrives(
    auction: OpenNotebook, person: Person
) -> None:
    ann = person(auction.links[0])
    held: list[Route] = []
    ann.page.route("**/uproot.js", lambda route: held.append(route))
    ann.page.goto(ann.link, wait_until="commit")
    while not held:
        ann.page.wait_for_timeout(20)  # the page is here; the script that connects is not
    with Robots(auction.links[1:2]) as robots:
        robots.do(robots[0].invoke("post_offer", 50))
    assert auction.kernel.value("list(run.links['online'])[0]") is False
    held[0].continue_()
    ann.is_connected().sees("#asks", "50")
    ann.reads("#news", "Trader 2 asks 50.")


def test_a_reconnect_misses_nothing_and_doubles_nothing(
    auction: OpenNotebook, person: Person, wire: Wire
) -> None:
    ann = person(wire.reroute(auction.links[0]))
    ann.page.add_init_script(KEEP_ALL)
    ann.arrive()
    with Robots(auction.links[1:2]) as robots:
        for price in (90, 89, 88):
            robots.do(robots[0].invoke("post_offer", price))
        ann.sees("#asks", "88")
        for price in (87, 86, 85):  # pushes that leave while the line breaks
            robots.do(robots[0].invoke("post_offer", price))
            if price == 86:
                wire.cut()
        ann.page.wait_for_function(CUT)
        for price in (84, 83):
            robots.do(robots[0].invoke("post_offer", price))
        wire.mend()
        ann.is_connected().sees("#asks", "83")
        robots.do(robots[0].invoke("post_offer", 82))
        ann.sees("#asks", "82")
    got = ann.page.evaluate("got")
    asked = list(range(90, 81, -1))
    assert [data["asks"][0]["price"] for name, data in got if name == "Book"] == asked
    assert [data for name, data in got if name == ""] == [f"Trader 2 asks {p}." for p in asked]


@pytest.mark.slow
def test_a_call_cut_off_by_a_lost_line_is_executed_once(
    auction: OpenNotebook, person: Person, wire: Wire
) -> None:
    """The call arrives, its answer is lost with the line; the page asks again and is told."""
    ann = person(wire.reroute(auction.links[0])).arrive()
    wire.deafen()
    ann.page.evaluate("void (window.answer = uproot.invoke('post_offer', 40))")
    auction.wait_until("run.session.offers_made == 1")
    wire.cut()
    ann.page.wait_for_function(CUT)
    wire.mend()
    assert ann.page.evaluate("answer") == {"units": [95, 80, 65], "profit": 0, "offer": 1}
    assert auction.kernel.value("run.session.offers_made") == 1
    ann.reads("#bids li", "40 (yours)")


@pytest.mark.slow
def test_a_call_made_without_a_line_waits_for_it(
    auction: OpenNotebook, person: Person, wire: Wire
) -> None:
    ann = person(wire.reroute(auction.links[0])).arrive()
    wire.cut()
    ann.page.wait_for_function(CUT)
    ann.page.evaluate("void (window.answer = uproot.invoke('post_offer', 40))")
    ann.sees("#uproot-connection", "Reconnecting")
    assert auction.kernel.value("run.session.offers_made") == 0
    wire.mend()
    assert ann.page.evaluate("answer")["offer"] == 1
    ann.reads("#uproot-connection", "")
    assert auction.kernel.value("run.session.offers_made") == 1
