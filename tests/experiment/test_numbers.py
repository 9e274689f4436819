"""How people write numbers, and which number is meant, by the language of their page."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from babel import Locale, localedata
from babel.numbers import NumberFormatError, format_decimal, parse_decimal
from hypothesis import given
from hypothesis import strategies as st

from tests.number_cases import NUMBER_CASES, SIGNS, ZEROS, in_digits, written
from uproot_nb.experiment.numbers import (
    NO_THOUSANDS,
    AmbiguousNumber,
    NotANumber,
    decimal_sign,
    no_thousands,
    number_text,
    read_number,
    thousands_signs,
)
from uproot_nb.languages.catalogs import shipped_languages

LANGUAGES = [
    "en", "de", "fr", "es", "es-MX", "de-CH", "pt", "pt-BR", "ru", "ar", "ar-MA", "fa", "he", "hi",
    "it", "ja", "nl", "pl", "tr", "zh-Hans", "xx",
]  # fmt: skip
ALL_ZEROS = "0٠۰०০０"
"""Zeros of Latin, Arabic, Persian, Devanagari, Bengali and full-width digits."""
numbers = st.decimals(-(10**12), 10**12, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12), ("12,5", "12.5"), ("12.5", "12.5"), (".5", "0.5"), (",5", "0.5"), ("12.", 12),
        ("12,", 12), ("１２", 12), ("１２．５", "12.5"), ("−5", -5), ("–5", -5), ("－5", -5),
        ("＋5", 5), ("+5", 5),
        ("١٢", 12), ("١٢٫٥", "12.5"), ("١٬٢٣٤٫٥", "1234.5"), ("۱۲٫۵", "12.5"), ("१२.५", "12.5"),
        ("\u200e-5", -5), (" 7\u00a0", 7), ("0.125", "0.125"), ("0,125", "0.125"),
        ("1234.500", "1234.5"),
        ("1e3", 1000), ("1,5e-1", "0.15"), ("-0", 0), ("007", 7),
    ],
)  # fmt: skip
@pytest.mark.parametrize("language", ["en", "de", "fr", "ar"])
def test_a_number_that_can_be_but_one_is_read_in_every_language(
    text: str, number: object, language: str
) -> None:
    assert read_number(text, language) == Decimal(str(number))


@pytest.mark.parametrize(
    ("text", "language", "number"),
    [
        ("1,500", "de", "1.5"), ("1.500", "en", "1.5"), ("1.234,56", "de", "1234.56"),
        ("1,234.56", "en", "1234.56"), ("1.234.567", "de", "1234567"), ("1 234,5", "fr", "1234.5"),
        ("1\u202f500", "fr", "1500"), ("1.500", "de-CH", "1.5"), ("1,500", "de-AT", "1.5"),
        ("1 500", "pt", "1500"), ("1 500,5", "pl", "1500.5"), ("1,500", "tr", "1.5"),
        ("1.500", "he", "1.5"), ("1.500", "zh-Hans", "1.5"), ("1,500", "ar-MA", "1.5"),
        ("۱۲٬۳۴۵٫۵", "fa", "12345.5"), ("１，２３４．５", "ja", "1234.5"),
        ("1.500", "es_MX", "1.5"), ("1,500", "pt-BR", "1.5"), ("1,500", "sr-Latn-RS", "1.5"),
    ],
)  # fmt: skip
def test_the_pages_language_decides_which_sign_is_which(
    text: str, language: str, number: str
) -> None:
    assert read_number(text, language) == Decimal(number)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("1.500", "de"), ("2.000", "de"), ("-1.500", "fr"), ("1,500", "en"), ("1,500", "de-CH"),
        ("1,500e3", "en"), ("1'500", "de"), ("1 500", "en"), ("١,٥٠٠", "ar"), ("1_000", "en"),
    ],
)  # fmt: skip
def test_what_may_be_a_thousand_times_more_is_refused(text: str, language: str) -> None:
    with pytest.raises(AmbiguousNumber):
        read_number(text, language)
    assert no_thousands(language) == NO_THOUSANDS[decimal_sign(language)]


@pytest.mark.parametrize(
    "text",
    ["", " ", "-", ".", ",", "e3", "1e", "--1", "5-", "1.2.3", "1,2,3", "12€", "0x10", "NaN", "inf",
     "1 2", "1,5,", "1..5", "²", "½", "1e99999", "1e308", "9" * 800, "1٫5٫5", "a1"],
)  # fmt: skip
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(NotANumber):
        read_number(text, "en")


@pytest.mark.parametrize("language", dict.fromkeys(case[0] for case in NUMBER_CASES))
def test_every_text_is_the_number_that_its_language_means_or_refused(language: str) -> None:
    for _, text, number in (case for case in NUMBER_CASES if case[0] == language):
        if number is None:
            with pytest.raises(NotANumber):
                read_number(text, language)
        else:
            assert read_number(text, language) == Decimal(number), text


@given(numbers, st.sampled_from(sorted(SIGNS)), st.sampled_from(sorted(ZEROS)))
def test_a_number_with_thousands_is_read_back_or_refused(
    number: Decimal, language: str, script: str
) -> None:
    try:
        found = read_number(in_digits(written(number, language), script), language)
    except AmbiguousNumber:
        assert 1000 <= abs(number) < 1_000_000
        assert number == int(number)
    else:
        assert found == number


@pytest.mark.long
@pytest.mark.parametrize("language", sorted(set(shipped_languages())))
def test_what_the_cldr_writes_in_any_region_is_never_taken_for_another_number(
    language: str,
) -> None:
    samples = [Decimal(n) for n in ("0.5", "1.5", "1234", "1.234", "1234.5", "-1234567.25")]
    base = language.partition("-")[0]
    regions = [n for n in localedata.locale_identifiers() if n.partition("_")[0] == base]
    assert regions
    for region in regions:
        for number in samples:
            text = format_decimal(number, locale=region, decimal_quantization=False)
            with contextlib.suppress(AmbiguousNumber):
                assert read_number(text, region) == number, (region, text)


def test_babel_alone_would_take_one_number_for_another() -> None:
    """Why there is a reader of our own: what people type is not only what programs write."""
    assert parse_decimal("2.000", locale="de", strict=True) == 2000
    assert parse_decimal("12,5", locale="en") == 125
    assert parse_decimal("1.5", locale="de") == 15
    for text, language in (("12,5", "en"), ("1.5", "de")):
        with pytest.raises(NumberFormatError):
            parse_decimal(text, locale=language, strict=True)


def test_a_text_with_separators_is_refused_with_the_sentence_on_separators() -> None:
    for text in ("1.234,5", "12,34,567", "1 234", "1'234.5"):
        with pytest.raises(AmbiguousNumber):
            read_number(text, "en")


def test_a_region_that_the_cldr_does_not_know_is_as_its_language() -> None:
    assert (decimal_sign("de-XX"), thousands_signs("de-XX")) == (",", ".")
    for strange in ("", "xx", "x\x00", "e" * 500, "../../etc/passwd"):
        assert (decimal_sign(strange), thousands_signs(strange)) == (".", ",")


def test_markets_want_no_exponents() -> None:
    with pytest.raises(NotANumber):
        read_number("1e3", exponents=False)


@given(numbers, st.none() | st.integers(0, 8), st.sampled_from(LANGUAGES))
def test_what_is_shown_is_read_back(number: Decimal, places: int | None, language: str) -> None:
    text = number_text(number, places, decimal_sign(language))
    wanted = number if places is None else Decimal(f"{number:.{places}f}")
    assert read_number(text, language) == wanted


OWN_SIGNS = [("٠", "٫-"), ("۰", "٫−"), ("０", "．－"), ("０", "，−"), ("०", ".-")]
"""Zeros of participants' scripts, with the decimal sign and the minus that may come with them."""


