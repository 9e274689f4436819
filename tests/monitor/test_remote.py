"""RemoteStewards: monitors and requests from outside the notebook, in the kernel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running import serving, until, until_true
from uproot_nb import Page, Run
from uproot_nb.bridge.messages import (
    BridgeMessage,
    CloseSocket,
    HttpPart,
    HttpReply,
    PartsWanted,
    Role,
    StewardClosed,
    StewardMessage,
    StewardNews,
    StewardOpened,
    StewardRequest,
)
from uproot_nb.monitor.download_links import SECONDS, DownloadLinks
from uproot_nb.monitor.remote import MOST, RemoteStewards, _as_json
from uproot_nb.monitor.remote_requests import StreamedReply


class Task(Page):
    """A task."""


class Server:
    """The participant server's end of a run's connection."""

    def __init__(self, run: Run, api: Any = None) -> None:
        self.run, self.runtime = run, run._runtime
        self.sent: list[BridgeMessage] = []
        self.runtime.inbox.stewards = RemoteStewards(self.runtime, run, api)
        self.runtime.world.send = self.sent.append

    def tell(self, *messages: BridgeMessage) -> None:
        self.runtime.loop.call_soon_threadsafe(self.runtime.inbox.receive, list(messages))

    def open(self, socket: int, role: Role = "steward") -> None:
        key = self.runtime.world.key
        ready = StewardMessage(socket, key, b'{"op": "ready"}')
        self.tell(StewardOpened(socket, key, role), ready)

    def say(self, socket: int, **message: Any) -> None:
        self.tell(StewardMessage(socket, self.runtime.world.key, orjson.dumps(message)))

    def ask(self, number: int, path: str = "players", role: Role = "steward") -> None:
        self.tell(StewardRequest(number, self.runtime.world.key, role, "GET", path))

    def news(self, socket: int, op: str = "news") -> list[dict[str, Any]]:
        read = [
            orjson.loads(one.data)
            for one in self.sent
            if isinstance(one, StewardNews) and one.socket == socket
        ]
        return [message for message in read if message["op"] == op]

    def of(self, kind: type[Any]) -> list[Any]:
        return [one for one in list(self.sent) if isinstance(one, kind)]


@pytest.mark.long
async def test_a_page_gets_the_session_and_steers_it() -> None:
    with serving(Task) as run:
        server = Server(run)
        server.open(7)
        await until(lambda: server.news(7))
        first = server.news(7)[0]
        assert (first["everything"], first["role"]) == (True, "steward")
        assert first["join"] == run.join_link
        assert [row[7] for row in first["players"]] == [run.link(one) for one in run.players]
        name = run.players[0].name
        server.say(7, op="do", id=1, what="set", players=[name], values={"cash": 3})
        await until(lambda: server.news(7, "done"))
        assert server.news(7, "done")[0]["text"] == "set: 1 of 1 players."
        assert run.players[0].cash == 3


async def test_a_viewer_gets_no_link_and_no_action_is_done_for_one() -> None:
    with serving(Task) as run:
        server = Server(run)
        server.open(7, "viewer")
        await until(lambda: server.news(7))
        shown = json.dumps(server.news(7))
        secrets = [run._runtime.world.join_secret, *run._runtime.world.tokens()]
        assert not any(secret in shown for secret in secrets)
        assert "data:image" not in shown
        name = run.players[0].name
        for at, what in enumerate(("set", "pause", "advance", "nonsense")):
            server.say(7, op="do", id=at, what=what, players=[name], values={"cash": 3})
        await until(lambda: len(server.news(7, "done")) == 4)
        assert {done["error"] for done in server.news(7, "done")} == {
            "Viewers cannot steer, and nothing was done.\nAsk for a steward's access."
        }
        assert not hasattr(run.players[0], "cash")
        assert run._runtime.flow.state == "running"


async def test_pages_are_told_apart_and_one_that_has_gone_gets_nothing() -> None:
    with serving(Task) as run:
        server = Server(run)
        server.open(7)
        server.open(8, "viewer")
        await until(lambda: server.news(7) and server.news(8))
        server.tell(StewardClosed(7, run._runtime.world.key))
        server.say(8, op="ask")
        await until(lambda: server.news(8, "here"))
        server.say(7, op="ask")
        server.say(8, op="ask")
        await until(lambda: len(server.news(8, "here")) == 2)
        assert not server.news(7, "here")


@pytest.mark.long
async def test_a_run_has_twenty_such_monitors_at_most() -> None:
    with serving(Task) as run:
        server = Server(run)
        for socket in range(MOST + 1):
            server.tell(StewardOpened(socket, run._runtime.world.key, "viewer"))
        await until(lambda: server.of(CloseSocket))
        assert server.of(CloseSocket) == [CloseSocket(MOST, 4429, "too many monitors")]


async def test_what_is_no_message_disconnects_the_page_and_nobody_else() -> None:
    with serving(Task) as run:
        server = Server(run)
        server.open(7)
        server.open(8)
        for data in (b"{", b"[]", b'"ready"', b"\xff"):
            server.tell(StewardMessage(7, run._runtime.world.key, data))
        await until(lambda: len(server.of(CloseSocket)) == 4)
        assert {(one.socket, one.code) for one in server.of(CloseSocket)} == {(7, 4400)}
        server.say(8, op="ask")
        await until(lambda: server.news(8, "here"))


async def test_a_server_that_has_gone_leaves_no_monitors_behind() -> None:
    """The next server reports the pages that are still there."""
    with serving(Task) as run:
        server = Server(run)
        server.open(7)
        await until(lambda: server.news(7))
        server.runtime.loop.call_soon_threadsafe(server.runtime.inbox.stewards.forget)
        server.open(8)
        await until(lambda: server.news(8))
        assert len(server.runtime.windows) == 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
        max_leaves=12,
    )
    | st.just("half an emoji \ud83d")
)
def test_whatever_a_monitor_sends_is_json(value: Any) -> None:
    """Browsers read no NaN."""
    read = json.loads(_as_json({"op": "news", "value": value}), parse_constant=pytest.fail)
    assert read["op"] == "news"


class Exports:
    """An API that answers what it was asked."""

    async def answer(self, request: StewardRequest) -> HttpReply | StreamedReply:
        return HttpReply(request.request, 200, [], f"{request.path} {request.query}".encode())


async def test_a_page_is_offered_an_export_once() -> None:
    """By whoever steers; a viewer neither gets an offer nor can take one up."""
    with serving(Task) as run:
        server = Server(run, Exports())
        server.open(7)
        server.open(8, "viewer")
        server.say(7, op="export", id=1, format="parquet", anonymous=True)
        server.say(8, op="export", id=2, format="csv")
        await until(lambda: server.news(7, "export") and server.news(8, "done"))
        assert "Viewers cannot steer" in server.news(8, "done")[0]["error"]
        path = f"sessions/market/{server.news(7, 'export')[0]['url']}"
        server.ask(1, path, "viewer")
        server.ask(2, path)
        server.ask(3, path)
        server.ask(4, "sessions/market/export/a-guess")
        await until(lambda: len(server.of(HttpReply)) == 4)
        replies = {one.request: one for one in server.of(HttpReply)}
        asked = [("format", "parquet"), ("anonymous", "true")]
        assert replies[1].body.decode() == f"{path} []"  # the API has no such address
        assert replies[2].body.decode() == f"sessions/market/export {asked}"
        assert {replies[3].status, replies[4].status} == {410}


def test_an_offer_ends_and_many_leave_no_more_than_some() -> None:
    now = [0.0]
    links = DownloadLinks(lambda: now[0])
    key = links.make("csv", False)["url"].removeprefix("export/")
    now[0] = SECONDS
    assert links.take(key) is None
    keys = [links.make("csv", False)["url"].removeprefix("export/") for _ in range(40)]
    taken = [links.take(key) for key in keys]
    assert taken == [None] * 8 + [("csv", False)] * 32


class Numbers:
    """An API that answers with as many parts as its path says, and notes which it has made."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.closed = 0

    async def answer(self, request: StewardRequest) -> HttpReply | StreamedReply:
        if request.path == "broken":
            raise KeyError("oh")
        if request.path == "short":
            return HttpReply(request.request, 200, [], request.role.encode())
        if request.path == "long":
            return HttpReply(request.request, 200, [], bytes(200_000))
        return StreamedReply(200, [("Content-Type", "text/plain")], self._parts(request.path))

    async def _parts(self, path: str) -> AsyncIterator[bytes]:
        try:
            for number in range(5):
                self.made.append(number)
                yield b"%d\n" % number
                if path == "torn" and number == 1:
                    raise KeyError("oh")
                if path == "follow" and number == 1:
                    await asyncio.Event().wait()
        finally:
            self.closed += 1


