"""Accepting again: who comes back by another address of the recruiter's has its parameters."""
# ruff: noqa: ANN001, ANN201, RUF012  (as authors write)

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flow.test_returning import Device, comes
from tests.running import serving
from uproot_nb import Page, Payment, StringField, rerun
from uproot_nb.analysis.participation.scrubbing import scrub_of
from uproot_nb.log.state import State
from uproot_nb.realtime.return_addresses import LONGEST_VALUE, MOST_RETURNS
from uproot_nb.steering.withheld import Withheld

FIRST = {
    "workerId": "A1WORKER",
    "assignmentId": "3FIRSTASSIGNMENT0001",
    "hitId": "3HIT",
    "source": "mail",
}
AGAIN = {**FIRST, "assignmentId": "3AGAINASSIGNMENT0002", "source": "forum"}
PREVIEW = {**FIRST, "assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE"}


class Task(Page):
    """# Task"""

    fields = {"word": StringField(label="Word")}

    def after_once(page, player):
        player.paid_for = player.query["assignmentId"]


class End(Page):
    """# The end"""


def door(run: Any, where: str, **options: Any) -> str:
    """Return the address of a door for workers of Mechanical Turk."""
    return run.join_link if where == "join" else run.room("lab", recruiter="mturk", **options).url


async def follows(address: str, **query: str) -> Device:
    """Open an address and what it leads to, as every program does; return the last page."""
    page = await Device(address).open(**query)
    for _ in range(5):
        if not page.place:
            return page
        page = await _next(page, page.headers_location)
    raise AssertionError("it leads round and round")


async def _next(page: Device, address: str) -> Device:
    bare, _, query = address.partition("?")
    following = Device(bare)
    following.cookies, following.query = page.cookies, f"?{query}" if query else ""
    return following._read(await following._ask(None))


def returns(run: Any) -> list[dict[str, Any]]:
    """Return what the log has of other addresses."""
    events = run.events
    rows = events.value[events.kind == "return"]
    found = [json.loads(one) if isinstance(one, str) else one for one in rows]
    return [one["query"] for one in found if "query" in one]


