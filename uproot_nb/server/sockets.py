"""PlayerSocket: one participant's open connection."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import msgspec

from uproot_nb.bridge.messages import Invoke, SocketClosed, SocketOpened
from uproot_nb.server.nesting import too_deep
from uproot_nb.server.sessions import Player
from uproot_nb.server.websocket import WebSocket, text_frame

if TYPE_CHECKING:  # the server makes its sockets; only the name is needed here
    from uproot_nb.server.participants import ParticipantServer

__all__ = ["PONG", "WAITING_PAGE", "ClosedDoor", "PlayerSocket", "status_frame"]

WAITING_PAGE = -1
"""The position for which the server's own "paused" page connects; kernels hear nothing of it."""

_Short = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_HIGHEST_LINE = 10_000_000
_Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Call(msgspec.Struct, tag_field="op", tag="invoke"):
    id: _Short
    method: _Name
    args: msgspec.Raw = msgspec.Raw(b"[]")
    kwargs: msgspec.Raw = msgspec.Raw(b"{}")


class _Ack(msgspec.Struct, tag_field="op", tag="ack"):
    seq: _Seq


class _ScriptError(msgspec.Struct, tag_field="op", tag="script_error"):
    message: str = ""
    source: str = ""
    line: int | float | None = None


class _Ping(msgspec.Struct, tag_field="op", tag="ping"):
    pass


_decode = msgspec.json.Decoder(_Call | _Ack | _Ping | _ScriptError).decode
PONG = text_frame(b'{"op":"pong"}')
_STATUS = {
    state: text_frame(b'{"op":"status","state":"%s"}' % state.encode())
    for state in ("running", "paused", "closed")
}


def status_frame(state: str) -> bytes:
    """Return the frame that tells a browser the session's state."""
    return _STATUS[state]


class PlayerSocket(WebSocket):
    """Checks what a browser sends, hands it to the kernel, and writes what comes back.

    It is *resuming* until the kernel has sent what the page has missed; what is pushed meanwhile
    is in that backlog, so nothing is written twice and nothing is left out.
    """

    __slots__ = (
        "_outgoing", "_server", "acked", "number", "page", "player", "resuming", "unanswered",
        "written",
    )  # fmt: skip

    def __init__(self, server: ParticipantServer, player: Player, page: int, since: int) -> None:
        super().__init__(server.limits.max_frame_bytes, server.limits.max_unsent_bytes)
        self._server = server
        self.player, self.page = player, page
        self.number = next(server.numbers)
        self.written = self.acked = since
        self.resuming = True
        self.unanswered: dict[int, Invoke] = {}
        self._outgoing: list[bytes] = []

    # ---- the connection -------------------------------------------------------------------

    def on_open(self) -> None:
        session = self.player.session
        self.player.sockets.append(self)
        self._server.sockets[self.number] = self
        self.write(_STATUS[session.state])
        if session.closed:
            self.shut(4404, "session closed")
        else:
            self.announce()

    def announce(self) -> None:
        """Tell the kernel that this socket is open, and what it has got so far."""
        self.resuming = True
        session, link = self.player.session, self.player.session.link
        if link is not None and self.page != WAITING_PAGE:
            name, page, since = self.player.name, self.page, self.written
            link.send(SocketOpened(self.number, session.key, name, page, since))

    def on_closed(self) -> None:
        if self._server.sockets.pop(self.number, None) is None:
            return
        self.player.sockets.remove(self)
        for call in self.unanswered:
            self._server.calls.pop(call, None)
        session, link = self.player.session, self.player.session.link
        if link is not None and self.page != WAITING_PAGE:
            link.send(SocketClosed(self.number, session.key, self.player.name))

    def on_refusal(self, code: int, what: str) -> None:
        self._server.count_refusal(what, self.player)

    # ---- from the browser -----------------------------------------------------------------

    def admit(self) -> bool:
        bucket = self.player.bucket
        return bucket is None or bucket.take(time.monotonic())

    def on_text(self, payload: bytes) -> None:
        try:
            frame = _decode(payload.decode())
        except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
            self.refuse(4400, "malformed")
            return
        if type(frame) is _Call:
            self._call(frame)
        elif type(frame) is _Ack:
            self.acked = max(self.acked, min(frame.seq, self.written))
        elif type(frame) is _ScriptError:
            self._note_script_error(frame)
        else:
            self.write(PONG)

    def _note_script_error(self, failed: _ScriptError) -> None:
        if self.page != WAITING_PAGE:
            line = max(0, int(failed.line or 0))
            told = failed.message, failed.source, min(line, _HIGHEST_LINE)
            self._server.note_script_error(self.player, self.page, *told)

    def _call(self, asked: _Call) -> None:
        args, kwargs = bytes(asked.args), bytes(asked.kwargs)
        if args[:1] != b"[" or kwargs[:1] != b"{" or self.page == WAITING_PAGE:
            self.refuse(4400, "malformed")
            return
        if too_deep(args) or too_deep(kwargs):
            self.refuse(4400, "malformed")
            return
        server, session = self._server, self.player.session
        call = next(server.numbers)
        invoke = Invoke(
            call, self.number, session.key, self.player.name, self.page, asked.id, asked.method,
            args, kwargs,
        )  # fmt: skip
        self.unanswered[call] = invoke
        server.calls[call] = self
        if session.link is not None:
            session.link.send(invoke)
        if len(self.unanswered) >= server.limits.max_unanswered_calls:
            self.hold()  # the kernel is behind, or away: the browser keeps the rest

    # ---- from the kernel ------------------------------------------------------------------

    def answer(self, call: int, frame: bytes) -> None:
        """Write the outcome of a call, and read on if reading was held."""
        del self.unanswered[call]
        self.post(text_frame(frame))
        if self._held and len(self.unanswered) < self._server.limits.max_unanswered_calls:
            self.let_go()

    def catch_up(self, seq: int, frames: list[tuple[int, bytes]]) -> None:
        """Write what the page has missed, and take part in every push from now on."""
        for number, frame in frames:
            if number > self.written:
                self.written = number
                self.post(text_frame(frame))
        self.written = max(self.written, seq)
        self.resuming = False

    def post(self, frame: bytes) -> None:
        """Write *frame* when this turn's messages have all been handled."""
        if not self._outgoing:
            self._server.unflushed.append(self)
        self._outgoing.append(frame)

    def flush(self) -> None:
        """Write what was posted, at once."""
        outgoing, self._outgoing = self._outgoing, []
        self.write(outgoing[0] if len(outgoing) == 1 else b"".join(outgoing))


class ClosedDoor(WebSocket):
    """A connection that is told why it cannot come in, and nothing else."""

    def __init__(self, server: ParticipantServer, code: int, reason: str, state: str = "") -> None:
        super().__init__(0, server.limits.max_unsent_bytes)
        self._server = server
        self._code, self._reason, self._state = code, reason, state

    def on_closed(self) -> None:
        self._server.closed_doors -= 1

    def on_open(self) -> None:
        self._server.closed_doors += 1
        if self._state:
            self.write(_STATUS[self._state])
        self.shut(self._code, self._reason)

    def on_text(self, payload: bytes) -> None:
        """Nothing is taken from a stranger."""
