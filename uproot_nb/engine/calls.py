"""Calls: runs browsers' calls of live methods, each once, and each player's in order."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import msgspec
import orjson

from uproot_nb.bridge.messages import Invoke, Reply
from uproot_nb.errors import (
    BadArguments,
    NotLive,
    Refused,
    StalePage,
    StepInterrupted,
    UprootError,
)
from uproot_nb.experiment.live import LiveMethod
from uproot_nb.experiment.pages import Page
from uproot_nb.flow.flow import Flow
from uproot_nb.log.call_rows import CallRow, call_id_of, read_row
from uproot_nb.realtime.chat import LIVE_METHODS
from uproot_nb.realtime.hands import HAND_METHODS
from uproot_nb.session.browser_json import error_frame, result_frame, to_sendable_json
from uproot_nb.session.entities import Player
from uproot_nb.session.error_reports import ErrorReports, text_of
from uproot_nb.session.journal import Unfinished
from uproot_nb.session.steps import Cause, Steps, perform
from uproot_nb.session.world import World
from uproot_nb.templating.argument_texts import sentence_for
from uproot_nb.templating.texts import CALM, INTERRUPTED, LEFT, NO_SUCH_ACTION, NOT_KEPT

__all__ = ["Calls"]

_OF_EVERY_PAGE = {**LIVE_METHODS, **HAND_METHODS}

CLOSING_SECONDS = 2.0
MOST_RESUMED = 500
"""Steps of one call whose order among others' is logged."""
LONG_SECONDS = 1.0
"""Seconds after which a call without changes is logged as begun, for a restart."""
LONGEST_REFUSED = 200
"""Bytes of arguments that are logged of a refused call; longer ones are left out."""
LONGEST_REASON = 300
"""Characters of the reason for a refusal, which may quote the browser."""

Key = tuple[str, str]

_new = tuple.__new__
"""Makes a named tuple in half the time that its class takes."""


