"""Hook arguments: whether a hook can be called, and what calls it with arguments in our order."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["by_position", "callback_by_position", "of_player"]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def by_position(
    function: Callable[..., Any], names: Sequence[str], named: bool = True
) -> Callable[..., Any] | None:
    """Return what takes a page and the arguments *names* in this order; None if nothing can.

    A hook may name its arguments otherwise, but not give them one another's names. Arguments that
    stand in another order, or after a `*`, are passed by name.

    Args:
        named: whether an argument may not have the name of another one.
    """
    signature = inspect.signature(function)
    if _binds(signature, None, *names) and not (named and _misplaced(signature, ("page", *names))):
        return function
    if _binds(signature, None, **dict.fromkeys(names)):
        return _by_name(function, names)
    return None


def callback_by_position(
    function: Callable[..., Any], names: Sequence[str]
) -> Callable[..., Any] | None:
    """Return what takes the arguments *names* in this order; None if nothing can.

    Arguments that stand in another order, or after a `*`, are passed by name. A callable written
    in C has no signature, and is assumed to take them.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return function
    if _binds(signature, *names) and not _misplaced(signature, names):
        return function
    if not _binds(signature, **dict.fromkeys(names)):
        return None

    @functools.wraps(function)
    def callback(*values: Any, **named: Any) -> Any:
        return function(**dict(zip(names, values, strict=False)), **named)

    @functools.wraps(function)
    async def awaited(*values: Any, **named: Any) -> Any:
        return await callback(*values, **named)

    return awaited if inspect.iscoroutinefunction(function) else callback


def of_player(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return what calls a function of a player alone as a hook; None if it takes more or less."""
    names = list(inspect.signature(function).parameters)
    if len(names) != 1 or names[0] in ("page", "cls", "self"):
        return None

    @functools.wraps(function)
    def hook(page: Any, player: Any) -> Any:
        return function(player)

    return hook


def _binds(signature: inspect.Signature, *values: Any, **named: Any) -> bool:
    try:
        signature.bind(*values, **named)
    except TypeError:
        return False
    return True


def _misplaced(signature: inspect.Signature, names: Sequence[str]) -> bool:
    """Return whether an argument has the name of another one."""
    given = [p for p in signature.parameters.values() if p.kind in _POSITIONAL]
    first, rest = given[: len(names)], given[len(names) :]
    wrong = (p.name in names and p.name != names[n] for n, p in enumerate(first))
    return any(wrong) or any(p.name in names for p in rest)


def _by_name(function: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    @functools.wraps(function)
    def hook(page: Any, *values: Any) -> Any:
        return function(page, **dict(zip(names, values, strict=True)))

    return hook
