"""Registration: a session at the participant server, which forgets it with the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from uproot_nb.bridge.messages import CommitTimes, OpenSession, ServeFiles, SetState
from uproot_nb.engine.connection.attendance import Attendance
from uproot_nb.engine.connection.server_line import ServerLine
from uproot_nb.engine.connection.server_messages import ServerMessages
from uproot_nb.engine.session_tasks import SessionTasks
from uproot_nb.errors import BridgeRefused, SessionElsewhere
from uproot_nb.experiment.setup import App
from uproot_nb.flow.app_files import AppFiles
from uproot_nb.flow.flow import Flow
from uproot_nb.realtime.rooms import Rooms
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["Registration"]

REDIAL_SECONDS = 1.0


class Registration:
    """Tells the participant server what it must know of the session, again after each connection.

    Args:
        show: shows a text in the output of the cell it belongs to.
        report: reports an internal error, which must not stop the code after it.
    """

    origin = ""
    """The file of the session's log; "" if it is in memory."""

    def __init__(
        self,
        world: World,
        line: ServerLine,
        messages: ServerMessages,
        flow: Flow,
        rooms: Rooms,
        files: AppFiles,
        attendance: Attendance,
        tasks: SessionTasks,
        show: Callable[[str, Cause], None],
        report: Callable[[BaseException], None],
    ) -> None:
        self._world, self._line, self._messages = world, line, messages
        self._flow, self._rooms, self._files = flow, rooms, files
        self._attendance, self._tasks = attendance, tasks
        self._show, self._report = show, report

    async def dial(self) -> None:
        """Connect, and register the session with its files and rooms."""
        await self._line.open(self._messages.receive, self._connection_lost)
        self._flow.timeouts.note_connection(True)
        world = self._world
        self._line.send(
            OpenSession(
                world.key, world.name, world.join_secret, self._shown_state(), world.tokens(),
                self.origin,
            )
        )  # fmt: skip
        for app in self._flow.journeys.setup.apps:
            self._offer_files(app)
        self._rooms.announce()

    def give_sign(self) -> None:
        """Send the participant server a sign of life, and how the log is doing."""
        self._show_state()
        journal = self._world.journal
        self._line.send(
            CommitTimes(
                self._world.key, list(journal.commits.counts), journal.commits.seconds,
                journal.committed, journal.uncommitted_count,
            )
        )  # fmt: skip

    def note_log(self, error: BaseException | None) -> None:
        """Report that the log cannot be written, or, without an error, can be again."""
        self._show_state()
        name = self._world.name
        if error is None:
            path = self._world.log.path
            text = f"The log of '{name}' is written again, to {path}; what waited is in it."
        else:
            text = (
                f"The log of '{name}' cannot be written: {error}\n"
                "Participants read that the study is paused. Nothing is acknowledged meanwhile; "
                "writing is tried again, and the study continues by itself."
            )
        self._show(text, Cause("", "", "log", ""))

    def _show_state(self) -> None:
        self._line.send(SetState(self._world.key, self._shown_state()))

    def _shown_state(self) -> str:
        return "paused" if self._world.journal.failing else self._flow.state

    def _offer_files(self, app: App) -> None:
        """Have the participant server serve an app's files."""
        for key, folder in self._files.offered(app):
            self._line.send(ServeFiles(self._world.key, key, str(folder)))

    def _connection_lost(self) -> None:
        self._line.forget()
        self._flow.timeouts.note_connection(False)
        self._messages.forget()
        if self._world.closing:
            return
        self._tasks.beside(self._redial())  # first, so that no error below prevents it
        self._show(
            f"The participant server at {self._line.url} is gone. Participants' pages try again "
            "until it is back, and so does this run; it continues by itself.",
            Cause("", "", "line", ""),
        )
        with self._world.lock:
            if not self._world.closing:
                self._attendance.reset()

    async def _redial(self) -> None:
        while not self._world.closing:
            await asyncio.sleep(REDIAL_SECONDS)
            try:
                await self.dial()
            except SessionElsewhere as elsewhere:
                self._report(elsewhere)  # shown once: equal errors are grouped
                continue
            except (BridgeRefused, OSError):
                continue
            except Exception as error:  # whatever it is: participants wait for the next attempt
                self._line.drop()
                self._report(error)
                continue
            self._show(
                "The participant server is back, and participants are coming back.",
                Cause("", "", "line", ""),
            )
            return
