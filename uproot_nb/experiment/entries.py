"""Entry: the type of a model's rows, as authors write it."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, cast, dataclass_transform, get_args

from uproot_nb.errors import BadEntry
from uproot_nb.experiment.identifiers import (
    GroupIdentifier,
    ModelIdentifier,
    PlayerIdentifier,
    SessionIdentifier,
)

__all__ = ["Entry", "build_entry", "check_fields", "field_names", "identifiers_in", "values_of"]

RESERVED = frozenset({"id"})
"""Names that an entry's field cannot have; each entry gets an id when it is added."""

_IDENTIFIERS = {
    kind.__name__: kind
    for kind in (PlayerIdentifier, GroupIdentifier, SessionIdentifier, ModelIdentifier)
}
_NAMED = r"(?:\w+\.)*(\w+)"
_OPTIONAL = re.compile(
    rf"{_NAMED}(?:\s*\|\s*None)?|(?:\w+\.)*Optional\[{_NAMED}\]|None\s*\|\s*{_NAMED}"
)
_NOT_TYPES = (bool, int, float, complex, bytes, list, tuple, dict, set)


class _MadeEitherWay(type):
    """Lets `class Offer(Entry)` mean what `class Offer(metaclass=Entry)` does."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> Any:
        if not any(isinstance(base, _MadeEitherWay) for base in bases):
            return super().__new__(cls, name, bases, namespace, **options)
        others = tuple(base for base in bases if not isinstance(base, _MadeEitherWay))
        return Entry(name, others, namespace, **options)


@dataclass_transform(frozen_default=True)
class Entry(type, metaclass=_MadeEitherWay):
    """The type of a model's entries: typed fields, which do not change after an entry is added.

        class Offer(metaclass=Entry):       # or: class Offer(Entry)
            player: PlayerIdentifier        # filled in by add_entry
            price: float
            note: str = ""

    Raises:
        BadEntry: where the class is defined: it has no fields, a field is named `id` or begins
            with an underscore, or an attribute without a type looks like a field.
    """

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> Any:
        _check_annotations(name, namespace)
        made = super().__new__(cls, name, bases, namespace, **options)
        try:
            dataclasses.dataclass(frozen=True)(cast(Any, made))
        except (TypeError, ValueError) as error:
            raise BadEntry(
                name,
                f"{error}.",
                "Put fields with a default last; a default cannot be a list, dict or set.",
            ) from None
        if not field_names(made):
            raise BadEntry(name, "it has no fields.", "Write one per line, such as 'price: float'.")
        return made


def _check_annotations(name: str, namespace: dict[str, Any]) -> None:
    annotations = namespace.get("__annotations__", {})
    for field, annotation in annotations.items():
        if field in RESERVED:
            remedy = "Rename the field, for example to 'number'."
            raise BadEntry(name, f"'{field}' is reserved for the id that every entry gets.", remedy)
        if field.startswith("_"):
            remedy = f"Write '{field.strip('_') or 'price'}'."
            raise BadEntry(name, f"the field '{field}' has a private name.", remedy)
        if isinstance(annotation, _NOT_TYPES):
            remedy = f"Write its type after the colon, as in '{field}: float'."
            raise BadEntry(name, f"'{field}: {annotation!r}' names no type.", remedy)
    for field, value in namespace.items():
        if _looks_like_a_field(field, value) and field not in annotations:
            remedy = f"Write '{field}: {type(value).__name__} = {value!r}'."
            raise BadEntry(name, f"'{field}' has no type, so it would be no field.", remedy)


def _looks_like_a_field(name: str, value: Any) -> bool:
    is_part_of_a_class = callable(value) or hasattr(value, "__get__")
    return not (name.startswith("_") or name.isupper() or is_part_of_a_class)


def _identifier_in(annotation: Any) -> type | None:
    """Return the kind of identifier in an annotation, also in an optional one; else None."""
    if isinstance(annotation, str):
        found = _OPTIONAL.fullmatch(annotation.strip().strip("'\""))
        return _IDENTIFIERS.get(next(filter(None, found.groups()))) if found else None
    kinds = [kind for kind in (get_args(annotation) or (annotation,)) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 and kinds[0] in _IDENTIFIERS.values() else None


# ---- entries, their fields and values ------------------------------------------------------


def field_names(kind: type) -> tuple[str, ...]:
    """Return the names of an entry type's fields, in order."""
    return tuple(field.name for field in dataclasses.fields(kind))


def identifiers_in(kind: type) -> dict[str, type]:
    """Return the fields that `add_entry` fills in, with the kind of identifier each holds."""
    found = {f.name: _identifier_in(f.type) for f in dataclasses.fields(kind) if f.init}
    return {name: kind for name, kind in found.items() if kind is not None}


def values_of(entry: Any) -> dict[str, Any]:
    """Return an entry's fields as a dict."""
    return {name: getattr(entry, name) for name in field_names(type(entry))}


def check_fields(kind: type, given: dict[str, Any]) -> None:
    """Check that *given* are the fields of an entry type.

    Raises:
        BadEntry: a field is unknown or missing.
    """
    known = {field.name: field for field in dataclasses.fields(kind) if field.init}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise BadEntry(
            kind.__name__,
            f"it has no field {_quoted(unknown)}.",
            f"Its fields are {_quoted(known)}.",
        )
    missing = [name for name, field in known.items() if name not in given and _is_required(field)]
    if missing:
        raise BadEntry(
            kind.__name__,
            f"{_quoted(missing)} {'was' if len(missing) == 1 else 'were'} not given.",
            f"Pass {', '.join(f'{name}=…' for name in missing)}.",
        )


def build_entry(kind: type, values: dict[str, Any]) -> Any:
    """Return the entry that was stored as *values*, without running code of the author's class.

    A field that was added to the class since gets its default; a removed one is left out.

    Raises:
        BadEntry: a field without a default was added to the class since.
    """
    entry: Any = object.__new__(kind)
    for field in dataclasses.fields(kind):
        value = values[field.name] if field.name in values else _default_of(kind, field)
        object.__setattr__(entry, field.name, value)
    return entry


def _default_of(kind: type, field: dataclasses.Field[Any]) -> Any:
    if _is_required(field):
        raise BadEntry(
            kind.__name__,
            f"earlier entries have no '{field.name}'.",
            f"Give the field a default: '{field.name}: … = None'.",
        )
    make = field.default_factory
    return field.default if make is dataclasses.MISSING else make()


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _quoted(names: Any) -> str:
    return ", ".join(f"'{name}'" for name in names)
