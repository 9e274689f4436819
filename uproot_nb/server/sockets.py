"""PlayerSocket: one participant's open connection."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec

from uproot_nb.bridge.messages import Backlog, Invoke, SocketClosed, SocketOpened
from uproot_nb.server.limits import how_to_change
from uproot_nb.server.nesting import too_deep
from uproot_nb.server.sessions import Player
from uproot_nb.server.websocket import WebSocket, text_frame

if TYPE_CHECKING:  # the server makes its sockets; only the name is needed here
    from uproot_nb.server.participants import ParticipantServer

__all__ = [
    "PING", "PONG", "UNREADABLE", "WAITING_PAGE", "ClosedDoor", "PlayerSocket", "status_frame",
]  # fmt: skip

WAITING_PAGE = -1
"""The position for which the server's own "paused" page connects; kernels hear nothing of it."""

UNREADABLE = "This cannot be sent."
"""What a page's script reads of a call that cannot be read."""

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
    count: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1


class _Ping(msgspec.Struct, tag_field="op", tag="ping"):
    pass


_decode = msgspec.json.Decoder(_Call | _Ack | _Ping | _ScriptError).decode
_BYTES_A_CALL = 4096
"""A frame of so many bytes counts as one call more."""
_HEAD = re.compile(rb'\s*\{\s*"op"\s*:\s*"invoke"\s*,\s*"id"\s*:\s*"([\w-]{1,64})"')
_NO_CALL = "", ""
_METHOD = re.compile(rb'"method"\s*:\s*"(\w{1,128})"', re.ASCII)
PING = b'{"op":"ping"}'
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
    is in that backlog, so nothing is written twice and nothing is left out. Answers to calls wait
    for it: what happened before a call is seen before its outcome.
    """

    __slots__ = (
        "_answers", "_outgoing", "_server", "acked", "number", "page", "player", "resuming",
        "unanswered", "written",
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
        self._answers: list[bytes] = []
        """Outcomes of calls that wait for the backlog."""

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

    @property
    def all_unsent(self) -> int:
        return sum(socket.unsent for socket in self.player.sockets)

    def on_refusal(self, code: int, what: str) -> None:
        self._server.count_refusal(what, self.player)

    # ---- from the browser -----------------------------------------------------------------

    def admit(self, size: int) -> bool:
        bucket = self.player.bucket
        return bucket is None or bucket.take(time.monotonic(), 1.0 + size // _BYTES_A_CALL)

    def on_too_large(self, size: int, head: bytes) -> None:
        method = _METHOD.search(head)
        what = f"the call of {method[1].decode()}" if method else "a message"
        limit = self._server.limits.max_frame_bytes
        detail = (
            f"{what} has {size:,} bytes, and max_frame_bytes allows {limit:,}. Send less at a "
            f"time, take it by a form, or raise {how_to_change('max_frame_bytes')}"
        )
        self._server.count_refusal("too large", self.player, detail)
        self.shut(4413, "too large")

    def on_text(self, payload: bytes) -> None:
        try:
            frame = _decode(payload)
        except (msgspec.DecodeError, RecursionError):
            self._refuse_unreadable(payload)
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
            self._server.note_script_error(self.player, self.page, *told, failed.count)

    def _call(self, asked: _Call) -> None:
        args, kwargs = bytes(asked.args), bytes(asked.kwargs)
        if args[:1] != b"[" or kwargs[:1] != b"{" or self.page == WAITING_PAGE:
            self.refuse(4400, "malformed")
            return
        if too_deep(args) or too_deep(kwargs):
            self._refuse_call(asked.id, asked.method, "nests too deeply")
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

    def _refuse_unreadable(self, payload: bytes) -> None:
        """Refuse a call that an honest script may make by accident; close if it is none such."""
        call = _accident(payload)
        if call is None or self.page == WAITING_PAGE:
            self.refuse(4400, "malformed")
        elif call == _NO_CALL:
            self._server.count_refusal("malformed", self.player)
        else:
            self._refuse_call(*call, "cannot be read: half an emoji, or a method without a name")

    def _refuse_call(self, call: str, method: str, reason: str) -> None:
        """Answer that one call cannot be made; all others go on."""
        detail = f"the call of {method} {reason}" if method else f"a call {reason}"
        self._server.count_refusal("malformed", self.player, detail)
        error = {"op": "error", "id": call, "error": "BadArguments", "message": UNREADABLE}
        self.write(text_frame(msgspec.json.encode(error)))

    # ---- from the kernel ------------------------------------------------------------------

    def answer(self, call: int, frame: bytes) -> None:
        """Write the outcome of a call, and read on if reading was held."""
        del self.unanswered[call]
        if self.resuming:
            self._answers.append(frame)
        else:
            self.post(text_frame(frame))
        if self._held and len(self.unanswered) < self._server.limits.max_unanswered_calls:
            self.let_go()

    def catch_up(self, backlog: Backlog) -> None:
        """Write what the page has missed; after the last part, take part in every push."""
        size = len(backlog.action)
        for number, frame in backlog.frames:
            size += len(frame)
            if number > self.written:
                self.written = number
                self.post(text_frame(frame))
        if backlog.action:
            self.post(text_frame(backlog.action))
        self._charge(size)
        if not backlog.more:
            self.written = max(self.written, backlog.seq)
            self.resuming = False
            answers, self._answers = self._answers, []
            for answer in answers:
                self.post(text_frame(answer))

    def _charge(self, size: int) -> None:
        """Count what was sent again against the player's limit, as so many frames."""
        bucket, now = self.player.bucket, time.monotonic()
        if bucket is not None:
            for _ in range(size // self._server.limits.max_frame_bytes):
                bucket.charge(now)

    def post(self, frame: bytes) -> None:
        """Write *frame* when this turn's messages have all been handled."""
        if not self._outgoing:
            self._server.unflushed.append(self)
        self._outgoing.append(frame)

    def flush(self) -> None:
        """Write what was posted, at once."""
        outgoing, self._outgoing = self._outgoing, []
        self.write(outgoing[0] if len(outgoing) == 1 else b"".join(outgoing))


def _accident(payload: bytes) -> tuple[str, str] | None:
    """Return id and method of a call that is JSON and has a page's form, but cannot be made.

    `_NO_CALL` stands for other frames that a page's own script may have sent.
    """
    try:
        found = json.loads(payload, parse_constant=_refuse_constant)
    except RecursionError:
        head = _HEAD.match(payload)
        return (head[1].decode(), _shown_method(payload)) if head else None
    except ValueError:
        return None
    if not isinstance(found, dict) or found.get("op") not in ("invoke", "script_error"):
        return None
    if found["op"] == "script_error":
        return _NO_CALL
    call, args, kwargs = found.get("id"), found.get("args", []), found.get("kwargs", {})
    if not isinstance(call, str) or not call or len(call) > 64 or not call.isascii():
        return None
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        return None
    return call, _shown_method(payload)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _shown_method(payload: bytes) -> str:
    method = _METHOD.search(payload[:512])
    return method[1].decode() if method else ""


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
