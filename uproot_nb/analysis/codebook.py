"""Codebook: the meaning, type and unit of each column of an export."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from uproot_nb.analysis.changes import SUBJECTS
from uproot_nb.analysis.json_cells import Kind
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event

__all__ = [
    "FORMATS", "README", "DescribedTable", "FieldDescriptions", "codebook_of", "described_fields",
]  # fmt: skip

FieldDescriptions = Mapping[tuple[str, str], Mapping[str, Any]]
"""(owner, field) → its description: meaning, unit, choices, …

The owner is "player", "group", "session" or "model"; "entry/Offer" for entries of that type,
"models/offers" for those of that table."""

Ours = dict[str, tuple[str, str]]
"""Columns of ours: meaning and unit."""

_TYPES = {
    "boolean": "boolean", "integer": "integer", "number": "number", "text": "text",
    "json": "JSON", "empty": "never had a value", "date": "date", "datetime": "datetime",
    "moment": "time",
}  # fmt: skip

_UTC = "UTC"
"""The unit of columns that are times."""
_SEQ = ("number of the event; the total order of all that happened in the session", "")
_TIME = ("when, on the server's clock", "Unix seconds")
_TIMESTAMP = ("the same as time, as a date", "UTC")
_PLAYER = ("the player's name in this session", "")
_TRADER_LABEL = (
    "the player's label; without one the player's role (Buyer, Seller, Bidder, Firm …) in the "
    "first period with one, else Player, and the place in the session, from 1",
    "",
)
_TRADER_LABELS: Ours = dict.fromkeys(("label", "buyer_label", "seller_label"), _TRADER_LABEL)
_WHEN: Ours = {"seq": _SEQ, "time": _TIME, "timestamp": _TIMESTAMP}
_WHO: dict[str, Ours] = {
    "player": {"player": _PLAYER}, "group": {"group": ("the group's name", "")}, "session": {},
    "model": {"model": ("the model's name", "")},
}  # fmt: skip
_LONG: Ours = {
    "field": ("which field was changed", ""),
    "change": ("set, del, or what was done in place: append, insert, update, remove", ""),
    "value": ("the new value; for a change in place what was done, and where in the value", ""),
    "actor": ("the player who caused it, or researcher", ""),
    "page": ("the page on which the player was who caused it", ""),
    "cause": ("which code caused it, as Market.post_offer", ""),
    "code": ("hash of that code's source; the source is in source/", ""),
}  # fmt: skip
_WHOSE: Ours = {
    "session": ("the session's name", ""),
    "label": ("the participant's label, from the room's list", ""),
    "bot": ("whether a bot has played in the participant's place, if only for a while", ""),
    "group": ("the name of the group at that time", ""),
    "block": ("the name of the rounds' block; of later rounds without a name 2, 3 and so on", ""),
    "round": ("the round at that time, from 1; empty outside of rounds", ""),
}  # fmt: skip
"""Columns that many tables have; a table's own description stands above these."""
_OURS: dict[str, Ours] = {
    "latest/players": {
        "player": _PLAYER, "id": ("number in the order of creation, from 0", ""),
        "page": ("the page on which the player is", ""),
        "position": ("place in the player's page order, from 0; -1 before the first page", ""),
        "online": ("whether the player has the page open", ""),
        "group": ("the name of the player's group", ""),
        "member_id": ("the player's place in the group, from 0", ""),
        "ended_as": ("how the participation ended: done, screened, dropped out …, still in", ""),
        "query": ("parameters of the address with which the participant came", ""),
    },
    "latest/groups": {
        "group": ("the group's name", ""), "id": ("number in the order of creation, from 0", ""),
        "members": ("names of the group's players, in the order of their member_id", ""),
    },
    "latest/session": {},
    "rounds/players": {
        "player": _PLAYER, "id": ("number in the order of creation, from 0", ""),
        "group": ("the name of the player's last group in that round", ""),
        "round": ("the round, from 1: the value of player.round", ""),
        "nested": ("numbers of nested rounds, the outermost first; empty if not nested", ""),
    },
    "wide/players": {
        "player": _PLAYER, "id": ("number in the order of creation, from 0", ""),
        "group": ("the name of the player's last group", ""),
        "ended_as": ("how the participation ended: done, screened, dropped out …, still in", ""),
    },
    **{f"sparse/{name}": {**_WHEN, **_WHO[kind]} for kind, name in SUBJECTS.items()},
    **{f"ultralong/{name}": {**_WHEN, **_WHO[kind], **_LONG} for kind, name in SUBJECTS.items()},
    "models": {
        "model": ("the name of the model that has the entry", ""),
        "type": ("the entry's class", ""), "id": ("the entry's own id", ""),
        "time": ("when the entry was added, on the server's clock", "Unix seconds"),
        "timestamp": _TIMESTAMP,
    },
    "page_times": {
        "seq": ("number of the event with which the visit began", ""),
        "player": _PLAYER, "page": ("the page that was visited", ""),
        "position": ("its place in the player's page order, from 0", ""),
        "nth": ("how often the page stood earlier in the player's page order", ""),
        "entered": ("when the player came to the page", "UTC"),
        "left": ("when the player left it; empty while there", "UTC"),
        "seconds": ("how long the player was there", "seconds"),
        "how": ("what ended the visit: submit, timeout, or what moved the player", ""),
        "entered_time": ("the same as entered", "Unix seconds"),
        "left_time": ("the same as left", "Unix seconds"),
        "times_left": ("how often the player left the tab; empty without log_focus", ""),
        "seconds_away": ("how long the player was away from the tab, in all", "seconds"),
        "pastes": ("how often something was pasted", ""),
        "ms_to_first_key": ("from the page's load to the first key", "milliseconds"),
        "ms_to_first_click": ("from the page's load to the first click or touch", "milliseconds"),
    },
    "calls": {
        **_WHEN, "player": ("the player whose page called", ""),
        "page": ("the page that called", ""), "method": ("the live method that was called", ""),
        "args": ("its arguments", ""), "kwargs": ("its arguments by name", ""),
        "outcome": ("ok, failed, refused; started if the kernel was killed meanwhile", ""),
        "ms": ("how long the call took in the kernel", "milliseconds"),
        "error": ("the kind of the failure", ""),
        "message": ("the error message for the caller", ""),
        "id": ("the call's own id", ""), "code": _LONG["code"],
    },
    "consents": {
        **_WHEN, "player": _PLAYER, "page": ("the consent page", ""),
        "version": ("the author's name of the text", ""),
        "hash": ("SHA-256 of the text that was shown, in hexadecimal digits", ""),
        "language": ("the language of the text", ""),
        "agreed": ("whether the player agreed; FALSE: declined", ""),
        "signed": ("whether a name was typed, which is stored elsewhere", ""),
    },
    "presence": {
        "seq": ("number of the event with which it began", ""), "player": _PLAYER,
        "online": ("since when the page was open", "UTC"),
        "offline": ("until when it was; empty while it is", "UTC"),
        "seconds": ("how long it was open", "seconds"),
        "online_time": ("the same as online", "Unix seconds"),
        "offline_time": ("the same as offline", "Unix seconds"),
        "by": ("what carried the connection: websocket, or polling where those are blocked", ""),
    },
}  # fmt: skip
"""By table; "models" stands for all of models/. Those of markets are in market/analysis.""" ""

