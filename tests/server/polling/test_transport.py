"""Frames by requests that get lost, come twice, or come late."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.server.polling.transport import PolledTransport
from uproot_nb.server.websocket import WebSocket, text_frame


class Noting(WebSocket):
    """A socket that notes what comes."""

    def __init__(self, max_frame_bytes: int = 1000, max_unsent_bytes: int = 10_000) -> None:
        super().__init__(max_frame_bytes, max_unsent_bytes)
        self.heard: list[bytes] = []
        self.refused: list[int] = []
        self.is_gone = False

    def on_text(self, payload: bytes) -> None:
        self.heard.append(payload)

    def on_refusal(self, code: int, what: str) -> None:
        self.refused.append(code)

    def on_closed(self) -> None:
        self.is_gone = True


class Attendance:
    """Notes whether a browser waits."""

    def __init__(self) -> None:
        self.heard: list[bool] = []
        self.closed = 0

    def note(self, transport: PolledTransport, attended: bool) -> None:
        self.heard.append(attended)

    def close(self, transport: PolledTransport) -> None:
        self.closed += 1


def connected(socket: Noting) -> tuple[PolledTransport, Attendance]:
    """Return the transport below *socket*, and who waits there."""
    attendance = Attendance()
    transport = PolledTransport(socket, attendance.note, attendance.close)
    socket.connection_made(transport)
    return transport, attendance


def write(socket: Noting, number: int) -> None:
    socket.write(text_frame(b"%d" % number))


@dataclass
class Answer:
    """What a browser reads in an answer to its waiting."""

    number: int
    frames: list[object] = field(default_factory=list)
    close: tuple[int, str] | None = None


async def ask(transport: PolledTransport, got: int, patience: float = 0.0) -> Answer:
    return msgspec.json.decode(await transport.next_answer(got, patience), type=Answer)


# ---- what a browser gets ------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_browser_that_waits_is_answered_at_once_and_gets_all_of_one_turn() -> None:
    socket = Noting()
    transport, attendance = connected(socket)
    waiting = asyncio.ensure_future(ask(transport, 0, 60.0))
    await asyncio.sleep(0)
    assert attendance.heard == [True]
    write(socket, 7)
    write(socket, 8)
    assert await waiting == Answer(1, [7, 8])
    assert attendance.heard == [True, False]


@pytest.mark.asyncio
async def test_an_answer_is_repeated_until_the_browser_has_it() -> None:
    socket = Noting()
    transport, _ = connected(socket)
    write(socket, 1)
    assert [await ask(transport, 0) for _ in range(3)] == [Answer(1, [1])] * 3
    write(socket, 2)
    assert await ask(transport, 0) == Answer(1, [1])
    assert await ask(transport, 1) == Answer(2, [2])
    assert await ask(transport, 2) == Answer(2)
    assert socket.unsent == 0


@pytest.mark.asyncio
async def test_of_two_requests_the_newer_one_gets_what_comes() -> None:
    socket = Noting()
    transport, _ = connected(socket)
    first = asyncio.ensure_future(ask(transport, 0, 60.0))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(ask(transport, 0, 60.0))
    assert await first == Answer(0)
    write(socket, 1)
    assert await second == Answer(1, [1])


@pytest.mark.asyncio
async def test_a_request_that_was_overtaken_changes_nothing() -> None:
    socket = Noting()
    transport, _ = connected(socket)
    for number in (1, 2):
        write(socket, number)
        await ask(transport, number - 1)
    waiting = asyncio.ensure_future(ask(transport, 2, 60.0))
    await asyncio.sleep(0)
    assert await ask(transport, 0, 60.0) == Answer(2)
    write(socket, 3)
    assert await waiting == Answer(3, [3])


@pytest.mark.asyncio
async def test_what_comes_while_nobody_is_there_any_more_is_stored() -> None:
    socket = Noting()
    transport, attendance = connected(socket)
    waiting = asyncio.ensure_future(ask(transport, 0, 60.0))
    await asyncio.sleep(0)
    transport.hang_up()
    assert await waiting == Answer(0)
    assert attendance.heard == [True, False]
    write(socket, 1)
    assert await ask(transport, 0) == Answer(1, [1])


@pytest.mark.asyncio
async def test_a_ping_makes_the_browser_ask_again_and_that_shows_that_it_is_there() -> None:
    socket = Noting()
    transport, _ = connected(socket)
    for _ in range(3):
        waiting = asyncio.ensure_future(ask(transport, 0, 60.0))
        await asyncio.sleep(0)
        socket.check_alive()
        assert await waiting == Answer(0)
    assert not socket.closing


@pytest.mark.asyncio
async def test_a_browser_that_claims_what_was_never_sent_is_refused() -> None:
    socket = Noting()
    transport, _ = connected(socket)
    assert await ask(transport, 5) == Answer(1, [], (4400, "malformed"))
    assert socket.refused == [4400]


@pytest.mark.asyncio
async def test_a_goodbye_comes_last_and_is_repeated_too() -> None:
    socket = Noting()
    transport, attendance = connected(socket)
    write(socket, 1)
    socket.shut(4404, "session closed")
    goodbye = Answer(1, [1], (4404, "session closed"))
    assert [await ask(transport, 0), await ask(transport, 0)] == [goodbye, goodbye]
    socket.abort()
    await asyncio.sleep(0)
    assert socket.is_gone
    assert attendance.closed == 1


@pytest.mark.asyncio
async def test_who_reads_nothing_is_too_slow_as_by_a_websocket() -> None:
    socket = Noting(max_unsent_bytes=1000)
    transport, _ = connected(socket)
    for _ in range(9):
        socket.write(text_frame(b'"' + b"x" * 98 + b'"'))
    await ask(transport, 0)  # an answer that may be lost is unread as well
    assert not socket.closing
    for _ in range(2):
        socket.write(text_frame(b'"' + b"x" * 98 + b'"'))
    assert socket.refused == [4408]
    await ask(transport, 1)
    assert (await ask(transport, 1)).close == (4408, "too slow")


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [1, 125, 126, 65535, 65536])
async def test_frames_of_every_size_pass_both_ways(size: int) -> None:
    socket = Noting(max_frame_bytes=70_000, max_unsent_bytes=200_000)
    transport, _ = connected(socket)
    text = b"7" * size
    socket.write(text_frame(b'"' + text + b'"'))
    transport.take(1, [text])
    assert (await ask(transport, 0)).frames == [text.decode()]
    assert socket.heard == [text]


# ---- what a browser sends -----------------------------------------------------------------


@pytest.mark.asyncio
async def test_frames_are_taken_once_and_in_order() -> None:
    socket = Noting()
    transport, _ = connected(socket)
    assert transport.take(1, [b"a", b"b"]) == 2
    assert transport.take(1, [b"a", b"b"]) == 2
    assert transport.take(4, [b"d"]) == 2  # the one before has not come
    assert transport.take(2, [b"b", b"c", b"d"]) == 4
    assert socket.heard == [b"a", b"b", b"c", b"d"]


@pytest.mark.asyncio
async def test_what_a_busy_socket_cannot_take_stays_with_the_browser() -> None:
    socket = Noting(max_frame_bytes=100)
    transport, _ = connected(socket)
    socket.hold()
    taken = transport.take(1, [b"x" * 60] * 9)
    assert 0 < taken < 9
    assert transport.take(taken + 1, [b"x" * 60]) == taken
    socket.let_go()
    assert len(socket.heard) == taken
    assert transport.take(taken + 1, [b"y"]) == taken + 1
    assert socket.heard[-1] == b"y"


@pytest.mark.asyncio
async def test_too_large_a_frame_is_refused_as_by_a_websocket() -> None:
    socket = Noting(max_frame_bytes=100)
    transport, _ = connected(socket)
    transport.take(1, [b"x" * 101, b"y"])
    assert socket.refused == [4413]
    assert socket.heard == []


@pytest.mark.asyncio
async def test_after_its_end_a_connection_takes_nothing() -> None:
    socket = Noting()
    transport, attendance = connected(socket)
    transport.abort()
    transport.abort()
    await asyncio.sleep(0)
    assert transport.take(1, [b"a"]) == 0
    assert (socket.heard, attendance.closed, transport.is_closing()) == ([], 1, True)


# ---- a bad network ------------------------------------------------------------------------


class BadNetwork:
    """A browser whose requests and answers are lost, repeated and reordered."""

    def __init__(self) -> None:
        self.socket = Noting(max_unsent_bytes=1_000_000)
        self.transport, _ = connected(self.socket)
        self.written = self.posted = 0
        self.got = self.taken = 0
        self.received: list[object] = []
        self.requests: list[tuple[str, int, list[bytes]]] = []
        self.answers: list[tuple[str, int, list[object]]] = []

    def ask(self) -> None:
        self.requests.append(("wait", self.got, []))

    def post(self) -> None:
        frames = [b"%d" % number for number in range(self.taken + 1, self.posted + 1)]
        self.requests.append(("send", self.taken + 1, frames))

    async def serve(self, at: int, *, again: bool) -> None:
        """Let a request arrive; if *again*, it comes once more later."""
        if not self.requests:
            return
        at %= len(self.requests)
        kind, number, frames = self.requests[at] if again else self.requests.pop(at)
        if kind == "send":
            self.answers.append((kind, self.transport.take(number, frames), []))
        else:
            answer = await ask(self.transport, number)
            self.answers.append((kind, answer.number, answer.frames))

    def read(self, at: int) -> None:
        """Let an answer arrive."""
        if not self.answers:
            return
        kind, number, frames = self.answers.pop(at % len(self.answers))
        if kind == "send":
            self.taken = max(self.taken, number)
        elif number > self.got:
            self.got = number
            self.received += frames

    def lose(self, at: int) -> None:
        """Lose a request, and an answer."""
        for some in (self.requests, self.answers):
            if some:
                some.pop(at % len(some))

    async def settle(self) -> None:
        """Let everything arrive at last."""
        for _ in range(3):
            self.post()
            self.ask()
            while self.requests:
                await self.serve(0, again=False)
            while self.answers:
                self.read(0)


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "frame", "ask", "post", "serve", "again", "read", "lose"]),
        st.integers(0, 5),
    ),
    max_size=60,
)


@given(_STEPS)
def test_losses_repeats_and_other_orders_change_nothing(steps: list[tuple[str, int]]) -> None:
    """Each frame arrives once and in order, on both sides."""

    async def play() -> None:
        network = BadNetwork()
        for step, at in steps:
            await _do(network, step, at)
        await network.settle()
        assert network.received == list(range(1, network.written + 1))
        assert network.socket.heard == [b"%d" % n for n in range(1, network.posted + 1)]
        assert network.socket.refused == []
        assert network.socket.unsent == 0

    asyncio.run(play())


async def _do(network: BadNetwork, step: str, at: int) -> None:
    match step:
        case "write":
            network.written += 1
            write(network.socket, network.written)
        case "frame":
            network.posted += 1
        case "ask":
            network.ask()
        case "post":
            network.post()
        case "serve" | "again":
            await network.serve(at, again=step == "again")
        case "read":
            network.read(at)
        case "lose":
            network.lose(at)
