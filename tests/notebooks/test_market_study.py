"""The market study: robots on all cores, two people and six bots, and one table of them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.driving.notebooks import OpenNotebook, cells_of

PERIODS = 6
pytestmark = pytest.mark.slow  # six periods with people take their time


@pytest.fixture
def study(open_notebook: Callable[..., OpenNotebook]) -> OpenNotebook:
    """The study, whose robots have traded, with no person there yet."""
    return open_notebook("market_study", SECONDS=6)


@pytest.fixture
def people(browser: Browser, study: OpenNotebook) -> Iterator[list[Page]]:
    """Two people, in windows of their own."""
    contexts = [browser.new_context() for _ in range(2)]
    pages = [context.new_page() for context in contexts]
    for page, link in zip(pages, study.links, strict=False):
        page.goto(link)
    yield pages
    for context in contexts:
        context.close()


def test_a_study_goes_from_its_design_to_figures_and_tests(
    study: OpenNotebook, people: list[Page]
) -> None:
    for period in range(1, PERIODS + 1):
        for page in people:  # at the price at which they just do not lose
            title = "Market" if period == 1 else f"Period {period}"
            expect(page.locator(".uproot-market")).to_contain_text(title, timeout=20_000)
            limit = page.locator(".uproot-market-mine dd").first.inner_text()
            page.get_by_label("Price", exact=True).fill(limit)
            page.locator(".uproot-market-order button:not([hidden])").first.click()
    for page in people:
        expect(page.locator("body")).to_contain_text("Thank you", timeout=20_000)
    kernel = study.kernel
    for cell in ("lab", "figures", "means", "tests"):
        kernel.run(study.cells[cell])
    assert kernel.value("list(lab['periods'].period)") == list(range(1, PERIODS + 1))
    assert kernel.value("int(lab['periods'].trades.min())") > 0
    people_units = "lab['traders'].groupby('player').units.sum()[[p.name for p in run.players[:2]]]"
    assert kernel.value(f"bool(({people_units} > 0).all())")
    assert kernel.value("sorted(set(periods.groupby('arm').session.nunique()))") == [5]
    means = kernel.value("results.means.query('outcome == \"efficiency\"')['sessions'].tolist()")
    assert means == [5] * 3 * (PERIODS + 1)
    assert kernel.value("bool(results.tests['p_value'].between(0, 1).all())")
    assert kernel.value("[len(ax.get_children()) > 10 for ax in figure.axes]") == [True] * 6
    assert study.raised == []


def test_it_takes_less_than_forty_lines() -> None:
    code = "\n".join(cells_of("market_study").values())
    assert len([line for line in code.splitlines() if line.strip()]) < 40
