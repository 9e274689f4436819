"""The market app: groups of traders meet in a double auction, for two periods."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page

from tests.apps.driving import Walk, walking
from tests.apps.mistakes import mistakes
from uproot_nb.session.entities import Group
from uproot_nb.session.model_functions import get_entries

pytestmark = pytest.mark.slow


def test_bots_trade_until_nothing_is_left_to_gain(browser: Browser) -> None:
    with walking(browser, "market", players=6) as walk:
        walk.until_all_ended()
        assert walk.complaints == []
        assert mistakes(walk.run) == []
        assert walk.unseen == set()
        groups = walk.run.session.groups
        assert [len(group.players) for group in groups] == [3, 3]
        for group in groups:
            assert_group_traded(group)


def test_the_standing_offer_sets_the_price_and_ends_the_period(browser: Browser) -> None:
    with trading(browser) as (walk, buyer, seller):
        offer(buyer, 21)
        buyer.get_by_text("Prices go from 1 to 20.").wait_for()
        offer(buyer, 7)
        seller.locator("#bids", has_text="7").wait_for()
        offer(seller, 5)
        for tab in walk.pages:
            tab.get_by_role("heading", name="Period 2").wait_for()
            tab.locator("#bids", has_text="none").wait_for()
        [group] = walk.run.session.groups
        [(_, _, trade)] = get_entries(group.trades)
        assert (trade.period, trade.price) == (1, 7)
        assert [entry.price for _, _, entry in get_entries(group.offers)] == [7, 5]
        assert walk.run.players.find_one(side="sell").profit == 7 - 3


def assert_group_traded(group: Group) -> None:
    """Check a group's trades: one in each period, at no loss, from offers that were made."""
    trades = [trade for _, _, trade in get_entries(group.trades)]
    offers = [offer for _, _, offer in get_entries(group.offers)]
    limits = {player.name: player.limit for player in group.players}
    profits = dict.fromkeys(limits, 0)
    assert [trade.period for trade in trades] == [1, 2]
    for trade in trades:
        assert limits[trade.seller] <= trade.price <= limits[trade.buyer]
        made = {offer.trader.name for offer in offers if offer.period == trade.period}
        assert {trade.buyer, trade.seller} <= made
        assert trade.taker.name in (trade.buyer, trade.seller)
        profits[trade.buyer] += limits[trade.buyer] - trade.price
        profits[trade.seller] += trade.price - limits[trade.seller]
    assert {player.name: player.profit for player in group.players} == profits
    assert {offer.trader.name for offer in offers} <= set(limits)


@contextmanager
def trading(browser: Browser) -> Iterator[tuple[Walk, Page, Page]]:
    """Bring three traders into the pit; yield the tabs of a buyer and of a seller."""
    with walking(browser, "market", players=3, simulate=False) as walk:
        for tab in walk.pages:
            tab.locator("#bids", has_text="none").wait_for()
        sides = walk.run.players.each("side")
        yield walk, walk.pages[sides.index("buy")], walk.pages[sides.index("sell")]
        assert mistakes(walk.run) == []


def offer(tab: Page, price: int) -> None:
    """Post a price by hand."""
    tab.get_by_label("Your price").fill(str(price))
    tab.get_by_role("button", name="Post").click()
