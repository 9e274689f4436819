"""Setup: an experiment as defined in a notebook's namespace or an app's module."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from uproot_nb.errors import BadPage, BadPayment
from uproot_nb.experiment.hints import NOTEBOOK_NAMES, advise
from uproot_nb.experiment.hook_arguments import callback_by_position
from uproot_nb.experiment.money.payment import Payment
from uproot_nb.experiment.order import check_order, pages_of
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.participation.farewells import Farewell

__all__ = ["App", "Setup", "collect_app", "describe_order", "public_constants"]

_CALLBACKS: Mapping[str, tuple[str, ...]] = {
    "new_session": ("session",), "new_player": ("player",), "arrived": ("player",),
    "restart": (),
    "language": ("player",), "digest": ("session",), "pipeline": ("session",),
    "api": ("request", "session"),
}  # fmt: skip

_PLAIN_NAMES: Mapping[str, str] = {
    "C": "'class C' with the constants in it",
    "Context": "'class Context(PlayerContext)'",
    "DESCRIPTION": 'DESCRIPTION = "…"',
    "LANDING_PAGE": "LANDING_PAGE = True",
}
"""Names in a namespace that are not functions, and what to write."""

_OPTIONAL = frozenset({"arrived", "language", "digest", "pipeline", "api"})

Callback = Callable[..., Any]

EXPORT = "__export__"
"""The attribute of `C` that lists the constants for scripts."""


@dataclass(frozen=True)
class App:
    """One experiment: its page order, pages, callbacks and constants `C`.

    `order` is the author's list, or function of the player. `pages` holds the pages known so far,
    by key. A notebook is an app without a name.
    """

    name: str
    order: Any
    pages: Mapping[str, type[Page]]
    folder: Path | None = None
    namespace: Mapping[str, Any] = field(default_factory=dict)
    constants: Any = None
    context: type | None = None
    new_session: Callback | None = None
    new_player: Callback | None = None
    arrived: Callback | None = None
    restart: Callback | None = None
    language: Callback | None = None
    digest: Callback | None = None
    pipeline: Callback | None = None
    api: Callback | None = None
    description: str = ""
    suggested_multiple: int = 1
    landing_page: bool = False
    filters: Mapping[str, Any] = field(default_factory=dict)
    """Template filters that differ from those of a notebook."""
    module: Any = None
    """What templates see as `app`; None for the app itself."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Names in all templates, such as `disable_alpinejs`, which a template may set otherwise."""
    api2: Callback | None = None
    """What answers the framework's address `/api2/app/session/`."""
    api_keys: Collection[str] = ()
    """Keys with which programs may ask `api` and `api2`."""
    payment: Payment | None = None
    """How points and fees become money."""
    lenient: bool = False
    """Whether templates show an unknown name as nothing, with a warning."""
    virtual_fields: Mapping[tuple[str, str], Callable[[Any], Any]] = field(default_factory=dict)
    """What names of players, groups and the session stand for if no field has them."""


@dataclass(frozen=True)
class Setup:
    """The apps of a session, in the order in which players go through them."""

    apps: tuple[App, ...]
    exits: Mapping[str, Farewell] = field(default_factory=dict)
    """What participants find at each exit, by its name."""
    payment: Payment | None = None
    """How points and fees become money, if `serve` was given it; see `payment_rule`."""

    @property
    def payment_rule(self) -> Payment | None:
        """What `serve` was given, or else the first app that has a payment rule."""
        rules = (self.payment, *(app.payment for app in self.apps))
        return next((rule for rule in rules if rule is not None), None)

    @property
    def pages(self) -> tuple[type[Page], ...]:
        """Every page known so far, app by app, in the order of first mention."""
        return tuple(page for app in self.apps for page in app.pages.values())

    def app(self, name: str) -> App:
        """Return the app of that name."""
        return next(app for app in self.apps if app.name == name)


def collect_app(
    namespace: Mapping[str, Any],
    name: str = "",
    folder: Path | None = None,
    page_order: Any = None,
) -> App:
    """Collect the pages and callbacks of a namespace (a notebook's globals, an app's module).

    An app, which has a name, may have an empty page order: then only its callbacks run.

    Raises:
        BadPage: there is no page order, an entry is not a page, or a callback cannot be called.
    """
    if page_order is None:
        page_order = namespace.get("page_order")
    if page_order is None:
        remedy = "Write serve([FirstPage, SecondPage]), or set page_order before serve()."
        if "page_sequence" in namespace:
            remedy = f"'page_sequence' is oTree's name: {NOTEBOOK_NAMES['page_sequence']}."
        raise BadPage(name or "serve()", "there is no page order.", remedy)
    if _is_page(page_order):
        shown = page_order.__name__
        raise BadPage(
            f"serve({shown})", "a page order is a list of pages, not a single page.",
            f"Write serve([{shown}]).",
        )  # fmt: skip
    _check_plain_names(namespace)
    if callable(page_order):
        page_order = _called_by_position(page_order, "page_order", ("player",))
    pages = _pages(page_order, namespace, may_be_empty=bool(name))
    for page in pages:
        page.belong_to(name)
        page.check_again()
    known = {page.key: page for page in pages}
    for page in pages:
        if known[page.key] is not page:
            raise BadPage(page.__name__, "two pages have this name.", "Rename one of them.")
    callbacks = {callback: _callback(namespace, callback) for callback in _CALLBACKS}
    return App(
        name, page_order, known, folder, namespace, namespace.get("C"), _context(namespace),
        description=str(namespace.get("DESCRIPTION", "")),
        suggested_multiple=_multiple(namespace),
        landing_page=bool(namespace.get("LANDING_PAGE", False)), filters={}, module=None,
        defaults={}, api2=None, api_keys=(), payment=_payment(namespace, name), lenient=False,
        virtual_fields={},
        **callbacks,
    )  # fmt: skip


