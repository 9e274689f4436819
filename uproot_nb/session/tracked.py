"""Tracked: lists, dicts and sets that log each in-place change, at any depth, as a small event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import compress, count, repeat
from operator import index as as_index
from operator import is_, itemgetter
from typing import Any, ClassVar, NamedTuple, Protocol, SupportsIndex

from uproot_nb.errors import Unstorable
from uproot_nb.log.codec import Codec
from uproot_nb.log.state import UNCHANGING
from uproot_nb.session.steps import StepLock

__all__ = [
    "FieldOwner", "TrackedDict", "TrackedList", "TrackedSet", "leaves", "own", "plain", "release",
]  # fmt: skip

NEARBY = 16
"""How far from its last known place a list item is searched for, before the whole list is."""
SURELY_SHALLOW = 60
"""Brackets and path steps below which a value cannot nest too deep: each costs up to 3 levels."""

_UNLOCKED = nullcontext()
_MISSING = object()


class Writer(Protocol):
    """What tracked values use of their session."""

    codec: Codec
    lock: StepLock

    def write(self, kind: str, subject: str, field: str, value: str) -> int:
        """Log one change."""


class FieldOwner(NamedTuple):
    """The field that holds a tracked value, at the root of every path."""

    writer: Writer
    subject: str
    field: str

    def encode(self, value: Any) -> str:
        """Return a value's text for the log; an error names the field."""
        try:
            return self.writer.codec.encode(value)
        except Unstorable as error:
            raise error.at(f"{self.subject}.{self.field}") from None

    def write(self, kind: str, text: str) -> None:
        """Log one change of the field."""
        self.writer.write(kind, self.subject, self.field, text)


class _InTuple:
    """A tuple with tracked values in it, which can change although the tuple cannot."""

    __slots__ = ("_hint", "_parent", "items")

    def __init__(self, parent: Any, hint: Any) -> None:
        self._parent, self._hint = parent, hint
        self.items: tuple[Any, ...] = ()

    def _key_of(self, child: Any) -> int:
        wanted = child.items if type(child) is _InTuple else child
        for index, item in enumerate(self.items):
            if item is wanted:
                return index
        raise LookupError("a tracked value is not in its tuple")

    def _around(self, key: int, value: Any) -> Any:
        return (value,)


