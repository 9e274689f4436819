"""Newcomers: who has begun, with which address, and the hook `arrived`."""
# ruff: noqa: ANN001, ANN201, ANN202  (as authors write)

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.simple_httpclient import HTTPStreamClosedError
from tornado.websocket import websocket_connect

from tests.running import Browser, serving, until
from uproot_nb import Page, Run, rerun, rng
from uproot_nb.bridge.messages import HttpReply, HttpRequest
from uproot_nb.errors import ReservedName
from uproot_nb.flow.joins import Joins
from uproot_nb.flow.newcomers import LONGEST_VALUE, MOST_CHARACTERS, MOST_PARAMETERS, stored_query
from uproot_nb.log.events import Event
from uproot_nb.log.state import State
from uproot_nb.testing import ExperimentFailed, served

VISIT = "visit-0123456789-abcdef"


class First(Page):
    """First."""


class Hurried(Page):
    """Hurried."""

    timeout = 60

    def before_once(page, player):
        player.hurried = True


class Scanner(Browser):
    """A program that fetches pages, and runs no scripts."""

    begins = False

    async def head(self) -> HTTPResponse:
        return await AsyncHTTPClient().fetch(self.url, method="HEAD", raise_error=False)

    async def submit(self, **fields: Any) -> HTTPResponse:
        return await self.fetch(body={"_uproot_page": "0", **fields})


class Asked(Page):
    """A page that reads the address."""

    def early(page, player, request):
        player.read = dict(request.query_params)


def arrived(player):
    player.came = player.get("came", 0) + 1
    player.source = player.query.get("source", "")
    player.luck = rng().random()


def count(player):
    player.came = player.get("came", 0) + 1


HOOKS = {"arrived": arrived}


def events(run: Run) -> list[Event]:
    run._runtime.world.journal.commit()
    return list(run._runtime.world.log.read(run.name))


def arrivals(run: Run) -> list[Event]:
    return [event for event in events(run) if event.kind == "arrive"]


async def test_the_parameters_of_a_personal_link_stay_with_the_player() -> None:
    with serving(First, Asked, names=HOOKS) as run:
        ann = run.players[0]
        browser = Browser(run.link(ann))
        await browser.fetch("?source=mail&wave=2&_uproot_answer=x")
        await browser.load()
        await browser.submit()
        await browser.load()
        assert dict(ann.query) == {"source": "mail", "wave": "2"}
        assert ann.source == "mail"
        assert ann.read == {"source": "mail", "wave": "2"}
        assert run.state["query"][ann.name] == {"source": "mail", "wave": "2"}
        assert dict(run.players[1].query) == {}


@pytest.mark.long
async def test_a_program_that_looks_at_a_personal_link_begins_nothing() -> None:
    """Nor does a HEAD, or a socket without a page."""
    with serving(Hurried, names=HOOKS) as run:
        before = len(events(run))
        scanner = Scanner(run.link(run.players[0]))
        for _ in range(3):
            answer = await scanner.fetch("?source=scanner")
            assert answer.code == 200
            assert b"Take part" in answer.body
            assert (await scanner.head()).code == 200
        line = scanner.url.replace("http", "ws", 1) + "ws?page=0&since=0"
        (await websocket_connect(line)).close()
        assert (await scanner.submit(x="1")).code == 303
        assert len(events(run)) == before
        assert run.players[0].position == -1
        ann = await Browser.open(run, 0)
        assert ann.page["timeout"] is not None
        assert dict(run.players[0].query) == {}


async def test_who_has_begun_never_sees_the_first_page_again() -> None:
    with serving(First) as run:
        ann = await Browser.open(run, 0)
        again = Scanner(ann.url)
        assert b"First." in (await again.fetch()).body
        assert (await again.fetch(body={"_uproot_begin": "1"})).code == 303
        assert len(arrivals(run)) == 1


async def test_a_head_of_a_page_runs_no_hook() -> None:
    with serving(First, Asked) as run:
        ann = Scanner((await Browser.open(run, 0)).url)
        run.advance(run.players[0])
        await until(lambda: run.players[0].page == "Asked" and run.players[0]._state.has_arrived)
        before = len(events(run))
        assert (await ann.head()).code == 200
        assert len(events(run)) == before
        await ann.load()
        assert run.players[0].read == {}
        assert (await Scanner(f"{run.url}p/nobody/").head()).code == 404


