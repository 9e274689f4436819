"""Starting: find the tests that start a process, be it a browser, a Jupyter server or a Python."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

__all__ = ["starts_a_process"]

STARTERS = {"subprocess", "fork", "LiveJupyter", "sync_playwright"}
"""Whoever starts a process uses one of these names."""
OURS = tuple(f"{Path(__file__).parents[1] / folder}{os.sep}" for folder in ("tests", "tools"))


def starts_a_process(item: pytest.Function) -> bool:
    """Return whether a test, its fixtures, or what they call in the tests starts a process."""
    fixtures = item._fixtureinfo.name2fixturedefs.values()
    return any(map(names_a_starter, [item.function, *(each[-1].func for each in fixtures)]))


@functools.cache
def names_a_starter(function: Any) -> bool:
    """Follow the names in a function's code through the functions and classes of the tests."""
    seen: set[Any] = set()
    waiting = [function]
    while waiting:
        for code, scope in codes_of(waiting.pop()):
            if code in seen:
                continue
            seen.add(code)
            names = set(names_in(code))
            if names & STARTERS:
                return True
            waiting += [scope[name] for name in names if is_of_the_tests(scope.get(name))]
    return False


def codes_of(made: Any) -> Iterator[tuple[CodeType, dict[str, Any]]]:
    """Yield the code of a function, or of a class's methods, with the module's names."""
    for each in vars(made).values() if inspect.isclass(made) else [made]:
        function = inspect.unwrap(getattr(each, "__func__", each)) if callable(each) else each
        if isinstance(function, FunctionType):
            yield function.__code__, function.__globals__


def names_in(code: CodeType) -> Iterator[str]:
    """Yield the names that a code uses, also in the functions that it defines."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from names_in(inner)


def is_of_the_tests(made: Any) -> bool:
    """Return whether something is a function or a class that the tests or the tools define."""
    module = sys.modules.get(getattr(made, "__module__", None) or "")
    return callable(made) and (getattr(module, "__file__", None) or "").startswith(OURS)
