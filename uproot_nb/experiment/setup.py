"""Setup: what a notebook's namespace says about an experiment."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uproot_nb.errors import BadPage
from uproot_nb.experiment.pages import Page, flatten_order

__all__ = ["Setup", "collect_setup", "public_constants"]

_CALLBACKS: Mapping[str, tuple[str, ...]] = {
    "new_session": ("session",), "new_player": ("player",), "restart": (),
}  # fmt: skip


@dataclass(frozen=True)
class Setup:
    """The pages and callbacks of an experiment, and its constants `C`."""

    pages: tuple[type[Page], ...]
    new_session: Callable[[Any], Any] | None = None
    new_player: Callable[[Any], Any] | None = None
    restart: Callable[[], Any] | None = None
    constants: Any = None


def collect_setup(page_order: Sequence[Any] | None, namespace: Mapping[str, Any]) -> Setup:
    """Pick up the pages and callbacks from a namespace (a notebook's globals).

    Raises:
        BadPage: there is no page order, an entry is no page, or a callback cannot be called.
    """
    if page_order is None:
        page_order = namespace.get("page_order")
    if page_order is None:
        raise BadPage(
            "serve()",
            "there is no page order.",
            "Write serve([FirstPage, SecondPage]), or set page_order before serve().",
        )
    pages = flatten_order(page_order)
    if not pages:
        raise BadPage("page_order", "it has no pages.", "List at least one page class.")
    callbacks = {name: _callback(namespace, name) for name in _CALLBACKS}
    return Setup(pages, constants=namespace.get("C"), **callbacks)


def public_constants(constants: Any) -> dict[str, Any]:
    """Return the values of `C` that scripts may see: those without a leading underscore."""
    if constants is None:
        return {}
    items = constants.items() if isinstance(constants, Mapping) else _attributes(constants)
    return {str(k): v for k, v in items if not str(k).startswith("_") and not callable(v)}


def _attributes(constants: Any) -> list[tuple[str, Any]]:
    return [(name, getattr(constants, name)) for name in dir(constants) if name[:1] != "_"]


def _callback(namespace: Mapping[str, Any], name: str) -> Callable[..., Any] | None:
    found: Callable[..., Any] | None = namespace.get(name)
    if found is None:
        return None
    model = f"'def {name}({', '.join(_CALLBACKS[name])})'"
    if not callable(found):
        raise BadPage(name, f"it is {found!r}, which cannot be called.", f"Write {model}.")
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return found  # a callable of C, which does not say what it takes
    try:
        signature.bind(*_CALLBACKS[name])
    except TypeError:
        code = getattr(found, "__code__", None)
        where = f"line {code.co_firstlineno}" if code else ""
        raise BadPage(name, f"it takes {signature}.", f"Write {model}.", where) from None
    return found
