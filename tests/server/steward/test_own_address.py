"""The monitor and the API on an address of their own: who gets what."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from tornado.httpclient import HTTPClientError, HTTPResponse
from tornado.websocket import WebSocketClosedError

from tests.server.steward.desks import Desk
from tests.server.worlds import SECRET, TOKENS, handshake, until
from uproot_nb.bridge.messages import (
    CloseSession,
    CloseSocket,
    HttpPart,
    HttpReply,
    OpenSession,
    PartsWanted,
    StewardClosed,
    StewardMessage,
    StewardOpened,
    StewardRequest,
)
from uproot_nb.server.steward import watchers
from uproot_nb.server.steward.tokens import StewardTokens

pytestmark = pytest.mark.asyncio

PARTICIPANT = next(iter(TOKENS))
STRANGERS = ["", "a-guess", PARTICIPANT]
"""Nobody; somebody who guesses; a participant with the token of the own link."""
PAGES = ["monitor/", "monitor/market/", "monitor/nothing/"]
API = ["api/v1/sessions", "api/v1/openapi.json", "api/v1/sessions/market/players", "api/v1/nothing"]
EXPORT = "monitor/market/export/key-0123456789abcdef"
STATUS = ["monitor/~status", "monitor/~status.json"]
REST = ["monitor", "monitor/market", EXPORT, "", "nothing", "status", *STATUS]


@pytest.mark.long
@pytest.mark.parametrize("path", PAGES + API + REST)
@pytest.mark.parametrize("who", STRANGERS)
async def test_no_address_answers_somebody_without_a_token(desk: Desk, path: str, who: str) -> None:
    """All in the same way, whether there is such an address or not."""
    for shown in (desk.headers(who), {"Cookie": f"{desk.cookie_name}={who}"}):
        response = await desk.ask(path, **shown)
        assert response.code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert not desk.kernel.heard or all(
            not isinstance(one, StewardRequest) for one in desk.kernel.heard
        )


@pytest.mark.parametrize("who", STRANGERS)
async def test_no_socket_opens_for_somebody_without_a_token(desk: Desk, who: str) -> None:
    with pytest.raises(HTTPClientError) as refused:
        await desk.open(who)
    assert refused.value.code == 401
    with pytest.raises(HTTPClientError) as forged:
        await desk.open(Cookie=f"{desk.cookie_name}={who or 'x'}", Authorization="")
    assert forged.value.code == 401


@pytest.mark.parametrize("who", ["steward", "viewer", "cookie steward", "cookie viewer"])
async def test_the_pages_open_for_both_roles(desk: Desk, who: str) -> None:
    response = await desk.ask("monitor/market/", who)
    role = who.rpartition(" ")[2]
    assert response.code == 200
    assert f'data-role="{role}"' in response.body.decode()
    listed = await desk.ask("monitor/", who)
    assert '<a href="market/">market</a>' in listed.body.decode()
    for path in ("monitor", "monitor/market"):
        moved = await desk.ask(path, who)
        assert moved.code == 302
        assert moved.headers["Location"] == f"./{path.rpartition('/')[2]}/"


@pytest.mark.parametrize("who", ["steward", "viewer"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_request_reaches_the_kernel_with_its_role(
    desk: Desk, who: str, method: str
) -> None:
    """What a role may do is for the kernel to say, in one place."""
    asking = desk.ask(
        "api/v1/sessions/market/actions/pause%20x?a=1&a=2", who, method, b'{"n": 1}',
        Content_Type="application/json", Cookie="secret=1",
    )  # fmt: skip
    waiting = asyncio.ensure_future(asking)
    asked = await desk.kernel.expect(StewardRequest)
    assert (asked.role, asked.method) == (who, method)
    assert asked.path == "sessions/market/actions/pause x"
    assert asked.query == [("a", "1"), ("a", "2")]
    assert asked.content == b'{"n": 1}'
    assert asked.headers["content-type"] == "application/json"
    assert set(asked.headers) <= {"accept", "content-type"}
    headers = [("Content-Type", "application/json"), ("Set-Cookie", "a=b"), ("X-Odd", "1")]
    desk.kernel.send(HttpReply(asked.request, 409, headers, b"{}"))
    response = await waiting
    assert (response.code, response.body) == (409, b"{}")
    assert "Set-Cookie" not in response.headers
    assert "X-Odd" not in response.headers


@pytest.mark.parametrize("who", ["cookie steward", "cookie viewer"])
async def test_no_cookie_opens_the_api(desk: Desk, who: str) -> None:
    """So no page of another site can act by the browser of somebody who is logged in."""
    for method in ("GET", "POST"):
        response = await desk.ask("api/v1/sessions/market/actions/pause", who, method, b"{}")
        assert response.code == 401


@pytest.mark.parametrize("who", ["cookie steward", "cookie viewer", "steward"])
async def test_the_page_fetches_what_it_was_offered(desk: Desk, who: str) -> None:
    response = await desk.answered(desk.ask(EXPORT, who), file="x")
    assert json.loads(response.body)["role"] == who.rpartition(" ")[2]
    refused = await desk.ask(EXPORT, who, "POST", b"")
    assert refused.code == 405


@pytest.mark.parametrize("role", ["steward", "viewer"])
async def test_a_page_and_its_kernel_hear_each_other(desk: Desk, role: str) -> None:
    page, number = await desk.watch(f"cookie {role}")
    desk.news(number, op="here")
    assert await page.read() == {"op": "here"}
    await page.send({"op": "do", "what": "pause"})
    heard = await desk.kernel.expect(StewardMessage)
    assert (heard.socket, json.loads(heard.data)) == (number, {"op": "do", "what": "pause"})
    page.connection.close()
    assert (await desk.kernel.expect(StewardClosed)).socket == number


async def test_the_kernel_is_sent_the_role(desk: Desk) -> None:
    for role in ("steward", "viewer"):
        await desk.open(role)
        assert (await desk.kernel.expect(StewardOpened)).role == role


async def test_pages_get_only_what_is_for_them(desk: Desk) -> None:
    ann, one = await desk.watch()
    bob, two = await desk.watch("viewer")
    desk.news(one, op="for ann")
    desk.news(two, op="for bob")
    assert await ann.read() == {"op": "for ann"}
    assert await bob.read() == {"op": "for bob"}


async def test_another_kernel_can_neither_write_to_a_page_nor_close_it(desk: Desk) -> None:
    page, number = await desk.watch()
    other = await desk.world.kernel()
    await other.serve("key-other", {})
    mine, desk.kernel = desk.kernel, other
    desk.news(number, op="from the other")
    other.send(CloseSocket(number, 4400, "from the other"))
    desk.kernel = mine
    desk.news(number, op="from its own")
    assert await page.read() == {"op": "from its own"}


# ---- logging in ----


async def test_a_token_is_exchanged_for_a_cookie(desk: Desk) -> None:
    """By the form; and by an address, which then is no longer shown."""
    for role in ("steward", "viewer"):
        token = desk.server.link(role).partition("#token=")[2]  # type: ignore[arg-type]
        body = {"token": token, "next": "market"}
        answer = await desk.ask("monitor/~login", "", "POST", body)
        assert (answer.code, answer.headers["Location"]) == (303, "./market/")
        cookie = answer.headers["Set-Cookie"]
        assert re.fullmatch(
            rf"{desk.cookie_name}=\w+; HttpOnly; Path=/monitor; SameSite=Strict", cookie
        )
        assert token not in cookie
        page = await desk.ask("monitor/market/", Cookie=cookie.partition(";")[0])
        assert f'data-role="{role}"' in page.body.decode()
        by_query = await desk.ask(f"monitor/market/?token={token}")
        assert by_query.code == 200
        assert by_query.headers["Set-Cookie"] == cookie
        assert 'content="0; url=../market/"' in by_query.body.decode()
        assert token not in by_query.body.decode()


async def test_where_the_form_leads_is_on_this_server(desk: Desk) -> None:
    for target in ("//evil.example", "https://evil.example", "..", "a/b", "\r\nX: y"):
        body = {"token": desk.tokens.viewer, "next": target}
        answer = await desk.ask("monitor/~login", "", "POST", body)
        assert re.fullmatch(r"\./[\w.%-]+/", answer.headers["Location"])
        assert "X" not in answer.headers


@pytest.mark.parametrize("token", ["", "a guess", PARTICIPANT])
async def test_a_wrong_token_gets_no_cookie(desk: Desk, token: str) -> None:
    for answer in (
        await desk.ask("monitor/~login", "", "POST", {"token": token}),
        await desk.ask(f"monitor/?token={token.replace(' ', '+')}"),
    ):
        assert answer.code == 401
        assert "Set-Cookie" not in answer.headers
        assert "not a token of this server" in answer.body.decode()


async def test_after_a_wrong_token_the_right_one_leads_where_one_was_going(desk: Desk) -> None:
    wrong = await desk.ask("monitor/~login", "", "POST", {"token": "wrong", "next": "market"})
    assert 'name="next" type="hidden" value="market"' in wrong.body.decode()
    again = await desk.ask("monitor/~login")
    assert (again.code, again.headers["Location"]) == (302, "./")


async def test_a_page_of_another_site_can_log_nobody_in(desk: Desk) -> None:
    body = {"token": desk.tokens.viewer}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"},
                    {"Sec_Fetch_Site": "cross-site"}):  # fmt: skip
        answer = await desk.ask("monitor/~login", "", "POST", body, **headers)
        assert answer.code == 403
        assert "Set-Cookie" not in answer.headers


@pytest.mark.long
async def test_who_guesses_waits_and_who_has_a_token_does_not(desk: Desk) -> None:
    own = await desk.ask("api/v1/sessions", "wrong")
    assert "Retry-After" not in own.headers
    late = [await desk.ask("api/v1/sessions", f"guess {n}") for n in range(52)]
    assert "Retry-After" in late[-1].headers
    assert {answer.code for answer in late} == {401}
    many = [asyncio.ensure_future(desk.ask("monitor/?token=x")) for _ in range(4)]
    assert (await desk.answered(desk.ask("api/v1/sessions", "viewer"))).code == 200
    assert not all(one.done() for one in many)
    assert {(await one).code for one in many} == {401}


@pytest.mark.long
async def test_one_who_asks_without_any_token_has_guessed_nothing(desk: Desk) -> None:
    answers = [await desk.ask("monitor/") for _ in range(60)]
    assert not any("Retry-After" in answer.headers for answer in answers)


# ---- other sites, other names ----


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", ""])
async def test_no_page_of_another_origin_opens_the_socket(desk: Desk, origin: str) -> None:
    """Not even a participant's page, which is on another port of the same machine."""
    with pytest.raises(HTTPClientError) as refused:
        await desk.open("cookie steward", Origin=origin)
    assert refused.value.code == 403
    page = await desk.open("cookie steward", Origin=f"http://127.0.0.1:{desk.server.port}")
    assert await page.state() == "here"


