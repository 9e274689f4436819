"""HTML attributes: their names as templates write them, merged, and written into a tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

__all__ = ["merge_attributes", "named_attributes", "write_attributes"]


def named_attributes(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that keywords mean: `class_`, `aria_label`, `data_unit`."""
    return {_attribute(name): value for name, value in keywords.items()}


def merge_attributes(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Let *theirs* win, but add CSS classes up; None removes an attribute."""
    both = {**ours, **theirs}
    classes = f"{ours.get('class', '')} {theirs.get('class', '')}".strip()
    if classes:
        both["class"] = classes
    return {name: value for name, value in both.items() if value is not None}


def write_attributes(attributes: Mapping[str, Any]) -> Markup:
    """Return the text inside a tag; True writes the name alone, False nothing."""
    parts = []
    for name, value in attributes.items():
        if value is True:
            parts.append(name)
        elif value is not False:
            # What is marked as safe HTML may still contain quotes.
            text = str(escape(value)).replace('"', "&quot;")
            parts.append(f'{name}="{text}"')
    return Markup(" ".join(parts))


def _attribute(name: str) -> str:
    name = name.rstrip("_")
    return name.replace("_", "-") if name.startswith(("data_", "aria_")) else name
