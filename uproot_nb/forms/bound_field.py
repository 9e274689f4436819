"""BoundField: one question of a form, with its answer and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from uproot_nb.experiment.declarations import Field
from uproot_nb.experiment.fields import (
    YES_OR_NO,
    BooleanField,
    BoundedChoiceField,
    FileField,
    LikertField,
    NumberInput,
    RadioField,
    SelectField,
    Slider,
    TextAreaField,
)
from uproot_nb.experiment.numbers import POINT, decimal_sign
from uproot_nb.forms.attributes import merge_attributes, named_attributes, write_attributes
from uproot_nb.forms.field_view import FieldView
from uproot_nb.forms.parsing import (
    CHOOSE_FILE,
    HTML_NUMBERS,
    Wrong,
    answer_text,
    read_answer,
    storable,
    worded,
)
from uproot_nb.forms.posted import Posted
from uproot_nb.forms.rendering import draw
from uproot_nb.forms.uploads import UploadedFile

__all__ = ["BoundField"]

SHAPES: Mapping[type[Field], str] = {
    LikertField: "likert",
    RadioField: "choices",
    BoundedChoiceField: "boxes",
    SelectField: "list",
    BooleanField: "check",
    TextAreaField: "area",
    Slider: "slider",
}
"""How kinds of fields are drawn; all others are a "line"."""


class BoundField(FieldView):
    """A declared field in a form: `form.age.data`, `form.age.errors`, `{{ form.age }}`.

    Templates, validators and WTForms' widgets can use it as a WTForms field. A question with
    options can be iterated: each option has a `label` and draws its input.

    Args:
        translate: returns one of our texts in the participant's language.
        language: of the page, which decides how its numbers are written.
    """

    def __init__(
        self, name: str, declaration: Field, translate: Callable[[str], str], language: str
    ) -> None:
        self.name = self.short_name = self.id = name
        self.declaration: Any = declaration
        self.gettext, self.language = translate, language
        self.type = type(declaration).__name__
        self.shape = "widget" if declaration.widget is not None else _shape(type(self.declaration))
        is_radio = isinstance(declaration, (RadioField, LikertField))
        self.label = FieldLabel(False if is_radio else name, declaration.label)
        self.description, self.default = declaration.description, declaration.default
        self.render_kw = dict(declaration.render_kw or {})
        self.widget, self.validators = declaration.widget, declaration.validators or ()
        self.flags = _flags(*self.validators, self.widget)
        is_choice = isinstance(declaration, (BooleanField, BoundedChoiceField))
        if not declaration.optional and not is_choice:
            self.flags.required = True
        self.data = self.object_data = None
        self.raw_data = None
        self.errors = ()
        self.process_errors: list[str] = []

    def fill(self, value: Any, posted: Posted | None) -> None:
        """Take what was *posted* as the answer; without a form, show *value*."""
        self.object_data = value
        self.data = UploadedFile() if self.takes_files else value
        try:
            if posted is not None:
                self.raw_data = posted.getlist(self.name)
                self.data = self._file() if self.takes_files else self._answer(posted)
            for function in self.declaration.filters:
                self.data = None if self.data is None else function(self.data)
        except ValueError as error:
            self.process_errors.append(str(error))

    @property
    def takes_files(self) -> bool:
        """Whether the answer is a file."""
        return isinstance(self.declaration, FileField)

    def validate(self, form: Any) -> bool:
        """Run the author's validators; return whether the answer is valid."""
        self.errors = errors = [*self.process_errors]
        if self.validators:
            # lazy: they refuse by WTForms' own errors, so the author has loaded it already
            from uproot_nb.forms.wtforms_fields import run_validators

            run_validators(self.validators, form, self, errors)
        return not errors

    def _answer(self, posted: Posted) -> Any:
        texts = [text for text in self.raw_data or () if isinstance(text, str)]
        language = HTML_NUMBERS if self.name in posted.html_written else self.language
        try:
            return read_answer(self.declaration, texts, language)
        except Wrong as wrong:
            text = worded(self.gettext, wrong.text, **wrong.values)
            self.process_errors.append(text)
            return None

    def _file(self) -> UploadedFile:
        files = [file for file in self.raw_data or () if isinstance(file, UploadedFile) and file]
        if not files and not self.declaration.optional:
            self.process_errors.append(self.gettext(CHOOSE_FILE))
        return files[0] if files else UploadedFile()

    # ---- drawing ----

    def __call__(self, **attributes: Any) -> Markup:
        return draw(self, attributes)

    def __str__(self) -> str:
        return self()

    __html__ = __str__

    def _value(self) -> str:
        """Return the text in the input; WTForms' widgets ask for it by this name."""
        if self.raw_data and isinstance(self.raw_data[0], str):
            return storable(self.raw_data[0])
        is_typed = isinstance(self.declaration, NumberInput)
        sign = decimal_sign(self.language) if is_typed else POINT
        return answer_text(self.declaration, self.data, sign)

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Return a text of WTForms' validators, in the participant's language."""
        return self.gettext(one if count == 1 else many)

    # ---- options ----

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The options, where there are any: the text that is posted, and the label."""
        return [(option.value, option.label) for option in self.iter_choices()]

    def iter_choices(self) -> Iterator[FieldOption]:
        """Yield the options: the text that is posted, the label, whether it is chosen."""
        choices = self.declaration.choices
        chosen, is_ours = self._chosen_texts(), choices == YES_OR_NO
        for _, text, label in choices:
            yield FieldOption(text, self.gettext(label) if is_ours else label, text in chosen, {})

    _iter_choices_normalized = iter_choices  # as WTForms 3.3's widgets call it

    def has_groups(self) -> bool:
        """Return False: options are not grouped. WTForms' widgets ask."""
        return False

    def __iter__(self) -> Iterator[OptionField]:
        if not hasattr(self.declaration, "choices"):
            raise TypeError(f"The field '{self.name}' has no options.")
        options = enumerate(self.iter_choices())
        return (OptionField(self, number, option) for number, option in options)

    def _chosen_texts(self) -> set[str]:
        if self.raw_data is not None:
            return {text for text in self.raw_data if isinstance(text, str)}
        if self.data is None:
            return set()
        if not isinstance(self.declaration, BoundedChoiceField):
            return {str(self.data)}
        is_several = isinstance(self.data, (list, tuple, set, frozenset))
        return {str(value) for value in self.data} if is_several else set()


