"""Rooms: addresses by which many participants enter a session, optionally with labels."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from uproot_nb.bridge.messages import (
    CloseRoom,
    HttpReply,
    HttpRequest,
    OpenRoom,
    RoomNews,
    RoomWaiting,
)
from uproot_nb.log.state import PlayerState
from uproot_nb.session.entities import Player
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.steps import Cause
from uproot_nb.session.wire import to_json
from uproot_nb.session.world import World

__all__ = ["LABEL", "TEXTS", "Admission", "Room", "RoomOutcome", "Rooms", "admit"]

LABEL = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
"""The form of a label."""

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
    "The connection was lost and will come back by itself. Please keep this page open.",
    "This label has been used",
    "If it was you, please open your own link again."
    " If not, please ask the person who runs this study.",
    "All places are taken",
    "Thank you for your interest. You may close this page.",
    "Something went wrong",
    "Please try again. If that does not help, please tell the person who runs this study.",
    "Try again",
)
"""The texts of `templates/Room.html`, translated by `_()`."""

Render = Callable[[Mapping[str, Any], str], str]
"""Makes the page: (variables of Room.html, Accept-Language header) → HTML."""

HTML = [("Content-Type", "text/html; charset=UTF-8")]
_VISIT = re.compile(r"[\w-]{16,64}", re.ASCII)
_ENTER = to_json({"op": "action", "action": "submit"})


class RoomOutcome(StrEnum):
    """What happens to a participant at a room's door; the values name parts of Room.html."""

    ENTER = "enter"
    WAIT = "wait"
    LABEL_NEEDED = "label"
    LABEL_UNKNOWN = "unknown"
    LABEL_USED = "used"
    FULL = "full"


STATUS = {RoomOutcome.LABEL_UNKNOWN: 403, RoomOutcome.LABEL_USED: 409, RoomOutcome.FULL: 409}
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


def admit(room: Room, label: str, players: Collection[PlayerState], admitted: int) -> Admission:
    """Decide about a participant with *label* ("" for none).

    Args:
        players: all players of the session.
        admitted: how many the room has admitted so far.
    """
    if not label:
        if room.labels is not None:
            return Admission(RoomOutcome.LABEL_NEEDED)
    elif not LABEL.fullmatch(label) or (room.labels is not None and label not in room.labels):
        return Admission(RoomOutcome.LABEL_UNKNOWN)
    elif any(player.label == label for player in players):
        return Admission(RoomOutcome.LABEL_USED, label)
    free = any(not player.claimed for player in players)
    if not free and room.places is not None and admitted >= room.places:
        return Admission(RoomOutcome.FULL, label or None)
    return Admission(RoomOutcome.ENTER if room.open else RoomOutcome.WAIT, label or None)


