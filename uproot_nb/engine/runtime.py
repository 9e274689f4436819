"""Runtime: the thread, loop and connections of a session that is served."""

from __future__ import annotations

import asyncio
import logging
import platform
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol, TypeVar
from weakref import WeakSet

import orjson

from uproot_nb.bridge.channel import Channel
from uproot_nb.bridge.messages import (
    NO_ANSWER,
    BridgeMessage,
    CloseSession,
    CloseSocket,
    CommitTimes,
    HttpReply,
    HttpRequest,
    Invoke,
    Misuse,
    OpenSession,
    PageReport,
    PartsWanted,
    RoomShared,
    RoomWaiting,
    ScriptError,
    ServeFiles,
    SetState,
    SiteMoved,
    SocketClosed,
    SocketOpened,
    StewardClosed,
    StewardMessage,
    StewardOpened,
    StewardRequest,
    TakenOver,
)
from uproot_nb.engine.background import repeat
from uproot_nb.engine.calls import Calls
from uproot_nb.engine.changed_subjects import ChangedSubjects
from uproot_nb.engine.effects import Effects
from uproot_nb.engine.erasing import Erasing
from uproot_nb.engine.interventions import Interventions
from uproot_nb.engine.process_exit import leave_before_exit, stay
from uproot_nb.engine.stays import Stays
from uproot_nb.engine.stewards import FromSteward, Stewards
from uproot_nb.engine.watchdog import Watchdog
from uproot_nb.errors import BridgeRefused, ClaimLost, ClosedRun, SessionElsewhere, UprootError
from uproot_nb.experiment.execution import leave_thread_to
from uproot_nb.experiment.field_descriptions import describe_experiment, describe_fields
from uproot_nb.experiment.money.payment import Payment
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.setup import App, Setup, describe_order
from uproot_nb.experiment.source import hash_text
from uproot_nb.flow.app_files import AppFiles
from uproot_nb.flow.dropouts import Dropouts, Handler
from uproot_nb.flow.flow import Flow
from uproot_nb.flow.frozen_code import PageCode
from uproot_nb.flow.hooks import cause_of, run_authors
from uproot_nb.flow.participation.consents import texts_in
from uproot_nb.flow.served_apps import MakeTemplates
from uproot_nb.log.codec import Resolve
from uproot_nb.log.log import EventLog, TransferableLog
from uproot_nb.realtime.delivery import Delivery
from uproot_nb.realtime.rooms import Door, Rooms
from uproot_nb.session.breaking import StepBroken, break_thread
from uproot_nb.session.entities import Player
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.functions import find_function
from uproot_nb.session.interrupts import SECTIONS
from uproot_nb.session.steps import NOBODY, Cause, StepLock, StepLoop, Steps, drive
from uproot_nb.session.world import World
from uproot_nb.version import VERSION

__all__ = ["Connect", "Runtime"]

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

Connect = Callable[
    [Callable[[list[BridgeMessage]], None], Callable[[], None]], Awaitable[tuple[Channel, str]]
]
"""Connects to a participant server: (receive, lost) → (channel, participant root URL)."""

REDIAL_SECONDS = 1.0
LOOK_SECONDS = 0.5
"""Seconds between two checks of the log's file, the clock and waiting reports."""
BREAK_SECONDS = 1.0
"""How long `interrupt` waits for the interrupted step to end."""
CLOSING_SECONDS = 10.0
"""How long closing waits for another program that writes to the log's file."""
FINISHING_SECONDS = 1.0
"""How long running calls and requests may take at the end of the process."""
HANDOVER_LOOK_SECONDS = 0.1
"""Seconds between two looks whether the session is to be handed over."""
HANDOVER_SECONDS = 10.0
"""How long handing over may take; after that, what is not committed is lost."""
SWITCH_SECONDS = 0.0005
"""The interpreter's switch interval while participants wait for a running cell."""


class WarningWindow(Protocol):
    """A monitor's window, which shows what delays participants."""

    def note_held(self, text: str) -> None:
        """Show a warning; called in another thread."""


class _SwitchInterval:
    """The interpreter's switch interval, which is short while any run is open."""

    _open_runs = 0
    _usual = 0.0

    @classmethod
    def shorten(cls) -> None:
        if cls._open_runs == 0:
            cls._usual = sys.getswitchinterval()
            sys.setswitchinterval(min(cls._usual, SWITCH_SECONDS))
        cls._open_runs += 1

    @classmethod
    def restore(cls) -> None:
        cls._open_runs -= 1
        if cls._open_runs == 0:
            sys.setswitchinterval(cls._usual)