async def test_a_request_is_answered_for_its_role() -> None:
    with serving(Task) as run:
        server = Server(run, Numbers())
        server.ask(1, "short", "viewer")
        await until(lambda: server.of(HttpReply))
        assert server.of(HttpReply) == [HttpReply(1, 200, [], b"viewer")]


async def test_an_api_that_fails_says_so_and_its_reason_stays_in_the_notebook() -> None:
    with serving(Task) as run:
        server = Server(run, Numbers())
        server.ask(1, "broken")
        await until(lambda: server.of(HttpReply))
        reply = server.of(HttpReply)[0]
        assert reply.status == 500
        assert set(json.loads(reply.body)) == {"error"}
        assert "oh" not in reply.body.decode()
        assert list(run.errors["type"]) == ["KeyError"]


async def test_a_body_is_made_as_fast_as_the_program_reads_it() -> None:
    api = Numbers()
    with serving(Task) as run:
        server = Server(run, api)
        server.ask(1, "all")
        await until(lambda: server.of(HttpReply))
        assert server.of(HttpReply)[0].more
        server.tell(PartsWanted(1, 2))
        await until(lambda: len(server.of(HttpPart)) == 2)
        assert api.made in ([0, 1], [0, 1, 2])  # one is ready to be sent
        server.tell(PartsWanted(1, 9))
        await until(lambda: len(server.of(HttpPart)) == 6)
        assert b"".join(part.body for part in server.of(HttpPart)) == b"0\n1\n2\n3\n4\n"
        assert not server.of(HttpPart)[-1].more
        assert not server.of(HttpPart)[-1].failed


