"""Monitors, the REST API, event streams and `attach` work at any gateway, over all of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.components.local_gateway import LocalGateway
from tests.components.nats_server import NatsServer, nats_server
from tests.running import serving, until
from uproot_nb import Page, Player, Run, attach, live
from uproot_nb.bots.client import Client
from uproot_nb.bridge.messages import Role
from uproot_nb.server.steward.own_address import StewardServer
from uproot_nb.server.steward.tokens import StewardTokens

__all__ = ["nats_server"]

pytestmark = pytest.mark.asyncio


class Count(Page):
    """Counts calls."""

    @live
    async def add(page: type[Page], player: Player, number: int) -> int:
        player.added = number
        return number


class Desk:
    """The monitor's address at a gateway."""

    def __init__(self, gateway: LocalGateway) -> None:
        self.gateway, self.tokens = gateway, StewardTokens()
        self.server = StewardServer(gateway.server, self.tokens)
        gateway.do(self._open())

    async def _open(self) -> None:
        self.server.start(0)

    def request(self, path: str, role: Role = "steward", **options: Any) -> HTTPRequest:
        """Return a request of somebody with a token."""
        headers = {"Authorization": f"Bearer {self.tokens.token(role)}"}
        if "body" in options:
            headers["Content-Type"] = "application/json"
        return HTTPRequest(f"{self.server.url}{path}", headers=headers, **options)

    async def ask(self, path: str, role: Role = "steward", **options: Any) -> Any:
        """Return what the API answers to a question about the session."""
        url = f"api/v1/sessions/market/{path}"
        answer = await AsyncHTTPClient().fetch(self.request(url, role, **options))
        return json.loads(answer.body)

    async def watch(self, role: Role = "steward") -> Screen:
        """Open the session's monitor."""
        request = self.request("monitor/market/ws", role)
        request.url = request.url.replace("http", "ws", 1)
        screen = Screen(await websocket_connect(request))
        await screen.say(op="ready")
        return screen


class Screen:
    """A monitor's page, seen from its browser."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection

    async def say(self, **message: Any) -> None:
        await self.connection.write_message(json.dumps(message))

    async def read(self, **wanted: Any) -> dict[str, Any]:
        """Return the next message that has these values."""
        async with asyncio.timeout(40):
            while True:
                text = await self.connection.read_message()
                assert text is not None, "the monitor was closed"
                message: dict[str, Any] = json.loads(text)
                if message.items() >= wanted.items():
                    return message

    def close(self) -> None:
        self.connection.close()


@contextmanager
def desks(nats: NatsServer, count: int = 2) -> Iterator[list[Desk]]:
    """Open gateways, each with the monitor's address."""
    gateways = [LocalGateway(nats.port) for _ in range(count)]
    opened = [gateway.__enter__() for gateway in gateways]
    made = [Desk(gateway) for gateway in opened]
    try:
        yield made
    finally:
        for desk in made:
            desk.gateway.do(desk.server.stop())
            desk.gateway.__exit__()


@contextmanager
def played(nats: NatsServer) -> Iterator[Run]:
    with serving(Count, players=3, bridge=nats.url, embedded=None) as run:
        yield run


def monitors(run: Run) -> int:
    """Return how many monitors the kernel has."""
    stewards: Any = run._runtime.inbox.stewards
    return len(stewards._monitors)


def path_of(run: Run, index: int) -> str:
    return run.link(run.players[index]).removeprefix(run.url)


async def test_a_monitor_shows_and_steers_players_of_all_gateways(
    nats_server: NatsServer,
) -> None:
    with desks(nats_server) as (first, second), played(nats_server) as run:
        await until(first.gateway.states)
        screen = await first.watch()
        await screen.read(op="link", state="here")
        async with (
            Client(first.gateway.server.url + path_of(run, 0)) as ann,
            Client(second.gateway.server.url + path_of(run, 1)),
        ):
            await until(lambda: sum(player.online for player in run.players) == 2)
            assert (await screen.read(op="news"))["players"]
            await screen.say(op="do", id=1, what="pause")
            await screen.read(op="done", id=1)
            await until(lambda: second.gateway.states() == ["paused"])
            await screen.say(op="do", id=2, what="resume")
            await screen.read(op="done", id=2)
            assert await ann.call("add", 3) == 3
        screen.close()
        await until(lambda: monitors(run) == 0)


