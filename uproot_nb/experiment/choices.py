"""Choice: one option of a field, and the value stored when it is chosen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from uproot_nb.errors import BadField

__all__ = ["Choice", "find_choice", "read_choices"]

_REMEDY = 'Write choices=["red", "blue"], choices=[(1, "One"), (2, "Two")] or {1: "One", 2: "Two"}.'
_UNPOSTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Choice(NamedTuple):
    """An option: the value stored, the text that browsers post, and the participants' label."""

    value: Any
    text: str
    label: str


def read_choices(kind: str, choices: Any) -> tuple[Choice, ...]:
    """Return the options that an author wrote as values, (value, label) pairs or a dict.

    Raises:
        BadField: there are none, two post the same text, or one cannot be posted.
    """
    if isinstance(choices, (str, bytes)) or not isinstance(choices, Iterable):
        raise BadField(kind, f"choices={choices!r} is not a list of options.", _REMEDY)
    entries = choices.items() if isinstance(choices, Mapping) else choices
    found = tuple(_read_choice(kind, entry) for entry in entries)
    if not found:
        raise BadField(kind, "it has no choices.", _REMEDY)
    _refuse_twins(kind, found)
    return found


def find_choice(choices: Iterable[Choice], value: Any) -> Choice | None:
    """Return the option that posts the same text as *value*."""
    text = str(value)
    return next((choice for choice in choices if choice.text == text), None)


def _read_choice(kind: str, entry: Any) -> Choice:
    if isinstance(entry, Choice):
        return entry
    if not isinstance(entry, tuple):
        return Choice(entry, _checked_text(kind, entry), str(entry))
    if len(entry) != 2:
        what = f"the choice {entry!r} is neither a value nor a pair (value, label)."
        raise BadField(kind, what, _REMEDY)
    value, label = entry
    if isinstance(label, (int, float, Decimal)):
        label = str(label)
    if not isinstance(label, str):
        raise BadField(kind, f"the label of {value!r} is {label!r}, which is not text.", _REMEDY)
    return Choice(value, _checked_text(kind, value), label)


def _checked_text(kind: str, value: Any) -> str:
    text = str(value)
    if _UNPOSTABLE.search(text):
        what = f"the value {value!r} has characters that a browser cannot post unchanged."
        raise BadField(kind, what, "Use a short plain value, and put the wording into the label.")
    return text


def _refuse_twins(kind: str, choices: tuple[Choice, ...]) -> None:
    seen: dict[str, Any] = {}
    for value, text, _label in choices:
        if text in seen:
            what = f"the choices {seen[text]!r} and {value!r} post the same text."
            raise BadField(kind, what, "Give each choice a different value.")
        seen[text] = value