class _Tracked:
    """Base of the tracked containers: finds its field, and logs changes.

    A change is encoded (which may raise an error), then logged, then made. In a container that is
    in no field it is only made.
    """

    __slots__ = ()
    __uproot_tracked__ = True
    _plain_kind: ClassVar[type[Any]]
    _parent: Any
    _hint: Any
    _shallow: Callable[[], Any]
    """Return a plain copy of this level, made atomically."""

    def __getattr__(self, name: str) -> Any:
        if name in ("_parent", "_hint"):  # created by type(rows)(...): it is in no field
            return None
        raise AttributeError(f"'{self._plain_kind.__name__}' object has no attribute '{name}'")

    # ---- its field ----

    def _place(self) -> tuple[FieldOwner, list[Any]] | None:
        """Return the owning field and the path from it; None for a detached container."""
        path: list[Any] = []
        node: Any = self
        while True:
            parent = node._parent
            if parent is None:
                return None
            if type(parent) is FieldOwner:
                path.reverse()
                return parent, path
            path.append(parent._key_of(node))
            node = parent

    def _guard(self) -> AbstractContextManager[Any]:
        """Return the run's lock, which is held during each change."""
        owner = _owner_of(self)
        return _UNLOCKED if owner is None else owner.writer.lock

    def _still(self) -> bool:
        """Return whether no other thread can change this container now."""
        owner = _owner_of(self)
        return owner is None or owner.writer.lock.owned()

    # ---- how a change is logged ----

    def _log(self, kind: str, fresh: Any, form: str, *values: Any) -> None:
        """Log one change; *form* is its JSON, with a placeholder for each of *values*.

        *fresh* is a plain container of this kind with the new items.
        """
        place = self._place()
        if place is None:
            return
        owner, path = place
        text = form % tuple([owner.encode(value) for value in values])
        if fresh and len(path) + text.count("[") + text.count("{") > SURELY_SHALLOW:
            self._refuse_too_deep(owner, fresh)
        owner.write(kind, f'{{"path":{owner.encode(path) if path else "[]"},{text}}}')

    def _refuse_too_deep(self, owner: FieldOwner, fresh: Any) -> None:
        """Encode the new items at their depth: the whole field must stay storable."""
        node: Any = self
        while type(node._parent) is not FieldOwner:
            fresh = node._parent._around(node._parent._key_of(node), fresh)
            node = node._parent
        owner.encode(fresh)

    def _log_whole(self, content: Any) -> None:
        """Log the container's whole new content (after sorting, slice assignment and the like)."""
        place = self._place()
        if place is None:
            return
        owner, path = place
        node: Any = self
        whole = plain(content)
        while type(node._parent) is _InTuple:
            node, key = node._parent, path.pop()
            items = enumerate(node.items)
            whole = tuple([whole if at == key else plain(item) for at, item in items])
        if path:
            change = {"path": path[:-1], "items": [[path[-1], whole]]}
            owner.write("update", owner.encode(change))
        else:
            owner.write("set", owner.encode(whole))

    # ---- copies ----

    def _as_is(self) -> Any:
        """Return a plain copy of this level, taken between two steps of authors' code."""
        with self._guard():
            return self._shallow()

    def __repr__(self) -> str:
        return repr(self._as_is())

    def __copy__(self) -> Any:
        return self._as_is()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        with self._guard():
            return plain(self)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        with self._guard():
            return self._plain_kind, (plain(self),)


