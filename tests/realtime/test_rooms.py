"""Who gets into a room, and what they see who do not."""

from __future__ import annotations

import asyncio
import html
import json
import re
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.running import PATIENCE, Browser, plain, serving, together, until
from tests.worlds_at_rest import loaded, replayed
from uproot_nb import Page, rerun
from uproot_nb.experiment.entrance.ways_in import WayIn
from uproot_nb.notebook.rooms import RoomHandle
from uproot_nb.realtime.rooms import Admission, Room, RoomOutcome, admit
from uproot_nb.session.world import load_state

ASKED = "You have already begun. Do you want to go on?"


class Hello(Page):
    """Hello!"""


# ---- the rules ----------------------------------------------------------------------------

BY_CODE = WayIn(("code",))

RULES = [
    # room, label, admitted, outcome
    (Room("r"), "", 0, RoomOutcome.ENTER),
    (Room("r"), "p01", 0, RoomOutcome.ENTER),
    (Room("r"), "p 01 (Ångström) 🙂", 0, RoomOutcome.ENTER),
    (Room("r"), "p\n01", 0, RoomOutcome.LABEL_UNKNOWN),
    (Room("r"), "p" * 129, 0, RoomOutcome.LABEL_UNKNOWN),
    (Room("r", open=False), "", 0, RoomOutcome.WAIT),
    (Room("r", capacity=2), "", 1, RoomOutcome.ENTER),
    (Room("r", capacity=2), "", 2, RoomOutcome.FULL),
    (Room("r", capacity=2, open=False), "", 2, RoomOutcome.FULL),
    (Room("r", ["a", "b"]), "", 0, RoomOutcome.LABEL_NEEDED),
    (Room("r", ["a", "b"], open=False), "", 0, RoomOutcome.LABEL_NEEDED),
    (Room("r", way=BY_CODE), "", 0, RoomOutcome.LABEL_NEEDED),
    (Room("r", way=BY_CODE), "x1", 0, RoomOutcome.ENTER),
    (Room("r", ["a", "b"]), "a", 0, RoomOutcome.ENTER),
    (Room("r", ["a", "b"]), "c", 0, RoomOutcome.LABEL_UNKNOWN),
    (Room("r", ["a", "b"], open=False), "a", 0, RoomOutcome.WAIT),
    (Room("r", ["a", "b"], capacity=1), "b", 1, RoomOutcome.FULL),
]


@pytest.mark.parametrize(("room", "label", "admitted", "outcome"), RULES)
def test_the_rules_of_admission(
    room: Room, label: str, admitted: int, outcome: RoomOutcome
) -> None:
    assert admit(room, label, admitted).outcome is outcome


@given(
    capacity=st.none() | st.integers(1, 4),
    comers=st.lists(st.sampled_from(["", "a", "b", "ä"]), max_size=20),
)
def test_no_room_gives_too_many_places(capacity: int | None, comers: list[str]) -> None:
    room, admitted = Room("r", None, capacity), 0
    for label in comers:
        admitted += admit(room, label, admitted).outcome is RoomOutcome.ENTER
    assert admitted == (len(comers) if capacity is None else min(capacity, len(comers)))


def test_a_label_that_is_let_in_is_part_of_the_answer() -> None:
    assert admit(Room("r"), "p01", 0) == Admission(RoomOutcome.ENTER, "p01")
    assert admit(Room("r"), "", 0) == Admission(RoomOutcome.ENTER, None)


# ---- browsers -----------------------------------------------------------------------------


class Visitor:
    """Somebody before a room's door."""

    def __init__(self, room: RoomHandle, label: str | None = None, language: str = "en") -> None:
        self.url = room.url
        self.query = "" if label is None else "?" + urlencode({"label": label})
        self.language = language
        self.form: dict[str, str] = {}
        self.text = ""
        self.status = 0
        self.place = ""
        self._socket: WebSocketClientConnection | None = None

    async def look(self) -> Visitor:
        """Load the page."""
        self._read(await self._fetch())
        return self

    async def enter(self, **fields: str) -> Visitor:
        """Press the button."""
        self._read(await self._fetch({**self.form, **fields}))
        return self

    async def wait(self) -> None:
        """Connect, as the page's script does."""
        assert "room.js" in self.text
        self._socket = await websocket_connect(self.url.replace("http", "ws", 1) + "ws")

    async def called_in(self) -> Visitor:
        """Wait until the room opens, and go in as the page's script does."""
        assert self._socket is not None
        while True:
            text = await asyncio.wait_for(self._socket.read_message(), PATIENCE)
            assert text is not None
            if json.loads(text) == {"op": "action", "action": "submit"}:
                self._socket.close()
                return await self.enter()

    @property
    def title(self) -> str:
        found = re.search(r'<h1 id="uproot-title">(.*?)</h1>', self.text)
        return html.unescape(found[1]) if found else ""

    async def _fetch(self, body: dict[str, str] | None = None) -> HTTPResponse:
        request = HTTPRequest(
            self.url + self.query,
            method="GET" if body is None else "POST",
            body=None if body is None else urlencode(body),
            headers={"Accept-Language": self.language},
            follow_redirects=False,
            request_timeout=PATIENCE,
        )
        return await AsyncHTTPClient().fetch(request, raise_error=False)

    def _read(self, response: HTTPResponse) -> None:
        self.status, self.text = response.code, response.body.decode()
        self.place = response.headers.get("Location", "")
        inputs = re.findall(r'<input[^>]*name="(\w+)" value="([^"]*)"', self.text)
        self.form = {name: html.unescape(value) for name, value in inputs}


