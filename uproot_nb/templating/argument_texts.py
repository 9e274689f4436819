"""Texts for participants when a page's script sends a wrong argument."""

from __future__ import annotations

__all__ = ["ARGUMENT_TEXTS", "sentence_for"]

MISSING = "This is missing."
TOO_MANY = "This is one value too many."
WHOLE_NUMBER = "Please enter a whole number."
NUMBER = "Please enter a number."
TOO_SMALL = "This number is too small."
TOO_LARGE = "This number is too large."
TEXT = "Please enter text."
TOO_SHORT = "This text is too short."
TOO_LONG = "This text is too long."
DATE = "Please enter a date."
OPTION = "Please choose one of the options."
NO_FIT = "This value is not possible here."

ARGUMENT_TEXTS = (
    MISSING, TOO_MANY, WHOLE_NUMBER, NUMBER, TOO_SMALL, TOO_LARGE, TEXT, TOO_SHORT, TOO_LONG, DATE,
    OPTION, NO_FIT,
)  # fmt: skip
"""All of them, in English; the page's script translates them."""

_SENTENCES = {
    "missing": MISSING, "unexpected": TOO_MANY, "multiple": TOO_MANY, "int": WHOLE_NUMBER,
    "float": NUMBER, "decimal": NUMBER, "finite": NUMBER, "complex": NUMBER, "greater": TOO_SMALL,
    "less": TOO_LARGE, "string": TEXT, "string_too_short": TOO_SHORT, "string_too_long": TOO_LONG,
    "date": DATE, "datetime": DATE, "timezone": DATE, "literal": OPTION, "enum": OPTION,
    "string_pattern_mismatch": NO_FIT,
}  # fmt: skip
"""By pydantic's type of error, or its first word."""


def sentence_for(problem: str) -> str:
    """Return the participant's text for a type of error such as "float_parsing"."""
    first = problem.partition("_")[0]
    return _SENTENCES.get(problem) or _SENTENCES.get(first) or NO_FIT