class TrackedList(_Tracked, list[Any]):
    """A list in a field, used as any list."""

    __slots__ = ("_hint", "_parent")
    _plain_kind = list

    def append(self, value: Any) -> None:
        """Add one value at the end; logged as one small event."""
        with self._guard():
            self._log("append", [value], '"values":[%s]', value)
            list.append(self, own(value, self, len(self)))

    def extend(self, values: Iterable[Any]) -> None:
        """Add values at the end."""
        with self._guard():
            new = list(values)
            if new:
                self._log("append", new, '"values":%s', new)
                start = len(self)
                list.extend(self, [own(v, self, start + n) for n, v in enumerate(new)])

    def __iadd__(self, values: Iterable[Any]) -> TrackedList:  # type: ignore[misc]
        self.extend(values)
        return self

    def insert(self, index: SupportsIndex, value: Any) -> None:
        """Insert a value before *index*."""
        at = as_index(index)
        list[Any]().insert(at, None)  # raises what a list raises
        with self._guard():
            self._log("insert", [value], '"index":%s,"value":%s', at, value)
            list.insert(self, at, own(value, self, at))

    def __setitem__(self, index: Any, value: Any) -> None:
        with self._guard():
            if isinstance(index, slice):
                self._replace(index, value)
                return
            try:
                old = list.__getitem__(self, index)
            except (IndexError, TypeError):
                list.__setitem__(self, index, value)  # raises what a list raises
                raise
            if old is value and isinstance(value, _Tracked):
                return  # 'rows[0] += ...' has logged its change already
            at = range(len(self))[index]
            self._log("update", [value], '"items":[[%s,%s]]', at, value)
            release(old)
            list.__setitem__(self, at, own(value, self, at))

    def __delitem__(self, index: Any) -> None:
        with self._guard():
            if isinstance(index, slice):
                self._replace(index, _MISSING)
                return
            try:
                old = list.__getitem__(self, index)
            except (IndexError, TypeError):
                list.__delitem__(self, index)  # raises what a list raises
                raise
            at = range(len(self))[index]
            self._log("remove", None, '"key":%s', at)
            list.__delitem__(self, at)
            release(old)

    def pop(self, index: SupportsIndex = -1) -> Any:
        """Remove a value and return it."""
        with self._guard():
            at = as_index(index)
            if not -len(self) <= at < len(self):
                list.pop(self, at)  # raises what a list raises
            value = list.__getitem__(self, at)
            del self[at]
            return value

    def remove(self, value: Any) -> None:
        """Remove the first equal value."""
        with self._guard():
            if value not in self:
                raise ValueError("list.remove(x): x not in list")
            del self[self.index(value)]

    def clear(self) -> None:
        """Remove everything."""
        with self._guard():
            if self:
                self._log("remove", None, '"all":true')
                _release_all(list.__iter__(self))
                list.clear(self)

    def sort(self, *, key: Any = None, reverse: bool = False) -> None:
        """Sort in place; logged as the whole new list. Nothing moves if sorting fails."""
        with self._guard():
            content = list.copy(self)
            content.sort(key=key, reverse=reverse)
            self._rearrange(content)

    def reverse(self) -> None:
        """Reverse in place; logged as the whole new list."""
        with self._guard():
            self._rearrange(list.__getitem__(self, slice(None, None, -1)))

    def __imul__(self, times: SupportsIndex) -> TrackedList:
        try:
            number = as_index(times)
        except TypeError:
            return NotImplemented
        with self._guard():
            if number < 1:
                self.clear()
            else:
                self.extend(plain(self) * (number - 1))
            return self

    def __iter__(self) -> Iterator[Any]:
        return list.__iter__(self) if self._still() else iter(self._as_is())

    def __reversed__(self) -> Iterator[Any]:
        return list.__reversed__(self) if self._still() else reversed(self._as_is())

    def _rearrange(self, content: list[Any]) -> None:
        """Put the same items in another order."""
        if not all(map(is_, content, list.__iter__(self))):
            self._log_whole(content)
            list.__setitem__(self, slice(None), content)

    def _replace(self, index: slice, values: Any) -> None:
        """Replace a slice by *values* (or nothing)."""
        content = list.copy(self)
        gone = content[index]
        if values is _MISSING:
            fresh: list[Any] = []
            del content[index]
        else:
            fresh = values if type(values) is list else _listed(content, index, values)
            content[index] = fresh  # raises what a list raises
        place = self._place()
        if place is not None and fresh:
            self._refuse_too_deep(place[0], fresh)
        if gone or fresh:
            self._log_whole(content)
            _release_all(gone)
            if values is _MISSING:
                list.__delitem__(self, index)
            else:
                start = index.indices(len(self))[0]
                owned = [own(value, self, start + n) for n, value in enumerate(fresh)]
                list.__setitem__(self, index, owned)

    def _key_of(self, child: Any) -> int:
        wanted = child.items if type(child) is _InTuple else child
        hint = child._hint
        if type(hint) is int and 0 <= hint < len(self) and list.__getitem__(self, hint) is wanted:
            return hint
        found = self._search(wanted, hint if type(hint) is int else 0)
        child._hint = found
        return found

    def _search(self, wanted: Any, hint: int) -> int:
        """Return an item's index, which is often near its last known one."""
        start = max(0, min(hint, len(self)) - NEARBY)
        near = list.__getitem__(self, slice(start, start + 2 * NEARBY + 1))
        for first, items in ((start, near), (0, list.__iter__(self))):
            found = next(compress(count(first), map(is_, items, repeat(wanted))), None)
            if found is not None:
                return found
        raise LookupError("a tracked value is not in its list")

    def _around(self, key: int, value: Any) -> Any:
        return [value]

    def _fill(self, source: list[Any]) -> None:
        items = list.copy(source)
        list.extend(self, [own(item, self, n) for n, item in enumerate(items)])

    def _settle(self) -> None:
        items = list.copy(self)
        list.__setitem__(self, slice(None), [_settled(v, self, n) for n, v in enumerate(items)])

    def _shallow(self) -> list[Any]:
        return list.copy(self)


