"""`uproot-nb run --monitor`: the monitor's address, from the command to the kernel."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_jupyter import free_port
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.headless.test_run import EXPERIMENT, Headless, notebook
from uproot_nb.headless.notebook_file import CannotStart
from uproot_nb.headless.steward_endpoint import StewardEndpoint, parse_place
from uproot_nb.server.participants import ParticipantServer

VIEWER = "the-token-of-a-viewer-0123456789"
CURIOUS = "import os\nprint('TOKENS', [name for name in os.environ if 'TOKEN' in name])"
PATIENCE = 60.0


class Watching:
    """A monitor's page as its script behaves: it says that it is ready, and acknowledges."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection

    @classmethod
    async def open(cls, url: str, token: str) -> Watching:
        headers = {"Authorization": f"Bearer {token}"}
        address = url.replace("http:", "ws:") + "monitor/study/ws"
        return cls(await websocket_connect(HTTPRequest(address, headers=headers)))

    async def send(self, **message: Any) -> None:
        await self.connection.write_message(json.dumps(message))

    async def hears(self, **wanted: Any) -> dict[str, Any]:
        """Wait for a message with these entries."""
        async with asyncio.timeout(PATIENCE):
            while True:
                text = await self.connection.read_message()
                assert text is not None, "the connection was closed"
                message: dict[str, Any] = json.loads(text)
                if message["op"] == "link" and message["state"] == "here":
                    await self.send(op="ready")
                if message["op"] == "news":
                    await self.send(op="ack", n=message["n"])
                if wanted.items() <= message.items():
                    return message


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Headless]:
    monkeypatch.setenv("UPROOT_NB_VIEWER_TOKEN", VIEWER)
    path = notebook(tmp_path, CURIOUS, EXPERIMENT)
    started = Headless(path, "--port", "0", "--monitor", "127.0.0.1:0")
    yield started
    started.close()


@pytest.mark.slow
async def test_a_session_without_a_notebook_is_watched_and_steered(run: Headless) -> None:
    """By both roles, through the death of its kernel; and the tokens go no further."""
    await asyncio.to_thread(run.says, "the notebook says hello")
    found = re.search(r"steward +(\S+)monitor/#token=(\S+)", run.text)
    assert found is not None
    url, token = found.groups()
    assert f"viewer  {url}monitor/ and the token in UPROOT_NB_VIEWER_TOKEN" in run.text
    assert run.text.count(token) == 1
    assert VIEWER not in run.text
    assert "TOKENS []" in run.text
    steward, viewer = await Watching.open(url, token), await Watching.open(url, VIEWER)
    mine, theirs = [await one.hears(everything=True) for one in (steward, viewer)]
    links = set(await asyncio.to_thread(run.tells_links, 2))
    assert {row[7] for row in mine["players"]} == links
    assert {row[7] for row in theirs["players"]} == {""}
    name = mine["players"][0][0]
    await viewer.send(op="do", id=1, what="set", players=[name], values={"cash": 1})
    assert "Viewers cannot steer" in (await viewer.hears(op="done", id=1))["error"]
    await steward.send(op="do", id=2, what="pause")
    answer = await steward.hears(op="done", id=2)
    assert answer.get("text") == "Paused.", answer
    await viewer.hears(op="news", state="paused")
    run.kernel.kill()
    for one in (steward, viewer):
        await one.hears(op="link", state="away")
        again = await one.hears(everything=True)
        assert [row[0] for row in again["players"]] == [row[0] for row in mine["players"]]
    run.process.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(run.ends) == 0
    with pytest.raises((HTTPClientError, OSError)):
        await AsyncHTTPClient().fetch(f"{url}monitor/")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1:8610", ("127.0.0.1", 8610)),
        ("[::1]:8610", ("::1", 8610)),
        ("8610", ("127.0.0.1", 8610)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
    ],
)
def test_a_place_is_an_address_and_a_port(text: str, place: tuple[str, int]) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize("text", ["", "127.0.0.1", ":8610", "127.0.0.1:", "a:b", "a:70000", "a:٣"])
def test_what_is_no_place_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 127\.0\.0\.1:8610"):
        parse_place(text)


async def test_a_port_in_use_and_a_weak_token_are_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        endpoint = StewardEndpoint(("127.0.0.1", port), "", {})
        with pytest.raises(CannotStart, match=rf"Port {port} .* for the monitor"):
            endpoint.open(ParticipantServer())
    assert endpoint.notes == []
    with pytest.raises(CannotStart, match="UPROOT_NB_STEWARD_TOKEN must have"):
        StewardEndpoint(("127.0.0.1", 0), "", {"UPROOT_NB_STEWARD_TOKEN": "weak"})


@pytest.mark.parametrize(
    ("host", "url", "warns"),
    [
        ("127.0.0.1", "", False),
        ("localhost", "", False),
        ("0.0.0.0", "", True),
        ("0.0.0.0", "https://watch.example.org/", False),
        ("0.0.0.0", "http://watch.example.org/", True),
    ],
)
async def test_an_address_that_others_can_read_along_at_is_named(
    host: str, url: str, warns: bool
) -> None:
    endpoint = StewardEndpoint((host, free_port()), url, {})
    endpoint.open(ParticipantServer())
    assert any("not encrypted" in note for note in endpoint.notes) is warns
    await endpoint.close()
    await endpoint.close()
