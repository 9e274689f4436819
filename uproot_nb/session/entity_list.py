"""Bunch: a list of players (or groups) to filter, read and assign."""

from __future__ import annotations

import asyncio
import inspect
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from numbers import Integral
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from uproot_nb.errors import UnknownPlayer
from uproot_nb.experiment.identifiers import (
    GroupIdentifier,
    PlayerIdentifier,
    SessionIdentifier,
)
from uproot_nb.experiment.query import FieldReference
from uproot_nb.session.tracked import plain

if TYPE_CHECKING:
    import pandas

__all__ = ["Bunch"]

Member = TypeVar("Member")
_MISSING = object()
_IDENTIFIERS = (PlayerIdentifier, GroupIdentifier, SessionIdentifier)


class Bunch(Sequence[Member], Generic[Member]):
    """An ordered, immutable list of players or groups.

    rich = players(session).filter(F.cash > 10)
    rich.assign("taxed", True)
    players(session).each("name", "cash")
    """

    def __init__(self, members: Sequence[Member], where: str = "bunch") -> None:
        self._members = list(members)
        self._where = where

    def __len__(self) -> int:
        return len(self._members)

    @overload
    def __getitem__(self, index: int) -> Member: ...
    @overload
    def __getitem__(self, index: slice) -> Bunch[Member]: ...
    def __getitem__(self, index: int | slice) -> Member | Bunch[Member]:
        if isinstance(index, slice):
            return Bunch(self._members[index], self._where)
        return self._members[index]

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members)

    def __contains__(self, item: object) -> bool:
        return self.get(item, None) is not None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (Bunch, list, tuple)):
            return self._members == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        names = ", ".join(str(getattr(m, "name", m)) for m in self._members[:8])
        more = ", …" if len(self) > 8 else ""
        return f"<Bunch of {len(self)}: {names}{more}>"

    def get(self, key: Any, default: Any = _MISSING) -> Any:
        """Return the member with that name, label, identifier or player id.

        Raises:
            UnknownPlayer: no member matches and no *default* was given.
        """
        fits = _test_for(key)
        for member in self._members:
            if fits(member):
                return member
        if isinstance(key, str):
            for member in self._members:
                if getattr(member, "label", None) == key:
                    return member
        if default is _MISSING:
            raise UnknownPlayer(key, self._where)
        return default

    def filter(self, *conditions: Callable[[Member], Any]) -> Bunch[Member]:
        """Return the members for which all conditions hold: `filter(F.bid > 3)`."""
        for condition in conditions:
            if not callable(condition):
                raise TypeError(
                    f"filter() takes conditions on fields, not {condition!r}.\n"
                    "Write filter(F.bid > 3), with F before the field's name."
                )
        found = [m for m in self._members if all(condition(m) for condition in conditions)]
        return Bunch(found, self._where)

    def find_one(self, *conditions: Any, **fields: Any) -> Member:
        """Return the only member with these fields: `find_one(role="buyer")`.

        A field and its value mean the same: `find_one(F.role, "buyer")`.

        Raises:
            LookupError: none or several match.
        """
        if (
            len(conditions) == 2
            and isinstance(conditions[0], FieldReference)
            and not callable(conditions[1])
        ):
            conditions = (conditions[0] == conditions[1],)
        found = [
            m
            for m in self.filter(*conditions)
            if all(getattr(m, name, _MISSING) == value for name, value in fields.items())
        ]
        if len(found) != 1:
            wanted = ", ".join(f"{k}={v!r}" for k, v in fields.items()) or "the conditions"
            raise LookupError(f"{len(found)} in {self._where} have {wanted}, not one.")
        return found[0]

    def each(self, *names: str | FieldReference, simplify: bool = True) -> list[Any]:
        """Return a field of every member, None where not set; several fields as named tuples.

            for row in players(session).each("name", "cash"):
                print(row.name, row.cash)

        Args:
            simplify: False returns named tuples for a single field, too.
        """
        paths = [name._path if isinstance(name, FieldReference) else (name,) for name in names]
        with self._lock():
            if simplify and len(paths) == 1:
                return [_value(member, paths[0]) for member in self._members]
            row = namedtuple("Row", [path[-1] for path in paths], rename=True)  # type: ignore[misc]
            return [row._make([_value(m, path) for path in paths]) for m in self._members]

    def assign(self, key: str, values: Any) -> None:
        """Set a field of every member: one value for all, or a list with one value each.

            players(session).assign("cash", 100)
            players(session).assign("role", itertools.cycle(["buyer", "seller"]))

        Args:
            values: a list, range, array, bunch or other iterable has one value per member, in order
                (an iterator may have more); text, a dict, a set or an identifier is one for all.

        Raises:
            ValueError: there are not as many values as members; apps of the framework may give
                more or fewer, and the rest is left unchanged.
        """
        dealt = self._dealt(key, values)
        with self._lock():
            for member, value in zip(self._members, dealt, strict=False):
                setattr(member, key, value)

    def _dealt(self, key: str, values: Any) -> list[Any]:
        if not _is_many(values):
            return [values] * len(self)
        dealt = list(islice(values, len(self)) if isinstance(values, Iterator) else values)
        if len(dealt) != len(self) and not self._in_app:
            raise ValueError(
                f"assign({key!r}): {len(dealt)} values for {len(self)} in {self._where}.\n"
                "Give one value for all, or one for each."
            )
        return dealt

    @property
    def _world(self) -> Any:
        """The members' world; None without one."""
        return getattr(self._members[0], "_world", None) if self._members else None

    @property
    def _in_app(self) -> bool:
        return bool(getattr(self._world, "in_app", False))

    def _lock(self) -> AbstractContextManager[Any]:
        """Return the run's lock, so that a bunch is read and changed atomically."""
        world = self._world
        return nullcontext() if world is None else world.lock

    def apply(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return `function(member, *args, **kwargs)` for every member, in order.

        With an `async` function, await the result: `await group.players.apply(set_payoff)`.
        """
        found = [function(member, *args, **kwargs) for member in self._members]
        return _all_of(found) if any(map(inspect.isawaitable, found)) else found

    @property
    def df(self) -> pandas.DataFrame:
        """A DataFrame with a row per member: name, id, and all fields (None where not set)."""
        import pandas  # lazy: reading a table is rare, loading pandas is slow

        rows = []
        with self._lock():
            for member in self._members:
                fields: dict[str, Any] = plain(getattr(member, "fields", dict)())
                rows.append({"name": getattr(member, "name", None), "id": _id(member), **fields})
        return pandas.DataFrame(rows, columns=None if rows else ["name", "id"])


async def _all_of(results: list[Any]) -> list[Any]:
    """Await the awaitable results; the others stay as they are."""
    coming = [result for result in results if inspect.isawaitable(result)]
    came = iter(await asyncio.gather(*coming))
    return [next(came) if inspect.isawaitable(result) else result for result in results]


def _value(member: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        member = getattr(member, name, None)
    return member


def _id(member: Any) -> Any:
    return getattr(member, "id", None)


def _is_many(values: Any) -> bool:
    """Return whether *values* holds one value for each member."""
    one = (str, bytes, bytearray, Mapping, Set, *_IDENTIFIERS)
    is_record = isinstance(values, tuple) and hasattr(values, "_fields")
    return isinstance(values, Iterable) and not isinstance(values, one) and not is_record


def _test_for(key: Any) -> Callable[[Any], bool]:
    if isinstance(key, _IDENTIFIERS):
        kind = type(key)
        return lambda member: type(named := ~member) is kind and named == key
    if isinstance(key, bool):
        return lambda member: False
    if isinstance(key, Integral):
        return lambda member: bool(_id(member) == key)
    if isinstance(key, str):
        return lambda member: getattr(member, "name", None) == key
    return lambda member: bool(member == key)
