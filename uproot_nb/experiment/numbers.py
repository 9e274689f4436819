"""Numbers: read and write them as participants do, in the language of their page.

Forms and markets use these rules. A text that could be either of two numbers, such as "1,500" on an
English page, is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from uproot_nb.experiment.bounds import exact

__all__ = [
    "NUMBER_TEXTS", "POINT", "AmbiguousNumber", "NotANumber", "decimal_sign", "no_thousands",
    "number_text", "read_number", "thousands_signs",
]  # fmt: skip

POINT, COMMA, APOSTROPHE = ".", ",", "'"
WITH_POINT = (
    "Please write the number with a point for decimals, and with nothing between thousands."
)
WITH_COMMA = (
    "Please write the number with a comma for decimals, and with nothing between thousands."
)
NUMBER_TEXTS = (WITH_POINT, WITH_COMMA)
NO_THOUSANDS = {POINT: WITH_POINT, COMMA: WITH_COMMA}

_SPACE_LANGUAGES = re.compile(
    "af|be|bg|br|cs|eo|et|fi|fr|hu|hy|ka|kk|ky|lt|lv|nb|nn|no|oc|pl|pt|ru|se|sk|sq|sv|uk|uz"
)
"""Languages that write a space between thousands, somewhere at least, as in Portugal."""

_ARABIC_POINT, _ARABIC_THOUSANDS = "\u066b", "\u066c"
_SPACES = " \u00a0\u2007\u2009\u202f"
_SAME = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-"),
        **dict.fromkeys("\ufe62\uff0b", "+"),
        **dict.fromkeys("\u3002\uff0e\uff61", POINT),
        **dict.fromkeys("\u060c\u3001\uff0c\uff64", COMMA),
        **dict.fromkeys(_SPACES, " "),
        **dict.fromkeys("\u2019\u02bc\uff07\u2032", APOSTROPHE),
        # A number copied from an Arabic text brings marks of direction along.
        **dict.fromkeys("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e", ""),
        **dict.fromkeys("\u2066\u2067\u2068\u2069", ""),
    }
)  # fmt: skip
"""Variants of minus, plus, point, comma, space and apostrophe in other scripts and on phones."""

_PARTS = re.compile(r"([+-]?)([^eE]*)(?:[eE]([+-]?[0-9]{1,4}))?\Z")
_DIGITS = re.compile(r"[0-9]*\Z")
_THOUSANDS = re.compile(
    r"[1-9][0-9]{0,2}(?:(?P<sign>[^0-9])[0-9]{3})(?P<more>(?:(?P=sign)[0-9]{3})*)\Z"
)
_PERHAPS_THOUSANDS = re.compile(r"[1-9][0-9]*[.,][0-9]{3,}\Z")
"""In a field for whole numbers: "2,000", and a slip of the finger such as "2,0000"."""
_SEPARATED = re.compile(r"(?=.*[0-9]{3})[0-9]+(?:[., '\u066b\u066c][0-9]+)+\Z")
"""Digits with separators between them, perhaps between thousands."""
_LONGEST = 700
"""The longest number in digits: 308 before the decimal sign, and 324 after it."""
_LARGEST_EXPONENT = 307


class NotANumber(ValueError):
    """A text that is not a number."""


class AmbiguousNumber(NotANumber):
    """A text that may be either of two numbers, or looks like one that may."""


def decimal_sign(language: str) -> str:
    """Return the decimal sign of a language: "," for "de", "." for "en" or "de-CH"."""
    return _signs(language)[0]


@lru_cache(maxsize=1024)
def thousands_signs(language: str) -> str:
    """Return the signs that may separate thousands: "." for "de", ". " for "fr"."""
    point, group = _signs(language)
    base = _tag(language).partition("_")[0]
    signs = [COMMA if point == POINT else POINT]
    if group in _SPACES or _SPACE_LANGUAGES.fullmatch(base):
        signs.append(" ")
    if group.translate(_SAME) == APOSTROPHE:
        signs.append(APOSTROPHE)
    return "".join(signs)


@lru_cache(maxsize=1024)
def _signs(language: str) -> tuple[str, str]:
    """Return the decimal sign and the thousands sign of a language, as Unicode's CLDR has them.

    They go with Western digits. A region that the CLDR does not know is as its language.
    """
    tag = _tag(language)
    if tag == "en":
        return POINT, COMMA
    # lazy: an experiment in English needs no Babel
    from babel import Locale, UnknownLocaleError

    for name in (tag, tag.partition("_")[0]):
        try:
            symbols: Mapping[str, Any] = Locale.parse(name).number_symbols
        except (UnknownLocaleError, ValueError):
            continue
        western = symbols.get("latn", symbols)
        if western.get("decimal") in (POINT, COMMA):
            return western["decimal"], western.get("group", "")
    return POINT, COMMA


def _tag(language: str) -> str:
    return language.replace("-", "_")


def no_thousands(language: str) -> str:
    """Return the sentence that asks a participant to write an ambiguous number again."""
    return NO_THOUSANDS[decimal_sign(language)]


def number_text(number: Any, places: int | None = None, sign: str = POINT) -> str:
    """Return a number as text without an exponent: 0.1, 1000000.

    `read_number` reads it on a page whose language has this decimal *sign*.
    """
    found = exact(number)
    text = f"{found:f}" if places is None else f"{found:.{places}f}"
    if places is None and POINT in text:
        text = text.rstrip("0").rstrip(POINT) or "0"
    return text.replace(POINT, sign)


def read_number(
    text: str, language: str = "en", *, exponents: bool = True, whole: bool = False
) -> Decimal:
    """Return the number that a participant has written on a page in *language*.

        read_number("12,5", "de")       # Decimal("12.5")
        read_number("1.500", "de")      # AmbiguousNumber: it may be 1500 or 1.5

    Digits of all scripts are accepted, ".5" and "5." too, and the other decimal sign where it
    cannot separate thousands.

    Args:
        exponents: whether "1e3" is a number.
        whole: whether the field asks for a whole number: "2,000" is then unlikely to mean 2.

    Raises:
        AmbiguousNumber: the text may be another number, because of its thousands separators.
        NotANumber: the text is not a number, or the number is too large to compute with.
    """
    if len(text) > _LONGEST:
        raise NotANumber(text)
    plain = "".join(map(_western, text.translate(_SAME))).strip()
    sign, mantissa, exponent = _parts(plain, exponents)
    own = _ARABIC_POINT if _ARABIC_POINT in mantissa else decimal_sign(language)
    if whole and _PERHAPS_THOUSANDS.match(mantissa):
        raise AmbiguousNumber(text)
    digits = _read_decimals(mantissa, own, thousands_signs(language))
    number = Decimal(f"{sign}{digits}e{exponent or 0}")
    if number and abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise NotANumber(text)
    return number or Decimal(0)


def _western(character: str) -> str:
    return str(unicodedata.decimal(character)) if character.isdecimal() else character


def _parts(plain: str, exponents: bool) -> tuple[str, str, str]:
    found = _PARTS.match(plain)
    if found is None or (found[3] and not exponents) or not any(map(str.isdecimal, found[2])):
        raise NotANumber(plain)
    return found[1], found[2], found[3] or ""


def _read_decimals(text: str, own: str, thousands: str) -> str:
    """Return the digits with a point as decimal sign.

    Args:
        own: the decimal sign of the language.
        thousands: the signs that may separate thousands.
    """
    whole, _, rest = text.partition(own)
    if _DIGITS.match(whole) and _DIGITS.match(rest):
        return f"{whole}{POINT}{rest}"
    other = COMMA if own == POINT else POINT
    groups = _THOUSANDS.match(whole)
    if groups is not None and _DIGITS.match(rest):
        usual = groups["sign"] in (*thousands, _ARABIC_THOUSANDS)
        one_sign = groups["sign"] == other and not groups["more"] and own not in text
        if not usual or one_sign:
            raise AmbiguousNumber(text)
        return f"{''.join(filter(str.isdigit, whole))}{POINT}{rest}"
    whole, _, rest = text.partition(other)
    if own not in text and _DIGITS.match(whole) and _DIGITS.match(rest):
        return f"{whole}{POINT}{rest}"
    raise AmbiguousNumber(text) if _SEPARATED.match(text) else NotANumber(text)
