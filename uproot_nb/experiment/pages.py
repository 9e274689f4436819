"""Page: one screen of an experiment, with its hooks and live methods."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import PydanticUserError
from pydantic.errors import PydanticSchemaGenerationError

from uproot_nb.errors import BadPage
from uproot_nb.experiment.live import LiveMethod, takes_first
from uproot_nb.experiment.source import Source, names_around, source_of_class

__all__ = ["HOOKS", "Page", "flatten_order"]

HOOKS: Mapping[str, tuple[str, ...]] = {
    "show": ("player",),
    "before_always_once": ("player",),
    "before_once": ("player",),
    "templatevars": ("player",),
    "jsvars": ("player",),
    "may_proceed": ("player",),
    "after_once": ("player",),
    "after_always_once": ("player",),
}
"""The hooks of a page and what each takes after `page`, in the order in which they run."""

_NOT_YET = frozenset({
    "early", "fields", "validate", "before_form_save", "stealth_fields", "handle_stealth_fields",
    "timeout", "timeout_reached", "wait_for", "all_here", "after_grouping", "allow_back",
    "keep_values", "synchronize", "group_size",
})  # fmt: skip


class Page:
    """One screen of an experiment.

        class Hello(Page):
            '''# Welcome

            Press *Next* when you are ready.'''

            def templatevars(page, player):
                return {"endowment": 10}

    Without a template the docstring (Markdown) is shown, with a Next button. Hooks take
    `(page, player)`, may be `async`, and need no `@classmethod`. Mistakes raise BadPage when the
    cell runs.
    """

    template: ClassVar[str | None] = None
    source: ClassVar[Source] = Source("", "", "", 0)
    live_methods: ClassVar[Mapping[str, LiveMethod]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        members, names = _members_beyond_pages(cls), {**names_around(cls), **vars(cls)}
        cls.source = source_of_class(cls)
        for name, value in members.items():
            _check_member(cls, name, value, names)
        cls.live_methods = _collect_live_methods(cls)

    def __init__(self) -> None:
        raise BadPage(
            type(self).__name__,
            "a page is used as a class and never made into an object.",
            f"Write {type(self).__name__} without parentheses.",
        )


def flatten_order(page_order: Sequence[Any]) -> tuple[type[Page], ...]:
    """Return the pages of a plain (possibly nested) list in order.

    Raises:
        BadPage: an entry is not a page class; names the entry and its position.
    """
    return tuple(_pages_in(page_order, "page_order"))


def _pages_in(entries: Sequence[Any], place: str) -> Iterator[type[Page]]:
    if not isinstance(entries, (list, tuple)):
        raise BadPage(
            place,
            f"it is {entries!r}, which is not a list of pages.",
            "Write page_order = [FirstPage, SecondPage].",
        )
    for number, entry in enumerate(entries):
        where = f"{place}[{number}]"
        if isinstance(entry, (list, tuple)):
            yield from _pages_in(entry, where)
        elif isinstance(entry, type) and issubclass(entry, Page) and entry is not Page:
            yield entry
        else:
            raise BadPage(
                where,
                f"{entry!r} is not a page.",
                "List classes that derive from Page: class Market(Page): ...",
            )


def _members_beyond_pages(cls: type[Page]) -> dict[str, Any]:
    """Return what the class itself and its mixins define; the pages it derives from are checked."""
    kinds = [kind for kind in cls.__mro__ if kind is cls or not issubclass(kind, Page)]
    found = {name: value for kind in reversed(kinds[:-1]) for name, value in vars(kind).items()}
    return {name: v for name, v in found.items() if v is inspect.getattr_static(cls, name, None)}


def _check_member(cls: type[Page], name: str, value: Any, names: Mapping[str, Any]) -> None:
    inner = getattr(value, "__func__", None)
    if isinstance(inner, LiveMethod):  # @classmethod above @live
        setattr(cls, name, inner)
        inner.name = name
        value = inner
    if isinstance(value, LiveMethod):
        _check_live(cls, name, value, names)
    elif name in HOOKS:
        _adopt_hook(cls, name, value)
    elif name == "template" and not isinstance(value, (str, type(None))):
        raise _mistake(
            cls, value, f"its template is {value!r}, which is not text.",
            "Write the template itself, or the path of its file.",
        )  # fmt: skip
    elif name in _NOT_YET:
        raise _mistake(
            cls,
            value,
            f"'{name}' is not served by this version of uproot_nb.",
            f"Rename '{name}' if it is your own, or leave it out.",
        )


def _check_live(cls: type[Page], name: str, method: LiveMethod, names: Mapping[str, Any]) -> None:
    if name in HOOKS or name in _NOT_YET or hasattr(Page, name):
        raise _mistake(
            cls,
            method.function,
            f"the live method '{name}' hides the page's own '{name}'.",
            "Give the live method another name.",
        )
    if name.startswith("_"):
        raise _mistake(
            cls,
            method.function,
            f"the live method '{name}' has a private name: browsers could never call it.",
            f"Rename it to '{name.lstrip('_')}', or take @live away.",
        )
    try:
        method.prepare(names)
    except NameError:
        pass  # an annotation names a class that a later cell defines: checked at the first call
    except (PydanticUserError, PydanticSchemaGenerationError, TypeError, SyntaxError) as error:
        raise _mistake(
            cls,
            method.function,
            f"the annotations of '{name}' cannot be checked: {str(error).splitlines()[0]}",
            "Annotate with plain types (int, float, str, list[int], a dataclass or model).",
        ) from error


def _adopt_hook(cls: type[Page], name: str, value: Any) -> None:
    function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
    if not inspect.isfunction(function):
        raise _mistake(
            cls, value, f"'{name}' is a hook, but not a function.", f"Write {_model(name)}."
        )
    given = list(inspect.signature(function).parameters.values())
    wanted = ("page", *HOOKS[name])
    if not _takes(given, len(wanted)) or not takes_first(function, *wanted):
        raise _mistake(
            cls,
            function,
            f"the hook '{name}' takes ({', '.join(p.name for p in given)}).",
            f"Write {_model(name)}.",
        )
    setattr(cls, name, classmethod(function))


def _takes(parameters: list[inspect.Parameter], count: int) -> bool:
    try:
        inspect.Signature(parameters).bind(*range(count))
    except TypeError:
        return False
    return True


def _model(name: str) -> str:
    return f"'def {name}({', '.join(('page', *HOOKS[name]))})'"


def _mistake(cls: type[Page], value: Any, what: str, remedy: str) -> BadPage:
    code = getattr(value, "__code__", None)
    line = code.co_firstlineno if code else cls.source.line
    return BadPage(cls.__name__, what, remedy, f"line {line}" if line else "")


def _collect_live_methods(cls: type[Page]) -> dict[str, LiveMethod]:
    found: dict[str, LiveMethod] = {}
    for ancestor in reversed(cls.__mro__):
        for name, value in vars(ancestor).items():
            if isinstance(value, LiveMethod):
                found[name] = value
            else:
                found.pop(name, None)
    return found
