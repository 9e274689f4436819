"""State: the latest values, as replaying the log gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

import orjson

from uproot_nb.errors import UprootError
from uproot_nb.experiment.exits import DONE, DROPPED_OUT
from uproot_nb.experiment.identifiers import (
    GroupIdentifier,
    ModelIdentifier,
    PlayerIdentifier,
    SessionIdentifier,
)
from uproot_nb.log.call_rows import KNOWN_PAGE_LOADS, CallLedger, call_id_of, split_call_id
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import CHANGES, Event
from uproot_nb.log.form_marks import NO_FORM, form_mark
from uproot_nb.log.log import EventLog

__all__ = [
    "ARRIVED", "ASKED", "AWAY", "CallLedger", "Changes", "FREEZE", "GroupState", "HERE",
    "KNOWN_PAGE_LOADS", "LEFT", "PERFORMED", "PlayerState", "State", "Stored", "THAW", "TOUCHED",
    "UNCHANGING", "WITHDRAWN", "change_container", "changes_until", "split_call_id",
]  # fmt: skip

NOWHERE = -1
"""The position of a player who has not opened the first page."""

ARRIVED = "arrived"
"""The field of a `once` event that says that a visit has begun."""

TOUCHED, ASKED, AWAY, HERE, LEFT = "touched", "asked", "away", "here", "left"
"""What a `wait` event says of somebody who waits: seen; asked "Are you still there?"; without an
answer in time; has answered; has stopped waiting."""

PERFORMED, WITHDRAWN = '{"performed":true}', "null"
"""The values of an `effect` event that says that the effect has happened, or never will."""

FREEZE, THAW = "freeze", "thaw"
"""The fields of `intervention` events that say that pages may not be redefined, or may again."""

UNCHANGING = frozenset({
    type(None), bool, int, float, str, bytes, frozenset, Decimal, UUID, date, datetime, time,
    timedelta, PlayerIdentifier, GroupIdentifier, SessionIdentifier, ModelIdentifier,
})  # fmt: skip
"""Types whose values nobody can change in place."""

MOST_OVERDUE = 8
"""Visits of a player that are remembered because their forms may still come."""

MOST_ELEMENTS = 10_000
"""Elements of lists, dicts and sets that a snapshot holds; the longest are left to the log."""

LONGEST_TEXT = 256 * 1024
"""Characters of one value that a snapshot holds."""

MOST_COOKIES = 5
"""Browsers by which a player is known again; of more, the newest count."""

_CHARACTERS_AN_ELEMENT = 100
"""About; where a text has not been read."""

_CONTAINERS = frozenset({list, dict, set, tuple})
_UNREAD = object()


class Stored:
    """A value as the log has it; `text` is its JSON, decoded when it is read.

    The value may be an array or another object that its reader changes: the text stays that of
    the log. A container that a replay has changed has no text any more.

    Args:
        source: returns the value when it is first needed, if the snapshot has left it in the log.
    """

    __slots__ = ("source", "text", "value")

    def __init__(self, text: str | None, source: Callable[[], Stored] | None = None) -> None:
        self.text = text
        self.value: Any = _UNREAD
        self.source = source

    def fill(self) -> Stored:
        """Read a value that the snapshot has left in the log, and return this."""
        if self.source is not None:
            found, self.source = self.source(), None
            self.text, self.value = found.text, found.value
        return self

    def read(self, codec: Codec) -> Any:
        """Return the value, decoded once."""
        self.fill()
        if self.value is _UNREAD:
            self.value = codec.decode(self.text or "")
        return self.value


@dataclass(slots=True)
class PlayerState:
    """A player's state besides the fields that authors set."""

    id: int
    label: str | None = None
    scope: str = ""
    """The room whose own list has the label; "" if the label counts everywhere."""
    position: int = NOWHERE
    page: str | None = None
    entered: int = 0
    online: bool = False
    by: str = ""
    """What carries the connection if it is no WebSocket: "polling"."""
    claimed: bool = False
    group: str | None = None
    member_id: int | None = None
    calls: CallLedger = field(default_factory=CallLedger)
    done: dict[str, int] = field(default_factory=dict)
    """What runs once and has run, as "before_once:Market", and the seq at which it had."""
    settled: int = 0
    """The visit (its `entered`) for which everything that comes before showing has run."""
    settled_at: float = 0.0
    """When that had run, in Unix seconds: the participant waits, or reads, since then."""
    touched: float = 0.0
    """When somebody was last seen on the wait page, in Unix seconds; 0 if not since the arrival."""
    casts: list[list[Any]] = field(default_factory=list)
    """The casts in which the player has been: each group's name, and the cast's number."""
    idle: str = ""
    """"asked" or "away" while it is open whether somebody is still there on the wait page."""
    nth: int = 0
    """How often the page stood in the journey before: 0 at its first place."""
    journey: list[Any] | None = None
    """The player's own page order, as far as it is decided; None before the first page."""
    deadline: float | None = None
    """When the page's time is up, in Unix seconds; None without a timeout."""
    held: float | None = None
    """The seconds of a timeout whose clock has not begun; None without one, or once it has."""
    late: bool = False
    """Whether the page's time is up: from this event on, whatever comes is too late."""
    met: int = 0
    """The visit (its `entered`) on which a browser was connected last."""
    overdue: list[tuple[int, str]] = field(default_factory=list)
    """The latest visits that ended without a form, and their pages' keys."""
    answered: list[tuple[int, str, str | None]] = field(default_factory=list)
    """The latest visits that ended with a form, or by Back: the page's key, and the form's mark."""
    sent: int = 0
    """The latest visit of which a form has come, or that the participant left by Back."""
    late_noted: int = 0
    """The visit of the last late form that is in the log."""
    watch: dict[str, Any] | None = None
    """Whom to notify when the player drops out, and after how many seconds offline."""
    offline_since: float | None = None
    """When the player's last connection closed, in Unix seconds; None while online or before."""
    dropped: bool = False
    """Whether the player counts as a dropout."""
    dropped_by_hand: bool = False
    """Whether the researcher or code set `dropped`: a new connection does not clear it."""
    arrived_at: float | None = None
    """When somebody began, in Unix seconds; None while nobody has come."""
    arrived_by: str = ""
    """How: "link", "join" or "room"; "" for players of logs that have no `arrive` events."""
    recruiter: str = ""
    """The recruiter of the address with which they came, such as "prolific"; "" without one."""
    room: str = ""
    """The room by which they came; "" for those who came by another link."""
    past_queries: list[dict[str, str]] = field(default_factory=list)
    """The values of `query` that others have replaced, as somebody came back by another address."""
    cookies: list[str] = field(default_factory=list)
    """The marks of the browsers by which they are known again, the newest last."""
    query: dict[str, str] = field(default_factory=dict)
    """The parameters of the address with which they came."""
    paid: dict[str, Any] | None = None
    """What the player was paid ("amount", "currency") and when ("time", Unix s); None: nothing."""
    visit: str = ""
    """The mark of the press of the join button that took the place; it is known again by it."""
    ended: str = ""
    """How the player's participation ended, such as "done" or "screened"; "" while it lasts."""
    prepared: bool = False
    """Whether the place was there before anybody came to it."""
    freed: bool = False
    """Whether the place was given to another; what this player has done stays."""
    erased: bool = False
    """Whether the data of whoever had this place were erased; the place is freed, too."""
    bot: bool = False
    """Whether a bot has played in the place of a participant, if only for a while."""

    @property
    def has_come(self) -> bool:
        """Whether a participant has come to this place."""
        was_online = self.online or self.offline_since is not None
        return self.arrived_at is not None or was_online

    consents: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The last answer on each consent page, by its key: version, hash, language and agreed."""

    entered_before: int = 0
    """The visit before this one (its `entered`), and its page."""
    page_before: str | None = None
    focus: dict[str, int] = field(default_factory=dict)
    """How many `focus` events there are of this visit and the one before, by visit and load."""

    entered_at: float = 0.0
    """When the player came to the page, in Unix seconds; 0 in snapshots of earlier versions."""
    hand: float = 0.0
    """When the player raised a hand that is still up, in Unix seconds; 0 without one."""
    hand_moved: float = 0.0
    """When the hand was last raised or lowered, in Unix seconds."""

    admitted: int = 0
    """The visit whose page requires something of the browser that it has."""
    unmet: list[str] | None = None
    """What the browser did not meet when it reported last on this visit; None if it did not."""
    client_reports: int = 0
    """How many events there are of what the browser reported on this visit."""

    def note_overdue(self) -> None:
        """Note that this visit ended without a form, which may still come."""
        if self.page is None or not self.has_arrived:
            return
        if self.entered not in (self.sent, self.late_noted):
            self.overdue = [*self.overdue, (self.entered, self.page)][-MOST_OVERDUE:]

    def note_sent(self, visit: int, page: str, mark: str | None) -> None:
        """Note that a visit ended with a form, or by Back; another tab may send one more."""
        self.sent = visit
        self.overdue = [one for one in self.overdue if one[0] != visit]
        self.answered = [*self.answered, (visit, page, mark)][-MOST_OVERDUE:]

    def forget_visit(self, visit: int) -> None:
        """Take no more forms of a visit that has ended."""
        self.overdue = [one for one in self.overdue if one[0] != visit]
        self.answered = [one for one in self.answered if one[0] != visit]

    @property
    def has_arrived(self) -> bool:
        """Whether all that comes before showing the player's page has run."""
        return 0 < self.entered == self.settled


