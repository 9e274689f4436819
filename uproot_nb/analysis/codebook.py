"""Codebook: what each column of an export means, of which type and unit it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from uproot_nb.analysis.cells import Kind
from uproot_nb.analysis.changes import SUBJECTS

__all__ = ["README", "Meanings", "codebook_of"]

Meanings = Mapping[tuple[str, str], Mapping[str, Any]]
"""(table or kind of subject, field) → what is known of it: meaning, unit, choices, …"""

_TYPES = {
    "boolean": "boolean", "integer": "integer", "number": "number", "text": "text",
    "json": "JSON", "empty": "never had a value",
}  # fmt: skip

_KNOWN: dict[str, tuple[str, str]] = {
    "seq": ("number of the event; the total order of all that happened in the session", ""),
    "time": ("when, on the server's clock", "Unix seconds"),
    "timestamp": ("the same as time, as a date", "UTC"),
    "player": ("the player's name in this session", ""),
    "group": ("the group's name", ""),
    "model": ("the model's name", ""),
    "id": ("number in the order of creation, from 0; in a model's table the entry's id", ""),
    "label": ("who the participant is, as the room's list says", ""),
    "page": ("the page on which the player is or was", ""),
    "position": ("the place in the player's page order, from 0; -1 before the first page", ""),
    "online": ("whether the player has the page open; in presence: since when", ""),
    "offline": ("until when the page was open; empty while it is", "UTC"),
    "member_id": ("the player's place in the group, from 0", ""),
    "members": ("names of the group's players, in the order of their member_id", ""),
    "round": ("the round of the page order, from 1", ""),
    "field": ("which field was changed", ""),
    "change": ("set, del, or what was done in place: append, insert, update, remove", ""),
    "value": ("the new value; for a change in place what was done, and where in the value", ""),
    "actor": ("the player who caused it, or researcher", ""),
    "cause": ("which code caused it, as Market.post_offer", ""),
    "code": ("hash of that code's source; the source is in source/", ""),
    "nth": ("how often the page stood earlier in the player's page order", ""),
    "entered": ("when the player came to the page", "UTC"),
    "left": ("when the player left it; empty while there", "UTC"),
    "entered_time": ("the same as entered", "Unix seconds"),
    "left_time": ("the same as left", "Unix seconds"),
    "online_time": ("the same as online", "Unix seconds"),
    "offline_time": ("the same as offline", "Unix seconds"),
    "seconds": ("how long", "seconds"),
    "how": ("what ended the visit: submit, timeout, or what moved the player", ""),
    "method": ("the live method that was called", ""),
    "args": ("its arguments", ""),
    "kwargs": ("its arguments by name", ""),
    "outcome": ("ok, failed, refused; started if the kernel was killed meanwhile", ""),
    "ms": ("how long the call took in the kernel", "milliseconds"),
    "error": ("the kind of the failure", ""),
    "message": ("what the caller was told", ""),
    "type": ("the entry's class", ""),
}  # fmt: skip

README = """\
Session '{session}', exported by uproot_nb {version} on {now}.

latest/     one row per player, group or session: the last value of each field
sparse/     one row per change: the field that was changed has its new value in its column.
            Changes in place (append and the like) of one field that come right after each
            other are one row, with the whole value after the last of them
ultralong/  one row per change, with field, value, actor, page, cause and code
models/     one table per model or tag: a row per entry
page_times  one row per visit of a player to a page
calls       one row per call of a live method
presence    one row per stretch of time in which a player was online
codebook.json  what each column means, its type and unit
source/     the code of the pages as it was, by name and hash, and the notebook
SHA256SUMS  checksums: sha256sum -c SHA256SUMS

Events 1 to {last} of the log are in here.

{format}
Participants' texts are as they were typed. A spreadsheet may take a text that begins with
=, +, - or @ for a formula: import such columns as text.
"""

FORMATS = {
    "csv": (
        "CSV in UTF-8: TRUE and FALSE; empty where there is no value (and for an empty text);\n"
        "lists and dicts, and columns that hold several types, as JSON; times in UTC."
    ),
    "jsonl": (
        "JSON lines in UTF-8: an object a line; a column without a value is left out; times in UTC."
    ),
    "parquet": (
        "Parquet: booleans, whole numbers (int64), numbers (float64) and texts have these types;\n"
        "lists and dicts, and columns that hold several types, are texts of JSON; times in UTC."
    ),
}


def codebook_of(
    tables: Mapping[str, Mapping[str, Kind]], meanings: Meanings
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what is known of each column, by table."""
    return {
        table: {name: _entry(table, name, kind, meanings) for name, kind in columns.items()}
        for table, columns in tables.items()
    }


def _entry(table: str, name: str, kind: Kind, meanings: Meanings) -> dict[str, Any]:
    told: dict[str, Any] = {"meaning": "", "type": _TYPES[kind], "unit": ""}
    for key in _keys(table):
        if (key, name) in meanings:
            return told | dict(meanings[key, name])
    if name in _KNOWN:
        told["meaning"], told["unit"] = _KNOWN[name]
    return told


def _keys(table: str) -> Iterable[str]:
    """Yield under which names the meaning of a table's columns may be known."""
    yield table
    folder, _, file = table.partition("/")
    if folder in ("latest", "sparse"):
        yield next(kind for kind, name in SUBJECTS.items() if name == file)