_IN_JSON = (
    'Inside JSON not-a-number\nand infinity are the texts "NaN", "Infinity" and "-Infinity". '
    "Times are\nin UTC, or without a time zone if they had none."
)

README = """\
Session '{session}', exported by uproot_nb {version} on {now}.

latest/     one row per player, group or session: the last value of each field
rounds/     one row per player and round, if there are rounds: the last values set in that round
wide/       one row per player: each field with a column per round, as bid_1, bid_2
sparse/     one row per change: the field that was changed has its new value in its column.
            Changes in place (append and the like) of one field that come right after each
            other are one row, with the whole value after the last of them
ultralong/  one row per change, with field, value, actor, page, cause and code
models/     one table per model or tag: a row per entry
markets/    a folder per market: order_events and induced_values are what happened and what units
            are worth; trades, book, periods, traders (and mispricing, of an asset) follow from them
institutions/  a folder per auction, oligopoly and the like: decisions is what was decided,
            endowments what each was given; allocations and periods are what came of it
page_times  one row per visit of a player to a page
calls       one row per call of a live method
consents    one row per answer on a consent page, if there is one
presence    one row per stretch of time in which a player was online
fingerprints.json  the hashes of the code, notebook, settings and versions that ran, and when
codebook.json  what each column means, its type and unit; codebook.csv has the same as a table
read.py, read.R, read.do  load all tables into Python, R and Stata with these types
datapackage.json, dataset_description.json  the same for machines: Frictionless, Psych-DS
source/     the code of the pages as it was, by name and hash, and the notebook
SHA256SUMS  checksums: sha256sum -c SHA256SUMS

Events 1 to {last} of the log are in here.

{ran}
{scrubbed}{format}
Participants' texts are as they were typed.
"""

_CSV = (
    "CSV in UTF-8: TRUE and FALSE; empty where there is no value (and for an empty text);\n"
    "numbers may be NaN (not-a-number, which pandas reads as missing), inf and -inf;\n"
    f"lists and dicts, and columns that hold several types, as JSON. {_IN_JSON}"
)
_LABELLED = (
    "truth is 0 and 1, with the labels FALSE and TRUE; dates are dates,\n"
    "times are in UTC, to the millisecond, and as they were if they had no time zone; times of\n"
    "day are texts;\n"
    "missing numbers, not-a-number and infinity are missing, missing texts are empty. Lists and\n"
    "dicts, and columns that hold several types, are texts of JSON. Columns whose names are not\n"
    "legal have another: it is `name` in the codebook, where `note` says what the file lacks."
)

