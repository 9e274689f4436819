"""Page: one screen of an experiment, with its hooks and live methods."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from uproot_nb.errors import BadField, BadPage
from uproot_nb.experiment.declarations import check_fields
from uproot_nb.experiment.exits import Exit, name_of_exit
from uproot_nb.experiment.hints import PAGE_NAMES, advise, returns_nothing
from uproot_nb.experiment.hook_arguments import by_position, of_player
from uproot_nb.experiment.live import PLAIN_TYPES, LiveMethod
from uproot_nb.experiment.participation.requirements import Requires
from uproot_nb.experiment.source import Source, names_around, source_of_class

__all__ = [
    "HOOKS", "Check", "GroupCreatingWait", "NoshowPage", "Page", "SynchronizingWait", "WaitPage",
]  # fmt: skip

HOOKS: Mapping[str, tuple[str, ...]] = {
    "show": ("player",),
    "early": ("player", "request"),
    "before_always_once": ("player",),
    "before_once": ("player",),
    "fields": ("player",),
    "timeout": ("player",),
    "templatevars": ("player",),
    "jsvars": ("player",),
    "allow_back": ("player",),
    "group_size": ("player",),
    "wait_for": ("player",),
    "all_here": ("group",),
    "after_grouping": ("group",),
    "timeout_reached": ("player",),
    "validate": ("player", "data"),
    "before_form_save": ("player", "data"),
    "stealth_fields": ("player",),
    "handle_stealth_fields": ("player", "data"),
    "may_proceed": ("player",),
    "after_once": ("player",),
    "after_always_once": ("player",),
}
"""The hooks of a page, in the order in which they run, with their arguments after `page`."""

Check = tuple[Callable[[Any], bool], str]
"""A test of an attribute's value, and the allowed values in words."""

ATTRIBUTES: Mapping[str, Check] = {
    "requires": (lambda v: v is None or isinstance(v, Requires), "Requires(min_width=900)"),
    "template": (lambda v: v is None or isinstance(v, str), "the template itself, or its path"),
    "fields": (
        lambda v: isinstance(v, Mapping),
        "a dict of fields: dict(age=IntegerField(label=...))",
    ),
    "timeout": (lambda v: v is None or _is_seconds(v), "seconds, 0 or more, or None"),
    "timeout_exit": (lambda v: v is None or _is_exit(v), 'the name of an exit: "timeout"'),
    "stealth_fields": (lambda v: _are_names(v), 'a list of names: ["iban"]'),
    "allow_back": (lambda v: isinstance(v, bool), "True or False"),
    "keep_values": (lambda v: isinstance(v, bool), "True or False"),
    "log_focus": (lambda v: isinstance(v, bool), "True or False"),
    "ask_for_help": (lambda v: isinstance(v, bool), "True or False"),
    "group_size": (lambda v: _is_size(v), "a whole number, 1 or more"),
    "show": (lambda v: isinstance(v, bool), "True or False"),
    "may_proceed": (lambda v: isinstance(v, bool), "True or False"),
    "templatevars": (lambda v: isinstance(v, Mapping), "a dict of names and values"),
    "jsvars": (lambda v: isinstance(v, Mapping), "a dict of names and values"),
    "synchronize": (lambda v: v in ("group", "session"), '"group" or "session"'),
}
"""The allowed values of a page's plain attributes."""

_RETURNS: Mapping[str, str] = {
    "show": "True or False",
    "fields": "a dict of fields",
    "timeout": "seconds, or None",
    "templatevars": "a dict of names and values",
    "jsvars": "a dict of names and values",
    "allow_back": "True or False",
    "group_size": "a whole number, 1 or more",
    "match_by": "a value, the same for players who may be in one group",
    "match": "a list of groups, each a list of players",
    "wait_for": "players",
    "stealth_fields": "a list of names",
    "may_proceed": "True or False",
}
"""The hooks that return a value, and which."""

_ONE_VALUE = {
    "template": "To vary it by player, write {% if … %} in the template.",
}
"""What to write instead of a function."""

