"""Comers: people who want to enter, what their browsers send, and the places they may have."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from uproot_nb.bridge.messages import COOKIE, HttpRequest
from uproot_nb.experiment.entrance.labels import clean_label
from uproot_nb.experiment.entrance.ways_in import ASK, REFUSE, RESUME, WayIn
from uproot_nb.session.entities import Player
from uproot_nb.session.known_places import KnownPlaces

__all__ = ["AGAIN", "Comer", "RoomOutcome", "decide_return", "find_place"]

VISIT, AGAIN = "_uproot_visit", "_uproot_again"
_VISIT = re.compile(r"[\w-]{16,64}", re.ASCII)


class RoomOutcome(StrEnum):
    """What happens to a participant at a door; the values name parts of Room.html."""

    ENTER = "enter"
    WAIT = "wait"
    LABEL_NEEDED = "label"
    LABEL_UNKNOWN = "unknown"
    LABEL_USED = "used"
    TWO_LABELS = "several"
    BROWSER_USED = "begun"
    AGAIN = "again"
    PREVIEW = "preview"
    FULL = "full"


@dataclass(frozen=True)
class Comer:
    """Somebody before a door."""

    label: str
    """As typed, else as in the address; "" without one."""
    visit: str
    """Names this press of the button, however often it is sent; "" if the form has no name."""
    cookie: str
    """Names the browser; "" if it has no name."""
    confirms: bool
    """Whether they have begun already, and have said that they go on."""

    @classmethod
    def of(cls, request: HttpRequest, way: WayIn) -> Self:
        """Read what a browser has sent to a door."""
        form = dict(reversed(request.form))
        typed = clean_label(form.get("label", ""))
        visit = form.get(VISIT, "")
        return cls(
            typed or way.label(request.query), visit if _VISIT.fullmatch(visit) else "",
            request.headers.get(COOKIE, ""), AGAIN in form,
        )  # fmt: skip

    @property
    def page_visit(self) -> str:
        """The name that the page's form posts."""
        return self.visit or secrets.token_urlsafe(16)


def find_place(places: KnownPlaces, comer: Comer, way: WayIn, scope: str = "") -> Player | None:
    """Return the place that somebody has already; None if they have none.

    A label decides, so that people who share a computer can come one after the other.

    Args:
        scope: the room whose own list has the label; "" if labels name persons.
    """
    if comer.label:
        return places.labeled(comer.label, any_case=not way.label_from, scope=scope)
    return places.of_browser(comer.cookie)


def decide_return(places: KnownPlaces, player: Player, comer: Comer, way: WayIn) -> RoomOutcome:
    """Decide what happens to somebody who has a place: they go on, are asked, or are refused.

    Nobody is refused whose browser has got a place and no page: the answer to the press was lost.
    """
    is_same_browser = places.of_browser(comer.cookie) is player
    wish = way.returning or (RESUME if way.label_from or is_same_browser else ASK)
    if wish == REFUSE and not (is_same_browser and player.position < 0):
        return RoomOutcome.LABEL_USED if comer.label else RoomOutcome.BROWSER_USED
    return RoomOutcome.AGAIN if wish == ASK and not comer.confirms else RoomOutcome.ENTER
