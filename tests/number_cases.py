"""NUMBER_CASES: how numbers are written in each language, and which number is meant, if any.

The signs between thousands and before decimals are those of the CLDR. Forms, markets and the
pages' scripts are held to the same table.
"""

from __future__ import annotations

from decimal import Decimal

from babel import Locale

__all__ = ["NUMBER_CASES", "in_digits", "written"]

SIGNS = {
    "ar": ".,", "de": ",.", "de-CH": ".'", "en": ".,", "en-IN": ".,", "en-ZA": ",\u00a0",
    "es": ",.",
    "es-MX": ".,", "fr": ",\u202f", "fr-CA": ",\u00a0", "fr-CH": ",'", "he": ".,", "it": ",.",
    "it-CH": ".'", "ja": ".,", "nl": ",.", "pl": ",\u00a0", "pt": ",.", "pt-PT": ",\u00a0",
    "tr": ",.", "zh-Hans": ".,",
}  # fmt: skip
"""The decimal sign and the thousands sign of a language."""
_SYMBOLS = Locale("fr", "CH").number_symbols
if _SYMBOLS.get("latn", _SYMBOLS)["group"] != SIGNS["fr-CH"][1]:
    del SIGNS["fr-CH"]  # the CLDR of a Babel before 2.19
SPACES = SIGNS.keys() & {"fr", "fr-CA", "fr-CH", "pl", "pt", "pt-PT", "en-ZA"}
"""Languages in which any space separates thousands."""
ZEROS = {"Western": "0", "Arabic": "٠", "Persian": "۰", "Devanagari": "०", "full-width": "０"}


def written(number: Decimal, language: str, places: int | None = None) -> str:
    """Return a number as it is written in a language, with its thousands separated."""
    point, group = SIGNS[language]
    text = f"{number:,f}" if places is None else f"{number:,.{places}f}"
    return text.translate(str.maketrans({",": group, ".": point}))


def in_digits(text: str, script: str) -> str:
    """Return a text with the digits of a script."""
    zero = ord(ZEROS[script])
    return "".join(chr(zero + int(c)) if c in "0123456789" else c for c in text)


def _cases_of(language: str) -> list[tuple[str, str, str | None]]:
    point, group = SIGNS[language]
    other = "," if point == "." else "."
    shared: list[tuple[str, str | None]] = [
        ("7", "7"), ("1234", "1234"), (f"12{point}5", "12.5"), (f"12{other}5", "12.5"),
        (f"{point}5", "0.5"), (f"5{point}", "5"), (f"−5{point}25", "-5.25"),
        (f"\u200e-5{point}25", "-5.25"), (f" 12{point}50\u00a0", "12.50"),
        (f"1{group}234{point}50", "1234.50"), (f"1{group}234{group}567", "1234567"),
        # the decimal sign of this language is what it says; the other may separate thousands
        (f"2{point}000", "2.000"), (f"2{other}000", None), (f"1{other}234{point}5", "1234.5"),
        (f"1{point}234{other}5", None), (f"1{point}2{point}3", None), ("1'234,5.5", None),
        ("१२", "12"), ("１２", "12"), ("١٢٫٥", "12.5"), ("١٬٢٣٤٫٥", "1234.5"), ("٢٬٠٠٠", "2000"),
        ("12 34", None), ("12€", None), ("", None), ("½", None), ("1e3", "1000"), ("0x10", None),
        ("NaN", None), ("--1", None), ("5-", None), (f"1{point}5{point}", None),
    ]  # fmt: skip
    spaced = "1 234", "1\u00a0234", "1\u202f234", "1\u2009234"
    shared += [(text, "1234" if language in SPACES else None) for text in spaced]
    swiss = "1'234.50" if point == "." else "1'234,50"
    shared += [(swiss, "1234.50" if group == "'" else None)]
    shared += [(swiss.replace("'", "\u2019"), "1234.50" if group == "'" else None)]
    return [(language, text, number) for text, number in shared]


NUMBER_CASES = [case for language in SIGNS for case in _cases_of(language)]
"""(language, text, number): the number as text; None if the text is to be refused."""