_RESERVED = frozenset({
    "app", "key", "source", "live_methods", "waits", "shown", "look_again",
    "kind_attributes", "kind_functions", "kind_hooks", "unstored", "home_module",
})  # fmt: skip
_OF_PLAYER = frozenset({"group_size", "match_by"})
"""Hooks that may be functions of the player alone."""
_AT_ONCE = frozenset({"allow_back", "group_size", "match_by", "match"})
"""Hooks that cannot wait."""
_ONLY_GROUPING = frozenset({"after_grouping", "group_size"})
_ONLY_SYNCHRONIZING = frozenset({"all_here", "wait_for", "synchronize"})
_ONLY_WAITS = _ONLY_GROUPING | _ONLY_SYNCHRONIZING
_NOT_IN_WAITS = frozenset({
    "fields", "validate", "before_form_save", "stealth_fields", "handle_stealth_fields",
    "after_once", "after_always_once", "allow_back", "keep_values",
})  # fmt: skip


class Page:
    """One screen of an experiment.

        class Hello(Page):
            '''# Welcome

            Press *Next* when you are ready.'''

            def templatevars(page, player):
                return {"endowment": 10}

    A page without a template shows its docstring (Markdown) and a Next button. Hooks take
    `(page, player)`, may be `async`, and need no `@classmethod`. Mistakes raise BadPage when the
    cell runs.
    """

    template: ClassVar[str | None] = None
    timeout_exit: ClassVar[str | Exit | None] = None
    allow_back: ClassVar[bool] = False
    keep_values: ClassVar[bool] = False
    log_focus: ClassVar[bool] = False
    ask_for_help: ClassVar[bool] = False
    requires: ClassVar[Requires | None] = None
    app: ClassVar[str] = ""
    """The name of the page's app; "" in a notebook."""
    key: ClassVar[str] = ""
    """The page's name in a session: "app/Name", or "Name" in a notebook."""
    shown: ClassVar[bool] = True
    waits: ClassVar[bool] = False
    source: ClassVar[Source] = Source("", "", "", 0)
    live_methods: ClassVar[Mapping[str, LiveMethod]] = {}
    kind_attributes: ClassVar[Mapping[str, Check]] = {}
    """The allowed values of attributes that only this kind of page has."""
    kind_functions: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The functions that only this kind of page has, with their arguments after `page`."""
    kind_hooks: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The hooks that only this kind of page has, with their arguments after `page`."""
    unstored: ClassVar[frozenset[str]] = frozenset()
    """The fields of the form that are not the player's data."""
    home_module: ClassVar[Any] = None
    """The module of the app that defines the page, if it is not the one that shows it."""
    _kind: ClassVar[str] = ""
    """The name that bots have for this kind of page."""
    _checked: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.may_be_listed():
            return  # one of the kinds below, not an author's page
        members, names = _members_beyond_pages(cls), {**names_around(cls), **vars(cls)}
        cls.source = source_of_class(cls)
        for name, value in members.items():
            _check_member(cls, name, value, names)
        cls.live_methods = _collect_live_methods(cls)
        cls.home_module = None
        cls.belong_to(cls.app)
        cls._checked = _members_beyond_pages(cls)

    @classmethod
    def check_again(cls) -> None:
        """Check attributes assigned since the class was defined, as in `Wait.group_size = 3`.

        Raises:
            BadPage: an attribute has a wrong value.
        """
        for name, value in _members_beyond_pages(cls).items():
            is_new = value is not cls._checked.get(name, cls)
            if is_new and name not in _RESERVED and not name.startswith("_"):
                _check_member(cls, name, value, vars(cls))
        cls._checked = _members_beyond_pages(cls)
        cls.live_methods = _collect_live_methods(cls)
        for method in cls.live_methods.values():
            _check_names(cls, method)

    @classmethod
    def belong_to(cls, app: str) -> None:
        """Assign the page to an app; its key has the name of the app that defines it."""
        place = app if cls.home_module is None else cls.home_module.__name__
        cls.app, cls.key = app, f"{place}/{cls.__name__}" if place else cls.__name__

    @classmethod
    def may_be_listed(cls) -> bool:
        """Return whether a page order may list this class; it may not list Page itself."""
        return cls.__module__ != __name__

    def __init__(self) -> None:
        raise BadPage(
            type(self).__name__,
            "a page is a class; it cannot be called.",
            f"Write {type(self).__name__} without parentheses.",
        )


