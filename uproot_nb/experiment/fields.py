"""The kinds of field in a page's form, as authors write them.

class Survey(Page):
    fields = dict(
        age=IntegerField(label="How old are you?", min=18, max=100),
        comments=TextAreaField(label="Any comments?", optional=True),
    )
"""

from __future__ import annotations

import datetime as dt
import importlib.util
from collections.abc import Iterable
from typing import Any, ClassVar

from uproot_nb.experiment.bounds import (
    Number,
    check_bounds,
    check_number,
    check_places,
    check_whole,
)
from uproot_nb.experiment.choices import Choice, find_choice, read_choices
from uproot_nb.experiment.declarations import Field, declared
from uproot_nb.experiment.hints import advise

__all__ = [
    "BICField", "BooleanField", "BoundedChoiceField", "DateField", "DecimalField",
    "DecimalRangeField", "EmailField", "Field", "FileField", "FloatField", "FloatRangeField",
    "IBANField", "IntegerField", "LikertField", "RadioField", "SelectField", "StringField",
    "TextAreaField",
]  # fmt: skip

MAX_LENGTH = 100_000
"""The largest number of characters in a text, unless its field sets another."""

YES_OR_NO = read_choices("RadioField", [(True, "Yes"), (False, "No")])
"""The default choices of a RadioField; the labels are translated."""

_MOST_LIKERT_POINTS = 101


@declared
class WithAddons(Field):
    """A question with short texts beside its input."""

    family: ClassVar[str] = "StringField or IntegerField"
    addon_start: str | None = None
    addon_end: str | None = None
    class_addon_start: str = ""
    class_addon_end: str = ""

    _texts = (*Field._texts, "addon_start", "addon_end", "class_addon_start", "class_addon_end")


# ---- texts ----------------------------------------------------------------------------------


@declared
class TextInput(WithAddons):
    """A question answered with text."""

    family: ClassVar[str] = "StringField, TextAreaField or EmailField"
    label_floating: str | None = None
    max_length: int = MAX_LENGTH

    _texts = (*WithAddons._texts, "label_floating")

    def _check(self) -> None:
        limit = self.max_length
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise self.mistake(
                f"max_length={limit!r} is not a positive whole number.", "Write max_length=500."
            )

    def _check_default(self) -> None:
        if not isinstance(self.default, str):
            raise self.mistake(f"its default {self.default!r} is not text.", 'Write default="…".')


@declared
class StringField(TextInput):
    """A line of text, stored as `str`: `StringField(label="Your field of study")`.

    Args:
        addon_start, addon_end: short texts before and after the input.
        class_addon_start, class_addon_end: their CSS classes.
        label_floating: a label inside the input that moves up when the participant types.
        max_length: the largest number of characters.
    """


@declared
class TextAreaField(TextInput):
    """A text of several lines, stored as `str`. Takes the arguments of StringField."""


@declared
class EmailField(TextInput):
    """An email address, stored as `str`. It must have one @ with text on both sides."""


@declared
class BankCode(TextInput):
    """A question for an account or bank; needs the package schwifty."""

    family: ClassVar[str] = "IBANField or BICField"

    def _check(self) -> None:
        super()._check()
        if importlib.util.find_spec("schwifty") is None:
            remedy = "Install it with 'pip install schwifty' and restart the kernel."
            raise self.mistake("it needs the package schwifty, which is missing.", remedy)


@declared
class IBANField(BankCode):
    """An IBAN with valid check digits, stored without spaces. Needs the package schwifty."""


@declared
class BICField(BankCode):
    """A bank's BIC (SWIFT code), stored without spaces. Needs the package schwifty."""


# ---- numbers --------------------------------------------------------------------------------


@declared
class NumberInput(WithAddons):
    """A question answered with a number."""

    family: ClassVar[str] = "IntegerField, DecimalField or FloatField"
    min: Number | None = None
    max: Number | None = None
    step: Number | None = None
    places: int | None = None

    def _check(self) -> None:
        check_bounds(self.mistake, self.min, self.max, self.step)
        check_places(self.mistake, self.places)

    def _check_default(self) -> None:
        check_number(self.mistake, "default", self.default, self.min, self.max)