def places(*visitors: Visitor) -> set[str]:
    assert all(visitor.status == 303 for visitor in visitors)
    return {visitor.place for visitor in visitors}


async def test_looking_never_joins_and_the_button_does() -> None:
    with serving(Hello) as run:
        room = run.room("lab")
        ann = Visitor(room)
        for _ in range(3):
            await ann.look()
        assert (ann.status, ann.title) == (200, "Welcome")
        assert not any(player._state.claimed for player in run.players)
        await ann.enter()
        token = ann.place.removeprefix("../../p/").removesuffix("/")
        assert ann.place == f"../../p/{token}/"
        assert run.link(run.players[0]) == f"{run.url}p/{token}/"
        assert [p.name for p in room.admitted] == [run.players[0].name]


async def test_a_label_becomes_the_players_and_admits_once() -> None:
    with serving(Hello, players=0) as run:
        room = run.room("lab", ["p01", "p02"])
        ann = await Visitor(room).look()
        assert "Please enter the label" in ann.text
        await ann.enter(label="  p02 ")
        assert ann.status == 303
        assert [player.label for player in run.players] == ["p02"]
        second = await Visitor(room, "p02").look()
        assert (second.status, second.title) == (200, ASKED)
        assert "go on where you stopped" in second.text
        unknown = await (await Visitor(room).look()).enter(label="<b>p03")
        assert (unknown.status, unknown.form["label"]) == (403, "<b>p03")
        assert "We do not know this label." in unknown.text
        assert "<b>p03" not in unknown.text
        assert len(run.players) == 1
        await unknown.enter(label="p01")
        assert [player.label for player in room.admitted] == ["p02", "p01"]


async def test_a_label_in_the_address_is_taken_where_none_is_asked_for() -> None:
    with serving(Hello, players=1) as run:
        room = run.room("lab")
        ann = await (await Visitor(room, "prolific-1").look()).enter()
        assert ann.status == 303
        assert run.players[0].label == "prolific-1"
        again = await Visitor(room, "prolific-1").look()
        assert again.title == ASKED
        odd = await Visitor(room, "{{%ID%}}").look()
        assert (odd.status, len(run.players)) == (403, 1)


async def test_a_second_click_leads_to_the_same_place() -> None:
    with serving(Hello, players=0) as run:
        room = run.room("lab", ["p01"])
        ann = await Visitor(room, "p01").look()
        first, second = Visitor(room, "p01"), Visitor(room, "p01")
        first.form = second.form = ann.form
        await together(ann.enter(), first.enter(), second.enter())
        assert len(places(ann, first, second)) == 1
        assert len(run.players) == 1
        stranger = Visitor(room, "")
        stranger.form = {**ann.form, "label": ""}
        await stranger.enter()
        assert stranger.status == 200  # the visit alone is not enough


async def test_of_two_who_come_for_the_last_place_one_gets_it() -> None:
    with serving(Hello, players=0) as run:
        room = run.room("lab", capacity=3)
        visitors = [await Visitor(room).look() for _ in range(8)]
        await together(*(visitor.enter() for visitor in visitors))
        got = [visitor for visitor in visitors if visitor.status == 303]
        assert len(got) == len(places(*got)) == len(run.players) == len(room.admitted) == 3
        rest = [visitor for visitor in visitors if visitor not in got]
        assert {(visitor.status, visitor.title) for visitor in rest} == {
            (409, "All places are taken")
        }


