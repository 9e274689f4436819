"""harmless: participants' and authors' text made safe for a terminal."""

from __future__ import annotations

import re

__all__ = ["harmless", "one_line"]

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Control characters of terminals, and those that change the direction of writing."""


def harmless(text: str) -> str:
    """Return *text* without colours and with all other control characters escaped.

    A terminal obeys escape sequences: they could hide lines, retitle the window, or write to the
    clipboard. Line breaks and tabs stay.
    """
    return _UNSAFE.sub(_escaped, _COLOURS.sub("", text))


def one_line(text: str, longest: int) -> str:
    """Return *text* escaped, on one line, and cut to *longest* characters."""
    shown = harmless(text[: 4 * longest]).replace("\n", "\\n").replace("\t", " ")
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
