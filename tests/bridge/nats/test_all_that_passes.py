"""What participants, stewards and programs do passes any gateway, and the next one goes on."""
# ruff: noqa: ANN202, RUF012  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.simple_httpclient import HTTPStreamClosedError
from tornado.websocket import websocket_connect

from tests.components.local_gateway import LocalGateway
from tests.components.nats_server import NatsServer, nats_server
from tests.running import BEGIN_FORM, serving, until
from uproot_nb import FileField, IntegerField, Page, Player, Run
from uproot_nb.server.steward.own_address import StewardServer
from uproot_nb.server.steward.tokens import StewardTokens

__all__ = ["nats_server"]

pytestmark = pytest.mark.asyncio

JSON = {"Accept": "application/json"}


class Age(Page):
    """How old are you?"""

    fields = dict(age=IntegerField(label="Your age", min=18, max=99))  # noqa: C408


class Photo(Page):
    """Send a photo."""

    fields = dict(photo=FileField(label="A photo"))  # noqa: C408
    stealth_fields = ["photo"]

    @classmethod
    async def handle_stealth_fields(page, player: Player, data: dict[str, Any]) -> None:
        photo = data["photo"]
        digest = sha256(await photo.read()).hexdigest()
        player.photo = [photo.filename, photo.content_type, digest]


@pytest.fixture
def two(nats_server: NatsServer) -> Iterator[list[LocalGateway]]:
    """Two gateways."""
    with LocalGateway(nats_server.port) as first, LocalGateway(nats_server.port) as second:
        yield [first, second]


@pytest.fixture
def over(nats_server: NatsServer) -> dict[str, Any]:
    """Arguments of `serving` for a run whose participants come by gateways."""
    return {"bridge": nats_server.url, "embedded": None}


async def ask(gateway: LocalGateway, run: Run, link: str, **options: Any) -> HTTPResponse:
    """Ask one gateway, once it has met the kernel, for what a link leads to."""
    await until(gateway.states)
    url = gateway.server.url + link.removeprefix(run.url)
    return await AsyncHTTPClient().fetch(
        url, raise_error=False, follow_redirects=False, request_timeout=60, **options
    )


async def begin(gateway: LocalGateway, run: Run, link: str) -> dict[str, Any]:
    """Begin as a player at a gateway; return what the page knows."""
    await ask(gateway, run, link, method="POST", body=BEGIN_FORM)
    html = (await ask(gateway, run, link)).body.decode()
    found: dict[str, Any] = json.loads(html.split('id="uproot-page">')[1].split("</script>")[0])
    return found


def hidden(start: dict[str, Any]) -> dict[str, str]:
    """Return the fields of a page's form that nobody sees."""
    return {f"_uproot_{name}": str(start[name]) for name in ("page", "visit")}


async def test_a_wrong_form_is_shown_at_whichever_gateway_the_browser_comes_to(
    two: list[LocalGateway], over: dict[str, Any]
) -> None:
    first, second = two
    with serving(Age, **over) as run:
        link = run.link(run.players[0])
        start = await begin(first, run, link)
        form = {"age": "7", **hidden(start)}
        told = await ask(first, run, link, method="POST", body=urlencode(form), headers=JSON)
        go = json.loads(told.body)["go"]
        page = (await ask(second, run, link + go.removeprefix("./"))).body.decode()
        assert 'value="7"' in page
        assert "18" in page
        again = (await ask(second, run, link + go.removeprefix("./"))).body.decode()
        assert 'value="7"' not in again  # it is good for once


async def test_somebody_else_cannot_take_the_page_of_a_wrong_form(
    two: list[LocalGateway], over: dict[str, Any]
) -> None:
    first, second = two
    with serving(Age, **over) as run:
        ann, bob = (run.link(player) for player in run.players)
        start = await begin(first, run, ann)
        await begin(second, run, bob)
        form = {"age": "7", **hidden(start)}
        told = await ask(first, run, ann, method="POST", body=urlencode(form), headers=JSON)
        go = json.loads(told.body)["go"].removeprefix("./")
        assert 'value="7"' not in (await ask(second, run, bob + go)).body.decode()
        assert 'value="7"' in (await ask(second, run, ann + go)).body.decode()


async def test_a_browser_gets_one_place_by_the_join_link_at_any_gateway(
    two: list[LocalGateway], over: dict[str, Any]
) -> None:
    with serving(Age, players=0, **over) as run:
        first = await ask(two[0], run, run.join_link, method="POST", body="")
        assert first.code == 303
        cookie = {"Cookie": first.headers["Set-Cookie"].split(";")[0]}
        again = await ask(two[1], run, run.join_link, method="POST", body="", headers=cookie)
        place = first.headers["Location"].rsplit("/", 2)[1]
        assert again.headers["Location"].rsplit("/", 2)[1] == place
        assert len(run.players) == 1


