"""JSON cells: values of the log as plain JSON, and the kind of each column.

Every file of an export is made from such cells, so CSV, JSONL and Parquet have the same data.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import orjson

from uproot_nb.experiment.identifiers import (
    GroupIdentifier,
    ModelIdentifier,
    PlayerIdentifier,
    SessionIdentifier,
)
from uproot_nb.log.codec import Codec
from uproot_nb.log.encoding.unresolved import Unresolved
from uproot_nb.session.browser_json import Unsendable, to_json

__all__ = [
    "CLOCKS", "IS_CLOCK", "NOT_FINITE", "Cell", "Column", "Columns", "Kind", "common", "in_json",
    "kind_of", "kind_of_logged", "kind_of_value", "plain", "readable", "text_of",
]  # fmt: skip

Cell = str | None
"""JSON, or None where there is no value. JSON has no NaN: a cell may be one of NOT_FINITE, too."""

NOT_FINITE = {"NaN": '"NaN"', "Infinity": '"Infinity"', "-Infinity": '"-Infinity"'}
"""Numbers that JSON lacks, as cells, and the texts that stand for them inside JSON."""


class Column(NamedTuple):
    """Some rows of one column: cells or, if plain, what they hold (int, float, str or None).

    If made, they are what `TableWriter.made` returns.
    """

    values: Sequence[Any]
    plain: bool = False
    made: bool = False


Kind = Literal[
    "empty", "boolean", "integer", "number", "text", "json", "date", "datetime", "moment"
]
"""A datetime is without a time zone, as clocks on walls are; a moment is in UTC."""
CLOCKS: frozenset[Kind] = frozenset({"date", "datetime", "moment"})
"""Kinds whose cells are texts in ISO 8601."""
Columns = Mapping[str, Kind]
"""The names of a table's columns, and of what kind each is."""

IS_CLOCK = ('{"$date', '{"$timestamp"')
"""How logged dates, datetimes and timestamps of pandas begin."""
_DATE = re.compile(r'"\d{4}-\d\d-\d\d"')
_DATETIME = re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?(?P<utc>Z?)"')

_OPTIONS = (
    orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME
)
_IDENTIFIERS = (PlayerIdentifier, GroupIdentifier, ModelIdentifier)
_INT64 = range(-(2**63), 2**63)
_LONGEST_INT = 20
_SHORT = 18
"""Whole numbers of fewer digits are surely 64 bits long at most."""


def readable(text: str, codec: Codec) -> Cell:
    """Return a logged value as JSON without our tags; None for null.

    Decimals become numbers with all their digits, times ISO texts in UTC, sets lists, players their
    names, bytes base64. NaN and infinity become NOT_FINITE, and texts inside of lists and dicts.
    A negative zero is 0.0. Other values stay as they are, with tags.
    """
    if text == "null":
        return None
    if '"$' not in text:
        return text if text != "-0.0" else "0.0"
    return plain(codec.decode(text), text)


def plain(value: Any, otherwise: str | None = None) -> Cell:
    """Return any value as JSON, None if it is missing, *otherwise* if it has no JSON form."""
    try:
        text = orjson.dumps(value, _to_json, _OPTIONS).decode()
        if "null" in text:  # which orjson makes of NaN, too
            filled = _without_gaps(value)
            if text == "null":
                return filled if isinstance(filled, str) else None
            text = orjson.dumps(filled, _to_json, _OPTIONS).decode()
    except orjson.JSONEncodeError:
        text = _spelled_out(value, otherwise)
    return None if text == "null" else text


def in_json(cell: str) -> str:
    """Return a cell as it stands in JSON."""
    return NOT_FINITE.get(cell, cell)


def text_of(cell: str) -> str:
    """Return the text that a cell of a text holds."""
    return str(orjson.loads(cell)) if "\\" in cell else cell[1:-1]


def _without_gaps(value: Any) -> Any:
    """Return a value with texts for NaN and infinity, wherever they are in it."""
    if isinstance(value, Decimal):
        return value if value.is_finite() else _name_of(float(str(value).replace("s", "")))
    if isinstance(value, float):
        return value if math.isfinite(value) else _name_of(value)
    if isinstance(value, Mapping):
        return {name: _without_gaps(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, Set)):
        return [_without_gaps(part) for part in value]
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.floating)):
        return _without_gaps(value.tolist()) if value.dtype.kind == "f" else value
    return value


def _name_of(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def _spelled_out(value: Any, otherwise: str | None) -> str:
    """Return JSON as Python writes it, with whole numbers of any size."""
    try:
        filled = _without_gaps(value)
        return json.dumps(filled, default=_as_plain, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError):
        return json.dumps(str(value)) if otherwise is None else otherwise


def _as_plain(value: Any) -> Any:
    return json.loads(orjson.dumps(value, _to_json, _OPTIONS))


def _to_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}") if value.is_finite() else None
    if isinstance(value, _IDENTIFIERS):
        return value.name
    if isinstance(value, SessionIdentifier):
        return value.session
    if isinstance(value, (dt.date, dt.time)) and value == value:  # NaT differs from itself
        return _clock(value)
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if isinstance(value, Unresolved):
        return value.content
    try:
        return orjson.Fragment(to_json(value))
    except Unsendable as refusal:
        raise TypeError(str(refusal)) from refusal


def _clock(value: dt.date | dt.time) -> str:
    """Return a date or time in ISO 8601; one with a time zone in UTC, where that has the date."""
    if not isinstance(value, dt.datetime) or value.tzinfo is None:
        return value.isoformat()
    try:
        return value.astimezone(dt.UTC).replace(tzinfo=None).isoformat() + "Z"
    except OverflowError:
        return value.isoformat()


def kind_of_logged(text: str, cell: Cell) -> Kind:
    """Return what kind of value is in a cell that `readable` has made of a logged text."""
    return _clock_kind(cell) if text.startswith(IS_CLOCK) else kind_of(cell)


def kind_of_value(value: Any, cell: Cell) -> Kind:
    """Return what kind of value is in a cell that `plain` has made of it."""
    return _clock_kind(cell) if isinstance(value, dt.date) else kind_of(cell)


def _clock_kind(cell: Cell) -> Kind:
    if cell is not None and _DATE.fullmatch(cell):
        return "date"
    if cell is not None and (found := _DATETIME.fullmatch(cell)):
        return "moment" if found["utc"] else "datetime"
    return kind_of(cell)


def kind_of(cell: Cell) -> Kind:
    """Return what kind of value a cell holds."""
    if cell is None:
        return "empty"
    first = cell[0]
    if first == '"':
        return "text"
    if len(cell) < _SHORT and cell.isdecimal() and cell.isascii():
        return "integer"
    if cell in NOT_FINITE:
        return "number"
    if first in "tf":
        return "boolean"
    if first in "{[":
        return "json"
    if any(sign in cell for sign in ".eE"):
        return "number"
    return "integer" if len(cell) < _LONGEST_INT and int(cell) in _INT64 else "json"


def common(kinds: Iterable[Kind]) -> Kind:
    """Return the kind of a column that holds cells of these kinds; "json" if they do not mix.

    Dates of several kinds, and dates among texts, are texts.
    """
    found = set(kinds) - {"empty"}
    if not found:
        return "empty"
    if len(found) == 1:
        return found.pop()
    if found <= {"text", *CLOCKS}:
        return "text"
    return "number" if found == {"integer", "number"} else "json"
