"""RestApi: a session's facts, events, exports and actions, for stewards and for viewers."""

from __future__ import annotations

import asyncio
import io
import json
import re
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import openapi
import pytest

from tests.monitor.rest.asking import JSON, Asking
from tests.running import Browser, serving, until
from uproot_nb import Page, Payment, Run, SynchronizingWait, room
from uproot_nb.errors import UprootError
from uproot_nb.monitor.remote_requests import StreamedReply
from uproot_nb.monitor.rest.event_streams import MOST_FOLLOWING
from uproot_nb.monitor.rest.openapi import describe_api
from uproot_nb.monitor.rest.routes import ROUTES, Route
from uproot_nb.steering.actions import NAMES


class Task(Page):
    """A task with a time."""

    timeout = 300


class Meet(SynchronizingWait):
    """All meet."""

    synchronize = "session"


class Thanks(Page):
    """Thank you."""


def test_a_session_and_its_players_are_objects() -> None:
    with serving(Task) as run:
        asking = Asking(run)
        status, session = asking.get("")
        assert status == 200
        assert session["name"] == "market"
        assert (session["state"], session["players"], session["online"]) == ("running", 2, 0)
        assert session["seq"] == run.events["seq"].max()
        assert session["began"] == run.events["time"].iloc[0]
        assert asking.ask("GET", "sessions", root=True) == (200, [session])
        status, players = asking.get("players")
        assert [one["name"] for one in players] == [one.name for one in run.players]
        assert [one["link"] for one in players] == [run.link(one) for one in run.players]
        assert asking.get(f"players/{players[1]['name']}") == (200, players[1])


def test_a_viewer_gets_the_same_without_a_link() -> None:
    with serving(Task, rooms=[room("lab", ["PC-1"])]) as run:
        asking = Asking(run)
        for path in ("", "players", f"players/{run.players[0].name}", "rooms", "overview"):
            status, shown = asking.get(path, "viewer")
            text = json.dumps(shown)
            assert status == 200
            assert run.url not in text
            assert not any(token in text for token in run._runtime.world.tokens())
            assert run._runtime.world.join_secret not in text
        assert asking.get("rooms")[1][0]["url"] == f"{run.url}room/lab/"
        assert asking.get("", "viewer")[1]["role"] == "viewer"


async def test_the_overview_says_who_waits_for_whom() -> None:
    with serving(Meet, Thanks) as run:
        await Browser.open(run)
        asking = Asking(run)
        status, lines = await asyncio.to_thread(asking.get, "overview")
        assert status == 200
        assert [(line["page"], line["here"], line["waiting"]) for line in lines] == [("Meet", 1, 1)]
        name = run.players[0].name
        _, player = await asyncio.to_thread(asking.get, f"players/{name}")
        assert run.players[1].name in player["waits_for"]


def test_tables_for_the_lab_manager_have_columns_and_rows() -> None:
    with serving(Task, payment=Payment(currency="EUR", fee=5)) as run:
        asking = Asking(run)
        status, funnel = asking.get("funnel", "viewer")
        assert status == 200
        assert funnel["rows"][-1][funnel["columns"].index("places")] == 2
        status, payments = asking.get("payments", "viewer")
        assert status == 200
        assert [row[0] for row in payments["rows"]] == [one.name for one in run.players]


def test_an_action_is_on_disk_when_it_is_answered() -> None:
    with serving(Task) as run:
        asking, name = Asking(run), run.players[0].name
        assert asking.do("set", players=[name], values={"cash": 3}) == (
            200, {"text": "set: 1 of 1 players."},
        )  # fmt: skip
        assert run.players[0].cash == 3
        last = list(run._runtime.world.log.read("market", kinds={"set"}))[-1]
        assert (last.field, last.cause) == ("cash", "monitor")


@pytest.mark.parametrize(
    ("action", "arguments", "status", "says"),
    [
        ("sing", {}, 404, "There is no action 'sing'"),
        ("set", {"players": ["ann"]}, 400, "'values' is missing"),
        ("set", {"players": [3], "values": {}}, 400, "'players' is [3]"),
        ("pause", {"loudly": True}, 400, "it takes no 'loudly'"),
        ("reload", {"players": ["nobody"]}, 422, "nobody"),
        ("open_room", {"room": "attic"}, 422, "There is no room 'attic'"),
        ("close", {"confirm": "yes"}, 400, "Confirm by its name"),
    ],
)
def test_an_action_that_cannot_be_done_says_why(
    action: str, arguments: dict[str, Any], status: int, says: str
) -> None:
    with serving(Task) as run:
        got, answer = Asking(run).do(action, **arguments)
        assert got == status
        assert says in answer["error"]
        assert run.events.query('kind == "intervention"').empty