async def test_a_long_answer_goes_in_parts() -> None:
    with serving(Task) as run:
        server = Server(run, Numbers())
        server.ask(1, "long")
        await until(lambda: server.of(HttpReply))
        server.tell(PartsWanted(1, 9))
        await until(lambda: server.of(HttpPart) and not server.of(HttpPart)[-1].more)
        assert sum(len(part.body) for part in server.of(HttpPart)) == 200_000


async def test_a_body_that_fails_is_cut_off_and_reported() -> None:
    with serving(Task) as run:
        server = Server(run, Numbers())
        server.ask(1, "torn")
        server.tell(PartsWanted(1, 9))
        await until(lambda: server.of(HttpReply))
        server.tell(PartsWanted(1, 9))
        await until(lambda: server.of(HttpPart) and not server.of(HttpPart)[-1].more)
        assert server.of(HttpPart)[-1].failed
        await until(lambda: list(run.errors["type"]) == ["KeyError"])


@pytest.mark.parametrize("how", ["the program goes", "the server goes", "the run ends"])
async def test_a_body_without_an_end_is_closed_when_nobody_reads_it_any_more(how: str) -> None:
    api = Numbers()
    with serving(Task) as run:
        server = Server(run, api)
        server.ask(1, "follow")
        await until(lambda: server.of(HttpReply))
        server.tell(PartsWanted(1, 9))
        await until(lambda: len(server.of(HttpPart)) == 2)
        if how == "the program goes":
            server.tell(PartsWanted(1, 0))
        elif how == "the server goes":
            server.runtime.loop.call_soon_threadsafe(server.runtime.inbox.stewards.forget)
        else:
            await asyncio.to_thread(run.close)
        await until(lambda: api.closed == 1)
        assert run.errors.empty


