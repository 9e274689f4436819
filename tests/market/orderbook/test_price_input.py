"""What participants write as a price or a quantity, and what is made of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.number_cases import NUMBER_CASES
from uproot_nb.errors import OrderRefused
from uproot_nb.experiment.numbers import decimal_sign, number_text
from uproot_nb.market.orderbook.amounts import exact
from uproot_nb.market.orderbook.price_input import entered_price, entered_quantity
from uproot_nb.market.orderbook.prices import PriceGrid

CENT = Decimal("0.01")


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("12", 12), (" 12 ", 12), ("12.0", 12), ("12,00", 12), ("2,5", Decimal("2.5")),
        ("2.50", Decimal("2.50")), ("-5", -5), ("+5", 5), (10.5, Decimal("10.5")), (3.0, 3), (7, 7),
        (".5", Decimal("0.5")), ("12.", 12), ("１２", 12), ("١٢", 12), ("−5", -5),
        ("۱۲٫۵", Decimal("12.5")),
    ],
)  # fmt: skip
def test_a_price_is_read_as_it_is_written(told: Any, meant: Any) -> None:
    assert entered_price(told, CENT) == meant


@pytest.mark.parametrize(
    "told",
    ["", "a lot", "1,000", "1.000", "1 000", "1e3", "0x1f", "NaN", "inf", "1.2.3", "--1",
     None, True, [], {}, float("nan"), float("inf"), 1e300, "9" * 60_000],
)  # fmt: skip
def test_what_is_no_price_is_none(told: Any) -> None:
    """Nothing is guessed: "1,000" may be a thousand, and may be one."""
    with pytest.raises(OrderRefused):
        PriceGrid(CENT, 1_000).ticks(entered_price(told, CENT))


def test_a_fine_tick_takes_as_many_decimals_as_it_has() -> None:
    assert entered_price("1.125", Decimal("0.001")) == Decimal("1.125")
    assert entered_price("1.125", CENT) == "1.125"


@pytest.mark.parametrize("language", dict.fromkeys(case[0] for case in NUMBER_CASES))
def test_prices_are_read_as_the_numbers_of_forms_but_for_exponents(language: str) -> None:
    for _, text, number in (case for case in NUMBER_CASES if case[0] == language):
        read = entered_price(text, Decimal("0.001"), language)
        wanted = text if number is None or "e" in text else Decimal(number)
        assert read == wanted, text


@given(st.decimals(0, 10**6, places=2), st.sampled_from(".,"))
def test_every_amount_of_money_comes_back(amount: Decimal, point: str) -> None:
    read = entered_price(str(amount).replace(".", point), CENT)
    assert (exact(read), type(read) is float) == (amount, False)


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans())
def test_anything_can_be_asked(told: Any) -> None:
    for read in (entered_price(told, 1), entered_quantity(told)):
        assert read is told or isinstance(read, (int, Decimal))


@pytest.mark.parametrize(("told", "meant"), [("3", 3), (" 3 ", 3), (3.0, 3), (3, 3), ("٣", 3)])
def test_a_quantity_is_a_whole_number(told: Any, meant: int) -> None:
    assert entered_quantity(told) == meant


@pytest.mark.parametrize("told", ["1.5", "1,000", "1.000", "two", "", None, 1.5])
def test_what_is_no_quantity_stays_what_it_is(told: Any) -> None:
    assert entered_quantity(told) is told


@given(
    st.decimals(0, 10**6, places=3),
    st.sampled_from(["en", "de", "fr", "hi", "fa"]),
)
def test_a_price_is_read_as_the_page_shows_it_in_every_language(
    amount: Decimal, language: str
) -> None:
    text = number_text(amount, 3, decimal_sign(language))
    assert exact(entered_price(text, Decimal("0.001"), language)) == amount


def test_a_thousand_with_a_sign_is_no_price_in_any_language() -> None:
    for text in ("1.500", "1,500"):
        for language in ("en", "de"):
            assert entered_price(text, CENT, language) == text
