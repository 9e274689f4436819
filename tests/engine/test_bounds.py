"""What a kernel holds of one participant, and of all, is bounded; nothing is lost or run twice."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running import Browser, Distant, serving, together, until
from tests.server.worlds import RawBrowser, handshake
from uproot_nb import Page, Run, live
from uproot_nb.bridge.messages import HttpReply, HttpRequest
from uproot_nb.flow import backlog
from uproot_nb.server.limits import Limits
from uproot_nb.session import journal

pytestmark = pytest.mark.asyncio

GATES: dict[str, asyncio.Event] = {}
"""What players' pages and calls wait for, by name."""
BEGUN: list[str] = []
"""Whose pages have begun to be made."""
UNLIMITED = {"max_calls_per_second": 0, "max_requests_per_second": 0, "max_connections": 20_000}


class Market(Page):
    """Counts; one call lasts as long as the test says."""

    @live
    async def wait(page, player):
        await GATES[player.name].wait()

    @live
    def count(page, player, n: int):
        player.seen.append(n)
        return n

    @live
    def tell(page, player, n: int):
        player.seen.append(n)
        return "x" * 20_000

    @classmethod
    async def before_once(page, player) -> None:
        BEGUN.append(player.name)
        player.seen = []
        if player.name in GATES:
            await GATES[player.name].wait()


@pytest.fixture(autouse=True)
def gates() -> Iterator[dict[str, asyncio.Event]]:
    GATES.clear()
    BEGUN.clear()
    yield GATES
    GATES.clear()


@pytest.fixture
def distant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Distant]:
    """The log of the next run."""
    log = Distant()
    monkeypatch.setattr("uproot_nb.log.places.MemoryLog", lambda: log)
    yield log
    log.may_commit.set()


def close_gate(run: Run, player: int) -> str:
    name = run.players[player].name
    GATES[name] = asyncio.Event()
    return name


def open_gate(run: Run, name: str) -> None:
    run._runtime.loop.call_soon_threadsafe(GATES[name].set)


async def on_loop(run: Run, coroutine: Any) -> Any:
    """Run a coroutine on the run's loop, where its server is."""
    future = asyncio.run_coroutine_threadsafe(coroutine, run._runtime.loop)
    return await asyncio.wrap_future(future)


def waiting_calls(run: Run) -> int:
    return sum(len(lane) for lane in list(run._runtime.calls._lanes.values()))


def session_of(run: Run) -> Any:
    server = run._runtime.line._connect.__self__.server  # type: ignore[attr-defined]
    return server.sessions.named(run.name)


async def raw(run: Run, browser: Browser) -> RawBrowser:
    """Open one more socket of a page, by hand."""
    host, path = browser.url.split("/", 3)[2:]
    port = int(host.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 26)
    where = f"/{path}ws?page={browser.page['page']}&since={browser.since}"
    writer.write(handshake(port, where))
    await reader.readuntil(b"\r\n\r\n")
    return RawBrowser(reader, writer)


def invoke(number: int, method: str) -> bytes:
    call = {"op": "invoke", "id": f"c{number}", "method": method, "args": [number]}
    return json.dumps(call).encode()


async def outcomes(socket: RawBrowser, count: int) -> list[str]:
    """Read *count* outcomes; return the ids in their order."""
    found: list[str] = []
    while len(found) < count:
        opcode, payload = await socket.read()
        assert opcode == 1, (opcode, payload)
        answer = json.loads(payload)
        if answer["op"] == "result":
            found.append(answer["id"])
    return found