FORMATS = {
    "csv": (
        f"{_CSV}\n"
        "A spreadsheet may take a text that begins with =, +, - or @ for a formula, and 007 for\n"
        "7: export with excel=True or as xlsx, or import such columns as text."
    ),
    "excel": (
        f"{_CSV}\n"
        "The files begin with a byte order mark. A text that begins with =, +, -, @, a tab or a\n"
        "carriage return, or with apostrophes and one of these, has an apostrophe more in front:\n"
        "the scripts take it off."
    ),
    "dta": f"Stata 14 and later: {_LABELLED}",
    "sav": f"SPSS: {_LABELLED}\nSPSS takes spaces off the ends of texts.",
    "xlsx": (
        "Excel: a workbook per table with the sheets data and codebook. Texts are texts, whatever\n"
        "they look like; dates are dates, times are in UTC, to the millisecond, and as they were\n"
        "if they had no time zone; times of day are texts; not-a-number and infinity are no\n"
        "values, as are empty texts; lists, dicts and columns of several types are texts of JSON.\n"
        "Excel stores 16 digits of a number. `note` in the codebook says what a file lacks."
    ),
    "jsonl": (
        f"JSON lines in UTF-8: an object a line; a column without a value is left out.\n{_IN_JSON}"
    ),
    "parquet": (
        "Parquet: booleans, whole numbers (int64), numbers (float64, with NaN and infinity; null\n"
        "where there is no value), dates, timestamps (in UTC, or without a time zone if they had\n"
        "none) and texts have these types; lists and dicts, and columns that hold several types,\n"
        f"are texts of JSON. {_IN_JSON}"
    ),
}


def described_fields(events: Iterable[Event], codec: Codec) -> FieldDescriptions:
    """Return what events of kind `code` say about fields; later events replace earlier ones.

    A page's event has `fields`, the fields of its form; an experiment's has `entries`, the types of
    models' rows, and `codebook`, the author's descriptions of all others.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    written: dict[str, str] = {}
    for event in events:
        data = codec.decode(event.value)
        found |= {("player", name): about for name, about in data.get("fields", {}).items()}
        for kind, fields in data.get("entries", {}).items():
            found |= {(f"entry/{kind}", name): about for name, about in fields.items()}
        written |= data.get("codebook", {})
    for name, meaning in written.items():
        subject, _, field = name.partition(".")
        found[subject, field] = {**found.get((subject, field), {}), "meaning": meaning}
    return found


class DescribedTable(NamedTuple):
    """A table's columns: their kinds, and the subject's field that each of them holds.

    Attributes:
        ours: the name in this codebook of its built-in columns: "models" for all of models/,
            "markets/book" for the book of any market, "ledger" for the model of any; likewise
            "institutions/periods" and "game entries".
        fields: column → field, without our own columns.
        keys: the owners under which its fields may be described, the best first.
        rounds: column → the round of its values, where a table has a column for each round.
    """

    kinds: Mapping[str, Kind]
    ours: str
    fields: Mapping[str, str] = {}
    keys: Sequence[str] = ()
    rounds: Mapping[str, str] = {}


def codebook_of(
    tables: Mapping[str, DescribedTable], descriptions: FieldDescriptions
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the description of each column, by table."""
    return {
        name: {column: _entry(table, column, descriptions) for column in table.kinds}
        for name, table in tables.items()
    }


def _entry(table: DescribedTable, column: str, descriptions: FieldDescriptions) -> dict[str, Any]:
    entry: dict[str, Any] = {"meaning": "", "type": _TYPES[table.kinds[column]], "unit": ""}
    field = table.fields.get(column)
    if field is None:
        entry["meaning"], entry["unit"] = {**_WHOSE, **_ours(table.ours)}[column]
        return entry
    if table.kinds[column] == "moment":
        entry["unit"] = _UTC
    if field != column:
        entry["field"] = field
    for key in reversed(table.keys):
        entry |= descriptions.get((key, field), {})
    if column in table.rounds:
        entry["round"] = table.rounds[column]
    return entry


def _ours(table: str) -> Mapping[str, tuple[str, str]]:
    folder, _, name = table.partition("/")
    if folder in ("institutions", "game entries"):
        return _of_institutions(folder, name)
    if folder not in ("markets", "ledger"):
        return _OURS[table]
    # lazy: most sessions have no market
    from uproot_nb.market.analysis.columns import COLUMNS, LEDGER

    columns = LEDGER if folder == "ledger" else COLUMNS[name]
    known = {column: (about.meaning, about.unit) for column, about in columns.items()}
    if folder == "ledger":
        return {**_OURS["models"], **known}
    return {**known, "timestamp": _TIMESTAMP, **_TRADER_LABELS}


def _of_institutions(folder: str, name: str) -> Mapping[str, tuple[str, str]]:
    # lazy: most sessions have no institution
    from uproot_nb.institutions.columns import COLUMNS, ENTRY_FIELDS

    is_table = folder == "institutions"
    columns = COLUMNS[name] if is_table else ENTRY_FIELDS
    known = {column: (about.meaning, about.unit) for column, about in columns.items()}
    if not is_table:
        return {**_OURS["models"], **known}
    return {**known, "timestamp": _TIMESTAMP, "label": _TRADER_LABEL}