@pytest.mark.parametrize("path", [*PAGES, *API, EXPORT, "monitor/~/monitor.js"])
async def test_a_name_that_was_rebound_to_this_machine_leads_nowhere(desk: Desk, path: str) -> None:
    answer = await desk.ask(path, "steward", Host="evil.example")
    assert answer.code == 403
    assert "Use the address" in answer.body.decode()


async def test_the_answers_may_be_neither_framed_nor_stored_nor_shared(desk: Desk) -> None:
    for path in ("monitor/", "monitor/market/", "api/v1/nothing", "nothing"):
        for who in ("steward", ""):
            headers = (await desk.ask(path, who, Origin="https://evil.example")).headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert headers["Cache-Control"] == "no-store"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert "Access-Control-Allow-Origin" not in headers


async def test_the_pages_have_no_script_or_style_of_their_own(desk: Desk) -> None:
    """The policy would refuse it."""
    for path, who in (("monitor/", ""), ("monitor/", "viewer"), ("monitor/market/", "viewer")):
        text = (await desk.ask(path, who)).body.decode()
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)
        for name in re.findall(r'(?:src|href)="(?:\.\./)?(~/[^"]+)"', text):
            loaded = await desk.ask(f"monitor/{name}")
            assert loaded.code == 200, name


