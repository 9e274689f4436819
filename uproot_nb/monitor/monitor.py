"""Monitor: sends a widget what happens in a session, and carries out its requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from uproot_nb.analysis.folded_errors import folded_errors
from uproot_nb.bridge.messages import Role
from uproot_nb.engine.runtime import Runtime
from uproot_nb.errors import Forbidden, UprootError
from uproot_nb.experiment.exits import EXITS
from uproot_nb.flow.unanswered import MISSING, Unanswered, default_answer
from uproot_nb.log.chat_rows import chat_rows, name_of_chat
from uproot_nb.log.events import Event
from uproot_nb.log.player_status import PlayerRow
from uproot_nb.monitor.chart import Chart, Point, thinned
from uproot_nb.monitor.event_window import EventWindow, RowsAsked
from uproot_nb.monitor.export_files import export_to_file
from uproot_nb.monitor.in_turn import InTurn
from uproot_nb.monitor.player_news import PlayerNews
from uproot_nb.monitor.player_rows import as_sent
from uproot_nb.monitor.qr_codes import qr_code
from uproot_nb.monitor.repeating import repeating
from uproot_nb.monitor.update_rate import SHARE, UPDATE_SECONDS, UpdateRate
from uproot_nb.session.browser_json import to_json
from uproot_nb.steering.actions import NAMES, Actions
from uproot_nb.steering.host import Host
from uproot_nb.steering.room_lines import room_lines
from uproot_nb.steering.table_rows import table_rows
from uproot_nb.steering.withheld import Withheld

__all__ = ["Monitor"]

UNACKNOWLEDGED = 2
"""Messages that may be on their way to a browser; a slow one gets fewer."""
POINTS = 20_000
"""Points of a chart that are sent at first; of a longer history, evenly chosen ones."""
MOST_MESSAGES = 200
"""Messages of one chat that are sent, the latest."""
FIELDS, LONGEST_NAME = 50, 200
"""Fields that are shown at most, and characters of their names."""
MOST_ERRORS = 100
"""Kinds of failures that are sent at once."""
_ABOUT = frozenset({"op", "id", "what", "seen"})
"""What a message has beside the arguments of the action that it asks for."""


Export = Callable[[str, bool], dict[str, str]]
"""Exports the session: (format, anonymous) → {"url": …} or {"text": …}."""


class Monitor:
    """A monitor's part in the kernel; it runs on the run's loop.

    The browser sends `ready` and gets everything, then what is new, at most five times a second;
    it acknowledges each message. It asks for the rows of the log that it shows, and after some
    seconds without a message whether the run is still there.

    Args:
        send: gives a message to the browser; called on the run's loop and the watchdog's thread.
        fields: the players' fields that are shown at first.
        role: what the browser's user may do; a viewer gets no links, and does nothing.
        export: (format, anonymous) → `url` of an export, or a `text` that says where it is; called
            in a thread. By default it is a file beside the notebook.
    """

    def __init__(
        self,
        runtime: Runtime,
        host: Host,
        send: Callable[[dict[str, Any]], None],
        fields: Sequence[str] = (),
        role: Role = "steward",
        export: Export | None = None,
    ) -> None:
        self._runtime, self._host, self._send = runtime, host, send
        self._role, self._actions = role, Actions(runtime, host)
        self._exporter = export or partial(export_to_file, host, runtime.name)
        world = self._runtime.world
        self._runtime.windows.add(self)
        self._turns, self._rate = InTurn(runtime.tasks.beside), UpdateRate(SHARE)
        self._withheld = None if role == "steward" else Withheld(runtime)
        self._window = EventWindow(world.log, world.name, self._cleaned)
        self._players = PlayerNews(runtime, fields, self._withheld)
        self._rows = self._players.rows
        self._rooms: list[dict[str, Any]] | None = None
        self._chart = Chart("", world.codec)
        self._sent = self._acked = self._seen = 0
        self._sent_summary: tuple[Any, ...] | None = None
        self._is_watched = self._is_reading = False
        self._watching: asyncio.Task[Any] | None = None
        self._past: list[Event] = []
        self._first: _Past | None = None
        """What the log had when the browser came, until it is sent."""
        self._points: list[Point] = []
        self._lengths: dict[str, int] = {}
        """How many messages each player's chat had when it was sent."""

    # ---- the browser's side ----

    def receive(self, message: Any) -> None:
        """Take a message of the browser; any thread may call.

        An interrupt is for code that holds up the loop, so it does not wait for it.
        """
        match message:
            case _ if self._runtime.closed:
                self._send({"op": "closed"})
            case {"op": "do", "what": "interrupt"}:
                self._take(message)
            case _:
                self._runtime.loop.call_soon_threadsafe(self._take, message)

    def _take(self, message: Any) -> None:
        try:
            self._answer(message)
        except (TypeError, ValueError, LookupError, OverflowError):
            self._send({"op": "malformed"})

    def _answer(self, message: Any) -> None:
        match message:
            case {"op": "ready"}:
                self._turns.start(self._begin)
            case {"op": "ack", "n": int(n)}:
                self._acked = max(self._acked, min(n, self._sent))
            case {"op": "ask"}:
                self._send({"op": "here"})
            case {"op": "rows"} | {"op": "find", "time": int() | float()}:
                self._turns.start(partial(self._give_rows, RowsAsked.of(message)))
            case {"op": "fields", "fields": list(fields)}:
                self._rows.fields = tuple(str(field)[:LONGEST_NAME] for field in fields[:FIELDS])
                self._rows.forget()
            case {"op": "chart", "fields": str(fields)}:
                chart = Chart(fields[: FIELDS * LONGEST_NAME], self._runtime.world.codec)
                self._turns.start(partial(self._begin_chart, chart))
            case {"op": "table", "id": number, "name": str(name)}:
                self._turns.start(partial(self._give_table, number, name))
            case {"op": "export", "id": number}:
                self._turns.start(partial(self._export, number, message))
            case {"op": "unanswered", "id": number, "players": list(players)}:
                gaps = self._gaps(players)
                self._send({"op": "unanswered", "id": number, "gaps": gaps})
            case {"op": "do", "id": number, "what": str(what)}:
                self._send({"op": "done", "id": number, **self._do(what, message)})

    def note_held(self, text: str) -> None:
        """Show which code blocks the run's loop; any thread may call."""
        self._send({"op": "held", "text": text})

    def leave(self) -> None:
        """Send nothing more: the cell that showed it has run again. Any thread may call."""
        self._runtime.windows.discard(self)
        watching, self._send = self._watching, lambda message: None
        if watching is not None and not self._runtime.closed:
            self._runtime.loop.call_soon_threadsafe(watching.cancel)

    def close(self) -> None:
        """Tell the browser that the run has ended."""
        self._send({"op": "closed"})

    # ---- sending what is new ----

    async def _begin(self) -> None:
        self._sent = self._acked = 0
        self._sent_summary = None
        self._rows.forget()
        self._lengths, self._rooms = {}, None
        await asyncio.to_thread(self._runtime.stays.recall)
        last = self._runtime.world.journal.committed
        # The log may have a hundred thousand of these; participants do not wait for them.
        first = await asyncio.to_thread(self._read_past, last)
        self._seen = last
        self._past, self._first = [], first
        self._points = []
        self._rows.since.update(first.since)
        if self._chart:
            await self._begin_chart(self._chart)
        self._send_news(everything=True)
        if not self._is_watched:
            self._is_watched = True
            self._watching = self._runtime.tasks.beside(
                repeating(self._runtime, UPDATE_SECONDS, self._watch)
            )

    def _watch(self) -> None:
        is_asked = self._sent - self._acked < UNACKNOWLEDGED and not self._is_reading
        if is_asked and self._rate.is_due():
            with self._rate.spending(among=len(self._runtime.windows)):
                self._look()
                self._send_news()

    def _look(self) -> None:
        """Read the new events of the kinds that are sent one by one."""
        last = self._runtime.world.journal.committed
        kinds = {"error", "connect", "disconnect"} | ({"set"} if self._chart else set())
        if last > self._seen:
            new = self._read(self._seen, last, kinds)
            self._past += [event for event in new if event.kind != "set"]
            self._points += self._chart.points(new)
            self._note_presence(new)
            self._seen = last

    def _read_past(self, until: int) -> _Past:
        """Return what has happened so far; in a thread."""
        return _Past.of(self._read(0, until, {"error", "connect", "disconnect"}))

    def _read(self, after: int, until: int, kinds: set[str]) -> list[Event]:
        world = self._runtime.world
        events = world.log.read(world.name, after=after, until=until, kinds=kinds)
        return [self._cleaned(event) for event in events]

    def _cleaned(self, event: Event) -> Event:
        """Return an event as this monitor's user gets it."""
        return event if self._withheld is None else self._withheld.event(event)

    def _note_presence(self, events: Sequence[Event]) -> None:
        self._rows.since.update(_since(events))

    def _send_news(self, everything: bool = False) -> None:
        runtime, world = self._runtime, self._runtime.world
        with world.lock:
            changed, lines = self._players.take()
            chats, rooms = self._chats(), self._changed_rooms()
            summary = (
                world.journal.committed, runtime.flow.state, len(world.state.players),
                runtime.code.page_code.frozen,
            )  # fmt: skip
            players = [self._sent_row(row) for row in changed]
        is_new = changed or lines is not None or rooms is not None or self._points
        if summary == self._sent_summary and not is_new:
            return
        self._sent_summary = summary
        self._sent += 1
        past, self._first = self._first or _Past.of(self._past), None
        message = {
            "op": "news", "n": self._sent, "total": summary[0], "state": summary[1],
            "now": world.journal.clock(),
            "players": players, "frozen": summary[3], "hands": len(self._rows.hands),
            "overview": None if lines is None else [line.as_dict() for line in lines],
            "rooms": rooms,
            "errors": past.errors, "presence": past.presence,
            "points": self._points, "chats": chats, "everything": everything,
        }  # fmt: skip
        if everything:
            message |= self._introduction()
        self._past, self._points = [], []
        self._send(message)

    def _introduction(self) -> dict[str, Any]:
        """Return what only the first message has."""
        steers = self._role == "steward"
        join = self._host.join_link if steers else ""
        exits = dict.fromkeys([*self._runtime.flow.leaving.exits, *EXITS])
        return {
            "name": self._runtime.name, "role": self._role, "join": join,
            "qr": qr_code(join) if join else "", "fields": self._rows.fields,
            "chart": self._chart.text, "actions": list(NAMES) if steers else [],
            "exits": list(exits) if steers else [],
        }  # fmt: skip

    def _sent_row(self, row: PlayerRow) -> list[Any]:
        player = self._runtime.world.player(row.name)
        return as_sent(row, player, self._host.link(player) if self._role == "steward" else "")

    def _changed_rooms(self) -> list[dict[str, Any]] | None:
        """Return the rooms, for stewards with addresses as images, too; None if unchanged."""
        lines = room_lines(self._runtime, self._host, self._role)
        if lines == self._rooms:
            return None
        self._rooms = lines
        return [{**line, "qr": qr_code(line["url"])} if "url" in line else line for line in lines]

    def _chats(self) -> list[list[Any]]:
        """Return the chats that have changed since they were sent: player, messages."""
        world = self._runtime.world
        changed = []
        for name in dict.fromkeys(self._players.chats):
            chat = world.models.get(name_of_chat(name))
            length = 0 if chat is None else len(chat)
            if self._lengths.get(name) != length:
                self._lengths[name] = length
                changed.append([name, self._messages(name)])
        return changed

    def _messages(self, name: str) -> list[list[Any]]:
        world = self._runtime.world
        rows = list(chat_rows(world.state, world.codec, name))[-MOST_MESSAGES:]
        text = str if self._withheld is None else self._withheld.text
        return [[row.time, row.sender, text(row.text)] for row in rows]

    # ---- a chart ----

    async def _begin_chart(self, chart: Chart) -> None:
        self._chart = chart
        self._is_reading = True
        try:
            points = await asyncio.to_thread(self._history, chart, self._seen)
        finally:
            self._is_reading = False
        self._points = thinned(points, POINTS)
        self._send({"op": "chart", "fields": chart.text})

    def _history(self, chart: Chart, until: int) -> list[Point]:
        world = self._runtime.world
        if not chart:
            return []
        events = world.log.read(world.name, until=until, kinds={"set"}, field=chart.only)
        return chart.points(events)

    # ---- rows of the log ----

    async def _give_rows(self, asked: RowsAsked) -> None:
        """Send the rows that the browser asks for, or those from a time on."""
        a, wanted = asked.a, asked.wanted
        if asked.time is not None:
            a = await asyncio.to_thread(self._window.place_of, asked.time, wanted)
        rows, total = await asyncio.to_thread(self._window.rows, a, a + asked.many, wanted)
        answer = {"op": "rows", "id": asked.id, "a": a, "rows": rows, "total": total}
        self._send({**answer, "found": asked.time is not None})

    # ---- tables and exports ----

    async def _give_table(self, number: Any, name: str) -> None:
        try:
            table = await asyncio.to_thread(table_rows, self._host, name, self._withheld)
        except UprootError as error:
            self._send({"op": "table", "id": number, "name": name, "error": str(error)})
        else:
            self._send({"op": "table", "id": number, "name": name, **table})

    async def _export(self, number: Any, message: Mapping[str, Any]) -> None:
        """Write an export where this monitor's user finds it; answer with its `text` or `url`."""
        try:
            if self._role != "steward":
                raise Forbidden("export")
            format, anonymous = str(message.get("format", "csv")), bool(message.get("anonymous"))
            answer = await asyncio.to_thread(self._exporter, format, anonymous)
        except (UprootError, OSError, TypeError, ValueError) as error:
            self._send({"op": "done", "id": number, "error": str(error)})
        else:
            op = "export" if "url" in answer else "done"
            self._send({"op": op, "id": number, **answer})

    # ---- actions ----

    def _do(self, what: str, message: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out an action; return its `text`, or its `error`."""
        given = {name: value for name, value in message.items() if name not in _ABOUT}
        gone = self._gone_on(message.get("seen"))
        note = f" Not on that page any more: {', '.join(gone.values())}." if gone else ""
        if gone and isinstance(given.get("players"), list):
            given["players"] = [name for name in given["players"] if name not in gone]
            if not given["players"]:
                return {"error": f"{what.replace('_', ' ')}: nobody was moved.{note}"}
        try:
            return {"text": self._actions.do(what, given, self._role) + note}
        except (UprootError, TypeError, ValueError) as error:
            return {"error": str(error)}

    def _gone_on(self, seen: Any) -> dict[str, str]:
        """Return who has left the page since the browser saw them on it: names, and labels.

        Two stewards may press the same at once, and participants press Next themselves.
        """
        players = self._runtime.world.state.players
        entered = seen.items() if isinstance(seen, dict) and self._role == "steward" else ()
        return {
            name: players[name].label or name
            for name, since in entered
            if name in players and (0.0 if players[name].page is None else players[name].entered_at)
            != since
        }  # fmt: skip

    def _gaps(self, who: list[Any]) -> list[list[Any]]:
        """Return what players have not answered: page, field, default (JSON, or ""), how many.

        Viewers, who cannot move anybody, get nothing: a default may be what a room takes.
        """
        if self._role != "steward":
            return []
        try:
            gaps = self._runtime.interventions.unanswered(who)
        except UprootError:
            return []  # nobody is meant any more; the action itself says so
        return [[g.page.__name__, g.name, _shown_default(g), len(g.players)] for g in gaps]


def _shown_default(gap: Unanswered) -> str:
    try:
        value = default_answer(gap)
        return "" if value is MISSING else to_json(value).decode()
    except Exception:  # the border around authors' functions that return a default
        return ""


class _Past(NamedTuple):
    """Events of the kinds that are sent one by one, as they are sent."""

    errors: list[list[Any]]
    presence: list[tuple[str, float, bool]]
    since: dict[str, float]
    """When each player last came or went."""

    @classmethod
    def of(cls, events: Sequence[Event]) -> _Past:
        """Return what is sent of events."""
        errors = _errors([event for event in events if event.kind == "error"])
        moves = [event for event in events if event.kind != "error"]
        return cls(errors, [_presence(event) for event in moves], _since(moves))


def _since(events: Sequence[Event]) -> dict[str, float]:
    moves = (event for event in events if event.kind != "error")
    return {event.subject.partition("/")[2]: event.time for event in moves}


def _presence(event: Event) -> tuple[str, float, bool]:
    return event.subject.partition("/")[2], event.time, event.kind == "connect"


def _errors(events: Sequence[Event]) -> list[list[Any]]:
    """Return a row for each kind of failure, the newest 100; equal ones are counted."""
    rows = zip(*folded_errors(events), strict=True)
    return [
        [e.seq, e.time, e.subject, e.page, e.value, e.cause, count, players]
        for e, count, players in list(rows)[-MOST_ERRORS:]
    ]
