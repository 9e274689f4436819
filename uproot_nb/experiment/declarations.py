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
    """Make what a class annotates the arguments of a declaration, to be given by name.

    It is a dataclass whose methods are written once, in Field: made anew for each of 25 kinds they
    would take a tenth of the time in which the package is imported.
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
        label: the question; plain text, or HTML that went through `safe`.
        description: help below the input.
        optional: may be left empty.
        default: what is filled in at first; a value, or a function that returns one.
        render_kw: HTML attributes of the input, as in {"placeholder": "Your answer"}.
        class_wrapper: CSS classes of the element around the question.
        widget: a WTForms widget that draws the input instead of ours.
        validators: further checks `(form, field)` in the manner of WTForms.
        filters: functions that change the answer before it is checked.

    Raises:
        BadField: an argument is unknown or cannot be; says what to write.
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
    """The kinds to use instead of this class; only on classes that are no kind themselves."""
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    """What the kind takes."""
    _texts: ClassVar[tuple[str, ...]] = ("label", "description", "class_wrapper")

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Check the arguments' names before the declaration is made."""
        if cls.__dict__.get("family"):
            raise BadField(cls.__name__, "it is a family of fields.", f"Use {cls.family}.")
        if args:
            what = f"{args[0]!r} is given without a name."
            raise BadField(cls.__name__, what, f"Write {cls.__name__}(label={args[0]!r}).")
        for name in kwargs.keys() - cls.parameters:
            near = difflib.get_close_matches(name, cls.parameters, 1)
            remedy = f"Did you mean '{near[0]}'?" if near else _offer(cls)
            raise BadField(cls.__name__, f"it takes no '{name}'.", remedy)
        return super().__new__(cls)

    def __init__(self, **arguments: Any) -> None:
        """Settle the arguments, and refuse what no participant could answer."""
        for name in self.parameters:
            self._settle(name, arguments.get(name, getattr(type(self), name)))
        for name in self._texts:
            self._settle(name, self._text(name, getattr(self, name)))
        if not isinstance(self.optional, bool):
            raise self.mistake(f"optional={self.optional!r}.", "Write optional=True or leave it.")
        self._settle("render_kw", MappingProxyType(self._attributes()))
        for name in ("validators", "filters"):
            self._settle(name, self._functions(name))
        if self.widget is not None and not callable(self.widget):
            raise self.mistake("its widget cannot be called.", "Give a WTForms widget, or none.")
        self._check()
        if self.default is not None and not callable(self.default):
            self._check_default()

    def __repr__(self) -> str:
        told = (
            f"{name}={_shown(value)}"
            for name, parameter in self.parameters.items()
            if not _is_default(parameter, value := getattr(self, name))
        )
        return f"{type(self).__name__}({', '.join(told)})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), self.label))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"A {type(self).__name__} cannot be changed; write a new one instead.")

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __deepcopy__(self, memo: Any) -> Field:
        return self

    def mistake(self, what: str, remedy: str) -> BadField:
        """Return the error for a declaration that cannot be, naming the field by its label."""
        named = f"{type(self).__name__} {str(self.label)!r}" if self.label else type(self).__name__
        return BadField(named, what, remedy)

    def _check(self) -> None:
        """Check what is particular to the kind."""

    def _check_default(self) -> None:
        """Check a default that is not left to a function."""

    def _settle(self, name: str, value: Any) -> None:
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
                raise self.mistake(f"render_kw has {name!r}, which is no attribute.", remedy)
        return dict(attributes)

    def _functions(self, name: str) -> tuple[Callable[..., Any], ...]:
        given = getattr(self, name) or ()
        listed = given if isinstance(given, Iterable) else (given,)
        functions = tuple(listed)
        if not all(callable(function) for function in functions):
            raise self.mistake(f"{name}={given!r} is not a list of functions.", "List functions.")
        return functions


# ---- what a page checks ---------------------------------------------------------------------


def check_fields(fields: Any, where: str = "fields") -> Mapping[str, Any]:
    """Return the fields of a page, all of which can be shown.

    Args:
        where: what to call them in an error, such as "Survey.fields".

    Raises:
        BadField: it is no dict, a name cannot stand in a form, or an entry is no field.
    """
    if not isinstance(fields, Mapping):
        what = f"it is {fields!r}, which is not a dict of fields."
        raise BadField(where, what, "Write fields = dict(age=IntegerField(label='Age')).")
    for name, field in fields.items():
        if not isinstance(name, str) or not _NAME.match(name) or name.startswith("_uproot"):
            remedy = "Use a plain name, such as 'age'; names from '_uproot' on are kept."
            raise BadField(where, f"{name!r} cannot be the name of a field.", remedy)
        if not is_field(field):
            shown = field.__name__ + " (the class)" if isinstance(field, type) else repr(field)
            remedy = f"Write {name}=StringField(label='…'), or another kind of field."
            raise BadField(f"{where}['{name}']", f"{shown} is not a field.", remedy)
    return fields


def is_field(value: Any) -> bool:
    """Say whether *value* can be a field of a page: one of ours, or one of WTForms itself."""
    return isinstance(value, Field) or is_wtforms_field(value)


def is_wtforms_field(value: Any) -> bool:
    """Say whether *value* is a field that an author made with WTForms, without importing that."""
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
