"""OwnTexts: what one person wrote, found wherever it was copied to."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson

from uproot_nb.log.call_rows import read_call
from uproot_nb.log.encoding.container_nodes import CONTAINER_DECODERS
from uproot_nb.log.encoding.nodes import TAG
from uproot_nb.log.erasing.format_words import format_words
from uproot_nb.log.erasing.names_in_texts import HIDDEN, NamesInTexts
from uproot_nb.log.events import CHANGES, Event

__all__ = ["OwnTexts", "find_own_texts", "find_participants_texts"]

LONG = 20
"""From so many characters on, a text is its writer's also where somebody else wrote it later."""
QUOTED = 12
"""From so many characters on, a text is found inside longer ones."""

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_NUMBER = re.compile(r"[-+0-9.,:/TZeE\s]*")
_LONG_NUMBER = 6
"""From so many characters on, a number that was typed as a text may be a telephone's."""
_FORMS = frozenset({"submit", "input", "timeout", "late"})
_AUTHORED = frozenset({"code", "open"})
"""Events whose texts are the experimenter's."""
_OUR_KEYS = frozenset({
    "all", "data", "event", "fields", "id", "index", "items", "key", "path", "recipients",
    "time", "type", "value", "values", "where",
})  # fmt: skip
"""Keys of the log's own formats, which a participant may have written as a word, too."""

_MEMBERS = "members"
"""The field of a chat that has each member's pseudonym."""

Read = Callable[[], Iterator[Event]]


class OwnTexts:
    """The texts that one person gave, and the names by which the person is known.

        own = OwnTexts(names=["PC-04"], texts=["I am from Kiel"])
        own.clean('["I am from Kiel", "PC-04 said so"]')  # '["…1","… said so"]'

    A text becomes … and its number, the same everywhere, so that keys of dicts stay distinct; a
    name inside a text becomes …, as does a text of twelve characters inside a longer one.
    """

    def __init__(self, names: Iterable[str] = (), texts: Iterable[str] = ()) -> None:
        self._names = NamesInTexts(names)
        self._numbers = {text: n for n, text in enumerate(dict.fromkeys(texts), 1)}
        quoted = sorted((t for t in self._numbers if len(t) >= QUOTED), key=len, reverse=True)
        self._quoted = re.compile("|".join(map(re.escape, quoted))) if quoted else None

    def clean(self, value: str) -> str:
        """Return JSON without the person's texts and names."""
        if not any(self._hidden(text) != text for text in _texts(value)):
            return value
        return orjson.dumps(self._cleaned(orjson.loads(value), self._hidden)).decode()

    def clean_names(self, value: str) -> str:
        """Return JSON without the person's names; all other texts stay as they are."""
        if not any(self._names.hide(text) != text for text in _texts(value)):
            return value
        return orjson.dumps(self._cleaned(orjson.loads(value), self._names.hide)).decode()

    def _hidden(self, text: str) -> str:
        number = self._numbers.get(text)
        if number is not None:
            return f"{HIDDEN}{number}"
        if self._quoted is not None:
            text = self._quoted.sub(HIDDEN, text)
        return self._names.hide(text)

    def _cleaned(self, node: Any, hide: Callable[[str], str]) -> Any:
        if isinstance(node, str):
            inner = None if node in self._numbers else _nested(node)
            if inner is None:
                return hide(node)
            cleaned = self._cleaned(inner, hide)
            return node if cleaned == inner else orjson.dumps(cleaned).decode()
        if isinstance(node, list):
            return [self._cleaned(one, hide) for one in node]
        if isinstance(node, dict) and not _is_opaque(node):
            return {
                name if name in _OUR_KEYS else hide(name): self._cleaned(one, hide)
                for name, one in node.items()
            }
        return node


def find_own_texts(read: Read, player: str) -> OwnTexts:
    """Return what a player wrote, given what reads the session's events.

    A text that the experiment's code or the log's own formats have, or that somebody else wrote
    first, is nobody's own; nor is a short one that others wrote, too.
    """
    subject, names, given = f"player/{player}", set[str](), dict[str, int]()
    for event in read():
        if event.subject == subject:
            names.update(_names(event))
            for text in _given(event):
                given.setdefault(text, event.seq)
        for text in _sent(event, (player,)):
            given.setdefault(text, event.seq)
    for event in read():
        _drop(given, _nobodys(event, given))
        if event.kind not in _AUTHORED and event.subject != subject:
            _drop(given, [*_theirs(event, given), *_pseudonyms(event, player, given)])
    return OwnTexts(names, given)


def find_participants_texts(read: Read, but: Container[str] = ()) -> OwnTexts:
    """Return what all participants wrote, without literals of the experimenter's code.

    Words of the log's own formats, such as the sides of a market, do not count.

    Args:
        but: fields of forms, live methods, and their arguments, whose texts do not count.
    """
    given, names, asked = dict[str, int](), set[str](), set[tuple[str, str]]()
    for event in read():
        if event.kind in _FORMS:
            asked.update((event.subject, name) for name, _ in _form(event) if name not in but)
    for event in read():
        names.add(event.subject.partition("/")[2])
        is_written = event.kind not in CHANGES or (event.subject, event.field) in asked
        if is_written and event.subject.startswith("player/"):
            for text in _given(event, but):
                given.setdefault(text, event.seq)
        for text in _sent(event):
            given.setdefault(text, event.seq)
    for event in read():
        _drop(given, _nobodys(event, given))
    _drop(given, names)
    return OwnTexts((), given)