def _pages(page_order: Any, namespace: Mapping[str, Any], may_be_empty: bool) -> list[type[Page]]:
    if callable(page_order):
        found = [v for v in list(namespace.values()) if _is_page(v)]
        return sorted(dict.fromkeys(found), key=lambda page: page.source.line)
    check_order(page_order)
    pages = list(dict.fromkeys(pages_of(page_order)))
    if not pages and not may_be_empty:
        raise BadPage("page_order", "it has no pages.", "List at least one page class.")
    return pages


def _check_plain_names(namespace: Mapping[str, Any]) -> None:
    """Refuse functions in place of values, and warn of oTree's names."""
    for name, meant in _PLAIN_NAMES.items():
        if inspect.isfunction(namespace.get(name)):
            raise BadPage(name, "it is a function.", f"Write {meant}.")
    for name, remedy in NOTEBOOK_NAMES.items():
        if inspect.isfunction(namespace.get(name)):
            advise(f"'{name}' is oTree's name and has no meaning here.\nInstead, {remedy}.")


def _is_page(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Page) and value.may_be_listed()


def _context(namespace: Mapping[str, Any]) -> type | None:
    context = namespace.get("Context")
    return context if isinstance(context, type) else None


def _payment(namespace: Mapping[str, Any], app: str) -> Payment | None:
    """Return the payment rule of a namespace, if it has one.

    Raises:
        BadPayment: a notebook's `payment` looks like a rule and is none; apps may use the name.
    """
    found = namespace.get("payment")
    if isinstance(found, Payment):
        return found
    if not app and (found is Payment or isinstance(found, (int, float, str, Decimal, Mapping))):
        raise BadPayment(
            f"payment = {found!r:.100} is not a payment rule.",
            "Write payment = Payment(fee=5), for example, or give the variable another name.",
        )
    return None


def _multiple(namespace: Mapping[str, Any]) -> int:
    value = namespace.get("SUGGESTED_MULTIPLE", 1)
    good = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if not good:
        raise BadPage(
            "SUGGESTED_MULTIPLE",
            f"it is {value!r}, which is not a whole number from 1.",
            "Write SUGGESTED_MULTIPLE = 2, for pairs.",
        )
    return int(value)


def public_constants(app: App) -> dict[str, Any]:
    """Return the values of `C` that scripts see as `uproot.C`.

    `C.__export__` lists them; `...` stands for all. Without it, a notebook exports those without a
    leading underscore, and an app exports none: an app written for the uproot framework may have
    the right answers there.
    """
    if app.constants is None:
        return {}
    values = _constants(app.constants)
    exported = values.get(EXPORT, () if app.name else ...)
    return {
        name: value
        for name, value in values.items()
        if (name in exported if exported is not ... else name[:1] != "_" and not callable(value))
    }


def _constants(constants: Any) -> dict[str, Any]:
    if isinstance(constants, Mapping):
        return {str(name): value for name, value in constants.items()}
    names = [name for name in dir(constants) if name == EXPORT or name[:2] != "__"]
    return {name: getattr(constants, name) for name in names}


def _callback(namespace: Mapping[str, Any], name: str) -> Callback | None:
    found: Callback | None = namespace.get(name)
    if name in _OPTIONAL and not callable(found):
        return None  # a variable that happens to have this name
    return None if found is None else _called_by_position(found, name, _CALLBACKS[name])


def _called_by_position(found: Any, name: str, parameters: Sequence[str]) -> Callback:
    """Return what calls a callback with its arguments in our order."""
    model = f"'def {name}({', '.join(parameters)})'"
    if not callable(found):
        raise BadPage(name, f"it is {found!r}, which cannot be called.", f"Write {model}.")
    callback = callback_by_position(found, parameters)
    if callback is None:
        code = getattr(found, "__code__", None)
        where = f"line {code.co_firstlineno}" if code else ""
        raise BadPage(name, f"it takes {inspect.signature(found)}.", f"Write {model}.", where)
    return callback


def describe_order(setup: Setup) -> list[str]:
    """Describe the page orders by name, to compare two whose page classes differ."""
    return [app.name + _described(app.order) for app in setup.apps]


def _described(order: Any) -> str:
    if isinstance(order, type):
        return order.__name__
    if callable(order):
        return "callable"
    if isinstance(order, (list, tuple)):
        return "[" + ",".join(map(_described, order)) + "]"
    inner = _described(order.entries)
    return f"{type(order).__name__}{inner}{getattr(order, 'n', '')}{order.block or ''}"