@given(
    numbers, st.sampled_from(LANGUAGES), st.sampled_from(OWN_SIGNS), st.sampled_from(["", "\u200f"])
)
def test_what_is_shown_is_read_back_in_the_digits_of_other_scripts(
    number: Decimal, language: str, signs: tuple[str, str], mark: str
) -> None:
    zero, (point, minus) = signs
    if (point in ".．") != (decimal_sign(language) == ".") and point != "٫":
        point = decimal_sign(language)
    shown = number_text(number, sign=point).replace("-", minus)
    typed = "".join(chr(ord(zero) + int(c)) if c in "0123456789" else c for c in shown)
    assert read_number(f"{mark}{typed}", language) == number


@pytest.mark.parametrize("language", sorted(set(shipped_languages()) - {"en"}))
def test_decimal_signs_of_shipped_languages_are_those_of_the_cldr(
    language: str,
) -> None:
    base = language.partition("-")[0]
    spoken = [n for n in localedata.locale_identifiers() if n.partition("_")[0] == base]
    signs = {name: Locale.parse(name).number_symbols for name in spoken}
    found = {name: signs[name].get("latn", signs[name])["decimal"] for name in spoken}
    assert found == {name: decimal_sign(name) for name in spoken}


@given(numbers, st.sampled_from(LANGUAGES), st.sampled_from(LANGUAGES), st.sampled_from(ALL_ZEROS))
def test_a_number_written_for_one_language_is_never_another_in_a_second(
    number: Decimal, written: str, read: str, zero: str
) -> None:
    """It is the same, or it is refused, unless the reader's language writes decimals like it."""
    text = number_text(number, sign=decimal_sign(written))
    text = "".join(chr(ord(zero) + int(c)) if c.isdigit() else c for c in text)
    try:
        found = read_number(text, read)
    except AmbiguousNumber:
        assert decimal_sign(written) != decimal_sign(read)
    else:
        assert found == number


@given(numbers, st.sampled_from(LANGUAGES), st.sampled_from(LANGUAGES))
def test_thousands_of_one_language_are_never_decimals_in_another(
    number: Decimal, written: str, read: str
) -> None:
    """Except by the decimal sign of the reader's own language."""
    sign = decimal_sign(written)
    thousands = "." if sign == "," else ","
    text = f"{number:,f}".translate(str.maketrans({",": thousands, ".": sign}))
    try:
        found = read_number(text, read)
    except NotANumber:
        return
    is_own = thousands == decimal_sign(read) and text.count(thousands) == 1 and sign not in text
    assert found == number or is_own


@given(
    st.text(st.sampled_from("0123456789.,-+eE '٠٫٬１．−"), max_size=12), st.sampled_from(LANGUAGES)
)
def test_whatever_is_typed_is_one_number_or_none(text: str, language: str) -> None:
    with contextlib.suppress(NotANumber):
        assert read_number(text, language).is_finite()
