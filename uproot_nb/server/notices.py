"""Notices: the few pages of the server itself, in the participant's language."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from string import Template

from uproot_nb.languages.catalogs import Catalogues, shipped_languages
from uproot_nb.languages.choice import choose
from uproot_nb.languages.codes import direction

__all__ = ["VISIT", "choose_language", "notice", "words"]

_FOLDER = Path(__file__).parent / "pages"

NOTICE_TEXTS = {
    "join": ("Welcome", "Press the button when you are ready to take part."),
    "paused": (
        "One moment, please",
        "The experiment is paused. This page continues automatically.",
    ),
    "later": ("One moment, please", "The experiment is paused. Please try again in a moment."),
    "busy": (
        "One moment, please",
        "Too many requests came at once. This page continues automatically.",
    ),
    "ended": ("This session has ended", "Thank you for taking part. You may close this page."),
    "front": ("Welcome", "To take part, please open the link that you were given."),
    "missing": ("Page not found", "Please check the link that you were given."),
    "refused": ("That did not work", "Please go back and try again in a moment."),
    "unsent": (
        "One moment, please",
        "Your answers have not arrived yet. Please go back and send them again.",
    ),
    "large": ("That was too large", "Please go back and choose smaller or fewer files."),
}
"""The title and the text of each kind of notice, as the catalogues have them in English."""

BUTTON_TEXTS = ("Take part",)

_LOOK_AGAIN = "3000 + 4000 * Math.random()"
"""The milliseconds after which a page asks again, as a JavaScript expression."""
_SHIPPED = Catalogues()


VISIT = "@visit@"
"""Stands for the visit in a join page's form: pressing its button twice takes one place."""


def choose_language(accepted: str) -> str:
    """Return the language for an Accept-Language header, of those that the server has."""
    return choose(None, accepted, shipped_languages())


def words(kind: str, language: str) -> str:
    """Return the text of a notice, for a script that shows it on its own page."""
    return _SHIPPED.translate(NOTICE_TEXTS[kind][1], language)


@cache
def notice(kind: str, language: str) -> bytes:
    """Return a page as HTML: "join", "paused", "later", "busy", "ended", "front", "missing",
    "refused", "unsent", "large".
    """
    title, text = (_SHIPPED.translate(text, language) for text in NOTICE_TEXTS[kind])
    template = Template((_FOLDER / "notice.html").read_text(encoding="utf-8"))
    page = template.substitute(
        lang=language,
        direction=direction(language),
        title=escape(title),
        text=escape(text),
        head=_head(kind),
        body=_button(language) if kind in ("join", "later") else "",
    )
    return page.encode()


def _head(kind: str) -> str:
    if kind == "busy":  # not all at the same moment
        again = f"setTimeout(() => location.replace(location.href), {_LOOK_AGAIN})"
        fallback = '<noscript><meta http-equiv="refresh" content="5"></noscript>'
        return f"{fallback}\n<script>{again}</script>"
    if kind != "paused":
        return ""
    script = (_FOLDER / "reopen.js").read_text(encoding="utf-8")
    # Without scripts the page cannot be notified that the experiment continues, so it reloads.
    fallback = '<noscript><meta http-equiv="refresh" content="10"></noscript>'
    return f"{fallback}\n<script>{script}</script>"


def _button(language: str) -> str:
    # No action: the form is posted to the very address that the page was read from.
    # A second click would take a second place; much later it may be meant.
    once = (
        "if (this.sent) return false; this.sent = true; setTimeout(() => this.sent = false, 8000)"
    )
    visit = f'<input type="hidden" name="_uproot_visit" value="{VISIT}">'
    button = (
        f'<button type="submit">{escape(_SHIPPED.translate(BUTTON_TEXTS[0], language))}</button>'
    )
    return f'<form method="post" onsubmit="{escape(once)}">{button}{visit}</form>'