class FieldOption(NamedTuple):
    """One option, as WTForms' widgets read it."""

    value: str
    label: str
    selected: bool
    render_kw: dict[str, Any]


class OptionField:
    """One option of a question, by itself: `{% for option in form.colour %}{{ option }}`."""

    type = "Option"

    def __init__(self, field: BoundField, number: int, option: FieldOption) -> None:
        self.name = self.short_name = field.name
        self.id, self.data = f"{field.id}-{number}", option.value
        self.choice, self.checked = option, option.selected
        self.label = FieldLabel(self.id, option.label or option.value)
        self._field = field

    def __call__(self, **attributes: Any) -> Markup:
        own: dict[str, Any] = {"class": "form-control"}
        if not self.label.text:
            own["aria-label"] = self.name.replace("_", " ")
        flags = vars(_flags(*self._field.validators))
        own |= {name: flags[name] for name in ("required", "disabled") if name in flags}
        authors = named_attributes(self._field.render_kw)
        given = merge_attributes(own, merge_attributes(authors, named_attributes(attributes)))
        if isinstance(self._field.declaration, (RadioField, LikertField)):
            own = {"id": self.id, "name": self.name, "type": "radio", "value": self.data}
            own["autocomplete"] = "off"
            own |= {"checked": True} if self.checked else {}
            return Markup(f"<input {_sorted({**own, **given})}>")
        own = {"value": self.data, **given, **({"selected": True} if self.checked else {})}
        return Markup(f"<option {_sorted(own)}>{escape(self.label.text)}</option>")

    def __str__(self) -> str:
        return self()

    __html__ = __str__


class FieldLabel:
    """A question's `<label>`: `{{ form.age.label }}`, or its text alone, `form.age.label.text`."""

    def __init__(self, field_id: str | bool, text: str) -> None:
        self.field_id, self.text = field_id, text

    def __call__(self, text: str | None = None, **attributes: Any) -> Markup:
        given = {"for": self.field_id, **named_attributes(attributes)}
        start = f"<label {_sorted(given)}".rstrip()
        return Markup(f"{start}>{escape(text or self.text)}</label>")

    def __str__(self) -> str:
        return self()

    __html__ = __str__


class FieldFlags(SimpleNamespace):
    """What validators and widgets note on a field, such as `required`; None for all else."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


def _flags(*sources: Any) -> FieldFlags:
    flags = FieldFlags()
    for source in sources:
        vars(flags).update(getattr(source, "field_flags", ()))
    return flags


def _shape(kind: type) -> str:
    return next((SHAPES[ancestor] for ancestor in kind.__mro__ if ancestor in SHAPES), "line")


def _sorted(attributes: Mapping[str, Any]) -> Markup:
    return write_attributes(dict(sorted(attributes.items())))
