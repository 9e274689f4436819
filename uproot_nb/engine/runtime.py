"""Runtime: the thread, loop and connections of a session that is served."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol, TypeVar
from weakref import WeakSet

from uproot_nb.bridge.messages import CloseSession, SetState
from uproot_nb.engine.calls import Calls
from uproot_nb.engine.changed_subjects import ChangedSubjects
from uproot_nb.engine.connection.attendance import Attendance
from uproot_nb.engine.connection.registration import Registration
from uproot_nb.engine.connection.server_line import Connect, ServerLine
from uproot_nb.engine.connection.server_messages import ServerMessages
from uproot_nb.engine.dropout_handlers import DropoutHandlers
from uproot_nb.engine.effects import Effects
from uproot_nb.engine.erasing import Erasing
from uproot_nb.engine.internal_errors import InternalErrors
from uproot_nb.engine.interrupter import Interrupter
from uproot_nb.engine.interventions import Interventions
from uproot_nb.engine.new_places import NewPlaces
from uproot_nb.engine.process_exit import leave_before_exit, stay
from uproot_nb.engine.served_code import CodeLog, ServedCode
from uproot_nb.engine.session_tasks import SessionTasks
from uproot_nb.engine.stays import Stays
from uproot_nb.engine.switch_interval import SwitchInterval
from uproot_nb.engine.upkeep import Upkeep
from uproot_nb.engine.watchdog import Watchdog
from uproot_nb.errors import ClaimLost, ClosedRun, UprootError
from uproot_nb.experiment.execution import leave_thread_to
from uproot_nb.experiment.setup import App, Setup
from uproot_nb.flow.app_files import AppFiles
from uproot_nb.flow.dropouts import Dropouts
from uproot_nb.flow.flow import Flow
from uproot_nb.flow.hooks import run_authors
from uproot_nb.flow.served_apps import MakeTemplates
from uproot_nb.log.codec import Resolve
from uproot_nb.log.log import EventLog, TransferableLog
from uproot_nb.realtime.delivery import Delivery
from uproot_nb.realtime.rooms import Rooms
from uproot_nb.session.entities import Player
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.functions import find_function
from uproot_nb.session.interrupts import SECTIONS
from uproot_nb.session.steps import Cause, StepLock, StepLoop
from uproot_nb.session.world import World

__all__ = ["Runtime"]

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

CLOSING_SECONDS = 10.0
"""How long closing waits for another program that writes to the log's file."""
FINISHING_SECONDS = 1.0
"""How long running calls and requests may take at the end of the process."""
HANDOVER_SECONDS = 10.0
"""How long handing over may take; after that, what is not committed is lost."""


class WarningWindow(Protocol):
    """A monitor's window, which shows what delays participants."""

    def note_held(self, text: str) -> None:
        """Show a warning; called in another thread."""


