"""SessionReplay: a session in memory that gets a recorded session's inputs again."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from uproot_nb.bridge.channel import Channel
from uproot_nb.bridge.messages import BEGIN, HttpRequest, Invoke, PageReport
from uproot_nb.engine.runtime import Runtime
from uproot_nb.experiment.entrance.ways_in import WayIn
from uproot_nb.experiment.setup import Setup
from uproot_nb.flow.hooks import run_authors
from uproot_nb.flow.served_apps import MakeTemplates
from uproot_nb.log.call_rows import call_id_of, read_call
from uproot_nb.log.codec import Resolve
from uproot_nb.log.events import Event, recorded_cause
from uproot_nb.log.log import MemoryLog
from uproot_nb.reruns.recorded_time import CLOSE, RecordedLoop
from uproot_nb.session.entities import Player
from uproot_nb.session.journal import Attempt, attempt
from uproot_nb.session.quotas import FIELD, Unit
from uproot_nb.session.steps import Cause
from uproot_nb.session.visits import BACK, POSITION, VISIT, visit_token

__all__ = ["SessionReplay"]

Pairs = Sequence[tuple[str, str]]
Replay = Callable[[Event, str, Sequence[Event]], Awaitable[object]]
"""Repeats an input: its event, its player's name, and the events that it has caused."""

LABEL = "_uproot_label"
"""The parameter by which a recorded label comes again."""
_OUTSIDE = Cause("", "", "uproot_nb", "")
_WITHOUT_PLAYER = frozenset({"claim", "place", "room", "apply"})
"""Inputs that need no player of today's session."""


