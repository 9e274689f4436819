"""The content of a `call` row, and CallLedger: which calls of one player have run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from json.decoder import JSONDecoder
from typing import Any

import msgspec
import orjson

__all__ = [
    "CallLedger",
    "CallRow",
    "call_id_of",
    "read_call",
    "read_lenient",
    "read_row",
    "split_call_id",
]

KNOWN_PAGE_LOADS = 256
"""Page loads of one player whose calls are known in full."""
FORMER_CHARACTERS = 320_000
"""Room for the page loads before them: about 16,000, with their highest numbers alone."""

DEEPEST = 300
"""Arrays and objects in each other that are read where Python's own reader gives up."""

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]')
_HEAD = '{"id":"'
_read_text = JSONDecoder().raw_decode


class CallRow(msgspec.Struct):
    """A `call` row without its arguments; `result` stays as it was written.

    `back` has the seqs of two earlier calls of the same page load: the one before, and one further
    back. They lead to any earlier call in few steps.
    """

    id: str
    outcome: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""
    message: str = ""
    parameter: str = ""
    reason: str = ""
    back: tuple[int, int] = (0, 0)


_decode_row = msgspec.json.Decoder(CallRow).decode


def call_id_of(text: str) -> str:
    """Return the id in a `call` row, whatever the rest of the row is like."""
    if text.startswith(_HEAD):
        return str(_read_text(text, len(_HEAD) - 1)[0])
    return str(read_call(text)["id"])


def read_row(text: str) -> CallRow:
    """Return the outcome in a `call` row; the arguments are not read."""
    try:
        return _decode_row(text)
    except (msgspec.DecodeError, RecursionError):  # old logs hold arguments that no value can be
        value = read_call(text)
        known = {name: value[name] for name in ("id", "outcome", "error", "message")}
        return CallRow(**known)


def read_call(text: str) -> dict[str, Any]:
    """Return a `call` row as a dict."""
    try:
        return dict(orjson.loads(text))
    except orjson.JSONDecodeError:  # of a refused call whose arguments nobody can send again
        return {**read_lenient(text), "args": None, "kwargs": None}


def read_lenient(text: str) -> Any:
    """Read JSON that the log should not hold, as old logs do of refused calls.

    Numbers beyond all bounds are infinite; whole numbers of more than 4,300 digits stay text; what
    is nested too deep to be read is null.
    """
    try:
        return json.loads(text, parse_int=_whole)
    except RecursionError:
        return json.loads(_without_depths(text), parse_int=_whole)


def _without_depths(text: str) -> str:
    """Return JSON with null in place of what is nested deeper than `DEEPEST`."""
    parts, depth, start = [], 0, 0
    for token in _TOKENS.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
            if depth == DEEPEST:
                parts += [text[start : token.start()], "null"]
        elif token[0] in ("]", "}"):
            depth -= 1
            if depth == DEEPEST - 1:
                start = token.end()
    return "".join([*parts, text[start:]])


def _whole(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


@lru_cache(maxsize=64)  # a call's id is split several times while the call runs
def split_call_id(call_id: str) -> tuple[str, int]:
    """Return the page load's part and the number of a call's id; an odd id stands for itself."""
    prefix, dash, number = call_id.rpartition("-")
    if dash and len(number) <= 15 and number.isascii() and number.isdigit():
        return prefix, int(number)
    return call_id, 0


@dataclass(slots=True)
class CallLedger:
    """Which calls of one player have run: the highest number by page load.

    Ids have the form `<page load>-<number>` with rising numbers, so one number for each page load
    distinguishes new calls from repeated ones. Each row names two earlier ones: a call's row is
    found among n calls in about 2 log n steps.

    After calls from 256 other page loads, only a digest and the highest number remain of one: a
    tab that wakes up late still runs nothing twice.
    """

    highest: dict[str, int] = field(default_factory=dict)
    """By page load, the most recent at the end."""
    roots: dict[str, list[list[int]]] = field(default_factory=dict)
    """By page load, where searches begin: [seq, rank], newest first (a skew binary list)."""
    former: str = ""
    """The page loads before those: ",<digest>:<number>", oldest first."""

    def is_new(self, call_id: str) -> bool:
        """Return whether no call of this id can have run."""
        prefix, number = split_call_id(call_id)
        return number > self._highest(prefix)

    def back(self, call_id: str) -> tuple[int, int]:
        """Return the seqs of two earlier calls, which the row of this call is to name."""
        prefix, number = split_call_id(call_id)
        roots = self.roots.get(prefix)
        if not roots:
            return 0, 0
        newest = roots[0][0]
        if number <= self.highest[prefix]:  # the call's own `started` row comes before its end
            return newest, roots[1][0] if len(roots) > 1 else 0
        if _is_pair(roots):
            return newest, roots[2][0] if len(roots) > 2 else 0
        return newest, newest

    def note(self, call_id: str, seq: int = 0) -> None:
        """Remember that a call of this id has run, with its row *seq*."""
        prefix, number = split_call_id(call_id)
        known = self.highest.pop(prefix, None)
        if known is None:
            known = self._recall(prefix)
            if len(self.highest) >= KNOWN_PAGE_LOADS:
                self._retire(next(iter(self.highest)))
        self.highest[prefix] = max(known, number)
        roots = self.roots.setdefault(prefix, [])
        if number == known and roots:
            roots[0][0] = seq
        elif number > known:
            _push(roots, seq)

    def find(self, call_id: str, read: Callable[[int], CallRow | None]) -> CallRow | None:
        """Return the row of a call that has run; None if it is no longer known.

        Args:
            read: returns the `call` row of a seq; None if there is none.
        """
        prefix, number = split_call_id(call_id)
        roots = self.roots.get(prefix)
        seq = roots[0][0] if roots else 0
        while seq and (row := read(seq)) is not None:
            found = split_call_id(row.id)[1]
            if row.id == call_id or found < number:
                return row if row.id == call_id else None
            before, far = row.back
            seq = before
            if far and far != before:
                beyond = read(far)
                if beyond is not None and split_call_id(beyond.id)[1] >= number:
                    seq = far
        return None

    def _highest(self, prefix: str) -> int:
        known = self.highest.get(prefix)
        return self._recall(prefix) if known is None else known

    def _recall(self, prefix: str) -> int:
        """Return the highest number of a page load that was retired; -1 if it is unknown."""
        if not self.former:
            return -1
        name = f",{_digest(prefix)}:"
        start = self.former.rfind(name)
        if start < 0:
            return -1
        start += len(name)
        end = self.former.find(",", start)
        return int(self.former[start:] if end < 0 else self.former[start:end])

    def _retire(self, prefix: str) -> None:
        number = self.highest.pop(prefix)
        self.roots.pop(prefix, None)
        self.former += f",{_digest(prefix)}:{number}"
        if len(self.former) > FORMER_CHARACTERS:
            self.former = self.former[self.former.find(",", FORMER_CHARACTERS // 4) :]


def _digest(prefix: str) -> str:
    return blake2b(prefix.encode(), digest_size=8).hexdigest()


def _is_pair(roots: list[list[int]]) -> bool:
    return len(roots) > 1 and roots[0][1] == roots[1][1]


def _push(roots: list[list[int]], seq: int) -> None:
    if _is_pair(roots):
        roots[:2] = [[seq, roots[0][1] + 1]]
    else:
        roots.insert(0, [seq, 0])
