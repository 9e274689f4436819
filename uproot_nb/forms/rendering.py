"""Drawing forms: what participants see of each field, from our own templates.

Every input has a name that is read out, errors and help that belong to it, and works with a
keyboard, on a phone, and in either direction of writing. `static/forms.js` only adds comfort.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import jinja2
import wtforms
from markupsafe import Markup, escape

from uproot_nb.experiment.bounds import exact
from uproot_nb.experiment.fields import (
    MAX_LENGTH,
    BankCode,
    EmailField,
    IntegerField,
    NumberInput,
    TextInput,
)
from uproot_nb.experiment.numbers import number_text
from uproot_nb.forms.field_view import Look
from uproot_nb.forms.parsing import MOVE_SLIDER

__all__ = ["draw", "draw_errors", "draw_field", "draw_likert_grid"]

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
UNTOUCHED = "No answer yet"


def draw(field: Any, extra: Mapping[str, Any]) -> Markup:
    """Draw a field's input, without its label, as `{{ form.age }}` does."""
    look = Look(field)
    authors = _merged(_authors(field), {_attribute(k): v for k, v in extra.items()})
    if look.shape == "widget":
        drawn = field.widget(field, **_merged(_for_widget(look), authors))
        return Markup(drawn)
    macro = getattr(_macros(), look.shape)
    if look.is_group:
        return Markup(macro(look, authors.pop("class", ""), _written(authors)))
    attributes = _merged(_own(look), authors)
    if attributes.get("type") == "number" and isinstance(look.declaration, NumberInput):
        attributes["value"] = field.html_value()  # an author's wish: the browser writes numbers
    return Markup(macro(look, _written(attributes)))


def draw_field(field: Any) -> Markup:
    """Draw a whole question: label, input, help and errors."""
    return Markup(_macros().field(Look(field), field()))


def draw_errors(form_errors: Sequence[str], fields: Sequence[Any], title: str) -> Markup:
    """Draw the list of what is wrong, with links to the questions; nothing if all is well."""
    looks = [Look(field) for field in fields if field.errors]
    if not looks and not form_errors:
        return Markup("")
    return Markup(_macros().errors(title, form_errors, looks))


def draw_likert_grid(fields: Sequence[Any]) -> Markup:
    """Draw several scales as the rows of one grid, which folds on narrow windows."""
    looks = [Look(field) for field in fields]
    for look in looks:
        look.id = f"{look.id}-in-grid"  # the same question may stand by itself, too
    return Markup(_macros().likert_grid(looks))


@functools.cache
def _macros() -> Any:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("Fields.html").module


# ---- attributes -----------------------------------------------------------------------------


def _authors(field: Any) -> dict[str, Any]:
    """Return what the author wrote into render_kw."""
    return {_attribute(name): value for name, value in (field.render_kw or {}).items()}


def _attribute(name: str) -> str:
    """Return the attribute that a keyword means: `class_`, `aria_label`, `data_unit`."""
    name = name.rstrip("_")
    return name.replace("_", "-") if name.startswith(("data_", "aria_")) else name


