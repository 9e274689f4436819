"""Consent: a page on which participants read what they take part in, and agree or decline."""

from __future__ import annotations

import hashlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

from uproot_nb.errors import BadPage
from uproot_nb.experiment.declarations import Field
from uproot_nb.experiment.exits import Exit, name_of_exit
from uproot_nb.experiment.fields import BooleanField, StringField
from uproot_nb.experiment.pages import Check, Page
from uproot_nb.experiment.source import Source, hash_text

__all__ = [
    "AGREE", "AGREED", "CONSENT_TEXT", "Consent", "ConsentText", "NAME", "SIGNATURE", "TEXTS",
]  # fmt: skip

AGREED, SIGNATURE, CONSENT_TEXT = "agreed", "signature", "consent_text"
"""The names of the form's own fields; the last one has the hash of the text that was shown."""
AGREE = "I have read this and agree to take part."
NAME = "Your name"
TEXTS = (AGREE, NAME)

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_FILE_ENDINGS = (".md", ".txt")


class ConsentText(NamedTuple):
    """A consent's text in one language (Markdown), and the SHA-256 of its UTF-8 bytes in hex."""

    text: str
    hash: str


class Consent(Page):
    """A page with a text that a participant accepts by ticking a box, or declines.

        page_order = [Consent(text="# Consent\\n\\nYou can …", version="2026-11"), Play]

    Or as a class, which may have hooks and questions of its own:

        class Agreement(Consent):
            text = {"en": "agreement_en.md", "de": "agreement_de.md"}
            version = "2026-11"
            copy = True

    A text is Markdown, or the path of a `.md` or `.txt` file; or a dict of these by language.
    Braces are not replaced: everybody reads the same text. The log has an event `consent` with
    the hash of exactly what was shown; `run.consents` is the table.

    Called, it makes a page whose key is *name*, the same whenever the cell is run again.

    Attributes:
        text: the text to read.
        version: your name for this text. Change it with the text.
        decline: the exit of those who do not agree; they are asked once more.
        tick: whether a box must be ticked; otherwise the button Next alone says so.
        statement: the words beside the box, instead of "I have read this and agree to take part."
        copy: whether the page offers the text as a file, and the last page shows it again.
        signature: a function `(player, name)` that stores a typed name somewhere outside the log;
            without one, no name is asked for. In a class: `def signature(page, player, name)`.
    """

    template = '{% extends "uproot_nb/Consent.html" %}'
    text: ClassVar[Any] = ""
    version: ClassVar[str] = ""
    decline: ClassVar[Any] = "declined"
    tick: ClassVar[bool] = True
    statement: ClassVar[str] = AGREE
    copy: ClassVar[bool] = False
    signature: ClassVar[Callable[..., Any] | None] = None

    _kind: ClassVar[str] = "consent"
    texts: ClassVar[Mapping[str, ConsentText]] = {}
    """The text by language; "" if it has no language of its own."""
    kind_attributes: ClassVar[Mapping[str, Check]] = {
        "text": (lambda v: _is_text(v), "Markdown, the path of a file, or a dict by language"),
        "version": (lambda v: isinstance(v, str) and v.strip() != "", 'a text: "2026-11"'),
        "decline": (lambda v: _is_exit(v), 'an exit: Exit("declined")'),
        "tick": (lambda v: isinstance(v, bool), "True or False"),
        "statement": (lambda v: isinstance(v, str) and v.strip() != "", "a sentence"),
        "copy": (lambda v: isinstance(v, bool), "True or False"),
    }
    kind_functions: ClassVar[Mapping[str, tuple[str, ...]]] = {"signature": ("player", "name")}

    def __new__(  # type: ignore[misc]  # it makes a page, which is a class
        cls,
        text: Any = None,
        *,
        version: str = "",
        name: str = "Consent",
        signature: Callable[[Any, str], Any] | None = None,
        **attributes: Any,
    ) -> type[Self]:
        """Return a page with this text, for a page order.

        Raises:
            BadPage: an argument is unknown or wrong.
        """
        given = {"text": text, "version": version, **attributes}
        members = {key: value for key, value in given.items() if value not in (None, "")}
        unknown = [key for key in members if key not in cls.kind_attributes]
        if unknown:
            known = ", ".join([*cls.kind_attributes, "signature", "name"])
            raise BadPage(
                f"{cls.__name__}(…)", f"it takes no '{unknown[0]}'.", f"It takes {known}."
            )
        if signature is not None:
            members["signature"] = _as_member(signature)
        module = sys._getframe(1).f_globals.get("__name__", "__main__")
        return type(name, (cls,), {"__module__": module, "__qualname__": name, **members})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.may_be_listed():
            return
        if not cls.version:
            raise _mistake(cls, "it has no version.", 'Write version="2026-11", for example.')
        if getattr(cls, "timeout", None) is not None:
            raise _mistake(cls, "it has a timeout.", "Remove it: nobody agrees by waiting.")
        cls.texts = _texts_of(cls)
        cls.fields = _fields_of(cls)  # type: ignore[attr-defined]
        if cls.signature is not None:
            named = getattr(cls, "stealth_fields", ())
            if callable(named):
                what = "its 'stealth_fields' is a function."
                raise _mistake(cls, what, "Write a list of names.")
            cls.stealth_fields = [*dict.fromkeys([*named, SIGNATURE])]  # type: ignore[attr-defined]
        cls.unstored = frozenset({AGREED, SIGNATURE})
        if not cls.source.text:
            cls.source = _source_of(cls)
        cls._checked = {**cls._checked, **vars(cls)}

    @classmethod
    def may_be_listed(cls) -> bool:
        """Return whether a page order may list this class; Consent itself has no text."""
        return cls.__module__ != __name__


