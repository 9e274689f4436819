"""An app's files pass any gateway, and are the same as at the kernel's own server."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from urllib.parse import urljoin

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.simple_httpclient import HTTPStreamClosedError

from tests.components.local_gateway import LocalGateway
from tests.components.nats_server import NatsServer, nats_server
from tests.interop.projects import write_app, write_files
from tests.running import BEGIN_FORM, serving, until
from tests.server.app_folders import HIDDEN, KEY, SHOWN, make_folder
from uproot_nb import Page, Player, Run, live, load_app, serve
from uproot_nb.bots.client import Client
from uproot_nb.bridge.messages import ServeFiles
from uproot_nb.bridge.nats.file_versions import FileVersions
from uproot_nb.server.limits import Limits

__all__ = ["nats_server"]

pytestmark = pytest.mark.asyncio

FILM = Random(7).randbytes(1_000_003)
LONG = 20 * 1024 * 1024


class Film(Page):
    """Shows a film, and answers calls meanwhile."""

    @live
    async def echo(page: type[Page], player: Player, number: int) -> int:
        return number


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = make_folder(tmp_path)
    (made / "film.mp4").write_bytes(FILM)
    return made


@contextmanager
def files_served(bridge: str, folder: Path) -> Iterator[Run]:
    """Serve a session over NATS, and the files of *folder* with it."""
    with serving(Film, bridge=bridge, embedded=None) as run:
        runtime = run._runtime
        message = ServeFiles(runtime.world.key, KEY, str(folder))
        runtime.loop.call_soon_threadsafe(runtime.line.send, message)
        yield run


@contextmanager
def files_served_by(cable: LocalGateway, folder: Path) -> Iterator[Run]:
    """The same through a line that the test can cut."""
    with files_served(cable.bridge, folder) as run:
        yield run


@pytest.fixture
def gateway(nats_server: NatsServer) -> Iterator[LocalGateway]:
    with LocalGateway(nats_server.port, limits=Limits(page_patience=0.2)) as made:
        yield made


async def fetch(gateway: LocalGateway, path: str, **options: object) -> HTTPResponse:
    """Fetch one of the folder's files from a gateway that knows them."""
    await until(lambda: gateway.server.sessions.folder(KEY) == "")  # it learns no folder's place
    options = {"raise_error": False, "follow_redirects": False, **options}
    return await AsyncHTTPClient().fetch(f"{gateway.server.url}files/{KEY}/{path}", **options)


async def test_files_come_as_from_the_kernels_own_server(
    nats_server: NatsServer, gateway: LocalGateway, folder: Path
) -> None:
    with files_served(nats_server.url, folder):
        for path, kind, text in SHOWN:
            answer = await fetch(gateway, path)
            assert (answer.code, answer.headers["Content-Type"]) == (200, kind)
            assert answer.body.decode() == text
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert answer.headers["Cache-Control"] == "private, max-age=60"
            head = await fetch(gateway, path, method="HEAD")
            assert (head.code, head.body) == (200, b"")
            assert head.headers["Content-Length"] == str(len(answer.body))
            for name in ("Etag", "Last-Modified", "Content-Type"):
                assert head.headers[name] == answer.headers[name]


async def test_nothing_else_is_ever_shown(
    nats_server: NatsServer, gateway: LocalGateway, folder: Path
) -> None:
    with files_served(nats_server.url, folder):
        missing = (await fetch(gateway, "../../nowhere")).body
        for path in HIDDEN:
            answer = await fetch(gateway, path)
            assert (path, answer.code, answer.body) == (path, 404, missing)
        answer = await AsyncHTTPClient().fetch(
            f"{gateway.server.url}files/another-key-0123456789/page.html", raise_error=False
        )
        assert answer.code in (404, 503)  # a gateway that has just started expects more kernels


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=131071-131072", 206, 131071, 131073),
        ("bytes=500000-", 206, 500_000, None),
        ("bytes=-10", 206, -10, None),
        ("bytes=0-", 200, 0, None),
        ("bytes=9-8", 416, 0, 0),
        ("bytes=1000003-", 416, 0, 0),
        ("lines=1-2", 200, 0, None),
    ],
)
async def test_browsers_get_the_ranges_that_they_ask_for(
    nats_server: NatsServer, gateway: LocalGateway, folder: Path,
    asked: str, status: int, start: int, end: int | None,
) -> None:  # fmt: skip
    with files_served(nats_server.url, folder):
        answer = await fetch(gateway, "film.mp4", headers={"Range": asked})
        assert (answer.code, answer.body) == (status, FILM[start:end])
        if status == 206:
            first = start % len(FILM)
            last = first + len(answer.body) - 1
            assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(FILM)}"


async def test_a_changed_file_is_sent_anew(
    nats_server: NatsServer, gateway: LocalGateway, folder: Path
) -> None:
    with files_served(nats_server.url, folder):
        first = await fetch(gateway, "page.html")
        stored = {"If-None-Match": first.headers["Etag"]}
        assert (await fetch(gateway, "page.html", headers=stored)).code == 304
        (folder / "page.html").write_text("<p>b</p>")  # in the same second, and of the same length
        again = await fetch(gateway, "page.html", headers=stored)
        assert (again.code, again.body) == (200, b"<p>b</p>")
        (folder / "page.html").unlink()
        assert (await fetch(gateway, "page.html", headers=stored)).code == 404