class NoshowPage(Page):
    """A page that is never shown; its hooks run when a player gets there.

    class Draw(NoshowPage):
        def after_always_once(page, player):
            player.endowment = rng().choice([10, 20])
    """

    shown: ClassVar[bool] = False


class WaitPage(Page):
    """A page where players wait for others.

    With `leave_after = 300` whoever has waited so many seconds may leave, by the exit "lobby".
    """

    waits: ClassVar[bool] = True
    leave_after: ClassVar[float | None] = None
    kind_attributes: ClassVar[Mapping[str, Check]] = {
        "leave_after": (lambda v: v is None or _is_seconds(v), "seconds, 0 or more, or None"),
    }


class GroupCreatingWait(WaitPage):
    """Waits until `group_size` players are here and online, and makes them a group.

    class Pair(GroupCreatingWait):
        group_size = 2

        def after_grouping(page, group):
            group.players.assign("role", ["buyer", "seller"])

    `group_size(page, player)` may be a function: players for whom it returns the same number are
    grouped together. `match_by(page, player)` returns a value that all members of a group share.
    `match(page, waiting)` forms groups by a rule of yours: it gets the players who can be
    grouped, in the order of their arrival, and returns the groups to make now.

    With `idle = 120`, participants who have not touched the page, or have hidden it, for that
    many seconds are asked "Are you still there?", and join no group until they answer. After
    `idle_answer` seconds without an answer they count as away.
    """

    group_size: ClassVar[int] = 2
    idle: ClassVar[float | None] = None
    idle_answer: ClassVar[float] = 15
    kind_attributes: ClassVar[Mapping[str, Check]] = {
        **WaitPage.kind_attributes,
        "idle": (
            lambda v: v is None or (_is_seconds(v) and v > 0), "seconds, more than 0, or None"
        ),
        "idle_answer": (lambda v: _is_seconds(v) and v > 0, "seconds, more than 0"),
    }  # fmt: skip
    kind_hooks: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "match_by": ("player",), "match": ("waiting",),
    }  # fmt: skip


class SynchronizingWait(WaitPage):
    """Waits until the whole group (or session) is here; then runs `all_here` once.

    class Sync(SynchronizingWait):
        def all_here(page, group):
            group.total = sum(group.players.each("contribution"))

    `synchronize = "session"` waits for the whole session. A hook `wait_for(page, player)` returns
    the players to wait for instead.
    """

    synchronize: ClassVar[str] = "group"


def _members_beyond_pages(cls: type[Page]) -> dict[str, Any]:
    """Return the members of the class and its mixins, without those of pages it derives from."""
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
    elif name in _RESERVED and not isinstance(value, classmethod) and not _is_ours(cls):
        raise _mistake(
            cls,
            value,
            f"'{name}' is reserved by uproot_nb.",
            f"Rename it, for example to 'my_{name}'.",
        )
    else:
        _check_plain_member(cls, name, value)


def _check_plain_member(cls: type[Page], name: str, value: Any) -> None:
    _check_place(cls, name, value)
    if name in cls.kind_functions:
        _check_function(cls, name, value)
    elif name in cls.kind_hooks or (
        name in HOOKS and (name not in ATTRIBUTES or _is_function(value))
    ):
        _adopt_hook(cls, name, value)
    elif name in ATTRIBUTES or name in cls.kind_attributes:
        _check_attribute(cls, name, value)
    elif name in PAGE_NAMES:
        hint = f"'{name}' is oTree's name and has no meaning here."
        advise(str(_mistake(cls, value, hint, f"Instead, {PAGE_NAMES[name]}.")))
    else:
        _warn_of_misspelling(cls, name, value)