@declared
class IntegerField(NumberInput):
    """A whole number, stored as `int`: `IntegerField(label="Age", min=18, max=100)`.

    Args:
        min, max: the smallest and the largest number accepted.
        step: answers must be a multiple of it away from `min` (or from 0).
        addon_start, addon_end: short texts before and after the input, such as a unit.
        class_addon_start, class_addon_end: their CSS classes.
    """

    def _check_default(self) -> None:
        super()._check_default()
        check_whole(self.mistake, "default", self.default)


@declared
class DecimalField(NumberInput):
    """A number with decimals, stored exactly, as `Decimal`. Takes the arguments of IntegerField.

    Args:
        places: how many decimals of the default are shown.
    """


@declared
class FloatField(NumberInput):
    """A number with decimals, stored as `float`. Takes the arguments of DecimalField."""


@declared
class Slider(Field):
    """A question answered with a slider."""

    family: ClassVar[str] = "DecimalRangeField or FloatRangeField"
    min: Number | None = 0
    max: Number | None = 100
    step: Number = 1
    label_min: str | None = None
    label_max: str | None = None
    label_max_min_class_suffix: str = "-custom"
    hide_popover: bool = False
    anchoring: bool = True
    breakpoint: int = 768
    places: int | None = None

    _texts = (*Field._texts, "label_max_min_class_suffix")

    def _check(self) -> None:
        self._assign("min", 0 if self.min is None else self.min)
        self._assign("max", 100 if self.max is None else self.max)
        check_bounds(self.mistake, self.min, self.max, self.step)
        check_places(self.mistake, self.places)
        if self.min == self.max:
            raise self.mistake(f"min and max are both {self.min}.", "Choose min < max.")
        for name, bound in (("label_min", self.min), ("label_max", self.max)):
            given = getattr(self, name)
            self._assign(name, str(bound) if given is None else self._text(name, given))

    def _check_default(self) -> None:
        check_number(self.mistake, "default", self.default, self.min, self.max)


@declared
class DecimalRangeField(Slider):
    """A slider, stored as `Decimal`: `DecimalRangeField(label="How sure?", min=0, max=100)`.

    Args:
        min, max, step: the ends of the slider, and the distance between two positions.
        label_min, label_max: the labels below the ends; None: the numbers; "": no label.
        label_max_min_class_suffix: a suffix for the CSS classes of these labels.
        hide_popover: do not show the chosen value.
        anchoring: show a handle from the start. With False it appears when a participant touches
            the slider, and an untouched slider counts as not answered.
        breakpoint: has no effect; accepted for older apps.
    """


@declared
class FloatRangeField(Slider):
    """A slider, stored as `float`. Takes the arguments of DecimalRangeField."""


# ---- choices --------------------------------------------------------------------------------


@declared
class WithChoices(Field):
    """A question with choices."""

    family: ClassVar[str] = "RadioField, SelectField, LikertField or BoundedChoiceField"
    choices: Any = None

    def _check(self) -> None:
        self._assign("choices", read_choices(type(self).__name__, self.choices))

    def _check_default(self) -> None:
        self._find(self.default)

    def _find(self, value: Any) -> Choice:
        found = find_choice(self.choices, value)
        if found is None:
            listed = ", ".join(repr(choice.value) for choice in self.choices[:5])
            what = f"its default {value!r} is not among the choices {listed}."
            raise self.mistake(what, "Use one of the choices as default, or none.")
        return found


@declared
class RadioField(WithChoices):
    """One of several choices, all visible: `RadioField(choices=[(1, "Yes"), (0, "No")])`.

    The value of the choice is stored, with its type. Without choices, they are True and False.

    Args:
        choices: values, (value, label) pairs, or a dict of labels by value.
        layout: "vertical" or "horizontal".
    """

    layout: str = "vertical"

    def _check(self) -> None:
        _check_layout(self, self.layout)
        if self.choices is None:
            self._assign("choices", YES_OR_NO)
        super()._check()


