"""Values as the framework uproot stores them: a byte for the type, then JSON."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import orjson

from uproot_nb.experiment.identifiers import (
    GroupIdentifier,
    ModelIdentifier,
    PlayerIdentifier,
    SessionIdentifier,
)

__all__ = ["UnknownType", "decode_entry", "decode_value"]


class UnknownType(ValueError):
    """A value has a type that uproot 0.10 does not write."""


def decode_value(stored: bytes) -> Any:
    """Return the value that the framework stored; identifiers are ours.

    Of what our log cannot hold, a complex number is the list of its parts, a bytearray is bytes.

    Raises:
        UnknownType: its type is not known.
        ValueError, TypeError, LookupError, ArithmeticError: it is damaged.
    """
    kind = stored[0]
    if kind not in _READERS:
        raise UnknownType(f"a value has the type {kind}")
    return _READERS[kind](orjson.loads(stored[1:]))


def decode_entry(value: Any) -> tuple[str, Any]:
    """Return a model's entry: its id and fields. Maps that hold an identifier become ours."""
    identifier, fields = value
    return str(identifier), {name: _identifier(field) for name, field in fields.items()}


def _identifier(value: Any) -> Any:
    for names, kind in _IDENTIFIERS.items():
        if isinstance(value, dict) and value.keys() == set(names):
            return kind(*(value[name] for name in names))
    return value


_IDENTIFIERS: dict[tuple[str, ...], Callable[..., Any]] = {
    ("sname", "uname"): PlayerIdentifier,
    ("sname", "gname"): GroupIdentifier,
    ("sname", "mname"): ModelIdentifier,
}


def _as_it_is(value: Any) -> Any:
    return value


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _random(state: list[Any]) -> Random:
    version, numbers, gauss = state
    made = Random()
    made.setstate((version, tuple(numbers), gauss))
    return made


_READERS: dict[int, Callable[[Any], Any]] = {
    **dict.fromkeys((0, 1, 2, 5, 6, 7, 128, 129), _as_it_is),
    3: tuple,
    4: _bytes,
    8: Decimal,
    9: frozenset,
    10: date.fromisoformat,
    11: time.fromisoformat,
    12: datetime.fromisoformat,
    13: lambda text: UUID(bytes=_bytes(text)),
    64: lambda names: PlayerIdentifier(*names),
    65: SessionIdentifier,
    66: lambda names: GroupIdentifier(*names),
    67: lambda names: ModelIdentifier(*names),
    130: _bytes,
    131: set,
    132: lambda members: [PlayerIdentifier(one["sname"], one["uname"]) for one in members],
    133: _random,
}