@pytest.mark.parametrize("count", [600, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_calls_behind_a_running_one_stay_in_the_browser(count: int) -> None:
    with serving(Market, server=UNLIMITED) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        name, socket = close_gate(run, 0), await raw(run, ann)
        socket.send(1, b'{"op":"invoke","id":"wait","method":"wait"}')
        for number in range(count):
            socket.send(1, invoke(number, "count"))
        most = Limits.max_unanswered_calls
        await until(lambda: waiting_calls(run) == most - 1)
        for number in range(20):
            assert await bob.call("count", number) == number
            assert waiting_calls(run) == most - 1
        open_gate(run, name)
        assert await outcomes(socket, count + 1) == ["wait", *(f"c{n}" for n in range(count))]
        assert list(run.players[0].seen) == list(range(count))


@pytest.mark.long
async def test_who_sends_without_reading_holds_up_nobody_and_fills_nothing() -> None:
    """The server disconnects the browser; its calls that the kernel has are run once."""
    with serving(Market, server={**UNLIMITED, "max_unsent_bytes": 65_536}) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        socket = await raw(run, ann)
        transport: Any = socket.writer.transport
        transport.pause_reading()
        for number in range(2_000):
            socket.send(1, invoke(number, "tell"))
        for number in range(20):
            assert await bob.call("count", number) == number
            assert waiting_calls(run) <= Limits.max_unanswered_calls
        await until(lambda: len(session_of(run).players) and _sockets(run, 0) == 1)
        await until(lambda: not session_of(run).pressure.calls)
        seen = list(run.players[0].seen)
        assert seen == list(range(len(seen)))
        assert len(seen) < 2_000
        transport.abort()


def _sockets(run: Run, player: int) -> int:
    server = run._runtime.line._connect.__self__.server  # type: ignore[attr-defined]
    return len(server.sockets.of_player(session_of(run).players[run.players[player].name]))


async def ask(run: Run, player: str, patience: float = 30.0) -> HttpReply | None:
    """Ask for a player's page, as the server does for a browser."""
    session, link = session_of(run), session_of(run).link
    server = run._runtime.line._connect.__self__.server  # type: ignore[attr-defined]
    number = next(server.sockets.numbers)
    asked = HttpRequest(number, session.key, player, "page", [], [], "")
    reply: HttpReply | None = await link.ask(asked, patience)
    return reply


@pytest.mark.long
async def test_of_ten_thousand_requests_of_one_player_a_kernel_has_a_few_hundred() -> None:
    """The others wait at the server; nobody else does, and the page is made once."""
    with serving(Market, server=UNLIMITED) as run:
        bob = await Browser.open(run, 1)
        name = close_gate(run, 0)
        await Browser(run.link(run.players[0])).fetch(body={"_uproot_begin": "1"})
        tasks = run._runtime.tasks._tasks
        before = len(tasks)

        async def all_at_once() -> list[HttpReply | None]:
            return await asyncio.gather(*(ask(run, name, 1.0) for _ in range(10_000)))

        asked = asyncio.ensure_future(on_loop(run, all_at_once()))
        await until(lambda: BEGUN.count(name) == 1 and len(tasks) > before + 500)
        for number in range(10):
            assert await bob.call("count", number) == number
            assert (await bob.fetch()).code == 200
            assert len(tasks) - before < 520
        assert await asked == [None] * 10_000
        share = session_of(run).players[name].share
        assert share.size > 0, "the kernel is still at it"
        open_gate(run, name)
        await until(lambda: share.size == 0)
        assert share.waiting is None
        assert BEGUN.count(name) == 1
        assert len(tasks) == before


@pytest.mark.long
async def test_beyond_the_bound_a_browser_is_told_when_to_come_again() -> None:
    with serving(Market, server={**UNLIMITED, "form_patience": 0.3}) as run:
        bob = await Browser.open(run, 1)
        ann = Browser(run.link(run.players[0]))
        await ann.fetch(body={"_uproot_begin": "1"})
        name = close_gate(run, 0)
        share = session_of(run).players[name].share
        share.most_asked = 20_000  # two pages, and a third is not asked for
        answers = await asyncio.gather(*(ann.fetch() for _ in range(30)))
        assert {answer.code for answer in answers} == {503}
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
        assert 0 < share.size < 40_000
        assert (await bob.fetch()).code == 200
        open_gate(run, name)
        await until(lambda: share.size == 0)
        assert (await ann.fetch()).code == 200
        assert BEGUN.count(name) == 1


PLAYERS = 20


@pytest.mark.long
async def test_while_a_database_is_away_what_waits_is_bounded(
    distant: Distant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All press and reload; each call is run once in the end, and no page is made in vain."""
    with serving(Market, players=PLAYERS, server=UNLIMITED) as run:
        crowd = [await Browser.open(run, n) for n in range(PLAYERS)]
        await asyncio.gather(*(browser.settle() for browser in crowd))
        written = run._runtime.world.journal
        await until(lambda: not written.uncommitted)
        monkeypatch.setattr(journal, "BACKLOG_EVENTS", 50)
        monkeypatch.setattr(backlog, "HOLDING_SECONDS", 0.05)
        distant.may_commit.clear()
        calls = [(one, await one.ask("count", n)) for n in range(40) for one in crowd]
        await until(lambda: written.is_full)
        for _ in range(3):
            shown = await asyncio.gather(*(one._ask("", None) for one in crowd))
            assert {answer.code for answer in shown} == {503}
            assert all("Retry-After" in answer.headers for answer in shown)
        assert written.uncommitted_count < 50 + 10
        assert len(written._acts) + len(written._flight_acts) < 100
        assert waiting_calls(run) <= PLAYERS * Limits.max_unanswered_calls
        session = session_of(run)
        assert session.pressure.size == 0, "requests that were given back do not count"
        distant.may_commit.set()
        answers = await together(*(one.answer(call) for one, call in calls))
        assert answers == [n for n in range(40) for _ in crowd]
        for player in run.players:
            assert list(player.seen) == list(range(40))
        assert {(await one._ask("", None)).code for one in crowd} == {200}


@pytest.mark.long
async def test_of_a_player_one_page_at_most_waits_to_be_committed(
    distant: Distant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Market, server=UNLIMITED) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        await together(ann.settle(), bob.settle())
        written = run._runtime.world.journal
        await until(lambda: not written.uncommitted)
        distant.may_commit.clear()
        call = await bob.ask("count", 1)
        await until(lambda: written.is_behind)
        name, made = run.players[0].name, []
        show = run._runtime.flow.showing.show

        async def counted(player: Any, *others: Any) -> Any:
            made.append(player.name)
            return await show(player, *others)

        monkeypatch.setattr(run._runtime.flow.showing, "show", counted)
        asked = [asyncio.ensure_future(on_loop(run, ask(run, name))) for _ in range(50)]
        await until(lambda: made)
        assert await bob.pong() == []
        assert made == [name]
        distant.may_commit.set()
        assert await bob.answer(call) == 1
        replies = await asyncio.gather(*asked)
        assert [reply.status for reply in replies] == [200] * 50
