"""WTForms fields: those that authors write themselves, in a form of ours.

Imported only for a page that has one, or whose fields have validators; then the author has
imported WTForms already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, cast

import wtforms
from wtforms.form import BaseForm
from wtforms.meta import DefaultMeta
from wtforms.validators import StopValidation, ValidationError

from uproot_nb.experiment.fields import MAX_LENGTH
from uproot_nb.forms.field_view import FieldView
from uproot_nb.forms.parsing import TOO_LONG, worded
from uproot_nb.forms.posted import Posted
from uproot_nb.forms.rendering import draw

__all__ = ["AdaptedField", "bind", "run_validators"]

SHAPES: Mapping[type[wtforms.Field], str] = {
    wtforms.RadioField: "choices",
    wtforms.SelectMultipleField: "boxes",
    wtforms.SelectField: "list",
    wtforms.BooleanField: "check",
    wtforms.TextAreaField: "area",
}
"""Kinds that are drawn as our own; subclasses come before their parents."""


def bind(
    fields: Mapping[str, Any],
    form: MutableMapping[str, Any],
    values: Mapping[str, Any],
    posted: Posted | None,
    translate: Callable[[str], str],
) -> None:
    """Put the author's *fields* into *form*, filled with *values* or with what was *posted*."""
    inner = BaseForm(fields, meta=_Meta(translate))
    if posted is not None:
        posted.clean(fields)
    inner.process(posted, data={name: values[name] for name in fields if name in values})
    form.update(inner._fields)
    inner._fields = cast("Any", form)  # choices may be a function of the whole form


def run_validators(
    validators: Sequence[Callable[[Any, Any], Any]], form: Any, field: Any, errors: list[str]
) -> None:
    """Run validators on a field of ours as WTForms does, and add what they refuse to *errors*."""
    for validator in validators:
        try:
            validator(form, field)
        except StopValidation as stop:
            errors += [str(text) for text in stop.args[:1] if text]
            return
        except ValidationError as error:
            errors.append(str(error))


class AdaptedField(FieldView):
    """An author's WTForms field, as our forms and templates use fields."""

    def __init__(self, field: wtforms.Field) -> None:
        shapes = (shape for kind, shape in SHAPES.items() if isinstance(field, kind))
        has_own_widget = field.widget is not type(field).widget
        self.shape = "widget" if has_own_widget else next(shapes, "widget")
        self.field, self.takes_files = field, isinstance(field, wtforms.FileField)
        self.id, self.description = field.id, field.description or ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["field"], name)

    def draw_widget(self, attributes: Mapping[str, Any]) -> Any:
        """Let the field's widget draw the input."""
        return self.field.widget(self.field, **attributes)

    def validate(self, form: Any) -> bool:
        """Check what was posted, whatever it is; return whether it is valid."""
        texts = [text for text in self.field.raw_data or () if isinstance(text, str)]
        try:
            valid = self.field.validate(form)
        except (ValueError, ArithmeticError, TypeError) as error:
            return self._refuse(str(error))
        if any(len(text) > MAX_LENGTH for text in texts):
            return self._refuse(worded(self.field.gettext, TOO_LONG, max=MAX_LENGTH))
        return valid

    def _refuse(self, text: str) -> bool:
        self.field.data, self.field.errors = None, [*self.field.errors, text]
        return False


class _Meta(DefaultMeta):
    """How WTForms' fields are worded and drawn in a form of ours."""

    def __init__(self, translate: Callable[[str], str]) -> None:
        self.gettext = translate

    def get_translations(self, form: BaseForm) -> Any:
        return self

    def ngettext(self, one: str, many: str, count: int) -> str:
        return self.gettext(one if count == 1 else many)

    def render_field(self, field: wtforms.Field, render_kw: Any) -> Any:
        return draw(AdaptedField(field), render_kw)
