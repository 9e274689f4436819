"""Upkeep: the periodic work beside a run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from uproot_nb.engine.background import repeat
from uproot_nb.engine.calls import Calls
from uproot_nb.engine.connection.registration import Registration
from uproot_nb.engine.session_tasks import SessionTasks
from uproot_nb.flow.flow import Flow
from uproot_nb.log.log import TransferableLog
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["Upkeep"]

LOOK_SECONDS = 0.5
"""Seconds between two checks of the log's file, the clock and waiting reports."""
HANDOVER_LOOK_SECONDS = 0.1
"""Seconds between two looks whether the session is to be handed over."""


class Upkeep:
    """Looks regularly after the log, the clock, the server, and whoever wants the session.

    Args:
        report: reports an error of one act, which prevents neither the others nor the next round.
        look_for_handover: hands the session over if the log says that somebody asks for it.
    """

    def __init__(
        self,
        world: World,
        flow: Flow,
        calls: Calls,
        registration: Registration,
        tasks: SessionTasks,
        reports: ErrorReports,
        report: Callable[[BaseException], None],
        look_for_handover: Callable[[TransferableLog], None],
    ) -> None:
        self._world, self._flow, self._calls = world, flow, calls
        self._registration, self._tasks, self._reports = registration, tasks, reports
        self._report, self._look_for_handover = report, look_for_handover

    def start(self) -> None:
        """Start the periodic work, from the loop; it ends with the run."""
        journal, report = self._world.journal, self._report
        acts = (
            journal.check_place, self._reports.settle, self._calls.note_long, self.follow_clock,
        )  # fmt: skip
        self._tasks.beside(repeat(LOOK_SECONDS, report, *acts))
        signs = journal.tick, self._registration.give_sign
        self._tasks.beside(repeat(2 * LOOK_SECONDS, report, *signs))
        log = self._world.log
        if isinstance(log, TransferableLog):
            look = partial(self._look_for_handover, log)
            self._tasks.beside(repeat(HANDOVER_LOOK_SECONDS, report, look))

    def follow_clock(self) -> None:
        """Move deadlines if the system clock was set, or the machine has slept."""
        seconds = self._world.clock.follow()
        if seconds:
            self._flow.timeouts.follow_clock(seconds)
            text = (
                f"This machine's clock was moved by {seconds:+.0f} s, or the machine slept for so "
                "long. Participants' time goes on where it was; times in the log are the clock's."
            )
            self._reports.warn(text, Cause("", "", "uproot_nb", ""))
