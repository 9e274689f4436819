"""Harmless text: what a participant typed, as a text that no spreadsheet runs as a formula.

An apostrophe is put before each text that begins with apostrophes and one of FORMULA_SIGNS, or with
such a sign alone. So the text is restored by taking one apostrophe off those that have one.
"""

from __future__ import annotations

import re

__all__ = ["FORMULA_SIGNS", "harmless", "restored"]

FORMULA_SIGNS = "=+\\-@\t\r＝＋－＠"
"""How texts begin that spreadsheets take for formulas, as a set in a regular expression.

They are those that OWASP names under "CSV injection"."""

_RISKY = re.compile(f"'*[{FORMULA_SIGNS}]")
_MADE_HARMLESS = re.compile(f"'+[{FORMULA_SIGNS}]")


def harmless(text: str) -> str:
    """Return *text* with an apostrophe in front if a spreadsheet may take it for a formula."""
    return f"'{text}" if _RISKY.match(text) else text


def restored(text: str) -> str:
    """Return the text that `harmless` was given."""
    return text[1:] if _MADE_HARMLESS.match(text) else text
