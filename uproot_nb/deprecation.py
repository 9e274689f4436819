"""Deprecation: an old public name goes on working, and warns in the cell that uses it."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, ParamSpec, TypeVar

__all__ = [
    "Renamed", "RenamedAttribute", "deprecated", "renamed_names", "renamed_parameter",
    "warn_deprecated",
]  # fmt: skip

P = ParamSpec("P")
R = TypeVar("R")


class Renamed(NamedTuple):
    """A new name, the version in which it replaced the old one, and the one that drops that."""

    name: str
    since: str
    until: str


def warn_deprecated(what: str, use: str, since: str, until: str) -> None:
    """Warn the code that called our caller that *what* will be removed.

        warn_deprecated("run.end()", "run.close()", since="0.2", until="0.4")

    Python shows a DeprecationWarning only where the caller is a cell, a script or a test.
    """
    text = f"{what} is deprecated since uproot_nb {since}: use {use}. It goes in {until}."
    warnings.warn(text, DeprecationWarning, stacklevel=3)


def deprecated(use: str, since: str, until: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a function or method as deprecated.

    @deprecated(use="run.close()", since="0.2", until="0.4")
    def end(self) -> None: ...
    """

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def warn_and_call(*args: P.args, **kwargs: P.kwargs) -> R:
            warn_deprecated(f"{function.__qualname__}()", use, since, until)
            return function(*args, **kwargs)

        return warn_and_call

    return mark


def renamed_parameter(
    old: str, new: str, since: str, until: str
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Accept a keyword argument by its old name.

    @renamed_parameter("format", "kind", since="0.2", until="0.4")
    def export(path, kind="csv"): ...

    The decorated function raises TypeError if both names are given.
    """

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def rename_and_call(*args: P.args, **kwargs: P.kwargs) -> R:
            if old in kwargs:
                name = function.__qualname__
                if new in kwargs:
                    raise TypeError(f"{name}(): '{old}' is the old name of '{new}'; give one.")
                warn_deprecated(f"{name}({old}=...)", f"{new}=...", since, until)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return rename_and_call

    return mark


def renamed_names(module: str, names: Mapping[str, Renamed]) -> Callable[[str], Any]:
    """Return a module's `__getattr__`, which finds its old names.

    __getattr__ = renamed_names(__name__, {"OldName": Renamed("NewName", "0.2", "0.4")})
    """

    def find(name: str) -> Any:
        renamed = names.get(name)
        if renamed is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warn_deprecated(f"{module}.{name}", f"{module}.{renamed.name}", *renamed[1:])
        return getattr(sys.modules[module], renamed.name)

    return find


class RenamedAttribute:
    """An attribute's old name, to be read and set.

    class Run:
        kinds = RenamedAttribute(Renamed("formats", "0.2", "0.4"))
    """

    def __init__(self, renamed: Renamed) -> None:
        self._renamed = renamed

    def __set_name__(self, owner: type, name: str) -> None:
        self._old = f"{owner.__name__}.{name}"
        self._new = f"{owner.__name__}.{self._renamed.name}"

    def __get__(self, instance: Any, owner: type) -> Any:
        warn_deprecated(self._old, self._new, *self._renamed[1:])
        return getattr(owner if instance is None else instance, self._renamed.name)

    def __set__(self, instance: Any, value: Any) -> None:
        warn_deprecated(self._old, self._new, *self._renamed[1:])
        setattr(instance, self._renamed.name, value)
