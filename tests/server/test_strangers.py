"""What strangers may send: whatever it is, it is answered or cut off, and leaves no traceback."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.worlds import World, handshake
from uproot_nb.bridge.messages import OpenRoom

TOKEN = "token-of-ann-0123456789"


async def _ask(world: World, *requests: bytes) -> list[bytes]:
    """Send each request over a connection of its own; return the first bytes of the answers."""
    return [await _answer(world.server.port, request) for request in requests]


async def _answer(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        async with asyncio.timeout(5):
            return await reader.read(4096)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def _get(target: str, *headers: str, method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _opened(world: World) -> World:
    kernel = await world.kernel()
    await kernel.serve()
    kernel.send(OpenRoom("key-market", "lab", 1.0))
    return world


@pytest.mark.parametrize(
    "origin", ["http://[", "http://[::1", "https://]", "http://a:99999999", "//", "\xff", "null"]
)
@pytest.mark.parametrize("path", [f"/p/{TOKEN}/ws?page=0", "/room/lab/ws", "/p/unknown/ws"])
async def test_an_origin_that_is_none_is_foreign(
    world: World, origin: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    await _opened(world)
    request = handshake(world.server.port, path, Origin="@").replace(
        b"Origin: @", b"Origin: " + origin.encode("latin-1")
    )
    (answer,) = await _ask(world, request)
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 403", b"HTTP/1.1 400"))
    assert world.server.refusals.counts.total() == 1 or origin == "\xff"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    "target",
    [
        "/static/x/%00", "/static/x/a%00.js", "/files/k/%00", "/p/%00/", f"/p/{TOKEN}/api/%00",
        "/room/%00/", "http://[/", "http://x/p/y/", "a", "*", "/\xff", "/p/\xe4/", "/\x7f",
    ],
)  # fmt: skip
async def test_a_target_that_no_browser_asks_for_is_refused_and_counted(
    world: World, target: str, caplog: pytest.LogCaptureFixture
) -> None:
    await _opened(world)
    (answer,) = await _ask(world, _get(target))
    assert answer.startswith(b"HTTP/1.1 40")
    if not answer.startswith(b"HTTP/1.1 400 Bad Request\r\n\r\n"):  # which is tornado's own
        assert world.server.refusals.counts.total() == 1
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


_texts = st.one_of(
    st.text(st.characters(max_codepoint=255), max_size=30),
    st.sampled_from([
        "/", "/p/", f"/p/{TOKEN}/", f"/p/{TOKEN}/ws", "/static/x/", "/files/k/", "/room/lab/",
        "/join/market/", "%00", "%", "%ff", "..", "//", "http://[", "?label=", "&", "\\", "[",
    ]),
)  # fmt: skip
_header = st.tuples(
    st.sampled_from([
        "Origin", "Host", "Content-Length", "Transfer-Encoding", "Content-Type", "Connection",
        "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Referer", "Accept-Language",
        "X-Forwarded-For", "Range", "If-Modified-Since", "If-None-Match", "Cookie", "Expect",
        "Sec-Fetch-Site", "Content-Encoding", "X-Odd",
    ]),
    st.one_of(
        _texts,
        st.sampled_from([
            "0", "-1", "5", "chunked", "gzip", "close", "Upgrade", "websocket", "13", "http://[",
            "multipart/form-data", "multipart/form-data; boundary=B", "bytes=9-1", "[", "q=nan",
            "application/x-www-form-urlencoded", "dGhlIHNhbXBsZSBub25jZQ==", "cross-site",
        ]),
    ),
)  # fmt: skip
_request = st.tuples(
    st.sampled_from(["GET", "GET", "POST", "HEAD", "PUT", "OPTIONS", "get", "X"]),
    st.lists(_texts, min_size=1, max_size=3).map("".join),
    st.lists(_header, max_size=4),
    st.sampled_from([b"", b"a=1&b", b"5\r\nhello\r\n0\r\n\r\n", b"--B\r\n\r\n--B--", b"\xff\x00"]),
    st.booleans(),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(requests=st.lists(_request, min_size=1, max_size=20))
def test_whatever_strangers_ask_for_leaves_no_traceback(
    requests: list[tuple[str, str, list[tuple[str, str]], bytes, bool]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.clear()
    asyncio.run(_fuzz(requests, tmp_path))
    shown = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not shown, shown[0].getMessage()


async def _fuzz(
    requests: list[tuple[str, str, list[tuple[str, str]], bytes, bool]], folder: Path
) -> None:
    world = World("memory", folder)
    await world.start(form_patience=0.02, page_patience=0.02, idle_timeout=0.05)
    try:
        await _opened(world)
        sent = []
        for method, target, headers, body, measured in requests:
            lines = [f"{name}: {value}" for name, value in headers]
            if measured:
                lines.append(f"Content-Length: {len(body)}")
            sent.append(_get(target, *lines, method=method) + body)
        await asyncio.gather(*[_answer(world.server.port, request) for request in sent])
        page = await world.fetch(f"p/{TOKEN}/")
        assert page.code == 200
    finally:
        await world.stop()


async def test_a_fault_of_ours_is_logged_once_a_minute_and_counted(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _opened(world)
    monkeypatch.setattr(world.server.sessions, "joined_by", lambda *link: 1 / 0)
    for _ in range(20):
        assert (await world.fetch("join/a/b/")).code == 500
    shown = [record for record in caplog.records if "ZeroDivisionError" in record.getMessage()]
    assert len(shown) == 1
    assert world.server.refusals.counts["fault"] == 20


@pytest.mark.parametrize(
    "path",
    [
        f"p/{TOKEN}/", f"p/{TOKEN}/api/x", "p/unknown/", "room/lab/", "room/nowhere/", "nowhere",
        "join/market/join-secret-0123456789/", "join/a/b/", f"p/{TOKEN}/ws", "room/lab/ws",
        "static/x/uproot.js", "static/x/none", "files/k/none",
    ],
)  # fmt: skip
async def test_head_is_answered_as_get_without_a_body(world: World, path: str) -> None:
    await _opened(world)
    shown = await world.fetch(path)
    head = await world.fetch(path, method="HEAD")
    assert head.code == shown.code
    assert head.headers["Content-Length"] == str(len(shown.body))
    assert head.headers["Content-Type"] == shown.headers["Content-Type"]
    assert head.body == b""


async def test_another_version_of_websocket_is_told_ours(world: World) -> None:
    await _opened(world)
    request = handshake(world.server.port, f"/p/{TOKEN}/ws", Sec_WebSocket_Version="8")
    (answer,) = await _ask(world, request)
    assert answer.startswith(b"HTTP/1.1 426 ")
    assert b"Sec-Websocket-Version: 13\r\n" in answer
    assert b"Upgrade: websocket\r\n" in answer
    assert world.server.refusals.counts["other WebSocket version"] == 1


async def test_another_method_is_told_which_there_are(world: World) -> None:
    await _opened(world)
    answer = await world.fetch("room/lab/", method="DELETE")
    assert answer.code == 405
    assert answer.headers["Allow"] == "GET, HEAD, POST"
