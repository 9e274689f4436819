"""OldValues: the values that an attempt has changed, saved for undoing it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from uproot_nb.log.codec import Codec
from uproot_nb.log.state import State, Stored

__all__ = ["Appended", "OldField", "OldValues"]

_AT_ROOT = '{"path":[],'
MOST_TAKEN_BACK = 100
"""Appended values that are removed one by one; beyond that, the whole field is written."""


class Appended(NamedTuple):
    """A list that was only appended to: its path, and its length before."""

    path: list[Any]
    target: list[Any]
    length: int


class _SavedContainer:
    """A container as it was before its first change."""

    __slots__ = ("items", "length", "path", "target")

    def __init__(self, target: Any, path: list[Any], kind: str) -> None:
        self.target, self.path, self.length = target, path, len(target)
        self.items: Any = None  # a list that is only appended to needs no copy
        if kind != "append" or not isinstance(target, list):
            self.copy()

    def copy(self) -> None:
        """Copy the items, before a change other than appending."""
        if self.items is None:
            if isinstance(self.target, list):
                self.items = list.__getitem__(self.target, slice(0, self.length))
            elif isinstance(self.target, dict):
                self.items = dict(dict.items(self.target))
            else:
                self.items = set(set.__iter__(self.target))

    def before(self) -> Any:
        """Return the items before the change."""
        if self.items is not None:
            return self.items
        return list.__getitem__(self.target, slice(0, self.length))


class OldField:
    """One field before the attempt: its text, or copies of the containers that were changed.

    Only the changed level is copied, and nothing of a list that is appended to, however large the
    field is.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._text: str | None = None
        self._is_whole = False
        self._root: Any = None
        self._saved: dict[int, _SavedContainer] = {}
        self._gone: dict[int, tuple[Any, Any]] = {}
        """Removed containers by id, with their earlier content."""

    def save_whole(self, text: str | None) -> None:
        """Save the field's JSON; None if it was not set."""
        self._text, self._is_whole = text, True

    def note(self, root: Any, kind: str, value: str) -> None:
        """Record one in-place change, before it is made."""
        if self._is_whole:
            return
        self._root = root
        if kind == "append" and value.startswith(_AT_ROOT):
            self._touch(root, [], kind)
            return
        change = self._codec.decode(value)
        target = root
        for key in change["path"]:
            target = target[key]
        for item in _leaving(target, kind, change):
            if isinstance(item, (list, dict, set)):  # authors may change it from now on
                self._gone[id(item)] = item, self._old(item)
        self._touch(target, change["path"], kind)

    def note_replaced(self) -> None:
        """Record that the field will be set or deleted, after in-place changes."""
        if not self._is_whole:
            self.save_whole(self.text())
            self._saved.clear()

    def text(self) -> str | None:
        """Return the field's JSON as it was; None if it was not set."""
        return self._text if self._is_whole else self._codec.encode(self._old(self._root))

    def appended(self) -> list[Appended] | None:
        """Return the lists that were appended to, newest first; None after other changes."""
        saved = list(self._saved.values())
        if self._is_whole or self._gone or any(one.items is not None for one in saved):
            return None
        if sum(len(one.target) - one.length for one in saved) > MOST_TAKEN_BACK:
            return None
        return [Appended(one.path, one.target, one.length) for one in reversed(saved)]

    def _touch(self, target: Any, path: list[Any], kind: str) -> None:
        saved = self._saved.get(id(target))
        if saved is None:
            self._saved[id(target)] = _SavedContainer(target, path, kind)
        elif kind != "append":
            saved.copy()

    def _old(self, node: Any) -> Any:
        """Return a plain copy of a value as it was before the attempt."""
        gone = self._gone.get(id(node))
        if gone is not None:
            return gone[1]
        saved = self._saved.get(id(node))
        items = node if saved is None else saved.before()
        if isinstance(node, tuple):
            return tuple(self._old(item) for item in items)
        if isinstance(node, list):
            return [self._old(item) for item in list.__iter__(items)]
        if isinstance(node, dict):
            return {key: self._old(item) for key, item in dict.items(items)}
        return set(set.__iter__(items)) if isinstance(node, set) else node


class OldValues:
    """The fields and groups that an attempt has changed, as they were before."""

    def __init__(self) -> None:
        self.fields: dict[tuple[str, str], OldField] = {}
        self.groups: dict[str, dict[str, Any] | None] = {}
        """A group's id and members; None if there was none."""

    def note(self, state: State, kind: str, subject: str, field: str, value: str) -> None:
        """Record one change, before it is made."""
        if kind == "group":
            known = state.groups.get(subject.partition("/")[2])
            old = None if known is None else {"id": known.id, "members": list(known.members)}
            self.groups.setdefault(subject, old)
            return
        saved = self.fields.get((subject, field))
        is_new = saved is None
        if saved is None:
            saved = self.fields[subject, field] = OldField(state.codec)
        fields = state.fields.get(subject, {})
        if kind not in ("set", "del"):
            now = fields[field]
            saved.note(now.read(state.codec) if type(now) is Stored else now, kind, value)
        elif is_new:
            saved.save_whole(state.text(subject, field) if field in fields else None)
        else:
            saved.note_replaced()

    def clear(self) -> None:
        """Forget all."""
        self.fields.clear()
        self.groups.clear()


def _leaving(target: Any, kind: str, change: dict[str, Any]) -> Iterator[Any]:
    """Yield the values that a change removes from a container."""
    if isinstance(target, set) or kind not in ("update", "remove"):
        return
    if kind == "update":
        for key, _ in change["items"]:
            if isinstance(target, list):
                yield list.__getitem__(target, key)
            else:
                yield dict.get(target, key)
    elif not change.get("all"):
        yield target[change["key"]]
    else:
        yield from list.__iter__(target) if isinstance(target, list) else dict.values(target)
