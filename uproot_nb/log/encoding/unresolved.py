"""Unresolved: a stored value whose class is not known here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orjson import Fragment, JSONDecodeError, dumps, loads

from uproot_nb.log.encoding.refusals import refusal

__all__ = ["Unresolved", "text_as_stored"]


@dataclass(frozen=True)
class Unresolved:
    """A stored value whose class is not known here; it encodes to the very text it came from.

    `content` is what the value held, for people to read; `text` is its JSON.

        Unresolved("market.Side", "BUY", '{"$enum":["market","Side","BUY"]}')
    """

    type_name: str
    content: Any = field(compare=False)
    text: str = field(repr=False, default="")


def text_as_stored(value: Unresolved) -> Fragment:
    """Return the very text that *value* came from."""
    try:
        node = loads(value.text)
    except JSONDecodeError:
        raise refusal(type(value), "it was not read from a log") from None
    if type(node) is not dict or dumps(node).decode() != value.text:
        raise refusal(type(value), "it was not read from a log")
    return Fragment(value.text)
