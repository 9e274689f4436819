"""RoomHandle: a room that a run serves, to open, close and watch."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from typing import Literal

from uproot_nb.analysis.plain_html import plain_html
from uproot_nb.errors import UprootError
from uproot_nb.experiment.entrance.labels import clean_label, why_no_label
from uproot_nb.experiment.entrance.ways_in import WayIn
from uproot_nb.experiment.recruiters import Recruiter
from uproot_nb.realtime.rooms import Room, Rooms
from uproot_nb.session.entities import Player
from uproot_nb.session.entity_list import Bunch

__all__ = ["Room", "RoomHandle", "room"]

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)


def room(
    name: str,
    labels: Iterable[str] | None = None,
    capacity: int | None = None,
    open: bool = True,
    *,
    label_from: str | None = None,
    recruiter: Recruiter | str | None = None,
    returning: Literal["resume", "ask", "refuse"] | None = None,
) -> Room:
    """Describe a room: one address through which participants enter one by one.

        run.room("lab", labels=["p01", "p02", "p03"], open=False)

    Args:
        labels: the labels that may enter, each once; a label becomes `player.label`. Without
            labels everybody may enter, and `?label=…` in the address sets the label.
        capacity: how many places the room gives; by default one for each label, else no limit.
        open: whether people enter at once; otherwise they wait until you open it.
        label_from: the parameter of the address that is the label, instead of `label`.
        recruiter: "prolific", "sona", "mturk" or "cint", or a recruiter such as
            `Prolific(done="C1A2B3")`: its links' parameter is the label.
        returning: what happens to a label, or a browser, that has a place: "resume" leads there,
            "ask" asks first, "refuse" refuses. Without it they resume; but somebody with a label
            in another browser is asked, unless the label is that of `label_from` or `recruiter`.

    Raises:
        UprootError: an argument is not valid; the message names it.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.strip(".") == "":
        raise UprootError(
            f"room({name!r}): a room's name has 1 to 100 letters, digits, '_', '-' or '.'; it "
            "becomes part of the address."
        )
    if capacity is not None and (
        not isinstance(capacity, int) or isinstance(capacity, bool) or capacity < 1
    ):
        raise UprootError(
            f"room({name!r}, capacity={capacity!r}): give a whole number of places from 1 on, or "
            "None for no limit."
        )
    if not isinstance(open, bool):
        raise UprootError(f"room({name!r}, open={open!r}): use True or False.")
    way = WayIn.of(label_from, recruiter, returning)
    return Room(name, None if labels is None else _checked(name, labels), capacity, open, way)


def _checked(name: str, labels: Iterable[str]) -> tuple[str, ...]:
    if isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable):
        raise UprootError(
            f"room({name!r}, labels={labels!r}): give a list of labels, each a text: "
            '["p01", "p02"].'
        )
    known: dict[str, None] = {}
    for label in labels:
        bare = clean_label(label) if isinstance(label, str) else ""
        wrong = why_no_label(bare)
        if wrong:
            raise UprootError(f"room({name!r}): {label!r} cannot be a label.\n{wrong}")
        if bare in known:
            raise UprootError(
                f"room({name!r}): the label {bare!r} is listed twice.\n"
                "A label admits one participant: give each a different one."
            )
        known[bare] = None
    if not known:
        raise UprootError(
            f"room({name!r}, labels=[]): without a label nobody could enter.\n"
            "Leave labels out to let everybody in."
        )
    return tuple(known)


class RoomHandle:
    """A room that a run serves; made by `run.room`.

    lab = run.room("lab", labels=["p01", "p02"], open=False)
    lab.url          # for everybody
    lab.waiting      # how many are there
    lab.open()       # let them in
    """

    def __init__(self, rooms: Rooms, name: str, root: Callable[[], str]) -> None:
        self._rooms, self._root = rooms, root
        self.name = name

    @property
    def url(self) -> str:
        """The address to hand out; append `?label=…`, and nobody has to type the label."""
        return f"{self._root()}room/{self.name}/"

    @property
    def labels(self) -> list[str] | None:
        """Who may come in; None for everybody."""
        labels = self._room.labels
        return None if labels is None else list(labels)

    @property
    def capacity(self) -> int | None:
        """How many places the room gives; None if there is no limit."""
        return self._room.places

    @property
    def is_open(self) -> bool:
        """Whether people come in at once."""
        return self._room.open

    @property
    def waiting(self) -> int:
        """How many browsers wait for the room to open."""
        return self._rooms.waiting(self.name)

    @property
    def admitted(self) -> Bunch[Player]:
        """Who came in through the room, in the order in which they came."""
        return self._rooms.admitted(self.name)

    def open(self) -> None:
        """Let people in: those who wait at once, others as they come."""
        self._rooms.set_open(self._room.name, True)

    def close(self) -> None:
        """Close the room: newcomers wait, and those who are in stay in."""
        self._rooms.set_open(self._room.name, False)

    def remove(self) -> None:
        """Remove the room; its address then leads nowhere."""
        self._rooms.remove(self._room.name)

    @property
    def _room(self) -> Room:
        room = self._rooms.get(self.name)
        if room is None:
            raise UprootError(
                f"The room '{self.name}' was removed.\nMake it again: run.room({self.name!r})."
            )
        return room

    def __repr__(self) -> str:
        room = self._rooms.get(self.name)
        if room is None:
            return f"<Room '{self.name}' removed>"
        state = "open" if room.open else "closed"
        limit = "" if room.places is None else f" of {room.places}"
        admitted = len(self.admitted)
        return f"<Room '{self.name}' {state}: {admitted}{limit} admitted, {self.waiting} waiting>"

    def _repr_html_(self) -> str:
        text, url = html.escape(repr(self).strip("<>")), html.escape(self.url)
        if self._rooms.get(self.name) is None:
            return f"<p>{text}</p>"
        return plain_html(
            f'<p>{text}<br><a href="{url}" target="_blank" rel="noreferrer">{url}</a></p>'
        )
