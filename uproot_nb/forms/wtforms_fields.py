"""Bindings: each declared field as a WTForms field, which reads, checks and draws itself.

The only module that needs WTForms; the engine loads it when the first form is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import wtforms
from wtforms.fields import choices
from wtforms.form import BaseForm
from wtforms.meta import DefaultMeta

from uproot_nb.experiment.fields import (
    MAX_LENGTH,
    YES_OR_NO,
    BooleanField,
    BoundedChoiceField,
    DateField,
    DecimalField,
    DecimalRangeField,
    EmailField,
    Field,
    FileField,
    FloatField,
    FloatRangeField,
    IntegerField,
    LikertField,
    NumberInput,
    RadioField,
    SelectField,
    Slider,
    TextAreaField,
    TextInput,
)
from uproot_nb.experiment.numbers import POINT, decimal_sign, number_text
from uproot_nb.forms.parsing import (
    HTML_NUMBERS,
    HTML_WRITTEN,
    TOO_LONG,
    Wrong,
    read_answer,
    storable,
    worded,
)
from uproot_nb.forms.rendering import draw
from uproot_nb.forms.uploads import Upload, UploadedFile

__all__ = ["Posted", "bind", "check_wtforms_field", "is_file_field"]

CHOOSE_FILE = "Please choose a file."


class _PlainOption(NamedTuple):
    value: str
    label: str
    selected: bool
    render_kw: dict[str, Any]


# WTForms 3.3 wants its own tuple of these four; before that, any would do.
_Option: Any = getattr(choices, "Choice", None)
if getattr(_Option, "_fields", ()) != _PlainOption._fields:
    _Option = _PlainOption

if TYPE_CHECKING:
    _Any = wtforms.Field
else:
    _Any = object


class Posted:
    """What a browser has posted, as WTForms wants to read it: lists of texts (or files) by name."""

    def __init__(self, pairs: Iterable[tuple[str, str]], files: Iterable[Upload]) -> None:
        self._values: dict[str, list[Any]] = {}
        for name, text in pairs:
            self._values.setdefault(name, []).append(text)
        self.html_written = frozenset(self._values.pop(HTML_WRITTEN, ()))
        self._files: dict[str, list[UploadedFile]] = {}
        for upload in files:
            self._files.setdefault(upload.name, []).append(UploadedFile(upload))

    def __iter__(self) -> Iterator[str]:
        return iter(self._values.keys() | self._files.keys())

    def __contains__(self, name: str) -> bool:
        return name in self._values or name in self._files

    def __len__(self) -> int:
        return len(self._values) + len(self._files)

    def clean(self, names: Iterable[str]) -> None:
        """Take out what cannot be stored, where it is not our fields that look."""
        for name in self._values.keys() & set(names):
            self._values[name] = [storable(text) for text in self._values[name]]

    def getlist(self, name: str) -> list[Any]:
        """Return all that was posted under *name*: its files if there are any, else its texts."""
        return self._files.get(name) or self._values.get(name, [])


def bind(
    fields: Mapping[str, Any],
    values: Mapping[str, Any],
    posted: Posted | None,
    translate: Callable[[str], str],
    language: str,
) -> BaseForm:
    """Make the WTForms form of *fields*, filled with *values* or with what was *posted*."""
    meta = _Meta(translate, language, posted.html_written if posted else frozenset())
    form = BaseForm({name: _unbound(field) for name, field in fields.items()}, meta=meta)
    if posted is not None:
        posted.clean([name for name, field in fields.items() if not isinstance(field, Field)])
    form.process(posted, data={name: values[name] for name in fields if name in values})
    return form


def check_wtforms_field(field: wtforms.Field, form: BaseForm) -> bool:
    """Say whether what was posted for an author's own WTForms field is valid, whatever it is."""
    texts = [text for text in field.raw_data or () if isinstance(text, str)]
    try:
        valid = field.validate(form)
    except (ValueError, ArithmeticError, TypeError) as error:
        return _blame(field, str(error))
    if any(len(text) > MAX_LENGTH for text in texts):
        return _blame(field, worded(field.gettext, TOO_LONG, max=MAX_LENGTH))
    return valid


def _blame(field: wtforms.Field, text: str) -> bool:
    field.data, field.errors = None, [*field.errors, text]
    return False


def is_file_field(field: Any) -> bool:
    """Say whether a declared, bound or WTForms field takes files."""
    kind = getattr(field, "field_class", type(field))
    return issubclass(kind, (FileField, wtforms.FileField))


class _Meta(DefaultMeta):
    """How fields of one form are worded and drawn, and how numbers are written on its page."""

    def __init__(
        self, translate: Callable[[str], str], language: str, html_written: Collection[str]
    ) -> None:
        self.translate = translate
        self.language, self._html_written = language, html_written
        self.decimal_sign = decimal_sign(language)

    def language_of(self, name: str) -> str:
        """Return the language in which the number of a field was posted."""
        return HTML_NUMBERS if name in self._html_written else self.language

    def get_translations(self, form: BaseForm) -> Any:
        return self

    def gettext(self, text: str) -> str:
        return self.translate(text)

    def ngettext(self, one: str, many: str, count: int) -> str:
        return self.translate(one if count == 1 else many)

    def render_field(self, field: wtforms.Field, render_kw: Any) -> Any:
        return draw(field, render_kw)


