"""The extension inside a real Jupyter server."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.websocket import websocket_connect
from traitlets.config import Config

from tests.server.worlds import SECRET, TOKENS, Browser, until
from uproot_nb.bridge.discovery import VARIABLE, find_server
from uproot_nb.bridge.messages import (
    Backlog,
    BridgeMessage,
    HttpReply,
    HttpRequest,
    Invoke,
    OpenRoom,
    OpenSession,
    Reply,
    ServeFiles,
    SocketOpened,
)
from uproot_nb.bridge.stream import StreamChannel, dial
from uproot_nb.server.app import UprootNB, _mount_url
from uproot_nb.server.policies import SANDBOX

pytestmark = pytest.mark.asyncio

ANN = "p/token-of-ann-0123456789/"
LOGIN = {"Authorization": "token jupyter-token"}
MOUNT = "base/uproot_nb/participant/"
FOLDER_KEY = "folder-key-0123456789"


class Lab:
    """A Jupyter server with the extension, and a kernel that serves a market."""

    def __init__(self, app: ServerApp, port: int) -> None:
        self.app, self.port = app, port
        self.extension = UprootNB(parent=None)
        self.client = AsyncHTTPClient(force_instance=True)
        self.channel: StreamChannel | None = None

    async def start(self) -> None:
        self.extension._link_jupyter_server_extension(self.app)
        self.extension.initialize()  # type: ignore[no-untyped-call]
        await self.extension._start_jupyter_server_extension(self.app)

    async def serve(self, kernel: str = "") -> StreamChannel:
        found = find_server(folder=Path(self.app.runtime_dir))
        assert found is not None
        self.channel = await dial(found, self._receive, lambda: None, kernel=kernel)
        self.channel.send(OpenSession("key-market", "market", SECRET, "running", TOKENS))
        await until(lambda: self.extension.participants.sessions.get("key-market"))
        return self.channel

    def _receive(self, messages: list[BridgeMessage]) -> None:
        assert self.channel is not None
        for message in messages:
            if isinstance(message, SocketOpened):
                self.channel.send(Backlog(message.socket, 0, []))
            elif isinstance(message, Invoke):
                self.channel.send(Reply(message.call, b'{"op":"result","id":"a","data":1}'))
            elif isinstance(message, HttpRequest):
                policy = [("Content-Security-Policy", "default-src *"), ("Set-Cookie", "a=b")]
                body = f"{message.action} {message.player} {message.form}".encode()
                self.channel.send(HttpReply(message.request, 200, policy, body))

    async def fetch(self, path: str, *, port: int = 0, **options: Any) -> HTTPResponse:
        options = {"follow_redirects": False, "raise_error": False, **options}
        return await self.client.fetch(f"http://127.0.0.1:{port or self.port}/{path}", **options)

    async def connect(self, path: str, origin: str = "", port: int = 0) -> Browser:
        headers = {"Origin": origin} if origin else {}
        address = f"ws://127.0.0.1:{port or self.port}/{path}"
        return Browser(await websocket_connect(HTTPRequest(address, headers=headers)))

    @property
    def own_port(self) -> int:
        return self.extension.participants.port


Start = Callable[..., Any]


@pytest_asyncio.fixture
async def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Start a lab with traits of one's own."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("JUPYTER_NO_CONFIG", "1")
    monkeypatch.setenv("JUPYTER_TOKEN", "jupyter-token")
    labs: list[Lab] = []

    async def make(**traits: Any) -> Lab:
        folder = tmp_path / str(len(labs))
        config = Config()
        config.UprootNB.update({"participant_port": 0, **traits})
        app = ServerApp(
            config=config,
            root_dir=str(tmp_path),
            runtime_dir=str(folder / "runtime"),
            config_dir=str(folder / "config"),
            data_dir=str(folder / "data"),
            base_url="/base/",
            allow_root=True,
            open_browser=False,
        )
        monkeypatch.setattr(app, "init_signal", lambda: None)
        for made in ("runtime", "config", "data"):
            (folder / made).mkdir(parents=True, exist_ok=True)
        app.initialize(argv=[], new_httpserver=False, find_extensions=False)
        app.log.propagate = True
        sockets = bind_sockets(0, "127.0.0.1")
        http = HTTPServer(app.web_app)
        http.add_sockets(sockets)
        lab = Lab(app, sockets[0].getsockname()[1])
        app.port = lab.port
        labs.append(lab)
        await lab.start()
        lab.http = http  # type: ignore[attr-defined]
        return lab

    yield make
    for lab in labs:
        await lab.extension.stop_extension()
        if lab.channel is not None:
            lab.channel.close()
        lab.http.stop()  # type: ignore[attr-defined]
        await lab.app.kernel_manager.shutdown_all()  # type: ignore[misc] # it is a coroutine
        lab.client.close()


async def test_a_kernel_finds_the_extension_by_its_environment(start: Start) -> None:
    lab = await start()
    found = find_server(folder=Path("/nowhere"))
    assert found is not None
    assert found.pid == os.getpid()
    assert found.url == f"http://127.0.0.1:{lab.own_port}/"
    assert found.token not in os.environ[VARIABLE]


async def test_participants_play_beside_jupyter(start: Start) -> None:
    lab = await start()
    await lab.serve()
    page = await lab.fetch(ANN, port=lab.own_port)
    assert page.body == b"page ann []"
    ann = await lab.connect(ANN + "ws?page=0&since=0", port=lab.own_port)
    assert await ann.read() == {"op": "status", "state": "running"}
    await ann.invoke("a")
    assert await ann.read() == {"op": "result", "id": "a", "data": 1}


@pytest.mark.parametrize(
    "path",
    ["api", "api/kernels", "base/api/kernels", "base/lab", "tree", "login", "base/login",
     "base/uproot_nb/status", "uproot_nb/status.json", "metrics", "base/static/favicon.ico"],
)  # fmt: skip
async def test_no_route_of_jupyter_is_on_the_participants_port(start: Start, path: str) -> None:
    lab = await start()
    answer = await lab.fetch(path, port=lab.own_port, headers=LOGIN)
    assert answer.code == 404
    assert b"Page not found" in answer.body
    options = {"method": "POST", "body": "{}", "headers": LOGIN}
    assert (await lab.fetch(path, port=lab.own_port, **options)).code == 404


@pytest.mark.parametrize("prefix", ["", "base/", "base/uproot_nb/", MOUNT])
async def test_nothing_of_the_participants_is_on_jupyters_port(start: Start, prefix: str) -> None:
    lab = await start()
    await lab.serve()
    for path in (ANN, f"join/market/{SECRET}/"):
        for headers in ({}, LOGIN):
            assert (await lab.fetch(prefix + path, headers=headers)).code in (302, 403, 404)
    with pytest.raises(HTTPClientError):
        await lab.connect(f"{prefix}{ANN}ws?page=0&since=0")


async def test_the_status_page_needs_a_login_and_shows_no_secret(start: Start) -> None:
    lab = await start()
    await lab.serve()
    await lab.connect(ANN + "ws?page=0&since=0", port=lab.own_port)
    await until(lambda: lab.extension.participants.sockets)
    for name in ("status", "status.json"):
        stranger = await lab.fetch(f"base/uproot_nb/{name}")
        assert stranger.code in (302, 403)
        assert b"market" not in stranger.body
        page = await lab.fetch(f"base/uproot_nb/{name}", headers=LOGIN)
        assert page.code == 200
        for secret in (*TOKENS, SECRET, "key-market"):
            assert secret not in page.body.decode()
    told = msgspec.json.decode(page.body)
    (session,) = told["sessions"]
    assert (session["name"], session["state"]) == ("market", "running")
    assert (session["players"], session["sockets"]) == (2, 1)
    assert (told["kernels"], told["connections"], told["refusals"]) == (1, 1, {})
    assert told["memory_bytes"] > 1_000_000


async def test_a_served_kernel_is_not_idle(start: Start) -> None:
    lab = await start()
    kernels = lab.app.kernel_manager
    kernel_id = await kernels.start_kernel()
    kernel = kernels.get_kernel(kernel_id)
    await lab.serve(kernel_id)
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    kernel.last_activity = long_ago
    assert lab.extension.current_activity() is None
    await lab.connect(ANN + "ws?page=0&since=0", port=lab.own_port)
    await until(lambda: kernel.last_activity > long_ago)
    assert lab.app.web_app.last_activity() >= kernel.last_activity
    assert lab.extension.current_activity() == {"participants": 1}
    assert kernels.kernel_model(kernel_id)["last_activity"]
    await kernels.shutdown_kernel(kernel_id, now=True)


async def test_a_kernel_that_jupyter_does_not_know_is_no_trouble(start: Start) -> None:
    lab = await start()
    await lab.serve("somewhere-else")
    assert (await lab.fetch(ANN, port=lab.own_port)).code == 200


async def test_the_traits_are_the_servers_limits(start: Start) -> None:
    lab = await start(
        max_calls_per_second=7,
        max_frame_bytes=2048,
        max_unsent_bytes=70_000,
        max_connections=9,
        max_upload_bytes=5_000_000,
        public_url="https://lab.example.org",
    )
    limits = lab.extension.participants.limits
    assert (limits.max_calls_per_second, limits.max_frame_bytes) == (7, 2048)
    assert (limits.max_unsent_bytes, limits.max_connections) == (70_000, 9)
    assert (limits.max_upload_bytes, limits.max_file_bytes) == (5_000_000, 5_000_000)
    assert lab.extension.participants.url == "https://lab.example.org/"
    assert (await lab.serve()).welcome.url == "https://lab.example.org/"


async def test_stopping_leaves_nothing_behind_however_often(start: Start) -> None:
    lab = await start()
    channel = await lab.serve()
    ann = await lab.connect(ANN + "ws?page=0&since=0", port=lab.own_port)
    await until(lambda: lab.extension.participants.sockets)
    runtime = Path(lab.app.runtime_dir)
    assert list(runtime.glob("uproot_nb-*"))
    await lab.extension.stop_extension()
    await lab.extension.stop_extension()
    assert await ann.closed() == 1001
    await until(lambda: channel.closed)
    assert not list(runtime.glob("uproot_nb-*"))
    assert VARIABLE not in os.environ
    with pytest.raises(ConnectionRefusedError):
        await lab.fetch(ANN, port=lab.own_port)


async def test_stopping_before_the_start_is_no_trouble() -> None:
    extension = UprootNB()
    await extension.stop_extension()
    assert extension.current_activity() is None


# ---- the mount ----------------------------------------------------------------------------


async def test_the_sandbox_lets_pages_open_windows_and_save_files_but_not_reach_jupyter() -> None:
    """Nobody sees a link that does nothing; and scripts get an origin of their own."""
    sandbox, frames = SANDBOX.split(";")
    assert set(sandbox.split()) == {
        "sandbox", "allow-scripts", "allow-forms", "allow-modals", "allow-downloads",
        "allow-popups", "allow-popups-to-escape-sandbox",
    }  # fmt: skip
    assert frames.strip() == "frame-ancestors 'self'"


async def test_mounted_participants_play_on_jupyters_port_in_a_sandbox(start: Start) -> None:
    lab = await start(mount=True)
    channel = await lab.serve()
    assert re.fullmatch(rf"http://[^/?]+/{MOUNT}", channel.welcome.url)
    page = await lab.fetch(MOUNT + ANN)
    assert (page.code, page.body) == (200, b"page ann []")
    assert page.headers.get_list("Content-Security-Policy") == [SANDBOX]
    form = await lab.fetch(MOUNT + ANN, method="POST", body="a=1", headers={"Origin": "null"})
    assert form.body == b"submit ann [('a', '1')]"
    for answer in (page, form, await lab.fetch(MOUNT + f"join/market/{SECRET}/")):
        assert answer.code == 200
        assert answer.headers["Content-Security-Policy"] == SANDBOX
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    ann = await lab.connect(MOUNT + ANN + "ws?page=0&since=0", origin="null")
    assert await ann.read() == {"op": "status", "state": "running"}
    await ann.invoke("a")
    assert await ann.read() == {"op": "result", "id": "a", "data": 1}


@pytest.mark.parametrize(
    ("shown", "base", "default", "root"),
    [
        ("http://h:1/?token=a", "/", "/", "http://h:1/"),
        ("http://h:1/lab?token=a", "/", "/lab", "http://h:1/"),
        ("http://h:1/base/tree", "/base/", "/base/tree", "http://h:1/base/"),
        ("http://h:1/lab", "/base/", "/lab", "http://h:1/base/"),
        ("https://hub/user/ann/lab", "/user/ann/", "/user/ann/lab", "https://hub/user/ann/"),
        ("https://proxy/mine/lab", "/", "/lab", "https://proxy/mine/"),
        ("https://proxy/mine/", "/", "/lab", "https://proxy/mine/"),
        ("https://proxy/lab", "/", "/lab/tree/a.ipynb", "https://proxy/lab/"),
    ],
)
async def test_the_mount_is_below_jupyters_root_whatever_page_opens_first(
    shown: str, base: str, default: str, root: str
) -> None:
    assert _mount_url(shown, base, default) == root + MOUNT.removeprefix("base/")


async def test_mounted_even_what_is_missing_is_in_the_sandbox(start: Start) -> None:
    lab = await start(mount=True)
    await lab.serve()
    for path in ("", "static/1/none.js", "x"):
        answer = await lab.fetch(MOUNT + path)
        assert (answer.code, answer.headers["Content-Security-Policy"]) == (404, SANDBOX)
    for path in ("p/unknown/", "join/market/no/"):  # another kernel may still bring these
        answer = await lab.fetch(MOUNT + path)
        assert (answer.code, answer.headers["Content-Security-Policy"]) == (503, SANDBOX)
    answer = await lab.fetch(MOUNT + ANN, method="DELETE")
    assert (answer.code, answer.headers["Content-Security-Policy"]) == (405, SANDBOX)


@pytest.mark.parametrize("origin", ["http://127.0.0.1:{port}", "http://evil.example"])
async def test_mounted_only_sandboxed_pages_may_connect(start: Start, origin: str) -> None:
    lab = await start(mount=True)
    await lab.serve()
    with pytest.raises(HTTPClientError) as refused:
        await lab.connect(MOUNT + ANN + "ws?page=0&since=0", origin.format(port=lab.port))
    assert refused.value.code == 404
    with pytest.raises(HTTPClientError):
        await lab.connect(ANN + "ws?page=0&since=0", "null", port=lab.own_port)


async def test_mounted_participants_need_no_login_but_jupyter_still_does(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_SERVER_ALLOW_UNAUTHENTICATED_ACCESS", "no")
    lab = await start(mount=True)
    await lab.serve()
    assert (await lab.fetch(MOUNT + ANN)).code == 200
    assert (await lab.fetch("base/api/kernels")).code == 403
    assert (await lab.fetch("base/uproot_nb/status.json")).code in (302, 403)


async def test_mounted_too_long_a_form_is_refused(start: Start) -> None:
    lab = await start(mount=True)
    await lab.serve()
    answer = await lab.fetch(MOUNT + ANN, method="POST", body="a=" + "x" * 1_100_000)
    assert answer.code == 413


async def test_mounted_rooms_and_files_are_in_the_sandbox_too(start: Start, tmp_path: Path) -> None:
    lab = await start(mount=True)
    channel = await lab.serve()
    (tmp_path / "a.js").write_text("let a;")
    channel.send(OpenRoom("key-market", "lab", 1.0))
    channel.send(ServeFiles("key-market", FOLDER_KEY, str(tmp_path)))
    await until(lambda: lab.extension.participants.sessions.folder(FOLDER_KEY))
    room = await lab.fetch(MOUNT + "room/lab/")
    assert (room.code, room.body) == (200, b"room  []")
    entered = await lab.fetch(MOUNT + "room/lab/", method="POST", body="label=a")
    assert entered.body == b"enter  [('label', 'a')]"
    script = await lab.fetch(MOUNT + f"files/{FOLDER_KEY}/a.js")
    assert script.body == b"let a;"
    head = await lab.fetch(MOUNT + f"files/{FOLDER_KEY}/a.js", method="HEAD")
    for answer in (room, entered, script, head):
        assert answer.headers.get_list("Content-Security-Policy") == [SANDBOX]
    browser = await lab.connect(MOUNT + "room/lab/ws", origin="null")
    assert await browser.read() == {"op": "status", "state": "running"}
    with pytest.raises(HTTPClientError):
        await lab.connect(MOUNT + "room/lab/ws", origin=f"http://127.0.0.1:{lab.port}")


async def test_mounted_files_are_sent_within_the_limit(start: Start) -> None:
    lab = await start(mount=True, max_upload_bytes=3_000_000)
    await lab.serve()
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    for size, code in ((2_000_000, 200), (4_000_000, 413)):
        answer = await lab.fetch(
            MOUNT + ANN,
            method="POST",
            body=head + b"x" * size + b"\r\n--b--",
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
        assert answer.code == code
        assert answer.headers["Content-Security-Policy"] == SANDBOX


async def test_mounted_no_log_shows_a_token(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    lab = await start(mount=True)
    lab.app.log.setLevel(1)
    logging.getLogger("tornado.access").setLevel(1)
    await lab.serve()
    for path in (
        ANN, f"join/market/{SECRET}/", "p/secret-guess/", f"files/{FOLDER_KEY}/a.js",
        "room/lab/?label=secret-label",
    ):  # fmt: skip
        await lab.fetch(MOUNT + path)
        await lab.fetch(MOUNT + path, method="POST", body="a=1")
        await lab.fetch(MOUNT + path, method="DELETE")
    ann = await lab.connect(MOUNT + ANN + "ws?page=0&since=0", origin="null")
    await ann.send("nonsense")
    await ann.closed()
    for secret in (*TOKENS, SECRET, "secret-guess", FOLDER_KEY, "secret-label"):
        assert secret not in caplog.text
    assert caplog.records