def _names_of(cls: type[Page]) -> set[str]:
    """Return the names that have a meaning on a page of this kind."""
    return {*HOOKS, *ATTRIBUTES, *cls.kind_attributes, *cls.kind_functions, *cls.kind_hooks}


def _warn_of_misspelling(cls: type[Page], name: str, value: Any) -> None:
    """Warn of a name that resembles a hook or attribute."""
    meant = difflib.get_close_matches(name, _names_of(cls), 1, 0.85)
    if meant and name[:1] != "_" and not isinstance(value, type):
        mistake = _mistake(
            cls, value, f"'{name}' has no meaning for uproot_nb.",
            f"Did you mean '{meant[0]}'? If not, rename it to avoid this warning.",
        )  # fmt: skip
        advise(str(mistake))


def _check_attribute(cls: type[Page], name: str, value: Any) -> None:
    fits, allowed = ATTRIBUTES[name] if name in ATTRIBUTES else cls.kind_attributes[name]
    if _is_function(value):
        advice = f" {_ONE_VALUE[name]}" if name in _ONE_VALUE else ""
        raise _mistake(
            cls, getattr(value, "__func__", value), f"its {name} is a function.",
            f"'{name}' takes {allowed}.{advice}",
        )  # fmt: skip
    if name == "fields" and isinstance(value, Mapping):
        try:
            check_fields(value)
        except BadField as error:
            raise _mistake(cls, value, f"{error.field}: {error.what}", error.remedy) from None
    if name in HOOKS and not isinstance(value, (bool, int, float, str, list, tuple, dict, set)):
        allowed += f", or {_model(cls, name)}"
    if not fits(value):
        raise _mistake(cls, value, f"its {name} is {value!r}.", f"'{name}' takes {allowed}.")


def _check_place(cls: type[Page], name: str, value: Any) -> None:
    """Refuse attributes and hooks of other kinds of page."""
    wrong = ""
    if name in _ONLY_WAITS and not cls.waits:
        wrong = "only wait pages have one"
    elif name in _NOT_IN_WAITS and cls.waits:
        wrong = "wait pages have none"
    elif name in _ONLY_GROUPING and issubclass(cls, SynchronizingWait):
        wrong = "only a GroupCreatingWait has one"
    elif name in _ONLY_SYNCHRONIZING and issubclass(cls, GroupCreatingWait):
        wrong = "only a SynchronizingWait has one"
    if wrong:
        raise _mistake(cls, value, f"it has '{name}', but {wrong}.", f"Remove '{name}'.")


def _is_ours(cls: type[Page]) -> bool:
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def _is_function(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, (classmethod, staticmethod))


def _is_seconds(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 0 <= value < float("inf")


def _is_exit(value: Any) -> bool:
    """Return whether a value may name an exit; BadExit says which one is meant by another name."""
    return isinstance(value, (str, Exit)) and name_of_exit(value) != ""


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _are_names(value: Any) -> bool:
    listed = isinstance(value, (list, tuple, set, frozenset))
    return listed and all(isinstance(name, str) for name in value)


def _check_live(cls: type[Page], name: str, method: LiveMethod, names: Mapping[str, Any]) -> None:
    if name in _names_of(cls) or hasattr(WaitPage, name):
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
            f"Rename it to '{name.lstrip('_')}', or remove @live.",
        )
    _check_annotations(cls, name, method, names)


def _check_annotations(
    cls: type[Page], name: str, method: LiveMethod, names: Mapping[str, Any]
) -> None:
    """Build the validator of a live method, so that a wrong annotation fails in its cell."""
    try:
        method.prepare(names)
        return
    except NameError as error:  # a later cell may define it: serve() checks again
        meant = difflib.get_close_matches(str(error.name), PLAIN_TYPES, 1, 0.7)
        if not meant:
            return
        reason = f"'{error.name}' is not defined. Did you mean '{meant[0]}'?"
    except Exception as error:  # the border around authors' annotations and pydantic
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
    raise _mistake(
        cls,
        method.function,
        f"the annotations of '{name}' cannot be used: {reason}",
        "Use plain types (int, float, str, list[int]), a dataclass or a pydantic model.",
    )