@pytest.mark.parametrize(
    "name", ["uproot.js", "../monitor.js", "monitor.py", "%2e%2e/app.py", "~/monitor.js"]
)
async def test_no_other_file_is_served(desk: Desk, name: str) -> None:
    assert (await desk.ask(f"monitor/~/{name}", "steward")).code in (401, 404)


async def test_a_sessions_name_is_shown_as_text(desk: Desk) -> None:
    other = await desk.world.kernel()
    await other.serve("key-<b>&", {})
    listed = (await desk.ask("monitor/", "viewer")).body.decode()
    assert "&lt;b&gt;&amp;" in listed
    assert "<b>" not in listed
    shown = (await desk.ask("monitor/%3Cscript%3E/", "viewer")).body.decode()
    assert "<script>" not in shown


async def test_behind_a_proxy_the_public_name_counts(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "https://lab.example.org/watch/")
    await desk.start()
    try:
        assert desk.server.link("viewer").startswith("https://lab.example.org/watch/monitor/#")
        body = {"token": desk.tokens.viewer}
        for path in ("monitor/~login", "watch/monitor/~login"):  # not every proxy takes it away
            answer = await desk.ask(path, "", "POST", body, Host="lab.example.org")
            assert answer.code == 303
            assert "Path=/watch/monitor;" in answer.headers["Set-Cookie"]
            assert "Secure" in answer.headers["Set-Cookie"]
        page = await desk.ask("watch/monitor/", "viewer", Host="lab.example.org")
        assert "connect-src 'self' wss://lab.example.org" in page.headers["Content-Security-Policy"]
        opened = await desk.open("cookie viewer", Origin="https://lab.example.org")
        assert await opened.state() == "here"
    finally:
        await desk.stop()