class TrackedDict(_Tracked, dict[Any, Any]):
    """A dict in a field, used as any dict."""

    __slots__ = ("_hint", "_parent")
    _plain_kind = dict

    def __setitem__(self, key: Any, value: Any) -> None:
        with self._guard():
            old = dict.get(self, key, _MISSING)
            if old is value and isinstance(value, _Tracked):
                return  # 'book["bids"] += ...' has logged its change already
            self._log("update", {key: value}, '"items":[[%s,%s]]', key, value)
            release(old)
            dict.__setitem__(self, key, own(value, self, key))

    def __delitem__(self, key: Any) -> None:
        with self._guard():
            old = dict.__getitem__(self, key)
            self._log("remove", None, '"key":%s', key)
            dict.__delitem__(self, key)
            release(old)

    def update(self, /, *args: Any, **kwargs: Any) -> None:
        """Set several keys; logged as one event."""
        with self._guard():
            fresh = dict(*args, **kwargs)
            if fresh:
                self._log("update", fresh, '"items":%s', [[k, v] for k, v in fresh.items()])
                for key in fresh:
                    release(dict.get(self, key))
                dict.update(self, {key: own(value, self, key) for key, value in fresh.items()})

    def __ior__(self, other: Any) -> TrackedDict:  # type: ignore[misc]
        self.update(other)
        return self

    def setdefault(self, key: Any, default: Any = None, /) -> Any:
        """Return the key's value, set to *default* if it is not there."""
        with self._guard():
            if key not in self:
                self[key] = default
            return dict.__getitem__(self, key)

    def pop(self, key: Any, /, *default: Any) -> Any:
        """Remove a key and return its value."""
        with self._guard():
            if key not in self or len(default) > 1:
                return dict.pop(self, key, *default)
            value = dict.__getitem__(self, key)
            del self[key]
            return value

    def popitem(self) -> tuple[Any, Any]:
        """Remove the newest key and return it with its value."""
        with self._guard():
            if not self:
                raise KeyError("popitem(): dictionary is empty")
            key = next(dict.__reversed__(self))
            return key, self.pop(key)

    def clear(self) -> None:
        """Remove everything."""
        with self._guard():
            if self:
                self._log("remove", None, '"all":true')
                _release_all(dict.values(self))
                dict.clear(self)

    def copy(self) -> dict[Any, Any]:
        """Return a plain shallow copy."""
        copy: dict[Any, Any] = self._as_is()
        return copy

    def __iter__(self) -> Iterator[Any]:
        return dict.__iter__(self) if self._still() else iter(self._as_is())

    def __reversed__(self) -> Iterator[Any]:
        return dict.__reversed__(self) if self._still() else reversed(self._as_is())

    @property
    def keys(self) -> Any:
        """Return the keys; outside live methods, a copy."""
        # dict(book) and {**book} call this and then read key by key. No other thread runs between
        # the lock's release and the last read if all that they call is written in C: hence no
        # method, but a chain of iterators that locks, copies and unlocks.
        owner = _owner_of(self)
        if owner is None or owner.writer.lock.owned():
            return partial(dict.keys, self)
        lock = owner.writer.lock
        copies = map(dict, map(dict.items, repeat(self)))
        locked = zip(iter(lock.acquire_now, None), copies, iter(lock.release, True), strict=True)
        return map(dict.keys, map(itemgetter(1), locked)).__next__

    def values(self) -> Any:
        """Return the values; outside live methods, a copy."""
        return dict.values(self) if self._still() else self._as_is().values()

    def items(self) -> Any:
        """Return the items; outside live methods, a copy."""
        return dict.items(self) if self._still() else self._as_is().items()

    def _key_of(self, child: Any) -> Any:
        wanted = child.items if type(child) is _InTuple else child
        hint = child._hint
        if dict.get(self, hint) is wanted:
            return hint
        for key, item in dict.items(self):
            if item is wanted:
                child._hint = key
                return key
        raise LookupError("a tracked value is not in its dict")

    def _around(self, key: Any, value: Any) -> Any:
        return {key: value}

    def _fill(self, source: dict[Any, Any]) -> None:
        items = list(dict.items(source))
        dict.update(self, {key: own(value, self, key) for key, value in items})

    def _settle(self) -> None:
        items = list(dict.items(self))
        dict.update(self, {key: _settled(value, self, key) for key, value in items})

    def _shallow(self) -> dict[Any, Any]:
        return dict(dict.items(self))


