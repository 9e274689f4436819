"""Format words: what an event's value holds because of the log's own formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from uproot_nb.log.call_rows import read_call
from uproot_nb.log.events import CHANGES, Event

__all__ = ["PAGE_PUSHES", "format_words"]

_MOVES = frozenset({
    "back", "connect", "disconnect", "dropout", "end", "enter", "leave", "once", "order", "wait",
})  # fmt: skip
"""Kinds of events in which nobody's words stand."""
_WORDS = {"call": ("outcome", "error"), "intervention": ("action",), "timeout": ("by",)}
"""By kind of event: keys of the value that hold one of a few words."""
_WHOLE = frozenset({"set", "del"})
_ENTRY = {"id", "time", "type", "fields"}
PAGE_PUSHES = ("UprootMarket", "UprootInstitution")
"""How the events of pushes of pages with a market or institution begin."""
_OUR_PUSHES = ("_uproot_", *PAGE_PUSHES)
"""How the events of our own pages' pushes begin."""
_OUR_METHODS = frozenset({
    "cancel_order", "replace_order", "robots_range", "seed_markets", "send_order", "set_ready",
    "take_price",
    "seed_institution", "send_decision",
})  # fmt: skip
"""The live methods of pages with a market or institution."""
_OURS = "_uproot_"
"""How the names of our other live methods begin."""
_RAW = "dict"
"""The type of an entry without a class, whose keys a participant may have written."""
_OF_INSTITUTIONS = (
    {"decision", "client_time"}, {"refused", "reason", "client_time"}, {"outcome", "allocations"},
)  # fmt: skip
"""The fields of a decision, a refusal and an outcome in an institution."""
_TRADER = 2
"""The place of the trader's name in a row of a market's events."""


def format_words(event: Event) -> Iterator[str]:
    """Yield the words that uproot_nb itself has put into an event.

    They are nobody's own, though a participant may have answered one of them, as "ok" or "sell":
    keys of values, outcomes of calls, types of entries and the names of their fields, keys of what
    our own pages are sent, sides and kinds of a market's orders, the names of markets, accepted
    decisions in an institution. None is what a participant wrote, however odd.
    """
    value = orjson.loads(event.value)
    if event.kind in _MOVES:
        yield from _strings(value)
    if isinstance(value, dict) and event.kind not in _WHOLE:
        yield from value
        yield from _strings([value.get(key) for key in _WORDS.get(event.kind, ())])
    yield from _keys(_sent_by_us(event, value))
    if event.subject.startswith("model/"):
        yield from _words_of_model(event, value)


def _sent_by_us(event: Event, value: Any) -> Any:
    """Return what a page of ours was pushed, or got as the result of a call."""
    if event.kind == "notify" and event.field.startswith(_OUR_PUSHES):
        return value.get("data")
    if event.kind == "call" and (event.field in _OUR_METHODS or event.field.startswith(_OURS)):
        return read_call(event.value).get("result")
    return None


def _words_of_model(event: Event, value: Any) -> Iterator[str]:
    if event.kind == "set" and event.field == "market" and isinstance(value, dict):
        if {"name", "period", "rules"} <= value.keys():
            yield from value
            yield from _strings([value["name"], value.get("title"), value["rules"]])
    elif event.kind == "set" and event.field == "institution" and isinstance(value, dict):
        yield from _strings(value)
    elif event.kind == "set" and event.field == "endowments" and isinstance(value, dict):
        yield from _strings(list(value.values()))
    elif event.kind in CHANGES | {"chat"}:
        entries = value.get("values", ()) if isinstance(value, dict) else value
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and entry.keys() == _ENTRY:
                yield from _words_of_entry(entry)


def _words_of_entry(entry: Mapping[str, Any]) -> Iterator[str]:
    yield from _strings(entry["type"])
    fields = orjson.loads(entry["fields"]) if isinstance(entry["fields"], str) else None
    if isinstance(fields, dict) and entry["type"] != _RAW:
        yield from fields
    if isinstance(fields, dict) and fields.keys() in (
        {"command", "client_time", "events"}, {"refused", "client_time", "events"},
    ):  # fmt: skip
        yield from _words_of_order(fields)
    elif isinstance(fields, dict) and fields.keys() in _OF_INSTITUTIONS:
        yield from _words_of_decision(fields)


def _words_of_order(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield the words of a market's record; what was refused may have any text but in its keys."""
    yield from fields
    command = fields.get("command")
    if isinstance(command, dict):
        yield from _strings([command.get("command"), command.get("side")])
    for asked in (command, fields.get("refused")):
        yield from asked if isinstance(asked, dict) else ()
    for row in fields["events"]:
        if isinstance(row, list):
            yield from _strings([*row[:_TRADER], *row[_TRADER + 1 :]])


def _words_of_decision(fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield the words of an institution's entry; what was refused may have any text."""
    yield from fields
    yield from _strings([fields.get("reason"), fields.get("outcome")])
    for row in [fields.get("decision"), *fields.get("allocations", ())]:
        if isinstance(row, list):
            yield from _strings(row[1:])  # the first is the player's name


def _keys(node: Any) -> Iterator[str]:
    """Yield the keys in a value, at any depth."""
    for inner in node.values() if isinstance(node, dict) else ():
        yield from _keys(inner)
    if isinstance(node, dict):
        yield from node
    for inner in node if isinstance(node, list) else ():
        yield from _keys(inner)


def _strings(node: Any) -> Iterator[str]:
    """Yield the texts in a value, keys of dicts included."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        yield from node
        yield from _strings(list(node.values()))
    elif isinstance(node, list):
        for one in node:
            yield from _strings(one)