def test_nobody_is_paid_twice() -> None:
    with serving(Task, payment=Payment(currency="EUR", fee=5)) as run:
        asking, name = Asking(run), run.players[0].name
        assert asking.do("mark_paid", players=[name], amount="12.50")[0] == 200
        status, answer = asking.do("mark_paid", players=[name], amount="12.50")
        assert status == 409
        assert "12.50" in answer["error"]
        assert run.payments["amount"].iloc[0] == Decimal("12.50")


@pytest.mark.long
@pytest.mark.parametrize("action", [*NAMES, "sing"])
def test_a_viewer_steers_nothing(action: str) -> None:
    with serving(Task) as run:
        status, answer = Asking(run).do(action, "viewer", players=[run.players[0].name])
        assert status == 403
        assert answer["error"].startswith("Viewers cannot steer")
        assert run._runtime.flow.state == "running"
        assert not run.closed


@pytest.mark.long
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_each_address_is_for_the_roles_that_it_says(route: Route) -> None:
    with serving(Task, Thanks, payment=Payment(currency="EUR")) as run:
        asking = Asking(run)
        names = {"session": "market", "player": run.players[0].name, "action": "reload"}
        path = re.sub(r"\{(\w+)\}", lambda found: names[found[1]], route.path)
        more = {"content": json.dumps({"players": [names["player"]]}).encode(), "headers": JSON}
        for role in ("steward", "viewer"):
            given = more if route.method == "POST" else {}
            status, _ = asking.ask(route.method, path, role, root=True, **given)
            refused = route.for_stewards and role == "viewer"
            assert status == (403 if refused else 200), role


def test_a_viewer_exports_nothing() -> None:
    with serving(Task) as run:
        assert Asking(run).get("export", "viewer")[0] == 403


@pytest.mark.long
def test_a_session_is_closed_by_its_name_and_the_answer_comes_first() -> None:
    with serving(Task) as run:
        status, answer = Asking(run).do("close", confirm="market")
        assert status == 200
        assert "is being closed" in answer["text"]
        run._runtime._thread.join(40)
        assert run.closed


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"{", JSON),
        (b"[]", JSON),
        (b"\xff", JSON),
        (b"[" * 5000, JSON),
        (b'{"players": NaN}', JSON),
        (b"{}", {"content-type": "text/plain"}),
        (b"{}", {}),
    ],
)
def test_what_is_no_json_object_is_refused(content: bytes, headers: dict[str, str]) -> None:
    """A form of another site can send plain text, and nothing that is called JSON."""
    with serving(Task) as run:
        status, answer = Asking(run).ask("POST", "actions/pause", content=content, headers=headers)
        assert status == 400
        assert "nothing was done" in answer["error"]
        assert run._runtime.flow.state == "running"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "sessions/market/nothing", 404),
        ("GET", "sessions/other/players", 404),
        ("GET", "sessions/market/players/", 404),
        ("GET", "sessions/market/players/nobody", 404),
        ("GET", "", 404),
        ("POST", "sessions/market/players", 405),
        ("DELETE", "sessions/market", 405),
        ("GET", "sessions/market/actions/pause", 405),
    ],
)
def test_an_address_that_is_none_or_takes_another_method(
    method: str, path: str, status: int
) -> None:
    with serving(Task) as run:
        got, answer = Asking(run).ask(method, path, root=True)
        assert got == status
        assert set(answer) == {"error"}


@pytest.mark.parametrize(
    "query",
    [
        [("after", "-1")], [("after", "x")], [("after", "1" * 40)], [("limit", "0")],
        [("follow", "yes")], [("after", "1"), ("after", "2")], [("before", "3")],
        [("limit", "٣")],
    ],
)  # fmt: skip
def test_a_parameter_that_makes_no_sense_is_named(query: list[tuple[str, str]]) -> None:
    with serving(Task) as run:
        status, answer = Asking(run).ask("GET", "events", query=query)
        assert status == 400
        assert query[-1][0] in answer["error"]


def test_events_after_a_seq_are_lines_with_values_as_the_log_has_them() -> None:
    with serving(Task) as run:
        run.players[0].fair = {"share": Decimal("0.50"), "odd": "two\nlines", "big": 10**30}
        asking = Asking(run)
        run._refresh()
        events = asking.events()
        logged = list(run._runtime.world.log.read("market"))
        assert [one["seq"] for one in events] == [one.seq for one in logged]
        assert [one["value"] for one in events] == [json.loads(one.value) for one in logged]
        assert asking.events(after=2, limit=3) == events[2:5]
        assert asking.events(after=len(events)) == []


