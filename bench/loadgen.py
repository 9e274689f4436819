"""LoadGenerator: many cheap participants in a process of their own, led by lines of JSON.

On standard input comes `{"do": "connect", "wire": "bare", "urls": [...], "origin": "http://..."}`,
then any number of jobs such as `{"do": "echo", "method": "echo", "seconds": 2.0}`; each is answered
by one line of JSON on standard output.
"""

from __future__ import annotations

import asyncio
import gc
import json
import secrets
import sys
import time
from collections.abc import Callable
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from wires import WIRES, Wire

WARM_UP = 0.3
GREETING = 0.3
"""Seconds for what a server says to a new socket."""
PATIENCE = 20.0
"""Seconds after which a call or a post that is not answered ends the job with an error."""


class Participant(WSListener):
    """One open socket; what a frame means is up to the job that is running."""

    def __init__(self, who: int, wire: Wire) -> None:
        self.who = who
        self.wire = wire
        self.page_load = f"{secrets.token_hex(4)}{who:05d}"
        self.calls = 0
        self.next_ack = 0.0 if wire.ack else float("inf")
        self.transport: WSTransport | None = None
        self.on_frame: Callable[[Participant, bytes], None] = ignore
        self.lost = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        if self.wire.hello:
            transport.send(WSMsgType.TEXT, self.wire.hello.encode())

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY):
            self.on_frame(self, frame.get_payload_as_bytes())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.lost = True

    def call(self, method: str, x: str) -> None:
        """Call *method* with *x*, under an id never used before on this socket."""
        self.calls += 1
        frame = self.wire.call_frame(method, x, self.calls, self.page_load)
        assert self.transport is not None
        self.transport.send(WSMsgType.TEXT, frame)

    def acknowledge(self, pushed: bytes) -> None:
        """Tell the server now and then which push came last, as a browser does."""
        now = time.perf_counter()
        if now < self.next_ack:
            return
        self.next_ack = now + self.wire.ack_seconds
        frame = self.wire.ack_frame(pushed)
        assert self.transport is not None
        if frame is not None:
            self.transport.send(WSMsgType.TEXT, frame)


def ignore(participant: Participant, payload: bytes) -> None:
    """Let a frame pass that no job waits for."""


class Calls:
    """Each participant has one call in flight; every reply is checked and starts the next call."""

    def __init__(self, participants: list[Participant], method: str, seconds: float) -> None:
        self.participants = participants
        self.method = method
        self.seconds = seconds
        self.expected = [b""] * len(participants)
        self.count = 0
        self.in_flight = 0
        self.wrong: bytes | None = None
        self.stopping = False
        self.idle = asyncio.Event()

    async def run(self) -> dict[str, Any]:
        """Warm up, then count the replies of `seconds` seconds."""
        for slot, participant in enumerate(self.participants):
            participant.on_frame = self._reply_reader(slot, participant.wire)
            self._next(slot)
        await asyncio.sleep(WARM_UP)
        first, started = self.count, time.perf_counter()
        await asyncio.sleep(self.seconds)
        counted, took = self.count - first, time.perf_counter() - started
        self.stopping = True
        await wait(self.idle, f"{self.in_flight} calls of {self.method} are without a reply")
        if self.wrong is not None:
            raise JobFailed(f"not the expected reply: {self.wrong[:300]!r}")
        return {"per_second": counted / took, "calls": self.count}

    def _next(self, slot: int) -> None:
        participant = self.participants[slot]
        x = f"call-{participant.who:05d}-{participant.calls:010d}"
        self.expected[slot] = x.encode()
        self.in_flight += 1
        participant.call(self.method, x)

    def _reply_reader(self, slot: int, wire: Wire) -> Callable[[Participant, bytes], None]:
        expected, good, bad = self.expected, wire.reply, wire.error

        def read(participant: Participant, payload: bytes) -> None:
            if good not in payload and bad not in payload:
                return
            if bad in payload or expected[slot] not in payload:
                self.wrong = payload
                self.stopping = True
            self.count += 1
            self.in_flight -= 1
            if not self.stopping:
                self._next(slot)
            elif not self.in_flight or self.wrong:
                self.idle.set()

        return read


class Posts:
    """Participants post; every post reaches everybody.

    One after another (`at_once` false): the next posts as soon as all have the last post.
    All at once (`at_once` true): everybody posts, and again when everybody has all of it.
    """

    def __init__(
        self, participants: list[Participant], method: str, seconds: float, at_once: bool
    ) -> None:
        self.participants = participants
        self.method = method
        self.seconds = seconds
        self.step = len(participants) if at_once else 1
        self.posted = 0
        self.outstanding = 0
        self.deliveries = 0
        self.prefix = b""
        self.wrong: bytes | None = None
        self.ends = float("inf")
        self.finished = 0.0
        self.idle = asyncio.Event()

    async def run(self) -> dict[str, Any]:
        """Warm up by one post of each, then count deliveries for `seconds` seconds."""
        mark = self.participants[0].wire.push
        for participant in self.participants:
            participant.on_frame = self._push_reader(mark)
        await self._post_for(0.0)
        first, started = self.deliveries, time.perf_counter()
        await self._post_for(self.seconds)
        rate = (self.deliveries - first) / (self.finished - started)
        return {"per_second": rate, "posts": self.posted}

    async def _post_for(self, seconds: float) -> None:
        """Post until *seconds* have passed and everybody has posted equally often."""
        self.ends = time.perf_counter() + seconds
        self.idle.clear()
        self._next()
        await wait(self.idle, f"{self.outstanding} deliveries of a post are missing", seconds)
        if self.wrong is not None:
            raise JobFailed(f"a push out of turn: {self.wrong[:300]!r}")

    def _next(self) -> None:
        self.outstanding = self.step * len(self.participants)
        turn = self.posted // self.step
        self.prefix = b"post-%010d-" % turn
        for _ in range(self.step):
            sender = self.participants[self.posted % len(self.participants)]
            self.posted += 1
            sender.call(self.method, f"post-{turn:010d}-{sender.who:05d}")

    def _push_reader(self, mark: bytes) -> Callable[[Participant, bytes], None]:
        def read(participant: Participant, payload: bytes) -> None:
            if mark not in payload:
                return
            if self.prefix not in payload:
                self.wrong = payload
                self.idle.set()
                return
            participant.acknowledge(payload)
            self.deliveries += 1
            self.outstanding -= 1
            if not self.outstanding:
                self._everybody_has_it()

        return read

    def _everybody_has_it(self) -> None:
        now = time.perf_counter()
        if now < self.ends or self.posted % len(self.participants):
            self._next()
            return
        self.finished = now
        self.idle.set()


