"""Farewell: what participants find at an exit: an address, a code, a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from uproot_nb.errors import BadExit
from uproot_nb.experiment.exits import name_of_exit

__all__ = ["AFTER", "Farewell", "read_exits"]

AFTER = 10.0
"""Seconds after which a browser goes on by itself, unless an exit says otherwise."""
LONGEST_AFTER = 3600.0

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_QUERY = re.compile(r"query\.[^\s{}]+")
_KNOWN = "{label}, {player}, {session} and {query.NAME}"
_KEYS = ("url", "code", "text", "after", "fields")
_PROLIFIC = ("app.prolific.com", "app.prolific.co")

ValueOf = Callable[[str], str]
"""Returns the value of a placeholder: "label", "player", "session", "query.NAME"."""


@dataclass(frozen=True)
class Farewell:
    """What participants find at an exit; each text may have placeholders.

    Args:
        url: where the button leads; "" for no button.
        code: what participants copy.
        text: what they read instead of our own sentence.
        after: seconds after which the browser goes on by itself; None for never.
        fields: what the button posts to the address; without any it is a link.
    """

    url: str = ""
    code: str = ""
    text: str = ""
    after: float | None = None
    fields: Mapping[str, str] = field(default_factory=dict)

    def filled(self, value_of: ValueOf) -> Farewell:
        """Return this with values in the place of placeholders, percent-encoded in the address."""

        def plain(text: str) -> str:
            return _PLACEHOLDER.sub(lambda found: value_of(found[1]), text)

        def encoded(found: re.Match[str]) -> str:
            return quote(value_of(found[1]), safe="", errors="replace")

        return replace(
            self, url=_PLACEHOLDER.sub(encoded, self.url), code=plain(self.code),
            text=plain(self.text), fields={name: plain(v) for name, v in self.fields.items()},
        )  # fmt: skip


def read_exits(given: Any) -> dict[str, Farewell]:
    """Return what participants find at each exit, from an author's `exits`.

    Raises:
        BadExit: a part of an exit, such as its address, is not valid; the message names it.
    """
    if not isinstance(given, Mapping):
        raise BadExit(
            "exits", f"it is {given!r}, which is not a dict.",
            'Write exits = {"done": "https://…"}. If this is something else, rename it.',
        )  # fmt: skip
    named = [(name_of_exit(name), value) for name, value in given.items()]
    return {name: _read(name, value) for name, value in named}


def _read(name: str, value: Any) -> Farewell:
    if value is None:
        return Farewell()
    if isinstance(value, str):
        value = {"url": value}
    if not isinstance(value, Mapping):
        raise BadExit(name, f"it is {value!r}.", 'Give an address, or {"url": …, "code": …}.')
    unknown = [key for key in value if key not in _KEYS]
    if unknown:
        known = ", ".join(_KEYS)
        raise BadExit(name, f"it has {unknown[0]!r}, which is unknown.", f"There are {known}.")
    url, code = _text(name, value, "url").strip(), _text(name, value, "code")
    if not any(value.get(key) for key in ("url", "code", "text", "fields", "after")):
        raise BadExit(
            name, "it is empty: there is no address, no code and no text.",
            'Give one of them, such as {"text": "Thank you!"}, or None to show our own sentence.',
        )  # fmt: skip
    if url:
        _check_address(name, url)
    after = value.get("after", AFTER if url else None)
    return Farewell(
        url, _checked(name, code or _code_in(url)), _checked(name, _text(name, value, "text")),
        _seconds(name, after, url), _fields(name, value.get("fields"), url),
    )  # fmt: skip


def _text(name: str, value: Mapping[Any, Any], key: str) -> str:
    text = value.get(key) or ""
    if not isinstance(text, str):
        raise BadExit(name, f"its {key} is {text!r}, which is not a text.", "Put it in quotes.")
    return text


def _checked(name: str, text: str) -> str:
    """Return a text whose placeholders are known."""
    for found in _PLACEHOLDER.findall(text):
        if found not in ("label", "player", "session") and not _QUERY.fullmatch(found):
            raise BadExit(name, f"there is no placeholder {{{found}}}.", f"There are {_KNOWN}.")
    bare = _PLACEHOLDER.sub("", text)
    if "{" in bare or "}" in bare:
        raise BadExit(
            name, f"a brace in {text!r} has no partner.",
            f"Placeholders are {_KNOWN}. In an address, write %7B and %7D for braces.",
        )  # fmt: skip
    return text


def _check_address(name: str, url: str) -> None:
    _checked(name, url)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port  # raises for what is no number
    except ValueError:
        usable = False
    if not usable or "\\" in url or any(c.isspace() or not c.isprintable() for c in url):
        raise BadExit(
            name, f"{url!r} is not a web address.",
            "Write the whole address: https://example.org/thanks?id={label}",
        )  # fmt: skip
    if "{" in parts.netloc:  # or a participant's link could send others anywhere
        raise BadExit(
            name, f"{url!r} has a placeholder in the site's name.",
            "Put placeholders after the site's name: https://example.org/?id={label}",
        )  # fmt: skip


def _code_in(url: str) -> str:
    """Return the completion code in one of Prolific's addresses; "" in others."""
    parts = urlsplit(url)
    return parse_qs(parts.query).get("cc", [""])[0] if parts.hostname in _PROLIFIC else ""


def _seconds(name: str, after: Any, url: str) -> float | None:
    if after is None:
        return None
    is_number = isinstance(after, (int, float)) and not isinstance(after, bool)
    if not is_number or not 0 <= after <= LONGEST_AFTER:
        raise BadExit(
            name, f"its after is {after!r}.",
            f"Give seconds from 0 to {LONGEST_AFTER:g}, or None to wait for the button.",
        )  # fmt: skip
    if not url:
        raise BadExit(name, "it has 'after', but no address to go to.", "Add a 'url'.")
    return float(after)


def _fields(name: str, fields: Any, url: str) -> Mapping[str, str]:
    if fields is None:
        return {}
    texts = isinstance(fields, Mapping) and all(
        isinstance(part, str) for pair in fields.items() for part in pair
    )
    if not texts or not url:
        raise BadExit(
            name, f"its fields are {fields!r}.",
            'Give texts by name, and a url: {"url": …, "fields": {"assignmentId": "{label}"}}.',
        )  # fmt: skip
    return {key: _checked(name, text) for key, text in fields.items()}