@pytest.mark.long
def test_a_log_of_many_events_is_sent_in_parts() -> None:
    with serving(Task) as run:
        for number in range(1200):
            run.players[0].cash = number
        run._refresh()
        asking = Asking(run)
        events = asking.events()
        assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
        answer = asking.answer("GET", "events", "steward")
        assert isinstance(answer, StreamedReply)

        async def count() -> int:
            return len([part async for part in answer.parts])

        assert asking.wait(count()) >= 3


def test_who_follows_gets_each_event_once_it_is_committed() -> None:
    with serving(Task) as run:
        asking = Asking(run)
        seq = asking.get("")[1]["seq"]
        answer = asking.answer(
            "GET", "events", "steward", query=[("after", str(seq)), ("follow", "true")]
        )
        assert isinstance(answer, StreamedReply)
        run.players[0].cash = 7
        run._refresh()
        first = json.loads(asking.wait(anext(answer.parts)).splitlines()[0])
        assert (first["seq"], first["field"], first["value"]) == (seq + 1, "cash", 7)
        asking.wait(answer.parts.aclose())
        assert asking.api._streams._following == 0


def test_who_follows_silence_hears_a_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uproot_nb.monitor.rest.event_streams.HEARTBEAT_SECONDS", 0.0)
    with serving(Task) as run:
        asking = Asking(run)
        seq = asking.get("")[1]["seq"]
        answer = asking.answer(
            "GET", "events", "viewer", query=[("after", str(seq)), ("follow", "true")]
        )
        assert isinstance(answer, StreamedReply)
        assert asking.wait(anext(answer.parts)) == b"\n"
        asking.wait(answer.parts.aclose())


def test_a_stream_that_follows_ends_at_its_limit_and_there_are_few() -> None:
    with serving(Task) as run:
        asking = Asking(run)
        assert len(asking.events(follow="true", limit=2)) == 2
        query = [("follow", "true")]
        streams = []
        for _ in range(MOST_FOLLOWING):
            answer = asking.answer("GET", "events", "viewer", query=query)
            assert isinstance(answer, StreamedReply)
            asking.wait(anext(answer.parts))
            streams.append(answer.parts)
        status, answer = asking.ask("GET", "events", query=query)
        assert status == 429
        assert "programs follow this session's events" in answer["error"]
        for parts in streams:
            asking.wait(parts.aclose())


@pytest.mark.long
def test_an_anonymous_export_is_told_from_the_other_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files of one name, one of which may be passed on, are easily mixed up."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with serving(Task) as run:
        asking, names = Asking(run), []
        for anonymous in ("false", "true"):
            query = [("anonymous", anonymous)]
            answer = asking.answer("GET", "export", "steward", query=query)
            names.append(dict(answer.headers)["Content-Disposition"])
            asking.read(answer)
        assert names == [
            f'attachment; filename="{name}.zip"' for name in ("market", "market-anonymous")
        ]


@pytest.mark.long
def test_an_export_is_a_zip_and_leaves_no_file_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with serving(Task) as run:
        run.players[0].cash = 3
        status, body = Asking(run).get("export", format="jsonl")
        assert status == 200
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            assert packed.testzip() is None
            assert "market/latest/players.jsonl" in packed.namelist()
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "status"), [(UprootError("No."), 422), (OSError(28, "No space left"), 507)]
)
def test_an_export_that_fails_says_why_and_leaves_nothing(
    error: Exception, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(Run, "export", refuse)
    with serving(Task) as run:
        got, answer = Asking(run).get("export")
        assert got == status
        assert "No" in answer["error"]
        assert list(tmp_path.iterdir()) == []


def test_a_description_names_every_address_and_every_action() -> None:
    paths = describe_api()["paths"]
    plain = {f"/{route.path}" for route in ROUTES if "{action}" not in route.path}
    acting = {f"/sessions/{{session}}/actions/{name}" for name in NAMES}
    assert paths.keys() == plain | acting
    with serving(Task) as run:
        asking = Asking(run)
        assert asking.ask("GET", "openapi.json", "viewer", root=True) == (200, describe_api())


async def test_two_stewards_at_once_are_both_answered() -> None:
    with serving(Task) as run:
        asking, name = Asking(run), run.players[0].name
        doing = [
            asyncio.to_thread(asking.do, "set", players=[name], values={f"x{n}": n})
            for n in range(8)
        ]
        assert {status for status, _ in await asyncio.gather(*doing)} == {200}
        await until(lambda: all(run.players[0].get(f"x{n}") == n for n in range(8)))


def test_the_documentation_has_the_description_of_the_code() -> None:
    assert openapi.FILE.read_text("utf-8") == openapi.text(), "run 'python tools/openapi.py'"
