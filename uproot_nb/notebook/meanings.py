"""Meanings: what an experiment says of its own data, for the codebook of an export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from uproot_nb.experiment.entries import Entry
from uproot_nb.experiment.pages import Page

__all__ = ["meanings_of"]


def meanings_of(
    pages: Iterable[type[Page]],
    models: Mapping[str, Iterable[type]],
    namespaces: Iterable[Mapping[str, Any]],
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what is known of fields: labels and choices of forms, annotations and docstrings.

    Args:
        models: the entries' classes of each model's table.
        namespaces: where the experiment was written; a dict `codebook` there tells of fields that
            no form asks for: {"player.cash": "points left", "session.price": "in euros"}.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for page in pages:
        fields = getattr(page, "fields", None)
        for name, field in fields.items() if isinstance(fields, Mapping) else ():
            found["player", name] = _asked(page, field)
    for model, kinds in models.items():
        for kind in kinds:
            found |= {(f"models/{model}", name): told for name, told in _annotated(kind)}
    for namespace in namespaces:
        told = namespace.get("codebook")
        for name, meaning in told.items() if isinstance(told, Mapping) else ():
            subject, _, own = str(name).partition(".")
            found[subject, own] = {**found.get((subject, own), {}), "meaning": str(meaning)}
    return found


def _asked(page: type[Page], field: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"meaning": str(getattr(field, "label", "") or ""), "asked on": page.key}
    unit = getattr(field, "addon_end", None)
    choices = getattr(field, "choices", None)
    if unit:
        told["unit"] = str(unit)
    if choices and all(hasattr(choice, "label") for choice in choices):
        told["choices"] = {str(choice.value): str(choice.label) for choice in choices}
    bounds = {end: getattr(field, end, None) for end in ("min", "max")}
    return told | {end: str(bound) for end, bound in bounds.items() if bound is not None}


def _annotated(kind: type) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(kind, Entry):
        return
    about = f" ({kind.__doc__.strip()})" if kind.__doc__ and kind.__doc__.strip() else ""
    for name, annotation in kind.__annotations__.items():
        written = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
        yield name, {"meaning": f"{name} of {kind.__name__}{about}", "annotation": str(written)}