class Runtime:
    """Serves one session in a thread of its own, alongside cells.

    Args:
        connect: connects to a participant server, also after the connection was lost.
        disconnect: releases, at the end, what `connect` has opened.
        outside: returns the cause of changes by a cell.
        show: shows a text in the output of the cell it belongs to.
        secret: the session's, if the log has claimed it already.
    """

    _leaving: Future[None] | None = None
    _letting_go: asyncio.Task[None] | None = None
    lost: ClaimLost | None = None
    """Why another kernel serves the session, if it has taken it over."""
    handed_over = False
    """Whether the session was left to another kernel on request."""

    has_effects = True
    """Whether outside effects are performed; False in a rehearsal or rerun."""

    has_upkeep = True
    """Whether there is periodic work; a rerun's night without participants has 100,000 rounds."""

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
        self.name = name
        self._show, self._cell = show, outside
        self._closing = threading.Lock()
        self.lock = StepLock()
        self.loop = make_loop(self.lock)
        secret = log.claim(name) if secret is None else secret
        try:
            self.world = World(
                name, log, secret, self.lock, self.loop, self._outside, settings, seed, resolve
            )
        except BaseException:
            log.release(name)
            raise
        self.loop.session = self.world
        _do_as_in(self.world, setup.apps)
        self.is_new = not self.world.state.opened
        self.line = ServerLine(connect, disconnect)
        self.world.send, self.world.drain = self.line.send, self.line.drain
        self.reports = ErrorReports(self.world, show)
        self.tasks = SessionTasks(self.world, self.reports.report, self._outside)
        self.delivery = Delivery(self.world, self.tasks.start)
        self.files = AppFiles(self.world, simulate)
        self.flow = Flow(
            self.world, setup, self.delivery, self.reports, make_templates, self.files,
            self.tasks.start, lambda player: self.places.introduce(player), language, simulate,
        )  # fmt: skip
        self.places = NewPlaces(self.world, self.flow, self.tasks)
        handlers = DropoutHandlers(self.world, self.flow, self.tasks, self.reports)
        self.dropouts = Dropouts(
            self.world, handlers.call, self.find_function, self.flow.wake_waiting,
            self.flow.departures.note, self.flow.timeouts,
        )  # fmt: skip
        self.rooms = Rooms(self.world, self.reports, self.places.door())
        self.world.make_context = partial(_context_of, self.flow)
        self.world.serve_by(self, self.delivery, self.flow, self.dropouts)
        parts = self.world, self.flow, self.delivery, self.dropouts
        self.interventions = Interventions(*parts, self.places.introduce_soon)
        self.erasing = Erasing(self.world, self.flow)
        self._connect_parts()
        self.code_log = CodeLog(self.world, self.flow.journeys)
        self.code = ServedCode(self.world, self.flow, self.delivery, self.reports, self.code_log)
        self.changes = ChangedSubjects(self.world.journal, self.world.state)
        self.stays = Stays(self.world, lambda: self.flow.timeouts.elapsed)
        self.world.journal.report_to(self._errors.report, self.registration.note_log)
        self.world.journal.on_lost = self._lose
        self.windows: WeakSet[WarningWindow] = WeakSet()  # monitors
        self.watchdog = Watchdog(self.lock, self.loop, self._warn, self.calls.note_held)
        self.interrupter = Interrupter(self.lock, self.watchdog)
        self._thread = threading.Thread(target=self._work, name=f"uproot_nb {name}", daemon=True)
        self.lock.who = lambda: outside().cause

    def _connect_parts(self) -> None:
        """Make the parts between the participant server and those that answer it."""
        self.calls = Calls(self.world, self.flow, self.reports)
        self._errors = InternalErrors(self.world, self.reports.report)
        report = self._errors.report
        self.attendance = Attendance(self.world, self.flow, self.dropouts, report)
        self.inbox = ServerMessages(
            self.world, self.line, self.flow, self.calls, self.rooms, self.delivery,
            self.attendance, self.tasks, self.reports, report,
        )  # fmt: skip
        self.registration = Registration(
            self.world, self.line, self.inbox, self.flow, self.rooms, self.files,
            self.attendance, self.tasks, self._show, report,
        )  # fmt: skip
        self.upkeep = Upkeep(
            self.world, self.flow, self.calls, self.registration, self.tasks, self.reports, report,
            self._look_for_handover,
        )  # fmt: skip

    @property
    def setup(self) -> Setup:
        """The apps that are served now."""
        return self.flow.journeys.setup

    @property
    def closed(self) -> bool:
        """Whether the run has ended, or is ending."""
        return self.world.closing

    # ---- opening and closing ----

    def open(self, players: int) -> None:
        """Start the thread, create the places, and let participants in."""
        effects = Effects(self.world, self.reports, self.find_function, self.has_effects)
        self.effects = self.lock.outside = effects
        SwitchInterval.shorten()
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
                    # with entry types that a cell has defined since
                    self.code_log.note_experiment()
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
            self.code.page_code.see_all()
        if not self.closed and self._has_cells_changes():
            self.world.journal.commit()
        if left_behind:
            text = "The cell ended without leaving 'with run.lock'; the lock is free again."
            self.reports.warn(text, self._cell())

    def _has_cells_changes(self) -> bool:
        """Return whether a cell has changes to commit; otherwise it need not wait for a step."""
        return any(event.actor == "researcher" for event in self.world.journal.uncommitted)

    def begin_to_leave(self) -> None:
        """Start nothing more but what is already due: the process ends."""
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
            self.world.closing = True
            logger.warning(
                "Session %r: %s did not end; its changes are not stored.",
                self.name, self.lock.holder or "Something",
            )  # fmt: skip
        finally:
            self.watchdog.stop()
            self._stop(max(0.0, until - time.monotonic()), for_another=True)
            self.world.journal.abandon()

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
            self.interrupter.interrupt()  # a loop without an end
            leaving.result(max(0.0, until - time.monotonic()))

    def _warn(self, text: str, of: Cause) -> None:
        self.reports.warn(text, Cause("", of.page, "watchdog", ""))
        for window in list(self.windows):
            window.note_held(text)

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
        self.loop.set_exception_handler(self._errors.report_callback)
        try:
            self._run_loop()
            self._cancel_the_rest()
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self.loop.close()

    def _cancel_the_rest(self) -> None:
        """End what others have begun in the loop, such as the participants of a test."""
        if self.world.journal.halted:
            return  # as if the process had been killed
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        for _ in range(3):  # a task that goes on nevertheless is lost
            try:
                self.loop.run_until_complete(asyncio.sleep(0))
            except (SystemExit, KeyboardInterrupt) as left:
                self._errors.report(left)

    def _run_loop(self) -> None:
        """Run the loop until it is stopped, whatever authors' callbacks raise."""
        while True:
            try:
                self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as left:  # asyncio lets no other out
                self._errors.report(left)
            else:
                return

    async def _begin(self, players: int) -> None:
        self.attendance.reset()
        for page in self.flow.pages:
            self.code.note(page)
        cause = Cause("researcher", "", "new_session" if self.is_new else "restart", "")
        if self.is_new:
            for app in self.setup.apps:
                if app.new_session is not None:
                    await run_authors(app.new_session, self.world, cause, self.world.session)
        self.code_log.note_opened(self.flow.pages, cause)
        self.code_log.note_payment(self.setup.payment_rule)
        self.calls.note_cut_off()
        self.code_log.note_experiment()
        for player in self.world.players():
            await self.places.introduce(player)
        while self.places.count() < players:
            await self.places.open(claimed=False)
        for app in self.setup.apps:
            if not self.is_new and app.restart is not None:
                await run_authors(app.restart, self.world, cause)
        self.flow.resume()
        self.dropouts.resume()
        self.effects.resume()
        await self.registration.dial()
        if self.has_upkeep:
            self.upkeep.start()

    def _stop(self, seconds: float = 5.0, for_another: bool = False) -> None:
        """End the thread, and release the session: closed, or left to another kernel."""
        SwitchInterval.restore()
        stay(self)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(seconds)
        log = self.world.log
        if for_another and isinstance(log, TransferableLog):
            log.hand_over(self.name)
        else:
            log.release(self.name)

    async def _leave(self) -> None:
        self.inbox.ignored = True
        self.calls.pause()
        await self._begin_what_is_due()
        finishing = [*self.calls.running, *self.tasks.ending()]
        if finishing:
            await asyncio.wait(finishing, timeout=FINISHING_SECONDS)
        await self._cancel_all()
        self._stop_clocks()
        self.reports.settle(everything=True)
        await self.world.journal.settle(FINISHING_SECONDS)
        await self.line.hang_up()
        self.world.journal.close()

    async def _begin_what_is_due(self) -> None:
        """Stop players' timers, and begin what they have asked for: the log says that it was due.

        A drop-out calls its handler a turn later, as a task that begins in the turn after.
        """
        self._stop_clocks()
        for _ in range(2):
            await asyncio.sleep(0)

    def _stop_clocks(self) -> None:
        self.flow.close()
        self.dropouts.close()

    async def _cancel_all(self) -> None:
        self.world.closing = True
        await self.tasks.cancel_all()
        await self.calls.close()

    async def _end(self) -> None:
        try:
            await self._begin_what_is_due()
        finally:
            await self._cancel_all()
        self._stop_clocks()
        self.reports.settle(everything=True)
        await self.world.journal.settle(CLOSING_SECONDS)
        await self.effects.settle()
        try:
            self.world.journal.close()
        finally:
            await self.line.end(CloseSession(self.world.key))
            self.files.close()
            self.delivery.close()

    def _lose(self, error: ClaimLost) -> None:
        """Go silent: another kernel serves the session now, and has its participants."""
        self.lost = error
        self._show(str(error), Cause("", "", "log", ""))
        self._letting_go = self.loop.create_task(self._let_go())

    async def _let_go(self) -> None:
        """End everything without closing the session, and without committing anything."""
        self.inbox.ignored = True
        self._stop_clocks()
        await self._cancel_all()
        await self.line.cut()
        self.files.close()
        self.delivery.close()
        threading.Thread(target=self._end_lost, name="uproot_nb-lost", daemon=True).start()

    def _end_lost(self) -> None:
        self.watchdog.stop()
        self._stop()
        self.world.journal.abandon()
        self.world.log.rest()

    # ---- places ----

    def add_places(self, players: int) -> None:
        """Open places until there are at least *players*; waits for them."""
        missing = players - self.places.count()
        for _ in range(missing):
            self.wait_for(self.places.open(claimed=False))

    # ---- state ----

    def set_state(self, state: str) -> None:
        """Pause or resume: "paused", "running"."""
        if self.closed:
            raise ClosedRun(self.name)
        with self.lock:
            self.flow.set_state(state)
            self.world.journal.write("intervention", "session", state, "null")
            message = SetState(self.world.key, state)
            self.world.journal.after_commit(lambda: self.line.send(message))
            if state == "paused":
                self.calls.pause()
            else:
                self.world.journal.after_commit(self._go_on)

    def _go_on(self) -> None:
        if self.flow.state == "running":
            self.calls.resume()

    def find_function(self, name: str) -> Callable[..., Any] | None:
        """Return an author's function by its name in the log; None if there is none."""
        return find_function(name, [app.namespace for app in self.setup.apps])


def _do_as_in(world: World, apps: Sequence[App]) -> None:
    """Let players, groups and the session be as the framework's apps know them."""
    world.has_payoffs = not all(app.name for app in apps)
    world.in_app = any(app.lenient for app in apps)
    own = [app.virtual_fields for app in apps]
    world.virtual_fields = {name: field for one in own for name, field in one.items()}


def _context_of(flow: Flow, player: Player) -> Any:
    """Return the context of a player, as the app of their page defines it."""
    app = flow.apps.app_of(flow.journeys.pages.get(player.page or ""))
    if app.context is None:
        raise UprootError(
            f"player/{player.name} has no context: the experiment defines no Context.\n"
            "Write class Context(PlayerContext): ... beside the pages."
        )
    return app.context(player)


_HANDED_OVER = (
    "The session '{name}' is handed over to another kernel: uproot-nb handover asked for it.\n"
    "This run has ended: its participants are there. Everything is in the database."
)
