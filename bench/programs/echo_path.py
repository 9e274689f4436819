"""Echo through the participant server's own code, without system calls, in several ways in turn.

A way is the server as it is ("counted"), without what bounds unanswered calls ("uncounted"), or
with the times that Prometheus reads ("timed"). Each round measures all of them, one after another;
what is printed are the medians of the rounds' ratios.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from statistics import median
from typing import Any

import msgspec

from uproot_nb.bridge.messages import Backlog, Invoke, OpenSession, Reply
from uproot_nb.server.limits import Limits
from uproot_nb.server.metrics.timings import ServerTimings
from uproot_nb.server.participants import ParticipantServer
from uproot_nb.server.sockets import PlayerSocket, _Call, too_deep
from uproot_nb.server.websocket import text_frame

_PLAYERS = 50
_TURNS = 40
"""Turns of a slice; in each, everybody calls once."""
_REPLY = msgspec.msgpack.Decoder(list[Reply]).decode
_encode = msgspec.msgpack.Encoder().encode


class Transport(asyncio.Transport):
    """A browser that reads everything at once."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0

    def write(self, data: Any) -> None:
        self.written += len(data)

    def get_write_buffer_size(self) -> int:
        return 0


class Wire:
    """A kernel's channel: encodes what is sent, and answers by what a kernel would write."""

    closed = False

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self._transport: Any = Transport()

    @property
    def unsent(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport else 0

    def send(self, message: Any) -> None:
        self.messages.append(message)

    def echo(self) -> list[Any]:
        """Encode what was sent in this turn; return the kernel's decoded answers."""
        sent, self.messages = self.messages, []
        _encode(sent)
        frame = b'{"op":"result","id":"%s","data":"x"}'
        asked = [one for one in sent if type(one) is Invoke]
        return _REPLY(_encode([Reply(one.call, frame % one.id.encode()) for one in asked]))

    def close(self) -> None:
        self.closed = True


class Uncounted(PlayerSocket):
    """The same path without a bound of what is unanswered, beyond the number of calls."""

    def _call(self, asked: _Call) -> None:
        args, kwargs = bytes(asked.args), bytes(asked.kwargs)
        if args[:1] != b"[" or kwargs[:1] != b"{" or self.page == -1:
            self.refuse(4400, "malformed")
            return
        if too_deep(args) or too_deep(kwargs):
            self._refuse_call(asked.id, asked.method, "")
            return
        sockets, session = self._sockets, self.player.session
        call = next(sockets.numbers)
        invoke = Invoke(
            call, self.number, session.key, self.player.name, self.page, asked.id, asked.method,
            args, kwargs,
        )  # fmt: skip
        self.unanswered[call] = invoke
        session.pressure.calls[call] = self
        if session.link is not None:
            session.link.send(invoke)
        if len(self.unanswered) >= sockets.limits.max_unanswered_calls:
            self.hold()

    def answer(self, call: int, frame: bytes) -> None:
        del self.unanswered[call]
        if self._transport is None:
            return
        if self.resuming:
            self._answers.append(frame)
        else:
            self.post(text_frame(frame))
        if self._held:
            self.let_go()


class Path:
    """A server with a session and everybody's socket."""

    def __init__(self, kind: type[PlayerSocket], timed: bool) -> None:
        self.server = ParticipantServer(Limits(max_calls_per_second=1e9))
        if timed:
            self.server.measure(ServerTimings())
        self.wire = Wire()
        receive, _ = self.server.attach(self.wire, "kernel")  # type: ignore[arg-type]
        self.receive = receive
        tokens = {f"token-{number}" * 3: f"p{number}" for number in range(_PLAYERS)}
        receive([OpenSession("key", "market", "secret" * 4, "running", tokens)])
        session = self.server.sessions.get("key")
        assert session is not None
        self.sockets = [
            kind(self.server.sockets, player, 0, 0) for player in session.players.values()
        ]
        for socket in self.sockets:
            socket.connection_made(Transport())
        receive([Backlog(socket.number, 0, []) for socket in self.sockets])
        self.wire.messages.clear()

    def slice(self, frames: list[bytes]) -> float:
        """Let everybody call once with each of *frames*; return the seconds of processor time."""
        begun = time.process_time()
        for frame in frames:
            for socket in self.sockets:
                socket.data_received(frame)
            self.receive(self.wire.echo())
        return time.process_time() - begun


def _frame(number: int) -> bytes:
    """Return a masked frame, whose mask is 0."""
    payload = b'{"op":"invoke","id":"a-%08d","method":"echo","args":["%064d"],"kwargs":{}}' % (
        number, number,
    )  # fmt: skip
    return bytes([0x81, 0x80 | 126]) + len(payload).to_bytes(2, "big") + bytes(4) + payload


async def main(slices: int, ways: list[str]) -> None:
    """Print the microseconds of an echo in each way, and its share of the first way's speed."""
    kinds = {"uncounted": (Uncounted, False), "counted": (PlayerSocket, False),
             "timed": (PlayerSocket, True)}  # fmt: skip
    paths = {way: Path(*kinds[way]) for way in ways}
    frames = [_frame(number) for number in range(_TURNS)]
    gc.collect()
    gc.disable()
    taken: dict[str, list[float]] = {way: [] for way in paths}
    for number in range(slices + 2):
        for way in ways if number % 2 else ways[::-1]:
            seconds = paths[way].slice(frames)
            if number > 1:  # the first ones warm up
                taken[way].append(seconds)
    print(json.dumps({way: _found(way, taken) for way in ways}, ensure_ascii=False))


def _found(way: str, taken: dict[str, list[float]]) -> dict[str, float]:
    """Return the microseconds of an echo, and its speed as a share of other ways' speeds."""
    mine, first = taken[way], next(iter(taken.values()))
    counted = taken.get("counted", first)
    return {
        "µs": median(mine) / (_PLAYERS * _TURNS) * 1e6,
        "speed": median(a / b for a, b in zip(first, mine, strict=True)),
        "of counted": median(a / b for a, b in zip(counted, mine, strict=True)),
    }


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2].split(",")))
