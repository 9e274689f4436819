"""Unanswered: fields that players have not answered, and answers to store in their place."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from uproot_nb.errors import UprootError
from uproot_nb.experiment.declarations import Field
from uproot_nb.experiment.fields import BooleanField, FileField, NumberInput, Slider, WithChoices
from uproot_nb.experiment.numbers import POINT, number_text
from uproot_nb.experiment.pages import Page
from uproot_nb.forms.parsing import HTML_NUMBERS, Wrong, read_answer
from uproot_nb.log.meant_players import called
from uproot_nb.session.entities import Player

__all__ = ["MISSING", "Unanswered", "answers_for", "default_answer", "unanswered_by"]

MISSING: Any = object()
"""Stands for no answer."""

PageOf = Callable[[Player], type[Page] | None]
FieldsOf = Callable[[type[Page]], Mapping[str, Any]]


@dataclass
class Unanswered:
    """A field of a page that some of its players have not answered."""

    page: type[Page]
    name: str
    declaration: Any
    players: list[Player] = field(default_factory=list)

    def __str__(self) -> str:
        shown = ", ".join(called(one.name, one.label) for one in self.players[:3])
        more = f" and {len(self.players) - 3} more" if len(self.players) > 3 else ""
        return f"{self.page.__name__}: {self.name} ({shown}{more})"


def unanswered_by(
    players: Iterable[Player], page_of: PageOf, fields_of: FieldsOf
) -> list[Unanswered]:
    """Return the fields of players' current pages that they have not answered; under the lock.

    If a page's `fields` is a hook, the fields count that it has returned so far. Files and
    `stealth_fields` do not count, as they do not become player data.
    """
    found: dict[tuple[str, str], Unanswered] = {}
    for player in players:
        page = page_of(player)
        if page is None or page.waits or not page.shown:
            continue
        known = player.fields()
        for name, declaration in fields_of(page).items():
            if name in known or _is_elsewhere(page, name, declaration):
                continue
            gap = found.setdefault((page.key, name), Unanswered(page, name, declaration))
            gap.players.append(player)
    return list(found.values())


def answers_for(
    gaps: Sequence[Unanswered], given: Mapping[str, Any], asked: Collection[str]
) -> list[tuple[Player, dict[str, Any]]]:
    """Return answers in players' place: those *given* by name, else the fields' defaults.

    Args:
        given: answers by field; MISSING leaves a field without one.
        asked: the names of all fields on the pages that are skipped.

    Raises:
        UprootError: a field has neither an answer nor a default, or an answer is not valid.
    """
    unknown = set(given) - set(asked)
    if unknown:
        raise UprootError(
            f"None of the pages to skip has a field {min(unknown)!r}.\n"
            f"Their fields are: {', '.join(asked) or '(none)'}."
        )
    answers: dict[Player, dict[str, Any]] = {}
    for gap in gaps:
        if given.get(gap.name) is MISSING:
            continue
        value = _answer(gap, given[gap.name]) if gap.name in given else default_answer(gap)
        if value is MISSING:
            raise UprootError(
                f"{gap} has no default.\nGive a value: defaults={{{gap.name!r}: …}}, or "
                "defaults=False to leave it missing."
            )
        for player in gap.players:
            answers.setdefault(player, {})[gap.name] = value
    return list(answers.items())


def default_answer(gap: Unanswered) -> Any:
    """Return the value stored if the form is sent as shown; MISSING if it would be refused."""
    declaration = gap.declaration
    if not isinstance(declaration, Field):
        return MISSING
    value = declaration.default
    try:
        return read_answer(
            declaration, _texts(declaration, value() if callable(value) else value), HTML_NUMBERS
        )
    except Wrong:
        return MISSING


def _answer(gap: Unanswered, value: Any) -> Any:
    """Return a value as the form would store it."""
    declaration = gap.declaration
    if not isinstance(declaration, Field):
        return value
    try:
        return read_answer(declaration, _texts(declaration, value), HTML_NUMBERS)
    except Wrong as wrong:
        raise UprootError(
            f"{value!r} is not a valid answer to {gap.page.__name__}.{gap.name}: {wrong}"
        ) from None


def _texts(declaration: Field, value: Any) -> list[str]:
    """Return what a browser posts for a value."""
    if value is None or (isinstance(declaration, BooleanField) and not value):
        return []
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_text(declaration, part) for part in value]
    return [_text(declaration, value)]


def _text(declaration: Field, value: Any) -> str:
    if isinstance(declaration, WithChoices):
        chosen = (choice.text for choice in declaration.choices if choice.value == value)
        return next(chosen, str(value))
    is_number = not isinstance(value, (str, bool))
    if isinstance(declaration, (NumberInput, Slider)) and is_number:
        return number_text(value, None, POINT)
    return "true" if value is True else value.isoformat() if _is_date(value) else str(value)


def _is_date(value: Any) -> bool:
    return isinstance(value, dt.date) and not isinstance(value, dt.datetime)


def _is_elsewhere(page: type[Page], name: str, declaration: Any) -> bool:
    """Return whether the answer does not become a field of the player."""
    hidden = getattr(page, "stealth_fields", ())
    named = isinstance(hidden, (list, tuple, set, frozenset)) and name in hidden
    return named or callable(hidden) or isinstance(declaration, FileField)