class TrackedSet(_Tracked, set[Any]):
    """A set in a field, used as any set."""

    __slots__ = ("_hint", "_parent")
    _plain_kind = set

    def add(self, value: Any) -> None:
        """Add one value; nothing is logged if it is there already."""
        hash(value)  # a set in a set is refused here, though 'in' would take it
        with self._guard():
            if value not in self:
                self._log("insert", {value}, '"values":[%s]', value)
                set.add(self, value)

    def update(self, *others: Iterable[Any]) -> None:
        """Add the values of *others*."""
        with self._guard():
            self._put(set().union(*others))

    def discard(self, value: Any) -> None:
        """Remove one value if it is there."""
        with self._guard():
            if value in self:
                gone = frozenset(value) if isinstance(value, set) else value
                self._log("remove", None, '"values":[%s]', gone)
                set.discard(self, gone)

    def remove(self, value: Any) -> None:
        """Remove one value; KeyError if it is not there."""
        with self._guard():
            if value not in self:
                raise KeyError(value)
            self.discard(value)

    def pop(self) -> Any:
        """Remove any value and return it."""
        with self._guard():
            if not self:
                raise KeyError("pop from an empty set")
            value = next(set.__iter__(self))
            self.discard(value)
            return value

    def clear(self) -> None:
        """Remove everything."""
        with self._guard():
            if self:
                self._log("remove", None, '"all":true')
                set.clear(self)

    def difference_update(self, *others: Iterable[Any]) -> None:
        """Remove the values of *others*."""
        with self._guard():
            self._take(set.difference(self, set.difference(self, *others)))

    def intersection_update(self, *others: Iterable[Any]) -> None:
        """Retain only the values in all *others*."""
        with self._guard():
            self._take(set.difference(self, set.intersection(self, *others)))

    def symmetric_difference_update(self, other: Iterable[Any]) -> None:
        """Retain the values in exactly one of the two."""
        with self._guard():
            values = set(other)
            common = set.intersection(self, values)
            self._put(values - common)
            self._take(common)

    def __ior__(self, other: Any) -> TrackedSet:  # type: ignore[misc]
        if not isinstance(other, (set, frozenset)):
            return NotImplemented
        self.update(other)
        return self

    def __isub__(self, other: Any) -> TrackedSet:  # type: ignore[misc]
        if not isinstance(other, (set, frozenset)):
            return NotImplemented
        self.difference_update(other)
        return self

    def __iand__(self, other: Any) -> TrackedSet:  # type: ignore[misc]
        if not isinstance(other, (set, frozenset)):
            return NotImplemented
        self.intersection_update(other)
        return self

    def __ixor__(self, other: Any) -> TrackedSet:  # type: ignore[misc]
        if not isinstance(other, (set, frozenset)):
            return NotImplemented
        self.symmetric_difference_update(other)
        return self

    def __iter__(self) -> Iterator[Any]:
        return set.__iter__(self) if self._still() else iter(self._as_is())

    def copy(self) -> set[Any]:
        """Return a plain copy."""
        copy: set[Any] = self._as_is()
        return copy

    def _put(self, values: set[Any]) -> None:
        new = values.difference(self)
        if new:
            self._log("insert", new, '"values":%s', list(new))
            set.update(self, new)

    def _take(self, gone: set[Any]) -> None:
        if gone:
            self._log("remove", None, '"values":%s', list(gone))
            set.difference_update(self, gone)

    def _fill(self, source: set[Any]) -> None:
        set.update(self, set.copy(source))

    def _settle(self) -> None:
        """Nothing in a set can change."""

    def _shallow(self) -> set[Any]:
        return set(set.__iter__(self))