def _merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Let *theirs* win, save that CSS classes add up."""
    both = {**ours, **theirs}
    classes = f"{ours.get('class', '')} {theirs.get('class', '')}".strip()
    if classes:
        both["class"] = classes
    return {name: value for name, value in both.items() if value is not None}


def _written(attributes: Mapping[str, Any]) -> Markup:
    """Write HTML attributes; True writes the name alone, False nothing."""
    parts = []
    for name, value in attributes.items():
        if value is True:
            parts.append(name)
        elif value is not False:
            # What is marked as safe HTML may still hold quotes.
            text = str(escape(value)).replace('"', "&quot;")
            parts.append(f'{name}="{text}"')
    return Markup(" ".join(parts))


def _for_widget(look: Look) -> dict[str, Any]:
    """Return what any input needs, whoever draws it."""
    told: dict[str, Any] = {"class": _input_class(look)}
    if look.described_by:
        told["aria-describedby"] = look.described_by
    if look.errors:
        told["aria-invalid"] = "true"
    if look.required:
        told["required"] = True
    if not look.label and not look.label_floating:
        told["aria-label"] = look.spoken
    elif look.label and look.label_floating:
        told["aria-labelledby"] = f"{look.id}-label {look.id}-floating"
    if look.label_floating:
        told["placeholder"] = " "  # by which Bootstrap knows that the input is empty
    return told


def _input_class(look: Look) -> str:
    if look.shape == "slider":
        return "form-range"
    widget = getattr(look.field, "widget", None)
    if look.shape == "check" or isinstance(widget, wtforms.widgets.CheckboxInput):
        kind = "form-check-input"
    elif look.shape == "list" or isinstance(widget, wtforms.widgets.Select):
        kind = "form-select"
    elif isinstance(widget, wtforms.widgets.ListWidget):
        return "uproot-widget-list"
    else:
        kind = "form-control"
    return f"{kind} is-invalid" if look.errors else kind


def _own(look: Look) -> dict[str, Any]:
    told = {"id": look.id, "name": look.field.name, **_for_widget(look)}
    if look.shape == "check":
        return told | {"type": "checkbox", "value": "True", "checked": bool(look.field.data)}
    if look.shape in ("list", "area"):
        return told | _limit(look)
    if look.shape == "slider":
        return told | _slider(look)
    return told | _line(look)


def _line(look: Look) -> dict[str, Any]:
    declaration = look.declaration
    if isinstance(declaration, NumberInput):
        return _number(look)
    if isinstance(declaration, BankCode):
        told = {"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        return {"type": "text", "value": look.value, **told}
    if isinstance(declaration, EmailField):
        return {"type": "email", "value": look.value, "autocomplete": "email", **_limit(look)}
    if isinstance(declaration, TextInput):
        return {"type": "text", "value": look.value, **_limit(look)}
    if isinstance(look.field, wtforms.FileField):
        return {"type": "file"}
    return {"type": "date", "value": look.value, "autocomplete": "off"}


def _limit(look: Look) -> dict[str, Any]:
    is_own = look.max_length is not None and look.max_length < MAX_LENGTH
    return {"maxlength": look.max_length} if is_own else {}


def _number(look: Look) -> dict[str, Any]:
    """Return what an input for numbers has: text, for inputs of type "number" drop commas.

    The bounds and the step tell bots and scripts what fits; the server checks.
    """
    # The number pad of some phones has no minus: it is for what cannot be negative.
    pad = "numeric" if isinstance(look.declaration, IntegerField) else "decimal"
    is_positive = look.min is not None and look.min >= 0
    return {
        "type": "text",
        "value": look.value,
        "autocomplete": "off",
        "inputmode": pad if is_positive else None,
        "min": None if look.min is None else number_text(look.min),
        "max": None if look.max is None else number_text(look.max),
        "step": _step(look),
        "data-decimal-sign": look.field.meta.decimal_sign,
    }


def _step(look: Look) -> str:
    """Return the step, which browsers count from min, else from the first value: then any."""
    whole = isinstance(look.declaration, IntegerField)
    step = 1 if look.step is None and whole else look.step
    if step is None:
        return "any"
    value = look.field.html_value()
    try:
        offset = Decimal(value) % exact(step) if value and look.min is None else 0
    except ArithmeticError:  # there is no such number
        return "any"
    return "any" if offset else number_text(step)


def _slider(look: Look) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": "range",
        "min": number_text(look.min),
        "max": number_text(look.max),
        "step": number_text(look.step),
        "autocomplete": "off",
        "aria-invalid": "true" if look.errors else None,
    }
    if not look.is_untouched:
        return {**told, "value": look.value or None}
    # It belongs to a form that is not there, so that it posts nothing; forms.js takes it home.
    told |= {"form": "uproot-untouched", "required": None}
    told |= {"data-untouched": True, "aria-valuetext": look.say(UNTOUCHED)}
    told["data-unanswered"] = told["aria-valuetext"]
    if look.required:
        told["data-missing"] = look.say(MOVE_SLIDER)
    return told
