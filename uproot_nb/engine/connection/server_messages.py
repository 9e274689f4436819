"""ServerMessages: what the participant server sends, each message to the part that answers it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from uproot_nb.bridge.messages import (
    NO_ANSWER,
    BridgeMessage,
    CloseSocket,
    HttpReply,
    HttpRequest,
    Invoke,
    Misuse,
    PageReport,
    PartsWanted,
    RoomShared,
    RoomWaiting,
    ScriptError,
    SiteMoved,
    SocketClosed,
    SocketOpened,
    StewardClosed,
    StewardMessage,
    StewardOpened,
    StewardRequest,
    TakenOver,
)
from uproot_nb.engine.calls import Calls
from uproot_nb.engine.connection.attendance import Attendance
from uproot_nb.engine.connection.server_line import ServerLine
from uproot_nb.engine.connection.server_warnings import warning_of
from uproot_nb.engine.connection.stewards import FromSteward, Stewards
from uproot_nb.engine.session_tasks import SessionTasks
from uproot_nb.flow.flow import Flow
from uproot_nb.realtime.delivery import Delivery
from uproot_nb.realtime.rooms import Rooms
from uproot_nb.session.breaking import StepBroken
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["ServerMessages"]

logger = logging.getLogger(__name__)


class ServerMessages:
    """Receives the participant server's messages on the run's loop.

    Args:
        report: reports an internal error with one message, so that the others follow.
    """

    stewards: Stewards | None = None
    """Serves monitors' web pages and the REST API; None in a rehearsal or rerun."""

    ignored = False
    """Whether messages are left to the next kernel."""

    def __init__(
        self,
        world: World,
        line: ServerLine,
        flow: Flow,
        calls: Calls,
        rooms: Rooms,
        delivery: Delivery,
        attendance: Attendance,
        tasks: SessionTasks,
        reports: ErrorReports,
        report: Callable[[BaseException], None],
    ) -> None:
        self._world, self._line, self._flow, self._calls = world, line, flow, calls
        self._rooms, self._delivery, self._attendance = rooms, delivery, attendance
        self._tasks, self._reports, self._report = tasks, reports, report

    def receive(self, messages: list[BridgeMessage]) -> None:
        """Take all messages of one read, in order."""
        if self.ignored:
            return
        for message in messages:
            try:
                if type(message) is Invoke:
                    self._calls.receive(message)
                else:
                    self._receive_other(message)
            except (Exception, StepBroken) as error:  # the border around one: the others follow
                self._report(error)
                if type(message) is Invoke:
                    self._calls.give_up(message)

    def forget(self) -> None:
        """Forget what came by a connection that is lost."""
        self._delivery.forget_sockets()
        self._flow.streams.stop()
        if self.stewards is not None:
            self.stewards.forget()

    def _receive_other(self, message: BridgeMessage) -> None:
        match message:
            case HttpRequest(action="room" | "enter"):
                self._tasks.start(self._answer(message, self._answer_room))
            case RoomWaiting():
                self._rooms.note_waiting(message)
            case HttpRequest():
                is_known = message.player == "" or message.player in self._world.state.players
                answer = self._flow.answer if is_known else _no_answer
                self._tasks.start(self._answer(message, answer))
            case PartsWanted():
                self._note_wanted(message)
            case SocketOpened():
                self._delivery.catch_up(message)
                self._attendance.note(message.player, message.socket, True, message.by)
                self._show_clock(message.player)
            case SocketClosed():
                self._delivery.forget_socket(message.socket)
                self._attendance.note(message.player, message.socket, False)
            case Misuse():
                subject = f"player/{message.player}" if message.player else "session"
                self._reports.misuse(message.what, message.count, subject)
            case TakenOver() | RoomShared():
                text = warning_of(message, self._world.name)
                self._reports.warn(text, Cause("", "", "line", ""))
            case SiteMoved(url=url):
                self._line.url = url
            case ScriptError():
                self._note_script_error(message)
            case PageReport():
                self._flow.page_reports.receive(message)
            case StewardOpened() | StewardMessage() | StewardClosed() | StewardRequest():
                self._receive_steward(message)
            case _:
                logger.warning("The participant server sent %s unasked.", type(message).__name__)

    def _note_wanted(self, message: PartsWanted) -> None:
        """Let answers go on that are sent part by part; requests are numbered across both kinds."""
        self._flow.streams.note_wanted(message)
        if self.stewards is not None:
            self.stewards.note_wanted(message)

    def _receive_steward(self, message: FromSteward) -> None:
        """Pass on what somebody sends who watches or steers."""
        if self.stewards is not None:
            self.stewards.receive(message)
        elif isinstance(message, StewardOpened):
            self._world.send(CloseSocket(message.socket, 4404, "no monitor"))
        elif isinstance(message, StewardRequest):
            self._world.send(HttpReply(message.request, 404, [], b""))

    def _show_clock(self, name: str) -> None:
        """Set the clock of a browser that may have missed a pause, or more time."""
        if self._flow.timeouts.were_changed and name in self._world.state.players:
            self._flow.show_clock(self._world.player(name))

    def _note_script_error(self, failed: ScriptError) -> None:
        if failed.player in self._world.state.players:
            page = self._flow.journeys.page(self._world.player(failed.player), failed.page)
            place = f"{failed.source}:{failed.line}" if failed.line else failed.source
            key = page.key if page is not None else ""
            cause = Cause(failed.player, key, f"{page.__name__ if page else 'page'} script", "")
            self._reports.script_error(failed.message, place, cause, failed.count)

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
                self._line.send(HttpReply(request.request, NO_ANSWER, [], b""))

    async def _answer_room(self, request: HttpRequest) -> bool:
        if request.action != "room" and not await self._flow.may_begin():
            return False
        self._flow.reply(await self._rooms.answer(request))
        return True


async def _no_answer(request: HttpRequest) -> bool:
    """Answer a request for a player whom this session does not have."""
    return False