async def test_the_same_label_twice_at_once_is_let_in_once() -> None:
    with serving(Hello, players=0) as run:
        room = run.room("lab", ["p01", "p02"])
        visitors = [await Visitor(room, "p01").look() for _ in range(6)]
        await together(*(visitor.enter() for visitor in visitors))
        assert sorted(visitor.status for visitor in visitors) == [200] * 5 + [303]
        assert [visitor.title for visitor in visitors if visitor.status == 200] == [ASKED] * 5
        assert [player.label for player in run.players] == ["p01"]


async def test_no_more_come_in_than_the_capacity_though_more_places_are_there() -> None:
    with serving(Hello, players=3) as run:
        room = run.room("lab", capacity=2)
        visitors = [await Visitor(room).look() for _ in range(4)]
        for visitor in visitors:
            await visitor.enter()
        assert [visitor.status for visitor in visitors] == [303, 303, 409, 409]
        assert len(run.players) == 3


@pytest.mark.long
async def test_a_label_of_a_rooms_own_list_is_a_seat_of_that_room(tmp_path: Path) -> None:
    """The afternoon's PC-01 is another person than the morning's, also once that room is gone."""
    db = tmp_path / "x.sqlite3"
    with serving(Hello, players=1, db=db) as run:
        morning = run.room("morning", ["PC-01", "PC-02"])
        early = await (await Visitor(morning, "PC-01").look()).enter()
        morning.remove()
    with serving(Hello, players=1, db=db) as run:
        afternoon = run.room("afternoon", ["PC-01", "PC-02"])
        late = await (await Visitor(afternoon, "PC-01").look()).enter()
        again = await Visitor(afternoon, "pc-01").look()
        named = await (await Visitor(run.room("open"), "PC-01").look()).enter()
        assert again.title == ASKED
        assert len({early.place, late.place, named.place, ""}) == 4
        assert [player.label for player in run.players] == ["PC-01"] * 3
        assert rerun(run, [Hello], namespace={}).same


async def test_a_list_of_recruiters_ids_names_persons_for_the_session() -> None:
    with serving(Hello, players=0) as run:
        places = []
        for name in ("first", "second"):
            room = run.room(name, ["5f1e"], label_from="PID")
            visitor = Visitor(room)
            visitor.query = "?PID=5f1e"
            places.append((await (await visitor.look()).enter()).place)
        assert places[0] == places[1] != ""
        assert len(run.players) == 1


@pytest.mark.long
async def test_two_hundred_who_wait_are_in_soon_after_the_room_opens() -> None:
    with serving(Hello, players=0) as run:
        room = run.room("lab", [f"p{n}" for n in range(200)], open=False)
        visitors = [Visitor(room, f"p{n}") for n in range(200)]
        await asyncio.gather(*(visitor.look() for visitor in visitors))
        assert {visitor.title for visitor in visitors} == {"One moment, please"}
        await asyncio.gather(*(visitor.wait() for visitor in visitors))
        await until(lambda: room.waiting == 200)
        assert len(run.players) == 0
        room.open()
        await asyncio.gather(*(visitor.called_in() for visitor in visitors))
        assert len(places(*visitors)) == len(run.players) == 200
        assert {player.label for player in run.players} == set(room.labels or ())
        await until(lambda: room.waiting == 0)


async def test_whoever_begins_to_wait_just_as_the_room_opens_is_called_in_too() -> None:
    with serving(Hello, players=0) as run:
        room = run.room("lab", open=False)
        ann = await Visitor(room).look()
        room.open()
        await ann.wait()
        assert (await ann.called_in()).status == 303


async def test_a_label_is_checked_before_the_wait_and_stays_in_the_address() -> None:
    with serving(Hello, players=0) as run:
        room = run.room("lab", ["p01"], open=False)
        ann = await Visitor(room).look()
        await ann.enter(label="p02")
        assert ann.status == 403
        await ann.enter(label="p01")
        assert (ann.status, ann.place) == (303, "./?label=p01")
        waiting = await Visitor(room, "p01").look()
        assert (waiting.title, waiting.form["label"]) == ("One moment, please", "p01")
        assert len(run.players) == 0


async def test_a_room_that_closes_again_lets_people_wait() -> None:
    with serving(Hello, players=0) as run:
        room = run.room("lab")
        ann = await Visitor(room).look()
        room.close()
        await ann.enter()
        assert (ann.status, ann.place) == (303, "./")
        assert (await ann.look()).title == "One moment, please"


async def test_the_page_speaks_the_experiments_language() -> None:
    with serving(Hello, language="de") as run:
        ann = await Visitor(run.room("lab", ["p01"]), "p01").look()
        assert '<html lang="de"' in ann.text
        assert "Teilnehmen" in ann.text


