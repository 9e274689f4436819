"""Description: a text that is the same for the same design and code, in every process."""

from __future__ import annotations

import functools
import random
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from uproot_nb.experiment.source import describe_code, hash_text

__all__ = ["hash_of", "hash_of_market_code"]

_PACKAGE = Path(__file__).resolve().parents[1]
_PLAIN = (str, bytes, int, float, complex, bool, type(None))
_INSTALLED = ("site-packages", "dist-packages")
_NO_MEANING = frozenset({
    "__dict__", "__weakref__", "__module__", "__doc__", "__firstlineno__", "__static_attributes__",
    "__annotations__", "__annotate_func__", "__annotations_cache__", "__abstractmethods__",
    "_abc_impl", "__parameters__", "__slotnames__",
})  # fmt: skip
"""Attributes of a class that do not change what it does, or differ from process to process."""


def hash_of(value: Any) -> str:
    """Return the hash of a value, and of the code that it brings along from a notebook or script.

    Classes and functions of installed packages count by their names.
    """
    return hash_text("\n".join(_Describer().lines(value)))


@functools.cache
def hash_of_market_code() -> str:
    """Return the hash of the source by which markets are simulated here."""
    paths = sorted(_PACKAGE.rglob("*.py"))
    return hash_text("\n".join(hash_text(path.read_text("utf-8")) for path in paths))


class _Describer:
    """Walks through a value once; what it has met before is named by its number."""

    def __init__(self) -> None:
        self._met: dict[int, tuple[int, Any]] = {}
        """By id: number and the object itself, which must live as long as its id."""

    def lines(self, value: Any) -> Iterator[str]:
        """Yield the description in lines."""
        if isinstance(value, _PLAIN):
            yield f"{type(value).__name__} {value!r}"
            return
        if id(value) in self._met:
            yield f"as {self._met[id(value)][0]}"
            return
        self._met[id(value)] = len(self._met), value
        if isinstance(value, (list, tuple)):
            yield f"{type(value).__name__} of {len(value)}"
            yield from self._all(value)
        elif isinstance(value, (set, frozenset)):
            yield f"{type(value).__name__} of {len(value)}"
            yield from sorted(hash_of(one) for one in value)
        elif isinstance(value, Mapping):
            yield f"{type(value).__name__} of {len(value)}"
            yield from self._all(part for pair in value.items() for part in pair)
        elif isinstance(value, random.Random):
            yield f"Random {value.getstate()!r}"
        else:
            yield from self._code_or_object(value)

    def _all(self, values: Iterable[Any]) -> Iterator[str]:
        for value in values:
            yield from self.lines(value)

    def _code_or_object(self, value: Any) -> Iterator[str]:
        if isinstance(value, functools.partial):
            yield "partial"
            yield from self._all((value.func, value.args, value.keywords))
        elif isinstance(value, (staticmethod, classmethod, MethodType)):
            yield str(type(value).__name__)
            yield from self._all((value.__func__, getattr(value, "__self__", None)))
        elif isinstance(value, (FunctionType, type)):
            yield f"{value.__module__}.{value.__qualname__}"
            if not _is_installed(value.__module__):
                yield from self._function(value) if isinstance(value, FunctionType) else (
                    self._class(value))  # fmt: skip
        elif isinstance(value, (property, functools.cached_property)):
            yield type(value).__name__
            yield from self._all(getattr(value, name, None) for name in ("fget", "fset", "func"))
        elif isinstance(value, ModuleType):
            yield f"module {value.__name__}"
        else:
            yield from self._object(value)

    def _function(self, function: FunctionType) -> Iterator[str]:
        yield describe_code(function.__code__)
        yield from self._all((function.__defaults__, function.__kwdefaults__))
        for cell in function.__closure__ or ():
            yield from self.lines(cell.cell_contents)
        for name in sorted(set(_names(function.__code__)) & set(function.__globals__)):
            yield name
            yield from self.lines(function.__globals__[name])

    def _class(self, cls: type) -> Iterator[str]:
        yield from self._all(cls.__bases__)
        for name, value in sorted(vars(cls).items()):
            if name not in _NO_MEANING:
                yield name
                yield from self.lines(value)

    def _object(self, value: Any) -> Iterator[str]:
        yield from self.lines(type(value))
        yield from self.lines(_state(value))


def _state(value: Any) -> Any:
    """Return what an object is made of, as pickle would; None if nothing tells."""
    try:
        made = value.__reduce_ex__(4)
    except Exception:  # authors' own __reduce__ may raise anything
        return None
    return made if isinstance(made, str) else [made[1], *made[2:3]]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_installed(module: str) -> bool:
    """Tell whether a module comes with Python or a package, and not from the author."""
    top = module.partition(".")[0]
    if module == "__main__":  # the notebook or script
        return False
    if top in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    inside = Path(file).is_relative_to(_PACKAGE.parent)
    return inside or any(folder in file for folder in _INSTALLED)