class _Answer(_Any):
    """What all our fields share: they read answers as their declaration says."""

    declaration: Any

    def __init__(self, declaration: Field, **options: Any) -> None:
        self.declaration = declaration
        super().__init__(**options)
        if not declaration.optional and not isinstance(
            declaration, (BooleanField, BoundedChoiceField)
        ):
            self.flags.required = True

    def process_data(self, value: Any) -> None:
        self.data = value

    def process_formdata(self, valuelist: Sequence[Any]) -> None:
        self.data = None
        texts = [text for text in valuelist if isinstance(text, str)]
        try:
            language = self.meta.language_of(self.short_name)
            self.data = read_answer(self.declaration, texts, language)
        except Wrong as wrong:
            raise ValueError(worded(self.gettext, wrong.text, **wrong.values)) from None

    def pre_validate(self, form: BaseForm) -> None:
        """Nothing: what was posted has been checked as it was read."""

    def post_process(self, formdata: Any = None) -> None:
        """Nothing: choices are as they were declared."""

    def _value(self) -> str:
        if self.raw_data and isinstance(self.raw_data[0], str):
            return storable(self.raw_data[0])
        is_typed = isinstance(self.declaration, NumberInput)
        sign = self.meta.decimal_sign if is_typed else POINT
        return _written(self.declaration, self.data, sign)

    def html_value(self) -> str:
        """Return the number as HTML writes numbers, whatever the page's language."""
        return _written(self.declaration, self.data, POINT)


def _chosen_texts(field: _Answer) -> set[str]:
    """Return what is posted for the options that are chosen; at first, those of the value."""
    if field.raw_data is not None:
        return {text for text in field.raw_data if isinstance(text, str)}
    if field.data is None:
        return set()
    if not isinstance(field.declaration, BoundedChoiceField):
        return {str(field.data)}
    is_several = isinstance(field.data, (list, tuple, set, frozenset))
    return {str(value) for value in field.data} if is_several else set()


def _written(declaration: Field, value: Any, sign: str) -> str:
    if value is None:
        return ""
    if isinstance(declaration, (NumberInput, Slider)):
        try:
            return number_text(value, declaration.places, sign)
        except ValueError:
            return ""  # kept from a time when the field was of another kind
    return storable(str(value))


class _Text(_Answer, wtforms.StringField): ...


class _TextArea(_Answer, wtforms.TextAreaField): ...


class _Email(_Answer, wtforms.EmailField): ...


class _Integer(_Answer, wtforms.IntegerField): ...


class _Decimal(_Answer, wtforms.DecimalField): ...


class _Float(_Answer, wtforms.FloatField): ...


class _Slider(_Answer, wtforms.DecimalRangeField): ...


class _Date(_Answer, wtforms.DateField): ...


class _Boolean(_Answer, wtforms.BooleanField): ...


class _Options(_Answer):
    """A question with options; iterating them is what WTForms' own widgets do, and ours."""

    def iter_choices(self) -> Iterator[Any]:
        """Yield the options: the text that is posted, the label, whether it is chosen."""
        chosen = _chosen_texts(self)
        is_ours = self.declaration.choices == YES_OR_NO
        for _, text, label in self.declaration.choices:
            shown = self.gettext(label) if is_ours else label
            yield _Option(text, shown, text in chosen, {})

    def has_groups(self) -> bool:
        """Say that options stand side by side."""
        return False


class _Radio(_Options, wtforms.RadioField): ...


class _Select(_Options, wtforms.SelectField): ...


class _Several(_Options, wtforms.SelectMultipleField): ...


class _File(_Answer, wtforms.FileField):
    def process_data(self, value: Any) -> None:
        self.data = UploadedFile()

    def process_formdata(self, valuelist: Sequence[Any]) -> None:
        chosen = [file for file in valuelist if isinstance(file, UploadedFile) and file]
        self.data = chosen[0] if chosen else UploadedFile()
        if not chosen and not self.declaration.optional:
            raise ValueError(self.meta.translate(CHOOSE_FILE))


_KINDS: Mapping[type[Field], type[wtforms.Field]] = {
    TextInput: _Text,
    TextAreaField: _TextArea,
    EmailField: _Email,
    IntegerField: _Integer,
    DecimalField: _Decimal,
    FloatField: _Float,
    DecimalRangeField: _Slider,
    FloatRangeField: _Slider,
    DateField: _Date,
    BooleanField: _Boolean,
    RadioField: _Radio,
    LikertField: _Radio,
    SelectField: _Select,
    BoundedChoiceField: _Several,
    FileField: _File,
}


def _unbound(field: Any) -> Any:
    """Return the WTForms field that a declaration stands for, not yet part of a form."""
    if not isinstance(field, Field):
        return field
    kind: Any = next(_KINDS[ancestor] for ancestor in type(field).__mro__ if ancestor in _KINDS)
    return kind(
        declaration=field,
        label=field.label,
        description=field.description,
        validators=list(field.validators or ()),
        filters=[_unless_missing(function) for function in field.filters],
        default=field.default,
        widget=field.widget,
        render_kw=dict(field.render_kw or {}),
    )


def _unless_missing(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else function(value)
