"""NamesInTexts: labels and ids of persons, found within texts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

__all__ = ["HIDDEN", "NamesInTexts"]

HIDDEN = "…"
"""What stands in the place of a person's name."""

_SHORTEST_NAME = 5
_SHORTEST_WORD = 2
_WIDE = "\u2e80-\U0003ffff"
"""Characters of scripts that put no blanks between words."""
_JOINED = rf"[^\W_{_WIDE}]"
_START = rf"(?<![^\W_{_WIDE}])\S|[^\w\s]|[_{_WIDE}]"
_NUMBER = re.compile(r"[-+0-9.,:/TZeE\s]*")


class NamesInTexts:
    """Which texts name a person.

    A label of five characters, or of letters and digits (`p01`), is a person's wherever it stands
    as a word, in capitals or not. A shorter one of letters (`Ann`, `no`) is one in a text of
    several words; alone it may be an answer. A short number (`4`) is never taken for a label. In
    numbers and times nothing is looked for but the whole.
    """

    def __init__(self, names: Iterable[str]) -> None:
        known = frozenset(filter(None, (name.strip() for name in names)))
        self.sure = frozenset(filter(_is_sure, known))
        """Those that are no answers."""
        self.doubtful = known - self.sure
        """Those that may be answers, too."""
        self._lower = frozenset(name.lower() for name in self.sure)
        self._words = frozenset(
            name for name in self.doubtful if len(name) >= _SHORTEST_WORD and not name.isdecimal()
        )
        self._lengths = sorted({len(name) for name in self.sure | self._words}, reverse=True)

    def __bool__(self) -> bool:
        return bool(self.sure or self.doubtful)

    def is_one(self, text: str) -> bool:
        """Return whether a text is a person's name, and surely no answer."""
        return text.strip().lower() in self._lower

    def hide(self, text: str) -> str:
        """Return a text with … in the place of each person's name."""
        if self.is_one(text):
            return HIDDEN
        if not self._lengths or _NUMBER.fullmatch(text):
            return text
        words = self._words if len(text.split()) > 1 else frozenset[str]()
        parts, done = list[str](), 0
        for found in re.finditer(_START, text):
            start = found.start()
            length = self._length_at(text, start, words) if start >= done else 0
            if length:
                parts += [text[done:start], HIDDEN]
                done = start + length
        return "".join([*parts, text[done:]])

    def _length_at(self, text: str, start: int, words: Collection[str]) -> int:
        """Return the length of the name that begins there; 0 if there is none."""
        for length in self._lengths:
            piece, end = text[start : start + length], start + length
            is_known = piece in words or piece.lower() in self._lower
            if is_known and len(piece) == length and not _goes_on(text, end):
                return length
        return 0


def _is_sure(name: str) -> bool:
    mixed = any(map(str.isdigit, name)) and any(map(str.isalpha, name))
    return len(name) >= _SHORTEST_NAME or mixed


def _goes_on(text: str, end: int) -> bool:
    """Return whether a word goes on there."""
    return end < len(text) and all(re.fullmatch(_JOINED, one) for one in text[end - 1 : end + 1])
