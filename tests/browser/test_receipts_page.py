"""Receipts in a browser: a page each on paper, and readable on a screen."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from axe import violations
from playwright.sync_api import BrowserContext, Page

from uproot_nb.study.payment_line import PaymentLine
from uproot_nb.study.receipts import receipts_page


def lines(number: int) -> list[PaymentLine]:
    return [
        PaymentLine(
            f"p{n}", f"PC-{n}", "done", Decimal(1), Decimal(5), Decimal("5.10"), False, "EUR", {}
        )
        for n in range(number)
    ]


@pytest.fixture
def page(context: BrowserContext, tmp_path: Path) -> Page:
    path = tmp_path / "receipts.html"
    path.write_text(receipts_page(lines(3), "Trust game", "de"), "utf-8")
    page = context.new_page()
    page.goto(path.as_uri())
    return page


def test_each_receipt_and_the_sheet_are_a_printed_page(page: Page) -> None:
    printed = page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) == 4


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.sample(1)
def test_receipts_are_accessible_and_fit_the_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
