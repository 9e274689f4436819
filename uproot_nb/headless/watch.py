"""Watch: a session's players and newest events, read from its log without a kernel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import orjson

from uproot_nb.analysis.past_states import read_codec
from uproot_nb.errors import LogAway
from uproot_nb.log.events import Event
from uproot_nb.log.log import EventLog
from uproot_nb.log.places import open_place
from uproot_nb.log.player_status import PlayerRow, status_of
from uproot_nb.log.postgres.address import Place
from uproot_nb.log.state import PlayerState, State

__all__ = ["Watch"]

_LAST = 12
_SHOWN = frozenset({"join", "connect", "disconnect", "enter", "submit", "error", "dropout"})


class Watch:
    """Follows a log as it grows.

    watch = Watch("uproot_nb.sqlite3", "market")
    for event in watch.look(): …
    watch.players()
    """

    def __init__(self, place: Place, session: str) -> None:
        self.session, self.errors, self.events = session, 0, 0
        self.last: list[Event] = []
        """The newest events of participants."""
        self._place = place
        self._log: EventLog | None = None
        self._codec = read_codec()
        self._state = State(self._codec)
        self._since: dict[str, float] = {}
        self._begun = False

    def look(self) -> list[Event]:
        """Read new events; return those to show, which are none at first."""
        new: list[Event] = []
        for event in self._new_events():
            self._state.apply(event)
            if event.kind in ("connect", "disconnect"):
                self._since[event.subject.partition("/")[2]] = event.time
            self.errors += event.kind == "error"
            if event.kind in _SHOWN:
                new.append(event)
        self.events = self._state.seq
        self.last = [*self.last, *new][-_LAST:]
        shown, self._begun = new if self._begun else [], True
        return shown

    def _new_events(self) -> Iterator[Event]:
        """Yield new events; none while a database is away, of which the run itself reports."""
        with suppress(LogAway):
            if self._log is None:
                self._log = open_place(self._place, readonly=True)
            yield from self._log.read(self.session, after=self._state.seq)

    def players(self) -> list[PlayerRow]:
        """Return a row per player, in the order of player.id; texts as they were written.

        The log has who is idle on a wait page. Only the kernel knows which pages are wait pages
        and who sees an error page: such players are "online" here.
        """
        return [self._row(name, player) for name, player in self._state.players.items()]

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._log is not None:
            self._log.close()

    def _row(self, name: str, player: PlayerState) -> PlayerRow:
        return PlayerRow(
            name, player.label or "", player.page or "", self._field(name, "round"),
            status_of(player, waits=bool(player.idle)), self._since.get(name), by=player.by,
        )  # fmt: skip

    def _field(self, name: str, field: str) -> str:
        subject = f"player/{name}"
        if field not in self._state.fields.get(subject, ()):
            return ""
        value = self._codec.decode(self._state.text(subject, field))
        return "" if value is None else str(value)


def describe_event(event: Event) -> str:
    """Return an event in a few words, with unescaped texts of participants."""
    who = event.subject.partition("/")[2] or "session"
    if event.kind == "error":
        value = orjson.loads(event.value)
        return f"{who}: ERROR {value.get('type', '')}: {value.get('message', '')}"
    words = {
        "join": "has a place", "connect": "is online", "disconnect": "is offline",
        "enter": f"enters {event.field}", "submit": f"submits {event.field}",
        "dropout": "dropped out",
    }  # fmt: skip
    return f"{who} {words[event.kind]}"