@dataclass(slots=True)
class GroupState:
    """A group's members by name, in the order of their member_id."""

    id: int
    members: list[str] = field(default_factory=list)
    casts: list[list[str]] = field(default_factory=list)
    """Who has been in the group at the same time; a new cast begins when somebody is replaced."""


Own = Callable[[str, str, Any], Any]


class State:
    """The fold of a session's events: `State(codec).apply(event)` for each, oldest first.

    Args:
        codec: decodes values, when they are read.
        own: makes a decoded value the caller's own kind (subject, field, value) → value; the
            engine hands in what tracks in-place changes.
    """

    def __init__(self, codec: Codec, own: Own | None = None) -> None:
        self.codec = codec
        self.seq = 0
        self.time = 0.0
        self.fields: dict[str, dict[str, Any]] = {}
        self.players: dict[str, PlayerState] = {}
        self.placed = 0
        """The seq of the last event by which somebody has come, or has moved to another page."""
        self.groups: dict[str, GroupState] = {}
        self.settings: dict[str, Any] = {}
        self.rooms: dict[str, dict[str, Any]] = {}
        self.seed: Any = None
        """What every draw of the session is derived from."""
        self.meetings = 0
        """How often somebody has come into a group with others."""
        self.done: dict[str, int] = {}
        """What runs once a session or group and has run, as "all_here:Sync#0:group/g1"."""
        self.effects: dict[str, tuple[str, str]] = {}
        """Effects outside of the session that have not happened yet: subject and value by token."""
        self.csv_files: dict[str, None] = {}
        """The CSV files to which rows were to be appended, in order."""
        self.logs_arrivals = False
        """Whether an `arrive` event says who has begun; before, who was on a page has."""
        self.payment: dict[str, Any] | None = None
        """How points and fees become money, as `Payment.as_dict` wrote it."""
        self.opened = False
        """Whether the session was ever served; until then its new_session is still to run."""
        self.frozen: dict[str, str] | None = None
        """The hash of each page's code if no page may be redefined; None if pages may."""
        self._own = own
        self._folds: dict[str, Callable[[Event], None]] = {
            "set": self._set, "del": self._delete, "join": self._join, "enter": self._enter,
            "connect": self._connect, "disconnect": self._disconnect, "group": self._group,
            "call": self._call, "once": self._once, "open": self._open, "chat": self._chat,
            "order": self._order, "timeout": self._timeout, "dropout": self._dropout,
            "wait": self._wait,
            "late": self._late, "submit": self._sent, "back": self._sent, "input": self._input,
            "room": self._room, "effect": self._effect, "end": self._end, "free": self._free,
            "erase": self._erase,
            "arrive": self._arrive, "pay": self._pay,
            "consent": self._consent, "focus": self._focus, "return": self._return,
            "client": self._client, "intervention": self._intervention, "hand": self._hand,
            **dict.fromkeys(CHANGES - {"set", "del"}, self._change),
        }  # fmt: skip

    def apply(self, event: Event) -> None:
        """Take one more event into the state."""
        fold = self._folds.get(event.kind)
        if fold is not None:
            fold(event)
        self.seq, self.time = event.seq, event.time

    def apply_apart(self, event: Event) -> None:
        """Take one more event into the state; values that were read before stay as they were."""
        if event.kind in CHANGES and event.kind not in ("set", "del"):
            path = self.codec.decode(event.value)["path"]
            value = self.value(event.subject, event.field)
            self.fields[event.subject][event.field] = _copied_along(value, path)
        self.apply(event)

    def apply_all(self, events: Iterable[Event]) -> State:
        """Take more events into the state and return it."""
        for event in events:
            self.apply(event)
        return self

    def names(self, subject: str) -> Iterator[str]:
        """Yield the names of the fields that *subject* has."""
        yield from self.fields.get(subject, ())

    def value(self, subject: str, name: str) -> Any:
        """Return the latest value of a field; KeyError if it is not set."""
        fields = self.fields[subject]
        stored = fields[name]
        if type(stored) is not Stored:
            return stored
        value = stored.read(self.codec)
        kind = type(value)
        if kind in _CONTAINERS and self._own is not None:
            value = self._own(subject, name, value)
        if kind in _CONTAINERS or kind in UNCHANGING:
            fields[name] = value
        return value

    def values(self, subject: str) -> dict[str, Any]:
        """Return every field of *subject* with its latest value."""
        return {name: self.value(subject, name) for name in list(self.names(subject))}

    def text(self, subject: str, name: str) -> str:
        """Return the latest value of a field as JSON; KeyError if it is not set."""
        stored = self.fields[subject][name]
        return self._text(stored.fill() if type(stored) is Stored else stored)

    # ---- how each kind of event changes the state ----

    def _set(self, event: Event) -> None:
        self.fields.setdefault(event.subject, {})[event.field] = Stored(event.value)

    def _delete(self, event: Event) -> None:
        self.fields.get(event.subject, {}).pop(event.field, None)

    def _change(self, event: Event) -> None:
        stored = self.fields[event.subject][event.field]
        if type(stored) is Stored:
            container, stored.text = stored.read(self.codec), None
        else:
            container = stored
        change_container(container, event.kind, self.codec.decode(event.value))

    def _join(self, event: Event) -> None:
        self.placed = event.seq
        value = self.codec.decode(event.value)
        name = _name(event.subject)
        player = self.players.get(name)
        if player is None:
            player = self.players[name] = PlayerState(value["id"])
            player.prepared = not value.get("claimed")
        player.label = value.get("label", player.label)
        player.scope = value.get("scope", "")
        player.claimed = player.claimed or bool(value.get("claimed"))
        player.visit = value.get("visit", player.visit)
        if "cookie" in value:
            player.cookies = [value["cookie"]]

    def _enter(self, event: Event) -> None:
        self.placed = event.seq
        value = self.codec.decode(event.value)
        player = self.players[_name(event.subject)]
        player.note_overdue()
        if "undone" in value:
            self._enter_again(player, value)
            return
        player.entered_before, player.page_before = player.entered, player.page
        player.unmet, player.client_reports = None, 0
        if player.focus:
            before = f"{player.entered}/"
            player.focus = {load: n for load, n in player.focus.items() if load.startswith(before)}
        player.position, player.page = value["position"], value["page"]
        player.nth, player.deadline, player.late = value.get("nth", 0), None, False
        player.entered, player.claimed = event.seq, True
        player.held = None
        player.entered_at, player.touched, player.idle = event.time, 0.0, ""
        if player.page is not None and not player.freed:
            player.ended = ""  # who was put back on a page takes part again
        elif not player.ended:
            player.ended = DROPPED_OUT if player.dropped else DONE
        self._count_as_arrived(player, event.time)

    def _enter_again(self, player: PlayerState, value: Mapping[str, Any]) -> None:
        """Go on with an earlier visit: the hook that has moved the player has failed."""
        for name, old in value["undone"].items():
            setattr(player, name, old)
        player.forget_visit(player.entered)
        player.met = min(player.met, player.entered)
        for what in value.get("unmarked", ()):
            player.done.pop(what, None)

    def _arrive(self, event: Event) -> None:
        value = self.codec.decode(event.value)
        player = self.players[_name(event.subject)]
        player.arrived_at, player.arrived_by = event.time, value["by"]
        player.query, player.claimed = value["query"], True
        player.recruiter, player.room = value.get("recruiter", ""), value.get("room", "")
        player.label = player.label or value.get("label")

    def _return(self, event: Event) -> None:
        value = self.codec.decode(event.value)
        player = self.players[_name(event.subject)]
        if "cookie" in value:
            player.cookies = [*player.cookies, value["cookie"]][-MOST_COOKIES:]
        if "query" in value:
            new, old = value["query"], player.query
            replaced = {name: old[name] for name in new if name in old}
            player.past_queries = [*player.past_queries, replaced]
            player.query = {**old, **new}

    def _count_as_arrived(self, player: PlayerState, time: float) -> None:
        """Note that a player of an earlier version's log, which has no such event, has begun."""
        if not self.logs_arrivals and player.arrived_at is None:
            player.arrived_at = time

    def _connect(self, event: Event) -> None:
        player = self.players[_name(event.subject)]
        self._count_as_arrived(player, event.time)
        player.online, player.offline_since = True, None
        player.by = "" if event.value == "null" else self.codec.decode(event.value)["by"]
        player.met = player.entered

    def _disconnect(self, event: Event) -> None:
        player = self.players[_name(event.subject)]
        player.online, player.offline_since, player.by = False, event.time, ""

    def _group(self, event: Event) -> None:
        value = self.codec.decode(event.value)
        name = _name(event.subject)
        group = self.groups.setdefault(name, GroupState(value["id"]))
        for member in group.members:
            if self.players[member].group == name:
                self.players[member].group = self.players[member].member_id = None
        group.members = list(value["members"])
        for number, member in enumerate(group.members):
            self.players[member].group, self.players[member].member_id = name, number

        self._meet(name, group)

    def _meet(self, name: str, group: GroupState) -> None:
        """Remember who has been in a group together; costs as much as the group is large."""
        cast = group.casts[-1] if group.casts else []
        members, before = group.members, set(cast)
        new = [member for member in members if member not in before]
        if not new:
            return
        self.meetings += 1
        if group.casts and before.issubset(members):
            cast.extend(new)
        else:
            group.casts.append(list(members))
            new = members
        for member in new:
            self.players[member].casts.append([name, len(group.casts) - 1])

    def met(self, name: str) -> set[str]:
        """Return the names of all with whom a player has ever been in a group."""
        casts = (self.groups[group].casts[number] for group, number in self.players[name].casts)
        return {one for cast in casts for one in cast} - {name}

    def _call(self, event: Event) -> None:
        player = self.players.get(_name(event.subject))
        if player is not None:
            player.calls.note(call_id_of(event.value), event.seq)

    def _once(self, event: Event) -> None:
        if not event.subject.startswith("player/"):
            self.done[event.field] = event.seq
            return
        player = self.players[_name(event.subject)]
        if event.field == ARRIVED:
            self.placed = event.seq
            player.settled, player.settled_at = player.entered, event.time
        else:
            player.done[event.field] = event.seq

    def _chat(self, event: Event) -> None:
        self._change(event._replace(kind="append"))

    def _order(self, event: Event) -> None:
        value = self.codec.decode(event.value)
        player = self.players[_name(event.subject)]
        journey = player.journey or []
        steps = [*journey[: value["at"]], *value["steps"], *journey[value["to"] :]]
        player.journey = steps if steps or not value["to"] else None  # its beginning was undone

    def _timeout(self, event: Event) -> None:
        value = self.codec.decode(event.value)
        player = self.players[_name(event.subject)]
        if "form" in value:
            player.note_sent(player.entered, event.field, form_mark(value["form"]))
        player.deadline, player.late = value["deadline"], value.get("passed", False)
        player.held = value.get("held")

    def _sent(self, event: Event) -> None:
        player, value = self.players[_name(event.subject)], self.codec.decode(event.value)
        mark = NO_FORM if event.kind == "back" else form_mark((value or {}).get("form"))
        player.note_sent(player.entered, event.field, mark)

    def _input(self, event: Event) -> None:
        """Note of which visit a form came if its hooks have moved the player."""
        value = self.codec.decode(event.value)
        if "form" not in value or "begun" not in value:
            return
        player, begun = self.players[_name(event.subject)], value["begun"][0]
        before = [one for one in player.overdue if one[0] <= begun]
        if player.entered > begun and before:
            player.note_sent(*max(before), form_mark(value["form"]))

    def _late(self, event: Event) -> None:
        player = self.players[_name(event.subject)]
        player.late_noted = self.codec.decode(event.value)["visit"]
        player.forget_visit(player.late_noted)

    def _dropout(self, event: Event) -> None:
        value = self.codec.decode(event.value)
        player = self.players[_name(event.subject)]
        if "watch" in value:
            player.watch = value["watch"]
        player.dropped = value.get("dropped", player.dropped)
        player.dropped_by_hand = value.get("by_hand", player.dropped_by_hand)

    def _end(self, event: Event) -> None:
        self.players[_name(event.subject)].ended = self.codec.decode(event.value)["as"]

    def _client(self, event: Event) -> None:
        player = self.players[_name(event.subject)]
        player.unmet = self.codec.decode(event.value)["unmet"]
        player.client_reports += 1
        if player.unmet == []:
            player.admitted = player.entered

    def _focus(self, event: Event) -> None:
        value = self.codec.decode(event.value)
        player = self.players[_name(event.subject)]
        player.focus[f"{value['visit']}/{value['load']}"] = value["n"] + 1

    def _consent(self, event: Event) -> None:
        player = self.players[_name(event.subject)]
        player.consents[event.field] = self.codec.decode(event.value)

    def _wait(self, event: Event) -> None:
        what = self.codec.decode(event.value)["what"]
        player = self.players[_name(event.subject)]
        if what in (TOUCHED, HERE):
            player.touched = event.time
        if what in (ASKED, AWAY, HERE):
            player.idle = "" if what == HERE else what

    def _free(self, event: Event) -> None:
        player = self.players[_name(event.subject)]
        player.freed = player.claimed = True

    def _erase(self, event: Event) -> None:
        """Forget a person's data, although the log may still have them for a moment."""
        player = self.players[_name(event.subject)]
        player.erased = player.freed = player.claimed = True
        player.label, player.scope, player.visit, player.recruiter = None, "", "", ""
        player.query, player.cookies, player.consents, player.focus = {}, [], {}, {}
        player.unmet, player.watch, player.answered = None, None, []
        player.past_queries = []
        self.fields.pop(event.subject, None)

    def _intervention(self, event: Event) -> None:
        if event.subject == "session" and event.field in (FREEZE, THAW):
            self.frozen = None if event.field == THAW else self.codec.decode(event.value)["code"]
        elif event.field == "bot" and self.codec.decode(event.value)["plays"]:
            self.players[_name(event.subject)].bot = True

    def _hand(self, event: Event) -> None:
        player = self.players[_name(event.subject)]
        player.hand = event.time if self.codec.decode(event.value) else 0.0
        player.hand_moved = event.time

    def _effect(self, event: Event) -> None:
        if event.value in (WITHDRAWN, PERFORMED):
            self.effects.pop(event.field, None)
            return
        self.effects[event.field] = event.subject, event.value
        value = self.codec.decode(event.value)
        if "csv" in value:
            self.csv_files[value["csv"]] = None

    def _pay(self, event: Event) -> None:
        value = self.codec.decode(event.value)
        if event.subject == "session":
            self.payment = value["rule"]
            return
        paid = {"amount": value["amount"], "currency": value["currency"], "time": event.time}
        self.players[_name(event.subject)].paid = paid if value["paid"] else None

    def _room(self, event: Event) -> None:
        self.rooms[event.field] = self.codec.decode(event.value)

    def _open(self, event: Event) -> None:
        self.opened = True
        value = self.codec.decode(event.value)
        self.settings, self.seed = value["settings"], value.get("seed", self.seed)
        self.logs_arrivals = value.get("arrivals", False)

    # ---- snapshots ----

    def dump(self) -> bytes:
        """Write the state as bytes that `load` reads.

        They are bounded: what grows with the log, as models do, is only named; the log has it.
        """
        left_out = self._long_fields()
        fields: dict[str, dict[str, str]] = {}
        for subject, values in self.fields.items():
            texts = fields[subject] = {}
            for name, value in values.items():
                if (subject, name) in left_out:
                    continue
                text = self._text(value)
                if len(text) > LONGEST_TEXT:
                    left_out.add((subject, name))
                else:
                    texts[name] = text
        content = {
            "seq": self.seq, "time": self.time, "fields": fields, "logged": sorted(left_out),
            "players": self.players, "groups": self.groups, "opened": self.opened,
            "settings": self.codec.encode(self.settings), "rooms": self.rooms, "done": self.done,
            "meetings": self.meetings, "effects": self.effects, "logs_arrivals": self.logs_arrivals,
            "payment": self.payment, "csv_files": list(self.csv_files), "frozen": self.frozen,
            "seed": self.codec.encode(self.seed),
        }  # fmt: skip
        return orjson.dumps(content)

    def load(self, dumped: bytes, changes: Changes | None = None) -> State:
        """Become the state that `dump` wrote, and return it.

        Args:
            changes: reads what the snapshot has left to the log; see `changes_until`.
        """
        content = orjson.loads(dumped)
        self.seq, self.time = content["seq"], content["time"]
        self.fields = {
            subject: {name: Stored(text) for name, text in values.items()}
            for subject, values in content["fields"].items()
        }
        self._leave_to_log(content.get("logged", ()), changes)
        self.players = {name: _load_player(p) for name, p in content["players"].items()}
        self._load_arrivals(content)
        self.opened, self.settings = content["opened"], self.codec.decode(content["settings"])
        self.groups = {name: GroupState(**g) for name, g in content["groups"].items()}
        self.rooms, self.done = content.get("rooms", {}), content.get("done", {})
        self.effects = {token: tuple(one) for token, one in content.get("effects", {}).items()}
        self.csv_files = dict.fromkeys(content.get("csv_files", ()))
        self.seed = self.codec.decode(content.get("seed", "null"))
        self.meetings = content.get("meetings", 0)
        self.payment, self.frozen = content.get("payment"), content.get("frozen")
        return self

    def _load_arrivals(self, content: Mapping[str, Any]) -> None:
        """Read who has begun; in an earlier version's snapshot, who has been on a page."""
        self.logs_arrivals = content.get("logs_arrivals", False)
        if "logs_arrivals" not in content:
            for player in self.players.values():
                if player.position > NOWHERE or player.online or player.offline_since is not None:
                    self._count_as_arrived(player, self.time)

    def fill(self) -> State:
        """Read from the log, at once, all that a snapshot has left to it; return this."""
        for values in self.fields.values():
            for value in values.values():
                if type(value) is Stored:
                    value.fill()
        return self

    def _leave_to_log(self, names: Iterable[Sequence[str]], changes: Changes | None) -> None:
        wanted = [(subject, name) for subject, name in names]
        logged = _Logged(self.codec, self.seq, wanted, changes)
        for subject, name in wanted:
            source = partial(logged.value, subject, name)
            self.fields.setdefault(subject, {})[name] = Stored(None, source)

    def _long_fields(self) -> set[tuple[str, str]]:
        """Return the fields that are too long for a snapshot, so that it stays small."""
        found: set[tuple[str, str]] = set()
        lengths: list[tuple[int, str, str]] = []
        for subject, values in self.fields.items():
            for name, value in values.items():
                length = _length(value)
                if length is None:
                    found.add((subject, name))
                elif length:
                    lengths.append((length, subject, name))
        total = sum(length for length, _, _ in lengths)
        if total > MOST_ELEMENTS:
            for length, subject, name in sorted(lengths, reverse=True):
                found.add((subject, name))
                total -= length
                if total <= MOST_ELEMENTS:
                    break
        return found

    def _text(self, value: Any) -> str:
        if type(value) is not Stored:
            return self.codec.encode(value)
        return value.text if value.text is not None else self.codec.encode(value.value)


