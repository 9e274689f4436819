"""KernelLink: the server's end of one kernel's channel."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

from uproot_nb.bridge.channel import Channel
from uproot_nb.bridge.messages import (
    Action,
    AddPlayers,
    Backlog,
    BridgeMessage,
    CloseRoom,
    CloseSession,
    CloseSocket,
    HttpReply,
    HttpRequest,
    OpenRoom,
    OpenSession,
    Push,
    Reply,
    RoomNews,
    ServeFiles,
    SetState,
    TakenOver,
)
from uproot_nb.server.expected import Expected, room_key
from uproot_nb.server.rooms import ClaimedRooms
from uproot_nb.server.sessions import ServedSession, Sessions, digest
from uproot_nb.server.sockets import PlayerSockets, status_frame
from uproot_nb.server.websocket import text_frame

__all__ = ["KernelLink"]

logger = logging.getLogger(__name__)

_ACTIVITY_SECONDS = 1.0
_SILENCE_SECONDS = 5.0
"""How long a kernel may give no sign of life before participants read "paused"."""
_ANY = repeat(None)


class KernelLink:
    """Carries out a kernel's messages about its own sessions, and ignores those about others'.

    Args:
        links: those of all kernels; this one leaves the set when its kernel has gone.
        touch: takes the kernel's id when participants use it.
    """

    def __init__(
        self,
        channel: Channel,
        kernel: str,
        *,
        links: set[KernelLink],
        sessions: Sessions,
        sockets: PlayerSockets,
        rooms: ClaimedRooms,
        expected: Expected,
        touch: Callable[[str], None],
    ) -> None:
        self.kernel = kernel
        self.sessions: dict[str, ServedSession] = {}
        """The sessions that this kernel serves, by their keys."""
        self._channel, self._links, self._touch = channel, links, touch
        self._all_sessions, self._sockets = sessions, sockets
        self._rooms, self._expected = rooms, expected
        self._requests: dict[int, tuple[str, asyncio.Future[HttpReply | None]]] = {}
        self._active = False
        self.silent = False
        """Whether the kernel has stopped: its sign of life, due every second, is missing."""
        self._heard, self._beats = time.monotonic(), False
        self._carry_out: dict[type[BridgeMessage], Callable[[Any], None]] = {
            Reply: self._reply,
            Push: self._push,
            Backlog: self._backlog,
            Action: self._action,
            HttpReply: self._http_reply,
            CloseSocket: self._close_socket,
            OpenSession: self._open_session,
            AddPlayers: self._add_players,
            SetState: self._set_state,
            CloseSession: self._close_session,
            OpenRoom: self._open_room,
            CloseRoom: self._close_room,
            RoomNews: self._room_news,
            ServeFiles: self._serve_files,
        }

    # ---- to the kernel --------------------------------------------------------------------

    def send(self, message: BridgeMessage) -> None:
        """Send *message*, and note that the kernel is in use."""
        self._channel.send(message)
        if not self._active:
            self._active = True
            self._touch(self.kernel)
            asyncio.get_running_loop().call_later(_ACTIVITY_SECONDS, self._rest)

    def _rest(self) -> None:
        self._active = False

    async def ask(self, request: HttpRequest, patience: float) -> HttpReply | None:
        """Return the kernel's answer; None if it went away or took more than *patience* s."""
        answer: asyncio.Future[HttpReply | None] = asyncio.get_running_loop().create_future()
        self._requests[request.request] = request.session, answer
        self.send(request)
        try:
            async with asyncio.timeout(patience):
                return await answer
        except TimeoutError:
            return None
        finally:
            self._requests.pop(request.request, None)

    def close(self) -> None:
        """Let the kernel go."""
        self._channel.close()
        for key in list(self.sessions):
            self._release(key)

    # ---- from the kernel ------------------------------------------------------------------

    def receive(self, messages: list[BridgeMessage]) -> None:
        """Carry out *messages*, then write to the sockets that they concern."""
        self._heard = time.monotonic()
        if self.silent:
            self._set_silent(False)
        for message in messages:
            carry_out = self._carry_out.get(type(message))
            if carry_out is not None:
                try:
                    carry_out(message)
                except Exception:  # the border around one message: the line stays open
                    logger.exception(
                        "A %s of kernel %r failed.", type(message).__name__, self.kernel
                    )
        self._sockets.flush()

    def listen(self, now: float, since: float) -> None:
        """Check whether the kernel still gives signs of life; the last check was at *since*.

        Kernels of an older version give none, and are never considered silent.
        """
        if now - since > _SILENCE_SECONDS:  # this process itself was stopped meanwhile
            self._heard = now
        if self._beats and not self.silent and now - self._heard > _SILENCE_SECONDS:
            self._set_silent(True)
            self._sockets.flush()

    def _set_silent(self, silent: bool) -> None:
        self.silent = silent
        for session in self.sessions.values():
            session.silent = silent
            self._announce_state(session)

    def gone(self) -> None:
        """Pause the sessions of a kernel that has closed or died; their sockets stay open."""
        for session in list(self.sessions.values()):
            self._release(session.key)
            self._announce_state(session)
            if not session.closed:
                self._expected.extend()
        self._links.discard(self)
        self._sockets.flush()

    def _release(self, key: str) -> None:
        """Stop serving the session *key*; requests that wait for an answer get none."""
        session = self.sessions.pop(key, None)
        if session is not None and session.link is self:
            session.serve_by(None)
        for asked, answer in self._requests.values():
            if asked == key and not answer.done():
                answer.set_result(None)

    def _reply(self, message: Reply) -> None:
        calls = self._sockets.calls
        socket = calls.get(message.call)
        if socket is not None and socket.player.session.link is self:
            del calls[message.call]
            socket.answer(message.call, message.frame)

    def _push(self, message: Push) -> None:
        session = self.sessions.get(message.session)
        if session is None:
            return
        seq, frame = message.seq, text_frame(message.frame)
        opened = self._sockets.by_player(session.key)
        for name, position in zip(message.players, message.positions or _ANY, strict=False):
            for socket in opened.get(name, ()):
                here = position is None or socket.page == position
                if here and socket.written < seq and not socket.resuming:
                    socket.written = seq
                    socket.post(frame)

    def _action(self, message: Action) -> None:
        session = self.sessions.get(message.session)
        if session is None:
            return
        frame = text_frame(message.frame)
        opened = self._sockets.by_player(session.key)
        for name in message.players:
            for socket in opened.get(name, ()):
                socket.post(frame)

    def _backlog(self, message: Backlog) -> None:
        socket = self._sockets.get(message.socket)
        if socket is not None and socket.player.session.link is self:
            socket.catch_up(message)

    def _close_socket(self, message: CloseSocket) -> None:
        socket = self._sockets.get(message.socket)
        if socket is not None and socket.player.session.link is self:
            socket.flush()  # what was posted before comes first
            socket.shut(message.code if 4000 <= message.code <= 4999 else 4400, message.reason)

    def _http_reply(self, message: HttpReply) -> None:
        _, answer = self._requests.get(message.request, ("", None))
        if answer is not None and not answer.done():
            answer.set_result(message)

    def _open_session(self, message: OpenSession) -> None:
        self._announce_takeover(message)
        session, gone = self._all_sessions.open(message)
        self._expected.arrived(session.join_secret)
        self._let_reconnect(message.tokens)
        for player in gone:
            for socket in list(self._sockets.of_player(player)):
                socket.shut(4403)
        session.set_state(message.state)
        if session.link is not self:
            self._take_over(session)
        self._announce_state(session)

    def _announce_takeover(self, message: OpenSession) -> None:
        """Report to the kernel that serves the session from another file."""
        session = self._all_sessions.get(message.session)
        if session is None or session.link in (None, self) or session.origin == message.origin:
            return
        assert session.link is not None
        session.link.send(TakenOver(session.key, message.origin))

    def _take_over(self, session: ServedSession) -> None:
        """Serve *session* in place of another kernel; report its sockets and unanswered calls."""
        for other in self._links:
            if session.link is other:
                other._release(session.key)
        self.sessions[session.key] = session
        session.serve_by(self)
        sockets = self._sockets.of_session(session)
        for socket in sockets:
            socket.announce()
        waiting = [invoke for socket in sockets for invoke in socket.unanswered.values()]
        for invoke in sorted(waiting, key=lambda invoke: invoke.call):
            self.send(invoke)

    def _add_players(self, message: AddPlayers) -> None:
        session = self.sessions.get(message.session)
        if session is not None:
            self._all_sessions.add_players(session, message.tokens)
            self._let_reconnect(message.tokens)

    def _let_reconnect(self, tokens: Iterable[str]) -> None:
        """Let players who were here before their session connect again."""
        expected = self._expected
        if expected.count:
            for token in tokens:
                expected.arrived(digest(token))

    def _set_state(self, message: SetState) -> None:
        session = self.sessions.get(message.session)
        if session is not None:
            if session.set_state(message.state):
                self._announce_state(session)
            else:
                self._beats = True

    def _close_session(self, message: CloseSession) -> None:
        session = self.sessions.get(message.session)
        if session is not None:
            session.set_state("closed")
            self._announce_state(session)
            self._release(session.key)

    def _open_room(self, message: OpenRoom) -> None:
        session = self.sessions.get(message.session)
        if session is not None:
            self._rooms.open(session, message.name, message.since)
            self._expected.arrived(room_key(message.name))

    def _close_room(self, message: CloseRoom) -> None:
        session = self.sessions.get(message.session)
        if session is not None:
            self._rooms.close(session, message.name)

    def _room_news(self, message: RoomNews) -> None:
        session = self.sessions.get(message.session)
        if session is not None:
            self._rooms.write(session, message.name, text_frame(message.frame))

    def _serve_files(self, message: ServeFiles) -> None:
        session = self.sessions.get(message.session)
        if session is not None:
            self._all_sessions.add_folder(session, message.key, message.folder)

    def _announce_state(self, session: ServedSession) -> None:
        """Send the session's state to its sockets; close them if it is closed."""
        if session.closed:
            self._rooms.leave(session)
        else:
            self._rooms.announce_state(session)
        frame = status_frame(session.state)
        for socket in self._sockets.of_session(session):
            socket.post(frame)
            if session.closed:
                socket.flush()
                socket.shut(4404, "session closed")
