"""OldValues: what an attempt has changed, as it was before; kept so far as it is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from uproot_nb.log.codec import Codec
from uproot_nb.log.state import State, Stored

__all__ = ["Appended", "OldField", "OldValues"]

_AT_ROOT = '{"path":[],'
MOST_TAKEN_BACK = 100
"""Appended values that are taken out one by one; of more the whole field is written."""


class Appended(NamedTuple):
    """A list that was only appended to: the way to it, and how long it was before."""

    path: list[Any]
    target: list[Any]
    length: int


class _Kept:
    """A container as it was before its first change."""

    __slots__ = ("items", "length", "path", "target")

    def __init__(self, target: Any, path: list[Any], kind: str) -> None:
        self.target, self.path, self.length = target, path, len(target)
        self.items: Any = None  # a list that is only appended to needs no copy
        if kind != "append" or not isinstance(target, list):
            self.copy()

    def copy(self) -> None:
        """Keep the items themselves: something else than appending is going to happen."""
        if self.items is None:
            if isinstance(self.target, list):
                self.items = list.__getitem__(self.target, slice(0, self.length))
            elif isinstance(self.target, dict):
                self.items = dict(dict.items(self.target))
            else:
                self.items = set(set.__iter__(self.target))

    def before(self) -> Any:
        """Return the items that there were."""
        if self.items is not None:
            return self.items
        return list.__getitem__(self.target, slice(0, self.length))


class OldField:
    """One field as it was: its text, or copies of those of its containers that were changed.

    A copy has one level. So what is kept costs by the levels that are changed, and nothing for
    lists that are appended to, however large the field is.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._text: str | None = None
        self._is_whole = False
        self._root: Any = None
        self._kept: dict[int, _Kept] = {}
        self._gone: dict[int, tuple[Any, Any]] = {}
        """Containers that were taken out, by id, with what they held."""

    def keep_whole(self, text: str | None) -> None:
        """Keep the field's JSON; None if it was not set."""
        self._text, self._is_whole = text, True

    def note(self, root: Any, kind: str, value: str) -> None:
        """Take note of one change in place, before it is made."""
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
            if isinstance(item, (list, dict, set)):  # its holder may change it from now on
                self._gone[id(item)] = item, self._old(item)
        self._touch(target, change["path"], kind)

    def note_replaced(self) -> None:
        """Take note that the field is going to be set or deleted, after changes in place."""
        if not self._is_whole:
            self.keep_whole(self.text())
            self._kept.clear()

    def text(self) -> str | None:
        """Return the field's JSON as it was; None if it was not set."""
        return self._text if self._is_whole else self._codec.encode(self._old(self._root))

    def appended(self) -> list[Appended] | None:
        """Return the lists that were appended to, the last first; None if more has happened."""
        kept = list(self._kept.values())
        if self._is_whole or self._gone or any(one.items is not None for one in kept):
            return None
        if sum(len(one.target) - one.length for one in kept) > MOST_TAKEN_BACK:
            return None
        return [Appended(one.path, one.target, one.length) for one in reversed(kept)]

    def _touch(self, target: Any, path: list[Any], kind: str) -> None:
        kept = self._kept.get(id(target))
        if kept is None:
            self._kept[id(target)] = _Kept(target, path, kind)
        elif kind != "append":
            kept.copy()

    def _old(self, node: Any) -> Any:
        """Return a plain copy of a value as it was before the attempt."""
        gone = self._gone.get(id(node))
        if gone is not None:
            return gone[1]
        kept = self._kept.get(id(node))
        items = node if kept is None else kept.before()
        if isinstance(node, tuple):
            return tuple(self._old(item) for item in items)
        if isinstance(node, list):
            return [self._old(item) for item in list.__iter__(items)]
        if isinstance(node, dict):
            return {key: self._old(item) for key, item in dict.items(items)}
        return set(set.__iter__(items)) if isinstance(node, set) else node


class OldValues:
    """The fields and groups that an attempt has changed, as they were."""

    def __init__(self) -> None:
        self.fields: dict[tuple[str, str], OldField] = {}
        self.groups: dict[str, dict[str, Any] | None] = {}
        """A group's id and members; None if there was none."""

    def note(self, state: State, kind: str, subject: str, field: str, value: str) -> None:
        """Take note of one change, before it is made."""
        if kind == "group":
            known = state.groups.get(subject.partition("/")[2])
            old = None if known is None else {"id": known.id, "members": list(known.members)}
            self.groups.setdefault(subject, old)
            return
        kept = self.fields.get((subject, field))
        is_new = kept is None
        if kept is None:
            kept = self.fields[subject, field] = OldField(state.codec)
        fields = state.fields.get(subject, {})
        if kind not in ("set", "del"):
            now = fields[field]
            kept.note(now.read(state.codec) if type(now) is Stored else now, kind, value)
        elif is_new:
            kept.keep_whole(state.text(subject, field) if field in fields else None)
        else:
            kept.note_replaced()

    def clear(self) -> None:
        """Forget all."""
        self.fields.clear()
        self.groups.clear()


def _leaving(target: Any, kind: str, change: dict[str, Any]) -> Iterator[Any]:
    """Yield what a change takes out of a container."""
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
