"""Look: what a template needs to know to draw one field of a form."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import wtforms

from uproot_nb.experiment.bounds import exact
from uproot_nb.experiment.fields import (
    LikertField,
    Slider,
)
from uproot_nb.forms.parsing import AT_LEAST, AT_LEAST_ONE, AT_MOST, AT_MOST_ONE, worded

__all__ = ["Look", "Option"]

BREAKPOINTS = (576, 768, 992, 1200)
"""Window widths (CSS pixels) at which a scale may change from rows to columns."""


class Option(NamedTuple):
    """One radio button, checkbox or list entry."""

    id: str
    text: str
    label: str
    checked: bool


class Look:
    """What the templates ask about a bound field."""

    def __init__(self, field: Any) -> None:
        self.field = field
        self.declaration = getattr(field, "declaration", None)
        self.id: str = field.id
        self.errors: Sequence[str] = field.errors
        self.description: str = field.description or ""
        self.shape = _shape(field)
        self.is_group = self.shape in ("choices", "likert")
        self.required = bool(field.flags.required)
        self.class_wrapper: str = getattr(self.declaration, "class_wrapper", "")

    def __getattr__(self, name: str) -> Any:
        """Ask the declaration for what only some kinds have; None on all others."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.declaration, name, None)

    def say(self, text: str) -> str:
        """Return one of our texts in the participant's language."""
        said: str = self.field.meta.translate(text)
        return said

    @property
    def label(self) -> str:
        """The question, as it is shown; "" if it has none."""
        text: str = self.field.label.text if self.field.label else ""
        return text

    @property
    def spoken(self) -> str:
        """The question, as it is read out; never empty."""
        return self.label or self.label_floating or self.field.name.replace("_", " ")

    @property
    def is_single(self) -> bool:
        """Whether one option at most can be chosen."""
        return self.is_group and not isinstance(self.field, wtforms.SelectMultipleField)

    @property
    def is_optional(self) -> bool:
        """Whether participants are told that they may leave it out."""
        return bool(self.optional) and self.shape != "check"

    @property
    def first_id(self) -> str:
        """The id of the input that a link to the question leads to."""
        return f"{self.id}-0" if self.is_group else self.id

    @property
    def described_by(self) -> str:
        """The ids of what belongs to the input, in the order in which it is read."""
        parts = {
            "start": self.addon_start,
            "end": self.addon_end,
            "errors": self.errors,
            "description": self.description,
        }
        return " ".join(f"{self.id}-{part}" for part, is_there in parts.items() if is_there)

    @property
    def value(self) -> str:
        """The text in the input."""
        text: str = self.field._value()
        return text

    @functools.cached_property
    def options(self) -> list[Option]:
        """The choices, with those marked that are chosen."""
        choices = enumerate(self.field.iter_choices())
        return [
            Option(f"{self.id}-{number}", str(value), label, bool(checked))
            for number, (value, label, checked, *_) in choices
        ]

    @property
    def chosen(self) -> bool:
        """Whether one of the choices is."""
        return any(option.checked for option in self.options)

    @property
    def has_placeholder(self) -> bool:
        """Whether a list needs an entry of ours that stands for no answer."""
        if any(option.text == "" for option in self.options):
            return False
        return not self.required or not self.chosen

    @property
    def stacks_below(self) -> int:
        """The window width below which the points of a scale stand under one another; 0: never."""
        if self.is_numeric and len(self.options) <= 11:
            return 0
        return next((width for width in BREAKPOINTS if width >= self.breakpoint), BREAKPOINTS[-1])

    @property
    def is_untouched(self) -> bool:
        """Whether a slider that starts without a handle still has none."""
        return not self.anchoring and not (self.field.raw_data and self.value)

    @property
    def fraction(self) -> str:
        """Where a slider's handle is, from 0 to 1."""
        try:
            least, most = exact(self.min), exact(self.max)
            at = float((exact(self.field.data) - least) / (most - least))
        except ValueError:
            at = 0.5
        return f"{min(1.0, max(0.0, at)):.4f}"

    @property
    def limits(self) -> dict[str, Any]:
        """What tells a browser how many boxes may be checked, and what to say otherwise."""
        few, many = 0 if self.optional else self.min or 0, self.max
        told: dict[str, Any] = {}
        if few:
            text = AT_LEAST_ONE if few == 1 else AT_LEAST
            told |= {"data-few": few, "data-too-few": worded(self.say, text, min=few)}
        if many is not None and many < len(self.options):
            text = AT_MOST_ONE if many == 1 else AT_MOST
            told |= {"data-many": many, "data-too-many": worded(self.say, text, max=many)}
        return told


def _shape(field: Any) -> str:
    """Return the name of the macro that draws the field's input."""
    declaration = getattr(field, "declaration", None)
    if field.widget is not type(field).widget:
        return "widget"
    if isinstance(declaration, LikertField):
        return "likert"
    if isinstance(declaration, Slider):
        return "slider"
    for shape, kinds in _SHAPES.items():
        if isinstance(field, kinds):
            return shape
    return "line" if declaration is not None else "widget"


_SHAPES: Mapping[str, tuple[type[wtforms.Field], ...]] = {
    "choices": (wtforms.RadioField, wtforms.SelectMultipleField),
    "list": (wtforms.SelectField,),
    "check": (wtforms.BooleanField,),
    "area": (wtforms.TextAreaField,),
}