class Rooms:
    """The rooms of one session, and the participants who enter through them.

    The log has a room's players as fields of "room/<name>", with a mark of the visit that took the
    place. A second click, or a form that is sent again because its answer was lost, belongs to the
    same visit and leads to the same place.

    Args:
        introduce: runs the author's new_player for a player, unless it has run.
        render: renders Room.html.
    """

    def __init__(
        self,
        world: World,
        reports: ErrorReports,
        introduce: Callable[[Player], Awaitable[None]],
        render: Render,
    ) -> None:
        self._world, self._reports = world, reports
        self._introduce, self._render = introduce, render
        self._read: dict[str, tuple[Any, Room]] = {}
        self._waiting: dict[str, int] = {}
        self._turns: dict[str, asyncio.Lock] = {}
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
            for name in self._world.state.rooms:
                self._announce(name)

    def note_waiting(self, message: RoomWaiting) -> None:
        """Record how many wait, and admit them if the room is open."""
        with self._world.lock:
            room = self.get(message.name)
            self._waiting[message.name] = message.count
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
        label, visit = _label_in(request), _visit_in(request)
        with self._world.lock:
            room = self.get(request.room)
            if room is None:
                return self._show("trouble", label, visit, request, 404)
            player = self._entered_before(room, label, visit)
            if player is None:
                admission = self._decide(room, label)
                if request.action != "enter" or admission.outcome is RoomOutcome.WAIT:
                    return self._answer_outside(admission, label, visit, request)
                if admission.outcome is not RoomOutcome.ENTER:
                    return self._show_outcome(admission.outcome, label, visit, request)
                player = self._give_place(room, admission.label, visit)
        return await self._let_in(player, label, visit, request)

    def _decide(self, room: Room, label: str) -> Admission:
        state = self._world.state
        admitted = len(state.fields.get(_subject(room.name), ()))
        return admit(room, label, state.players.values(), admitted)

    def _answer_outside(
        self, admission: Admission, label: str, visit: str, request: HttpRequest
    ) -> HttpReply:
        if request.action == "enter":  # to an address that may be reloaded at will
            return _see_other(request, f"./?label={quote(label)}" if label else "./")
        return self._show_outcome(admission.outcome, label, visit, request)

    def _entered_before(self, room: Room, label: str, visit: str) -> Player | None:
        name = self._visits.get((room.name, self._world.mark_of(visit)))
        if name is None or (self._world.state.players[name].label or "") != label:
            return None
        return self._world.player(name)

    def _give_place(self, room: Room, label: str | None, visit: str) -> Player:
        world = self._world
        player = world.claim_place(label, visit, room.name) or world.add_player(
            claimed=True, label=label, visit=visit, room=room.name
        )
        mark = world.mark_of(visit)
        world.journal.fold("set", _subject(room.name), player.name, world.codec.encode(mark))
        self._visits[room.name, mark] = player.name
        return player

    async def _let_in(
        self, player: Player, label: str, visit: str, request: HttpRequest
    ) -> HttpReply:
        try:
            # A second click must not run new_player again while it is still running.
            async with self._turns.setdefault(player.name, asyncio.Lock()):
                await self._introduce(player)
        except (Exception, asyncio.CancelledError) as error:  # the border around new_player
            if self._world.closing:
                raise
            cause = Cause(player.name, "", f"room {request.room}", "")
            self._reports.report(error, cause, player.subject)
            return self._show("trouble", label, visit, request, 500)
        self._turns.pop(player.name, None)
        return _see_other(request, f"../../p/{self._world.token(player.name)}/")

    # ---- pages ----

    def _show_outcome(
        self, outcome: RoomOutcome, label: str, visit: str, request: HttpRequest
    ) -> HttpReply:
        return self._show(outcome.value, label, visit, request, STATUS.get(outcome, 200))

    def _show(
        self, part: str, label: str, visit: str, request: HttpRequest, status: int
    ) -> HttpReply:
        variables = {"part": part, "label": label, "visit": visit}
        html = self._render(variables, request.languages)
        return HttpReply(request.request, status, HTML, html.encode())


class _Labels(tuple[str, ...]):
    """Labels in order, with a fast test for membership."""

    _known: frozenset[str]

    def __contains__(self, label: object) -> bool:
        if not hasattr(self, "_known"):
            self._known = frozenset(self)
        return label in self._known


def _subject(room: str) -> str:
    return f"room/{room}"


def _label_in(request: HttpRequest) -> str:
    """Return the label in the form, else the one in the address."""
    for pairs in (request.form, request.query):
        given = [value for name, value in pairs if name == "label"]
        if given:
            return given[0].strip()[:200].encode("utf-8", "replace").decode()
    return ""


def _visit_in(request: HttpRequest) -> str:
    """Return the identifier of this visit, which the form sends back."""
    given = dict(request.form).get("_uproot_visit", "")
    return given if _VISIT.fullmatch(given) else secrets.token_urlsafe(16)


def _see_other(request: HttpRequest, place: str) -> HttpReply:
    return HttpReply(request.request, 303, [("Location", place)], b"")
