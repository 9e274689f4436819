"""PlayerSocket: a participant's open connection, and the table of all of them."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, NoReturn

import msgspec

from uproot_nb.bridge.messages import (
    FAMILY_BITS,
    Backlog,
    Invoke,
    PageReport,
    SocketClosed,
    SocketOpened,
)
from uproot_nb.server.limits import Limits, how_to_change
from uproot_nb.server.metrics.timings import ServerTimings
from uproot_nb.server.pressure.pressure import CALL_BYTES, SMALL_CALL
from uproot_nb.server.reports import Reports
from uproot_nb.server.sessions import REPORTS_PER_SECOND, ServedPlayer, ServedSession
from uproot_nb.server.websocket import WebSocket, text_frame

__all__ = [
    "DEEPEST", "PING", "PONG", "UNREADABLE", "WAITING_PAGE", "Ping", "PlayerSocket",
    "PlayerSockets", "RefusedSocket", "status_frame", "too_deep",
]  # fmt: skip

WAITING_PAGE = -1
"""The position with which the server's own "paused" page connects; kernels do not see it."""

UNREADABLE = "This cannot be sent."
"""The message of the error that answers an unreadable call."""

DEEPEST = 64
"""Arrays and objects within each other that a call's arguments may have."""

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


class _Report(msgspec.Struct, tag_field="op", tag="report"):
    what: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z_]{0,31}$")]
    data: msgspec.Raw = msgspec.Raw(b"null")


class Ping(msgspec.Struct, tag_field="op", tag="ping"):
    """A page's own ping: browsers' scripts cannot send those of the protocol."""


_decode = msgspec.json.Decoder(_Call | _Ack | Ping | _ScriptError | _Report).decode
_LONGEST_REPORT = 4096
"""Bytes of a report's data."""
_BYTES_A_CALL = 4096
"""A frame of so many bytes counts as one call more."""
_HEAD = re.compile(rb'\s*\{\s*"op"\s*:\s*"invoke"\s*,\s*"id"\s*:\s*"([\w-]{1,64})"')
_NO_CALL = "", ""
_TOO_DEEP = "nests too deeply"
_HALF_A_CHARACTER = "cannot be read: half an emoji, or a method without a name"
_METHOD = re.compile(rb'"method"\s*:\s*"(\w{1,128})"', re.ASCII)
PING = b'{"op":"ping"}'
PONG = text_frame(b'{"op":"pong"}')
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STATUS = {
    state: text_frame(b'{"op":"status","state":"%s"}' % state.encode())
    for state in ("running", "paused", "closed")
}


def status_frame(state: str) -> bytes:
    """Return the frame with the session's state."""
    return _STATUS[state]


class PlayerSockets:
    """All players' open sockets, and the calls that no kernel has answered yet.

    Args:
        family: the upper bits of all numbers, so that those of no two gateways are the same.
    """

    def __init__(self, limits: Limits, reports: Reports, family: int = 0) -> None:
        self.limits, self.reports = limits, reports
        self.most_unanswered = limits.max_unanswered_calls
        self.timings: ServerTimings | None = None
        """Measures calls and requests, if somebody reads how long they take."""
        self.numbers = itertools.count((family << FAMILY_BITS) + 1)
        """Of sockets, calls and requests."""
        self.unflushed: list[PlayerSocket] = []
        self.refused = 0
        """Sockets that are open only until the browser has read why they are refused."""
        self._sockets: dict[int, PlayerSocket] = {}
        self._of: dict[str, dict[str, list[PlayerSocket]]] = {}

    def __len__(self) -> int:
        return len(self._sockets)

    def __iter__(self) -> Iterator[PlayerSocket]:
        return iter(list(self._sockets.values()))

    def get(self, number: int) -> PlayerSocket | None:
        """Return the open socket with this *number*."""
        return self._sockets.get(number)

    def by_player(self, session: str) -> Mapping[str, list[PlayerSocket]]:
        """Return the open sockets of the session with this key, by player's name."""
        return self._of.get(session, _NO_SOCKETS)

    def of_player(self, player: ServedPlayer) -> list[PlayerSocket]:
        """Return the player's open sockets, oldest first."""
        return self.by_player(player.session.key).get(player.name, [])

    def of_session(self, session: ServedSession) -> list[PlayerSocket]:
        """Return the session's open sockets, oldest first."""
        opened = [socket for one in self.by_player(session.key).values() for socket in one]
        return sorted(opened, key=lambda socket: socket.number)

    def add(self, socket: PlayerSocket) -> None:
        """Take in *socket*, which has opened."""
        self._sockets[socket.number] = socket
        player = socket.player
        self._of.setdefault(player.session.key, {}).setdefault(player.name, []).append(socket)

    def remove(self, socket: PlayerSocket) -> bool:
        """Forget *socket*, which has closed, and its calls; False if it is not here."""
        if self._sockets.pop(socket.number, None) is None:
            return False
        player = socket.player
        of_session = self._of[player.session.key]
        of_session[player.name].remove(socket)
        if not of_session[player.name]:
            del of_session[player.name]
            if not of_session:
                del self._of[player.session.key]
        if player.session.link is None:
            self._abandon(socket)  # else the kernel still has its calls
        return True

    def abandon_closed(self, session: ServedSession) -> None:
        """Forget the calls of closed sockets: the kernel that had them is gone."""
        for socket in set(session.pressure.calls.values()):
            if socket.number not in self._sockets:
                self._abandon(socket)

    def _abandon(self, socket: PlayerSocket) -> None:
        if self.timings is not None:
            self.timings.forget(socket.unanswered)
        for call in list(socket.unanswered):
            socket.forget_call(call)

    def flush(self) -> None:
        """Write what was posted in this turn."""
        if self.timings is not None and self.timings.ended:
            self.timings.note_ended()
        while self.unflushed:
            unflushed, self.unflushed = self.unflushed, []
            for socket in unflushed:
                socket.flush()


