"""Smith's tests: who may quote, and who is there, in the parts of a test."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from uproot_nb.market.replications.smith_tests import OfferTaker, smith_tests
from uproot_nb.market.traders import View


def test_a_buyer_of_test_8a_makes_no_bid_and_answers_offers() -> None:
    trader, chance = OfferTaker(Random(1)), Random(1)
    alone = View("buy", 200, None, None, None, 1, 400, period=4)
    offered = View("buy", 200, None, 150, None, 1, 400, period=4)
    assert trader.quote(alone, chance) is None
    assert trader.quote(offered, chance) == trader.quote(replace_period(alone, 5), chance)
    as_seller = View("sell", 200, None, None, None, 1, 400, period=4)
    assert trader.quote(as_seller, chance) is not None


def replace_period(view: View, period: int) -> View:
    return View(view.side, view.limit, None, None, None, view.tick, view.highest, period=period)


def test_only_sellers_offer_in_test_8a() -> None:
    tables = replace(smith_tests()["test 8"], steps=60).simulate(1)
    took = tables.trades.groupby("period")["initiator"].agg(set)
    assert list(took) == [{"buy"}] * 4 + [{"buy", "sell"}] * 2
    events = tables.order_events
    bids = events[(events["event"] == "submit") & (events["side"] == "buy")]
    early = [(frame["period"] <= 4).sum() for frame in (bids, tables.trades)]
    assert early[0] == early[1] > 8


def test_two_sellers_are_gone_in_test_5b_and_the_others_keep_their_costs() -> None:
    design = smith_tests()["test 5"]
    before, after = design.values_in(4).costs, design.values_in(5).costs
    assert {*before} - {*after} == {"seller 1", "seller 17"}
    assert all(before[name] == after[name] for name in after)
    trades = replace(design, steps=60).simulate(1).trades
    later = trades[trades["period"] > 4]
    assert len(later) > 5
    assert not set(later["seller"]) & {"seller 1", "seller 17"}
