"""LateAnswers: logs answers that arrive after their player has gone on."""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from uproot_nb.bridge.messages import HttpRequest
from uproot_nb.experiment.pages import Page
from uproot_nb.log.form_marks import form_mark
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause
from uproot_nb.session.visits import AGE, BACK, TIMEOUT, VISIT, visit_token
from uproot_nb.session.world import World

__all__ = ["LateAnswers", "age_of"]

MOST_CHARACTERS = 65_536
"""Characters of a late form that are logged."""
MOST_PAIRS = 500
LONGEST_AGE = 30 * 86_400.0


class LateAnswers:
    """Logs late forms: one for each visit that something else has ended, and nothing else.

    The time was up, or a hook, a dropout or the researcher has moved the player, or the player has
    gone on in another tab or on another device. A participant cannot fill the log: there are no
    more such forms than visits, and each is short.

    Args:
        find_page: returns a page of the session by its key; None if it has none.
        is_asked: whether what is posted under a name is the participant's, and to be logged.
    """

    def __init__(
        self,
        world: World,
        find_page: Callable[[str], type[Page] | None],
        is_asked: Callable[[str], bool],
    ) -> None:
        self._world, self._find_page, self._is_asked = world, find_page, is_asked

    def take(self, player: Player, request: HttpRequest) -> bool:
        """Log a form of a page that the player has left; return whether it is of one."""
        for visit, page in player._state.overdue:
            if self._is_of(player, page, visit, request):
                self.note(player, page, visit, request, accepted=False)
                return True
        return self._take_second(player, request)

    def _take_second(self, player: Player, request: HttpRequest) -> bool:
        """Log a form that another tab sends of a visit that was answered, if it is another one.

        The first stays what it is. A repeated press, whose answer may have been lost, says the
        same; of a form that is not in the log that is unknown. What nobody has sent, as a draft
        that a tab has left over, is part of the first.
        """
        if {TIMEOUT, BACK} & dict(request.form).keys():
            return False
        for visit, page, mark in player._state.answered:
            if self._is_of(player, page, visit, request):
                if mark is not None and mark != form_mark(self._asked(request)):
                    self.note(player, page, visit, request, accepted=False)
                return True
        return False

    def _is_of(self, player: Player, page: str, visit: int, request: HttpRequest) -> bool:
        """Return whether a form was made for a visit to a page that asks something."""
        given = dict(request.form).get(VISIT, "").encode()
        wanted = visit_token(self._world, player, visit).encode()
        return hmac.compare_digest(given, wanted) and _has_form(self._find_page(page))

    def _asked(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [pair for pair in request.form if self._is_asked(pair[0])]

    def note(
        self, player: Player, key: str, visit: int, request: HttpRequest, *, accepted: bool
    ) -> None:
        """Log what a late form has, whether or not its answers are stored.

        Args:
            key: the key of its page.
            visit: the seq at which the player had entered the page.
        """
        if visit == player._state.late_noted and not accepted:
            return  # sent again, as its answer was lost
        page, age = self._find_page(key), age_of(request)
        value: dict[str, Any] = {"visit": visit, "accepted": accepted}
        value["typed_at"] = None if age is None else self._world.journal.clock() - age
        value |= _loggable(page, self._asked(request))
        cause = Cause(player.name, key, "late", "")
        if page is not None:
            cause = Cause(player.name, key, f"{page.__name__}.late", page.source.hash)
        with self._world.lock:
            text = orjson.dumps(value).decode()
            self._world.journal.fold_for(cause, "late", player.subject, key, text)


def age_of(request: HttpRequest) -> float | None:
    """Return the seconds since a form's last change, as its page says; None if it does not."""
    try:
        age = float(dict(request.form).get(AGE, "")) / 1000
    except ValueError:
        return None
    return min(age, LONGEST_AGE) if math.isfinite(age) and age >= 0 else None


def _has_form(page: type[Page] | None) -> bool:
    """Return whether a page asks anything; one that is gone may have."""
    return page is None or (not page.waits and bool(getattr(page, "fields", None)))


def _loggable(
    page: type[Page] | None, posted: Sequence[tuple[str, str]]
) -> Mapping[str, list[list[str]] | bool | None]:
    """Return what of a form may be logged: no stealth fields, no files, and no more than fits."""
    stealthy: Any = getattr(page, "stealth_fields", None) or ()
    if page is None or callable(stealthy):
        return {"form": None}
    pairs, room = [], MOST_CHARACTERS
    asked = [pair for pair in posted if pair[0] not in stealthy]
    for name, text in asked[:MOST_PAIRS]:
        room -= len(name) + len(text)
        if room >= 0:
            pairs.append([name, text])
    return {"form": pairs} if len(pairs) == len(asked) else {"form": pairs, "cut": True}
