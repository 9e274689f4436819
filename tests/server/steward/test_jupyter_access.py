"""The monitor and the API behind Jupyter's own login."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from jupyter_server.auth.authorizer import Authorizer
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from tests.server.labs import LOGIN, Lab
from tests.server.steward.desks import Page
from tests.server.worlds import TOKENS, until
from uproot_nb.bridge.messages import (
    HttpReply,
    StewardMessage,
    StewardNews,
    StewardOpened,
    StewardRequest,
)

pytestmark = pytest.mark.asyncio

Start = Callable[..., Any]
ROOT = "base/uproot_nb/"
PAGES = ["monitor/", "monitor/market/", "monitor/market", "monitor/~/monitor.js"]
OTHERS = ["api/v1/sessions", "api/v1/sessions/market/players", "monitor/market/export/key-0123"]
PARTICIPANT = {"Authorization": f"token {next(iter(TOKENS))}"}


class Allows(Authorizer):
    """Lets everybody do one thing."""

    what = "read"

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return action == self.what and resource == "uproot_nb"


async def open_page(lab: Lab, **headers: str) -> Page:
    url = f"ws://127.0.0.1:{lab.port}/{ROOT}monitor/market/ws"
    return Page(await websocket_connect(HTTPRequest(url, headers=headers)))


async def answered(lab: Lab, asking: Any) -> tuple[StewardRequest, Any]:
    """Let the kernel answer a request; return it and the answer."""
    waiting = asyncio.ensure_future(asking)
    await until(lambda: any(isinstance(one, StewardRequest) for one in lab.heard))
    asked = next(one for one in lab.heard if isinstance(one, StewardRequest))
    assert lab.channel is not None
    lab.channel.send(HttpReply(asked.request, 200, [("Content-Type", "application/json")], b"{}"))
    return asked, await waiting


@pytest.mark.long
@pytest.mark.parametrize("headers", [{}, PARTICIPANT])
async def test_whoever_is_not_logged_in_gets_nothing(start: Start, headers: dict[str, str]) -> None:
    lab = await start(mount=True)
    await lab.serve()
    for path in PAGES + OTHERS:
        answer = await lab.fetch(ROOT + path, headers=headers)
        assert answer.code in (302, 403)
        assert b"market" not in answer.body
    for path in OTHERS:
        answer = await lab.fetch(ROOT + path, headers=headers, method="POST", body="{}")
        assert answer.code == 403
    with pytest.raises(HTTPClientError) as refused:
        await open_page(lab, **headers)
    assert refused.value.code == 403
    assert not any(isinstance(one, StewardRequest | StewardOpened) for one in lab.heard)


@pytest.mark.long
async def test_whoever_is_logged_in_steers(start: Start) -> None:
    lab = await start()
    await lab.serve()
    for path in ("monitor/", "monitor/market/", "monitor/~/monitor.js"):
        answer = await lab.fetch(ROOT + path, headers=LOGIN)
        assert answer.code == 200
        assert "default-src 'none'; script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    page = await open_page(lab, **LOGIN)
    await until(lambda: any(isinstance(one, StewardOpened) for one in lab.heard))
    opened = next(one for one in lab.heard if isinstance(one, StewardOpened))
    assert opened.role == "steward"
    assert await page.state() == "here"
    lab.channel.send(StewardNews(opened.socket, b'{"op":"here"}'))
    assert await page.read() == {"op": "here"}
    await page.send({"op": "ask"})
    await until(lambda: any(isinstance(one, StewardMessage) for one in lab.heard))
    page.connection.close()
    asking = lab.fetch(f"{ROOT}api/v1/sessions/market/actions/pause", headers=LOGIN,
                       method="POST", body="{}")  # fmt: skip
    asked, answer = await answered(lab, asking)
    assert (asked.role, asked.method, answer.code) == ("steward", "POST", 200)


@pytest.mark.long
async def test_jupyters_authorizer_makes_viewers(start: Start) -> None:
    """Who may read "uproot_nb" looks, who may write it steers, and others get nothing."""
    lab = await start()
    await lab.serve()
    lab.app.web_app.settings["authorizer"] = allows = Allows(parent=lab.app)
    page = await open_page(lab, **LOGIN)
    await until(lambda: any(isinstance(one, StewardOpened) for one in lab.heard))
    assert [one.role for one in lab.heard if isinstance(one, StewardOpened)] == ["viewer"]
    page.connection.close()
    asked, _ = await answered(lab, lab.fetch(f"{ROOT}api/v1/sessions/market", headers=LOGIN))
    assert asked.role == "viewer"
    allows.what = "execute"
    answer = await lab.fetch(f"{ROOT}api/v1/sessions/market", headers=LOGIN)
    assert (answer.code, list(json.loads(answer.body))) == (403, ["error"])
    with pytest.raises(HTTPClientError):
        await open_page(lab, **LOGIN)


async def test_a_page_of_another_site_can_do_nothing_by_a_browser_that_is_logged_in(
    start: Start,
) -> None:
    """A cookie alone does not let a request act; Jupyter's token does."""
    lab = await start()
    await lab.serve()
    first = await lab.fetch("base/login?token=jupyter-token", headers=LOGIN)
    cookies = [one.partition(";")[0] for one in first.headers.get_list("Set-Cookie")]
    browser = {"Cookie": "; ".join(cookies)}
    page = await lab.fetch(f"{ROOT}monitor/", headers=browser)
    assert page.code == 200
    answer = await lab.fetch(
        f"{ROOT}api/v1/sessions/market/actions/pause", method="POST", body="{}",
        headers={**browser, "Origin": "https://evil.example"},
    )  # fmt: skip
    assert answer.code in (403, 404)
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{lab.own_port}"):
        with pytest.raises(HTTPClientError) as refused:
            await open_page(lab, Origin=origin, **browser)
        assert refused.value.code == 403
    opened = await open_page(lab, Origin=f"http://127.0.0.1:{lab.port}", **browser)
    assert await opened.state() == "here"
    opened.connection.close()
    assert not any(isinstance(one, StewardRequest) for one in lab.heard)


@pytest.mark.long
async def test_a_name_that_was_rebound_to_this_machine_leads_nowhere_in_jupyter(
    start: Start,
) -> None:
    lab = await start()
    for path in PAGES + OTHERS:
        answer = await lab.fetch(ROOT + path, headers={**LOGIN, "Host": "evil.example"})
        assert answer.code == 403


@pytest.mark.long
async def test_neither_participants_port_nor_mount_has_the_monitor(start: Start) -> None:
    lab = await start(mount=True)
    await lab.serve()
    for path in PAGES + OTHERS:
        for prefix in ("", ROOT):
            own = await lab.fetch(prefix + path, port=lab.own_port, headers=LOGIN)
            assert own.code in (404, 405, 503)
        mounted = await lab.fetch(f"base/uproot_nb/participant/{path}", headers=LOGIN)
        assert mounted.code in (404, 405, 503)
    assert not any(isinstance(one, StewardRequest | StewardOpened) for one in lab.heard)