async def test_who_was_moved_before_anybody_came_begins_on_the_page_they_were_moved_to() -> None:
    with serving(First, Asked, names=HOOKS) as run:
        ann = run.players[0]
        run.advance(ann)
        run.advance(ann)
        await until(lambda: ann.page == "Asked")
        scanner = Scanner(run.link(ann))
        assert b"Take part" in (await scanner.fetch()).body
        assert ann.get("came") is None
        browser = await Browser.open(run, 0)
        assert (browser.page["name"], ann.came) == ("Asked", 1)


@pytest.mark.long
async def test_who_began_in_an_earlier_version_goes_on_and_arrived_does_not_run(
    tmp_path: Path,
) -> None:
    """Its log has no arrivals: it counts who has been on a page."""
    options: dict[str, Any] = {"db": str(tmp_path / "lab.sqlite3"), "names": {}}
    with serving(First, **options) as run:
        world = run._runtime.world
        with world.lock:
            world.state.logs_arrivals = False
            cause = run._runtime.flow.moves.cause(run.players[0], "flow")
            was_open = {"settings": {}, "seed": world.seed, "inputs": True}
            world.journal.fold_for(cause, "open", "session", "", world.codec.encode(was_open))
        run._runtime.wait_for(run._runtime.flow._settle(run.players[0], reload=False))
    options["names"] = HOOKS
    with serving(First, **options) as run:
        pages = [(await Scanner(run.link(player)).fetch()).body for player in run.players]
        assert b"First." in pages[0]
        assert b"Take part" in pages[1]
        assert [player.get("came") for player in run.players] == [None, None]


async def test_the_first_page_is_there_in_a_pause_and_the_button_waits() -> None:
    with serving(First) as run:
        run.pause()
        scanner = Scanner(run.link(run.players[0]))
        assert b"Take part" in (await scanner.fetch()).body
        pressing = asyncio.create_task(scanner.fetch(body={"_uproot_begin": "1"}))
        assert b"Take part" in (await scanner.fetch()).body
        assert arrivals(run) == []
        run.resume()
        assert (await pressing).code == 303
        assert len(arrivals(run)) == 1


async def test_the_parameters_of_a_join_link_stay_with_the_player() -> None:
    with serving(First, names=HOOKS, players=0) as run:
        answer = await Browser(run.join_link).fetch("?source=web", body={"_uproot_visit": VISIT})
        assert answer.code == 303
        (ann,) = run.players
        assert (dict(ann.query), ann.came) == ({"source": "web"}, 1)


async def test_the_parameters_of_a_room_stay_with_the_player() -> None:
    with serving(First, names=HOOKS, players=1) as run:
        lab = run.room("lab", labels=["p1"])
        press = {"label": "p1", "_uproot_visit": VISIT}
        answer = await Browser(lab.url).fetch("?label=p1&source=web", body=press)
        assert answer.code == 303
        ann = run.players[0]
        assert (dict(ann.query), ann.came) == ({"label": "p1", "source": "web"}, 1)


async def test_an_address_that_is_opened_later_changes_nothing() -> None:
    """But `early` sees what is new in it, too."""
    with serving(Asked, names=HOOKS) as run:
        ann = run.players[0]
        browser = Browser(run.link(ann))
        await browser.fetch("?source=mail")
        await browser.fetch("?source=other")
        assert (dict(ann.query), ann.came) == ({"source": "mail"}, 1)
        assert len(arrivals(run)) == 1


def test_the_parameters_cannot_be_changed_by_code() -> None:
    with served([First], names=HOOKS) as session:
        ann = session[0].player
        with pytest.raises(TypeError):
            ann.query["x"] = "y"  # type: ignore[index]
        with pytest.raises(ReservedName):
            ann.query = {}  # type: ignore[misc]


