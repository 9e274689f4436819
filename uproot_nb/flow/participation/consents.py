"""Consents: what participants have read and agreed to, or declined."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import orjson
from markupsafe import Markup

from uproot_nb.bridge.messages import HttpRequest
from uproot_nb.experiment.exits import name_of_exit
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.participation.consent import (
    AGREED,
    CONSENT_TEXT,
    SIGNATURE,
    Consent,
    ConsentText,
)
from uproot_nb.flow.hooks import run_authors
from uproot_nb.forms.form import Form
from uproot_nb.languages.codes import ENGLISH, broader, direction, normal_code
from uproot_nb.session.entities import Player
from uproot_nb.session.journal import Attempt
from uproot_nb.session.world import World

__all__ = [
    "Consents", "DECLINE", "ShownText", "TEXTS", "declines", "languages_of", "texts_in",
    "what_declines",
]  # fmt: skip

DECLINE = "decline"
"""The name of the button that declines."""
MISSING = "Please tick this box if you agree."
NO_NAME = "Please enter your name."
CHANGED = "The text has changed. Please read it again."
TEXTS = (MISSING, NO_NAME, CHANGED)
MOST_NAME = 200
"""Characters of a typed name."""

Leave = Callable[[Player, str], None]


class ShownText(NamedTuple):
    """A consent's text as a page shows it."""

    title: Markup
    body: Markup
    hash: str
    version: str
    language: str
    """That of the text; "" if the author has not named it."""
    direction: str
    file: str
    """The text as a file to store, as a `data:` address; "" if the author offers none."""


class Consents:
    """Shows consents' texts, checks what is posted, and logs who has agreed to what.

    Args:
        leave: ends a player's participation by an exit.
    """

    def __init__(self, world: World, leave: Leave) -> None:
        self._world, self._leave = world, leave
        self._shown: dict[tuple[str, str, str, bool], ShownText] = {}

    # ---- showing ----

    def shown(self, page: type[Page], language: str) -> ShownText | None:
        """Return the text that a page shows to those who read it in a language."""
        if not issubclass(page, Consent):
            return None
        return self._text(page, language_of(page.texts, language))

    def _text(self, page: type[Consent], code: str) -> ShownText:
        """Return one of a page's texts, converted once."""
        key = page.texts[code].hash, code, page.version, page.copy
        if key not in self._shown:
            self._shown[key] = _shown(page, page.texts[code], code)
        return self._shown[key]

    def copies(self, player: Player, pages: Mapping[str, type[Page]]) -> list[ShownText]:
        """Return the texts that a player has agreed to, of the pages that offer a copy."""
        found = []
        for key, given in player._state.consents.items():
            page = pages.get(key)
            if page is None or not issubclass(page, Consent):
                continue
            code = next((c for c, t in page.texts.items() if t.hash == given["hash"]), None)
            if given["agreed"] and page.copy and code is not None:
                found.append(self._text(page, code))
        return found

    # ---- what is posted ----

    def check(self, page: type[Page], form: Form | None, request: HttpRequest) -> bool:
        """Return whether a form agrees to the text as it is; note on the form what is missing."""
        if not issubclass(page, Consent):
            return True
        is_current = _posted_hash(request) in {text.hash for text in page.texts.values()}
        if form is None:
            return is_current
        problems: dict[str | None, str] = {}
        if not is_current:
            problems[None] = form.translate(CHANGED)
        if AGREED in form and not form[AGREED].data:
            problems[AGREED] = form.translate(MISSING)
        if SIGNATURE in form and not (form[SIGNATURE].data or "").strip():
            problems[SIGNATURE] = form.translate(NO_NAME)
        return not form.add_errors(problems or None)

    async def agree(
        self, player: Player, page: type[Page], tried: Attempt, form: Form | None,
        request: HttpRequest,
    ) -> None:  # fmt: skip
        """Log that a player agrees, and hand a typed name to the author's function."""
        if not issubclass(page, Consent):
            return
        store = page.signature
        signed = form is not None and SIGNATURE in form and store is not None
        if signed and form is not None:
            name = str(form[SIGNATURE].data).strip()[:MOST_NAME]
            cause = tried.called(f"{page.__name__}.signature")
            await run_authors(store, self._world, cause, page, player, name)
        more = {"signed": True} if signed else {}
        with self._world.lock:
            self._note(player, page, tried, _posted_hash(request), form, agreed=True, **more)

    def decline(
        self, player: Player, page: type[Page], tried: Attempt, form: Form | None,
        request: HttpRequest,
    ) -> None:  # fmt: skip
        """Log that a player does not agree, and let the player leave."""
        if not issubclass(page, Consent):
            return
        language = ENGLISH if form is None else form.language
        posted = _posted_hash(request)
        known = {text.hash for text in page.texts.values()}
        shown = posted if posted in known else page.texts[language_of(page.texts, language)].hash
        lock = self._world.lock
        before = lock.begin_step(tried.called(tried.cause))
        try:
            self._note(player, page, tried, shown, form, agreed=False)
            self._leave(player, name_of_exit(page.decline))
        finally:
            lock.end_step(before)

    def _note(
        self, player: Player, page: type[Consent], tried: Attempt, shown: str, form: Form | None,
        **more: bool,
    ) -> None:  # fmt: skip
        language = ENGLISH if form is None else form.language
        code = next((c for c, text in page.texts.items() if text.hash == shown), "")
        value = {"version": page.version, "hash": shown, "language": code or language, **more}
        text = orjson.dumps(value).decode()
        self._world.journal.fold_for(tried, "consent", player.subject, page.key, text)