def _owner_of(node: Any) -> FieldOwner | None:
    while node is not None and type(node) is not FieldOwner:
        node = node._parent
    return node


def _listed(content: list[Any], index: slice, values: Any) -> list[Any]:
    try:
        return list(values)
    except TypeError:
        content[index] = values  # raises what a list raises
        raise


# ---- attaching and detaching values --------------------------------------------------------


def own(value: Any, parent: Any, hint: Any = None) -> Any:
    """Return *value* with every list, dict and set in it tracked below *parent*.

    Containers and other mutable objects, such as arrays, are copied: a value that is assigned
    twice becomes two values. Only a container that was removed from another (`row = rows.pop()`)
    is attached itself.
    """
    kind = type(value)
    if kind in UNCHANGING:
        return value
    tracked_kind: Callable[[], Any] | None = _TRACKED_KINDS.get(kind)
    if tracked_kind is not None:
        moved = isinstance(value, _Tracked) and _may_move(value, parent)
        tracked = value if moved else tracked_kind()
        tracked._parent, tracked._hint = parent, hint
        tracked._settle() if moved else tracked._fill(value)
        return tracked
    if kind is tuple:
        return _own_tuple(value, parent, hint)
    owner = _owner_of(parent)
    if owner is None:
        return value
    stored = owner.writer.codec.decode(owner.encode(value))
    # A class of ours that is stored as a dict has come back as one.
    return own(stored, parent, hint) if type(stored) in _TRACKED_KINDS else stored


_TRACKED_KINDS: dict[type, type[Any]] = {
    list: TrackedList, dict: TrackedDict, set: TrackedSet,
    TrackedList: TrackedList, TrackedDict: TrackedDict, TrackedSet: TrackedSet,
}  # fmt: skip


def _settled(item: Any, parent: Any, hint: Any) -> Any:
    """Return an item of a container that is put in as it is, ready to be stored in a field."""
    if isinstance(item, _Tracked) and item._parent is parent:
        item._settle()
        return item
    if type(item) is tuple:
        release(item)
    return own(item, parent, hint)


def _may_move(value: _Tracked, parent: Any) -> bool:
    """Return whether a container is detached and does not hold *parent*."""
    if value._parent is not None:
        return False
    node = parent
    while node is not None and type(node) is not FieldOwner:
        if node is value:
            return False
        node = node._parent
    return True


def _own_tuple(value: tuple[Any, ...], parent: Any, hint: Any) -> tuple[Any, ...]:
    place = _InTuple(parent, hint)
    items = tuple([own(item, place, index) for index, item in enumerate(value)])
    place.items = value if all(map(is_, items, value)) else items
    return place.items


def release(value: Any) -> None:
    """Detach a value that has left its container: its later changes are not logged."""
    if isinstance(value, _Tracked):
        value._parent = None
    elif type(value) is tuple:
        _release_all(value)


def _release_all(values: Iterable[Any]) -> None:
    for value in values:
        release(value)


# ---- reading values -----------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Return a copy of *value* with plain lists, dicts and sets."""
    kind = type(value)
    if kind is list or kind is TrackedList:
        return [plain(item) for item in list.copy(value)]
    if kind is dict or kind is TrackedDict:
        return {key: plain(item) for key, item in list(dict.items(value))}
    if kind is TrackedSet:
        return set(set.__iter__(value))
    if kind is tuple:
        return tuple([plain(item) for item in value])
    return value


def leaves(value: Any) -> Iterator[Any]:
    """Yield the mutable objects in lists, dicts and tuples that are not tracked: arrays, …"""
    kind = type(value)
    if kind in UNCHANGING or kind is TrackedSet:
        return
    if kind is TrackedList or kind is tuple:
        for item in kind.__iter__(value):
            yield from leaves(item)
    elif kind is TrackedDict:
        for item in dict.values(value):
            yield from leaves(item)
    else:
        yield value