async def test_a_press_that_comes_twice_runs_arrived_once(monkeypatch: pytest.MonkeyPatch) -> None:
    presses, both_came, answer = [], asyncio.Event(), Joins.answer

    async def note_and_answer(joins: Joins, request: HttpRequest) -> HttpReply:
        presses.append(request)
        if len(presses) == 2:
            both_came.set()
        return await answer(joins, request)

    async def slowly(player):
        await both_came.wait()
        player.came = player.get("came", 0) + 1

    monkeypatch.setattr(Joins, "answer", note_and_answer)

    with serving(First, names={"arrived": slowly}, players=0) as run:
        browser = Browser(run.join_link)
        both = (browser.fetch(body={"_uproot_visit": VISIT}) for _ in range(2))
        codes = [answer.code for answer in await asyncio.gather(*both)]
        assert codes == [303, 303]
        assert [player.came for player in run.players] == [1]


def test_arrived_that_fails_is_undone_and_tried_again_with_the_next_request() -> None:
    broken = [True]

    def fragile(player):
        player.came = player.get("came", 0) + 1
        if broken:
            raise RuntimeError("the list is empty")

    with served([First], names={"arrived": fragile}, arrive=False) as session:
        ann = session[0]
        with pytest.raises(ExperimentFailed, match="the list is empty"):
            ann.arrive()
        assert ann.player.get("came") is None
        assert len(arrivals(session.run)) == 1
        broken.clear()
        ann.arrive()
        ann.assert_on(First)
        assert ann.player.came == 1
        assert len(arrivals(session.run)) == 1


@pytest.mark.long
async def test_a_kill_between_the_arrival_and_its_hook_leaves_the_hook_to_the_next_kernel(
    tmp_path: Path,
) -> None:
    """The hook is marked only in its last step."""

    async def endless(player):
        await asyncio.Event().wait()

    options: dict[str, Any] = {"players": 1, "db": str(tmp_path / "lab.sqlite3")}
    with serving(First, names={"arrived": endless}, **options) as run:
        opening = asyncio.create_task(Browser(run.link(run.players[0])).fetch())
        await until(lambda: arrivals(run))
        await asyncio.to_thread(run.close)
        with suppress(HTTPStreamClosedError):
            await opening
    with serving(First, names={"arrived": count}, **options) as run:
        for _ in range(2):
            await Browser(run.link(run.players[0])).fetch()
        assert (run.players[0].came, len(arrivals(run))) == (1, 1)


@pytest.mark.long
async def test_arrivals_are_the_same_after_a_replay_a_snapshot_and_a_rerun() -> None:
    with serving(Asked, names=HOOKS, players=1) as run:
        await Browser(run.link(run.players[0])).fetch("?source=mail")
        press = {"_uproot_visit": VISIT}
        await Browser(run.join_link).fetch("?source=web", body=press)
        arrivals(run)
        world = run._runtime.world
        state = world.state
        replayed = State(world.codec).apply_all(world.log.read(run.name))
        loaded = State(world.codec).load(state.dump())
        for other in (replayed, loaded):
            for name, player in state.players.items():
                same = other.players[name]
                assert (same.query, same.arrived_by) == (player.query, player.arrived_by)
                assert same.arrived_at == player.arrived_at
        again = rerun(run, [Asked], namespace=HOOKS)
        assert again.same, again
        assert again.repeated["arrive"] == 1


async def test_a_very_long_parameter_breaks_nobody_and_is_reported() -> None:
    with serving(First, names=HOOKS) as run:
        ann = run.players[0]
        answer = await Browser(run.link(ann)).fetch(f"?source=mail&pad={'x' * 100_000}")
        assert answer.code == 200
        assert (len(ann.query["pad"]), ann.came) == (LONGEST_VALUE, 1)
        message = run.errors["message"].iloc[-1]
        assert "'pad' has 100,000 characters, of which 2,000 are stored" in message


NAMES = st.text(max_size=300) | st.sampled_from(["source", "_uproot_visit", ""])


@given(st.lists(st.tuples(NAMES, st.text(max_size=3_000)), max_size=130))
def test_what_is_stored_of_an_address_is_bounded_and_all_of_a_usual_one(
    pairs: list[tuple[str, str]],
) -> None:
    query, cut = stored_query(pairs)
    whole = {n: v for n, v in reversed(pairs) if n and not n.startswith("_uproot_")}
    assert len(query) <= MOST_PARAMETERS
    assert sum(len(name) + len(value) for name, value in query.items()) <= MOST_CHARACTERS
    assert all(whole[name].startswith(value) for name, value in query.items())
    assert bool(cut) == (query != whole)
