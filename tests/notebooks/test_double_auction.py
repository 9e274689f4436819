"""The double auction on the toolkit: people in browsers and robots trade in one market."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.driving.notebooks import OpenNotebook

BOTS = """
from uproot_nb.market.traders import ZIC, market_bot
seen = {place: [] for place in range(8)}
bots = run.bots(
    {place: market_bot(ZIC(), pace=0.3, on_trade=seen[place].append) for place in seen}, seed=1
)
"""


@pytest.fixture
def auction(open_notebook: Callable[[str], OpenNotebook]) -> OpenNotebook:
    """The double auction, with nobody there yet."""
    return open_notebook("double_auction")


@pytest.fixture
def windows(browser: Browser) -> Iterator[Callable[[str], Page]]:
    """Open a trader's page, which notes every trade that is pushed."""
    contexts = []

    def open_window(link: str) -> Page:
        context = browser.new_context()
        contexts.append(context)
        page = context.new_page()
        page.goto(link)
        expect(page.locator(".uproot-market")).to_be_visible(timeout=15_000)
        return page

    yield open_window
    for context in contexts:
        context.close()


def trades_in(page: Page) -> list[list[str]]:
    """Return the trades in a window's list, oldest first: number and price, without own marks."""
    texts = [
        re.split("[▲▼]", text)[0].strip() for text in page.locator("[data-trade]").all_inner_texts()
    ]
    return [re.split(r"\.\s*", text, maxsplit=1) for text in reversed(texts)]


def test_robots_and_people_trade_in_one_session(
    auction: OpenNotebook, windows: Callable[[str], Page]
) -> None:
    """Eight ZI-C bots and two people; what everybody saw is what the export has."""
    # the people come first, by the join link, to places nine and ten
    kernel = auction.kernel
    kernel.run("people = [run.link(run._runtime.world.add_player()) for _ in range(2)]")
    people = [windows(link) for link in kernel.value("people")]
    kernel.run(BOTS)
    for page in people:
        expect(page.locator("[data-trade]").first).to_be_visible(timeout=20_000)
    for page in people:  # at the price at which they just do not lose
        limit = page.locator(".uproot-market-mine dd").first.inner_text()
        page.get_by_label("Price", exact=True).fill(limit)
        page.locator(".uproot-market-order button:not([hidden])").first.click()
    auction.wait_until("len(run.market().trades) >= 5")
    traded = "run.market().traders.groupby('player').units.sum()[[p.name for p in run.players[8:]]]"
    auction.wait_until(f"({traded} > 0).all()")
    people[0].get_by_label("Price", exact=True).fill("1000")
    people[0].locator(".uproot-market-order button:not([hidden])").first.click(force=True)
    expect(people[0].get_by_role("alert")).not_to_be_empty()
    kernel.run("bots.stop()")
    kernel.run("path = run.export('auction.zip', progress=False)")
    with zipfile.ZipFile(kernel.value("str(path)")) as archive:
        name = next(n for n in archive.namelist() if n.endswith("market/trades.csv"))
        exported = pd.read_csv(BytesIO(archive.read(name)))
    told = [[str(row.trade), f"{row.price:g}"] for row in exported.itertuples()]
    for page in people:
        expect(page.locator(f"[data-trade='{len(told)}']")).to_be_visible()
        assert trades_in(page) == told[-30:]
    seen: list[list[Any]] = kernel.value("list(seen.values())")
    for deals in seen:
        assert [[str(deal[0]), str(deal[2])] for deal in deals] == told[: len(deals)]
    assert sum(map(len, seen)) > 0
