"""An experiment's own `api(request, session)`: what scripts ask of it, and what they get."""
# ruff: noqa: ANN001, ANN202  (authors' code is written as authors write it)

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from tests.running import PATIENCE, Browser
from uproot_nb import Page, Refused, Run, serve
from uproot_nb.flow.api_answers import Headers


class Poll(Page):
    """A poll."""


class Over(Page):
    """Thanks."""


@contextmanager
def answering(api: Any, **more: Any) -> Iterator[Run]:
    names = {} if api is None else {"api": api}
    run = serve(
        [Poll, Over], players=2, db=":memory:", name="p", embedded=True, port=0,
        namespace={**names, **more},
    )  # fmt: skip
    with run:
        yield run


async def ask(
    browser: Browser, path: str = "", method: str = "GET", body: str | None = None
) -> HTTPResponse:
    request = HTTPRequest(
        f"{browser.url}api/{path}", method, body=body, allow_nonstandard_methods=True,
        request_timeout=PATIENCE,
    )  # fmt: skip
    return await AsyncHTTPClient().fetch(request, raise_error=False)


@pytest.mark.long
async def test_a_script_asks_and_the_experiment_answers_and_remembers() -> None:
    def api(request, session):
        if request.method == "POST":
            session.votes = [*session.get("votes", []), (request.player.id, request.data["vote"])]
        return {"path": request.path, "q": request.query_params, "n": len(session.votes)}

    with answering(api) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        assert ann.page["api"] == "api/"
        await ask(ann, method="POST", body='{"vote": "yes"}')
        answer = await ask(bob, "polls/a%20b?x=1", "POST", '{"vote": "no"}')
        assert json.loads(answer.body) == {"path": "polls/a b", "q": {"x": "1"}, "n": 2}
        assert answer.headers["Content-Type"] == "application/json"
        assert run.session.votes == [(0, "yes"), (1, "no")]
        written = run.events.query("field == 'votes'")
        assert written["cause"].tolist() == ["api", "api"]
        assert written["page"].tolist() == ["Poll", "Poll"]


@pytest.mark.parametrize(
    ("value", "code", "kind", "body"),
    [
        (None, 204, None, b""),
        ("ä", 200, "text/plain; charset=UTF-8", "ä".encode()),
        (b"\x00", 200, "application/octet-stream", b"\x00"),
        ([1, None], 200, "application/json", b"[1,null]"),
        (
            SimpleNamespace(status_code=418, body=b"tea", headers={"content-type": "text/tea"}),
            418, "text/tea", b"tea",
        ),
    ],
)  # fmt: skip
async def test_what_is_returned_becomes_an_answer(
    value: Any, code: int, kind: str | None, body: bytes
) -> None:
    with answering(lambda request, session: value) as run:
        answer = await ask(await Browser.open(run))
        assert (answer.code, answer.headers.get("Content-Type"), answer.body) == (code, kind, body)


async def test_an_app_of_the_framework_awaits_what_was_sent() -> None:
    async def api(request, session):
        return [await request.json(), (await request.body()).decode(), await request.form()]

    with answering(api) as run:
        answer = await ask(await Browser.open(run), method="POST", body='{"a":"1"}')
        assert json.loads(answer.body)[:2] == [{"a": "1"}, '{"a":"1"}']


async def test_parameters_and_headers_are_stored_as_dicts() -> None:
    def api(request, session):
        session.asked, session.headers = request.query_params, request.headers
        session.all = [request.query_params]
        session.all[0]["later"] = "2"

    with answering(api) as run:
        assert (await ask(await Browser.open(run), "?a=1")).code == 204
        assert (run.session.asked, run.session.all) == ({"a": "1"}, [{"a": "1", "later": "2"}])
        assert isinstance(run.session.headers, dict)
        assert run.session.history()["all"][-1].value == [{"a": "1", "later": "2"}]


def test_headers_are_the_same_in_upper_and_lower_case() -> None:
    headers = Headers({"A": "1"})
    headers["B"] = "2"
    assert (headers.setdefault("A", "9"), headers.get("b"), "B" in headers) == ("1", "2", True)
    assert (headers | {"A": "3"}, headers.copy()["B"]) == ({"a": "3", "b": "2"}, "2")
    headers |= {"C": "4"}
    del headers["A"]
    assert (headers.pop("B"), headers.pop("B", None), headers) == ("2", None, {"c": "4"})
    assert (3 in headers, headers.get("nothing")) == (False, None)


async def test_a_failure_is_the_researchers_and_is_undone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def api(request, session):
        session.votes = 1
        raise RuntimeError("author's mistake")

    with answering(api) as run:
        ann = await Browser.open(run)
        answer = await ask(ann)
        assert answer.code == 500
        assert "author's mistake" not in answer.body.decode()
        assert run.session.get("votes") is None
        assert "author's mistake" in capsys.readouterr().err
        assert run.errors["cause"].tolist() == ["api"]
        assert (await ann.fetch()).code == 200


async def test_what_cannot_be_sent_is_the_researchers_too() -> None:
    with answering(lambda request, session: object()) as run:
        assert (await ask(await Browser.open(run))).code == 500
        assert "cannot be sent" in run.errors["value"][run.errors.index[0]]["message"]


async def test_a_script_gets_the_message_of_a_refusal() -> None:
    def api(request, session):
        raise Refused("The poll is over.")

    with answering(api) as run:
        answer = await ask(await Browser.open(run))
        assert answer.code == 400
        assert json.loads(answer.body) == {"error": "Refused", "message": "The poll is over."}
        assert run.errors.query("field != 'Warning'").empty


async def test_what_is_no_json_is_refused() -> None:
    with answering(lambda request, session: request.data) as run:
        answer = await ask(await Browser.open(run), method="POST", body="{")
        assert (answer.code, json.loads(answer.body)["message"]) == (
            400,
            "The request is not JSON.",
        )


async def test_without_an_api_there_is_none() -> None:
    with answering(None) as run:
        ann = await Browser.open(run)
        assert ann.page["api"] is None
        assert (await ask(ann)).code == 404


async def test_only_participants_are_let_in() -> None:
    with answering(lambda request, session: "secret") as run:
        ann = await Browser.open(run)
        ann.url = ann.url.replace(ann.url.split("/")[-2], "x" * 43)
        answer = await ask(ann)
        assert answer.code == 404
        assert b"secret" not in answer.body


async def test_a_paused_session_answers_nothing() -> None:
    with answering(lambda request, session: 1) as run:
        ann = await Browser.open(run)
        run.pause()
        assert (await ask(ann)).code == 503
        run.resume()
        assert (await ask(ann)).code == 200


async def test_a_sandboxed_page_may_ask() -> None:
    with answering(lambda request, session: 1) as run:
        ann = await Browser.open(run)
        allowed = await ask(ann, method="OPTIONS")
        assert allowed.code == 204
        assert allowed.headers["Access-Control-Allow-Headers"] == "Content-Type"
        assert (await ask(ann)).headers["Access-Control-Allow-Origin"] == "*"


async def test_what_is_too_long_is_refused() -> None:
    with answering(lambda request, session: 1) as run:
        with suppress(OSError):  # cut off while it was still being sent
            answer = await ask(await Browser.open(run), method="POST", body="x" * 5_000_000)
            assert answer.code in (400, 413, 599)
        assert (await ask(await Browser.open(run))).code == 200
