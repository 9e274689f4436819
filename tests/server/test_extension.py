"""The extension inside a real Jupyter server."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tornado.httpclient import HTTPClientError
from traitlets import TraitError

from tests.components.nats_server import NatsServer, nats_server
from tests.server.labs import LOGIN
from tests.server.worlds import SECRET, TOKENS, until
from uproot_nb import Page, live, serve
from uproot_nb.bots.client import Client
from uproot_nb.bridge.discovery import VARIABLE, find_server
from uproot_nb.bridge.messages import (
    OpenRoom,
    ServeFiles,
)
from uproot_nb.server.app import UprootNB
from uproot_nb.server.frame_policy import SANDBOX
from uproot_nb.server.mounting.addresses import mount_url

__all__ = ["nats_server"]

pytestmark = pytest.mark.asyncio

ANN = "p/token-of-ann-0123456789/"
MOUNT = "base/uproot_nb/participant/"
FOLDER_KEY = "folder-key-0123456789"


Start = Callable[..., Any]


class Hello(Page):
    """Says hello."""

    @live
    def hello(page, player) -> str:  # noqa: ANN001
        return "hello"


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


@pytest.mark.long
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
    assert (session["players"], session["participants"], session["sockets"]) == (2, 1, 1)
    assert (told["kernels"], told["connections"], told["refusals"]) == (1, 1, {})
    assert told["memory_bytes"] > 1_000_000


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
async def test_mounted_participants_play_in_a_sandbox_where_websockets_are_blocked(
    start: Start,
) -> None:
    """The page has no origin: it may read the answers all the same, and no other page may."""
    lab = await start(mount=True)
    await lab.serve()
    poll, sandboxed = MOUNT + ANN + "poll", {"Origin": "null"}
    opened = await lab.fetch(
        f"{poll}?page=0&since=0", method="POST", body='{"op":"open"}', headers=sandboxed
    )
    link = json.loads(opened.body)["link"]
    unknown = '{"op":"wait","link":"none","got":0}'
    call = '{"op":"invoke","id":"a","method":"m","args":[],"kwargs":{}}'
    sent = await lab.fetch(
        poll, method="POST", headers=sandboxed,
        body=json.dumps({"op": "send", "link": link, "first": 1}) + "\n" + call,
    )  # fmt: skip
    refused = await lab.fetch(poll, method="POST", body=unknown, headers=sandboxed)
    for answer, code in ((opened, 200), (sent, 200), (refused, 404)):
        assert answer.code == code
        assert answer.headers["Access-Control-Allow-Origin"] == "null"
        assert answer.headers["Content-Security-Policy"] == SANDBOX
    waited = await lab.fetch(
        poll, method="POST", headers=sandboxed,
        body=json.dumps({"op": "wait", "link": link, "got": 1}),
    )  # fmt: skip
    assert json.loads(waited.body)["frames"] == [{"op": "result", "id": "a", "data": 1}]
    for origin in (f"http://127.0.0.1:{lab.port}", "http://evil.example"):
        other = await lab.fetch(
            f"{poll}?page=0", method="POST", body='{"op":"open"}', headers={"Origin": origin}
        )
        assert other.code == 404
        assert "Access-Control-Allow-Origin" not in other.headers


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
    assert mount_url(shown, base, default) == root + MOUNT.removeprefix("base/")


async def test_mounted_even_what_is_missing_is_in_the_sandbox(start: Start) -> None:
    lab = await start(mount=True)
    await lab.serve()
    for path, code in (("", 200), ("static/1/none.js", 404), ("x", 404)):
        answer = await lab.fetch(MOUNT + path)
        assert (answer.code, answer.headers["Content-Security-Policy"]) == (code, SANDBOX)
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


@pytest.mark.long
async def test_mounted_participants_need_no_login_but_jupyter_still_does(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_SERVER_ALLOW_UNAUTHENTICATED_ACCESS", "no")
    lab = await start(mount=True)
    await lab.serve()
    assert (await lab.fetch(MOUNT + ANN)).code == 200
    opened = await lab.fetch(f"{MOUNT}{ANN}poll?page=0", method="POST", body='{"op":"open"}')
    assert opened.code == 200
    assert (await lab.fetch("base/api/kernels")).code == 403
    assert (await lab.fetch("base/uproot_nb/status.json")).code in (302, 403)


async def test_mounted_too_long_a_form_is_refused(start: Start) -> None:
    lab = await start(mount=True)
    await lab.serve()
    answer = await lab.fetch(MOUNT + ANN, method="POST", body="a=" + "x" * 1_100_000)
    assert answer.code == 413


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
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


async def test_the_extension_can_be_a_gateway(start: Start, nats_server: NatsServer) -> None:
    lab = await start(bridge=nats_server.url)
    participants = lab.extension.participants
    options = {"bridge": nats_server.url, "players": 1, "name": "far", "namespace": {}}
    run = await asyncio.to_thread(lambda: serve([Hello], db=":memory:", **options))
    try:
        assert run.url == participants.url
        async with Client(run.link(run.players[0])) as client:
            assert await client.call("hello") == "hello"
    finally:
        await asyncio.to_thread(run.close)


async def test_what_is_no_broker_is_refused_in_the_configuration() -> None:
    with pytest.raises(TraitError, match=r"UprootNB\.bridge: give nats://"):
        UprootNB(bridge="market.ipynb")


async def test_metrics_are_shown_to_whoever_is_let_in_by_jupyter(start: Start) -> None:
    lab = await start()
    await lab.serve()
    ann = await lab.connect(ANN + "ws?page=0&since=0", port=lab.own_port)
    await ann.read()
    await ann.invoke("a")
    await ann.read()
    address = "base/uproot_nb/metrics"
    for wrong in ({}, {"Authorization": "token wrong"}, {"Authorization": "Bearer jupyter"}):
        refused = await lab.fetch(address, headers=wrong)
        assert refused.code in (302, 403)
        assert b"uproot_nb_" not in (refused.body or b"")
    assert (await lab.fetch(address, port=lab.own_port)).code == 404
    shown = await lab.fetch(address, headers=LOGIN)
    assert shown.code == 200
    assert shown.headers["Content-Type"].startswith("text/plain")
    text = shown.body.decode()
    assert "uproot_nb_call_seconds_count 1.0" in text
    assert 'uproot_nb_participants{session="market"} 1.0' in text
    for secret in (*TOKENS, SECRET, "jupyter-token", "key-market"):
        assert secret not in text
    assert (await lab.fetch(f"{address}?token=jupyter-token")).code == 200


@pytest.mark.long
async def test_metrics_can_be_switched_off(start: Start) -> None:
    lab = await start(metrics=False)
    await lab.serve()
    assert (await lab.fetch("base/uproot_nb/metrics", headers=LOGIN)).code == 404
    assert lab.extension.participants.timings is None
    ann = await lab.connect(ANN + "ws?page=0&since=0", port=lab.own_port)
    await ann.read()
    await ann.invoke("a")
    assert await ann.read() == {"op": "result", "id": "a", "data": 1}
