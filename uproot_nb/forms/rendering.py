"""Drawing forms: the HTML of each field, from our own templates.

Every input has an accessible name, is tied to its errors and help, and works with a keyboard, on
a phone, and in either direction of writing. `static/forms.js` only adds comfort.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from copy import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

from markupsafe import Markup

from uproot_nb.experiment.bounds import exact
from uproot_nb.experiment.fields import (
    MAX_LENGTH,
    BankCode,
    EmailField,
    FileField,
    IntegerField,
    NumberInput,
    TextInput,
)
from uproot_nb.experiment.numbers import POINT, decimal_sign, number_text, thousands_signs
from uproot_nb.forms.attributes import merge_attributes, named_attributes, write_attributes
from uproot_nb.forms.field_view import FieldView
from uproot_nb.forms.parsing import MOVE_SLIDER, answer_text

__all__ = ["draw", "draw_errors", "draw_field", "draw_likert_grid"]

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
UNTOUCHED = "No answer yet"
WIDGET_CLASSES = {
    "CheckboxInput": "form-check-input",
    "Select": "form-select",
    "ListWidget": "uproot-widget-list",
}
"""CSS classes of WTForms' widgets, by name, so that it need not be loaded."""


def draw(view: FieldView, extra: Mapping[str, Any]) -> Markup:
    """Draw a field's input, without its label, as `{{ form.age }}` does."""
    given = named_attributes(view.render_kw or {})
    authors = merge_attributes(given, named_attributes(extra))
    if view.shape == "widget":
        return Markup(view.draw_widget(merge_attributes(_for_widget(view), authors)))
    macro = getattr(_macros(), "choices" if view.shape == "boxes" else view.shape)
    if view.is_group:
        return Markup(macro(view, authors.pop("class", ""), write_attributes(authors)))
    attributes = merge_attributes(_own(view), authors)
    if attributes.get("type") == "number" and isinstance(view.declaration, NumberInput):
        # An author's wish: then the browser writes numbers.
        attributes["value"] = answer_text(view.declaration, view.data, POINT)
    return Markup(macro(view, write_attributes(attributes)))


def draw_field(view: FieldView) -> Markup:
    """Draw a whole question: label, input, help and errors."""
    return Markup(_macros().field(view, draw(view, {})))


def draw_errors(form_errors: Sequence[str], views: Sequence[FieldView], title: str) -> Markup:
    """Draw the list of errors, with links to the questions; nothing if there are none."""
    wrong = [view for view in views if view.errors]
    if not wrong and not form_errors:
        return Markup("")
    return Markup(_macros().errors(title, form_errors, wrong))


def draw_likert_grid(views: Sequence[FieldView]) -> Markup:
    """Draw several scales as the rows of one grid, which folds on narrow windows."""
    rows = [copy(view) for view in views]  # the same question may be drawn by itself, too
    for row in rows:
        row.id = f"{row.id}-in-grid"
    return Markup(_macros().likert_grid(rows))


@functools.cache
def _macros() -> Any:
    # lazy: `import uproot_nb` needs no Jinja
    import jinja2

    # What only some kinds of fields declare is undefined for all others: not strict.
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("Fields.html").module


# ---- attributes -----------------------------------------------------------------------------


def _for_widget(view: FieldView) -> dict[str, Any]:
    """Return the attributes that any input needs, also one that a widget draws."""
    # A browser would suggest what was typed elsewhere, or by whoever sat here before.
    attributes: dict[str, Any] = {"class": _input_class(view)}
    if "uproot-widget-list" not in attributes["class"]:
        attributes["autocomplete"] = "off"
    if view.described_by:
        attributes["aria-describedby"] = view.described_by
    if view.errors:
        attributes["aria-invalid"] = "true"
    if view.required:
        attributes["required"] = True
    floating = view.declared("label_floating")
    if not view.label.text and not floating:
        attributes["aria-label"] = view.accessible_name
    elif view.label.text and floating:
        attributes["aria-labelledby"] = f"{view.id}-label {view.id}-floating"
    if floating:
        attributes["placeholder"] = " "  # by which Bootstrap knows that the input is empty
    return attributes


