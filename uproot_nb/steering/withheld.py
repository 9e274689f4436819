"""Withheld: what viewers of a session do not get."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from uproot_nb.engine.runtime import Runtime
from uproot_nb.experiment.fields import BICField, IBANField
from uproot_nb.log.events import KINDS, Event
from uproot_nb.steering.withheld_labels import WithheldLabels

__all__ = ["HIDDEN", "Withheld"]

HIDDEN = "…"
"""What stands in the place of a text that is withheld."""

_PARTS: Mapping[str, frozenset[str]] = {
    "join": frozenset({"visit", "cookie"}),
    "arrive": frozenset({"query"}),
    "load": frozenset({"query"}),
    "return": frozenset({"cookie", "query"}),
    "room": frozenset({"labels"}),
    "open": frozenset({"settings", "seed"}),
    "code": frozenset({"source"}),
    "effect": frozenset({"args", "csv"}),
    "intervention": frozenset({"url"}),
}
"""By kind of event, the parts of its value that may have secrets whatever they look like: marks of
browsers and presses, addresses and their parameters, who may enter a room, settings and a
notebook's code, which may have passwords, and what functions outside the session are given. Of the
values of all other kinds, links, tokens and account numbers are withheld."""

_REST = r"""[^\s"'<>\\]*"""
_ADDRESS = re.compile(rf"https?://{_REST}/(?:p|join|room|files)/{_REST}", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{32,}")
_TOKEN = 32
_ACCOUNT = re.compile(
    r"(?:(?<![A-Z0-9])|(?<=\\[nrtbf])|(?<=\\u[0-9A-F]{4}))"
    r"[A-Z]{2}[0-9]{2}(?:[ \xa0-]?[A-Z0-9]){11,30}",
    re.IGNORECASE,
)
"""What may be an IBAN, at the start of a word, also in JSON behind an escaped character."""
_SHORTEST_ACCOUNT, _LONGEST_ACCOUNT = 15, 34


class Withheld:
    """Leaves out of events and texts by what a viewer could take part, and account numbers.

        withheld = Withheld(runtime)
        withheld.event(event)             # as a viewer gets it
        withheld.text("see http://…/p/5f2a…/")   # 'see …'

    Links and tokens of participants are found wherever they stand, and IBANs by their check digits.
    What was entered into a field for an IBAN or a BIC is left out by the field's name. Labels are
    left out where they let somebody in. Any thread may call.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._secrets = {runtime.world.join_secret}
        self._fields: set[str] = set()
        self._players = self._seen = 0
        """How many players, and up to which event, this knows."""
        self._labels = WithheldLabels(runtime)
        self.refresh()

    def refresh(self) -> bool:
        """Take notice of new players, rooms, and pages that are new or were redefined.

        Returns whether labels are withheld that were not before, or the other way round.
        """
        runtime, world = self._runtime, self._runtime.world
        with world.lock:
            new = list(islice(world.state.players, self._players, None))
            self._secrets.update(map(world.token, new))
            self._players, self._seen = self._players + len(new), world.journal.seq
            pages = runtime.flow.journeys.pages.values()
            self._fields |= set(_bank_fields(map(runtime.flow.forms.fields_of, pages)))
            return self._labels.refresh()

    def event(self, event: Event) -> Event:
        """Return an event as a viewer gets it; what it says of the session's state stays."""
        if event.seq > self._seen:
            self.refresh()
        if event.subject.startswith("room/") or event.kind not in KINDS:
            return event._replace(value=_dumped(HIDDEN))
        if event.field in self._fields and event.kind not in ("call", "code"):
            return event._replace(value=_dumped(_blank(json.loads(event.value))))
        if event.kind in ("join", "arrive"):
            event = self._unlabeled(event)
        hidden = _PARTS.get(event.kind, frozenset()) | self._named_in(event.value)
        value = self._labels.value(event)
        if hidden:
            value = _dumped(_without(json.loads(value), hidden))
        return event._replace(value=self._plain(value), cause=self._plain(event.cause))

    def label(self, label: str | None) -> str:
        """Return a player's label as a viewer gets it; "" if it would let the viewer in."""
        return self._labels.shown(label)

    def value(self, field: str, text: str) -> str:
        """Return a field's value, as text, as a viewer gets it."""
        return HIDDEN if field.rpartition(".")[2] in self._fields else self.text(text)

    def text(self, text: str) -> str:
        """Return a text with … for links, tokens, account numbers, and labels that let one in."""
        return self._labels.text(self._plain(text))

    def _unlabeled(self, event: Event) -> Event:
        """Return an event without the label that somebody came with, if it is withheld."""
        value = json.loads(event.value)
        label = value.get("label") if isinstance(value, dict) else None
        if not label or self.label(label):
            return event
        return event._replace(value=_dumped({**value, "label": None}))

    def _plain(self, text: str) -> str:
        """Return a text, or JSON, with … for links, tokens and account numbers."""
        root = self._runtime.line.url
        if root and root in text:
            text = re.sub(re.escape(root) + _REST, HIDDEN, text)
        if "://" in text:
            text = _ADDRESS.sub(HIDDEN, text)
        text = _HEX.sub(self._hide_tokens, text)
        return _ACCOUNT.sub(_hide_account, text)

    def _named_in(self, value: str) -> frozenset[str]:
        return frozenset(name for name in self._fields if f'"{name}' in value)

    def _hide_tokens(self, found: re.Match[str]) -> str:
        run, at = found[0], 0
        while at + _TOKEN <= len(run):  # digits of an escaped character may stand before a token
            if run[at : at + _TOKEN] in self._secrets:
                run = f"{run[:at]}{HIDDEN}{run[at + _TOKEN :]}"
            at += 1
        return run


def _bank_fields(forms: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the names of the fields for IBANs and BICs."""
    for fields in forms:
        yield from (n for n, f in fields.items() if isinstance(f, (IBANField, BICField)))


def _without(value: Any, names: Collection[str]) -> Any:
    """Return a value with what stands under *names*, at any depth, left blank."""
    if isinstance(value, Mapping):
        return {n: _blank(v) if n in names else _without(v, names) for n, v in value.items()}
    if isinstance(value, list):
        if len(value) == 2 and isinstance(value[0], str) and value[0] in names:
            return [value[0], _blank(value[1])]  # a form's name and text
        return [_without(one, names) for one in value]
    is_nested = isinstance(value, str) and any(f'"{name}"' in value for name in names)
    return _nested(value, names) if is_nested else value


def _nested(text: str, names: Collection[str]) -> str:
    """Return JSON that is a text itself, as the fields of entries are, without what is withheld."""
    try:
        return _dumped(_without(json.loads(text), names))
    except ValueError:
        return text


def _blank(value: Any) -> Any:
    """Return something of the same kind that says nothing, so that a replay can go on."""
    if isinstance(value, str):
        return HIDDEN
    return {} if isinstance(value, Mapping) else [] if isinstance(value, list) else None


def _dumped(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _hide_account(found: re.Match[str]) -> str:
    """Return … for an IBAN at the start of what looks like one, and what follows it."""
    text, known = found[0], ""
    for end, letter in enumerate(text, start=1):
        known += letter if letter.isalnum() else ""
        if _SHORTEST_ACCOUNT <= len(known) <= _LONGEST_ACCOUNT and _is_account(known):
            return HIDDEN + text[end:]
    return text


def _is_account(text: str) -> bool:
    """Return whether a text has an IBAN's check digits."""
    digits = "".join(str(int(letter, 36)) for letter in text[4:] + text[:4])
    return int(digits) % 97 == 1
