"""Model: a typed, append-only table, stored in the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from uproot_nb.errors import UnknownModel, Unstorable
from uproot_nb.experiment.entries import Entry, build_entry, field_names, values_of
from uproot_nb.experiment.identifiers import ModelIdentifier
from uproot_nb.experiment.randomness import uuid
from uproot_nb.log.codec import Resolve, find_loaded_class
from uproot_nb.log.state import UNCHANGING, Stored
from uproot_nb.session.entities import Entity, EntityWorld, Session
from uproot_nb.session.entry_index import EntryIndex

__all__ = ["ENTRIES", "Model", "Models", "Stamped", "identifier_of", "unknown_model"]

ENTRIES, TYPES, TAG = "entries", "types", "tag"
CACHED_ENTRIES = 20_000
"""Decoded entries cached for each model."""
_OURS = frozenset({ENTRIES, TYPES, TAG})
"""The fields of a model that are not its author's."""


class Stamped(NamedTuple):
    """An entry with its id and the time at which it was added, in Unix seconds."""

    id: UUID
    time: float
    entry: Any


class Model(Entity):
    """A table of entries, with fields of its own like any entity; created by `create_model`.

    It can be stored in any field. `~model` is its identifier.
    """

    __slots__ = ("_index", "_models", "name")
    _kind = "model"
    _index: EntryIndex
    _models: Models
    name: str

    def __init__(self, world: EntityWorld, models: Models, name: str) -> None:
        super().__init__(world, f"model/{name}")
        object.__setattr__(self, "_models", models)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_index", EntryIndex(world.codec.decode))

    @property
    def session(self) -> Session:
        """The session."""
        return self._world.session

    @property
    def tag(self) -> str | None:
        """The tag given to `create_model`."""
        with self._world.lock:
            tag: str | None = self._read(TAG)
            return tag

    @property
    def entries(self) -> list[Stamped]:
        """All entries, oldest first."""
        with self._world.lock:
            return self._at(self._places(None), None)

    @property
    def types(self) -> dict[str, str]:
        """Where each entry type is defined: {"Offer": "__main__:Offer"}."""
        with self._world.lock:
            return dict(self._read(TYPES))

    def fields(self) -> dict[str, Any]:
        """Return the model's own fields (not its entries) with their latest values."""
        with self._world.lock:
            names = [*self._world.state.names(self.subject)]
            return {name: self._read(name) for name in names if name not in _OURS}

    def __len__(self) -> int:
        with self._world.lock:
            return len(self._records())

    def __bool__(self) -> bool:
        return True

    def __invert__(self) -> ModelIdentifier:
        return ModelIdentifier(self._world.name, self.name)

    # ---- entries as the log has them ----

    def _records(self) -> list[dict[str, Any]]:
        """Return the entries: a plain list of plain dicts, never handed out."""
        fields = self._world.state.fields.get(self.subject, {})
        if ENTRIES not in fields:
            raise unknown_model(~self)
        stored = fields[ENTRIES]
        if type(stored) is Stored:
            stored = fields[ENTRIES] = stored.read(self._world.codec)
        records: list[dict[str, Any]] = stored
        return records

    def _indexed(self) -> EntryIndex:
        self._index.catch_up(self._records())
        return self._index

    def _append(self, kind: str, fields: str, event: str = "append") -> UUID:
        """Log one entry as one small event, however long the table is."""
        world, identifier = self._world, uuid()
        records = self._records()
        # The fields stay JSON text, so that neither a replay nor a snapshot has to decode them.
        record = {
            "id": str(identifier), "time": world.journal.clock(), "type": kind, "fields": fields,
        }  # fmt: skip
        text = orjson.dumps({"path": [], "values": [record]}).decode()  # texts and a number
        world.journal.write(event, self.subject, ENTRIES, text)
        list.append(records, record)
        return identifier

    def _add(self, entry: Any, event: str = "append") -> UUID:
        """Log an entry with its type, or any other value as it is."""
        kind = type(entry)
        if not isinstance(kind, Entry):
            return self._append(kind.__name__, self._encoded(kind, identifier_of(entry)), event)
        values = {name: identifier_of(value) for name, value in values_of(entry).items()}
        text = self._encoded(kind, values)
        self._note_type(kind)
        return self._append(kind.__name__, text, event)

    def _encoded(self, kind: type, value: Any) -> str:
        """Return an entry's text; an error names the field that cannot be stored."""
        encode = self._world.codec.encode
        try:
            return encode(value)
        except Unstorable as error:
            for name, part in value.items() if type(value) is dict else ():
                try:
                    encode(part)
                except Unstorable as refusal:
                    raise refusal.at(f"{kind.__name__}.{name}") from None
            raise error.at(f"{self.subject}.{ENTRIES}") from None

    def _note_type(self, kind: type) -> None:
        """Log where an entry type is defined, so that its entries can be read without it."""
        self._models.types[kind.__name__] = kind
        home = f"{kind.__module__}:{kind.__qualname__}"
        types = self._read(TYPES)
        if types.get(kind.__name__) != home:
            types[kind.__name__] = home

    def _stamped(self, record: dict[str, Any], kind: type | None) -> Stamped:
        values = self._world.codec.decode(record["fields"])
        entry = values if kind is None else build_entry(kind, values)
        return Stamped(UUID(record["id"]), record["time"], entry)

    def _type_of(self, record: dict[str, Any]) -> type | None:
        """Return an entry's class; None if it was added raw or its class is not defined here."""
        home = self._read(TYPES).get(record["type"])
        return None if home is None else self._models.type_named(record["type"], home)

    def _places(self, kind: type | None) -> Sequence[int]:
        """Return the places of a type's entries; a dict with exactly its fields counts as one."""
        index = self._indexed()
        if kind is None:
            return range(len(index.records))
        found = index.of_type(kind.__name__)
        fitting = self._fitting_dicts(kind)
        return sorted((*found, *fitting)) if fitting else found

    def _fitting_dicts(self, kind: type) -> list[int]:
        dicts = self._index.of_type("dict") if isinstance(kind, Entry) else ()
        if not dicts:
            return []
        records, decode = self._records(), self._world.codec.decode
        names = set(field_names(kind))
        return [place for place in dicts if set(decode(records[place]["fields"])) == names]

    def _is_of(self, place: int, kind: type) -> bool:
        return bool(self._records()[place]["type"] == kind.__name__)

    def _at(self, places: Iterable[int], kind: type | None) -> list[Stamped]:
        records, read = self._records(), self._index.read
        if kind is None:
            return [self._stamped(r, self._type_of(r)) for r in map(records.__getitem__, places)]
        made = kind if isinstance(kind, Entry) else None
        rows = []
        for place in places:
            row = read.get(place)
            if row is None or type(row.entry) is not kind:
                row = self._stamped(records[place], made)
                if _is_lasting(row.entry):
                    read[place] = row
            rows.append(row)
        if len(read) > CACHED_ENTRIES:
            read.clear()
        return rows


