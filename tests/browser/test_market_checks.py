"""What a market page stops before it is sent: never an order that the server would take."""
# ruff: noqa: ANN001  (as authors write)

from __future__ import annotations

import random
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

import uproot_nb
from tests.running import serving
from uproot_nb import Page
from uproot_nb.errors import OrderRefused
from uproot_nb.market import CircuitBreaker, Fees, InducedValues, MarketPage, Rules, Tax
from uproot_nb.market.orderbook.commands import Command, LimitOrder, MarketOrder, Replace
from uproot_nb.market.orderbook.refusals import REFUSAL_TEXTS
from uproot_nb.market.pages.answering import answer
from uproot_nb.market.pages.market_pushes import market_data
from uproot_nb.market.pages.page import markets_of

SCRIPT = (Path(uproot_nb.__file__).parent / "static" / "market_checks.js").read_text("utf-8")

JUDGE = """cases => cases.map(([data, order]) => {
    const rows = (levels) => levels.map(([price, units]) => [Number(price), units, price]);
    const levels = { buy: rows(data.depth.bids), sell: rows(data.depth.asks) };
    const found = uproot.inner.marketRefusal({ data, mine: data.mine, levels }, order);
    return found && found.text.replace(/\\{(\\w+)\\}/g, (_, name) => found.values[name]);
})"""

RULES = (
    Rules(max_price=12, no_loss=True),
    Rules(max_price=12, no_loss=True, buyer_tax=Tax(2), seller_tax=Tax(1), fees=Fees(0, 1)),
    Rules(max_price=12, budget=True, short_sales=False, self_trade="cancel_oldest"),
    Rules(max_price=12, budget=True, floor=3, improvement=True, no_loss=True, max_orders=2),
    Rules(max_price=12, lapse="shout", no_loss=True, budget=True),
    Rules(max_price=12, lapse="own", no_loss=True, budget=True, max_orders=1),
    Rules(max_price=12, lapse="trade", trade_price="taker", max_orders=1),
    Rules(max_price=Decimal(12), tick=Decimal("0.5"), budget=True, no_loss=True),
    Rules(max_price=12, budget=True, short_sales=False, terms=("iceberg",)),
    Rules(max_price=12, terms=("iceberg",), breaker=CircuitBreaker(Decimal("0.2"), 60)),
)


class Over(Page):
    """It is over."""


def cases_under(rules: Rules, induced: bool, chance: random.Random) -> list[tuple[Any, ...]]:
    """Return what a page knew, what was ordered, and the server's sentence or None."""

    class Walk(MarketPage):
        """Trade."""

        def open_market(page, market, traders) -> None:
            ann, bob = traders
            if induced:
                market.induce(
                    InducedValues({ann.name: [11, 7, 9], bob.name: [8]}, {bob.name: [2, 5, 4]})
                )
            for trader in traders:
                market.endow(trader, cash=30, units=2)

    Walk.rules, found = rules, []
    with serving(Walk, Over) as run, run.lock:
        market = markets_of(Walk, run.players[0])[0]
        for _ in range(30):
            if market.is_halted and chance.random() < 0.2:
                market.resume()
            player, side = chance.choice(list(run.players)), chance.choice(["buy", "sell"])
            if induced and side not in Walk.sides(Walk, player, market):
                continue  # no such button is shown
            price, quantity = chance.choice([None, *range(14)]), chance.choice([1, 1, 2, 3])
            data = market_data(Walk, player, market)
            own = [row for row in data["mine"]["orders"] if row[1] == side]
            old = (
                chance.choice(own) if own and price is not None and chance.random() < 0.3 else None
            )
            order = {"side": side, "price": price, "quantity": quantity, "old": old, "terms": ""}
            asked: Command = MarketOrder(player.name, side, quantity)
            if price is not None:
                shown = 1 if "iceberg" in rules.terms and chance.random() < 0.5 else None
                asked = LimitOrder(player.name, side, price, quantity, shown=shown)
            if old is not None:
                asked = Replace(player.name, old[0], price, quantity)
            try:
                answer(Walk, player, market, asked, None)
            except OrderRefused as refusal:
                found.append((data, order, str(refusal)))
            else:
                found.append((data, order, None))
    return found


def test_nothing_is_stopped_that_the_server_would_take(browser: Browser) -> None:
    """And most of what it refuses is stopped, with a sentence of the server's."""
    chance = random.Random(18)
    cases = [
        case for rules in RULES for induced in (True, False) if induced or not rules.no_loss
        for case in cases_under(rules, induced, chance)
    ]  # fmt: skip
    page = browser.new_page()
    page.evaluate("window.uproot = { inner: {} }")
    page.evaluate(SCRIPT)
    judged = page.evaluate(JUDGE, [[data, order] for data, order, _ in cases])
    page.close()
    pairs = [(order, words, said) for (_, order, words), said in zip(cases, judged, strict=True)]
    assert [pair for pair in pairs if pair[1] is None and pair[2]] == []
    refused = [pair for pair in pairs if pair[1] is not None]
    stopped = [pair for pair in refused if pair[2]]
    assert len(stopped) > 0.8 * len(refused) > 0
    assert sum(words == said for _, words, said in stopped) > 0.8 * len(stopped)
    assert len({said for _, _, said in stopped}) > 8


def test_its_sentences_are_the_servers() -> None:
    said = set(re.findall(r'"([A-Z][^"]* [^"]*\.)"', SCRIPT))
    assert len(said) > 15
    assert said <= set(REFUSAL_TEXTS)
