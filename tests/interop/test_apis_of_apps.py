"""The addresses `/api/app/session/` and `/api2/app/session/` of the framework's apps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders

from tests.interop.projects import write_app, write_files
from uproot_nb import Run, serve
from uproot_nb.server.base_handler import open_headers

CODE = """
    import uproot.deployment as upd
    from responses import Response, StreamingResponse, FileResponse, HTTPException

    upd.API_KEYS.add("s3cret")

    class Hello(Page):
        pass

    async def api2(session, request):
        match request.query_params.get("what"):
            case "missing":
                raise HTTPException(404, "No such thing")
            case "text" | "nothing" as what:
                return {"text": "words"}.get(what)
            case "asked":
                named = request.headers.get("X-Wish"), "x-wish" in request.headers
                return [*named, request.query_params.getlist("n")]
            case "headers":
                return request.headers
            case "stream":
                async def parts():
                    yield "a"
                    yield b"b"
                return StreamingResponse(parts())
            case "file":
                return FileResponse(__file__)
            case "image":
                return Response(b"PNG", {"Content-Type": "image/png", "Cache-Control": "no-store"})
            case "broken":
                return 1 / 0
        session.asked = request.player.id if request.player else -1
        return {"player": session.asked, "path": request.path}

    def api(session, request):
        return {"n": len(session.players)}

    page_order = [Hello]
"""

RESPONSES = """
class Response:
    status_code = 201
    def __init__(self, body, headers):
        self.body, self.headers = body, headers

class StreamingResponse:
    status_code, headers = 200, {"content-type": "text/event-stream"}
    def __init__(self, parts): self.body_iterator = parts

class FileResponse:
    status_code, headers = 200, {"content-type": "text/x-python", "content-length": "9"}
    def __init__(self, path): self.path = path

class HTTPException(Exception):
    def __init__(self, status_code, detail):
        self.status_code, self.detail = status_code, detail
        self.headers = {"Retry-After": "3"}
"""
"""Responses with the attributes that Starlette's have."""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    write_files(tmp_path, {"responses.py": RESPONSES})
    app = write_app(tmp_path, "poll", CODE)
    run = serve(app=app, players=2, name="s", db=":memory:", embedded=True, port=0, namespace={})
    with run:
        yield run


async def ask(run: Run, path: str, number: int | None = 0, key: str = "") -> HTTPResponse:
    """Ask as a page of a player does, or as somebody else's program."""
    link = run.link(run.players[number or 0])
    headers = {"Referer": link} if number is not None else {}
    headers["x-wish"] = "tea"
    if key:
        headers["Authorization"] = f"Bearer {key}"
    address = f"{link.partition('/p/')[0]}/{path}"
    return await AsyncHTTPClient().fetch(HTTPRequest(address, headers=headers), raise_error=False)


async def test_a_page_asks_the_apps_api2(run: Run) -> None:
    answer = await ask(run, "api2/poll/s/", 1)
    assert json.loads(answer.body) == {"player": 1, "path": ""}
    assert run.session.asked == 1


@pytest.mark.parametrize(
    ("what", "code", "kind", "body"),
    [
        ("missing", 404, "application/json", b'{"detail":"No such thing"}'),
        ("stream", 200, "text/event-stream", b"ab"),
        ("text", 200, "application/json", b'"words"'),
        ("nothing", 200, "application/json", b"null"),
        ("asked&n=1&n=2", 200, "application/json", b'["tea",true,["1","2"]]'),
        ("image", 201, "image/png", b"PNG"),
    ],
)
async def test_responses_of_starlette_are_answered(
    run: Run, what: str, code: int, kind: str, body: bytes
) -> None:
    answer = await ask(run, f"api2/poll/s/?what={what}")
    assert (answer.code, answer.headers["Content-Type"], answer.body) == (code, kind, body)
    assert list(run.errors["message"]) == []


async def test_headers_have_no_secret_of_the_participant(run: Run) -> None:
    answer = await ask(run, "api2/poll/s/?what=headers")
    token = run.link(run.players[0]).partition("/p/")[2].strip("/")
    assert json.loads(answer.body)["x-wish"] == "tea"
    assert token not in answer.body.decode()