Changes: TypeAlias = Callable[[str | None], Iterator[Event]]
"""Yields the changes of fields of that name (None: of all), newest first."""


def changes_until(log: EventLog, session: str, seq: int) -> Changes:
    """Return what reads the changes up to *seq*, for `State.load`."""
    kinds = CHANGES | {"chat"}
    return lambda field: log.read(session, until=seq, kinds=kinds, field=field, newest_first=True)


class _Logged:
    """The values that a snapshot has left to the log: all are read in one go, once one is needed.

    Each is folded from its changes since it was last set.
    """

    def __init__(
        self, codec: Codec, seq: int, wanted: list[tuple[str, str]], changes: Changes | None
    ) -> None:
        self._codec, self._seq, self._wanted, self._changes = codec, seq, wanted, changes
        self._past: State | None = None

    def value(self, subject: str, name: str) -> Stored:
        """Return a field's value as the snapshot's state had it."""
        if self._past is None:
            self._past = self._read()
        found: Stored = self._past.fields[subject].pop(name)
        return found

    def _read(self) -> State:
        if self._changes is None:
            raise UprootError(
                f"The snapshot of event {self._seq} needs its log for long values.\n"
                "Load it together with the log."
            )
        found: dict[tuple[str, str], list[Event]] = {key: [] for key in self._wanted}
        names, missing = {name for _, name in self._wanted}, set(self._wanted)
        for event in self._changes(next(iter(names)) if len(names) == 1 else None):
            key = event.subject, event.field
            if key in missing:
                found[key].append(event)
                if event.kind in ("set", "del"):
                    missing.discard(key)
                    if not missing:
                        break
        if missing:
            subject, name = min(missing)
            raise UprootError(
                f"The log lacks where {subject}.{name} was set, which the snapshot of event "
                f"{self._seq} needs.\nLook for a complete copy of the log."
            )
        past = State(self._codec)
        for events in found.values():
            past.apply_all(reversed(events))
        return past


