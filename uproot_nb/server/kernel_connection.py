"""KernelLink: the server's side of one kernel's channel."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import TYPE_CHECKING, Any

from uproot_nb.bridge.channel import Channel
from uproot_nb.bridge.messages import (
    Action,
    AddPlayers,
    Backlog,
    CloseRoom,
    CloseSession,
    CloseSocket,
    HttpReply,
    HttpRequest,
    Message,
    OpenRoom,
    OpenSession,
    Push,
    Reply,
    RoomNews,
    ServeFiles,
    SetState,
    TakenOver,
)
from uproot_nb.server.expected import room_key
from uproot_nb.server.sessions import Session, digest
from uproot_nb.server.sockets import status_frame
from uproot_nb.server.websocket import text_frame

if TYPE_CHECKING:  # the server makes its links; only the name is needed here
    from uproot_nb.server.participants import ParticipantServer

__all__ = ["KernelLink"]

logger = logging.getLogger(__name__)

_ACTIVITY_SECONDS = 1.0
_SILENCE_SECONDS = 5.0
"""How long a kernel may give no sign of life before participants read "paused"."""
_ANY = repeat(None)


class KernelLink:
    """Carries out what a kernel says about its own sessions; of others it is not heard."""

    def __init__(self, server: ParticipantServer, channel: Channel, kernel: str) -> None:
        self.kernel = kernel
        self.sessions: dict[str, Session] = {}
        self._server, self._channel = server, channel
        self._requests: dict[int, tuple[str, asyncio.Future[HttpReply | None]]] = {}
        self._active = False
        self.silent = False
        """Whether the kernel has stopped: it sends a sign of life every second, and none came."""
        self._heard, self._beats = time.monotonic(), False
        self._carry_out: dict[type[Message], Callable[[Any], None]] = {
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

    def send(self, message: Message) -> None:
        """Send *message*, and note that the kernel is in use."""
        self._channel.send(message)
        if not self._active:
            self._active = True
            self._server.touch(self.kernel)
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

    def receive(self, messages: list[Message]) -> None:
        """Carry out *messages*, then write to every socket that they concern."""
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
        self._server.flush()

    def listen(self, now: float, since: float) -> None:
        """Look whether the kernel still gives signs of life; *since* is the last look.

        Kernels of an older version give none, and are never taken for silent.
        """
        if now - since > _SILENCE_SECONDS:  # this process itself was stopped meanwhile
            self._heard = now
        if self._beats and not self.silent and now - self._heard > _SILENCE_SECONDS:
            self._set_silent(True)
            self._server.flush()

    def _set_silent(self, silent: bool) -> None:
        self.silent = silent
        for session in self.sessions.values():
            self._tell(session)

    def gone(self) -> None:
        """The kernel has closed or died: its sessions are paused, its sockets stay open."""
        for session in list(self.sessions.values()):
            self._release(session.key)
            self._tell(session)
            if not session.closed:
                self._server.expected.extend()
        self._server.links.discard(self)
        self._server.flush()

    def _release(self, key: str) -> None:
        """Serve the session *key* no longer; who waits for an answer learns that none comes."""
        session = self.sessions.pop(key, None)
        if session is not None and session.link is self:
            session.serve_by(None)
        for asked, answer in self._requests.values():
            if asked == key and not answer.done():
                answer.set_result(None)

    def _reply(self, message: Reply) -> None:
        calls = self._server.calls
        socket = calls.get(message.call)
        if socket is not None and socket.player.session.link is self:
            del calls[message.call]
            socket.answer(message.call, message.frame)

    def _push(self, message: Push) -> None:
        session = self.sessions.get(message.session)
        if session is None:
            return
        seq, frame = message.seq, text_frame(message.frame)
        players = session.players
        for name, position in zip(message.players, message.positions or _ANY, strict=False):
            player = players.get(name)
            if player is None:
                continue
            for socket in player.sockets:
                here = position is None or socket.page == position
                if here and socket.written < seq and not socket.resuming:
                    socket.written = seq
                    socket.post(frame)

    def _action(self, message: Action) -> None:
        session = self.sessions.get(message.session)
        if session is None:
            return
        frame = text_frame(message.frame)
        for name in message.players:
            if name in session.players:
                for socket in session.players[name].sockets:
                    socket.post(frame)

    def _backlog(self, message: Backlog) -> None:
        socket = self._server.sockets.get(message.socket)
        if socket is not None and socket.player.session.link is self:
            socket.catch_up(message)

    def _close_socket(self, message: CloseSocket) -> None:
        socket = self._server.sockets.get(message.socket)
        if socket is not None and socket.player.session.link is self:
            socket.flush()  # what was said before comes first
            socket.shut(message.code if 4000 <= message.code <= 4999 else 4400, message.reason)

    def _http_reply(self, message: HttpReply) -> None:
        _, answer = self._requests.get(message.request, ("", None))
        if answer is not None and not answer.done():
            answer.set_result(message)

    def _open_session(self, message: OpenSession) -> None:
        self._announce_takeover(message)
        session, gone = self._server.sessions.open(message)
        self._server.expected.arrived(session.join_secret)
        self._seat(message.tokens)
        for player in gone:
            for socket in list(player.sockets):
                socket.shut(4403)
        self._server.fill_buckets(session)
        session.set_state(message.state)
        if session.link is not self:
            self._take_over(session)
        self._tell(session)

    def _announce_takeover(self, message: OpenSession) -> None:
        """Tell the kernel that has served the session from another file."""
        session = self._server.sessions.get(message.session)
        if session is None or session.link in (None, self) or session.origin == message.origin:
            return
        assert session.link is not None
        session.link.send(TakenOver(session.key, message.origin))

    def _take_over(self, session: Session) -> None:
        """Serve *session* in place of whoever did; offer it the sockets and calls that wait."""
        if session.link is not None:
            session.link._release(session.key)
        self.sessions[session.key] = session
        session.serve_by(self)
        sockets = session.sockets()
        for socket in sockets:
            socket.announce()
        waiting = [invoke for socket in sockets for invoke in socket.unanswered.values()]
        for invoke in sorted(waiting, key=lambda invoke: invoke.call):
            self.send(invoke)

    def _add_players(self, message: AddPlayers) -> None:
        session = self.sessions.get(message.session)
        if session is not None:
            self._server.sessions.add_players(session, message.tokens)
            self._server.fill_buckets(session, message.tokens.values())
            self._seat(message.tokens)

    def _seat(self, tokens: Iterable[str]) -> None:
        """Let those who were here before their session connect again."""
        expected = self._server.expected
        if expected.count:
            for token in tokens:
                expected.arrived(digest(token))

    def _set_state(self, message: SetState) -> None:
        session = self.sessions.get(message.session)
        if session is not None:
            if session.set_state(message.state):
                self._tell(session)
            else:
                self._beats = True

    def _close_session(self, message: CloseSession) -> None:
        session = self.sessions.get(message.session)
        if session is not None:
            session.set_state("closed")
            self._tell(session)
            self._release(session.key)

    def _open_room(self, message: OpenRoom) -> None:
        session = self.sessions.get(message.session)
        if session is not None:
            self._server.rooms.open(session, message.name, message.since)
            self._server.expected.arrived(room_key(message.name))

    def _close_room(self, message: CloseRoom) -> None:
        session = self.sessions.get(message.session)
        if session is not None:
            self._server.rooms.close(session, message.name)

    def _room_news(self, message: RoomNews) -> None:
        session = self.sessions.get(message.session)
        if session is not None:
            self._server.rooms.say(session, message.name, text_frame(message.frame))

    def _serve_files(self, message: ServeFiles) -> None:
        session = self.sessions.get(message.session)
        if session is not None:
            self._server.sessions.add_folder(session, message.key, message.folder)

    def _tell(self, session: Session) -> None:
        """Tell every socket the session's state; one that is closed closes them."""
        if session.closed:
            self._server.rooms.leave(session)
        else:
            self._server.rooms.tell_state(session)
        frame = status_frame(session.state)
        for socket in session.sockets():
            socket.post(frame)
            if session.closed:
                socket.flush()
                socket.shut(4404, "session closed")