@declared
class SelectField(WithChoices):
    """One choice from a drop-down list. A choice with the value "" counts as no answer.

    A default that is not among the choices chooses nothing, with a warning.
    """

    def _check_default(self) -> None:
        if find_choice(self.choices, self.default) is None:
            what = f"its default {self.default!r} is not among the choices, so none is chosen."
            advise(str(self.mistake(what, "Use one of the choices as default, or none.")))
            self._assign("default", None)


@declared
class LikertField(WithChoices):
    """A rating scale from `min` to `max`, stored as `int`.

        LikertField(label="How satisfied are you?", label_min="Not at all", label_max="Very")

    Args:
        min, max: the ends of the scale.
        label_min, label_max: the labels of the ends.
        choices: labelled points instead of numbers, as in RadioField.
        breakpoint: the width of the window, in pixels, below which labelled points are stacked.
    """

    min: int = 1
    max: int = 7
    label_min: str = ""
    label_max: str = ""
    breakpoint: int = 768

    _texts = (*Field._texts, "label_min", "label_max")

    def _check(self) -> None:
        check_whole(self.mistake, "breakpoint", self.breakpoint)
        if self.choices is None:
            self._assign("choices", self._points())
        super()._check()

    @property
    def is_numeric(self) -> bool:
        """Whether the points are numbers without labels."""
        return all(choice.label == choice.text for choice in self.choices)

    def _points(self) -> range:
        first, last = (
            check_whole(self.mistake, "min", self.min),
            check_whole(self.mistake, "max", self.max),
        )
        if not 1 <= last - first < _MOST_LIKERT_POINTS:
            what = f"a scale from {first} to {last} has {max(0, last - first + 1)} points."
            raise self.mistake(
                what, f"Choose min < max, with {_MOST_LIKERT_POINTS} points at most."
            )
        return range(first, last + 1)


@declared
class BoundedChoiceField(WithChoices):
    """Several choices, at least `min` and at most `max`, stored as a list of values.

    Args:
        choices: as in RadioField.
        min, max: how many may be chosen; None: all.
        layout: "vertical" or "horizontal".
    """

    min: int = 0
    max: int | None = None
    layout: str = "vertical"

    def _check(self) -> None:
        _check_layout(self, self.layout)
        super()._check()
        least = check_whole(self.mistake, "min", self.min)
        most = len(self.choices) if self.max is None else check_whole(self.mistake, "max", self.max)
        if not 0 <= least <= most or most < 1:
            raise self.mistake(
                f"min={least} and max={most} do not fit together.",
                "Choose 0 <= min <= max and max >= 1.",
            )
        if least > len(self.choices):
            what = f"min={least}, but there are {len(self.choices)} choices."
            raise self.mistake(what, "Add choices, or lower min.")

    def _check_default(self) -> None:
        if isinstance(self.default, str) or not isinstance(self.default, Iterable):
            what = f"its default {self.default!r} is not a list of choices."
            raise self.mistake(what, 'Write default=["…"].')
        for value in self.default:
            self._find(value)


# ---- the rest -------------------------------------------------------------------------------


@declared
class BooleanField(Field):
    """One checkbox, stored as True or False: `BooleanField(label="I have read the rules")`.

    An empty box is an answer, False. To require a tick, return an error from `validate`.
    """

    def _check_default(self) -> None:
        if not isinstance(self.default, bool):
            raise self.mistake(
                f"its default {self.default!r} is not True or False.", "Write default=True."
            )


@declared
class DateField(Field):
    """A date, stored as `datetime.date`."""

    def _check_default(self) -> None:
        if not isinstance(self.default, dt.date) or isinstance(self.default, dt.datetime):
            remedy = "Write default=date(2030, 12, 31)."
            raise self.mistake(f"its default {self.default!r} is not a date.", remedy)


@declared
class FileField(Field):
    """An uploaded file. It is not stored; `handle_stealth_fields(page, player, data)` gets it."""

    def _check_default(self) -> None:
        raise self.mistake("it has a default, but a file cannot have one.", "Remove default=.")


def _check_layout(field: Field, layout: str) -> None:
    if layout not in ("vertical", "horizontal"):
        raise field.mistake(
            f"layout={layout!r} is unknown.", 'Write layout="vertical" or "horizontal".'
        )