def _length(value: Any) -> int | None:
    """Return about how many elements a value has, 0 for one thing; None for what the log has."""
    if type(value) is Stored:
        if value.source is not None:
            return None
        if value.text is not None:
            return len(value.text) // _CHARACTERS_AN_ELEMENT
        value = value.value
    return len(value) if isinstance(value, (list, dict, set, tuple)) else 0


def _load_player(content: Mapping[str, Any]) -> PlayerState:
    overdue = [(visit, page) for visit, page in content.get("overdue", ())]
    answered = [(visit, page, mark) for visit, page, mark in content.get("answered", ())]
    lists = {"overdue": overdue, "answered": answered}
    return PlayerState(**{**content, "calls": CallLedger(**content["calls"]), **lists})


def _name(subject: str) -> str:
    return subject.partition("/")[2]


def _copied_along(container: Any, path: list[Any]) -> Any:
    """Copy the containers that *path* leads through, and the one it leads to; share the rest."""
    if not path:
        return container.copy()
    inner = _copied_along(container[path[0]], path[1:])
    if isinstance(container, tuple):
        return (*container[: path[0]], inner, *container[path[0] + 1 :])
    copy = container.copy()
    copy[path[0]] = inner
    return copy


def change_container(container: Any, kind: str, change: Mapping[str, Any]) -> None:
    """Repeat one logged in-place change on the list, dict or set that a field holds.

    `change["path"]` leads from the field's value to the container. Methods of the plain types are
    called, so that a tracked container is changed without a new event.
    """
    for key in change["path"]:
        container = container[key]
    if isinstance(container, list):
        _change_list(container, kind, change)
    elif isinstance(container, dict):
        _change_dict(container, kind, change)
    else:
        _change_set(container, kind, change)


def _change_list(target: list[Any], kind: str, change: Mapping[str, Any]) -> None:
    if kind == "append":
        list.extend(target, change["values"])
    elif kind == "insert":
        list.insert(target, change["index"], change["value"])
    elif kind == "update":
        for index, value in change["items"]:
            list.__setitem__(target, index, value)
    elif change.get("all"):
        list.clear(target)
    else:
        list.__delitem__(target, change["key"])


def _change_dict(target: dict[Any, Any], kind: str, change: Mapping[str, Any]) -> None:
    if kind == "update":
        for key, value in change["items"]:
            dict.__setitem__(target, key, value)
    elif change.get("all"):
        dict.clear(target)
    else:
        dict.__delitem__(target, change["key"])


def _change_set(target: set[Any], kind: str, change: Mapping[str, Any]) -> None:
    if kind == "insert":
        set.update(target, change["values"])
    elif change.get("all"):
        set.clear(target)
    else:
        set.difference_update(target, change["values"])
