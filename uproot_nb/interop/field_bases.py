"""Field bases: the framework's classes for kinds of fields that an app makes from WTForms' own.

class TimeField(RequiredField, wtforms.fields.TimeField):
    pass
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import wtforms
from wtforms.validators import InputRequired, NumberRange, Optional, Regexp

__all__ = [
    "EMAIL_PATTERN", "EmailValidator", "Number", "NumberField", "RangeField", "RequiredField",
    "TextField",
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