def declines(page: type[Page], request: HttpRequest) -> bool:
    """Return whether a form declines a consent; the form is pressed by a button of its own."""
    return issubclass(page, Consent) and any(name == DECLINE for name, _ in request.form)


def what_declines(request: HttpRequest) -> dict[str, Any]:
    """Return a form that declines as the log stores it, for a rerun."""
    return {"form": [[DECLINE, "1"], [CONSENT_TEXT, _posted_hash(request)]]}


def texts_in(page: type[Page]) -> dict[str, str]:
    """Return the texts of a consent by their hash, for the log; empty for another page."""
    texts: Iterable[ConsentText] = page.texts.values() if issubclass(page, Consent) else ()
    return {text.hash: text.text for text in texts}


def languages_of(page: type[Page] | None) -> list[str]:
    """Return the languages in which a page has its text; empty if it follows the experiment's."""
    texts = page.texts if page is not None and issubclass(page, Consent) else {}
    return [code for code in texts if code]


def language_of(texts: Mapping[str, ConsentText], language: str) -> str:
    """Return the key of the text for who reads *language*: that, a broader one, or the first."""
    by_code = {normal_code(code) or code: code for code in texts}
    found = (by_code[code] for code in broader(language) if code in by_code)
    return next(found, next(iter(texts)))


def _posted_hash(request: HttpRequest) -> str:
    return next((value for name, value in request.form if name == CONSENT_TEXT), "")


def _shown(page: type[Consent], text: ConsentText, code: str) -> ShownText:
    from uproot_nb.templating.markdown import plain_prose  # lazy: few have texts

    title, body = plain_prose(text.text)
    reads = direction(code) if code else ""
    name = title.striptags() or page.__name__
    file = _file(name, title, body, code, reads, page.version) if page.copy else ""
    return ShownText(title, body, text.hash, page.version, code, reads, file)


def _file(name: str, title: Markup, body: Markup, code: str, reads: str, version: str) -> str:
    heading = Markup("<h1>{}</h1>").format(title) if title else Markup("")
    html = Markup(
        '<!doctype html><html lang="{}" dir="{}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>{}</title><body>{}{}<p><small>{}</small></p></body></html>"
    ).format(code or "en", reads or "ltr", name, heading, body, version)
    return "data:text/html;charset=utf-8;base64," + b64encode(html.encode()).decode()