class Runtime:
    """Serves one session in a thread of its own, alongside cells.

    Args:
        connect: connects to a participant server, also after the connection was lost.
        disconnect: releases, at the end, what `connect` has opened.
        outside: returns the cause of changes by a cell.
        show: shows a text in the output of the cell it belongs to.
        secret: the session's, if the log has claimed it already.
    """

    _tasks: dict[asyncio.Task[Any], bool]
    """The loop's tasks, and whether each runs until the run ends."""
    _channel: Channel | None = None
    _notebook = ""
    """The hash of the notebook's source that the log has."""
    origin = ""
    """The file of the session's log; "" if it is in memory."""
    _leaving: Future[None] | None = None
    _letting_go: asyncio.Task[None] | None = None
    lost: ClaimLost | None = None
    """Why another kernel serves the session, if it has taken it over."""
    handed_over = False
    """Whether the session was left to another kernel on request."""
    _ignores_messages = False
    """Whether the server's messages are left to the next kernel."""

    redefined: Callable[[type[Page], bool], None] | None = None
    """Called under the lock with a page that has new code, and whether its browsers reload."""

    stewards: Stewards | None = None
    """Serves monitors' web pages and the REST API; None in a rehearsal or rerun."""

    has_effects = True
    """Whether outside effects are performed; False in a rehearsal or rerun."""

    def __init__(
        self,
        name: str,
        log: EventLog,
        setup: Setup,
        connect: Connect,
        outside: Callable[[], Cause],
        show: Callable[[str, Cause], None],
        disconnect: Callable[[], Awaitable[None]],
        make_templates: MakeTemplates,
        settings: Mapping[str, Any] | None = None,
        seed: Any = None,
        resolve: Resolve | None = None,
        language: str = "",
        simulate: bool = False,
        make_loop: Callable[[StepLock], StepLoop] = StepLoop,
        secret: bytes | None = None,
    ) -> None:
        self.name, self.setup = name, setup
        self._connect, self._disconnect, self._show = connect, disconnect, show
        self._cell = outside
        self.url, self.closed = "", False
        self._closing = threading.Lock()
        self.lock = StepLock()
        self.loop = make_loop(self.lock)
        self._description: dict[str, Any] = {"entries": {}, "codebook": {}}
        self._sockets: dict[str, dict[int, str]] = {}  # by player: what carries each socket
        self._tasks = {}
        secret = log.claim(name) if secret is None else secret
        try:
            self.world = World(
                name, log, secret, self.lock, self.loop, self._outside, settings, seed, resolve
            )
        except BaseException:
            log.release(name)
            raise
        self.loop.session = self.world
        self._do_as_in(setup.apps)
        self.is_new = not self.world.state.opened
        self.world.send, self.world.drain = self._send, self._drain
        self.reports = ErrorReports(self.world, show)
        self.delivery = Delivery(self.world, self._spawn)
        self.files = AppFiles(self.world, simulate)
        self.flow = Flow(
            self.world, setup, self.delivery, self.reports, make_templates, self.files,
            self._spawn, self._introduce, language, simulate,
        )  # fmt: skip
        self.dropouts = Dropouts(
            self.world, self._call_handler, self.find_function, self.flow.wake_waiting,
            self.flow.departures.note, self.flow.timeouts,
        )  # fmt: skip
        self.rooms = Rooms(self.world, self.reports, self._make_door())
        self.world.make_context = self._context_of
        self.world.serve_by(self, self.delivery, self.flow, self.dropouts)
        parts = self.world, self.flow, self.delivery, self.dropouts
        self.interventions = Interventions(*parts, self._introduce_soon)
        self.erasing = Erasing(self.world, self.flow)
        self.calls = Calls(self.world, self.flow, self.reports)
        self.page_code = PageCode(self.world, self.flow.apps, self.reports, self._take_new_code)
        self.changes = ChangedSubjects(self.world.journal, self.world.state)
        self.stays = Stays(self.world, lambda: self.flow.timeouts.elapsed)
        self.world.journal.report_to(self._note_failure, self._log_fails)
        self.world.journal.on_lost = self._lose
        self.windows: WeakSet[WarningWindow] = WeakSet()  # monitors
        self.watchdog = Watchdog(self.lock, self.loop, self._warn, self.calls.note_held)
        self._thread = threading.Thread(target=self._work, name=f"uproot_nb {name}", daemon=True)
        self.lock.who = lambda: outside().cause

    # ---- opening and closing ----

    def open(self, players: int) -> None:
        """Start the thread, create the places, and let participants in."""
        effects = Effects(self.world, self.reports, self.find_function, self.has_effects)
        self.effects = self.lock.outside = effects
        _SwitchInterval.shorten()
        self._thread.start()
        leave_before_exit(self)
        try:
            self.wait_for(self._begin(players))
        except BaseException:
            self.close()
            raise
        self.watchdog.start()

    def close(self) -> None:
        """Close the session at the server, commit, and end the thread. Idempotent.

        An interrupt waits until this is done; a second one, after a while, breaks it.
        """
        if threading.get_ident() != SECTIONS.thread:
            self._close()
            return
        SECTIONS.enter()
        try:
            self._close()
        finally:
            SECTIONS.leave()

    def _close(self) -> None:
        with self._closing:
            if self.closed:
                return
            try:
                if self.world.state.opened:
                    self.note_experiment()  # with entry types that a cell has defined since
                self.wait_for(self._end())
            finally:
                self.watchdog.stop()
                if self.closed:
                    self._stop()
                    self.world.log.rest()

    def end_cell(self) -> None:
        """Commit a cell's changes and release the lock, after a cell of the main thread."""
        left_behind = self.lock.free()
        SECTIONS.end_all()
        if not self.closed:
            self.page_code.see_all()
        if not self.closed and self._has_cells_changes():
            self.world.journal.commit()
        if left_behind:
            text = "The cell ended without leaving 'with run.lock'; the lock is free again."
            self.reports.warn(text, self._cell())

    def _has_cells_changes(self) -> bool:
        """Return whether a cell has changes to commit; otherwise it need not wait for a step."""
        return any(event.actor == "researcher" for event in self.world.journal.uncommitted)

    def begin_to_leave(self) -> None:
        """Start nothing more: the process ends."""
        if self.closed or not self._thread.is_alive():
            return
        self._leaving = asyncio.run_coroutine_threadsafe(self._leave(), self.loop)

    def leave(self, until: float) -> None:
        """Commit everything by *until*; what remains is lost, as if the process were killed.

        The session is not closed: the participant server holds its participants and their
        unanswered calls for the next kernel.
        """
        if self._leaving is None:
            return
        try:
            self._wait_until_left(until)
        except TimeoutError:
            self.world.journal.halt()
            logger.warning(
                "Session %r: %s did not end; its changes are not stored.",
                self.name, self.lock.holder or "Something",
            )  # fmt: skip
        finally:
            self.watchdog.stop()
            self._stop(max(0.0, until - time.monotonic()), for_another=True)

    def hand_over(self) -> None:
        """Let go of the session without closing it: participants wait for another kernel.

        What runs has a second to end, and is then ended. Any thread but the run's own may call.
        """
        with self._closing:
            if self.closed:
                return
            self.handed_over = True
            self.begin_to_leave()
            self.leave(time.monotonic() + HANDOVER_SECONDS)
            self.world.log.rest()

    def _look_for_handover(self, log: TransferableLog) -> None:
        """Hand over if somebody asks for it, unless a cell holds the lock: then when it ends."""
        if self.handed_over:
            return
        if log.is_asked_to_hand_over(self.name) and self.lock.acquire_now(False):
            self.lock.release()
            self.handed_over = True
            self._show(_HANDED_OVER.format(name=self.name), Cause("", "", "log", ""))
            threading.Thread(target=self.hand_over, name="uproot_nb-handover", daemon=True).start()

    def _wait_until_left(self, until: float) -> None:
        leaving = self._leaving
        assert leaving is not None
        try:
            leaving.result(max(0.0, until - time.monotonic()) / 2)
        except TimeoutError:
            self.interrupt()  # a loop without an end
            leaving.result(max(0.0, until - time.monotonic()))

    def _warn(self, text: str, of: Cause) -> None:
        self.reports.warn(text, Cause("", of.page, "watchdog", ""))
        for window in list(self.windows):
            window.note_held(text)

    def interrupt(self) -> str:
        """End the running step of authors' code by raising an exception in it; return its name.

        Any thread but the run's own may call, without the lock. Empty if no step runs.
        """
        lock = self.lock
        since, holder = lock.since, lock.holder if lock.is_in_step() else "The experiment's code"
        if not (lock.is_in_step() or self.watchdog.is_stuck()):
            return ""
        lock.breaking = True
        try:
            if not break_thread(lock.thread_of_steps, lambda: not lock.breaking):
                return ""
        finally:
            lock.breaking = False
        until = time.monotonic() + BREAK_SECONDS
        while lock.is_in_step() and lock.since == since and time.monotonic() < until:
            time.sleep(0.005)
        return holder

    def interrupt_if_held_up(self) -> str:
        """End a step that delays participants; one that has just begun continues."""
        return self.interrupt() if self.watchdog.is_stuck() else ""

    def wait_for(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the loop and wait for its result.

        Raises:
            UprootError: called on the loop itself or under the lock, where it would never end.
            ClosedRun: the run was closed.
        """
        if self.lock.owned() or threading.get_ident() == self.lock.thread_of_steps:
            coroutine.close()
            raise UprootError(
                "This waits for the experiment, which waits for the code that called it.\n"
                "Call it in a cell, outside 'with run.lock'."
            )
        if self.loop.is_closed():
            coroutine.close()
            raise ClosedRun(self.name)
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def _outside(self) -> Cause:
        """Return the cause of a change outside steps: by a thread of authors' code, or a cell."""
        return self.lock.cause_here() or self._cell()

    def _work(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.lock.thread_of_steps = threading.get_ident()
        self.world.journal.start()
        leave_thread_to(self.effects)
        self.loop.set_exception_handler(self._note_callback)
        try:
            self._run_loop()
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self.loop.close()

    def _run_loop(self) -> None:
        """Run the loop until it is stopped, whatever authors' callbacks raise."""
        while True:
            try:
                self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as left:  # asyncio lets no other out
                self._note_failure(left)
            else:
                return

    async def _begin(self, players: int) -> None:
        self._reset_presence()
        for page in self.flow.pages:
            self.note_code(page)
        cause = Cause("researcher", "", "new_session" if self.is_new else "restart", "")
        if self.is_new:
            for app in self.setup.apps:
                if app.new_session is not None:
                    await run_authors(app.new_session, self.world, cause, self.world.session)
        self._note_opened(cause)
        self.note_payment(self.setup.payment_rule)
        self.calls.note_cut_off()
        self.note_experiment()
        for player in self.world.players():
            await self._introduce(player)
        while self._places() < players:
            await self.open_place(claimed=False)
        for app in self.setup.apps:
            if not self.is_new and app.restart is not None:
                await run_authors(app.restart, self.world, cause)
        self.flow.resume()
        self.dropouts.resume()
        self.effects.resume()
        await self._dial()
        self._watch_over()

    def _stop(self, seconds: float = 5.0, for_another: bool = False) -> None:
        """End the thread, and release the session: closed, or left to another kernel."""
        _SwitchInterval.restore()
        stay(self)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(seconds)
        log = self.world.log
        if for_another and isinstance(log, TransferableLog):
            log.hand_over(self.name)
        else:
            log.release(self.name)

    async def _leave(self) -> None:
        self._ignores_messages = True
        self.calls.pause()
        await self._begin_what_is_due()
        ending = [task for task, endless in self._tasks.items() if not endless]
        finishing = [*self.calls.running, *ending]
        if finishing:
            await asyncio.wait(finishing, timeout=FINISHING_SECONDS)
        await self._cancel_all()
        self.reports.settle(everything=True)
        await self.world.journal.settle(FINISHING_SECONDS)
        await self._hang_up()
        self.world.journal.close()

    async def _hang_up(self) -> None:
        """Disconnect once everything is sent, without closing the session."""
        channel, self._channel = self._channel, None
        if channel is not None:
            while channel.unsent and not channel.closed:
                await asyncio.sleep(0.002)
            channel.close()
        await self._disconnect()

    async def _begin_what_is_due(self) -> None:
        """Stop the timers, and begin what they have asked for: the log says that it was due.

        A drop-out calls its handler a turn later, as a task that begins in the turn after.
        """
        self._stop_clocks()
        for _ in range(2):
            await asyncio.sleep(0)

    def _stop_clocks(self) -> None:
        self.flow.close()
        self.dropouts.close()

    async def _cancel_all(self) -> None:
        self.closed = self.world.closing = True
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2.0)
        await self.calls.close()

    async def _end(self) -> None:
        await self._begin_what_is_due()
        await self._cancel_all()
        self._stop_clocks()
        self.reports.settle(everything=True)
        await self.world.journal.settle(CLOSING_SECONDS)
        await self.effects.settle()
        try:
            self.world.journal.close()
        finally:
            if self._channel is not None:
                self._channel.send(CloseSession(self.world.key))
                self._channel.close()
                await asyncio.sleep(0)  # the channel writes at the end of the turn
            await self._disconnect()
            self.files.close()
            self.delivery.close()

    def _note_opened(self, cause: Cause) -> None:
        """Log that the session is served; *cause* is that of its own code, new_session or restart.

        From here on, the log has all inputs as rows of their own.
        """
        pages = [page.key for page in self.flow.pages]
        value = {
            "settings": dict(self.world.settings), "pages": pages, "seed": self.world.seed,
            "inputs": True, "arrivals": True, "undoes_moves": True,
            "versions": {"uproot_nb": VERSION, "python": platform.python_version()},
            **({"help": True} if self.world.offers_help else {}),
        }  # fmt: skip
        with self.lock:
            text = self.world.codec.encode(value)
            self.world.journal.fold_for(cause, "open", "session", "", text)

    def _watch_over(self) -> None:
        """Start the periodic work."""
        report = self._note_failure
        acts = (
            self.world.journal.check_place, self.reports.settle, self.calls.note_long,
            self._follow_clock,
        )  # fmt: skip
        self.beside(repeat(LOOK_SECONDS, report, *acts))
        self.beside(repeat(2 * LOOK_SECONDS, report, self._tick, self._give_sign))
        if isinstance(self.world.log, TransferableLog):
            look = partial(self._look_for_handover, self.world.log)
            self.beside(repeat(HANDOVER_LOOK_SECONDS, report, look))

    def _tick(self) -> None:
        """Save a snapshot if one is due."""
        self.world.journal.tick()

    def _give_sign(self) -> None:
        """Send the participant server a sign of life, and how the log is doing."""
        self._send(SetState(self.world.key, self._shown_state()))
        journal = self.world.journal
        self._send(
            CommitTimes(
                self.world.key, list(journal.commits.counts), journal.commits.seconds,
                journal.committed, journal.uncommitted_count,
            )
        )  # fmt: skip

    def _follow_clock(self) -> None:
        """Move deadlines if the system clock was set, or the machine has slept."""
        seconds = self.world.clock.follow()
        if seconds:
            self.flow.timeouts.follow_clock(seconds)
            text = (
                f"This machine's clock was moved by {seconds:+.0f} s, or the machine slept for so "
                "long. Participants' time goes on where it was; times in the log are the clock's."
            )
            self.reports.warn(text, Cause("", "", "uproot_nb", ""))

    def _note_callback(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Report an error of a timer or callback; asyncio would only print it."""
        error = context.get("exception")
        if error is None or self.closed:
            loop.default_exception_handler(context)
        else:
            self._note_failure(error)

    # ---- the connection to the participant server ----

    async def _dial(self) -> None:
        self._channel, self.url = await self._connect(self._receive, self._connection_lost)
        self.flow.timeouts.note_connection(True)
        world = self.world
        self._send(
            OpenSession(
                world.key, self.name, world.join_secret, self._shown_state(), world.tokens(),
                self.origin,
            )
        )  # fmt: skip
        for app in self.setup.apps:
            self._offer_files(app)
        self.rooms.announce()

    def _send(self, message: BridgeMessage) -> None:
        if self._channel is not None:
            self._channel.send(message)

    async def _drain(self, number: int) -> None:
        if self._channel is not None:
            await self._channel.drain(number)

    def _connection_lost(self) -> None:
        self._channel = None
        self.flow.timeouts.note_connection(False)
        self.delivery.forget_sockets()
        self.flow.streams.stop()
        if self.stewards is not None:
            self.stewards.forget()
        if self.closed:
            return
        self.beside(self._redial())  # first, so that no error below prevents it
        self._show(
            f"The participant server at {self.url} is gone. Participants' pages try again "
            "until it is back, and so does this run; it continues by itself.",
            Cause("", "", "line", ""),
        )
        with self.lock:
            if not self.closed:
                self._reset_presence()

    async def _redial(self) -> None:
        while not self.closed:
            await asyncio.sleep(REDIAL_SECONDS)
            try:
                await self._dial()
            except SessionElsewhere as elsewhere:
                self._note_failure(elsewhere)  # shown once: equal errors are grouped
                continue
            except (BridgeRefused, OSError):
                continue
            except Exception as error:  # whatever it is: participants wait for the next attempt
                self._drop_line()
                self._note_failure(error)
                continue
            self._show(
                "The participant server is back, and participants are coming back.",
                Cause("", "", "line", ""),
            )
            return

    def _drop_line(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _receive(self, messages: list[BridgeMessage]) -> None:
        if self._ignores_messages:
            return
        for message in messages:
            try:
                if type(message) is Invoke:
                    self.calls.receive(message)
                else:
                    self._receive_other(message)
            except (Exception, StepBroken) as error:  # the border around one: the others follow
                self._note_failure(error)
                if type(message) is Invoke:
                    self.calls.give_up(message)

    def _note_failure(self, error: BaseException) -> None:
        """Report an internal error, which must not stop the code after it."""
        try:
            self.reports.report(error, Cause("", "", "uproot_nb", ""))
        except Exception:  # the log is closed
            logger.exception("Session %r: %r could not be reported.", self.name, error)

    def _receive_other(self, message: BridgeMessage) -> None:
        match message:
            case HttpRequest(action="room" | "enter"):
                self._spawn(self._answer(message, self._answer_room))
            case RoomWaiting():
                self.rooms.note_waiting(message)
            case HttpRequest():
                is_known = message.player == "" or message.player in self.world.state.players
                self._spawn(self._answer(message, self.flow.answer if is_known else _no_answer))
            case PartsWanted():
                self._note_wanted(message)
            case SocketOpened():
                self.delivery.catch_up(message)
                self._note_presence(message.player, message.socket, True, message.by)
                self._show_clock(message.player)
            case SocketClosed():
                self.delivery.forget_socket(message.socket)
                self._note_presence(message.player, message.socket, False)
            case Misuse():
                subject = f"player/{message.player}" if message.player else "session"
                self.reports.misuse(message.what, message.count, subject)
            case TakenOver() | RoomShared():
                self.reports.warn(_words_of(message, self.name), Cause("", "", "line", ""))
            case SiteMoved(url=url):
                self.url = url
            case ScriptError():
                self._note_script_error(message)
            case PageReport():
                self.flow.page_reports.receive(message)
            case StewardOpened() | StewardMessage() | StewardClosed() | StewardRequest():
                self._receive_steward(message)
            case _:
                logger.warning("The participant server sent %s unasked.", type(message).__name__)

    def _note_wanted(self, message: PartsWanted) -> None:
        """Let answers go on that are sent part by part; requests are numbered across both kinds."""
        self.flow.streams.note_wanted(message)
        if self.stewards is not None:
            self.stewards.note_wanted(message)

    def _receive_steward(self, message: FromSteward) -> None:
        """Pass on what somebody sends who watches or steers."""
        if self.stewards is not None:
            self.stewards.receive(message)
        elif isinstance(message, StewardOpened):
            self.world.send(CloseSocket(message.socket, 4404, "no monitor"))
        elif isinstance(message, StewardRequest):
            self.world.send(HttpReply(message.request, 404, [], b""))

    def _show_clock(self, name: str) -> None:
        """Set the clock of a browser that may have missed a pause, or more time."""
        if self.flow.timeouts.were_changed and name in self.world.state.players:
            self.flow.show_clock(self.world.player(name))

    def _note_script_error(self, failed: ScriptError) -> None:
        if failed.player in self.world.state.players:
            page = self.flow.journeys.page(self.world.player(failed.player), failed.page)
            place = f"{failed.source}:{failed.line}" if failed.line else failed.source
            key = page.key if page is not None else ""
            cause = Cause(failed.player, key, f"{page.__name__ if page else 'page'} script", "")
            self.reports.script_error(failed.message, place, cause, failed.count)

    async def _answer(
        self, request: HttpRequest, answer: Callable[[HttpRequest], Awaitable[bool]]
    ) -> None:
        """Answer a request, or give it back: a server sends only so many that are unanswered.

        Args:
            answer: returns whether the request has got its answer, or gets it after the commit.
        """
        is_answered = False
        try:
            is_answered = await answer(request)
        finally:
            if not is_answered:
                self._send(HttpReply(request.request, NO_ANSWER, [], b""))

    async def _answer_room(self, request: HttpRequest) -> bool:
        if request.action != "room" and not await self.flow.may_begin():
            return False
        self.flow.reply(await self.rooms.answer(request))
        return True

    def _lose(self, error: ClaimLost) -> None:
        """Go silent: another kernel serves the session now, and has its participants."""
        self.lost = error
        self._show(str(error), Cause("", "", "log", ""))
        self._letting_go = self.loop.create_task(self._let_go())

    async def _let_go(self) -> None:
        """End everything without closing the session, and without committing anything."""
        self._ignores_messages = True
        self._stop_clocks()
        await self._cancel_all()
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
        await self._disconnect()
        self.files.close()
        self.delivery.close()
        threading.Thread(target=self._end_lost, name="uproot_nb-lost", daemon=True).start()

    def _end_lost(self) -> None:
        self.watchdog.stop()
        self._stop()
        self.world.log.rest()

    def _log_fails(self, error: BaseException | None) -> None:
        """Report that the log cannot be written, or can be again."""
        self._send(SetState(self.world.key, self._shown_state()))
        if error is None:
            path = self.world.log.path
            text = f"The log of '{self.name}' is written again, to {path}; what waited is in it."
        else:
            text = (
                f"The log of '{self.name}' cannot be written: {error}\n"
                "Participants read that the study is paused. Nothing is acknowledged meanwhile; "
                "writing is tried again, and the study continues by itself."
            )
        self._show(text, Cause("", "", "log", ""))

    def _shown_state(self) -> str:
        return "paused" if self.world.journal.failing else self.flow.state

    # ---- presence ----

    def _note_presence(self, player: str, socket: int, here: bool, by: str = "") -> None:
        if here and self._is_awaited(player):
            return  # a socket without a page
        sockets = self._sockets.setdefault(player, {})
        if here:
            sockets[socket] = by
        else:
            sockets.pop(socket, None)
        state = self.world.state.players.get(player)
        by = "" if "" in sockets.values() else next(iter(sockets.values()), "")
        if state is not None and (state.online, state.by) != (bool(sockets), by):
            kind = "connect" if sockets else "disconnect"
            value = orjson.dumps({"by": by}).decode() if by else "null"
            with self.lock:
                cause = Cause(player, state.page or "", kind, "")
                self.world.journal.fold_for(cause, kind, f"player/{player}", "", value)
                entity = self.world.player(player)
                self.dropouts.note_presence(entity)
            self.flow.note_presence(entity)

    def _is_awaited(self, name: str) -> bool:
        """Return whether nobody has begun as a player of that name."""
        world = self.world
        return name in world.state.players and self.flow.newcomers.awaits(world.player(name))

    def note_all_left(self) -> None:
        """Log that nobody is online any more; called just before the end."""
        with self.lock:
            for name, state in self.world.state.players.items():
                if state.online:
                    cause = Cause(name, state.page or "", "disconnect", "")
                    self.world.journal.fold_for(cause, "disconnect", f"player/{name}", "", "null")

    def _reset_presence(self) -> None:
        """Forget the sockets of an earlier connection; the server reports the open ones again."""
        for name in list(self.world.state.players):
            self._sockets[name] = {}
            try:
                self._note_presence(name, -1, False)
            except Exception as error:  # the border around one player: the others follow
                self._note_failure(error)

    # ---- places ----

    async def open_place(self, claimed: bool = True) -> Player:
        """Open one more place and run the author's new_player for it."""
        player = self.world.add_player(claimed=claimed)
        await self._introduce(player)
        return player

    def _make_door(self) -> Door:
        """Return what rooms use of the flow."""
        flow = self.flow
        return Door(self._receive_newcomer, flow.newcomers.note, flow.room_page, flow.places)

    async def _receive_newcomer(self, player: Player) -> None:
        """Run the author's new_player and arrived for somebody who has come through a room."""
        await self._introduce(player)
        await self.flow.newcomers.welcome(player)

    async def _introduce(self, player: Player) -> None:
        """Run the author's new_player once; after an error it is run again."""
        cause = Cause(player.name, "", "new_player", "")
        for app in self.setup.apps:
            what = f"new_player:{app.name}"
            if app.new_player is not None and what not in player._state.done:
                note = partial(self.flow.moves.mark, player, what)
                await run_authors(app.new_player, self.world, cause, player, then=note)

    def _introduce_soon(self, player: Player) -> None:
        """Run the author's new_player on the loop; after a kill, the next kernel runs it."""
        cause = Cause(player.name, "", "new_player", "")
        self.loop.call_soon_threadsafe(lambda: self._spawn(self._introduce(player), cause))

    def _places(self) -> int:
        """Return how many places there are, without those that were given to others."""
        return sum(not player.freed for player in self.world.state.players.values())

    def add_places(self, players: int) -> None:
        """Open places until there are at least *players*; waits for them."""
        missing = players - self._places()
        for _ in range(missing):
            self.wait_for(self.open_place(claimed=False))

    # ---- state and tasks ----

    def set_state(self, state: str) -> None:
        """Pause or resume: "paused", "running"."""
        if self.closed:
            raise ClosedRun(self.name)
        with self.lock:
            self.flow.set_state(state)
            self.world.journal.write("intervention", "session", state, "null")
            message = SetState(self.world.key, state)
            self.world.journal.after_commit(lambda: self._send(message))
            if state == "paused":
                self.calls.pause()
            else:
                self.world.journal.after_commit(self._go_on)

    def _go_on(self) -> None:
        if self.flow.state == "running":
            self.calls.resume()

    def spawn(
        self, coroutine: Coroutine[Any, Any, Any], cell: Cause | None = None
    ) -> asyncio.Task[Any]:
        """Run a coroutine in the background, until the run ends; its errors are shown.

        Args:
            cell: the cell that asks for it; None for the experiment's code.
        """
        name = getattr(coroutine, "__qualname__", "task")
        actor, page, _, code = cell or self.lock.cause or NOBODY
        if cell is None and actor == "researcher":
            actor = ""  # new_session or restart, whose tasks a rerun starts again
        cause = Cause(actor, page, f"task {name}", code)
        steps = drive(Steps(coroutine, self.lock, cause))
        return self._spawn(steps, cause, endless=True)

    def spawn_from_cell(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run a coroutine in the background, from any thread but the run's own, without waiting."""
        if self.closed:
            coroutine.close()
            raise ClosedRun(self.name)
        outcome: Future[Any] = Future()
        cell = self._outside()

        def start() -> None:
            task = self.spawn(coroutine, cell)
            outcome.add_done_callback(
                lambda done: done.cancelled() and self.loop.call_soon_threadsafe(task.cancel)
            )
            task.add_done_callback(lambda done: _copy_outcome(done, outcome))

        self.loop.call_soon_threadsafe(start)
        return outcome

    def beside(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any] | None:
        """Run a coroutine of our own, from the loop, until the run ends."""
        if self.closed:
            coroutine.close()
            return None
        return self._spawn(coroutine, endless=True)

    def _spawn(
        self,
        coroutine: Coroutine[Any, Any, Any],
        cause: Cause | None = None,
        *,
        endless: bool = False,
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=self.loop)
        self._tasks[task] = endless
        task.add_done_callback(lambda done: self._ended(done, cause))
        return task

    def _ended(self, task: asyncio.Task[Any], cause: Cause | None) -> None:
        self._tasks.pop(task, None)
        if task.cancelled() or task.exception() is None or self.closed:
            return
        error = task.exception()
        assert error is not None
        self.reports.report(error, cause or Cause("", "", "uproot_nb", ""))

    # ---- code ----

    def _take_new_code(self, page: type[Page], looks_different: bool) -> None:
        """Use a page that a reloaded module has changed in place."""
        self.note_code(page)
        self._show_new_code(page, looks_different)

    def _show_new_code(self, page: type[Page], looks_different: bool, is_new: bool = True) -> None:
        """Bring a page's new code to those who are on it, and report whom it has reached."""
        if looks_different:
            self.reload_page(page)
        if page.waits:
            self.flow.wake_waiting(everybody=True)
        if self.redefined is not None and (is_new or looks_different):
            self.redefined(page, looks_different)

    def note_code(self, page: type[Page]) -> None:
        """Log a page's source, its hash, and its form's fields."""
        source = page.source
        self.page_code.note(page)
        with self.lock:
            value: dict[str, Any] = {
                "hash": source.hash, "source": source.text, "page": page.key,
            }  # fmt: skip
            fields = getattr(page, "fields", None)
            if isinstance(fields, Mapping) and fields:
                value["fields"] = describe_fields(fields, page.key)
            texts = texts_in(page)
            if texts:
                value["texts"] = texts
            cause = Cause("researcher", page.key, f"class {page.__name__}", source.hash)
            text = self.world.codec.encode(value)
            self.world.journal.write_for(cause, "code", "session", page.key, text)

    def note_experiment(self) -> None:
        """Log the experiment's descriptions of its data, if they have changed."""
        with self.lock:
            types = self.world.models.types.values()
            description = describe_experiment([app.namespace for app in self.setup.apps], types)
            if description != self._description and not self.world.closing:
                self._description = description
                text = self.world.codec.encode(description)
                cause = Cause("researcher", "", "class Entry", "")
                self.world.journal.write_for(cause, "code", "session", "", text)

    def note_payment(self, rule: Payment | None) -> None:
        """Log how points and fees become money, if that is new."""
        with self.lock:
            if rule is not None and rule.as_dict() != self.world.state.payment:
                text = self.world.codec.encode({"rule": rule.as_dict()})
                cause = self.lock.cause or Cause("researcher", "", "payment", "")
                self.world.journal.fold_for(cause, "pay", "session", "", text)

    def note_notebook(self, name: str, source: str) -> None:
        """Log the notebook's source, if it has changed."""
        found = hash_text(source)
        with self.lock:
            if found != self._notebook:
                self._notebook = found
                text = self.world.codec.encode({"hash": found, "source": source, "notebook": name})
                cause = Cause("researcher", "", "class Notebook", found)
                self.world.journal.write_for(cause, "code", "session", name, text)

    def redefine(self, page: type[Page]) -> None:
        """Use a redefined page from now on; browsers that show it reload if it looks different."""
        with self.lock:
            old = self.flow.journeys.pages.get(page.key)
            if old is None or old is page or not self.flow.replace(page):
                return
            self.note_code(page)
            looks_different = self.flow.apps.view_of(old) != self.flow.apps.view_of(page)
            self._show_new_code(page, looks_different, old.source.hash != page.source.hash)

    def reload_page(self, page: type[Page]) -> None:
        """Reload the browsers that show *page*."""
        names = [n for n, p in self.world.state.players.items() if p.page == page.key]
        if names:
            self.delivery.act(names, "reload")

    def adopt(self, setup: Setup) -> None:
        """Use a new page order and callbacks for a session that is served."""
        with self.lock:
            for page in setup.pages:
                self.redefine(page)
            known = [page.key for page in self.flow.pages]
            if describe_order(setup) != describe_order(self.setup):
                if any(p.position >= 0 for p in self.world.state.players.values()):
                    raise UprootError(
                        f"The page order of '{self.name}' changed while players are on it.\n"
                        "Close the run first, or serve under another name."
                    )
                for page in setup.pages:
                    if page.key not in known:
                        self.note_code(page)
                self.flow.journeys.pages.clear()
            self.setup = setup
            self.flow.journeys.adopt(setup)
            self.flow.apps.forget()
            self.note_experiment()
            self.note_payment(setup.payment_rule)

    def find_function(self, name: str) -> Callable[..., Any] | None:
        """Return an author's function by its name in the log; None if there is none."""
        return find_function(name, [app.namespace for app in self.setup.apps])

    # ---- apps ----

    def _offer_files(self, app: App) -> None:
        """Have the participant server serve an app's files."""
        for key, folder in self.files.offered(app):
            self._send(ServeFiles(self.world.key, key, str(folder)))

    def _do_as_in(self, apps: Sequence[App]) -> None:
        """Let players, groups and the session be as the framework's apps know them."""
        self.world.has_payoffs = not all(app.name for app in apps)
        self.world.in_app = any(app.lenient for app in apps)
        own = [app.virtual_fields for app in apps]
        self.world.virtual_fields = {name: field for one in own for name, field in one.items()}

    def _context_of(self, player: Player) -> Any:
        app = self.flow.apps.app_of(self.flow.journeys.pages.get(player.page or ""))
        if app.context is None:
            raise UprootError(
                f"player/{player.name} has no context: the experiment defines no Context.\n"
                "Write class Context(PlayerContext): ... beside the pages."
            )
        return app.context(player)

    def _call_handler(self, handler: Handler, player: Player) -> None:
        cause = self.flow.moves.cause(player, getattr(handler, "__name__", "dropout"))
        self.loop.call_soon_threadsafe(
            lambda: self._spawn(self._handle(handler, player, cause))
        )  # a cell may have marked the player

    async def _handle(self, handler: Handler, player: Player, cause: Cause) -> None:
        try:
            await run_authors(handler, self.world, cause, player)
        except Exception as error:  # the border around authors' handlers
            self.reports.report(error, cause_of(error) or cause, player.subject)
        self.flow.departures.note(player)


_HANDED_OVER = (
    "The session '{name}' is handed over to another kernel: uproot-nb handover asked for it.\n"
    "This run has ended: its participants are there. Everything is in the database."
)


def _words_of(message: TakenOver | RoomShared, session: str) -> str:
    if isinstance(message, TakenOver):
        return (
            f"Another kernel serves the session '{session}' now, from {message.origin}.\n"
            "Its participants are there; changes made here reach nobody. "
            "Close this run: run.close()."
        )
    room = repr(message.name)
    if message.other_has_it:
        return (
            f"The session '{message.other}' also has the room {room}, and came later: people "
            f"who come to the room enter '{message.other}', not '{session}'.\n"
            f"Remove the room from one of the two (run.room({room}).remove()), or close that run."
        )
    return (
        f"The session '{message.other}', which is still open, also has the room {room}: people "
        f"who come to the room now enter '{session}', not '{message.other}'."
    )


async def _no_answer(request: HttpRequest) -> bool:
    """Answer a request for a player whom this session does not have."""
    return False


def _copy_outcome(task: asyncio.Task[Any], outcome: Future[Any]) -> None:
    if outcome.done():
        return
    if task.cancelled():
        outcome.cancel()
    elif task.exception() is not None:
        outcome.set_exception(task.exception())
    else:
        outcome.set_result(task.result())