@pytest.fixture(autouse=True)
def _locations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let devices know the whole address to which they are led."""
    read = Device._read

    def noted(device: Device, answer: Any) -> Device:
        location = answer.headers.get("Location", "")
        device.headers_location = urljoin(answer.effective_url, location)  # type: ignore[attr-defined]
        return read(device, answer)

    monkeypatch.setattr(Device, "_read", noted)


@pytest.mark.long
@pytest.mark.parametrize("where", ["join", "room"])
async def test_who_accepts_again_has_the_place_and_the_new_assignment(where: str) -> None:
    with serving(Task, End, players=0, recruiter="mturk") as run:
        address = door(run, where)
        await comes(address, **FIRST)
        (player,) = run.players
        page = await follows(address, **AGAIN)
        assert returns(run) == []  # a link preview has come as far
        assert player.query["assignmentId"] == "3FIRSTASSIGNMENT0001"
        await page.press()
        assert (page.status, page.headers_location) == (303, run.link(player))
        assert returns(run) == [{"assignmentId": "3AGAINASSIGNMENT0002"}]
        assert dict(player.query) == {**FIRST, "assignmentId": "3AGAINASSIGNMENT0002"}
        assert "Task" in (await follows(run.link(player))).html
        assert "Task" in (await follows(address, **AGAIN)).html  # at once: nothing is new
        assert len(run.players) == len(returns(run)) == 1


@pytest.mark.long
async def test_a_press_at_the_door_is_enough() -> None:
    with serving(Task, End, players=0, recruiter="mturk") as run:
        address = door(run, "room", returning="ask")
        await comes(address, **FIRST)
        again = await Device(address).open(**AGAIN)
        assert returns(run) == []
        await again.press()
        assert again.headers_location == run.link(run.players[0])
        assert returns(run) == [{"assignmentId": "3AGAINASSIGNMENT0002"}]


async def test_the_bonus_file_and_the_last_page_name_the_new_assignment(tmp_path: Path) -> None:
    names = {
        "payment": Payment(currency="USD", fee=1, per_point=0),
        "exits": {"done": {"code": "{query.assignmentId}"}},
    }
    with serving(Task, players=0, recruiter="mturk", names=names) as run:
        await comes(run.join_link, **FIRST)
        await (await follows(run.link(run.players[0]))).press(word="x")
        page = await follows(run.link(run.players[0]))
        assert "3FIRSTASSIGNMENT0001" in page.html
        page = await follows(run.join_link, **AGAIN)
        await page.press()
        page = await follows(run.link(run.players[0]))
        assert "3AGAINASSIGNMENT0002" in page.html
        assert "3FIRSTASSIGNMENT0001" not in page.html
        file = run.payment_file("mturk", tmp_path / "bonuses.csv")
        assert "A1WORKER,3AGAINASSIGNMENT0002,1.00" in file.path.read_text()


async def test_a_new_session_of_prolific_is_noted_by_a_personal_link_too() -> None:
    with serving(Task, players=1, recruiter="prolific") as run:
        link = run.link(run.players[0])
        first = {"PROLIFIC_PID": "ann", "STUDY_ID": "s", "SESSION_ID": "1"}
        await (await follows(link, **first)).press(_uproot_begin="1")
        page = await follows(link, **{**first, "SESSION_ID": "2", "PROLIFIC_PID": " Ann "})
        await page.press(_uproot_begin="1")
        assert returns(run) == [{"SESSION_ID": "2"}]
        assert run.players[0].query["PROLIFIC_PID"] == "ann"


@pytest.mark.long
@pytest.mark.parametrize(
    "query",
    [
        PREVIEW, FIRST, {}, {**AGAIN, "workerId": "A2OTHER"}, {**FIRST, "assignmentId": ""},
        {"label": "x", "source": "forum", "PROLIFIC_PID": "p", "SESSION_ID": "1"},
    ],
)  # fmt: skip
async def test_previews_others_and_other_parameters_change_nothing(query: dict[str, str]) -> None:
    with serving(Task, End, players=0, recruiter="mturk") as run:
        await comes(run.join_link, **FIRST)
        (player,) = run.players
        for address in (run.link(player), run.join_link):
            page = await Device(address).open(**query)
            if address == run.link(player):
                assert "Task" in page.html
            await page.press(_uproot_begin="1")
        assert dict(player.query) == FIRST
        assert returns(run) == []


async def test_without_a_recruiter_the_first_address_counts() -> None:
    with serving(Task, players=0, label_from="workerId") as run:
        await comes(run.join_link, **FIRST)
        await comes(run.join_link, **AGAIN)
        assert dict(run.players[0].query) == FIRST


@pytest.mark.long
async def test_it_is_an_input_of_a_rerun_and_survives_the_kernel(tmp_path: Path) -> None:
    options = {"players": 0, "recruiter": "mturk", "db": str(tmp_path / "log.sqlite3")}
    with serving(Task, End, **options) as run:
        await comes(run.join_link, **FIRST)
        await follows(run.link(run.players[0]))
        page = await follows(run.join_link, **AGAIN)
        pressed = [page, *[await follows(run.join_link, **AGAIN) for _ in range(2)]]
        await asyncio.gather(*(one.press() for one in pressed))
        assert len(returns(run)) == 1
    with serving(Task, End, **options) as run:
        (player,) = run.players
        assert player.query["assignmentId"] == "3AGAINASSIGNMENT0002"
        page = await follows(run.link(player))
        await page.press(word="x")
        assert player.paid_for == "3AGAINASSIGNMENT0002"
        again = rerun(run, [Task, End], namespace={})
        assert again.same, again
        assert list(again.state["paid_for"]) == ["3AGAINASSIGNMENT0002"]
        world = run._runtime.world
        world.journal.commit()
        replayed = State(world.codec).apply_all(world.log.read(world.name))
        assert replayed.players == world.state.players
        assert State(world.codec).load(world.state.dump()).players == world.state.players


@pytest.mark.long
async def test_a_hostile_person_cannot_fill_the_log() -> None:
    with serving(Task, players=0, recruiter="mturk") as run:
        await comes(run.join_link, **FIRST)
        device = Device(run.link(run.players[0]))
        for number in range(MOST_RETURNS + 2):
            long = f"{number}" + "x" * 3 * LONGEST_VALUE
            device.query = f"?{urlencode({'assignmentId': long, 'more': long})}"
            await device._ask("_uproot_begin=1")
        assert len(returns(run)) == MOST_RETURNS
        assert {len(one["assignmentId"]) for one in returns(run)} == {LONGEST_VALUE}
        await device.open()
        assert "Task" in device.html


@pytest.mark.long
async def test_no_viewer_and_no_export_has_either_assignment(tmp_path: Path) -> None:
    with serving(Task, End, players=0, recruiter="mturk") as run:
        await comes(run.join_link, **FIRST)
        await (await follows(run.join_link, **AGAIN)).press()
        world = run._runtime.world
        world.journal.commit()
        events = list(world.log.read(world.name))
        seen = "".join(Withheld(run._runtime).event(event).value for event in events)
        scrub = scrub_of(world.state, ())
        for secret in ("3FIRSTASSIGNMENT0001", "3AGAINASSIGNMENT0002"):
            assert secret not in seen
            assert secret not in str(scrub.clean(f'"it was {secret}"'))
        folder = run.export(tmp_path / "data", anonymous=True)
        whole = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
        assert b"3FIRSTASSIGNMENT0001" not in whole
        assert b"3AGAINASSIGNMENT0002" not in whole
        run.erase(run.players[0])
        erased = "".join(event.value for event in world.log.read(world.name))
        assert "3FIRSTASSIGNMENT0001" not in erased
        assert "3AGAINASSIGNMENT0002" not in erased
        assert dict(run.players[0].query) == {}


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sampled_from(["1", "2", "3"]), max_size=5))
def test_the_last_address_counts_and_each_change_is_logged(assignments: list[str]) -> None:
    async def play(run: Any) -> None:
        await comes(run.join_link, **{**FIRST, "assignmentId": "1"})
        for one in assignments:
            page = await follows(run.join_link, **{**FIRST, "assignmentId": one})
            if "_uproot_begin" in page.form:
                await page.press()

    with serving(Task, players=0, recruiter="mturk") as run:
        asyncio.run(play(run))
        expected = [b for a, b in zip(["1", *assignments], assignments, strict=False) if a != b]
        assert [one["assignmentId"] for one in returns(run)] == expected
        assert run.players[0].query["assignmentId"] == (["1", *assignments])[-1]