def passed(headers: dict[str, str]) -> dict[str, str]:
    """Return which headers of a request an app gets."""
    request: Any = SimpleNamespace(headers=HTTPHeaders(headers))
    return open_headers(request)


def test_an_app_gets_no_header_that_says_who_or_where_somebody_is() -> None:
    secret = [
        "Cf-Connecting-Ip", "True-Client-Ip", "X-Cluster-Client-Ip", "X-Original-Forwarded-For",
        "X-Forwarded-Access-Token", "X-Auth-Request-Email", "X-Amzn-Oidc-Data", "X-Real-Ip",
        "Proxy-Authorization", "X-Xsrftoken", "Uproot-Cookie", "Cookie", "Cookie2", "Forwarded",
        "X-Envoy-External-Address", "X_Forwarded_For", "X-Jupyterhub-User", "Remote-User",
        "Referer",
    ]  # fmt: skip
    assert passed(dict.fromkeys(secret, "v") | {"X-Wish": "tea"}) == {"x-wish": "tea"}


def test_an_app_gets_headers_of_bounded_length_and_number() -> None:
    key = f"Bearer {'k' * 2000}"
    many = {f"X-{n}": "v" * 2000 for n in range(500)} | {"Authorization": key}
    got = passed(many)
    assert (len(got), got["x-1"], got["authorization"]) == (65, "v" * 1000, key)


async def test_an_exceptions_headers_are_sent(run: Run) -> None:
    answer = await ask(run, "api2/poll/s/?what=missing")
    assert answer.headers["Retry-After"] == "3"


async def test_a_function_may_take_the_player_and_everything_by_name(tmp_path: Path) -> None:
    code = """
        class Hello(Page): pass
        async def api2(*, request, session, player=None): return player.id
        def api(**named): return sorted(named)
        import uproot.deployment as upd
        upd.API_KEYS.add("s3cret")
        page_order = [Hello]
    """
    app = write_app(tmp_path, "poll", code)
    with serve(
        app=app, players=2, name="s", db=":memory:", embedded=True, port=0, namespace={}
    ) as run:
        assert (await ask(run, "api2/poll/s/", 1)).body == b"1"
        assert (await ask(run, "api/poll/s/", None, "s3cret")).body == b'["request","session"]'


async def test_a_files_response_has_its_content(run: Run) -> None:
    answer = await ask(run, "api2/poll/s/?what=file")
    assert b"async def api2" in answer.body


async def test_other_headers_of_a_response_are_sent(run: Run) -> None:
    answer = await ask(run, "api2/poll/s/?what=image")
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_researcher_sees_what_an_api2_raised(run: Run) -> None:
    answer = await ask(run, "api2/poll/s/?what=broken")
    assert answer.code == 500
    assert "poll/__init__.py" in run.errors["traceback"][0]


async def test_a_stranger_without_a_key_is_not_answered(run: Run) -> None:
    assert (await ask(run, "api2/poll/s/", None)).code == 404
    assert (await ask(run, "api2/poll/s/", None, key="wrong")).code == 403
    assert "asked" not in run.session.fields()


async def test_a_page_of_another_session_is_a_stranger(run: Run) -> None:
    assert (await ask(run, "api2/poll/other/")).code == 404


async def test_a_program_with_a_key_asks_both(run: Run) -> None:
    answer = await ask(run, "api/poll/s/", None, key="s3cret")
    assert json.loads(answer.body) == {"n": 2}
    answer = await ask(run, "api2/poll/s/a/b", None, key="s3cret")
    assert json.loads(answer.body) == {"player": -1, "path": "a/b"}


async def test_the_frameworks_api_needs_a_key_even_of_a_page(run: Run) -> None:
    assert (await ask(run, "api/poll/s/")).code == 403


async def test_an_app_that_the_session_has_not_is_not_found(run: Run) -> None:
    assert (await ask(run, "api2/other/s/")).code == 404