class Gate:
    """Lets a kernel read so many pieces of files, and no more until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pieces: int) -> None:
        self.read: list[int] = []
        self.opened = threading.Event()
        read = FileVersions.read

        def read_later(files: FileVersions, path: str, version: str, index: int) -> bytes:
            self.read.append(index)
            if len(self.read) > pieces:
                assert self.opened.wait(60)
            return read(files, path, version, index)

        monkeypatch.setattr(FileVersions, "read", read_later)


async def test_two_browsers_at_once_read_a_file_once(
    nats_server: NatsServer, gateway: LocalGateway, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, 2)
    with files_served(nats_server.url, folder):
        two = [asyncio.create_task(fetch(gateway, "film.mp4")) for _ in range(2)]
        await until(lambda: len(gate.read) == 3)
        gate.opened.set()
        assert [answer.body for answer in await asyncio.gather(*two)] == [FILM, FILM]
        assert gate.read == list(range(8))


async def test_calls_are_answered_while_a_long_file_is_downloaded(
    nats_server: NatsServer, gateway: LocalGateway, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "long.bin").write_bytes(bytes(LONG))
    gate = Gate(monkeypatch, 20)
    with files_served(nats_server.url, folder) as run:
        download = asyncio.create_task(fetch(gateway, "long.bin"))
        await until(lambda: len(gate.read) == 21)
        async with Client(gateway.server.url + run.link(run.players[0])[len(run.url) :]) as ann:
            assert await ann.call("echo", 1) == 1
            gate.opened.set()
            while not download.done():
                assert await ann.call("echo", 2) == 2
        assert (await download).body == bytes(LONG)
        assert gateway.server.kernel_files._bytes == 0


async def test_a_file_that_changes_amid_a_download_is_never_half_of_each(
    nats_server: NatsServer, gateway: LocalGateway, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, 2)
    with files_served(nats_server.url, folder):
        download = asyncio.create_task(fetch(gateway, "film.mp4", raise_error=True))
        await until(lambda: len(gate.read) == 3)
        (folder / "film.mp4").write_bytes(FILM[::-1])
        gate.opened.set()
        with pytest.raises(HTTPStreamClosedError):
            await download
        assert (await fetch(gateway, "film.mp4")).body == FILM[::-1]


async def test_a_kernel_that_is_lost_amid_a_download_ends_it_and_one_that_is_back_sends_it(
    nats_server: NatsServer, gateway: LocalGateway, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch, 2)
    cable = LocalGateway(nats_server.port, sessions=("nothing",))
    with cable, files_served_by(cable, folder):
        download = asyncio.create_task(fetch(gateway, "film.mp4", raise_error=True))
        await until(lambda: len(gate.read) == 3)
        cable.cut_off()
        with pytest.raises(HTTPStreamClosedError):
            await download
        answer = await fetch(gateway, "film.mp4")
        assert (answer.code, answer.headers["Retry-After"]) == (503, "5")
        assert FILM[:10] not in answer.body
        gate.opened.set()
        cable.join_again()
        await until(lambda: gateway.states() == ["running"])
        assert (await fetch(gateway, "film.mp4")).body == FILM


async def test_a_browser_that_leaves_takes_no_more_of_a_file(
    nats_server: NatsServer, gateway: LocalGateway, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "long.bin").write_bytes(bytes(LONG))
    gate = Gate(monkeypatch, 10_000)
    with files_served(nats_server.url, folder):
        await fetch(gateway, "page.html")
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(f"GET /files/{KEY}/long.bin HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        await until(lambda: len(gate.read) > 3)
        writer.transport.abort()
        assert (await fetch(gateway, "page.html")).code == 200
        await until(lambda: not gateway.server.connections.total)
        assert len(gate.read) < LONG / 131_072


async def test_a_page_of_an_app_shows_its_files_at_any_gateway(
    nats_server: NatsServer, gateway: LocalGateway, tmp_path: Path
) -> None:
    code = "class Hello(Page):\n    pass\n\npage_order = [Hello]\n"
    template = '{% extends "Base.html" %}{% block main %}<i>{{ static("a.txt") }}</i>{% endblock %}'
    app = load_app(write_app(tmp_path, "market", code, Hello_html=template))
    write_files(tmp_path / "market/_static", {"a.txt": "app"})
    run = serve(app=app, players=1, db=":memory:", bridge=nats_server.url, namespace={})
    with LocalGateway(nats_server.port) as late:
        for place in (gateway, late):
            await until(place.states)
            page = place.server.url + run.link(run.players[0]).removeprefix(run.url)
            client = AsyncHTTPClient()
            await client.fetch(page, method="POST", body=BEGIN_FORM, raise_error=False)
            html = (await client.fetch(page)).body.decode()
            (address,) = re.findall("<i>(.*?)</i>", html)
            await until(lambda place=place: place.server.sessions._folders)
            assert (await client.fetch(urljoin(page, address))).body == b"app"
    run.close()