async def test_an_unknown_room_leads_nowhere() -> None:
    with serving(Hello) as run:
        room = run.room("lab")
        nowhere = Visitor(room)
        nowhere.url = room.url.replace("lab", "nowhere")
        assert (await nowhere.look()).status == (await nowhere.enter()).status == 404


async def test_new_player_sees_the_label_and_a_failure_may_be_tried_again() -> None:
    seen: list[Any] = []

    def new_player(player: Any) -> None:
        seen.append(player.label)
        if len(seen) == 1:
            raise RuntimeError("no luck")
        player.ready = True

    with serving(Hello, players=0, names={"new_player": new_player}) as run:
        room = run.room("lab", ["p01"])
        ann = await (await Visitor(room, "p01").look()).enter()
        assert (ann.status, ann.title) == (500, "Something went wrong")
        assert "no luck" not in ann.text
        await ann.enter()
        assert ann.status == 303
        assert seen == ["p01", "p01"]
        assert [player.ready for player in run.players] == [True]
        texts = run.errors["value"].map(str)  # a slow machine may add a warning
        assert "no luck" in next(text for text in texts if "RuntimeError" in text)


async def test_a_second_click_waits_while_new_player_runs() -> None:
    began, goes_on = threading.Event(), threading.Event()
    runs: list[Any] = []

    async def new_player(player: Any) -> None:
        runs.append(player)
        began.set()
        await asyncio.to_thread(goes_on.wait, PATIENCE)

    with serving(Hello, players=0, names={"new_player": new_player}) as run:
        room = run.room("lab")
        ann = await Visitor(room).look()
        twin = Visitor(room)
        twin.form = ann.form
        entering = asyncio.ensure_future(ann.enter())
        await until(began.is_set)
        again = asyncio.ensure_future(twin.enter())
        await Visitor(room).look()  # asked for later, and answered: the second click has arrived
        assert not again.done()
        goes_on.set()
        await asyncio.gather(entering, again)
        assert len(places(ann, twin)) == 1
        assert len(runs) == 1


@pytest.mark.long
async def test_rooms_labels_and_visits_survive_a_restart(tmp_path: Path) -> None:
    db = str(tmp_path / "log.sqlite3")
    with serving(Hello, players=0, db=db) as run:
        room = run.room("lab", ["p01", "p02"], open=False)
        room.open()
        ann = await Visitor(room, "p01").look()
        form = dict(ann.form)
        before = (await ann.enter()).place
        told = run._runtime.world.state.value("room/lab", run.players[0].name)
        assert form["_uproot_visit"] != told  # who reads the log cannot come back as ann
    with serving(Hello, players=0, db=db) as run:
        again = Visitor(room := run.room("lab", ["p01", "p02"], open=False))
        assert room.is_open  # the same cell ran again
        again.url, again.form = room.url, form
        await again.enter()
        assert again.place == before  # its answer was lost with the kernel
        assert (await Visitor(room, "p01").look()).title == ASKED
        assert [player.label for player in room.admitted] == ["p01"]
    with serving(Hello, players=0, db=db) as run:
        known = Visitor(RoomHandle(run._runtime.rooms, "lab", lambda: run.url), "p02")
        assert (await known.look()).status == 200  # served without being asked for


async def test_the_log_alone_restores_rooms(tmp_path: Path) -> None:
    with serving(Hello, players=1, db=str(tmp_path / "log.sqlite3")) as run:
        room = run.room("lab", ["p01", "p02"])
        await (await Visitor(room, "p02").look()).enter()
        world = run._runtime.world
        with run.lock:
            world.journal.commit()
            live, told = plain(world.state), world.state.rooms
            for state in (
                replayed(world), loaded(world), load_state(world.log, run.name, world.codec),
            ):  # fmt: skip
                assert plain(state) == live
                assert state.rooms == told
        assert told["lab"]["labels"] == ["p01", "p02"]


async def test_a_player_who_came_through_a_room_plays_on() -> None:
    with serving(Hello, players=0) as run:
        ann = await (await Visitor(run.room("lab")).look()).enter()
        browser = Browser(run.url + ann.place.removeprefix("../../"))
        assert "Hello!" in await browser.load()


async def gone_or_back(room: RoomHandle, status: int) -> None:
    end = time.monotonic() + PATIENCE
    while (await Visitor(room).look()).status != status:
        assert time.monotonic() < end, "the participant server has not heard of it"


async def test_a_removed_room_is_gone_for_visitors() -> None:
    with serving(Hello) as run:
        room = run.room("lab")
        assert (await Visitor(room).look()).status == 200
        room.remove()
        await gone_or_back(room, 404)
        await gone_or_back(run.room("lab"), 200)
