"""Field: one question of a page's form, as an author declares it.

Declarations are plain, immutable values; `uproot_nb.forms` draws them and reads their answers.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as fields_of
from inspect import Parameter, Signature
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

from uproot_nb.errors import BadField
from uproot_nb.experiment.choices import Choice

__all__ = ["Field", "check_fields", "declared", "is_field", "is_wtforms_field"]

_ATTRIBUTE = re.compile(r"[A-Za-z_:@][\w:.@-]*\Z")
_NAME = re.compile(r"[^\s\"'<>&\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,100}\Z")

_Kind = TypeVar("_Kind")


@dataclass_transform(kw_only_default=True, frozen_default=True)
def declared(kind: type[_Kind]) -> type[_Kind]:
    """Turn a class's annotations into the keyword arguments of a declaration.

    The class is a dataclass whose methods are those of Field. Generating them for each of 25 kinds
    would take a tenth of the package's import time.
    """
    made: Any = dataclass(init=False, repr=False, eq=False, match_args=False)(kind)
    made.parameters = {
        part.name: Parameter(
            part.name, Parameter.KEYWORD_ONLY, default=part.default, annotation=part.type
        )
        for part in fields_of(made)
    }
    made.__signature__ = Signature(made.parameters.values())
    return kind


@declared
class Field:
    """One question. Use one of the kinds: `StringField`, `IntegerField`, `RadioField`, …

    Args:
        label: the question, as plain text, or as HTML marked with `safe`.
        description: help text below the input.
        optional: whether the answer may be left empty.
        default: the value filled in at first, or a function that returns it.
        render_kw: HTML attributes of the input, as in {"placeholder": "Your answer"}.
        class_wrapper: CSS classes of the element around the question.
        widget: a WTForms widget to draw the input instead of the standard one.
        validators: further checks `(form, field)`, as in WTForms.
        filters: functions applied to the answer before it is checked.

    Raises:
        BadField: an argument is unknown or has a wrong value.
    """

    label: str = ""
    description: str = ""
    optional: bool = False
    default: Any = None
    render_kw: Mapping[str, Any] | None = None
    class_wrapper: str | None = None
    widget: Any = None
    validators: Sequence[Callable[[Any, Any], Any]] | None = None
    filters: Sequence[Callable[[Any], Any]] = ()

    family: ClassVar[str] = "StringField, IntegerField, RadioField or another kind of field"
    """The fields to use instead, on classes that are not fields themselves."""
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    """The arguments of this field."""
    _texts: ClassVar[tuple[str, ...]] = ("label", "description", "class_wrapper")

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Check the arguments' names before the declaration is made."""
        if cls.__dict__.get("family"):
            raise BadField(
                cls.__name__, "it is a family of fields, not a field.", f"Use {cls.family}."
            )
        if args:
            what = f"{args[0]!r} is given without a name."
            raise BadField(cls.__name__, what, f"Write {cls.__name__}(label={args[0]!r}).")
        for name in kwargs.keys() - cls.parameters:
            near = difflib.get_close_matches(name, cls.parameters, 1)
            remedy = f"Did you mean '{near[0]}'?" if near else _offer(cls)
            raise BadField(cls.__name__, f"it takes no '{name}'.", remedy)
        return super().__new__(cls)

    def __init__(self, **arguments: Any) -> None:
        """Set the arguments, and refuse a question that no participant could answer."""
        for name in self.parameters:
            self._assign(name, arguments.get(name, getattr(type(self), name)))
        for name in self._texts:
            self._assign(name, self._text(name, getattr(self, name)))
        if not isinstance(self.optional, bool):
            raise self.mistake(f"optional={self.optional!r}.", "Write optional=True, or omit it.")
        self._assign("render_kw", MappingProxyType(self._attributes()))
        for name in ("validators", "filters"):
            self._assign(name, self._functions(name))
        if self.widget is not None and not callable(self.widget):
            raise self.mistake("its widget cannot be called.", "Pass a WTForms widget, or none.")
        self._check()
        if self.default is not None and not callable(self.default):
            self._check_default()

    def __repr__(self) -> str:
        arguments = (
            f"{name}={_shown(value)}"
            for name, parameter in self.parameters.items()
            if not _is_default(parameter, value := getattr(self, name))
        )
        return f"{type(self).__name__}({', '.join(arguments)})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), self.label))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"A {type(self).__name__} cannot be changed.\nMake a new one with the other value."
        )

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __deepcopy__(self, memo: Any) -> Field:
        return self

    def mistake(self, what: str, remedy: str) -> BadField:
        """Return the error for a wrong declaration, with the field's label."""
        named = f"{type(self).__name__} {str(self.label)!r}" if self.label else type(self).__name__
        return BadField(named, what, remedy)

    def _check(self) -> None:
        """Check the arguments of this kind of field."""

    def _check_default(self) -> None:
        """Check a default that is not a function."""

    def _assign(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _text(self, name: str, value: Any) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise BadField(
                type(self).__name__, f"{name}={value!r} is not text.", f'Write {name}="…".'
            )
        return value

    def _attributes(self) -> dict[str, Any]:
        attributes = self.render_kw or {}
        if not isinstance(attributes, Mapping):
            remedy = 'Write render_kw={"placeholder": "…"}.'
            raise self.mistake(f"render_kw={attributes!r} is not a dict.", remedy)
        for name in attributes:
            if not isinstance(name, str) or not _ATTRIBUTE.match(name):
                remedy = 'Name attributes as HTML does: render_kw={"data-unit": "cm"}.'
                raise self.mistake(f"render_kw has {name!r}, which is not an attribute.", remedy)
        return dict(attributes)

    def _functions(self, name: str) -> tuple[Callable[..., Any], ...]:
        given = getattr(self, name) or ()
        listed = given if isinstance(given, Iterable) else (given,)
        functions = tuple(listed)
        if not all(callable(function) for function in functions):
            raise self.mistake(
                f"{name}={given!r} is not a list of functions.", f"Write {name}=[function]."
            )
        return functions


# ---- a page's fields -------------------------------------------------------------------------


def check_fields(fields: Any, where: str = "fields") -> Mapping[str, Any]:
    """Return the fields of a page after a check that all of them can be shown.

    Args:
        where: their name in an error, such as "Survey.fields".

    Raises:
        BadField: *fields* is not a dict, a name is not allowed, or an entry is not a field.
    """
    if not isinstance(fields, Mapping):
        what = f"it is {fields!r}, which is not a dict of fields."
        raise BadField(where, what, "Write fields = dict(age=IntegerField(label='Age')).")
    for name, field in fields.items():
        if not isinstance(name, str) or not _NAME.match(name) or name.startswith("_uproot"):
            remedy = "Use a plain name, such as 'age'; names with '_uproot' in front are reserved."
            raise BadField(where, f"{name!r} cannot be the name of a field.", remedy)
        if not is_field(field):
            shown = field.__name__ + " (the class)" if isinstance(field, type) else repr(field)
            remedy = f"Write {name}=StringField(label='…'), or another kind of field."
            raise BadField(f"{where}['{name}']", f"{shown} is not a field.", remedy)
    return fields


def is_field(value: Any) -> bool:
    """Return whether *value* can be a field of a page: one of ours, or one of WTForms."""
    return isinstance(value, Field) or is_wtforms_field(value)


def is_wtforms_field(value: Any) -> bool:
    """Return whether *value* is a field made with WTForms, without importing WTForms."""
    kind = type(value)
    return kind.__name__ == "UnboundField" and kind.__module__.startswith("wtforms.")


def _offer(kind: type[Field]) -> str:
    return f"It takes {', '.join(kind.parameters)}."


def _is_default(parameter: Parameter, value: Any) -> bool:
    return value is parameter.default or value in ("", (), MappingProxyType({}))


def _shown(value: Any) -> str:
    if isinstance(value, tuple) and all(isinstance(entry, Choice) for entry in value):
        return repr([(choice.value, str(choice.label)) for choice in value])
    return repr(dict(value) if isinstance(value, Mapping) else value)
