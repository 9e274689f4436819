"""What strangers may send: whatever it is, it is answered or cut off, and leaves no traceback."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.worlds import Limited, World, handshake
from uproot_nb.bridge.messages import HttpRequest, OpenRoom

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


@pytest.mark.long
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
    assert world.server.reports.refusals.counts.total() == 1 or origin == "\xff"
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
        assert world.server.reports.refusals.counts.total() == 1
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
    assert world.server.reports.refusals.counts["fault"] == 20


@pytest.mark.long
@pytest.mark.parametrize(
    "path",
    [
        f"p/{TOKEN}/api/x", "p/unknown/", "room/lab/", "room/nowhere/", "nowhere",
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


async def test_head_of_a_players_page_asks_nothing_of_the_kernel(world: World) -> None:
    """Programs that look at links send it."""
    await _opened(world)
    head = await world.fetch(f"p/{TOKEN}/", method="HEAD")
    assert (head.code, head.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    assert not any(isinstance(message, HttpRequest) for message in world.kernels[0].heard)


async def test_another_version_of_websocket_is_told_ours(world: World) -> None:
    await _opened(world)
    request = handshake(world.server.port, f"/p/{TOKEN}/ws", Sec_WebSocket_Version="8")
    (answer,) = await _ask(world, request)
    assert answer.startswith(b"HTTP/1.1 426 ")
    assert b"Sec-Websocket-Version: 13\r\n" in answer
    assert b"Upgrade: websocket\r\n" in answer
    assert world.server.reports.refusals.counts["other WebSocket version"] == 1


async def test_another_method_is_told_which_there_are(world: World) -> None:
    await _opened(world)
    answer = await world.fetch("room/lab/", method="DELETE")
    assert answer.code == 405
    assert answer.headers["Allow"] == "GET, HEAD, POST"


async def test_very_many_requests_of_strangers_wait_for_their_turn(limited: Limited) -> None:
    """One who asks for nothing again and again leaves the server's time to others."""
    world = await _opened(
        await limited(
            max_requests_per_second=0.001, request_burst=3, longest_turn=0.01, max_waiting_turns=1
        )
    )
    paths = ["x", "static/1/none.js", "p/unknown/", "room/lab/", "join/market/wrong/"]
    strangers = world.server.strangers.get("127.0.0.1")
    assert [strangers.pause(time.monotonic()) for _ in range(3)] == [0.0] * 3
    for path in paths:
        answer = await world.fetch(path) if path != "room/lab/" else None
        assert answer is None or answer.code == 404  # after a while
    assert world.server.reports.refusals.counts["too many requests"] == 4
    turn = asyncio.ensure_future(strangers.wait_for_turn(60.0))
    await asyncio.sleep(0)
    assert (await world.fetch("x")).code == 429  # one waits already
    turn.cancel()


@pytest.mark.long
async def test_a_player_does_not_wait_behind_strangers(limited: Limited) -> None:
    world = await limited(
        max_requests_per_second=0.001, request_burst=1, longest_turn=600.0, form_patience=0.1
    )
    kernel = await world.kernel()
    await kernel.serve()
    for _ in range(5):
        world.server.strangers.get("127.0.0.1").pause(time.monotonic())
    await kernel.die()
    assert (await world.fetch(f"p/{TOKEN}/")).code == 503  # and not in ten minutes


@pytest.mark.long
@pytest.mark.sample(1)
async def test_two_hundred_behind_one_address_get_in(world: World) -> None:
    """A lecture hall opens a join link at once, and is back at once after a restart."""
    world.server.expected.extend()
    kernel = await world.kernel()
    waiting = [await world.connect(token=f"token-{n:03}-0123456789") for n in range(200)]
    frames = [await one.read() for one in waiting]
    assert frames == [{"op": "status", "state": "paused"}] * 200
    await kernel.serve(tokens={f"token-{n:03}-0123456789": f"p{n}" for n in range(200)})
    assert [await one.closed() for one in waiting] == [4425] * 200
    back = [await world.connect(token=f"token-{n:03}-0123456789") for n in range(200)]
    frames = [await one.read() for one in back]
    assert frames == [{"op": "status", "state": "running"}] * 200
    assert not world.server.reports.refusals.counts


@pytest.mark.parametrize("target", ["/x/p/y/", "/p/y/api/x", "/room/lab/p/y/", "/static/1/p/y/"])
async def test_a_stranger_cannot_fill_memory_while_a_kernel_is_expected(
    world: World, target: str
) -> None:
    """Only the body of a player's page is thrown away as it comes; others are kept until read."""
    world.server.expected.extend()
    head = _get(target, "Content-Length: 10000000", method="POST")
    (answer,) = await _ask(world, head)
    assert answer == b"" or b" 400 " in answer.partition(b"\r\n")[0]
    waiting = await world.fetch("p/y/", b"a" * 1_000_000)
    assert (waiting.code, b"send them again" in waiting.body) == (503, True)


@pytest.mark.long
async def test_who_asked_too_fast_has_a_page_that_goes_on_by_itself(limited: Limited) -> None:
    world = await limited(max_calls_per_second=1, burst_seconds=1)
    kernel = await world.kernel()
    await kernel.serve()
    await kernel.die()
    await world.fetch(f"p/{TOKEN}/")
    answer = await world.fetch(f"p/{TOKEN}/")
    assert answer.code == 429
    assert b"location.replace(location.href)" in answer.body
    posted = await world.fetch(f"p/{TOKEN}/", "a=1")
    assert posted.code == 429
    assert b"location.replace" not in posted.body  # "back" has the answers still
