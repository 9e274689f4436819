"""Field descriptions: the meaning of an experiment's data, as the log stores it for codebooks."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from uproot_nb.experiment.declarations import is_wtforms_field
from uproot_nb.experiment.entries import Entry

__all__ = ["describe_entries", "describe_experiment", "describe_fields"]

Descriptions = dict[str, dict[str, Any]]
"""By field: "meaning", "unit", "annotation", "choices" … as JSON."""

_MODULES = re.compile(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])")
_TEXTS = ("description", "label_min", "label_max")
_BOUNDS = ("min", "max")


def describe_experiment(
    namespaces: Iterable[Mapping[str, Any]], types: Iterable[type]
) -> dict[str, Any]:
    """Return the descriptions of an experiment's entries, and those in its dicts `codebook`.

        codebook = {"player.cash": "points left", "session.price": "in euros"}

    Args:
        namespaces: the namespaces of the notebook or apps.
        types: further types of entries.
    """
    spaces = list(namespaces)
    # Cells may define names meanwhile, and proxy objects may refuse isinstance.
    found = [value for names in spaces for value in list(names.values()) if _is_entry(value)]
    codebooks = [names.get("codebook") for names in spaces]
    return {
        "entries": {kind.__name__: describe_entries(kind) for kind in (*types, *found)
                    if _is_entry(kind)},
        "codebook": {
            str(name): str(meaning)
            for one in codebooks if isinstance(one, Mapping) for name, meaning in one.items()
        },
    }  # fmt: skip


def _is_entry(value: Any) -> bool:
    return issubclass(type(value), Entry)


def describe_fields(fields: Mapping[str, Any], page: str) -> Descriptions:
    """Return the labels, help texts, units, choices and bounds of a page's fields.

    Args:
        page: the key of the page.
    """
    return {name: _described(field, page) for name, field in fields.items()}


def _described(field: Any, page: str) -> dict[str, Any]:
    described: dict[str, Any] = {"meaning": _label(field), "asked on": page}
    unit = getattr(field, "addon_end", None) or getattr(field, "addon_start", None)
    choices = getattr(field, "choices", None)
    if unit:
        described["unit"] = str(unit)
    if choices and all(hasattr(choice, "label") for choice in choices):
        described["choices"] = {str(choice.value): str(choice.label) for choice in choices}
    texts = {name: str(getattr(field, name, None) or "") for name in _TEXTS}
    bounds = {name: getattr(field, name, None) for name in _BOUNDS}
    described |= {name: text for name, text in texts.items() if text}
    return described | {name: str(bound) for name, bound in bounds.items() if bound is not None}


def _label(field: Any) -> str:
    if is_wtforms_field(field):  # not bound yet: it has only its arguments
        return str(field.kwargs.get("label") or next(iter(field.args), ""))
    return str(getattr(field, "label", "") or "")


def describe_entries(kind: type) -> Descriptions:
    """Return the annotations of an entry type's fields, each with the type's docstring."""
    doc = (kind.__doc__ or "").strip()
    # A dataclass without a docstring gets its signature as one.
    about = f" ({doc})" if doc and not doc.startswith(f"{kind.__name__}(") else ""
    return {
        field.name: {
            "meaning": f"{field.name} of {kind.__name__}{about}",
            "annotation": _written(field.type),
        }
        for field in dataclasses.fields(kind)
    }


def _written(annotation: Any) -> str:
    """Return an annotation as text: "float", "int | None", "list[int]"."""
    if isinstance(annotation, str):
        return annotation
    plain = isinstance(annotation, type) and not getattr(annotation, "__args__", None)
    return _MODULES.sub("", annotation.__qualname__ if plain else repr(annotation))
