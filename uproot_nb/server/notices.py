"""Notices: the few pages that the server shows by itself, in the participant's language."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from string import Template

__all__ = ["LANGUAGES", "VISIT", "choose_language", "notice", "words"]

LANGUAGES = ("en", "de", "es", "fr")

_FOLDER = Path(__file__).parent / "pages"

_TEXTS: dict[str, dict[str, tuple[str, str]]] = {
    "join": {
        "en": ("Welcome", "Press the button when you are ready to take part."),
        "de": ("Willkommen", "Drücken Sie den Knopf, sobald Sie teilnehmen möchten."),
        "es": ("Le damos la bienvenida", "Pulse el botón cuando quiera participar."),
        "fr": ("Bienvenue", "Appuyez sur le bouton lorsque vous êtes prêt à participer."),
    },
    "paused": {
        "en": ("One moment, please", "The experiment is paused. This page goes on by itself."),
        "de": (
            "Einen Moment, bitte",
            "Das Experiment macht eine Pause. Diese Seite geht von selbst weiter.",
        ),
        "es": ("Un momento, por favor", "El experimento está en pausa. Esta página sigue sola."),
        "fr": (
            "Un instant, s’il vous plaît",
            "L’expérience est en pause. Cette page reprendra d’elle-même.",
        ),
    },
    "later": {
        "en": ("One moment, please", "The experiment is paused. Please try again in a moment."),
        "de": (
            "Einen Moment, bitte",
            "Das Experiment macht eine Pause. Bitte versuchen Sie es gleich noch einmal.",
        ),
        "es": (
            "Un momento, por favor",
            "El experimento está en pausa. Vuelva a intentarlo dentro de un momento.",
        ),
        "fr": (
            "Un instant, s’il vous plaît",
            "L’expérience est en pause. Veuillez réessayer dans un instant.",
        ),
    },
    "busy": {
        "en": (
            "One moment, please",
            "Too many requests came at once. This page goes on by itself.",
        ),
        "de": (
            "Einen Moment, bitte",
            "Es kamen zu viele Anfragen auf einmal. Diese Seite geht von selbst weiter.",
        ),
        "es": (
            "Un momento, por favor",
            "Llegaron demasiadas solicitudes a la vez. Esta página sigue sola.",
        ),
        "fr": (
            "Un instant, s’il vous plaît",
            "Trop de demandes sont arrivées à la fois. Cette page reprendra d’elle-même.",
        ),
    },
    "ended": {
        "en": ("This session has ended", "Thank you for taking part. You may close this page."),
        "de": (
            "Diese Sitzung ist beendet",
            "Vielen Dank für Ihre Teilnahme. Sie können diese Seite schließen.",
        ),
        "es": (
            "Esta sesión ha terminado",
            "Gracias por participar. Puede cerrar esta página.",
        ),
        "fr": (
            "Cette session est terminée",
            "Merci de votre participation. Vous pouvez fermer cette page.",
        ),
    },
    "missing": {
        "en": ("Nothing is here", "Please check the link that you were given."),
        "de": ("Hier ist nichts", "Bitte prüfen Sie den Link, den Sie erhalten haben."),
        "es": ("Aquí no hay nada", "Compruebe el enlace que ha recibido."),
        "fr": ("Il n’y a rien ici", "Veuillez vérifier le lien que vous avez reçu."),
    },
    "refused": {
        "en": ("That did not work", "Please go back and try again in a moment."),
        "de": (
            "Das hat nicht geklappt",
            "Bitte gehen Sie zurück und versuchen Sie es gleich noch einmal.",
        ),
        "es": ("No ha funcionado", "Vuelva atrás e inténtelo de nuevo dentro de un momento."),
        "fr": ("Cela n’a pas fonctionné", "Veuillez revenir en arrière et réessayer."),
    },
    "unsent": {
        "en": (
            "One moment, please",
            "Your answers have not arrived yet. Please go back and send them again.",
        ),
        "de": (
            "Einen Moment, bitte",
            "Ihre Antworten sind noch nicht angekommen. Bitte gehen Sie zurück und senden Sie sie"
            " noch einmal.",
        ),
        "es": (
            "Un momento, por favor",
            "Sus respuestas aún no han llegado. Vuelva atrás y envíelas de nuevo.",
        ),
        "fr": (
            "Un instant, s’il vous plaît",
            "Vos réponses ne sont pas encore arrivées. Veuillez revenir en arrière et les envoyer"
            " de nouveau.",
        ),
    },
    "large": {
        "en": ("That was too large", "Please go back and choose smaller files, or fewer."),
        "de": (
            "Das war zu groß",
            "Bitte gehen Sie zurück und wählen Sie kleinere oder weniger Dateien.",
        ),
        "es": (
            "Es demasiado grande",
            "Vuelva atrás y elija archivos más pequeños, o menos archivos.",
        ),
        "fr": (
            "C’était trop volumineux",
            "Veuillez revenir en arrière et choisir des fichiers plus petits ou moins nombreux.",
        ),
    },
}
_LOOK_AGAIN = "3000 + 4000 * Math.random()"
"""After how many milliseconds a page looks again, as a script has it."""
_TAKE_PART = {"en": "Take part", "de": "Teilnehmen", "es": "Participar", "fr": "Participer"}


VISIT = "@visit@"
"""Where a join page's form says of which visit it is: the same press never takes two places."""


def choose_language(accepted: str) -> str:
    """Return the language for an Accept-Language header: the best liked that there is."""
    liked = []
    for place, part in enumerate(accepted[:200].split(",")):
        tag, _, rest = part.strip().partition(";")
        language = tag.partition("-")[0].lower()
        if language in LANGUAGES:
            liked.append((-_weight(rest), place, language))
    return min(liked)[2] if liked else "en"


def words(kind: str, language: str) -> str:
    """Return what a notice says, for a script that shows it on its own page."""
    return _TEXTS[kind][language][1]


@cache
def notice(kind: str, language: str) -> bytes:
    """Return a page as HTML: "join", "paused", "later", "busy", "ended", "missing", "refused",
    "unsent", "large".
    """
    title, text = _TEXTS[kind][language]
    template = Template((_FOLDER / "notice.html").read_text(encoding="utf-8"))
    page = template.substitute(
        lang=language,
        title=escape(title),
        text=escape(text),
        head=_head(kind),
        body=_button(language) if kind in ("join", "later") else "",
    )
    return page.encode()


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def _head(kind: str) -> str:
    if kind == "busy":  # not all at the same moment
        again = f"setTimeout(() => location.replace(location.href), {_LOOK_AGAIN})"
        fallback = '<noscript><meta http-equiv="refresh" content="5"></noscript>'
        return f"{fallback}\n<script>{again}</script>"
    if kind != "paused":
        return ""
    script = (_FOLDER / "reopen.js").read_text(encoding="utf-8")
    # Without scripts nobody can tell the page that the experiment goes on; then it looks again.
    fallback = '<noscript><meta http-equiv="refresh" content="10"></noscript>'
    return f"{fallback}\n<script>{script}</script>"


def _button(language: str) -> str:
    # No action: the form is posted to the very address that the page was read from.
    # A second click would take a second place; much later it may be meant.
    once = (
        "if (this.sent) return false; this.sent = true; setTimeout(() => this.sent = false, 8000)"
    )
    visit = f'<input type="hidden" name="_uproot_visit" value="{VISIT}">'
    button = f'<button type="submit">{_TAKE_PART[language]}</button>'
    return f'<form method="post" onsubmit="{escape(once)}">{button}{visit}</form>'