def _names(event: Event) -> Iterator[str]:
    """Yield the label with which somebody came."""
    if event.kind in ("join", "arrive"):
        yield orjson.loads(event.value).get("label") or ""


def _given(event: Event, but: Container[str] = ()) -> Iterator[str]:
    """Yield the texts that the person to whom an event belongs has written, and as stored."""
    for text in _leaves(_content(event, but)):
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        yield from filter(_may_tell, dict.fromkeys((text, lines, lines.strip())))


def _sent(event: Event, players: Container[str] | None = None) -> Iterator[str]:
    """Yield the messages that a chat shows as sent by players, also if code has sent them."""
    if event.kind != "chat":
        return
    for entry in orjson.loads(event.value)["values"]:
        message = orjson.loads(entry["fields"])
        sender = message.get("sender") or {}
        _, name = sender.get("$PlayerIdentifier") or ("", "")
        if name and (players is None or name in players) and _may_tell(message["text"]):
            yield message["text"]


def _may_tell(text: str) -> bool:
    """Return whether a text may say who wrote it; a short number is an answer like any other."""
    return len(text) > 1 and (len(text) >= _LONG_NUMBER or not _NUMBER.fullmatch(text))


def _content(event: Event, but: Container[str] = ()) -> Any:
    """Return what of an event's value comes from the person."""
    if event.kind == "call":
        call = read_call(event.value)
        named = {name: one for name, one in (call["kwargs"] or {}).items() if name not in but}
        return None if event.field in but else [call["args"], list(named.values())]
    if event.kind in CHANGES:
        value = orjson.loads(event.value)
        return value if event.kind in ("set", "del") else list(value.values())
    if event.kind in _FORMS:
        return [text for name, text in _form(event) if name not in but]
    if event.kind not in ("arrive", "load", "return"):
        return None
    return orjson.loads(event.value).get("query")


def _form(event: Event) -> Sequence[tuple[str, str]]:
    """Return the names and texts that a form has sent."""
    return orjson.loads(event.value).get("form") or ()


def _leaves(node: Any) -> Iterator[str]:
    """Yield the texts in a value, keys of dicts included."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for one in node:
            yield from _leaves(one)
    elif isinstance(node, dict) and not _is_opaque(node):
        for name, one in node.items():
            if not name.startswith(TAG):
                yield name
            yield from _leaves(one)


def _nobodys(event: Event, given: Mapping[str, int]) -> set[str]:
    """Return which of the texts are words of the log's formats, or literals of author's code."""
    if not given:
        return set()
    if event.kind not in _AUTHORED:
        return given.keys() & set(format_words(event))
    found = set[str]()
    for text in _texts(event.value):
        found.update((text,), text.split('"'), text.split("'"))
    return found & given.keys()


def _theirs(event: Event, given: Mapping[str, int]) -> list[str]:
    """Return which of the texts are somebody else's, or the name of something in the log."""
    kind, _, name = event.subject.partition("/")
    there = {name, event.session, event.field}
    found = [text for text in there if text in given]
    if kind == "player" and given:
        found += [
            text for text in set(_given(event))
            if text in given and (len(text) < LONG or event.seq < given[text])
        ]  # fmt: skip
    return found


def _pseudonyms(event: Event, player: str, given: Mapping[str, int]) -> Iterator[str]:
    """Yield the names under which others write in a chat, or the player, who typed it later."""
    if event.field != _MEMBERS or event.kind not in CHANGES:
        return
    value = orjson.loads(event.value)
    named = dict(value.get("items", value.items())) if isinstance(value, dict) else {}
    for name, pseudonym in named.items():
        if isinstance(pseudonym, str) and (name != player or event.seq < given.get(pseudonym, 0)):
            yield pseudonym


def _drop(given: dict[str, int], texts: Iterable[str]) -> None:
    for text in texts:
        given.pop(text, None)


def _is_opaque(node: Mapping[str, Any]) -> bool:
    """Return whether a dict is a value that JSON lacks, such as a time or an identifier."""
    tag = next(iter(node), "")
    return tag.startswith(TAG) and tag not in CONTAINER_DECODERS


def _texts(value: str) -> Iterator[str]:
    """Yield the texts in JSON, also in JSON that is a text itself, as an entry's fields are."""
    for found in _TEXT.findall(value):
        text = str(orjson.loads(found)) if "\\" in found else found[1:-1]
        yield text
        if '"' in text:
            yield from _texts(text)


def _nested(text: str) -> Any:
    """Return what a text stands for that is JSON itself; None if it is not."""
    if text[:1] in ("{", "["):
        with suppress(ValueError):
            return orjson.loads(text)
    return None