def _input_class(view: FieldView) -> str:
    if view.shape == "slider":
        return "form-range"
    kind = {"check": "form-check-input", "list": "form-select"}.get(view.shape, "form-control")
    if view.shape == "widget":
        names = (ancestor.__name__ for ancestor in type(view.widget).__mro__)
        kind = next((WIDGET_CLASSES[name] for name in names if name in WIDGET_CLASSES), kind)
    is_list = kind == "uproot-widget-list"
    return f"{kind} is-invalid" if view.errors and not is_list else kind


def _own(view: FieldView) -> dict[str, Any]:
    attributes = {"id": view.id, "name": view.name, **_for_widget(view)}
    if view.shape == "check":
        return attributes | {"type": "checkbox", "value": "True", "checked": bool(view.data)}
    if view.shape in ("list", "area"):
        return attributes | _limit(view)
    if view.shape == "slider":
        return attributes | _slider(view)
    return attributes | _line(view)


def _line(view: FieldView) -> dict[str, Any]:
    declaration = view.declaration
    if isinstance(declaration, NumberInput):
        return _number(view, declaration)
    if isinstance(declaration, BankCode):
        keyboard = {"autocapitalize": "characters", "spellcheck": "false"}
        return {"type": "text", "value": view.value, **keyboard}
    if isinstance(declaration, EmailField):
        return {"type": "email", "value": view.value, **_limit(view)}
    if isinstance(declaration, TextInput):
        return {"type": "text", "value": view.value, **_limit(view)}
    if isinstance(declaration, FileField):
        return {"type": "file"}
    return {"type": "date", "value": view.value}


def _limit(view: FieldView) -> dict[str, Any]:
    limit = view.declared("max_length")
    return {} if limit is None or limit >= MAX_LENGTH else {"maxlength": limit}


def _number(view: FieldView, field: NumberInput) -> dict[str, Any]:
    """Return the attributes of an input for numbers: of type "text", for "number" drops commas.

    Bots and scripts read the bounds and the step; the server checks the answer.
    """
    # The number pad of some phones has no minus: it is for what cannot be negative.
    pad = "numeric" if isinstance(field, IntegerField) else "decimal"
    is_positive = field.min is not None and field.min >= 0
    return {
        "type": "text",
        "value": view.value,
        "inputmode": pad if is_positive else None,
        "min": None if field.min is None else number_text(field.min),
        "max": None if field.max is None else number_text(field.max),
        "step": _step(field, answer_text(field, view.data, POINT)),
        "data-decimal-sign": decimal_sign(view.language),
        "data-thousands": thousands_signs(view.language),
        "data-whole": isinstance(field, IntegerField),
    }


def _step(field: NumberInput, value: str) -> str:
    """Return the step; "any" where a browser would count it from the value, having no min."""
    step = 1 if field.step is None and isinstance(field, IntegerField) else field.step
    if step is None:
        return "any"
    try:
        offset = Decimal(value) % exact(step) if value and field.min is None else 0
    except ArithmeticError:  # there is no such number
        return "any"
    return "any" if offset else number_text(step)


def _slider(view: FieldView) -> dict[str, Any]:
    field = view.declaration
    attributes: dict[str, Any] = {
        "type": "range",
        "min": number_text(field.min),
        "max": number_text(field.max),
        "step": number_text(field.step),
        "aria-invalid": "true" if view.errors else None,
    }
    if not view.is_untouched:
        return {**attributes, "value": view.value or None}
    # No form has this id, so the slider posts nothing; forms.js moves it into the page's form.
    attributes |= {"form": "uproot-untouched", "required": None}
    attributes |= {"data-untouched": True, "aria-valuetext": view.gettext(UNTOUCHED)}
    attributes["data-unanswered"] = attributes["aria-valuetext"]
    if view.required:
        attributes["data-missing"] = view.gettext(MOVE_SLIDER)
    return attributes
