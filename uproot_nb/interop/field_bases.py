"""Field bases: the framework's classes for kinds of fields that an app makes from WTForms' own.

class TimeField(RequiredField, wtforms.fields.TimeField):
    pass
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import wtforms
from wtforms.validators import InputRequired, NumberRange, Optional, Regexp, ValidationError

from uproot_nb.experiment import fields
from uproot_nb.forms.parsing import (
    AT_LEAST,
    AT_LEAST_ONE,
    AT_MOST,
    AT_MOST_ONE,
    Wrong,
    read_answer,
    worded,
)

__all__ = [
    "BICValidator", "BoundedChoiceValidator", "EMAIL_PATTERN", "EmailValidator", "IBANValidator",
    "Number", "NumberField", "RangeField", "RequiredField", "TextField", "type_coercer",
]  # fmt: skip

Number = int | float | Decimal
EMAIL_PATTERN = r"[^@\s]+@[^@\s]+\.[^@\s.]+"
DRAWN = (
    "addon_start", "addon_end", "class_addon_start", "class_addon_end", "class_wrapper",
    "label_floating", "breakpoint", "anchoring", "hide_popover", "label_min", "label_max",
    "label_max_min_class_suffix",
)  # fmt: skip
"""Arguments that say how a field is drawn; they become its attributes."""


class EmailValidator(Regexp):
    """Refuses what is no e-mail address."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(rf"{EMAIL_PATTERN}\Z", message=message)


class AnswerValidator:
    """Refuses what one of our own fields would refuse, in its words.

    Args:
        message: other words for it.
    """

    def __init__(self, field: fields.Field, message: str | None = None) -> None:
        self._field, self.message = field, message

    def __call__(self, form: Any, field: Any) -> None:
        given = field.data if isinstance(field.data, (list, tuple)) else [field.data or ""]
        try:
            read_answer(self._field, [str(one) for one in given])
        except Wrong as wrong:
            text = self.message or worded(field.gettext, wrong.text, **wrong.values)
            raise ValidationError(text) from None


class IBANValidator(AnswerValidator):
    """Refuses what is no IBAN. Needs the package schwifty."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(fields.IBANField(label="", optional=True), message)


class BICValidator(AnswerValidator):
    """Refuses what is no BIC. Needs the package schwifty."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(fields.BICField(label="", optional=True), message)


class BoundedChoiceValidator:
    """Refuses fewer than `min` choices, and more than `max`."""

    def __init__(self, min: int, max: int | None) -> None:
        self.min, self.max = min, max

    def __call__(self, form: Any, field: Any) -> None:
        count = len(field.data or ())
        if count < self.min:
            text = AT_LEAST_ONE if self.min == 1 else AT_LEAST
            raise ValidationError(worded(field.gettext, text, min=self.min))
        if self.max is not None and count > self.max:
            text = AT_MOST_ONE if self.max == 1 else AT_MOST
            raise ValidationError(worded(field.gettext, text, max=self.max))


def type_coercer(choices: Iterable[Any]) -> Callable[[Any], Any]:
    """Return what turns the text of a choice into its value, as `coerce` of a SelectField."""
    values = [one[0] if isinstance(one, tuple) and len(one) == 2 else one for one in choices]
    by_text = {str(value): value for value in reversed(values)}  # the first of equal texts counts

    def coerce(chosen: Any) -> Any:
        if str(chosen) not in by_text:
            raise ValueError("This is not one of the choices.")
        return by_text[str(chosen)]

    return coerce


class RequiredField(wtforms.Field):
    """A field that must be answered unless it is `optional`."""

    def __init__(self, *, optional: bool = False, **arguments: Any) -> None:
        needed = [Optional() if optional else InputRequired()]
        drawn = {name: arguments.pop(name) for name in DRAWN if name in arguments}
        arguments["validators"] = [*needed, *arguments.get("validators", ())]
        super().__init__(**arguments)
        vars(self).update(drawn)


class TextField(RequiredField):
    """A text."""


class NumberField(RequiredField):
    """A number from `min` to `max`."""

    def __init__(
        self,
        *,
        min: Number | None = None,
        max: Number | None = None,
        step: Number | None = None,
        render_kw: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> None:
        attributes = {**(render_kw or {}), **({} if step is None else {"step": step})}
        validators = [NumberRange(min, max), *arguments.pop("validators", ())]
        super().__init__(render_kw=attributes, validators=validators, **arguments)


class RangeField(NumberField):
    """A slider."""
