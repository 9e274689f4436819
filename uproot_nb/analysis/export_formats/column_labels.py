"""Column labels: what a column and its values mean, for programs that store that with the data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["column_label", "cut_bytes", "cut_letters", "value_labels"]

Entry = Mapping[str, Any]
"""The description of a column in the codebook."""

_SHORT_NUMBER = re.compile(r"-?[0-9]{1,9}")
_TRUTH = {"False": 0, "True": 1}


def column_label(column: str, entry: Entry) -> str:
    """Return a column's meaning with its unit; its own name if the file has another one."""
    meaning = " ".join(str(entry.get("meaning") or "").split())
    label = meaning or (column if "name" in entry else "")
    unit = entry.get("unit")
    return f"{label} ({unit})" if label and unit else label


def value_labels(entry: Entry) -> dict[int, str]:
    """Return what the values of a column of booleans or whole numbers are called.

    value_labels({"type": "integer", "choices": {"1": "Yes", "0": "No"}})    # {1: "Yes", 0: "No"}
    """
    choices: Mapping[str, str] = entry.get("choices", {})
    if entry["type"] == "boolean":
        return {n: choices.get(value, value.upper()) for value, n in _TRUTH.items()}
    if entry["type"] != "integer" or not all(map(_SHORT_NUMBER.fullmatch, choices)):
        return {}
    found = {int(value): label for value, label in choices.items() if label != value}
    for which, end in (("label_min", min), ("label_max", max)):
        if choices and entry.get(which):
            found.setdefault(end(map(int, choices)), str(entry[which]))
    return found


def cut_letters(text: str, longest: int) -> str:
    """Return *text*, or as much of it as has *longest* characters, with … at its end."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def cut_bytes(text: str, longest: int) -> str:
    """Return *text*, or as much of it as has *longest* bytes in UTF-8, with … at its end."""
    encoded = text.encode()
    if len(encoded) <= longest:
        return text
    return encoded[: longest - len("…".encode())].decode(errors="ignore") + "…"
