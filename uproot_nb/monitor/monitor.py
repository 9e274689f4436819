"""Monitor: sends a widget what happens in a session, and carries out what it asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from uproot_nb.analysis.folded_errors import folded_errors
from uproot_nb.engine.runtime import Runtime
from uproot_nb.errors import UprootError
from uproot_nb.flow.unanswered import MISSING, Unanswered, default_answer
from uproot_nb.log.chat_rows import chat_rows, name_of_chat, players_with_chats
from uproot_nb.log.events import Event
from uproot_nb.monitor.chart import Chart, Point, thinned
from uproot_nb.monitor.event_window import EventWindow, Wanted
from uproot_nb.monitor.player_rows import PlayerRows
from uproot_nb.monitor.repeating import repeating
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause
from uproot_nb.session.wire import to_json

__all__ = ["Links", "Monitor"]

NEWS_SECONDS = 0.2
"""Between two messages with what is new: at most five a second."""
UNACKNOWLEDGED = 2
"""Messages that may be on their way to a browser; a slow one gets fewer."""
POINTS = 20_000
"""Points of a chart that are sent at first; of a longer history, evenly chosen ones."""
MOST_MESSAGES = 200
"""Messages of one chat that are sent, the latest."""
MOST_ERRORS = 100
"""Kinds of failures that are sent at once."""
BY_HAND = Cause("researcher", "", "monitor", "")


class Links(Protocol):
    """The links of a run."""

    @property
    def join_link(self) -> str:
        """The link that gives each browser a new place."""

    def link(self, player: Any) -> str:
        """Return the link of one player."""


class Monitor:
    """A monitor's part in the kernel; it runs on the run's loop.

    The browser sends `ready` and gets everything, then what is new, at most five times a second;
    it acknowledges each message. It asks for the rows of the log that it shows, and after some
    seconds without a message whether the run is still there.

    Args:
        send: gives a message to the browser; called on the run's loop and the watchdog's thread.
        fields: the players' fields that are shown at first.
    """

    def __init__(
        self,
        runtime: Runtime,
        links: Links,
        send: Callable[[dict[str, Any]], None],
        fields: Sequence[str] = (),
    ) -> None:
        self._runtime, self._links, self._send = runtime, links, send
        world = self._runtime.world
        self._runtime.windows.add(self)
        self._window = EventWindow(world.log, world.name)
        self._rows = PlayerRows(self._runtime.flow.journeys, fields)
        self._chart = Chart("", world.codec)
        self._sent = self._acked = self._seen = 0
        self._sent_summary: tuple[Any, ...] | None = None
        self._is_watched = self._is_reading = False
        self._watching: asyncio.Task[Any] | None = None
        self._past: list[Event] = []
        self._points: list[Point] = []
        self._lengths: dict[str, int] = {}
        """How many messages each player's chat had when it was sent."""

    # ---- the browser's side ----

    def receive(self, message: Any) -> None:
        """Take a message of the browser; any thread may call."""
        if self._runtime.closed:
            self._send({"op": "closed"})
        else:
            self._runtime.loop.call_soon_threadsafe(self._take, message)

    def _take(self, message: Any) -> None:
        match message:
            case {"op": "ready"}:
                self._runtime.beside(self._begin())
            case {"op": "ack", "n": int(n)}:
                self._acked = max(self._acked, min(n, self._sent))
            case {"op": "ask"}:
                self._send({"op": "here"})
            case {"op": "rows"} | {"op": "find", "time": int() | float()}:
                self._runtime.beside(self._give_rows(message))
            case {"op": "fields", "fields": list(fields)}:
                self._rows.fields = tuple(str(field) for field in fields)
                self._rows.forget()
            case {"op": "chart", "fields": str(fields)}:
                chart = Chart(fields, self._runtime.world.codec)
                self._runtime.beside(self._begin_chart(chart))
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
        self._lengths = {}
        last = self._runtime.world.journal.committed
        events = await asyncio.to_thread(self._read, 0, last, {"error", "connect", "disconnect"})
        self._seen = last
        self._past = events
        self._points = []
        self._note_presence(events)
        if self._chart:
            await self._begin_chart(self._chart)
        self._send_news(everything=True)
        if not self._is_watched:
            self._is_watched = True
            self._watching = self._runtime.beside(
                repeating(self._runtime, NEWS_SECONDS, self._watch)
            )

    def _watch(self) -> None:
        if self._sent - self._acked < UNACKNOWLEDGED and not self._is_reading:
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

    def _read(self, after: int, until: int, kinds: set[str]) -> list[Event]:
        world = self._runtime.world
        return list(world.log.read(world.name, after=after, until=until, kinds=kinds))

    def _note_presence(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.kind != "error":
                self._rows.since[event.subject.partition("/")[2]] = event.time

    def _send_news(self, everything: bool = False) -> None:
        world = self._runtime.world
        with world.lock:
            players = world.players()
            changed, chats = self._rows.changed(players), self._chats()
            summary = (world.journal.committed, self._runtime.flow.state, len(players))
        if summary == self._sent_summary and not changed and not self._points:
            return
        self._sent_summary = summary
        self._sent += 1
        message = {
            "op": "news", "n": self._sent, "total": summary[0], "state": summary[1],
            "players": [self._with_link(row, everything) for row in changed],
            "errors": _errors([event for event in self._past if event.kind == "error"]),
            "presence": [_presence(event) for event in self._past if event.kind != "error"],
            "points": self._points, "chats": chats, "everything": everything,
        }  # fmt: skip
        if everything:
            join = self._links.join_link
            message |= {"name": world.name, "join": join, "qr": qr_code(join)}
            message |= {"fields": self._rows.fields, "chart": self._chart.text}
        self._past, self._points = [], []
        self._send(message)

    def _with_link(self, row: tuple[Any, ...], everything: bool) -> list[Any]:
        player = self._runtime.world.player(row[0])
        return [*row, self._links.link(player), player.id]

    def _chats(self) -> list[list[Any]]:
        """Return the chats that have changed since they were sent: player, messages."""
        world = self._runtime.world
        changed = []
        for name in players_with_chats(world.state):
            chat = world.models.get(name_of_chat(name))
            length = 0 if chat is None else len(chat)
            if self._lengths.get(name) != length:
                self._lengths[name] = length
                changed.append([name, self._messages(name)])
        return changed

    def _messages(self, name: str) -> list[list[Any]]:
        world = self._runtime.world
        rows = list(chat_rows(world.state, world.codec, name))[-MOST_MESSAGES:]
        return [[row.time, row.sender, row.text] for row in rows]

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

    async def _give_rows(self, message: Mapping[str, Any]) -> None:
        """Send the rows that the browser asks for; `find` asks for those from a time on."""
        wanted = Wanted(*(str(text) for text in message.get("wanted", ())[:3]))
        a, count = int(message.get("a", 0)), int(message.get("count", 50))
        if message["op"] == "find":
            a = await asyncio.to_thread(self._window.place_of, float(message["time"]), wanted)
        rows, total = await asyncio.to_thread(self._window.rows, a, a + count, wanted)
        answer = {"op": "rows", "id": message.get("id"), "a": a, "rows": rows, "total": total}
        self._send({**answer, "found": message["op"] == "find"})

    # ---- actions ----

    def _do(self, what: str, message: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out an action; return its `text`, or its `error`."""
        try:
            return {"text": self._done(what, message)}
        except (UprootError, TypeError, ValueError) as error:
            return {"error": str(error)}

    def _done(self, what: str, message: Mapping[str, Any]) -> str:
        if what in ("pause", "resume"):
            self._runtime.set_state("paused" if what == "pause" else "running")
            return "Paused." if what == "pause" else "Running."
        acts = self._runtime.interventions
        who = list(message.get("players", ()))
        match what:
            case "advance":
                return self._advance(who, dict(message.get("values") or {}))
            case "revert" | "move_to_end" | "reload" | "mark_dropout":
                done: Sequence[Player] = getattr(acts, what)(who, BY_HAND)
            case "message":
                done = acts.message(who, message.get("text", ""), BY_HAND)
            case "answer":
                done = acts.answer(who, message.get("text", ""), BY_HAND)
            case "set":
                done = acts.set(who, dict(message.get("values", {})), BY_HAND)
            case _:
                raise UprootError(f"The monitor knows nothing called {what!r}.")
        return f"{what.replace('_', ' ')}: {len(done)} of {len(who)} players."

    def _advance(self, who: list[str], values: dict[str, Any]) -> str:
        """Put players on the next page, with answers in their place; report what is missing."""
        acts = self._runtime.interventions
        with self._runtime.lock:
            gaps = acts.unanswered(who)
            left = [gap for gap in gaps if gap.name not in values]
            given = {**values, **{gap.name: MISSING for gap in left}}
            done = acts.advance(who, BY_HAND, given)
        missing = f" Missing: {'; '.join(map(str, left))}." if left else ""
        return f"advance: {len(done)} of {len(who)} players.{missing}"

    def _gaps(self, who: list[Any]) -> list[list[Any]]:
        """Return what players have not answered: page, field, default (JSON, or ""), how many."""
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


def qr_code(text: str) -> str:
    """Return a QR code as a data URI of an SVG image, dark on white, with a quiet border."""
    import segno  # lazy: only monitors show one

    return str(segno.make(text, error="m", micro=False).svg_data_uri(scale=4, light="#fff"))


def _presence(event: Event) -> tuple[str, float, bool]:
    return event.subject.partition("/")[2], event.time, event.kind == "connect"


def _errors(events: Sequence[Event]) -> list[list[Any]]:
    """Return a row for each kind of failure, the newest 100; equal ones are counted."""
    rows = zip(*folded_errors(events), strict=True)
    return [
        [e.seq, e.time, e.subject, e.page, e.value, e.cause, count, players]
        for e, count, players in list(rows)[-MOST_ERRORS:]
    ]
