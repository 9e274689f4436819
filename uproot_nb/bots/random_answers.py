"""Random answers: answers to each kind of question that respect the rules which the page shows."""

from __future__ import annotations

import datetime as dt
import math
import random
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from uproot_nb.bots.questions import Attachment, Question

__all__ = ["answer_at_random"]

WORDS = (
    "apple", "bridge", "candle", "delta", "ember", "forest", "garden", "harbour", "island",
    "jacket", "kettle", "lantern",
)  # fmt: skip
BANK_CODES = ("DE89370400440532013000", "DEUTDEFF")
"""An IBAN and a BIC; the page does not show which of them a field is for."""
SKIP_SHARE = 0.2
"""How many of the questions that may stay open do."""
ENOUGH_DIGITS = 800


def answer_at_random(question: Question, rng: random.Random, attempt: int = 0) -> Any:
    """Return an answer for `client.submit`.

    Args:
        attempt: how often the server has refused one of this page; later ones are plainer.
    """
    may_skip = not question.required and question.kind not in ("checkbox", "checkboxes")
    if may_skip and (question.kind == "file" or rng.random() < SKIP_SHARE):
        return None if question.kind != "select" else _skipped(question, rng)
    match question.kind:
        case "radio" | "select":
            return rng.choice(_offered(question))
        case "checkbox":
            return question.required or attempt > 0 or rng.random() < 0.5
        case "checkboxes" | "selects":
            return _several(question, rng, attempt)
        case "number" | "range":
            return _number(question, rng, attempt)
        case "file":
            return Attachment("answer.txt", b"An answer.\n", "text/plain")
        case _:
            return _text(question, rng)


# ---- choices ------------------------------------------------------------------------------------


def _offered(question: Question) -> list[str | None]:
    texts: list[str | None] = [choice.text for choice in question.choices]
    if question.kind == "select":  # an empty entry says that nothing is chosen yet
        texts = [text for text in texts if text] or texts
    return texts or [None]


def _skipped(question: Question, rng: random.Random) -> str | None:
    """Return what leaves a list as it is; one without an empty entry always has an answer."""
    empty = any(choice.text == "" for choice in question.choices)
    return "" if empty else rng.choice(_offered(question))


def _several(question: Question, rng: random.Random, attempt: int) -> list[str]:
    """Return some of the choices; after a refusal, now and then as many as there may be.

    A page does not show how many boxes an optional question wants, if any.
    """
    texts = [choice.text for choice in question.choices]
    most = len(texts) if question.many is None else min(question.many, len(texts))
    least = min(max(question.few, 1 if question.required else 0), most)
    return rng.sample(texts, most if attempt % 2 else rng.randint(least, most))


# ---- numbers ------------------------------------------------------------------------------------


def _number(question: Question, rng: random.Random, attempt: int) -> str:
    """Return a number within the bounds and on a step; after refusals, a whole one."""
    usual = (Decimal(0), Decimal(100)) if question.kind == "range" else (None, None)
    least, most = _exact(question.min, usual[0]), _exact(question.max, usual[1])
    step = _exact(question.step, None if question.step == "any" else Decimal(1))
    start = least if least is not None else Decimal(0)
    if step is None and attempt:
        step, start = Decimal(1), Decimal(0)
    with localcontext(prec=ENOUGH_DIGITS):
        if least is None:
            least = min(Decimal(0), most - 100) if most is not None else Decimal(0)
        if most is None:
            most = least + max(Decimal(100), 100 * (step or 1))
        drawn = None if step is None else _on_step(least, most, start, step, rng)
        text = _plain(_anywhere(least, most, rng) if drawn is None else drawn)
    return text.replace(".", question.sign)


def _on_step(
    least: Decimal, most: Decimal, start: Decimal, step: Decimal, rng: random.Random
) -> Decimal | None:
    first = math.ceil((least - start) / step)
    last = math.floor((most - start) / step)
    return start + rng.randint(first, last) * step if first <= last else None


def _anywhere(least: Decimal, most: Decimal, rng: random.Random) -> Decimal:
    drawn = least + (most - least) * rng.randint(0, 1000) / 1000
    rounded = drawn.quantize(Decimal("0.01"))
    return rounded if least <= rounded <= most else drawn


def _exact(text: str | None, otherwise: Decimal | None) -> Decimal | None:
    try:
        return Decimal(text) if text else otherwise
    except InvalidOperation:
        return otherwise


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


# ---- texts --------------------------------------------------------------------------------------


def _text(question: Question, rng: random.Random) -> str:
    if question.hint == "characters":
        return rng.choice(BANK_CODES)
    text = _of_kind(question, rng)
    limit = question.max_length
    if limit is not None and len(text) > limit:
        return "a@b.org"[: max(limit, 3)] if question.kind == "email" else text[:limit].strip()
    return text


def _of_kind(question: Question, rng: random.Random) -> str:
    word = rng.choice(WORDS)
    match question.kind:
        case "email":
            return f"{word}@example.org"
        case "url":
            return f"https://example.org/{word}"
        case "tel":
            return f"+4930{rng.randint(10**6, 10**7 - 1)}"
        case "color":
            return f"#{rng.randrange(1 << 24):06x}"
        case "time":
            return f"{rng.randrange(24):02}:{rng.randrange(60):02}"
        case "month" | "week" | "date" | "datetime-local":
            return _moment(question, rng)
    return " ".join(rng.sample(WORDS, rng.randint(1, 5)))


def _moment(question: Question, rng: random.Random) -> str:
    first = _day(question.min, dt.date(1950, 1, 1))
    last = max(first, _day(question.max, max(first, dt.date(2020, 12, 31))))
    day = dt.date.fromordinal(rng.randint(first.toordinal(), last.toordinal()))
    match question.kind:
        case "month":
            return f"{day:%Y-%m}"
        case "week":
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02}"
        case "datetime-local":
            return f"{day:%Y-%m-%d}T12:00"
    return day.isoformat()


def _day(text: str | None, otherwise: dt.date) -> dt.date:
    try:
        return dt.date.fromisoformat((text or "")[:10])
    except ValueError:
        return otherwise