class Models:
    """The models of one session, and the entry types that its code uses."""

    def __init__(self, world: EntityWorld, resolve: Resolve | None = None) -> None:
        self._world, self._resolve = world, resolve or find_loaded_class
        self._handles: dict[str, Model] = {}
        self._numbers: Counter[str] = Counter()
        self.types: dict[str, type] = {}
        self.bound: dict[str, Any] = {}
        """Objects derived from a model's entries (such as a market), by the model's name."""
        self.indexes: dict[str, Any] = {}
        """What is derived from several models (such as the markets of a period), by its name."""
        self.listeners: dict[str, Callable[..., Any]] = {}
        """Functions registered by `chat.on_message`, by their name in the log."""

    def get(self, name: str) -> Model | None:
        """Return the model of that name; None if there is none."""
        if ENTRIES not in self._world.state.fields.get(f"model/{name}", ()):
            return None
        handle = self._handles.get(name)
        if handle is None:
            handle = self._handles[name] = Model(self._world, self, name)
        return handle

    def create(self, tag: str | None, name: str | None = None) -> Model:
        """Create an empty model; *name*, if given, must be free."""
        world, name = self._world, name or self._free_name("model" if tag is None else tag)
        subject = f"model/{name}"
        world.journal.write("set", subject, ENTRIES, "[]")
        world.state.fields.setdefault(subject, {})[ENTRIES] = []
        model = self.get(name)
        assert model is not None
        model._set(TYPES, {})
        model._set(TAG, tag)
        return model

    def having(self, field: str) -> list[Model]:
        """Return the models that have a field."""
        subjects = [name for name, own in self._world.state.fields.items() if field in own]
        names = [name.removeprefix("model/") for name in subjects if name.startswith("model/")]
        return [model for name in names if (model := self.get(name)) is not None]

    def type_named(self, name: str, home: str) -> type | None:
        """Return the newest class of that name; None if it is not defined (any more)."""
        module, _, qualname = home.partition(":")
        found = self._resolve(module, qualname) or self.types.get(name)
        return found if isinstance(found, Entry) else None

    def _free_name(self, tag: str) -> str:
        while True:
            number = self._numbers[tag]
            self._numbers[tag] += 1
            name = tag if not number else f"{tag}_{number + 1}"
            if f"model/{name}" not in self._world.state.fields:
                return name


def _is_lasting(entry: Any) -> bool:
    """Return whether an entry is immutable, so that it can be cached."""
    kinds = map(type, vars(entry).values()) if isinstance(type(entry), Entry) else (type(entry),)
    return all(kind in UNCHANGING for kind in kinds)


def identifier_of(value: Any) -> Any:
    """Return the identifier of a player, group, session or model, and any other value as it is."""
    return ~value if isinstance(value, Entity) else value  # type: ignore[operator]


def unknown_model(model: ModelIdentifier) -> UnknownModel:
    """Return the error for an identifier of a model that does not exist."""
    what = f"session '{model.session}' has no model '{model.name}'."
    return UnknownModel(model, what, "Make one with create_model(session).")