class Calls:
    """Runs calls in each player's order, logs their outcomes, and replies after the commit."""

    def __init__(self, world: World, flow: Flow, reports: ErrorReports) -> None:
        self._world, self._flow, self._reports = world, flow, reports
        self._lanes: dict[str, deque[Invoke]] = {}
        self._awaits_log = False
        self._busy: set[str] = set()
        self._asked: dict[Key, list[int]] = {}
        self._scopes: dict[str, asyncio.Lock] = {}
        self._long: dict[Key, _CallCause] = {}
        """Calls that take more than one step."""
        self._turns = world.journal.turns
        self._held = False
        """Whether the log's note of the running call is set."""
        self._causes: dict[tuple[type[Page], str], tuple[str, str, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.paused = False
        for method in _OF_EVERY_PAGE.values():
            method.prepare_once()  # in the cell, not while participants wait

    # ---- receiving ----

    def receive(self, invoke: Invoke) -> None:
        """Run a call: now, after the player's earlier ones, or not again if it has run before."""
        player = self._world.state.players.get(invoke.player)
        if player is None:  # an answer all the same: the server counts what has none
            self.give_up(invoke)
            return
        key = (invoke.player, invoke.id)
        asked = self._asked.get(key)
        if asked is not None:
            asked.append(invoke.call)
            return
        if not player.calls.is_new(invoke.id):
            self._repeat(invoke)
            return
        self._asked[key] = [invoke.call]
        lane = self._lanes.get(invoke.player)
        if lane is None:
            lane = self._lanes[invoke.player] = deque()
        lane.append(invoke)
        self._drain(invoke.player)

    def give_up(self, invoke: Invoke) -> None:
        """Reply to a call that an internal error has prevented, so that nobody waits."""
        key = (invoke.player, invoke.id)
        for call in self._asked.pop(key, [invoke.call]):
            self._world.send(Reply(call, error_frame(invoke.id, "Error", CALM)))

    def pause(self) -> None:
        """Let no new call start."""
        self.paused = True

    def resume(self) -> None:
        """Start the waiting calls."""
        self.paused = False
        for player in list(self._lanes):
            self._drain(player)

    def _drain(self, player: str) -> None:
        lane = self._lanes[player]
        with self._world.lock:  # so that none begins once run.pause() has returned
            while lane and player not in self._busy and not self.paused:
                if self._world.journal.is_full:
                    self._wait_for_the_log()
                    return
                self._start(lane.popleft())

    def _wait_for_the_log(self) -> None:
        """Begin no call until what others have changed is committed: a database is away."""
        if not self._awaits_log:
            self._awaits_log = True
            self._world.journal.after_commit(self._go_on)

    def _go_on(self) -> None:
        self._awaits_log = False
        if not self.paused:
            self.resume()

    def _start(self, invoke: Invoke) -> None:
        started = time.perf_counter()
        try:
            given = _arguments(invoke)  # first: the log must be readable again
            page, method, player = self._find(invoke)
            cause = self._cause(page, method, invoke, started)
            args, kwargs = perform(partial(method.accept, *given))
        except UprootError as refusal:
            self._refuse(invoke, refusal, started)
            return
        except Exception as error:  # the border around authors' annotations and validators
            self._fail(invoke, cause, error, started)
            return
        act = partial(method.function, page, player, *args, **kwargs)
        if method.is_async or method.thread or method.exclusive:
            self._busy.add(invoke.player)
            self._spawn(self._run(invoke, method, act, cause, started))
        else:
            self._run_at_once(invoke, act, cause, started)

    # ---- running ----

    def _run_at_once(
        self, invoke: Invoke, act: Callable[[], Any], cause: _CallCause, started: float
    ) -> None:
        lock = self._world.lock
        before = lock.begin_step(cause)
        try:
            self._finish(invoke, cause, to_sendable_json(perform(act)), started)
        except Exception as error:  # the border around authors' code
            self._fail(invoke, cause, error, started)
        finally:
            lock.end_step(before)

    async def _run(
        self,
        invoke: Invoke,
        method: LiveMethod,
        act: Callable[[], Any],
        cause: _CallCause,
        started: float,
    ) -> None:
        try:
            if method.exclusive:
                scope = self._scopes.setdefault(self._scope(invoke, method), asyncio.Lock())
                async with scope:
                    result = await self._perform(method, act, cause)
            else:
                result = await self._perform(method, act, cause)
            data = to_sendable_json(result)
            with self._world.lock:
                self._finish(invoke, cause, data, started)
        except (Exception, asyncio.CancelledError) as error:  # the border around authors' code
            if self._world.closing:
                raise
            with self._world.lock:
                self._fail(invoke, cause, error, started)
        finally:
            self._long.pop((invoke.player, invoke.id), None)
            self._busy.discard(invoke.player)
            self._drain(invoke.player)

    async def _perform(self, method: LiveMethod, act: Callable[[], Any], cause: _CallCause) -> Any:
        invoke = cause.invoke
        lock = self._world.lock
        self._long[invoke.player, invoke.id] = cause
        if method.thread:
            context = contextvars.copy_context()
            context.run(lock.mark_thread, cause)
            return await self._world.loop.run_in_executor(None, context.run, perform, act)
        if method.is_async:
            return await Steps(act(), lock, cause)
        before = lock.begin_step(cause)
        try:
            return perform(act)
        finally:
            lock.end_step(before)

    @property
    def running(self) -> set[asyncio.Task[None]]:
        """The running `async` calls, and those in threads."""
        return self._tasks

    async def close(self) -> None:
        """Cancel the running calls, without a reply."""
        self.paused = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSING_SECONDS)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._world.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _scope(self, invoke: Invoke, method: LiveMethod) -> str:
        if method.exclusive == "session":
            return "session"
        group = self._world.state.players[invoke.player].group
        return f"group/{group}" if group is not None else f"player/{invoke.player}"

    # ---- checking ----

    def _find(self, invoke: Invoke) -> tuple[type[Page], LiveMethod, Player]:
        player = self._world.player(invoke.player)
        position = player.position
        page = self._flow.journeys.page(player, position)
        if page is None or invoke.page != position:
            raise StalePage(LEFT)
        self._world.see_code(page)
        method = page.live_methods.get(invoke.method) or _OF_EVERY_PAGE.get(invoke.method)
        if method is None:
            raise NotLive(page.__name__, invoke.method)
        return page, method, player

    def _cause(
        self, page: type[Page], method: LiveMethod, invoke: Invoke, begun: float
    ) -> _CallCause:
        known = self._causes.get((page, method.name))
        if known is None or known[2] is not page.source.hash:
            named = (page.key, f"{page.__name__}.{method.name}", page.source.hash)
            known = self._causes[page, method.name] = named
        cause = _new(_CallCause, (invoke.player, *known))
        cause.world, cause.invoke, cause.begun = self._world, invoke, begun
        cause.turns, cause.place = self._turns, (self._world.journal.seq, next(self._turns))
        cause.last = cause.place
        cause.noted = method.repeatable  # a restart may run it twice, so no row is needed
        return cause

    # ---- for a kernel that is killed ----

    def note_held(self, cause: Cause) -> None:
        """Note a call whose step lasts long, so that it is not run again if the kernel is killed.

        Called by the watchdog's thread, without the lock.
        """
        if isinstance(cause, _CallCause) and not cause.noted:
            note = _Running(
                cause.invoke.player, cause.invoke.method, list(cause), cause.started_row()
            )
            self._held = True
            self._world.log.note_running(self._world.name, _encode_running(note).decode())

    def note_long(self) -> None:
        """Log calls as begun that have run for a while without changes."""
        before = time.perf_counter() - LONG_SECONDS
        long = [cause for cause in self._long.values() if cause.begun < before and not cause.noted]
        if long and not self._world.closing:
            with self._world.lock:
                for cause in long:
                    cause.note_started()

    def note_cut_off(self) -> None:
        """Log the call that ran when the kernel was killed, so that it is not run again."""
        world = self._world
        text = world.log.running(world.name)
        if not text:
            return
        with suppress(msgspec.DecodeError), world.lock:  # the kernel was killed while writing this
            cut = _decode_running(text)
            player = world.state.players.get(cut.player)
            if player is not None and player.calls.is_new(call_id_of(cut.row)):
                world.journal.fold_for(
                    Cause(*cut.cause), "call", f"player/{cut.player}", cut.method, cut.row
                )
        world.journal.after_commit(self._forget_held)

    def _forget_held(self) -> None:
        self._held = False
        self._world.log.note_running(self._world.name, "")

    # ---- outcomes ----

    def _finish(self, invoke: Invoke, cause: Cause, data: bytes, started: float) -> None:
        outcome = f'"outcome":"ok","result":{data.decode()}'
        self._conclude(invoke, cause, outcome, result_frame(invoke.id, data), started)

    def _fail(self, invoke: Invoke, cause: Cause, error: BaseException, started: float) -> None:
        if isinstance(error, StepInterrupted):
            outcome = _Rejection("error", "Interrupted", INTERRUPTED)
            self._reports.report(error, cause, f"player/{invoke.player}")
        elif isinstance(error, Refused):
            outcome = _Rejection("error", type(error).__name__, text_of(error))
        else:
            outcome = _Rejection("error", "Error", CALM)
            self._reports.report(error, cause, f"player/{invoke.player}")
        self._reject(invoke, cause, outcome, started)

    def _refuse(self, invoke: Invoke, refusal: UprootError, started: float) -> None:
        name = self._world.state.players[invoke.player].page or ""
        cause = Cause(invoke.player, name, f"{name}.{invoke.method}", "")
        outcome = _rejection(refusal)
        if isinstance(refusal, _Unreadable) or len(invoke.args + invoke.kwargs) > LONGEST_REFUSED:
            invoke = msgspec.structs.replace(invoke, args=b"null", kwargs=b"null")
        self._reject(invoke, cause, outcome, started)
        if not isinstance(refusal, StalePage):  # that one comes when a click and a move cross
            self._reports.refused(outcome.error, _shortened(str(refusal)), cause)

    def _reject(self, invoke: Invoke, cause: Cause, rejection: _Rejection, started: float) -> None:
        known = {name: text for name, text in rejection._asdict().items() if text}
        frame = error_frame(invoke.id, *rejection[1:])
        self._conclude(invoke, cause, orjson.dumps(known)[1:-1].decode(), frame, started)

    def _conclude(
        self, invoke: Invoke, cause: Cause, outcome: str, frame: bytes, started: float
    ) -> None:
        """Log a call's outcome, and answer after the commit; called under the lock."""
        world, journal = self._world, self._world.journal
        ledger = world.state.players[invoke.player].calls
        ms = (time.perf_counter() - started) * 1000
        outcome = f'{outcome},"ms":{ms:.3f}{_order_of(cause)}'
        text = _record(invoke, ledger.back(invoke.id), outcome)
        journal.finish(cause)  # first, else the journal would remember the call until the commit
        seq = journal.write_for(cause, "call", f"player/{invoke.player}", invoke.method, text)
        ledger.note(invoke.id, seq)
        journal.after_commit(partial(self._answer, (invoke.player, invoke.id), frame))
        if self._held:
            journal.after_commit(self._forget_held)

    def _answer(self, key: Key, frame: bytes) -> None:
        for call in self._asked.pop(key, ()):
            self._world.send(Reply(call, frame))

    def _repeat(self, invoke: Invoke) -> None:
        answer = Reply(invoke.call, self._first_outcome(invoke))
        with self._world.lock:
            self._world.journal.after_commit(lambda: self._world.send(answer))

    def _first_outcome(self, invoke: Invoke) -> bytes:
        """Return the reply to a call that has run before, from a few rows of the log."""
        known = self._world.state.players[invoke.player].calls.find(invoke.id, self._read_row)
        return error_frame(invoke.id, "Error", NOT_KEPT) if known is None else _frame_of(known)

    def _read_row(self, seq: int) -> CallRow | None:
        event = self._world.journal.event_at(seq)
        return read_row(event.value) if event is not None and event.kind == "call" else None


class _Rejection(NamedTuple):
    """Why a call failed, as sent to the caller and logged."""

    outcome: str
    error: str
    message: str
    parameter: str = ""
    reason: str = ""


def _rejection(refusal: UprootError) -> _Rejection:
    """Return the refusal for the caller: one plain sentence, none of pydantic's."""
    if isinstance(refusal, BadArguments):
        name, reason = _shortened(refusal.parameter), sentence_for(refusal.problem)
        return _Rejection("refused", "BadArguments", f"{name}: {reason}", name, reason)
    message = NO_SUCH_ACTION if isinstance(refusal, NotLive) else str(refusal)
    return _Rejection("refused", type(refusal).__name__, _shortened(message))


class _Unreadable(BadArguments):
    """The arguments are JSON, but not decodable (a lone surrogate, 1e999)."""


class _CallCause(Unfinished):
    """The cause of what one call changes."""

    world: World
    invoke: Invoke
    begun: float
    """When it began, by `time.perf_counter`."""
    turns: Iterator[int]
    """Numbers the turns of all calls and forms."""
    place: tuple[int, int]
    """The last event before it began, and its turn."""
    step = 0
    """The number of steps begun."""
    last: tuple[int, int]
    """The last event when its last step ended, and that step's turn."""
    resumed: tuple[tuple[int, int, int, float], ...] = ()
    """Steps before which others had a turn: (step, last event before it, turn, ms since begun)."""

    def begin_step(self) -> None:
        """Record where in the log a step begins, so that a rerun repeats the order."""
        turn, seq = next(self.turns), self.world.journal.seq
        if (seq, turn - 1) != self.last and len(self.resumed) < MOST_RESUMED:
            ms = round((time.perf_counter() - self.begun) * 1000, 3)
            self.resumed += ((self.step, seq, turn, ms),)
        self.step, self.last = self.step + 1, (seq, turn)

    def end_step(self) -> None:
        """Record where in the log a step ends."""
        self.last = self.world.journal.seq, self.last[1]

    def begin_anew(self) -> None:
        """Let the call begin after the last event, or go on there if others had a turn."""
        seq = self.world.journal.seq
        if not self.resumed:
            self.place = seq, self.place[1]
            return
        step, _, turn, ms = self.resumed[-1]
        self.resumed = (*self.resumed[:-1], (step, seq, turn, ms))

    def note_started(self) -> None:
        """Log that the call has begun, so that a restart does not run it again."""
        if self.noted:
            return
        self.noted = True
        invoke, journal = self.invoke, self.world.journal
        text, subject = self.started_row(), f"player/{invoke.player}"
        seq = journal.write_for(Cause(*self), "call", subject, invoke.method, text)
        self.world.state.players[invoke.player].calls.note(invoke.id, seq)

    def started_row(self) -> str:
        """Return the row of a call that has begun."""
        ledger = self.world.state.players[self.invoke.player].calls
        return _record(self.invoke, ledger.back(self.invoke.id), '"outcome":"started"')


class _Running(msgspec.Struct):
    """The log's note of the running call."""

    player: str
    method: str
    cause: list[str]
    row: str


_encode_running = msgspec.json.Encoder().encode
_decode_running = msgspec.json.Decoder(_Running).decode


def _arguments(invoke: Invoke) -> tuple[list[Any], dict[str, Any]]:
    try:
        return orjson.loads(invoke.args), orjson.loads(invoke.kwargs)
    except orjson.JSONDecodeError:
        raise _Unreadable(invoke.method, "arguments", "cannot be read") from None


def _record(invoke: Invoke, back: tuple[int, int], outcome: str) -> str:
    args, kwargs = invoke.args.decode(), invoke.kwargs.decode()
    return (
        f'{{"id":{orjson.dumps(invoke.id).decode()},"page":{invoke.page},"args":{args},'
        f'"kwargs":{kwargs},"back":[{back[0]},{back[1]}],{outcome}}}'
    )


def _order_of(cause: Cause) -> str:
    """Return a call's order among the others, for its row."""
    if not isinstance(cause, _CallCause):  # it was refused; its row is in order
        return ""
    begun = f',"begun":[{cause.place[0]},{cause.place[1]}]'
    return f'{begun},"resumed":{orjson.dumps(cause.resumed).decode()}' if cause.resumed else begun


def _shortened(reason: str) -> str:
    return reason if len(reason) <= LONGEST_REASON else reason[: LONGEST_REASON - 1] + "…"


def _frame_of(row: CallRow) -> bytes:
    if row.outcome == "ok":
        return result_frame(row.id, bytes(row.result))
    if row.outcome == "started":
        return error_frame(row.id, "Interrupted", INTERRUPTED)
    return error_frame(row.id, row.error, row.message, row.parameter, row.reason)