def _is_exit(value: Any) -> bool:
    """Return whether a value may name an exit; BadExit says which one is meant by another name."""
    return isinstance(value, (str, Exit)) and name_of_exit(value) != ""


def _as_member(signature: Callable[[Any, str], Any]) -> Callable[..., Any]:
    def store(page: Any, player: Any, name: str) -> None:
        signature(player, name)

    return store


def _mistake(cls: type[Page], what: str, remedy: str) -> BadPage:
    return BadPage(cls.__name__, what, remedy, f"line {cls.source.line}" if cls.source.line else "")


# ---- the text -----------------------------------------------------------------------------------


def _is_text(value: Any) -> bool:
    if isinstance(value, Mapping):
        codes = all(isinstance(c, str) and _LANGUAGE.fullmatch(c) for c in value)
        return bool(value) and codes and all(map(_is_one_text, value.values()))
    return _is_one_text(value)


def _is_one_text(value: Any) -> bool:
    return isinstance(value, os.PathLike) or (isinstance(value, str) and value.strip() != "")


def _texts_of(cls: type[Consent]) -> dict[str, ConsentText]:
    if not cls.text:
        raise _mistake(cls, "it has no text.", 'Write text="…" in Markdown, or the path of a file.')
    by_language = cls.text if isinstance(cls.text, Mapping) else {"": cls.text}
    texts = {code: _read(cls, text) for code, text in by_language.items()}
    return {
        code: ConsentText(text, hashlib.sha256(text.encode()).hexdigest())
        for code, text in texts.items()
    }


def _read(cls: type[Consent], given: Any) -> str:
    """Return a text as it is shown: that of a file exactly, one in code without its indent."""
    is_path = isinstance(given, os.PathLike)
    if not is_path and ("\n" in given or not given.endswith(_FILE_ENDINGS)):
        return inspect.cleandoc(given)
    path = Path(given)
    folders = [Path(), Path(cls.source.file).parent]
    found = next((folder / path for folder in folders if (folder / path).is_file()), path)
    try:
        text = found.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _mistake(
            cls, f"its text '{given}' cannot be read: {error}.",
            "Put the file beside the notebook, as UTF-8 text.",
        ) from None  # fmt: skip
    if not text.strip():
        raise _mistake(cls, f"its text '{given}' is empty.", "Write the text into the file.")
    return text


# ---- the form -----------------------------------------------------------------------------------


def _fields_of(cls: type[Consent]) -> dict[str, Any]:
    """Return the author's questions, then the box and the signature."""
    own = getattr(cls, "fields", {})
    if not isinstance(own, Mapping):
        raise _mistake(cls, "its 'fields' is a function.", "Write fields = dict(…).")
    inherited = getattr(cls, "unstored", ())
    fields = {name: field for name, field in own.items() if name not in inherited}
    taken = [name for name in (AGREED, SIGNATURE, CONSENT_TEXT, "decline") if name in fields]
    if taken:
        raise _mistake(
            cls, f"a field is named '{taken[0]}', as the page's own is.", "Give it another name."
        )
    ours: dict[str, Field] = {}
    if cls.tick:
        ours[AGREED] = BooleanField(label=cls.statement, render_kw={"required": True})
    if cls.signature is not None:
        ours[SIGNATURE] = StringField(label=NAME, render_kw={"autocomplete": "name"})
    return {**fields, **ours}


def _source_of(cls: type[Consent]) -> Source:
    """Return what stands for the source of a page that was made by a call."""
    given = {name: vars(cls)[name] for name in cls.kind_attributes if name in vars(cls)}
    arguments = "".join(f"    {name}={value!r},\n" for name, value in given.items())
    hashes = "".join(f"# {code} {text.hash}\n" for code, text in cls.texts.items())
    text = f"{cls.__name__} = Consent(\n{arguments})\n{hashes}"
    return Source(text, hash_text(text), cls.source.file, cls.source.line)