# ---- participants' port ----


@pytest.mark.long
@pytest.mark.parametrize("who", ["steward", "cookie steward", ""])
async def test_participants_port_has_neither_monitor_nor_api(desk: Desk, who: str) -> None:
    """Whatever somebody shows there."""
    paths = [
        *PAGES,
        *API,
        EXPORT,
        "monitor/market/ws",
        "uproot_nb/monitor/market/",
        "monitor/~login",
    ]
    for path in paths:
        for method in ("GET", "POST"):
            response: HTTPResponse = await desk.world.client.fetch(
                f"{desk.world.server.url}{path}", method=method, headers=desk.headers(who),
                body=None if method == "GET" else b"", raise_error=False,
            )  # fmt: skip
            assert response.code in (404, 405, 503), path
    assert not any(isinstance(one, StewardRequest | StewardOpened) for one in desk.kernel.heard)


async def test_the_monitors_port_has_no_participants(desk: Desk) -> None:
    for path in (f"p/{PARTICIPANT}/", "room/lab/", "join/market/join-secret-0123456789/"):
        assert (await desk.ask(path, "steward")).code == 404
        assert (await desk.ask(path)).code == 401


# ---- too much ----


async def test_an_oversized_message_ends_the_page_and_nothing_else(desk: Desk) -> None:
    page, number = await desk.watch()
    other, two = await desk.watch()
    await page.send("x" * 300_000)
    assert await page.closed() is not None
    assert (await desk.kernel.expect(StewardClosed)).socket == number
    desk.news(two, op="still here")
    assert await other.read() == {"op": "still here"}