_NO_SOCKETS: Mapping[str, list[PlayerSocket]] = {}


class PlayerSocket(WebSocket):
    """Checks what a browser sends, passes it to the kernel, and writes what the kernel sends.

    It is *resuming* until the kernel has sent the backlog of pushes that the page has missed. What
    is pushed meanwhile is part of the backlog, so each push is written once. Outcomes of calls wait
    for its end, because participants should see what happened before a call before its outcome.
    """

    __slots__ = (
        "_answers", "_counted", "_outgoing", "_sockets", "acked", "number", "page", "player",
        "resuming", "unanswered", "written",
    )  # fmt: skip

    def __init__(self, sockets: PlayerSockets, player: ServedPlayer, page: int, since: int) -> None:
        super().__init__(sockets.limits.max_frame_bytes, sockets.limits.max_unsent_bytes)
        self._sockets = sockets
        self.player, self.page = player, page
        self.number = next(sockets.numbers)
        self.written = self.acked = since
        self.resuming = True
        self.unanswered: dict[int, Invoke] = {}
        self._counted: dict[int, int] | None = None
        """Bytes of the calls that are counted by their bytes; None saves memory."""
        self._outgoing: list[bytes] = []
        self._answers: list[bytes] = []
        """Outcomes of calls that wait for the backlog."""

    # ---- the connection -------------------------------------------------------------------

    def on_open(self) -> None:
        session = self.player.session
        self._sockets.add(self)
        self.write(_STATUS[session.state])
        if session.closed:
            self.shut(4404, "session closed")
        else:
            self.announce()

    def announce(self) -> None:
        """Report to the kernel that this socket is open, and up to where it has all pushes."""
        self.resuming = True
        session, link = self.player.session, self.player.session.link
        if link is not None and self.page != WAITING_PAGE:
            name, page, since = self.player.name, self.page, self.written
            link.send(SocketOpened(self.number, session.key, name, page, since, self.by))

    def on_closed(self) -> None:
        if not self._sockets.remove(self):
            return
        session, link = self.player.session, self.player.session.link
        session.pressure.leave(self.player.share, self)
        for call in self.unanswered:  # no limit of this socket holds any more
            self._count(call, CALL_BYTES)
        if link is not None and self.page != WAITING_PAGE:
            link.send(SocketClosed(self.number, session.key, self.player.name))

    @property
    def all_unsent(self) -> int:
        return sum(socket.unsent for socket in self._sockets.of_player(self.player))

    def on_refusal(self, code: int, what: str) -> None:
        self._sockets.reports.count_refusal(what, self.player)

    # ---- from the browser -----------------------------------------------------------------

    def admit(self, size: int) -> bool:
        bucket = self.player.bucket
        return bucket is None or bucket.take(time.monotonic(), 1.0 + size // _BYTES_A_CALL)

    def on_too_large(self, size: int, head: bytes) -> None:
        method = _METHOD.search(head)
        what = f"the call of {method[1].decode()}" if method else "a message"
        limit = self._sockets.limits.max_frame_bytes
        detail = (
            f"{what} has {size:,} bytes, and max_frame_bytes allows {limit:,}. Send less at a "
            f"time, take it by a form, or raise {how_to_change('max_frame_bytes')}"
        )
        self._sockets.reports.count_refusal("too large", self.player, detail)
        self.shut(4413, "too large")

    def on_text(self, payload: bytes) -> None:
        try:
            frame = _decode(payload)
        except msgspec.DecodeError:
            self._refuse_unreadable(payload, _HALF_A_CHARACTER)
            return
        except RecursionError:
            self._refuse_unreadable(payload, _TOO_DEEP)
            return
        if type(frame) is _Call:
            self._call(frame)
        elif type(frame) is _Ack:
            self.acked = max(self.acked, min(frame.seq, self.written))
        elif type(frame) is _ScriptError:
            self._note_script_error(frame)
        elif type(frame) is _Report:
            self._pass_report(frame)
        else:
            self.write(PONG)

    def _note_script_error(self, failed: _ScriptError) -> None:
        if self.page != WAITING_PAGE:
            line = max(0, int(failed.line or 0))
            error = failed.message, failed.source, min(line, _HIGHEST_LINE)
            self._sockets.reports.note_script_error(self.player, self.page, *error, failed.count)

    def _pass_report(self, report: _Report) -> None:
        """Send a report to the kernel; one that is too long, or too many, is only counted."""
        session, link = self.player.session, self.player.session.link
        if self.page == WAITING_PAGE:
            return
        data = bytes(report.data)
        if len(data) > _LONGEST_REPORT or too_deep(data):
            detail = f"the report '{report.what}' has {len(data):,} bytes, or {_TOO_DEEP}"
            self._sockets.reports.count_refusal("malformed", self.player, detail)
        elif not self.player.reports.take(time.monotonic()):
            detail = (
                f"its page reports '{report.what}' more than {REPORTS_PER_SECOND:g} times a second"
            )
            self._sockets.reports.count_refusal("too many reports", self.player, detail)
        elif link is not None:
            where = self.number, session.key, self.player.name, self.page
            link.send(PageReport(*where, report.what, data))
            if session.pressure.stuck:
                self._hold_back()

    def _call(self, asked: _Call) -> None:
        args, kwargs = bytes(asked.args), bytes(asked.kwargs)
        if args[:1] != b"[" or kwargs[:1] != b"{" or self.page == WAITING_PAGE:
            self.refuse(4400, "malformed")
            return
        if too_deep(args) or too_deep(kwargs):
            self._refuse_call(asked.id, asked.method, _TOO_DEEP)
            return
        sockets, player = self._sockets, self.player
        session = player.session
        call = next(sockets.numbers)
        invoke = Invoke(
            call, self.number, session.key, player.name, self.page, asked.id, asked.method,
            args, kwargs,
        )  # fmt: skip
        pressure = session.pressure
        self.unanswered[call] = invoke
        pressure.calls[call] = self
        if sockets.timings is not None:
            bucket = player.bucket  # it was asked when the frame came
            sockets.timings.begun[call] = time.monotonic() if bucket is None else bucket.at
        if session.link is not None:
            session.link.send(invoke)
        size = len(args) + len(kwargs)
        if size > SMALL_CALL:
            self._count(call, size)
        if (
            len(self.unanswered) >= sockets.most_unanswered
            or player.share.size >= pressure.limit
            or len(pressure.calls) >= pressure.most_calls
            or self._answers
        ) and self._must_wait():
            self._hold_back()

    def _count(self, call: int, size: int) -> None:
        """Count a call by its bytes until it is answered."""
        if self._counted is None:
            self._counted = {}
        self._counted[call] = self._counted.get(call, 0) + size
        self.player.session.pressure.add(self.player.share, size)

    def _uncount(self, call: int) -> None:
        counted = self._counted
        size = counted.pop(call, 0) if counted is not None else 0
        if size:
            self.player.session.pressure.remove(self.player.share, size)

    def _must_wait(self) -> bool:
        """Return whether further calls stay in the browser: the kernel is behind, or away."""
        waiting = len(self.unanswered) + len(self._answers)
        if waiting >= self._sockets.limits.max_unanswered_calls:
            return True
        pressure, opened = self.player.session.pressure, self._sockets.of_player(self.player)
        if not pressure.may_call(self.player.share):
            return True
        return pressure.crowded and any(one.unanswered for one in opened)

    def _hold_back(self) -> None:
        self.hold()
        self.player.session.pressure.wait(self.player.share, self, self.go_on)

    def go_on(self) -> None:
        """Read again if reading was held, and need not be any more."""
        if not self._held or self._closing:
            return
        if self._must_wait():
            self._hold_back()
        else:
            self.player.session.pressure.leave(self.player.share, self)
            self.let_go()

    def _refuse_unreadable(self, payload: bytes, reason: str) -> None:
        """Refuse a call that an honest script may make by accident; close after any other frame."""
        call = _accident(payload)
        if call is None or self.page == WAITING_PAGE:
            self.refuse(4400, "malformed")
        elif call == _NO_CALL:
            self._sockets.reports.count_refusal("malformed", self.player)
        else:
            self._refuse_call(*call, reason)

    def _refuse_call(self, call: str, method: str, reason: str) -> None:
        """Answer that one call cannot be made; the connection stays open."""
        detail = f"the call of {method} {reason}" if method else f"a call {reason}"
        self._sockets.reports.count_refusal("malformed", self.player, detail)
        error = {"op": "error", "id": call, "error": "BadArguments", "message": UNREADABLE}
        self.write(text_frame(msgspec.json.encode(error)))

    # ---- from the kernel ------------------------------------------------------------------

    def answer(self, call: int, frame: bytes) -> None:
        """Write the outcome of a call, and read again if reading was held."""
        del self.unanswered[call]
        if self._counted:
            self._uncount(call)
        player = self.player
        if player.session.pressure.waiting:
            player.session.pressure.free(player.share)
        if self._transport is None:
            return
        if self.resuming:
            self._answers.append(frame)
        else:
            self.post(text_frame(frame))

    def forget_call(self, call: int) -> None:
        """Wait no more for the outcome of a call."""
        del self.unanswered[call]
        self.player.session.pressure.calls.pop(call, None)
        self._uncount(call)

    def catch_up(self, backlog: Backlog) -> None:
        """Write a part of what the page has missed; after the last, the socket gets every push."""
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
            self.go_on()

    def _charge(self, size: int) -> None:
        """Charge the player's limit for the backlog's size: it costs as many calls as frames."""
        bucket, now = self.player.bucket, time.monotonic()
        if bucket is not None:
            for _ in range(size // self._sockets.limits.max_frame_bytes):
                bucket.charge(now)

    def post(self, frame: bytes) -> None:
        """Write *frame* once all messages of this turn are handled."""
        if not self._outgoing:
            self._sockets.unflushed.append(self)
        self._outgoing.append(frame)

    def flush(self) -> None:
        """Write what was posted, at once."""
        outgoing, self._outgoing = self._outgoing, []
        self.write(outgoing[0] if len(outgoing) == 1 else b"".join(outgoing))


def _accident(payload: bytes) -> tuple[str, str] | None:
    """Return id and method of a call that is well-formed JSON but cannot be made.

    Return `_NO_CALL` for another frame of a page's own script, and None for anything else.
    """
    try:
        found = json.loads(payload, parse_constant=_refuse_constant)
    except RecursionError:
        head = _HEAD.match(payload)
        return (head[1].decode(), _shown_method(payload)) if head else None
    except ValueError:
        return None
    if not isinstance(found, dict) or found.get("op") not in ("invoke", "script_error", "report"):
        return None
    if found["op"] != "invoke":
        return _NO_CALL
    call, args, kwargs = found.get("id"), found.get("args", []), found.get("kwargs", {})
    if not isinstance(call, str) or not call or len(call) > 64 or not call.isascii():
        return None
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        return None
    return call, _shown_method(payload)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _shown_method(payload: bytes) -> str:
    method = _METHOD.search(payload[:512])
    return method[1].decode() if method else ""


def too_deep(text: bytes) -> bool:
    """Return whether *text* (valid JSON) nests more than `DEEPEST` arrays and objects."""
    if text.count(b"[") + text.count(b"{") <= DEEPEST:
        return False
    brackets = _STRING.sub(b"", text).translate(None, _ALL_BUT_BRACKETS)
    for _ in range(DEEPEST):  # each time the innermost go
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not brackets:
            return False
    return True


class RefusedSocket(WebSocket):
    """A connection that is closed at once, with the reason."""

    def __init__(self, sockets: PlayerSockets, code: int, reason: str, state: str = "") -> None:
        super().__init__(0, sockets.limits.max_unsent_bytes)
        self._sockets = sockets
        self._code, self._reason, self._state = code, reason, state

    def on_closed(self) -> None:
        self._sockets.refused -= 1

    def on_open(self) -> None:
        self._sockets.refused += 1
        if self._state:
            self.write(_STATUS[self._state])
        self.shut(self._code, self._reason)

    def on_text(self, payload: bytes) -> None:
        """Ignore it."""
