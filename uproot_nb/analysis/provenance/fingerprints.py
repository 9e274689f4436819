"""Fingerprint: one hash of the code, notebook, settings and versions that ran."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from uproot_nb.log.events import Event

__all__ = ["FINGERPRINTED", "Fingerprint", "Ran", "fingerprints_of"]

FINGERPRINTED = frozenset({"code", "open", "pay", "call", "submit"})
"""The kinds of events that fingerprints follow from."""
_INPUTS = frozenset({"call", "submit"})


@dataclass(frozen=True)
class Fingerprint:
    """What ran, as SHA-256 in hexadecimal digits; `str()` is one hash over all parts.

        print(run.fingerprint())    # sha256:4f0c…

    Attributes:
        code: the sources of the pages, by name.
        notebook: the notebook's cells, without what they showed; "" without a notebook.
        settings: the session's settings, its page order, and the payment rule.
        versions: of uproot_nb and Python.
    """

    code: str
    notebook: str
    settings: str
    versions: str

    @property
    def hash(self) -> str:
        """The hash over all parts."""
        return _hash(asdict(self))

    def __str__(self) -> str:
        return f"sha256:{self.hash}"


@dataclass(frozen=True)
class Ran:
    """A fingerprint, from which event to which it was that of the session, and how many inputs
    (calls and forms) it has answered.
    """

    fingerprint: Fingerprint
    first: int
    last: int
    inputs: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as an export has it."""
        return {
            "fingerprint": str(self.fingerprint), **asdict(self.fingerprint),
            "from event": self.first, "to event": self.last, "inputs": self.inputs,
        }  # fmt: skip


def fingerprints_of(events: Iterable[Event], last: int) -> list[Ran]:
    """Return a session's fingerprints, one after the other; none before it was served.

    Args:
        events: those of the kinds `FINGERPRINTED`, oldest first.
        last: the session's last event.
    """
    found: list[Ran] = []
    for seq, fingerprint, inputs in _stretches(events):
        if found and found[-1].fingerprint == fingerprint:
            before = found.pop()
            seq, inputs = before.first, before.inputs + inputs
        elif found:
            before = found.pop()
            found.append(Ran(before.fingerprint, before.first, seq - 1, before.inputs))
        found.append(Ran(fingerprint, seq, last, inputs))
    return found


def _stretches(events: Iterable[Event]) -> Iterator[tuple[int, Fingerprint, int]]:
    """Yield where what runs may have changed, what it is then, and the inputs until it changes."""
    running, start, inputs = _WhatRuns(), 0, 0
    for event in events:
        if event.kind in _INPUTS:
            inputs += 1
        elif event.kind != "pay" or event.subject == "session":
            if start:
                yield start, running.fingerprint(), inputs
            running.take(event)
            inputs = 0
            start = event.seq if running.is_served else 0
    if start:
        yield start, running.fingerprint(), inputs


class _WhatRuns:
    """What runs, by the events so far."""

    is_served = False

    def __init__(self) -> None:
        self._pages: dict[str, str] = {}
        self._notebook = ""
        self._settings: dict[str, Any] = {}
        self._versions: Any = None

    def take(self, event: Event) -> None:
        """Note what an event says of code, settings and versions."""
        value = orjson.loads(event.value)
        if event.kind == "open":
            self.is_served = True
            self._settings |= {"settings": value["settings"], "pages": value.get("pages")}
            self._versions = value.get("versions")
        elif event.kind == "pay":
            self._settings["payment"] = value["rule"]
        elif "notebook" in value:
            self._notebook = _hash(_cells(value["source"]))
        elif "page" in value and "source" in value:  # else what its hook `fields` has returned
            self._pages[value["page"]] = value["source"] or value["hash"]

    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint of what runs."""
        return Fingerprint(
            _hash(self._pages), self._notebook, _hash(self._settings), _hash(self._versions)
        )


def _cells(source: str) -> list[Any]:
    """Return a notebook's cells: kind and text. Its metadata change when it is opened."""
    cells = orjson.loads(source).get("cells", [])
    return [[cell.get("cell_type"), "".join(cell.get("source", ""))] for cell in cells]


def _hash(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