class SessionReplay(Runtime):
    """Runs a session without a participant server, at the recorded times.

    Args:
        name, settings, seed: as recorded.
        now: when the session began, in Unix seconds.
    """

    has_effects = False
    has_upkeep = False

    def __init__(
        self,
        name: str,
        setup: Setup,
        templates: MakeTemplates,
        settings: dict[str, Any],
        seed: Any,
        now: float,
        resolve: Resolve,
        language: str = "",
    ) -> None:
        super().__init__(
            name, MemoryLog(), setup, _connect, lambda: _OUTSIDE, self._hear, _disconnect,
            templates, settings, seed, resolve, language,
            make_loop=lambda lock: RecordedLoop(lock, now),
        )  # fmt: skip
        self.time: RecordedLoop = self.loop  # type: ignore[assignment]
        self.world.journal.clock = self.loop.time
        self.world.clock.reset()
        self.repeated: Counter[str] = Counter()
        """Inputs repeated, by kind; "left out" if today's player is elsewhere."""
        self.messages: list[str] = []
        self._acts = self._all_acts()
        self._draw_name = self.world.new_name
        self._passings: dict[str, list[Event]] = {}
        self._late: dict[str, int] = {}
        """By player: the visit whose time was up when the recording says so."""
        self._turns: dict[tuple[str, str], dict[int, asyncio.Future[None]]] = {}
        """The steps that wait for others, by call: resolved when it is their turn."""
        self._watches: set[tuple[str, Any, Any]] = set()
        """Recorded watches for dropouts: player, handler and tolerance."""
        self.dropouts.is_recorded = self._has_recorded_watch
        self.lock.gate = self._turn
        self.flow.timeouts.is_recorded = self._has_recorded_passing
        self.flow.idleness.is_recorded = True
        self.flow.newcomers.logs_arrivals = self.flow.logs_returns = False

    def expect(self, passings: Iterable[Event]) -> None:
        """Set when players' time was up, by the recorded events."""
        for event in passings:
            self._passings.setdefault(event.subject, []).append(event)

    def expect_dropouts(self, events: Iterable[Event]) -> None:
        """Let recorded watches drop players when they did, however late their timers were."""
        for event in events:
            watch = orjson.loads(event.value).get("watch") if event.kind == "dropout" else None
            if watch is not None:
                self._watches.add((event.subject, watch["handler"], watch["tolerance"]))

    def _has_recorded_watch(self, player: Player) -> bool:
        watch = player._state.watch or {}
        return (player.subject, watch.get("handler"), watch.get("tolerance")) in self._watches

    def expect_arms(self, events: Iterable[Event]) -> None:
        """Let players get the arms that they got: other sessions' counts are not in the log."""
        recorded: dict[tuple[str, Unit], deque[str | None]] = {}
        for event in events:
            if (event.kind, event.subject) == ("append", "session") and event.field.startswith(
                FIELD
            ):
                for stratum, arm, subject in orjson.loads(event.value)["values"]:
                    key = event.field, Unit(stratum, subject)
                    recorded.setdefault(key, deque()).append(arm)
        self.world.quotas.recorded = recorded

    def expect_turns(self, turns: Iterable[tuple[Event, int]]) -> None:
        """Set which steps of which calls waited while others wrote."""
        for event, number in turns:
            name, call_id = event.subject.partition("/")[2], call_id_of(event.value)
            self._turns.setdefault((name, call_id), {})[number] = self.loop.create_future()

    def _turn(self, cause: Cause) -> asyncio.Future[None] | None:
        """Return the future that the next step of a call must await; None if it may go on."""
        invoke = getattr(cause, "invoke", None)
        if invoke is None:
            return None
        turns = self._turns.get((invoke.player, invoke.id), {})
        turn = turns.get(cause.step)  # type: ignore[attr-defined]
        return None if turn is None or turn.done() else turn

    async def _replay_resume(self, event: Event, name: str, more: Sequence[Event]) -> None:
        turns = self._turns.get((name, call_id_of(event.value)), {})
        waiting = [number for number, turn in turns.items() if not turn.done()]
        if waiting:
            turns[min(waiting)].set_result(None)

    def repeat(self, act: str, event: Event, seq: int, time: float, more: Sequence[Event]) -> None:
        """Repeat an input, and wait for all its effects."""
        self.wait_for(self._repeat_input(act, event, seq, time, more))

    def pass_time(self, until: float) -> None:
        """Let timers fire up to a time."""
        self.wait_for(self.time.advance(until))

    def _hear(self, text: str, cause: Cause) -> None:
        self.messages.append(text)

    async def _repeat_input(
        self, act: str, event: Event, seq: int, time: float, more: Sequence[Event]
    ) -> None:
        await self.time.advance(time)
        self.reports.settle()
        self.world.shift = seq - 1 - self.world.journal.seq
        name = event.subject.partition("/")[2]
        meant = event.subject.startswith("player/") and act not in _WITHOUT_PLAYER
        if meant and name not in self.world.state.players:
            self.repeated["left out"] += 1
            return
        self.repeated[act] += 1
        self.flow.newcomers.logs_arrivals = False
        self.flow.newcomers.way_in = WayIn()
        await self._acts[act](event, name, more)
        await self.time.settle()

    def _all_acts(self) -> dict[str, Replay]:
        """Return how each input is repeated, by its act."""
        return {
            "resume": self._replay_resume,
            "call": self._replay_call,
            "submit": self._replay_submit,
            "form": self._replay_form,
            "back": self._replay_back,
            "load": self._replay_load,
            "late": self._replay_late,
            "time_up": self._replay_time_up,
            "late_form": self._replay_late_form,
            "passed": self._replay_passed,
            "client": self._replay_client,
            "connect": self._replay_connect,
            "disconnect": self._replay_disconnect,
            "place": self._replay_place,
            "claim": self._replay_claim,
            "room": self._replay_room,
            "arrive": self._replay_arrive,
            "apply": self._replay_apply,
            "move": self._replay_move,
            "extend": self._replay_extend,
            "leave": self._replay_leave,
            "wait": self._replay_wait,
            "free": self._replay_free,
            "dropout": self._replay_dropout,
            "dropped": self._replay_dropped,
            "watch": self._replay_watch,
            "state": self._replay_state,
            "bot": self._replay_bot,
            "restart": self._replay_restart,
        }

    # ---- what browsers do ----

    async def _replay_call(self, event: Event, name: str, more: Sequence[Event]) -> None:
        call = read_call(event.value)
        if call["args"] is None:  # refused, or its data were erased
            await self._repeat(more or [event])
            return
        self.calls.receive(Invoke(
            event.seq, 1, self.world.key, name, call["page"], call["id"], event.field,
            orjson.dumps(call["args"]), orjson.dumps(call["kwargs"]),
        ))  # fmt: skip

    async def _replay_submit(self, event: Event, name: str, more: Sequence[Event]) -> None:
        if await self._replay_form(event, name, more):
            return
        player = self.world.player(name)
        with self._caused_by(event):
            self.flow.moves.go(player, player.position + 1)

    async def _replay_form(self, event: Event, name: str, more: Sequence[Event]) -> bool:
        """Send a form; return False if its effects were taken from the log instead."""
        player = self.world.player(name)
        if player.page != event.field:
            self.repeated["left out"] += 1
            return True
        left = orjson.loads(event.value)
        if left["form"] is not None:
            form = [(key, text) for key, text in left["form"]]
            await self._post(name, form, left.get("language", ""))
            return True
        self.repeated["not kept"] += 1
        await self._repeat(more)
        return False

    async def _replay_back(self, event: Event, name: str, more: Sequence[Event]) -> None:
        await self._post(name, [(BACK, "1")])

    async def _post(self, name: str, form: list[tuple[str, str]], language: str = "") -> None:
        player = self.world.player(name)
        hidden = [(POSITION, str(player.position)), (VISIT, visit_token(self.world, player))]
        await self._ask("submit", name, [*hidden, *form], languages=language)

    async def _replay_load(self, event: Event, name: str, more: Sequence[Event]) -> None:
        query = orjson.loads(event.value).get("query", ())
        await self._ask("page", name, query=[(key, text) for key, text in query])

    async def _replay_late(self, event: Event, name: str, more: Sequence[Event]) -> None:
        await self._repeat([event])  # nothing follows from it

    async def _replay_time_up(self, event: Event, name: str, more: Sequence[Event]) -> None:
        self._let_time_be_up(event, name, by_form=False)

    async def _replay_late_form(self, event: Event, name: str, more: Sequence[Event]) -> None:
        self._let_time_be_up(event, name, by_form=True)

    def _let_time_be_up(self, event: Event, name: str, *, by_form: bool) -> None:
        player = self.world.player(name)
        if player.page == event.field and self.flow.timeouts.has_passed(player):
            self.flow.time_is_up(player, by_form=by_form)

    async def _replay_passed(self, event: Event, name: str, more: Sequence[Event]) -> None:
        player = self.world.player(name)
        is_same = self._passing(player) == event
        self._passings[event.subject].remove(event)
        if is_same:
            self._late[name] = player._state.entered
            self.flow.timeouts.note_passed(player)
            self.flow.timeouts.arm(player)

    def _has_recorded_passing(self, player: Player) -> bool:
        is_late = self._late.get(player.name) == player._state.entered
        return is_late or self._passing(player) is not None

    def _passing(self, player: Player) -> Event | None:
        """Return the recorded event at which the player's time was up on this visit, if any."""
        deadline, passings = player._state.deadline, self._passings.get(player.subject, [])
        if deadline is None:
            return None
        return next((e for e in passings if e.field == player.page and _is_near(e, deadline)), None)

    async def _replay_client(self, event: Event, name: str, more: Sequence[Event]) -> None:
        data = orjson.loads(event.value)
        del data["unmet"]
        player, what = self.world.player(name), "client"
        if "fullscreen" in data:
            what, data = "fullscreen", {"visit": player._state.entered}
        text = orjson.dumps(data)
        self.inbox.receive([PageReport(1, self.world.key, name, player.position, what, text)])

    async def _replay_connect(self, event: Event, name: str, more: Sequence[Event]) -> None:
        value = orjson.loads(event.value) or {}
        self.attendance.note(name, 1, True, value.get("by", ""))

    async def _replay_disconnect(self, event: Event, name: str, more: Sequence[Event]) -> None:
        self.attendance.note(name, 1, False)

    # ---- joining ----

    async def _replay_place(self, event: Event, name: str, more: Sequence[Event]) -> None:
        self.world.new_name = self._names(name)
        with self._caused_by(event):
            player = self.world.add_player()
        await self.places.introduce(player)

    async def _replay_claim(self, event: Event, name: str, more: Sequence[Event]) -> None:
        self.world.new_name = self._names(name)
        is_erased = "erased" in orjson.loads(event.value)
        if event.actor != "researcher" and not is_erased:
            self.world.mark_of = str  # the log has a mark, and no visit
            visit = orjson.loads(event.value).get("visit")
            label = orjson.loads(event.value).get("label") or ""
            form = [("label", label), *([("_uproot_visit", visit)] if visit else [])]
            await self._ask("join", "", form, query=self._arrived_with(more))
            return
        with self._caused_by(event):  # a cell has let a bot in, or nothing else remains
            known = self.world.claim_place()
            opened = self.world.add_player(claimed=True) if known is None else None
        if is_erased:
            await self._repeat(more)
        if opened is not None:
            await self.places.introduce(opened)

    async def _replay_room(self, event: Event, name: str, more: Sequence[Event]) -> None:
        self.world.new_name = self._names(name)
        self.world.mark_of = str  # as above
        came = orjson.loads(event.value)
        form = [("label", came.get("label") or ""), ("_uproot_visit", came["visit"])]
        query = self._arrived_with(more)
        await self._ask("enter", "", form, room=came["room"], query=query)

    async def _replay_arrive(self, event: Event, name: str, more: Sequence[Event]) -> None:
        self.flow.newcomers.way_in = WayIn((LABEL,))
        await self._ask("submit", name, [(BEGIN, "1")], query=self._arrived_with([event]))

    def _arrived_with(self, arrivals: Sequence[Event]) -> Pairs:
        """Return the recorded address's parameters; without an arrival, let none be logged."""
        self.flow.newcomers.logs_arrivals = bool(arrivals)
        values = [orjson.loads(one.value) for one in arrivals]
        labels = [(LABEL, value["label"]) for value in values if value.get("label")]
        return [*labels, *(pair for value in values for pair in value["query"].items())]

    def _names(self, name: str) -> Any:
        fresh = name not in self.world.state.players
        return (lambda: name) if fresh else self._draw_name

    async def _ask(
        self, action: str, name: str, form: Pairs = (), room: str = "", languages: str = "",
        query: Pairs = (),
    ) -> None:  # fmt: skip
        self.inbox.receive([HttpRequest(
            0, self.world.key, name, action, list(form), list(query), languages, room=room
        )])  # fmt: skip

    # ---- what cells do ----

    @contextmanager
    def _caused_by(self, event: Event, tried: Attempt | None = None) -> Iterator[None]:
        """Give what happens inside the recorded cause of an event, as a part of an attempt."""
        cause = Cause(*recorded_cause(event))
        before = self.lock.begin_step(cause if tried is None else tried.part(cause))
        try:
            yield
        finally:
            self.lock.end_step(before)

    async def _replay_apply(self, event: Event, name: str, more: Sequence[Event]) -> None:
        await self._repeat([event])

    async def _repeat(self, events: Sequence[Event]) -> None:
        """Apply the recorded events as they are."""
        journal, tried = self.world.journal, attempt(_OUTSIDE)
        for event in events:
            with self._caused_by(event, tried):
                if event.kind == "enter":
                    self._repeat_move(event, tried)
                elif event.kind == "end":
                    cause = tried.part(Cause(*recorded_cause(event)))
                    self.flow.leaving.end(self._player_of(event), event.field, cause)
                else:
                    journal.fold(event.kind, event.subject, event.field, event.value)

    def _player_of(self, event: Event) -> Player:
        return self.world.player(event.subject.partition("/")[2])

    def _repeat_move(self, event: Event, tried: Attempt) -> None:
        value, old = orjson.loads(event.value), tried.places.get(event.subject)
        if "undone" not in value:
            self.flow.moves.go(self._player_of(event), value["position"])
        elif old is not None:
            old.put_back(Cause(*recorded_cause(event)))

    async def _replay_move(self, event: Event, name: str, more: Sequence[Event]) -> None:
        position = orjson.loads(event.value)["position"]
        if self.world.player(name).position != position:
            with self._caused_by(event):
                self.flow.move_to(self.world.player(name), position)

    async def _replay_extend(self, event: Event, name: str, more: Sequence[Event]) -> None:
        with self._caused_by(event):
            self.flow.extend(self.world.player(name), orjson.loads(event.value)["extended"])

    async def _replay_leave(self, event: Event, name: str, more: Sequence[Event]) -> None:
        with self._caused_by(event):
            self.flow.leave(self.world.player(name), event.field, anew=True)

    async def _replay_wait(self, event: Event, name: str, more: Sequence[Event]) -> None:
        player = self.world.player(name)
        if player.page == event.field:
            self.flow.idleness.repeat(player, orjson.loads(event.value)["what"])
        else:
            self.repeated["left out"] += 1

    async def _replay_free(self, event: Event, name: str, more: Sequence[Event]) -> None:
        with self._caused_by(event):
            self.flow.free(self.world.player(name))

    async def _replay_dropout(self, event: Event, name: str, more: Sequence[Event]) -> None:
        self.dropouts.mark(self.world.player(name))

    async def _replay_dropped(self, event: Event, name: str, more: Sequence[Event]) -> None:
        self.dropouts.drop_as_recorded(self.world.player(name))

    async def _replay_watch(self, event: Event, name: str, more: Sequence[Event]) -> None:
        await self._repeat([event])
        self.dropouts.arm(self.world.player(name))

    async def _replay_state(self, event: Event, name: str, more: Sequence[Event]) -> None:
        self.set_state(event.field)

    async def _replay_bot(self, event: Event, name: str, more: Sequence[Event]) -> None:
        plays = self.world.codec.decode(event.value)["plays"]
        self.world.robots[name] += 1 if plays else -1

    def do_as(self, opening: Event) -> None:
        """Do as the version and the run did that have written the log from this event `open` on."""
        opened = orjson.loads(opening.value)
        self.flow.undoes_moves = "undoes_moves" in opened
        self.world.offers_help = "help" in opened

    async def _replay_restart(self, event: Event, name: str, more: Sequence[Event]) -> None:
        self.do_as(event)
        self.world.robots.clear()
        cause = Cause("researcher", "", "restart", "")
        for app in self.setup.apps:
            if app.restart is not None:
                await run_authors(app.restart, self.world, cause)


def _is_near(passing: Event, deadline: float) -> bool:
    return bool(abs(orjson.loads(passing.value)["deadline"] - deadline) <= CLOSE)


class _NoPeer:
    """A channel without a peer."""

    closed = False
    unsent = 0

    def send(self, message: Any) -> None:
        return

    async def drain(self, number: int = 0) -> None:
        return

    def close(self) -> None:
        return


async def _connect(*_: Any) -> tuple[Channel, str]:
    await asyncio.sleep(0)
    return _NoPeer(), ""


async def _disconnect() -> None:
    return