async def test_a_flood_of_messages_ends_the_page(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All at one moment: a busy machine sends so slowly that what comes is no flood."""
    monkeypatch.setattr(watchers, "time", SimpleNamespace(monotonic=lambda: 0.0))
    page, _ = await desk.watch()
    with contextlib.suppress(WebSocketClosedError):
        for _ in range(600):
            await page.send({"op": "ready"})
    assert await page.closed() == 4429
    await desk.kernel.expect(StewardClosed)
    assert sum(isinstance(one, StewardMessage) for one in desk.kernel.heard) == 500


async def test_bytes_are_no_message(desk: Desk) -> None:
    page, _ = await desk.watch()
    await page.send(b"\x00\x01")
    assert await page.closed() == 1003


@pytest.mark.long
async def test_a_page_that_reads_nothing_is_disconnected(desk: Desk) -> None:
    """Nobody else is held up, and what it has not read takes no memory."""
    _, writer = await asyncio.open_connection("127.0.0.1", desk.server.port)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    writer.transport.pause_reading()
    token = {"Authorization": f"Bearer {desk.tokens.viewer}"}
    writer.write(handshake(desk.server.port, "/monitor/market/ws", **token))
    number = (await desk.kernel.expect(StewardOpened)).socket
    for _ in range(12):
        desk.news(number, op="news", text="x" * 1_000_000)
    await until(lambda: any(isinstance(one, StewardClosed) for one in desk.kernel.heard))
    assert len(desk.world.server.watchers) == 0
    writer.close()


async def test_a_body_that_is_too_long_is_refused(desk: Desk) -> None:
    path = "api/v1/sessions/market/actions/set"
    answer = await desk.ask(path, "steward", "POST", b"x" * 100_000)
    assert answer.code in (400, 413, 599)  # or the connection is closed at once
    assert not any(isinstance(one, StewardRequest) for one in desk.kernel.heard)


async def test_a_long_answer_is_sent_as_it_is_read(desk: Desk) -> None:
    waiting = asyncio.ensure_future(desk.ask("api/v1/sessions/market/events", "viewer"))
    asked = await desk.kernel.expect(StewardRequest)
    headers = [("Content-Type", "application/x-ndjson")]
    desk.kernel.send(HttpReply(asked.request, 200, headers, b"", more=True))
    for part in (b"[1]\n", b"[2]\n"):
        await desk.kernel.expect(PartsWanted)
        desk.kernel.send(HttpPart(asked.request, part))
    desk.kernel.send(HttpPart(asked.request, b"", more=False))
    answer = await waiting
    assert answer.body == b"[1]\n[2]\n"
    assert answer.headers["Content-Type"] == "application/x-ndjson"


async def test_who_leaves_a_stream_ends_it_in_the_kernel(desk: Desk) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.server.port)
    writer.write(
        b"GET /api/v1/sessions/market/events HTTP/1.1\r\nHost: localhost\r\n"
        b"Authorization: Bearer " + desk.tokens.viewer.encode() + b"\r\n\r\n"
    )
    asked = await desk.kernel.expect(StewardRequest)
    desk.kernel.send(HttpReply(asked.request, 200, [], b"", more=True))
    await desk.kernel.expect(PartsWanted)
    writer.close()
    await until(lambda: PartsWanted(asked.request, 0) in desk.kernel.heard)
    assert await reader.read() is not None


# ---- kernels come and go ----


async def test_a_page_follows_its_session_from_kernel_to_kernel(desk: Desk) -> None:
    page, number = await desk.watch()
    await desk.kernel.die()
    assert await page.state() == "away"
    await page.send({"op": "do", "what": "pause"})  # into the void
    desk.kernel = await desk.world.kernel()
    await desk.kernel.serve()
    assert await page.state() == "here"
    opened = await desk.kernel.expect(StewardOpened)
    assert (opened.socket, opened.role) == (number, "steward")
    desk.news(number, op="again")
    assert await page.read() == {"op": "again"}
    assert not any(isinstance(one, StewardMessage) for one in desk.kernel.heard)


async def test_a_page_waits_for_a_session_that_is_yet_to_come(desk: Desk) -> None:
    """As when the server was restarted, and the kernel has not found it yet."""
    page = await desk.open(name="later")
    assert await page.state() == "unknown"
    await desk.kernel.serve("key-later", {})
    assert await page.state() == "here"


async def test_a_page_of_a_session_that_has_ended_says_so_and_goes_on_with_the_next(
    desk: Desk,
) -> None:
    page, _ = await desk.watch()
    desk.kernel.send(CloseSession("key-market"))
    assert await page.state() == "closed"
    await desk.kernel.serve()
    assert await page.state() == "here"


async def test_two_sessions_of_one_name_are_not_mixed_up(desk: Desk) -> None:
    page, _ = await desk.watch()
    other = await desk.world.kernel()
    other.send(OpenSession("key-second", "market", "s" * 20, "running", {}))
    assert await page.state() == "several"
    await desk.kernel.expect(StewardClosed)
    assert not any(isinstance(one, StewardOpened) for one in other.heard)
    answer = await desk.ask("api/v1/sessions/market", "viewer")
    assert answer.code == 409
    await other.die()
    assert await page.state() == "here"


async def test_a_silent_kernel_is_named(desk: Desk) -> None:
    page, _ = await desk.watch()
    link = desk.world.link_of(desk.kernel)
    link._set_silent(True)
    assert await page.state() == "silent"
    link._set_silent(False)
    assert await page.state() == "here"


@pytest.mark.parametrize("who", ["steward", "viewer"])
async def test_only_a_steward_interrupts_and_only_a_silent_kernel(desk: Desk, who: str) -> None:
    """What the kernel cannot hear, the server does; all else goes to the kernel as ever."""
    interrupts: list[str] = []
    desk.world.server.watchers.interrupt = lambda: interrupts.append("interrupt")
    page, number = await desk.watch(who)
    link = desk.world.link_of(desk.kernel)
    asked = {"op": "do", "what": "interrupt", "id": 1}
    await page.send(asked)
    assert (await desk.kernel.expect(StewardMessage)).socket == number
    link._set_silent(True)
    message = await page.read()
    assert message is not None
    assert (message["state"], message["interrupts"]) == ("silent", True)
    for other in ({**asked, "what": "advance"}, ["interrupt"]):
        await page.send(other)
        await desk.kernel.expect(StewardMessage)
    await page.send(asked)
    if who == "steward":
        await until(lambda: interrupts == ["interrupt"])
    else:
        await desk.kernel.expect(StewardMessage)  # which refuses it
        assert interrupts == []


async def test_the_kernel_may_close_a_page(desk: Desk) -> None:
    page, number = await desk.watch()
    desk.kernel.send(CloseSocket(number, 4429, "too many monitors"))
    assert await page.closed() == 4429


async def test_a_server_that_ends_closes_its_pages_and_its_tokens_outlast_it(desk: Desk) -> None:
    page, _ = await desk.watch("cookie viewer")
    cookie, port = desk.headers("cookie viewer"), desk.server.port
    await desk.server.stop()
    assert await page.closed() == 1001
    given = StewardTokens(desk.tokens.steward, desk.tokens.viewer)
    desk.open_port(given, port)
    assert desk.headers("cookie viewer") == cookie
    again = await desk.open("cookie viewer")
    assert await again.state() == "here"
    await desk.server.stop()
    desk.open_port(StewardTokens(), port)
    assert (await desk.ask("monitor/", **cookie)).code == 401


# ---- the API's own answers ----


async def test_the_sessions_of_all_kernels_are_listed(desk: Desk) -> None:
    other = await desk.world.kernel()
    await other.serve("key-second", {})
    await other.die()
    answer = await desk.answered(
        desk.ask("api/v1/sessions", "viewer"), name="market", state="running"
    )
    market, second = json.loads(answer.body)
    assert market == {"name": "market", "state": "running", "role": "viewer"}
    assert (second["name"], second["state"]) == ("second", "away")


async def test_what_no_kernel_can_answer_says_what_to_do(desk: Desk) -> None:
    ask = desk.ask
    assert (await ask("api/v1/sessions/nobody", "viewer")).code == 404
    assert (await ask("api/v1/nothing", "viewer")).code == 404
    posted = await ask("api/v1/sessions", "viewer", "POST", b"{}")
    assert (posted.code, posted.headers["Allow"]) == (405, "GET, HEAD")
    assert (await ask("api/v1/sessions", "viewer", "OPTIONS")).code == 405
    await desk.kernel.die()
    for path in ("sessions/market", "openapi.json"):
        answer = await ask(f"api/v1/{path}", "viewer")
        assert answer.code == 503
        assert "otebook" in json.loads(answer.body)["error"]


async def test_a_kernel_that_dies_while_it_is_asked_leaves_nobody_waiting(desk: Desk) -> None:
    waiting = asyncio.ensure_future(
        desk.ask("api/v1/sessions/market/actions/x", "steward", "POST", b"")
    )
    await desk.kernel.expect(StewardRequest)
    await desk.kernel.die()
    answer = await waiting
    assert answer.code == 503
    assert "look before you repeat it" in json.loads(answer.body)["error"]


async def test_logs_have_no_token(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await desk.ask(f"monitor/?token={desk.tokens.steward}")
        await desk.ask(f"monitor/~login?token={desk.tokens.steward}", "steward", "POST", b"%")
        await desk.ask(f"nothing?token={desk.tokens.viewer}", "viewer")
        await desk.ask(EXPORT, "a-guess-of-somebody")
        desk.world.server.watchers.add = None  # type: ignore[method-assign,assignment]
        page = await desk.open()
        await page.closed()
    for secret in (desk.tokens.steward, desk.tokens.viewer, "key-0123456789abcdef", "a-guess"):
        assert secret not in caplog.text
    assert caplog.records


@pytest.mark.parametrize("who", ["steward", "viewer", "cookie viewer"])
async def test_the_servers_status_is_shown_without_secrets(desk: Desk, who: str) -> None:
    await desk.world.play()
    page, data = [await desk.ask(path, who) for path in STATUS]
    assert (page.code, data.code) == (200, 200)
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert "<td>market</td>" in page.body.decode()
    (session,) = json.loads(data.body)["sessions"]
    assert (session["participants"], session["sockets"], session["gateways"]) == (1, 1, 1)
    for secret in (*TOKENS, SECRET, "key-market"):
        assert secret not in (page.body + data.body).decode()
    assert (await desk.ask(STATUS[1], who, method="HEAD")).body == b""
