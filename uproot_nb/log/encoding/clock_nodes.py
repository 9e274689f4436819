"""Nodes of dates, times, spans of time and time zones."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from uproot_nb.log.encoding.nodes import Decode, Encode, Node, Nodes
from uproot_nb.log.encoding.refusals import refusal, type_name

__all__ = ["CLOCK_DECODERS", "CLOCK_ENCODERS", "zone_node", "zone_of"]


def _encode_date(nodes: Nodes, value: date, depth: int) -> Node:
    return {"$date": value.isoformat()}


def _encode_clock(tag: str, nodes: Nodes, value: datetime | time, depth: int) -> Node:
    text = value.replace(tzinfo=None, fold=0).isoformat()
    if value.tzinfo is None and not value.fold:
        return {tag: text}
    return {tag: [text, zone_node(value.tzinfo, type(value)), value.fold]}


def _decode_clock(kind: type[datetime | time], nodes: Nodes, content: Node) -> Any:
    if isinstance(content, str):
        return kind.fromisoformat(content)
    text, zone, fold = content
    return kind.fromisoformat(text).replace(tzinfo=zone_of(zone), fold=fold)


def zone_node(zone: tzinfo | None, kind: type) -> Node:
    """Return a time zone's name, or a fixed offset in microseconds with its name if it has one."""
    if zone is None:
        return None
    if type(zone) is ZoneInfo and zone.key is not None:
        return zone.key
    if type(zone) is timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return [offset // timedelta(microseconds=1), *name]
    raise refusal(kind, f"its time zone is a {type_name(type(zone))}; use zoneinfo.ZoneInfo")


def zone_of(node: Node) -> tzinfo | None:
    """Return the time zone that `zone_node` described."""
    if node is None:
        return None
    if isinstance(node, str):
        return ZoneInfo(node)
    microseconds, *name = node
    return timezone(timedelta(microseconds=microseconds), *name)


def _encode_timedelta(nodes: Nodes, value: timedelta, depth: int) -> Node:
    return {"$timedelta": [value.days, value.seconds, value.microseconds]}


CLOCK_ENCODERS: dict[type, Encode] = {
    date: _encode_date,
    datetime: partial(_encode_clock, "$datetime"),
    time: partial(_encode_clock, "$time"),
    timedelta: _encode_timedelta,
}

CLOCK_DECODERS: dict[str, Decode] = {
    "$date": lambda nodes, content: date.fromisoformat(content),
    "$datetime": partial(_decode_clock, datetime),
    "$time": partial(_decode_clock, time),
    "$timedelta": lambda nodes, content: timedelta(*content),
}