async def test_those_who_wait_in_a_room_are_counted_over_all_gateways(
    two: list[LocalGateway], over: dict[str, Any]
) -> None:
    with serving(Age, **over) as run:
        lab = run.room("lab", open=False)
        await until(lambda: all(gateway.server.rooms.get("lab") for gateway in two))
        sockets = []
        for gateway in (*two, two[0]):
            address = gateway.server.url.replace("http", "ws")
            sockets.append(await websocket_connect(f"{address}room/lab/ws"))
        await until(lambda: lab.waiting == 3)
        sockets[2].close()
        await until(lambda: lab.waiting == 2)
        await asyncio.to_thread(two[0].do, two[0].server.stop())
        await until(lambda: lab.waiting == 1)
        lab.open()
        while (message := json.loads(str(await sockets[1].read_message())))["op"] == "status":
            pass
        assert message["op"] == "action"


def counting(session: Any) -> Any:
    """Answer with parts until the program goes."""

    async def parts():
        try:
            for number in range(1_000_000):
                yield f"{number}\n"
                await asyncio.sleep(0.001)
        finally:
            session.closed = True

    return SimpleNamespace(
        status_code=200, headers={"content-type": "text/plain"}, body_iterator=parts()
    )


async def test_an_answer_in_parts_passes_and_ends_with_its_gateway(
    two: list[LocalGateway], over: dict[str, Any]
) -> None:
    names = {"api": lambda request, session: counting(session)}
    with serving(Age, names=names, **over) as run:
        parts: list[bytes] = []
        link = run.link(run.players[0])
        await begin(two[0], run, link)
        asking = asyncio.create_task(
            ask(two[0], run, f"{link}api/", streaming_callback=parts.append)
        )
        await until(lambda: b"".join(parts).startswith(b"0\n1\n2\n"))
        two[0].cut_off()
        await until(lambda: run.session.get("closed"))
        two[0].join_again()
        with pytest.raises(HTTPStreamClosedError):  # half an answer is never taken for the whole
            await asking
        whole = b"".join(parts).splitlines()[:-1]
        assert whole == [b"%d" % number for number in range(len(whole))]


async def test_stewards_and_programs_come_by_any_gateway(
    two: list[LocalGateway], over: dict[str, Any]
) -> None:
    tokens = StewardTokens()
    headers = {"Authorization": f"Bearer {tokens.token('steward')}"}
    with serving(Age, **over) as run:
        for gateway in two:
            desk = StewardServer(gateway.server, tokens)

            async def open_desk(desk: StewardServer = desk) -> None:
                desk.start(0)

            gateway.do(open_desk())
            await until(gateway.states)
            url = f"http://127.0.0.1:{desk.port}/api/v1/sessions/{run.name}/players"
            answer = await AsyncHTTPClient().fetch(url, headers=headers)
            assert len(json.loads(answer.body)) == 2
            await asyncio.to_thread(gateway.do, desk.stop())


def form_of_photo(start: dict[str, Any], photo: bytes) -> dict[str, Any]:
    """Return a form with a photo, as a browser posts it."""
    fields = "".join(
        f'--X\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in hidden(start).items()
    )
    head = (
        '--X\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    body = fields.encode() + head.encode() + photo + b"\r\n--X--\r\n"
    return {"body": body, "headers": {"Content-Type": "multipart/form-data; boundary=X"}}


def received() -> list[Path]:
    """Return what lies in the kernel's folders of files from gateways."""
    return list(Path(tempfile.gettempdir()).glob("uproot_nb-received-*/*"))


@pytest.mark.parametrize("size", [5, 3_000_000])
async def test_files_of_a_form_travel_to_the_kernel_and_are_removed(
    two: list[LocalGateway],
    over: dict[str, Any],
    size: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    photo = random.Random(size).randbytes(size)
    with serving(Photo, **over) as run:
        link = run.link(run.players[0])
        start = await begin(two[0], run, link)
        sent = form_of_photo(start, photo)
        answer = await ask(two[0], run, link, method="POST", **sent)
        assert answer.code == 303
        assert run.players[0].photo == ["a.png", "image/png", sha256(photo).hexdigest()]
        assert received() == []
        assert (await ask(two[1], run, link)).code == 200
    await until(lambda: not list(tmp_path.glob("uproot_nb-received-*")))