async def test_a_viewer_steers_nothing_by_a_gateway(nats_server: NatsServer) -> None:
    with desks(nats_server, 1) as (desk,), played(nats_server) as run:
        await until(desk.gateway.states)
        screen = await desk.watch("viewer")
        await screen.say(op="do", id=1, what="pause")
        assert "Viewers" in (await screen.read(op="done", id=1))["error"]
        with pytest.raises(HTTPClientError, match="403"):
            await desk.ask("actions/pause", "viewer", method="POST", body="{}")
        assert run._runtime.flow.state == "running"
        screen.close()


async def test_a_monitor_of_a_gateway_that_is_cut_off_ends_and_begins_again(
    nats_server: NatsServer,
) -> None:
    with desks(nats_server, 1) as (desk,), played(nats_server) as run:
        await until(desk.gateway.states)
        screen = await desk.watch()
        await screen.read(op="link", state="here")
        await until(lambda: monitors(run) == 1)
        desk.gateway.cut_off()
        await screen.read(op="link", state="away")
        await until(lambda: monitors(run) == 0)
        desk.gateway.join_again()
        await screen.read(op="link", state="here")
        await screen.say(op="ready")
        await screen.read(op="news", everything=True)
        assert monitors(run) == 1
        screen.close()


async def test_programs_steer_and_get_tables_and_exports_by_any_gateway(
    nats_server: NatsServer,
) -> None:
    with desks(nats_server) as both, played(nats_server) as run:
        name = run.players[0].name
        for cash, desk in enumerate(both):
            await until(desk.gateway.states)
            body = json.dumps({"players": [name], "values": {"cash": cash}})
            answer = await desk.ask("actions/set", method="POST", body=body)
            assert answer["text"] == "set: 1 of 1 players."
            assert run.players[0].cash == cash
            assert len(await desk.ask("players")) == 3
            url = "api/v1/sessions/market/export?format=csv"
            export = await AsyncHTTPClient().fetch(desk.request(url))
            assert any(one.endswith(".csv") for one in ZipFile(BytesIO(export.body)).namelist())


async def follow(desk: Desk, after: int, lines: list[dict[str, Any]]) -> AsyncIterator[None]:
    """Follow the events after a `seq`; add them to *lines* as they come."""
    rest = bytearray()

    def take(part: bytes) -> None:
        rest.extend(part)
        *whole, left = rest.split(b"\n")
        rest[:] = left
        lines.extend(json.loads(line) for line in whole if line)

    url = f"api/v1/sessions/market/events?after={after}&follow=true"
    request = desk.request(url, streaming_callback=take, request_timeout=0.0)
    following = asyncio.ensure_future(AsyncHTTPClient().fetch(request, raise_error=False))
    yield
    following.cancel()
    await asyncio.wait([following])


async def test_a_stream_of_events_goes_on_at_another_gateway_without_a_gap(
    nats_server: NatsServer,
) -> None:
    lines: list[dict[str, Any]] = []
    with desks(nats_server) as (first, second), played(nats_server) as run:
        for desk in (first, second):
            await until(desk.gateway.states)
        async with Client(second.gateway.server.url + path_of(run, 0)) as ann:
            for number, desk in enumerate((first, second)):
                stream = follow(desk, lines[-1]["seq"] if lines else 0, lines)
                await anext(stream)
                await ann.call("add", number)
                await until(lambda number=number: values(lines) == [*range(number + 1)])
                if desk is first:
                    await asyncio.to_thread(first.gateway.do, first.gateway.server.stop())
                await stream.aclose()
        assert [line["seq"] for line in lines] == [*range(1, len(lines) + 1)]


def values(lines: list[dict[str, Any]]) -> list[Any]:
    return [line["value"] for line in lines if line.get("field") == "added"]


async def test_another_notebook_attaches_by_a_gateway(nats_server: NatsServer) -> None:
    with desks(nats_server, 1) as (desk,), played(nats_server) as run:
        await until(desk.gateway.states)

        def steer() -> list[str]:
            far = attach(desk.server.url, desk.tokens.token("steward"), "market")
            far.pause()
            return [player.name for player in far.players]

        assert await asyncio.to_thread(steer) == [player.name for player in run.players]
        assert run._runtime.flow.state == "paused"
        await until(lambda: desk.gateway.states() == ["paused"])
