"""TranslatedFields: fields with their texts in the participant's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as parts_of
from dataclasses import replace
from typing import Any

from markupsafe import Markup

from uproot_nb.experiment.declarations import Field
from uproot_nb.experiment.fields import LikertField
from uproot_nb.languages.catalogs import Catalogues

__all__ = ["TranslatedFields"]

READ_PARTS = (
    "label", "description", "label_min", "label_max", "label_floating", "addon_start", "addon_end",
)  # fmt: skip
"""The parts of a field that participants read, besides its choices."""

MOST_REMEMBERED = 2_000
"""The limit of remembered fields: a hook may make new ones at each page."""


class TranslatedFields:
    """Translates fields and remembers them, so that forms of the same fields stay the same."""

    def __init__(self) -> None:
        self._translated: dict[tuple[int, str], tuple[Field, Catalogues, Field]] = {}

    def translate(
        self,
        fields: Mapping[str, Any],
        language: str,
        catalogues: Catalogues,
        are_of_app: bool = False,
    ) -> Mapping[str, Any]:
        """Return the fields with their labels, descriptions and choices translated.

        Args:
            are_of_app: a loaded app has them, whose descriptions are HTML, as in the framework.
        """
        if not catalogues.own and not are_of_app:
            return fields
        return {
            name: self._translate(field, language, catalogues, are_of_app)
            for name, field in fields.items()
        }

    def _translate(
        self, field: Any, language: str, catalogues: Catalogues, are_of_app: bool
    ) -> Any:
        if not isinstance(field, Field):
            return field  # an author's own WTForms field brings its texts
        key = (id(field), language)
        known = self._translated.get(key)
        if known is None or known[0] is not field or known[1] is not catalogues:
            if len(self._translated) >= MOST_REMEMBERED:
                self._translated.clear()
            known = self._translated[key] = (
                field,
                catalogues,
                _translated(field, language, catalogues, are_of_app),
            )
        return known[2]


def _translated(field: Field, language: str, catalogues: Catalogues, is_of_app: bool) -> Field:
    changed: dict[str, Any] = {}
    for part in parts_of(field):
        text = getattr(field, part.name)
        if part.name in READ_PARTS and isinstance(text, str) and text:
            changed[part.name] = catalogues.translate(text, language)
    choices = getattr(field, "choices", None)
    if choices is not None and not isinstance(field, LikertField):
        changed["choices"] = tuple(
            choice._replace(label=catalogues.translate(choice.label, language))
            for choice in choices
        )
    changed = {name: value for name, value in changed.items() if value != getattr(field, name)}
    description = changed.get("description", getattr(field, "description", ""))
    if is_of_app and isinstance(description, str) and description:
        changed["description"] = Markup(description)
    return replace(field, **changed) if changed else field