class Latency:
    """One participant calls again and again; every round trip is timed."""

    def __init__(self, participant: Participant, method: str, seconds: float) -> None:
        self.participant = participant
        self.method = method
        self.seconds = seconds
        self.answer: asyncio.Future[float] | None = None
        self.expected = b""

    async def run(self) -> dict[str, Any]:
        """Call for `seconds` seconds; return percentiles in milliseconds."""
        self.participant.on_frame = self._read
        times: list[float] = []
        ends = time.perf_counter() + WARM_UP + self.seconds
        counts_from = time.perf_counter() + WARM_UP
        while (started := time.perf_counter()) < ends:
            took = await self._call() - started
            if started >= counts_from:
                times.append(took * 1000)
        times.sort()
        return {
            "p50": percentile(times, 0.50),
            "p99": percentile(times, 0.99),
            "max": times[-1],
            "calls": len(times),
        }

    async def _call(self) -> float:
        loop = asyncio.get_running_loop()
        x = f"call-{self.participant.who:05d}-{self.participant.calls:010d}"
        self.expected = x.encode()
        self.answer = loop.create_future()
        self.participant.call(self.method, x)
        try:
            return await asyncio.wait_for(self.answer, PATIENCE)
        except TimeoutError:
            raise JobFailed(f"a call of {self.method} is without a reply") from None

    def _read(self, participant: Participant, payload: bytes) -> None:
        arrived = time.perf_counter()
        bad = participant.wire.error in payload
        if self.answer is None or self.answer.done():
            return
        if bad or (participant.wire.reply in payload and self.expected not in payload):
            self.answer.set_exception(JobFailed(f"not the expected reply: {payload[:300]!r}"))
        elif self.expected in payload:
            self.answer.set_result(arrived)


class JobFailed(Exception):
    """A system did not do what the job asked of it."""


async def wait(event: asyncio.Event, complaint: str, longer: float = 0.0) -> None:
    """Wait for *event*, but not for ever."""
    try:
        await asyncio.wait_for(event.wait(), PATIENCE + longer)
    except TimeoutError:
        raise JobFailed(complaint) from None


def percentile(ordered: list[float], share: float) -> float:
    """Return the value below which *share* of the *ordered* values lie."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


async def connect(job: dict[str, Any], first: int) -> list[Participant]:
    """Open a socket for every url, a few at a time; number the participants from *first*."""
    wire = WIRES[job["wire"]]
    gate = asyncio.Semaphore(8)

    async def open_one(who: int, url: str) -> Participant:
        async with gate:
            participant = Participant(who, wire)
            await ws_connect(
                lambda: participant, url, extra_headers={"Origin": job["origin"]},
                websocket_handshake_timeout=PATIENCE,
            )  # fmt: skip
            return participant

    return list(
        await asyncio.gather(*(open_one(n, url) for n, url in enumerate(job["urls"], first)))
    )


async def do(job: dict[str, Any], participants: list[Participant]) -> dict[str, Any]:
    """Do one job and return its figures."""
    seconds, method = float(job.get("seconds", 1.0)), job.get("method", "echo")
    match job["do"]:
        case "calls":
            return await Calls(participants, method, seconds).run()
        case "posts":
            return await Posts(participants, method, seconds, bool(job.get("at_once"))).run()
        case "latency":
            return await Latency(participants[0], method, seconds).run()
        case other:
            raise JobFailed(f"no such job: {other}")


async def main() -> None:
    """Read jobs until standard input ends; answer each by one line."""
    loop = asyncio.get_running_loop()
    participants: list[Participant] = []
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        job = json.loads(line)
        try:
            if job["do"] == "connect":
                participants += await connect(job, len(participants))
                await asyncio.sleep(GREETING)
                answer: dict[str, Any] = {"connected": len(participants)}
                gc.collect()
                gc.freeze()
            else:
                answer = await do(job, participants)
            lost = sum(participant.lost for participant in participants)
            if lost:
                raise JobFailed(f"{lost} of {len(participants)} sockets were closed")
        except (JobFailed, OSError, TimeoutError) as failure:
            answer = {"failed": f"{type(failure).__name__}: {failure}"}
        for participant in participants:
            participant.on_frame = ignore
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
