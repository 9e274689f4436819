"""Rooms: one address for many, by label if need be; each gets in once."""
# ruff: noqa: ANN001, ANN202, PT018, E501  (as authors write)

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import websocket_connect

from tests.engine.running import PATIENCE, serving, until
from uproot_nb import Page, UprootError, room


class Play(Page):
    """Play."""


class Visitor:
    """Somebody who stands before a room."""

    def __init__(self, url: str) -> None:
        self.url, self.visit = url, ""

    async def look(self, query: str = "") -> HTTPResponse:
        return await self._fetch(self.url + query)

    async def enter(self, label: str = "") -> HTTPResponse:
        """Open the page and press its button."""
        if not self.visit:
            page = (await self.look()).body.decode()
            self.visit = re.search(r'name="_uproot_visit" value="([^"]+)"', page)[1]
        return await self._fetch(self.url, {"label": label, "_uproot_visit": self.visit})

    async def _fetch(self, url: str, body: dict[str, Any] | None = None) -> HTTPResponse:
        request = HTTPRequest(
            url, method="GET" if body is None else "POST",
            body=None if body is None else urlencode(body), follow_redirects=False,
            request_timeout=PATIENCE,
        )  # fmt: skip
        return await AsyncHTTPClient().fetch(request, raise_error=False)


def is_in(answer: HTTPResponse) -> bool:
    return answer.code == 303 and "/p/" in answer.headers["Location"]


async def test_looking_takes_no_place_and_entering_takes_one() -> None:
    with serving(Play, players=0) as run:
        door = run.room("lab")
        ann = Visitor(door.url)
        assert (await ann.look()).code == 200
        assert len(run.players) == 0
        assert is_in(await ann.enter())
        assert is_in(await ann.enter())  # a second click leads to the same place
        assert len(run.players) == len(door.admitted) == 1
        assert is_in(await Visitor(door.url).enter())
        assert len(run.players) == 2


async def test_a_label_admits_once_and_becomes_the_players_label() -> None:
    with serving(Play, players=0) as run:
        door = run.room("lab", labels=["p01", "p02"])
        assert b'name="label"' in (await Visitor(door.url).look()).body
        assert is_in(await Visitor(door.url).enter("p01"))
        assert run.players[0].label == "p01"
        again = await Visitor(door.url).enter("p01")
        assert again.code == 409 and b"has been used" in again.body
        unknown = await Visitor(door.url).enter("p03")
        assert unknown.code == 403 and b"do not know this label" in unknown.body
        assert len(run.players) == 1


async def test_of_many_who_come_at_once_only_as_many_get_in_as_there_are_places() -> None:
    with serving(Play, players=0) as run:
        door = run.room("lab", capacity=5)
        answers = await asyncio.gather(*[Visitor(door.url).enter() for _ in range(20)])
        assert sum(map(is_in, answers)) == len(run.players) == 5
        assert {answer.code for answer in answers if not is_in(answer)} == {409}


async def test_those_who_wait_are_called_in_when_the_room_opens() -> None:
    with serving(Play, players=0) as run:
        door = run.room("lab", open=False)
        ann = Visitor(door.url)
        assert b"has not begun yet" in (await ann.look()).body
        socket = await websocket_connect(door.url.replace("http", "ws", 1) + "ws")
        await until(lambda: door.waiting == 1)
        assert not is_in(await ann.enter()) and len(run.players) == 0
        door.open()
        while True:
            frame = json.loads(await asyncio.wait_for(socket.read_message(), PATIENCE))
            if frame.get("action") == "submit":
                break
        assert is_in(await ann.enter())
        socket.close()
        await until(lambda: door.waiting == 0)


async def test_an_unknown_room_leads_nowhere() -> None:
    with serving(Play) as run:
        assert (await Visitor(f"{run.url}room/nowhere/").look()).code == 404


async def test_rooms_and_who_came_outlast_the_kernel(tmp_path) -> None:
    db = str(tmp_path / "log.sqlite3")
    with serving(Play, players=0, db=db) as run:
        ann = Visitor(run.room("lab", labels=["a", "b"]).url)
        assert is_in(await ann.enter("a"))
    with serving(Play, players=0, db=db) as run:
        door = run.room("lab", labels=["a", "b"])
        assert [player.label for player in door.admitted] == ["a"]
        assert (await Visitor(door.url).enter("a")).code == 409
        assert is_in(await Visitor(door.url).enter("b"))


async def test_a_new_player_hook_that_fails_is_calm_and_tried_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = [True]

    def new_player(player):
        if broken:
            raise KeyError("author's mistake")
        player.ready = True

    with serving(Play, players=0, names={"new_player": new_player}) as run:
        ann = Visitor(run.room("lab").url)
        assert (await ann.enter()).code == 500
        assert "author's mistake" in capsys.readouterr().err
        broken.clear()
        assert is_in(await ann.enter())
        assert [player.get("ready") for player in run.players] == [True]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a b"}, {"name": ""}, {"name": "lab", "labels": ["a", "a"]},
        {"name": "lab", "labels": "abc"}, {"name": "lab", "capacity": 0}, {"name": "lab", "open": 1},
        {"name": "lab", "labels": ["ä"]}, {"name": "lab", "labels": []},
    ],
)  # fmt: skip
def test_a_room_that_cannot_be_is_refused_where_it_is_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(UprootError):
        room(**wrong)
