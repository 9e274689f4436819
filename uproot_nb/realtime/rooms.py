"""Rooms: addresses by which many participants enter a session, optionally with labels."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from uproot_nb.bridge.messages import (
    CloseRoom,
    HttpReply,
    HttpRequest,
    OpenRoom,
    RoomNews,
    RoomWaiting,
)
from uproot_nb.experiment.entrance.labels import LabelIndex, is_label
from uproot_nb.experiment.entrance.ways_in import WayIn
from uproot_nb.realtime.comers import Comer, RoomOutcome, decide_return, find_place
from uproot_nb.realtime.headcount import Headcount
from uproot_nb.realtime.return_addresses import note_return, way_back
from uproot_nb.session.browser_json import to_json
from uproot_nb.session.entities import Player
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.known_places import KnownPlaces
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = [
    "STATUS", "TEXTS", "Admission", "Door", "Room", "RoomOutcome", "Rooms", "admit", "see_other",
    "show_part",
]  # fmt: skip

LONGEST_QUERY = 4_000
"""Characters of an address to which somebody who waits is sent."""

TEXTS = (
    "Welcome",
    "Press the button when you are ready to take part.",
    "Take part",
    "Please enter the label that you were given.",
    "Label",
    "Continue",
    "We do not know this label. Please check it and try again.",
    "One moment, please",
    "The study has not begun yet. This page continues automatically as soon as it does.",
    "The connection was lost. Please keep this page open; it reconnects automatically.",
    "This label has been used",
    "If it was you, please open your own link again."
    " If not, please ask the person who runs this study.",
    "Somebody has already begun in this browser",
    "If that was you, please open your own link again."
    " If not, please ask the person who runs this study.",
    "This link has two different labels",
    "Please open the link again exactly as you were given it."
    " If that does not help, please ask the person who runs this study.",
    "All places are taken",
    "Thank you for your interest. You may close this page.",
    "You have already begun. Do you want to go on?",
    "You can go on where you stopped.",
    "Go on",
    "This is a preview",
    "Please accept the task on the site that sent you here; then you can take part.",
    "Something went wrong",
    "Please try again. If that does not help, please tell the person who runs this study.",
    "Try again",
)
"""The texts of `templates/Room.html`, translated by `_()`."""

Render = Callable[[Mapping[str, Any], str], str]
"""Makes the page: (variables of Room.html, Accept-Language header) → HTML."""

HTML = [("Content-Type", "text/html; charset=UTF-8")]
_ENTER = to_json({"op": "action", "action": "submit"})


STATUS = {
    RoomOutcome.LABEL_UNKNOWN: 403, RoomOutcome.LABEL_USED: 409, RoomOutcome.BROWSER_USED: 409,
    RoomOutcome.TWO_LABELS: 400, RoomOutcome.FULL: 409,
}  # fmt: skip
"""The HTTP status, if not 200. The participant server counts 403 as a guess."""


@dataclass(frozen=True)
class Room:
    """A room's settings.

    Room("lab", labels=("p01", "p02"))      # two known participants, once each
    Room("online", capacity=100)            # the first hundred who come
    """

    name: str
    labels: Sequence[str] | None = None
    capacity: int | None = None
    open: bool = True
    way: WayIn = field(default=WayIn())
    """Which parameter is the label, who recruits, and what returning does."""

    def find_label(self, label: str) -> str:
        """Return the listed label that is meant; without a list, or one that fits, the same."""
        index = self.labels if isinstance(self.labels, _Labels) else None
        return label if index is None else index.find(label)

    @property
    def scope(self) -> str:
        """Where its labels count: in this room if they are a list of its own, else everywhere."""
        return self.name if self.labels is not None and not self.way.label_from else ""

    @property
    def places(self) -> int | None:
        """How many participants it admits; None without a limit."""
        if self.capacity is None and self.labels is not None:
            return len(self.labels)
        return self.capacity


@dataclass(frozen=True)
class Admission:
    """The decision about a participant: the outcome, and the label they get."""

    outcome: RoomOutcome
    label: str | None = None


def admit(room: Room, label: str, admitted: int) -> Admission:
    """Decide about a participant with *label* ("" for none) who has no place yet.

    Args:
        admitted: how many have come in by this room and are in, or have finished.
    """
    if not label:
        if room.labels is not None or room.way.label_from:
            return Admission(RoomOutcome.LABEL_NEEDED)
    elif not is_label(label) or (room.labels is not None and label not in room.labels):
        return Admission(RoomOutcome.LABEL_UNKNOWN)
    if room.places is not None and admitted >= room.places:
        return Admission(RoomOutcome.FULL, label or None)
    return Admission(RoomOutcome.ENTER if room.open else RoomOutcome.WAIT, label or None)


@dataclass(frozen=True)
class Door:
    """What rooms use of the flow, which lets people in.

    Args:
        introduce: runs the author's new_player and arrived for a player, unless they have run.
        note_arrival: logs that somebody begins, with the address with which they came.
        render: renders Room.html.
        places: finds the places that people have already.
    """

    introduce: Callable[[Player], Awaitable[None]]
    note_arrival: Callable[[Player, HttpRequest, str, WayIn], None]
    render: Render
    places: KnownPlaces


class Rooms:
    """The rooms of one session, and the participants who enter through them.

    The log has a room's players as fields of "room/<name>", with a mark of the visit that took the
    place. A second click, or a form that is sent again because its answer was lost, belongs to the
    same visit and leads to the same place; so does a label or a browser that has a place.
    """

    def __init__(self, world: World, reports: ErrorReports, door: Door) -> None:
        self._world, self._reports, self._door = world, reports, door
        self._read: dict[str, tuple[Any, Room]] = {}
        self._waiting: dict[str, int] = {}
        self._labels: dict[str, list[str]] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._headcount = Headcount(world)
        self._visits = {
            (name, world.state.value(_subject(name), player)): player
            for name in world.state.rooms
            for player in world.state.names(_subject(name))
        }

    # ---- for the researcher ----

    def get(self, name: str) -> Room | None:
        """Return the room of that name; None if there is none."""
        stored = self._world.state.rooms.get(name)
        if not stored:
            return None
        known = self._read.get(name)
        if known is None or known[0] is not stored:
            labels = stored["labels"]
            room = Room(
                name,
                None if labels is None else _Labels(labels),
                stored["capacity"],
                stored["open"],
                WayIn.load(stored.get("way", {})),
            )
            known = self._read[name] = stored, room
        return known[1]

    def define(self, room: Room) -> None:
        """Create the room, or change its labels and capacity.

        If the same cell runs again, a room that was opened or closed since then stays so, unless
        its `open` has changed.
        """
        with self._world.lock:
            stored = self._world.state.rooms.get(room.name) or {}
            same = stored.get("asked") == room.open
            self._write(room.name, {
                "labels": None if room.labels is None else list(room.labels),
                "capacity": room.capacity,
                "open": stored["open"] if same else room.open,
                "asked": room.open,
                "since": stored.get("since") or time.time(),
                **({"way": room.way.dump()} if room.way.dump() else {}),
            })  # fmt: skip
            self._world.journal.after_commit(lambda: self._announce(room.name))

    def set_open(self, name: str, is_open: bool) -> None:
        """Open a room, which admits those who wait, or close it."""
        with self._world.lock:
            stored = self._world.state.rooms[name]
            if stored["open"] != is_open:
                self._write(name, {**stored, "open": is_open})

    def remove(self, name: str) -> None:
        """Remove a room; its players stay in the session."""
        with self._world.lock:
            self._world.journal.fold("room", "session", name, "null")
            message = CloseRoom(self._world.key, name)
            self._world.journal.after_commit(lambda: self._world.send(message))

    def waiting(self, name: str) -> int:
        """Return how many browsers wait in a room."""
        return self._waiting.get(name, 0)

    def labels_waiting(self, name: str) -> list[str]:
        """Return the labels with which browsers wait in a room, the first 200.

        They are what addresses and forms say: whoever has no place yet can make them up.
        """
        return list(self._labels.get(name, ()))

    def count_admitted(self, name: str) -> int:
        """Return how many players came in by a room."""
        return len(self._world.state.fields.get(_subject(name), ()))

    def admitted(self, name: str) -> Bunch[Player]:
        """Return the players admitted by a room, in order."""
        with self._world.lock:
            names = list(self._world.state.names(_subject(name)))
            return Bunch([self._world.player(player) for player in names], f"room '{name}'")

    def _write(self, name: str, value: dict[str, Any]) -> None:
        """Log a room, and admit those who wait if it is open."""
        journal = self._world.journal
        if value != self._world.state.rooms.get(name):
            journal.fold("room", "session", name, self._world.codec.encode(value))
        if value["open"]:
            self._call_in(name)

    # ---- the connection to the participant server ----

    def announce(self) -> None:
        """Send all rooms to the participant server, after each connection."""
        with self._world.lock:
            self._waiting.clear()
            self._labels.clear()
            for name in self._world.state.rooms:
                self._announce(name)

    def note_waiting(self, message: RoomWaiting) -> None:
        """Record how many wait, and admit them if the room is open."""
        with self._world.lock:
            room = self.get(message.name)
            self._waiting[message.name] = message.count
            found = [label if room is None else room.find_label(label) for label in message.labels]
            self._labels[message.name] = [label for label in found if is_label(label)]
            if message.count and room is not None and room.open:
                self._call_in(message.name)

    def _announce(self, name: str) -> None:
        stored = self._world.state.rooms.get(name)
        if stored:
            self._world.send(OpenRoom(self._world.key, name, stored["since"]))

    def _call_in(self, name: str) -> None:
        message = RoomNews(self._world.key, name, _ENTER)
        self._world.journal.after_commit(lambda: self._world.send(message))

    # ---- participants who enter ----

    async def answer(self, request: HttpRequest) -> HttpReply:
        """Show the room ("room"), or admit somebody ("enter"); send the reply after the commit."""
        with self._world.lock:
            room = self.get(request.room)
            comer = Comer.of(request, WayIn() if room is None else room.way)
            if room is None:
                return self._show("trouble", comer, request, 404)
            comer = replace(comer, label=room.find_label(comer.label))
            if room.way.is_preview(request.query):
                return self._show_outcome(RoomOutcome.PREVIEW, comer, request)
            if room.way.has_two_labels(request.query):
                return self._show_outcome(RoomOutcome.TWO_LABELS, comer, request)
            player, outcome = self._place_of(room, comer, request)
            if player is None or outcome is not RoomOutcome.ENTER:
                return self._answer_outside(room, outcome, comer, request)
        return await self._let_in(player, comer, request)

    def _place_of(
        self, room: Room, comer: Comer, request: HttpRequest
    ) -> tuple[Player | None, RoomOutcome]:
        """Return the place that somebody has or gets, and what happens to them."""
        player = self._entered_before(room, comer)
        if player is not None:
            return player, RoomOutcome.ENTER
        admission = self._decide(room, comer.label)
        if admission.outcome is RoomOutcome.LABEL_UNKNOWN:
            return None, admission.outcome
        player = find_place(self._door.places, comer, room.way, room.scope)
        if player is not None and not _is_seat_again(player, room):
            return player, decide_return(self._door.places, player, comer, room.way)
        if request.action != "enter" or admission.outcome is not RoomOutcome.ENTER:
            return None, admission.outcome
        return self._give_place(room, admission.label, comer, request), RoomOutcome.ENTER

    def _decide(self, room: Room, label: str) -> Admission:
        return admit(room, label, self._headcount.of(room.name))

    def _answer_outside(
        self, room: Room, outcome: RoomOutcome, comer: Comer, request: HttpRequest
    ) -> HttpReply:
        if request.action == "enter" and outcome is RoomOutcome.WAIT:
            # to an address that may be reloaded at will
            return see_other(request, _own_address(room.way, comer.label, request))
        return self._show_outcome(outcome, comer, request)

    def _entered_before(self, room: Room, comer: Comer) -> Player | None:
        name = self._visits.get((room.name, self._world.mark_of(comer.visit)))
        if name is None or (self._world.state.players[name].label or "") != comer.label:
            return None
        return self._world.player(name)

    def _give_place(
        self, room: Room, label: str | None, comer: Comer, request: HttpRequest
    ) -> Player:
        world, visit = self._world, comer.page_visit
        player = world.give_place(label, visit, comer.cookie, room.name, room.scope)
        self._door.note_arrival(player, request, "room", room.way)
        mark = world.mark_of(visit)
        world.journal.fold("set", _subject(room.name), player.name, world.codec.encode(mark))
        self._visits[room.name, mark] = player.name
        return player

    async def _let_in(self, player: Player, comer: Comer, request: HttpRequest) -> HttpReply:
        try:
            # A second click must not run hooks again while they are still running.
            async with self._turns.setdefault(player.name, asyncio.Lock()):
                await self._door.introduce(player)
        except (Exception, asyncio.CancelledError) as error:  # the border around the hooks
            if self._world.closing:
                raise
            cause = Cause(player.name, "", f"room {request.room}", "")
            self._reports.report(error, cause, player.subject)
            return self._show("trouble", comer, request, 500)
        self._turns.pop(player.name, None)
        if request.action == "enter":
            self._door.places.remember(player, comer.cookie)
            note_return(player, request.query)
        address = f"../../p/{self._world.token(player.name)}/"
        return see_other(request, way_back(player, request.query, address))

    # ---- pages ----

    def _show_outcome(self, outcome: RoomOutcome, comer: Comer, request: HttpRequest) -> HttpReply:
        return self._show(outcome.value, comer, request, STATUS.get(outcome, 200))

    def _show(self, part: str, comer: Comer, request: HttpRequest, status: int) -> HttpReply:
        return show_part(self._door.render, part, comer, request, status)


def show_part(
    render: Render, part: str, comer: Comer, request: HttpRequest, status: int
) -> HttpReply:
    """Return a part of Room.html as the answer to a request."""
    variables: dict[str, Any] = {"part": part, "label": comer.label, "visit": comer.page_visit}
    variables |= {"query": dict(reversed(request.query)), "room": request.room}
    html = render(variables, request.languages)
    return HttpReply(request.request, status, HTML, html.encode())


class _Labels(tuple[str, ...]):
    """Labels in order, with a fast test for membership, and a search."""

    _searched: LabelIndex | None = None

    @property
    def searched(self) -> LabelIndex:
        """The labels, to be searched."""
        if self._searched is None:
            self._searched = LabelIndex(self)
        return self._searched

    def __contains__(self, label: object) -> bool:
        return label in self.searched

    def find(self, label: str) -> str:
        """Return the label that is meant; the same if none is."""
        return self.searched.find(label) or label


def _is_seat_again(player: Player, room: Room) -> bool:
    """Return whether a room's own label names a seat whose place was given to another."""
    return player._state.freed and room.labels is not None


def _subject(room: str) -> str:
    return f"room/{room}"


def _own_address(way: WayIn, label: str, request: HttpRequest) -> str:
    """Return the room's address with the label, and whatever else came with it, if it fits."""
    names = way.label_from or ("label",)
    others = [pair for pair in request.query if pair[0] not in names]
    pairs = [(names[0], label)] if label else []
    address = urlencode([*pairs, *_fitting(others, LONGEST_QUERY - len(urlencode(pairs)))])
    return f"./?{address}" if address else "./"


def _fitting(pairs: Sequence[tuple[str, str]], room: int) -> list[tuple[str, str]]:
    """Return the pairs that fit into so many characters of an address; the longest are left out."""
    sizes = [1 + len(urlencode([pair])) for pair in pairs]
    fitting = set()
    for nth in sorted(range(len(pairs)), key=sizes.__getitem__):
        room -= sizes[nth]
        if room < 0:
            break
        fitting.add(nth)
    return [pair for nth, pair in enumerate(pairs) if nth in fitting]


def see_other(request: HttpRequest, place: str) -> HttpReply:
    """Return the answer that leads a browser elsewhere."""
    return HttpReply(request.request, 303, [("Location", place)], b"")
