"""KernelLink: the server's end of one kernel's channel."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import repeat
from typing import Any

from uproot_nb.bridge.channel import Channel
from uproot_nb.bridge.durations import BOUNDS
from uproot_nb.bridge.messages import (
    NO_ANSWER,
    Action,
    AddPlayers,
    AppFileFound,
    AppPiece,
    Audience,
    AudiencePush,
    Backlog,
    BridgeMessage,
    Charge,
    CloseRoom,
    CloseSession,
    CloseSocket,
    CommitTimes,
    FileWanted,
    Gateways,
    HttpPart,
    HttpReply,
    HttpRequest,
    OpenRoom,
    OpenSession,
    PartsWanted,
    Presence,
    Push,
    Reply,
    RoomNews,
    ServeFiles,
    SetState,
    SiteMoved,
    StewardNews,
    StewardRequest,
    TakenOver,
)
from uproot_nb.server.answer_bodies import AnswerBody
from uproot_nb.server.expected import Expected, room_key
from uproot_nb.server.gateways.kernel_files import FileQuestions
from uproot_nb.server.gateways.outgoing_files import OutgoingFiles
from uproot_nb.server.pressure.owed import Owed
from uproot_nb.server.pressure.pressure import Debt
from uproot_nb.server.rooms import ClaimedRooms
from uproot_nb.server.sessions import ServedSession, Sessions, digest
from uproot_nb.server.sockets import PlayerSocket, PlayerSockets, status_frame
from uproot_nb.server.steward.watchers import Watchers
from uproot_nb.server.websocket import text_frame

__all__ = ["KernelLink"]

logger = logging.getLogger(__name__)

_ACTIVITY_SECONDS = 1.0
_SILENCE_SECONDS = 5.0
"""How long a kernel may give no sign of life before participants read "paused"."""
_FULL_BYTES = 1024 * 1024
"""A kernel that leaves so much unread is sent only what was on its way, until it has read it."""
_LOOK_EVERY = 8
"""After so many messages it is checked how much the kernel has left unread."""
_REQUEST_BYTES = 8192
"""Bytes of memory for a request besides what it brings."""
_ANY = repeat(None)
_NOBODY: tuple[int, dict[str, int | None]] = (0, {})


class _Asked:
    """A request that a kernel has not answered yet; it counts until then, or until it has gone."""

    def __init__(
        self, request: HttpRequest | StewardRequest, session: ServedSession, share: Debt
    ) -> None:
        self.session = session
        self.answer: asyncio.Future[HttpReply | None] = asyncio.get_running_loop().create_future()
        self._share, self._size = share, _size_of_request(request)
        session.pressure.add(share, self._size)

    def settle(self, reply: HttpReply | None) -> bool:
        """Uncount it, and hand on its answer; return whether somebody still waits for that."""
        self.session.pressure.remove(self._share, self._size)
        is_awaited = not self.answer.done()
        if is_awaited:
            self.answer.set_result(reply)
        return is_awaited


class KernelLink:
    """Carries out a kernel's messages about its own sessions, and ignores those about others'.

    Args:
        links: those of all kernels; this one leaves the set when its kernel has gone.
        touch: takes the kernel's id when participants use it.
        epoch: which writer of its database the kernel is; one of an earlier epoch is not served.
        shared: whether the kernel has other participant servers, too.
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
        watchers: Watchers,
        epoch: int = 0,
        shared: bool = False,
    ) -> None:
        self.kernel, self.shared, self._epoch = kernel, shared, epoch
        self.sessions: dict[str, ServedSession] = {}
        """The sessions that this kernel serves, by their keys."""
        self._channel, self._links, self._touch = channel, links, touch
        self._all_sessions, self._sockets = sessions, sockets
        self._rooms, self._expected, self._watchers = rooms, expected, watchers
        self._requests: dict[int, _Asked] = {}
        """Requests that the kernel has not answered, also those for which nobody waits any more."""
        self._late: dict[int, asyncio.TimerHandle] = {}
        """The timers by which requests are given up."""
        self.files = FileQuestions(self.send)
        """What is asked about apps' files, if the kernel is on another machine."""
        self._files, self._reading = OutgoingFiles(), set[asyncio.Task[None]]()
        self._bodies: dict[int, AnswerBody] = {}
        """The bodies that arrive part by part, by the numbers of their requests."""
        self._audiences: dict[str, tuple[int, dict[str, int | None]]] = {}
        """The last audience of each session: its number, and the page of each of its players."""
        self._owed = Owed()
        self.full = False
        """Whether the kernel has left so much unread that nothing more is sent for now."""
        self._unlooked = 0
        """Messages since it was checked how much the kernel has left unread."""
        self._parts = 1
        """Among how many servers is divided what the kernel may have unanswered."""
        self._draining: asyncio.Task[None] | None = None
        self._active = False
        self.silent = False
        """Whether the kernel has stopped: its sign of life, due every second, is missing."""
        self._heard, self._beats = time.monotonic(), False
        self._carry_out = self._made_table()

    def _made_table(self) -> dict[type[BridgeMessage], Callable[[Any], None]]:
        """Return what carries out each kind of message."""
        return {
            Reply: self._reply,
            Push: self._push,
            Audience: self._audience,
            AudiencePush: self._audience_push,
            Backlog: self._backlog,
            Action: self._action,
            HttpReply: self._http_reply,
            HttpPart: self._http_part,
            FileWanted: self._file_wanted,
            Charge: self._charge,
            CloseSocket: self._close_socket,
            OpenSession: self._open_session,
            AddPlayers: self._add_players,
            SetState: self._set_state,
            CloseSession: self._close_session,
            OpenRoom: self._open_room,
            CloseRoom: self._close_room,
            RoomNews: self._room_news,
            ServeFiles: self._serve_files,
            AppFileFound: self.files.take,
            AppPiece: self.files.take,
            Presence: self._note_presence,
            StewardNews: self._steward_news,
            CommitTimes: self._commit_times,
            Gateways: self._divide,
        }

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not read yet."""
        return self._channel.unsent

    # ---- to the kernel --------------------------------------------------------------------

    def send(self, message: BridgeMessage) -> None:
        """Send *message*, and note that the kernel is in use."""
        if self.full and self._owed.take_in(message):
            return
        self._channel.send(message)
        self._unlooked += 1
        if self._unlooked >= _LOOK_EVERY:
            self._unlooked = 0
            if not self.full and self._channel.unsent > _FULL_BYTES:
                self._set_full(True)
                self._draining = asyncio.create_task(self._drain())
        if not self._active:
            self._active = True
            self._touch(self.kernel)
            asyncio.get_running_loop().call_later(_ACTIVITY_SECONDS, self._rest)

    async def _drain(self) -> None:
        """Wait until the kernel reads again; then let those go on who wait for it."""
        await self._channel.drain()
        self._set_full(False)
        for message in self._owed.hand_out():
            self._channel.send(message)

    def _set_full(self, full: bool) -> None:
        self.full = full
        for session in self.sessions.values():
            session.pressure.stuck = full

    def _rest(self) -> None:
        self._active = False

    async def ask(self, request: HttpRequest | StewardRequest, patience: float) -> HttpReply | None:
        """Return the kernel's answer; None if it went away or took more than *patience* s.

        A kernel that has too much to answer is asked when it has less. If there is more than the
        answer, `body_of` has it.
        """
        deadline = asyncio.get_running_loop().time() + patience
        session = self.sessions.get(request.session)
        if session is None:
            return None
        share = _share_of(request, session)
        if not await session.pressure.admits(share, patience):
            return None
        if session.link is not self:  # it has gone meanwhile
            return None
        return await self._ask(request, _Asked(request, session, share), deadline, patience)

    async def _ask(
        self,
        request: HttpRequest | StewardRequest,
        asked: _Asked,
        deadline: float,
        patience: float,
    ) -> HttpReply | None:
        loop, number, answer = asyncio.get_running_loop(), request.request, asked.answer
        self._requests[number] = asked
        self._late[number] = loop.call_at(deadline, _give_up, answer)
        if isinstance(request, HttpRequest) and request.files:
            self._files.offer(request, partial(self._be_patient, number, answer, patience))
        self.send(request)
        begun = loop.time()
        try:
            return await answer
        finally:
            self._note_request(request, loop.time() - begun)
            self._late.pop(number).cancel()
            self._files.withdraw(number)

    def _be_patient(
        self, number: int, answer: asyncio.Future[HttpReply | None], patience: float
    ) -> None:
        """Wait for an answer for *patience* seconds from now: its files are on their way."""
        self._late[number].cancel()
        self._late[number] = asyncio.get_running_loop().call_later(patience, _give_up, answer)

    def _charge(self, message: Charge) -> None:
        """Count what a player has asked of another gateway."""
        session = self.sessions.get(message.session)
        player = session.players.get(message.player) if session is not None else None
        if player is not None and player.bucket is not None:
            player.bucket.charge(time.monotonic(), message.calls)

    def _file_wanted(self, message: FileWanted) -> None:
        task = asyncio.create_task(self._send_piece(message))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _send_piece(self, wanted: FileWanted) -> None:
        self.send(await self._files.read(wanted))

    def _note_request(self, request: HttpRequest | StewardRequest, seconds: float) -> None:
        timings = self._sockets.timings
        if timings is not None:
            action = request.action if isinstance(request, HttpRequest) else "steward"
            timings.requests[action].note(seconds)

    def body_of(self, reply: HttpReply) -> AnswerBody | None:
        """Return the body that follows an answer in parts, if one does."""
        return self._bodies.get(reply.request)

    def move_site(self, url: str) -> None:
        """Let the kernel know how participants' links begin; that does not use it."""
        self._channel.send(SiteMoved(url))

    def close(self) -> None:
        """Let the kernel go."""
        self._channel.close()
        self.files.drop()
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
        self.files.drop()
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
        self._audiences.pop(key, None)
        if session is not None and session.link is self:
            session.serve_by(None)
            self._sockets.abandon_closed(session)
        of_session = [n for n, asked in self._requests.items() if asked.session.key == key]
        for number in of_session:
            self._requests.pop(number).settle(None)
        for body in [one for one in self._bodies.values() if one.session == key]:
            body.cut()

    def _reply(self, message: Reply) -> None:
        call, timings = message.call, self._sockets.timings
        for session in self.sessions.values():  # there is one
            socket = session.pressure.calls.pop(call, None)
            if socket is not None:
                if timings is not None:
                    timings.ended.append(call)
                socket.answer(call, message.frame)
                return

    def _push(self, message: Push) -> None:
        session = self.sessions.get(message.session)
        if session is None:
            return
        frame, opened = text_frame(message.frame), self._sockets.by_player(session.key)
        for name, position in zip(message.players, message.positions or _ANY, strict=False):
            _post_push(opened.get(name, ()), position, message.seq, frame)

    def _audience(self, message: Audience) -> None:
        positions = zip(message.players, message.positions or _ANY, strict=False)
        self._audiences[message.session] = message.number, dict(positions)

    def _audience_push(self, message: AudiencePush) -> None:
        session = self.sessions.get(message.session)
        number, positions = self._audiences.get(message.session, _NOBODY)
        if session is None or number != message.audience:
            return
        frame, opened = text_frame(message.frame), self._sockets.by_player(session.key)
        for name, sockets in opened.items():
            if name in positions:
                _post_push(sockets, positions[name], message.seq, frame)

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
        code = message.code if 4000 <= message.code <= 4999 else 4400
        if socket is None:
            self._watchers.shut(self, message.socket, code, message.reason)
        elif socket.player.session.link is self:
            socket.flush()  # what was posted before comes first
            socket.shut(code, message.reason)

    def _steward_news(self, message: StewardNews) -> None:
        self._watchers.deliver(self, message)

    def _commit_times(self, message: CommitTimes) -> None:
        timings = self._sockets.timings
        is_whole = len(message.counts) == len(BOUNDS) + 1
        if timings is not None and is_whole and message.session in self.sessions:
            timings.commits[message.session] = message

    def _http_reply(self, message: HttpReply) -> None:
        number = message.request
        asked = self._requests.pop(number, None)
        if asked is not None and asked.settle(None if message.status == NO_ANSWER else message):
            if message.more:
                key = asked.session.key
                self._bodies[number] = AnswerBody(key, partial(self._want_parts, number))
        elif message.more:
            self._want_parts(number, 0)

    def _http_part(self, message: HttpPart) -> None:
        body = self._bodies.get(message.request)
        if body is not None:
            body.put(message)
            if not message.more:
                del self._bodies[message.request]

    def _want_parts(self, request: int, count: int) -> None:
        """Ask for more parts of an answer; for none any more if *count* is 0."""
        if not count:
            self._bodies.pop(request, None)
        self.send(PartsWanted(request, count))

    def _open_session(self, message: OpenSession) -> None:
        known = self._all_sessions.get(message.session)
        if known is not None and self._epoch < known.epoch:
            self._channel.send(TakenOver(known.key, known.origin))
            return
        self._announce_takeover(message)
        session, gone = self._all_sessions.open(message)
        session.epoch = self._epoch
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
        session.serve_by(self, self.full)
        session.pressure.divide(self._parts)
        sockets = self._sockets.of_session(session)
        for socket in sockets:
            socket.announce()
        waiting = [invoke for socket in sockets for invoke in socket.unanswered.values()]
        for invoke in sorted(waiting, key=lambda invoke: invoke.call):
            self.send(invoke)

    def _divide(self, message: Gateways) -> None:
        self._parts = max(1, message.count)
        for session in self.sessions.values():
            session.pressure.divide(self._parts)

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

    def _note_presence(self, message: Presence) -> None:
        session = self.sessions.get(message.session)
        if session is not None:
            session.presence = message

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
        self._watchers.follow(session)
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


def _share_of(request: HttpRequest | StewardRequest, session: ServedSession) -> Debt:
    """Return who is charged for a request."""
    if isinstance(request, StewardRequest):
        return session.pressure.stewards
    player = session.players.get(request.player)
    return session.pressure.strangers if player is None else player.share


def _size_of_request(request: HttpRequest | StewardRequest) -> int:
    """Return about how many bytes of memory a request takes until it is answered."""
    form = request.form if isinstance(request, HttpRequest) else []
    texts = sum(len(name) + len(value) for name, value in (*form, *request.query))
    return _REQUEST_BYTES + texts + len(request.content)


def _give_up(answer: asyncio.Future[HttpReply | None]) -> None:
    if not answer.done():
        answer.set_result(None)


def _post_push(
    sockets: Iterable[PlayerSocket], position: int | None, seq: int, frame: bytes
) -> None:
    """Post a push to those of a player's sockets that show the page at *position* and lack it."""
    for socket in sockets:
        here = position is None or socket.page == position
        if here and socket.written < seq and not socket.resuming:
            socket.written = seq
            socket.post(frame)