async def test_a_run_without_an_api_or_monitors_says_so() -> None:
    """As in a rehearsal."""
    with serving(Task) as run:
        server = Server(run)
        server.ask(1)
        await until(lambda: server.of(HttpReply))
        assert server.of(HttpReply)[0].status == 404
        server.runtime.inbox.stewards = None
        server.ask(2)
        server.open(3)
        await until(lambda: len(server.of(HttpReply)) == 2 and server.of(CloseSocket))
        assert server.of(CloseSocket)[0].code == 4404


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
NAMES = [
    "n", "id", "a", "count", "time", "wanted", "fields", "players", "values", "text", "name",
]  # fmt: skip
OPS = [
    "ready", "ack", "ask", "rows", "find", "fields", "chart", "table", "unanswered", "do", "export",
]  # fmt: skip
HOSTILE = st.fixed_dictionaries(
    {"op": st.sampled_from(OPS)},
    optional=dict.fromkeys(NAMES, ODD)
    | {"what": st.sampled_from(["pause", "set", "advance", "close", "free"]) | ODD},
)  # fmt: skip


@pytest.mark.long
def test_whatever_a_viewer_sends_nothing_changes_and_nobody_reads_of_it() -> None:
    with serving(Task) as run:
        server = Server(run)
        server.open(7, "viewer")
        until_true(lambda: server.news(7))
        committed = run._runtime.world.journal.committed

        @examples(150, suppress_health_check=list(HealthCheck))
        @given(st.lists(HOSTILE, min_size=3, max_size=9))
        def send(messages: list[dict[str, Any]]) -> None:
            key = run._runtime.world.key
            texts = [json.dumps(message).encode() for message in messages]
            server.tell(*(StewardMessage(7, key, text) for text in texts))

        send()
        server.say(7, op="unanswered", id="the last one", players=[])
        until_true(
            lambda: [one for one in server.news(7, "unanswered") if one["id"] == "the last one"]
        )
        assert server.news(7, "malformed")
        until_true(lambda: not run._runtime.inbox.stewards._monitors._monitors[7]._turns._waiting)
        assert run._runtime.world.journal.committed == committed
        assert run._runtime.flow.state == "running"
        assert run.errors.empty


async def test_what_reads_the_log_waits_for_its_turn_and_too_much_of_it_is_dropped() -> None:
    """However fast a page asks, one question at a time is looked for in the log."""
    with serving(Task) as run:
        server = Server(run)
        server.open(7, "viewer")
        await until(lambda: server.news(7))
        asked = orjson.dumps({"op": "rows", "a": 0, "count": 10, "wanted": ["x", "", ""]})
        server.tell(*[StewardMessage(7, run._runtime.world.key, asked)] * 300)
        server.say(7, op="ask")
        await until(lambda: server.news(7, "here"))
        await until(lambda: not run._runtime.inbox.stewards._monitors._monitors[7]._turns._waiting)
        assert 0 < len(server.news(7, "rows")) < 100
        server.say(7, op="rows", id="last")
        await until(lambda: [one for one in server.news(7, "rows") if one["id"] == "last"])


@pytest.mark.long
async def test_a_page_shows_no_more_fields_than_anybody_reads() -> None:
    with serving(Task) as run:
        server = Server(run)
        server.open(7, "viewer")
        await until(lambda: server.news(7))
        server.say(7, op="fields", fields=[f"field {n}" * 100 for n in range(5000)])
        await until(lambda: len(server.news(7)[-1]["players"]) == 2 and len(server.news(7)) > 1)
        assert len(server.news(7)[-1]["players"][0][6]) == 50
