"""F: names a field in a filter, as in players(session).filter(F.bid > 3)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

__all__ = ["Condition", "F", "FieldReference"]

_MISSING = object()


class Condition:
    """A test of one player; combine conditions with `&`, `|` and `~`."""

    def __init__(self, test: Callable[[Any], bool], text: str) -> None:
        self._test = test
        self._text = text

    def __call__(self, entity: Any) -> bool:
        return self._test(entity)

    def __and__(self, other: Condition | FieldReference) -> Condition:
        if not isinstance(other, (Condition, FieldReference)):
            return NotImplemented
        return Condition(lambda e: self(e) and other(e), f"({self!r} & {other!r})")

    def __or__(self, other: Condition | FieldReference) -> Condition:
        if not isinstance(other, (Condition, FieldReference)):
            return NotImplemented
        return Condition(lambda e: self(e) or other(e), f"({self!r} | {other!r})")

    def __invert__(self) -> Condition:
        return Condition(lambda e: not self(e), f"~{self._text}")

    def __bool__(self) -> bool:
        raise TypeError(
            f"The condition {self._text} is neither true nor false by itself.\n"
            "Combine conditions with & and |, each in parentheses: (F.x > 3) & (F.y < 2)."
        )

    def __repr__(self) -> str:
        return self._text


class FieldReference:
    """A field by name; a comparison with it is a Condition, and so is the field itself.

    An entity without the field matches neither `filter(F.bid > 3)` nor `filter(F.ready)`.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, path: tuple[str, ...]) -> None:
        self._path = path

    def __getattr__(self, name: str) -> FieldReference:
        if name.startswith("__"):
            raise AttributeError(name)
        return FieldReference((*self._path, name))

    def __call__(self, entity: Any) -> bool:
        value = self._read(entity)
        return value is not _MISSING and bool(value)

    def __and__(self, other: Condition | FieldReference) -> Condition:
        return Condition(self, repr(self)) & other

    def __or__(self, other: Condition | FieldReference) -> Condition:
        return Condition(self, repr(self)) | other

    def __invert__(self) -> Condition:
        return ~Condition(self, repr(self))

    def is_in(self, values: Any) -> Condition:
        """Return a condition that the value is one of *values*."""
        return self._compare(lambda a, b: a in b, list(values), "in")

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        return self._compare(operator.eq, other, "==")

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return self._compare(operator.ne, other, "!=")

    def __lt__(self, other: Any) -> Condition:
        return self._compare(operator.lt, other, "<")

    def __le__(self, other: Any) -> Condition:
        return self._compare(operator.le, other, "<=")

    def __gt__(self, other: Any) -> Condition:
        return self._compare(operator.gt, other, ">")

    def __ge__(self, other: Any) -> Condition:
        return self._compare(operator.ge, other, ">=")

    def __repr__(self) -> str:
        return ".".join(("F", *self._path))

    def _compare(self, compare: Callable[[Any, Any], Any], other: Any, sign: str) -> Condition:
        def test(entity: Any) -> bool:
            value = self._read(entity)
            if value is _MISSING:
                return False
            wanted = other._read(entity) if isinstance(other, FieldReference) else other
            if wanted is _MISSING:
                return False
            try:
                return bool(compare(value, wanted))
            except TypeError:
                return False  # None > 3: a player without a decision does not match

        return Condition(test, f"({self!r} {sign} {other!r})")

    def _read(self, entity: Any) -> Any:
        value = entity
        for name in self._path:
            value = getattr(value, name, _MISSING)
            if value is _MISSING:
                return _MISSING
        return value


class _Fields:
    """Names fields in filters: `F.bid > 3`, `(F.role == "buyer") & (F.cash >= 10)`."""

    def __getattr__(self, name: str) -> FieldReference:
        if name.startswith("__"):
            raise AttributeError(name)
        return FieldReference((name,))

    def __repr__(self) -> str:
        return "F"


F = _Fields()
