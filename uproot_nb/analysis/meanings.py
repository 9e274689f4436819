"""Meanings: what a log says of the data in it, newest word last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from uproot_nb.analysis.codebook import Meanings
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event

__all__ = ["meanings_in"]


def meanings_in(events: Iterable[Event], codec: Codec) -> Meanings:
    """Return what events of kind `code` tell of fields.

    A page's event has `fields`, what its form asks; an experiment's has `entries`, the types of
    models' rows, and `codebook`, what the author says of anything else.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    written: dict[str, str] = {}
    for event in events:
        told = codec.decode(event.value)
        found |= {("player", name): about for name, about in told.get("fields", {}).items()}
        for kind, fields in told.get("entries", {}).items():
            found |= {(f"entry/{kind}", name): about for name, about in fields.items()}
        written |= told.get("codebook", {})
    for name, meaning in written.items():
        subject, _, field = name.partition(".")
        found[subject, field] = {**found.get((subject, field), {}), "meaning": meaning}
    return found
