"""Labels: the texts by which participants are known, and how they are compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["LONGEST_LABEL", "LabelIndex", "clean_label", "is_label", "why_no_label"]

LONGEST_LABEL = 128
"""Characters."""
_PLACEHOLDER = re.compile(r"\{\{.*\}\}|\[%?\w+%?\]|%\w+%|\$\{.*\}")
LOST = "\N{REPLACEMENT CHARACTER}"
"""What programs write for a letter that they could not read."""
_UNSEEN = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
"""What comes along, unseen, when a label is copied."""


def clean_label(text: str) -> str:
    """Return a label as it is stored: without surrounding blanks, composed as Unicode's NFC."""
    bare = text[: 8 * LONGEST_LABEL].encode("utf-8", "replace").decode()
    for _ in range(2):
        bare = bare.strip().strip(_UNSEEN)
    return unicodedata.normalize("NFC", bare)


def is_label(text: str) -> bool:
    """Return whether a cleaned text can be a label: 1 to 128 printable characters.

    A recruiter's placeholder that was not filled in is none: everybody would have the same. Nor is
    a text with letters that were lost.
    """
    return not why_no_label(text)


def why_no_label(text: str) -> str:
    """Return why a cleaned text cannot be a label, as a sentence; "" if it can."""
    if not (0 < len(text) <= LONGEST_LABEL and text.isprintable()):
        return f"A label is a text of 1 to {LONGEST_LABEL} printable characters."
    if LOST in text:
        return (
            f"It has characters that could not be read ({LOST}), and others may have the same.\n"
            "Read the file that it comes from with the right encoding."
        )
    if _PLACEHOLDER.fullmatch(text):
        return (
            "It is a placeholder that was not filled in, and everybody would have the same label.\n"
            "List the labels themselves, or leave labels out and give label_from= or recruiter=."
        )
    return ""


class LabelIndex:
    """Finds labels, without regard to case where only one fits.

    index = LabelIndex(["PC-01", "Ann", "ann"])
    index.find("pc-01")  # "PC-01"
    index.find("ANN")  # None: it could be either
    """

    def __init__(self, labels: Iterable[str] = ()) -> None:
        self._labels: set[str] = set()
        self._folded: dict[str, set[str]] = {}
        for label in labels:
            self.add(label)

    def add(self, label: str) -> None:
        """Know one more label. Idempotent."""
        if label not in self._labels:
            self._labels.add(label)
            self._folded.setdefault(label.casefold(), set()).add(label)

    def __contains__(self, label: object) -> bool:
        return label in self._labels

    def find(self, label: str) -> str | None:
        """Return the label that is meant; None if there is none, or there are several."""
        if label in self._labels:
            return label
        alike = self._folded.get(label.casefold(), set())
        return next(iter(alike)) if len(alike) == 1 else None
