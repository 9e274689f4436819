"""Scrub: what an export leaves out for publication, because it identifies a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import orjson

from uproot_nb.analysis.json_cells import Cell
from uproot_nb.experiment.recruiters import RECRUITERS
from uproot_nb.log.erasing.names_in_texts import NamesInTexts
from uproot_nb.log.events import Event, EventColumns
from uproot_nb.log.state import State

__all__ = ["COLUMNS", "Scrub", "scrub_of"]

COLUMNS = frozenset({"label", "buyer_label", "seller_label", "query"})
"""The columns of players, and of traders, that name a person."""

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_TAG = '"$'
"""How the codec marks a value that JSON lacks."""

Field = tuple[str, str]
"""The kind of subject, and the field."""


@dataclass(frozen=True)
class Scrub:
    """Which texts name a person, and which fields hold one of them.

    Attributes:
        names: labels and recruiters' ids.
        fields: (kind of subject, field).
    """

    names: NamesInTexts
    fields: frozenset[Field]

    def includes(self, kind: str, field: str) -> bool:
        """Return whether to export a field: no value of it has named a person."""
        return (kind, field) not in self.fields

    def page(self, page: EventColumns) -> EventColumns:
        """Return changes with … in the place of words that name a person."""
        return page._replace(value=[self.clean(value) or value for value in page.value])

    def clean(self, cell: Cell) -> Cell:
        """Return JSON with … in the place of words that name a person."""
        if cell is None or '"' not in cell:
            return cell
        return _TEXT.sub(self._hide, cell)

    def _hide(self, found: re.Match[str]) -> str:
        text = found[0]
        if text.startswith(_TAG) and found.string.startswith(":", found.end()):
            return text
        inner = _inner(text)
        is_name = self.names.is_one(inner)
        is_nested = not is_name and _is_json(inner)  # a label may be JSON, too
        cleaned = (self.clean(inner) or "") if is_nested else self.names.hide(inner)
        return text if cleaned == inner else orjson.dumps(cleaned).decode()

    def __str__(self) -> str:
        left = ", ".join(sorted(f"{kind}.{self.names.hide(name)}" for kind, name in self.fields))
        return (
            "Scrubbed: labels, parameters of addresses, recruiters' ids and the notebook are left "
            "out,\nand fields that held a label or an id, or are called after one: "
            f"{left or 'there is none'}.\n"
            "In texts, … stands for a label or an id. Labels that are short numbers are not looked "
            "for there.\nWhat participants wrote in their own words is in here; read it before "
            "you publish.\n"
        )


def scrub_of(state: State, changes: Iterable[Event]) -> Scrub:
    """Return what to leave out, given a session's state and all its changes."""
    scrub = Scrub(NamesInTexts(_names(state)), frozenset())
    if not scrub.names:
        return scrub
    found, copies = set[Field](), _Copies(state)
    for event in changes:
        found.update(_fields(event, scrub))
        copies.take(event)
    return Scrub(scrub.names, frozenset(found | copies.fields))


@dataclass
class _Copies:
    """Fields that hold the label of each player who has them, though it may be an answer, too."""

    state: State
    _held: dict[str, set[str]] = field(default_factory=dict)
    _had: dict[str, set[str]] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Note a change."""
        kind, _, name = event.subject.partition("/")
        player = self.state.players.get(name)
        if kind != "player" or player is None or not player.label:
            return
        self._had.setdefault(event.field, set()).add(name)
        if event.value in (orjson.dumps(player.label).decode(), player.label):
            self._held.setdefault(event.field, set()).add(name)

    @property
    def fields(self) -> set[Field]:
        """The fields of players in which each has had the label."""
        return {("player", name) for name, held in self._held.items() if held == self._had[name]}


def _names(state: State) -> Iterator[str]:
    """Yield the labels and recruiters' ids."""
    parameters = _parameters(state)
    for player in state.players.values():
        yield player.label or ""
        for query in (player.query, *player.past_queries):
            yield from (text for name, text in query.items() if name in parameters)


def _parameters(state: State) -> set[str]:
    """Return the parameters of addresses by which recruiters and rooms name a person."""
    presets = {n for kind in RECRUITERS.values() for n in (*kind.label_from, *kind.parameters)}
    ways = [(room or {}).get("way", {}) for room in state.rooms.values()]
    return presets | {name for way in ways for name in way.get("label_from", ())}


def _fields(event: Event, scrub: Scrub) -> Iterator[Field]:
    """Yield the fields to leave out because of what a change gave them; those of entries, too.

    Words inside a text are hidden, unless a replay of changes in place, or the codec, needs them.
    A field that is called after a person names one in every row.
    """
    kind = event.subject.partition("/")[0]
    if scrub.names.hide(event.field) != event.field:
        yield kind, event.field
    if kind == "model" and event.field == "entries":
        yield from ((kind, name) for name in _keys(_loaded(event.value), scrub.names))
    elif any(map(scrub.names.is_one, _texts(event.value))) or (
        (event.kind != "set" or _TAG in event.value) and scrub.clean(event.value) != event.value
    ):
        yield kind, event.field


def _loaded(value: str) -> object:
    with suppress(ValueError):
        return orjson.loads(value)
    return None


def _inner(text: str) -> str:
    """Return the text that JSON of a text stands for."""
    inner = orjson.loads(text) if "\\" in text else text[1:-1]
    return str(inner)


def _is_json(text: str) -> bool:
    """Return whether a text is JSON of something that may have texts in it."""
    if text[:1] in ("{", "[", '"'):
        with suppress(ValueError):
            orjson.loads(text)
            return True
    return False


def _texts(value: str) -> Iterator[str]:
    """Yield the texts in JSON, also in JSON that is a text itself, as an entry's fields are."""
    for text in map(_inner, _TEXT.findall(value)):
        yield text
        if '"' in text:
            yield from _texts(text)


def _keys(value: object, names: NamesInTexts) -> Iterator[str]:
    """Yield the keys in a value that are a person's name, or under which, at any depth, is one."""
    if isinstance(value, str) and value.startswith("{"):
        yield from _keys(_loaded(value), names)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if names.hide(key) != key:
                yield str(key)
            if any(map(names.is_one, _texts(orjson.dumps(inner).decode()))):
                yield str(key)
                yield from _keys(inner, names)
    elif isinstance(value, list):
        yield from (one for one in value if isinstance(one, str))  # the path to a field
        for inner in value:
            yield from _keys(inner, names)