def _check_names(cls: type[Page], method: LiveMethod) -> None:
    """Warn of an annotation whose name is not defined when the page is served."""
    try:
        method.prepare_once()
    except NameError as error:
        what = f"the annotations of '{method.name}' name '{error.name}', which is not defined."
        remedy = f"Define {error.name} before a browser calls it, or use a plain type."
        advise(str(_mistake(cls, method.function, what, remedy)))
    except Exception:  # the border around authors' annotations: the first call reports it
        return


def _adopt_hook(cls: type[Page], name: str, value: Any) -> None:
    function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
    if not inspect.isfunction(function):
        raise _mistake(
            cls, value, f"'{name}' is a hook, but not a function.", f"Write {_model(cls, name)}."
        )
    if name in _AT_ONCE and inspect.iscoroutinefunction(function):
        raise _mistake(cls, function, f"'{name}' is async.", "Write 'def' without async.")
    hook = _called_by_position(cls, name, function)
    if name in _RETURNS and returns_nothing(function):
        advise(str(_no_return(cls, name, function)))
    setattr(cls, name, classmethod(hook))


def _called_by_position(cls: type[Page], name: str, function: Any) -> Any:
    of_many = name in ("all_here", "after_grouping")
    takes = [_takes_after_page(cls, name), *([("session",)] if of_many else [])]
    found = (by_position(function, names, named=not of_many) for names in takes)
    hook = next(filter(None, found), None)
    if hook is None and name in _OF_PLAYER:
        hook = of_player(function)
    if hook is None:
        given = ", ".join(inspect.signature(function).parameters)
        raise _mistake(
            cls, function, f"the hook '{name}' takes ({given}).", f"Write {_model(cls, name)}."
        )
    return hook


def _no_return(cls: type[Page], name: str, function: Any) -> BadPage:
    what = "so the page is always shown" if name == "show" else "so it has no effect"
    return _mistake(
        cls, function, f"'{name}' has no 'return', {what}.", f"Return {_RETURNS[name]}."
    )


def _check_function(cls: type[Page], name: str, value: Any) -> None:
    """Check a function of a kind of page, which remains a plain function."""
    function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
    takes = ("page", *cls.kind_functions[name])
    model = f"'def {name}({', '.join(takes)})'"
    if not inspect.isfunction(function):
        what = f"'{name}' is {value!r}, but must be a function."
        raise _mistake(cls, value, what, f"Write {model}.")
    if inspect.iscoroutinefunction(function):
        what = f"'{name}' is 'async def', but must return at once."
        raise _mistake(cls, function, what, f"Write 'def {name}'.")
    given = list(inspect.signature(function).parameters.values())
    swapped = any(p.name in takes[n + 1 :] for n, p in enumerate(given[: len(takes)]))
    if swapped or not _takes(given, len(takes)):
        shown = ", ".join(parameter.name for parameter in given)
        raise _mistake(cls, function, f"'{name}' takes ({shown}).", f"Write {model}.")
    ours = [kind for kind in cls.__mro__[1:] if issubclass(kind, Page) and _is_ours(kind)]
    before = next((vars(kind)[name] for kind in ours if name in vars(kind)), None)
    if before is not None and returns_nothing(function) and not returns_nothing(before):
        what = f"'{name}' has no 'return', so it has no effect."
        advise(str(_mistake(cls, function, what, "Return its value.")))


def _takes(parameters: list[inspect.Parameter], count: int) -> bool:
    try:
        inspect.Signature(parameters).bind(*range(count))
    except TypeError:
        return False
    return True


def _takes_after_page(cls: type[Page], hook: str) -> tuple[str, ...]:
    return cls.kind_hooks[hook] if hook in cls.kind_hooks else HOOKS[hook]


def _model(cls: type[Page], name: str) -> str:
    return f"'def {name}({', '.join(('page', *_takes_after_page(cls, name)))})'"


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
