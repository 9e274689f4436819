"""Monitor: what it tells a browser, and does for it. The browser itself: tests/notebooks."""
# ruff: noqa: ANN001, ANN201, RUF012  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.websocket import websocket_connect

from tests.running import Browser, Rejected, serving, until, until_true
from uproot_nb import (
    DecimalField,
    IntegerField,
    Page,
    Payment,
    StringField,
    create_group,
    live,
)
from uproot_nb.bots.client import Client
from uproot_nb.bridge.messages import Role
from uproot_nb.headless.watch import Watch
from uproot_nb.log.events import Event
from uproot_nb.log.log import MemoryLog
from uproot_nb.monitor.event_window import EventWindow, Wanted
from uproot_nb.monitor.monitor import UNACKNOWLEDGED, Monitor
from uproot_nb.monitor.player_rows import COLUMNS, PlayerRows, shortened
from uproot_nb.monitor.snapshot import snapshot
from uproot_nb.monitor.update_rate import UPDATE_SECONDS

DOCS = Path(__file__).resolve().parents[2] / "docs"


class Task(Page):
    """A task."""

    @live
    def bid(page, player, n: int):
        player.bid = n

    @live
    def fail(page, player):
        raise KeyError("oh <b>")


class Thanks(Page):
    """Thank you."""


class Ask(Page):
    """A form."""

    fields = {
        "age": IntegerField(label="Age", min=0),
        "cash": DecimalField(label="Cash", default=3),
        "firm": StringField(label="Firm"),
    }


class Stubborn(Page):
    """Does not come to an end."""

    @live
    def loop(page, player):
        while True:
            time.sleep(0.01)


class Window:
    """A browser's side that remembers the messages it got."""

    def __init__(
        self, run: Any, fields: Any = (), polite: bool = True, role: Role = "steward"
    ) -> None:
        self.told: list[dict[str, Any]] = []
        self.polite = polite
        self.monitor = Monitor(run._runtime, run, self.take, fields, role)

    def take(self, message: dict[str, Any]) -> None:
        self.told.append(message)
        if self.polite and message["op"] == "news":
            self.send(op="ack", n=message["n"])

    def send(self, **message: Any) -> None:
        self.monitor.receive(message)

    def news(self) -> list[dict[str, Any]]:
        return [message for message in self.told if message["op"] == "news"]

    def last(self, op: str) -> dict[str, Any] | None:
        return next((message for message in reversed(self.told) if message["op"] == op), None)

    def row(self, name: str) -> list[Any]:
        rows = [row for news in self.news() for row in news["players"] if row[0] == name]
        return rows[-1]


async def test_a_browser_that_asks_learns_that_the_run_is_there() -> None:
    """Also one that has acknowledged nothing; and after the end that it has ended."""
    with serving(Task) as run:
        window = Window(run, polite=False)
        window.send(op="ask")
        await until(lambda: window.last("here"))
    window.send(op="ask")
    assert window.told[-1] == {"op": "closed"}


@pytest.mark.long
async def test_a_browser_that_is_ready_gets_everything_then_what_is_new() -> None:
    """Only rows that changed are sent again."""
    with serving(Task, Thanks) as run:
        window = Window(run, ["bid"])
        window.send(op="ready")
        await until(window.news)
        first = window.news()[0]
        assert first["everything"]
        assert first["name"] == run.name
        assert first["join"] == run.join_link
        assert first["qr"].startswith("data:image/svg+xml")
        assert [row[0] for row in first["players"]] == [player.name for player in run.players]
        ann = await Browser.open(run)
        await ann.call("bid", 7)
        name, other = run.players[0].name, run.players[1].name
        await until(lambda: window.row(name)[6] == ("7",))
        assert window.row(name)[4] == "online"
        assert window.row(name)[5] is not None
        assert all(other not in [row[0] for row in news["players"]] for news in window.news()[1:])


@pytest.mark.long
async def test_a_slow_browser_is_not_flooded() -> None:
    """Two messages may be unacknowledged; after the next acknowledgement it gets the newest."""
    with serving(Task) as run:
        window = Window(run, ["bid"], polite=False)
        window.send(op="ready")
        await until(window.news)
        for n in range(20):
            run.players[0].bid = n
            await until(lambda n=n: len(window.news()) == UNACKNOWLEDGED or n < 3)
        assert len(window.news()) <= UNACKNOWLEDGED
        window.send(op="ack", n=UNACKNOWLEDGED)
        await until(lambda: len(window.news()) > UNACKNOWLEDGED)
        assert window.row(run.players[0].name)[6] == ("19",)


@pytest.mark.long
async def test_errors_come_with_their_traceback() -> None:
    """As the log has them."""
    with serving(Task) as run:
        window = Window(run)
        window.send(op="ready")
        ann = await Browser.open(run)
        with pytest.raises(Exception, match=r".*"):
            await ann.call("fail")
        await until(lambda: any(news["errors"] for news in window.news()))
        (error,) = [error for news in window.news() for error in news["errors"]]
        assert "KeyError" in error[4]
        assert "Traceback" in error[4]


def test_what_is_asked_for_is_done_once_and_answered() -> None:
    """A mistake is reported, too; in the log, every action is the researcher's."""
    with serving(Task, Thanks) as run:
        window = Window(run)
        names = [player.name for player in run.players]
        window.send(op="do", id=1, what="advance", players=names)
        until_true(lambda: window.last("done"))
        assert window.last("done") == {"op": "done", "id": 1, "text": "advance: 2 of 2 players."}
        assert run.players[0].page == "Task"
        wrong = (
            {"what": "advance", "players": []},
            {"what": "advance", "players": ["nobody"]},
            {"what": "close", "players": names},
            {"what": "__init__", "players": names},
            {"what": "set", "players": names, "values": {"id": 5}},
            {"what": "message", "players": names, "text": ""},
            {"what": "set", "players": names, "values": 7},
        )
        for number, question in enumerate(wrong, start=2):
            window.send(op="do", id=number, **question)
            until_true(lambda n=number: (window.last("done") or {}).get("id") == n)
            assert "error" in (window.last("done") or {})
        window.send(op="do", id=99, what="set", players=names, values={"cash": 3})
        until_true(lambda: (window.last("done") or {}).get("id") == 99)
        assert [player.cash for player in run.players] == [3, 3]
        events = run.events
        acts = events[(events["kind"] == "intervention") & (events["cause"] == "monitor")]
        assert set(acts["actor"]) == {"researcher"}
        assert acts["field"].tolist() == ["advance"] * 2 + ["set"] * 2
        window.send(op="do", id=100, what="pause")
        until_true(lambda: (window.last("done") or {}).get("id") == 100)
        assert "paused" in repr(run)
    window.send(op="ready")
    assert window.last("closed")


async def test_whoever_has_left_the_page_that_a_steward_saw_is_not_moved() -> None:
    """As when two stewards press at once, or a participant has pressed Next meanwhile."""
    with serving(Ask, Ask, Thanks, players=2) as run:
        await Browser.open(run, 0)
        window, second = Window(run), Window(run)
        ann, bob = [player.name for player in run.players]
        window.send(op="ready")
        await until(window.news)
        entered = COLUMNS.index("entered")
        seen = {name: window.row(name)[entered] for name in (ann, bob)}
        asked = {"op": "do", "id": 1, "what": "advance", "seen": seen}
        window.send(**asked, players=[ann])
        second.send(**asked, players=[ann])
        await until(lambda: window.last("done") and second.last("done"))
        assert (window.last("done") or {})["text"].startswith("advance: 1 of 1 players.")
        gone = f"Not on that page any more: {ann}."
        assert (second.last("done") or {})["error"] == f"advance: nobody was moved. {gone}"
        second.send(**{**asked, "id": 2}, players=[ann, bob])
        await until(lambda: (second.last("done") or {})["id"] == 2)
        text = (second.last("done") or {})["text"]
        assert text.startswith("advance: 1 of 1 players.")
        assert text.endswith(gone)
        advanced = run.events.query("kind == 'intervention' and field == 'advance'")
        assert sorted(advanced["subject"]) == sorted([f"player/{ann}", f"player/{bob}"])
        for wrong in (7, [ann], {ann: "x"}, {"nobody": 1}):  # whatever a page sends
            window.send(op="do", id=3, what="advance", seen=wrong, players=[])
            await until(lambda: (window.last("done") or {}).get("id") == 3)


class Odd:
    """A value that cannot be looked at."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.long
async def test_fields_that_no_player_can_have_are_empty_and_the_monitor_goes_on() -> None:
    """Whatever somebody types, and whatever a value does when it is shown."""
    with serving(Task, Thanks) as run:
        window = Window(run, ["bid"])
        window.send(op="ready")
        await until(window.news)
        name = run.players[0].name
        names = ["_x", "__class__", "session", "get", "", "bid", "a.b"]
        window.send(op="fields", fields=names)
        ann = await Browser.open(run)
        await ann.call("bid", 7)
        await until(lambda: window.row(name)[6] == ("", "", "", "", "", "7", ""))
        assert run.errors.query("field != 'Warning'").empty
    assert "Odd without" in shortened(Odd())


@pytest.mark.long
async def test_what_goes_wrong_in_telling_is_reported_once_and_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody is left looking at a picture that has stopped."""
    broken = [True]
    look = Monitor._look

    def failing(monitor: Monitor) -> None:
        if broken[0]:
            broken.append(True)
            raise RuntimeError("the monitor stumbles")
        look(monitor)

    monkeypatch.setattr(Monitor, "_look", failing)
    with serving(Task) as run:
        window = Window(run, ["bid"])
        window.send(op="ready")
        await until(lambda: len(broken) > 3)
        assert [error["message"] for error in run.errors["value"]] == ["the monitor stumbles"]
        broken[0] = False
        run.players[0].bid = 3
        await until(lambda: window.row(run.players[0].name)[6] == ("3",))


@pytest.mark.long
@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        7,
        "ready",
        [],
        {},
        {"op": 3},
        {"op": "ack"},
        {"op": "fields", "fields": 3},
        {"op": "find", "time": None},
        {"op": "find", "time": "soon"},
        {"op": "find"},
    ],
)
def test_nonsense_is_left_alone(nonsense: Any) -> None:
    """The monitor goes on."""
    with serving(Task) as run:
        window = Window(run)
        window.monitor.receive(nonsense)
        window.send(op="ready")
        until_true(window.news)
        assert len(run.errors) == 0


@pytest.mark.long
async def test_a_chart_begins_with_the_past_and_goes_on() -> None:
    """Only numbers are drawn."""
    with serving(Task) as run:
        ann = run.players[0]
        for value in (1, 2.5, "x", None, 4):
            ann.cash = value
        window = Window(run)
        window.send(op="ready")
        await until(window.news)
        window.send(op="chart", fields="cash")

        def drawn() -> list[float]:
            return [point[3] for news in window.news() for point in news["points"]]

        await until(lambda: drawn() == [1, 2.5, 4])
        ann.cash = 5
        await until(lambda: drawn() == [1, 2.5, 4, 5])


@pytest.mark.long
async def test_a_chart_has_as_many_fields_as_are_named_also_the_sessions() -> None:
    """Decimals are numbers; what is no finite number is left out."""
    with serving(Task) as run:
        ann, bob = run.players[:2]
        window = Window(run)
        window.send(op="ready")
        await until(window.news)
        window.send(op="chart", fields=" cash,session.price , cash")
        await until(lambda: any(m["op"] == "chart" for m in window.told))
        ann.cash, bob.cash, ann.price = Decimal("1.5"), float("nan"), 9
        run.session.price, run.session.cash = 12, 3
        bob.cash = True

        def drawn() -> list[tuple[str, str, float]]:
            points = [point for news in window.news() for point in news["points"]]
            return [(player, line, value) for player, line, _, value in points]

        expected = [(ann.name, f"{ann.name} cash", 1.5), ("", "session.price", 12.0)]
        await until(lambda: drawn() == expected)


def test_rows_of_the_log_come_when_they_are_asked_for() -> None:
    """With the number of all that are wanted; a time finds its place."""
    with serving(Task) as run:
        run.players[0].cash = 1
        window = Window(run)
        run.events  # noqa: B018  (commits)
        window.send(op="rows", id="a", a=0, count=3, wanted=["", "", ""])
        until_true(lambda: window.last("rows"))
        rows = window.last("rows") or {}
        assert [row[0] for row in rows["rows"]] == [1, 2, 3]
        assert rows["total"] == len(run.events)
        window.send(op="find", id="b", time=0.0, count=2, wanted=["", "set", "cash"])
        until_true(lambda: (window.last("rows") or {}).get("id") == "b")
        found = window.last("rows") or {}
        assert found["found"]
        assert [row[2:6] for row in found["rows"]] == [["set", run.players[0].subject, "cash", "1"]]


KIND = st.sampled_from(["set", "call", "error"])
FIELD = st.sampled_from(["cash", "bid"])
NAME = st.sampled_from(["player/ann", "player/bob", "session"])


@given(
    st.lists(st.lists(st.tuples(KIND, NAME, FIELD), max_size=20), max_size=4),
    st.builds(
        Wanted, st.sampled_from(["", "ann", "session"]), st.just("") | KIND, st.just("") | FIELD
    ),
    st.integers(-2, 30),
    st.integers(-2, 30),
)
def test_a_window_is_a_slice_of_what_is_wanted(
    parts: list[list[tuple[str, str, str]]], wanted: Wanted, a: int, b: int
) -> None:
    """For any log that grows, any filter and any place."""
    log = MemoryLog()
    log.claim("s")
    window, seq, events = EventWindow(log, "s"), 0, []
    for part in parts:
        new = []
        for kind, subject, field in part:
            seq += 1
            new.append(
                Event(seq, float(seq // 2), "s", kind, subject, field, str(seq), "", "", "", "")
            )
        if new:
            log.append(new)
        events += new
        of = {"": None, "ann": "player/ann", "session": "session"}[wanted.subject]
        expected = [
            event.seq
            for event in events
            if of in (None, event.subject)
            and wanted.kind in ("", event.kind)
            and wanted.field in ("", event.field)
        ]
        rows, total = window.rows(a, b, wanted)
        first = max(0, min(a, total))
        assert total == len(expected)
        assert [row[0] for row in rows] == expected[first : max(first, b)]
        place = window.place_of(3.0, wanted)
        assert place == sum(seq // 2 < 3 for seq in expected)


def test_a_snapshot_is_escaped_and_has_no_links() -> None:
    """So the notebook may be given away."""
    with serving(Task) as run:
        run.players[0].cash = "<script>alert(1)</script>"
        text = snapshot(run._runtime, PlayerRows(run._runtime.flow.journeys, ["cash"]))
        assert "&lt;script&gt;" in text
        assert "<script>" not in text
        assert "http" not in text
        for link in run.links["url"]:
            assert link.split("/")[-2] not in text


# ---- forms that are passed by ------------------------------------------------------------------


async def test_the_browser_gets_what_is_not_answered_before_it_advances() -> None:
    """With the default, as JSON; and afterwards of what is missing."""
    with serving(Ask, Thanks) as run:
        await Browser.open(run, 0)
        ann, bob = (player.name for player in run.players)
        run.advance(bob)
        window = Window(run)
        window.send(op="unanswered", id=7, players=[ann, bob])
        await until(lambda: window.last("unanswered"))
        gaps = [["Ask", "age", "", 2], ["Ask", "cash", "3", 2], ["Ask", "firm", "", 2]]
        assert window.last("unanswered") == {"op": "unanswered", "id": 7, "gaps": gaps}
        window.send(op="do", id=8, what="advance", players=[ann, bob], values={"age": 3, "cash": 2})
        await until(lambda: window.last("done"))
        done = window.last("done")
        assert done is not None
        assert done["text"] == f"advance: 2 of 2 players. Missing: Ask: firm ({ann}, {bob})."
        assert [(p.age, p.cash, p.get("firm")) for p in run.players] == [(3, Decimal(2), None)] * 2
        assert {p.page for p in run.players} == {"Thanks"}


async def test_an_answer_that_is_none_moves_nobody() -> None:
    with serving(Ask, Thanks) as run:
        await Browser.open(run, 0)
        window = Window(run)
        name = run.players[0].name
        window.send(op="do", id=1, what="advance", players=[name], values={"age": -3})
        await until(lambda: window.last("done"))
        done = window.last("done")
        assert done is not None
        assert "-3 is not a valid answer to Ask.age" in done["error"]
        assert run.players[0].page == "Ask"
        window.send(op="unanswered", id=2, players=["nobody"])
        await until(lambda: window.last("unanswered"))
        assert window.last("unanswered") == {"op": "unanswered", "id": 2, "gaps": []}


# ---- what a row says of a player ----------------------------------------------------------------


class Broken(Page):
    """Broken while the session's divisor is 0."""

    def templatevars(page, player):
        return {"x": 1 / player.session.divisor}


def status_of(run: Any, place: int = 0) -> str:
    return PlayerRows(run._runtime.flow.journeys).status(run.players[place])


@pytest.mark.long
async def test_a_row_says_who_is_connected_by_long_polling() -> None:
    with serving(Thanks) as run:
        window = Window(run)
        window.send(op="ready")
        async with Client(run.link(run.players[0]), polling=True):
            await until(lambda: window.row(run.players[0].name)[4] == "online")
            row = window.row(run.players[0].name)
            assert (row[7], row[9]) == (run.link(run.players[0]), "polling")
            shown = snapshot(run._runtime, PlayerRows(run._runtime.flow.journeys))
            assert ">online (polling)<" in shown
        async with Client(run.link(run.players[0])):
            await until(lambda: window.row(run.players[0].name)[9] == "")


@pytest.mark.long
async def test_who_sees_the_error_page_is_not_shown_as_online() -> None:
    with serving(Broken, Thanks) as run:
        run.session.divisor = 0
        ann = Browser(run.link(run.players[0]))
        sorry = await ann.fetch()
        assert sorry.code == 500
        ann.page = json.loads(re.search(r'id="uproot-page">(.*?)</script>', sorry.body.decode())[1])
        await ann.connect()
        await until(lambda: run.players[0].online)
        window = Window(run)
        window.send(op="ready")
        await until(window.news)
        assert window.row(run.players[0].name)[4] == "error"
        assert ">error<" in snapshot(run._runtime, PlayerRows(run._runtime.flow.journeys))
        run.session.divisor = 1
        await ann.load()
        await until(lambda: window.row(run.players[0].name)[4] == "online")


def test_what_players_have_by_themselves_may_be_shown_like_any_field() -> None:
    with serving(Task) as run:
        ann, bob = run.players
        create_group(run.session, [bob], "pair")
        bob.group.pot = 12
        run.session.price = Decimal("2.50")
        bob.id_of_mine = 4
        names = ["group", "member_id", "id", "group.pot", "session.price", "id_of_mine", "nothing"]
        rows = PlayerRows(
            run._runtime.flow.journeys, [*names, "session.nothing", "others_in_group"]
        )
        assert rows.row(ann)[6] == ("", "", "0", "", "Decimal('2.50')", "", "", "", "")
        assert rows.row(bob)[6] == ("pair", "0", "1", "12", "Decimal('2.50')", "4", "", "", "")


async def test_a_monitor_ends_code_that_holds_everybody_up_while_it_does() -> None:
    """Also if it holds up the run's loop, on which everything else is answered."""
    with serving(Stubborn) as run:
        window = Window(run)
        ann = await Browser.open(run)
        asked = await ann.ask("loop")
        await until(run._runtime.lock.is_in_step)
        await asyncio.to_thread(partial(window.send, op="do", id=1, what="interrupt"))
        assert window.last("done") == {
            "op": "done",
            "id": 1,
            "text": "Stubborn.loop was interrupted.",
        }
        with pytest.raises(Rejected, match="Interrupted"):
            await ann.answer(asked)


async def test_a_viewer_interrupts_nothing() -> None:
    with serving(Task) as run:
        window = Window(run, role="viewer")
        window.send(op="do", id=1, what="interrupt")
        assert "cannot steer" in window.told[-1]["error"]


@pytest.mark.long
async def test_equal_failures_are_one_row_with_a_count() -> None:
    with serving(Task) as run:
        ann, bob = await Browser.open(run, 0), await Browser.open(run, 1)
        for browser in (ann, ann, ann, bob):
            with pytest.raises(Rejected):
                await browser.call("fail")
        for _ in range(4):
            with pytest.raises(Rejected):
                await ann.call("no_such_method")
        run.errors  # noqa: B018  (counts what waits)
        window = Window(run)
        window.send(op="ready")
        await until(window.news)
        rows = window.news()[0]["errors"]
        assert [row[6:] for row in rows] == [[3, 1], [1, 1], [4, 1]]
        assert [row[5] for row in rows] == ["Task.fail", "Task.fail", "Task.no_such_method"]


def test_the_manual_states_how_often_the_monitor_is_refreshed() -> None:
    assert UPDATE_SECONDS == 1 / 5
    for page in ("monitor.md", "architecture.md"):
        assert "at most five times a second" in (DOCS / page).read_text("utf-8").lower()


@pytest.mark.long
async def test_run_monitor_snapshot_and_terminal_agree_on_a_players_status(tmp_path: Path) -> None:
    with serving(Task, Thanks, db=tmp_path / "log.sqlite3", players=4) as run:
        ann, bob, _, _ = run.players
        await Browser.open(run, 0)
        run.mark_dropout(bob)
        await until(lambda: ann.online)
        rows = PlayerRows(run._runtime.flow.journeys)
        shown = [rows.status(player) for player in run.players]
        assert shown == ["online", "dropped", "open", "open"]
        run._refresh()
        watch = Watch(run.path, run.name)
        watch.look()
        assert [row.status for row in watch.players()] == shown
        watch.close()
        for text in (snapshot(run._runtime, rows), run._repr_html_()):
            assert re.findall("<td>(online|dropped|open)</td>", text) == shown


async def test_nobody_is_online_once_the_run_is_closed() -> None:
    with serving(Task) as run:
        ann = await Browser.open(run, 0)
        await ann.call("bid", 3)
        assert repr(run) == f"<Run '{run.name}' running: 2 players, 1 online>"
        rows = PlayerRows(run._runtime.flow.journeys)
        run.close()
        assert repr(run) == f"<Run '{run.name}' closed: 2 players>"
        assert not run.links["online"].any()
        assert not run.state["online"].any()
        assert run.presence["offline"].notna().all()
        assert "online" not in snapshot(run._runtime, rows)


@pytest.mark.long
async def test_chats_with_participants_are_shown_and_answered() -> None:
    """A chat is sent again only when it has changed."""
    with serving(Task) as run:
        ann, bob = run.players
        run.answer(bob, "Hello Bob")
        window = Window(run)
        window.send(op="ready")
        await until(window.news)
        assert [(name, [one[1:] for one in messages]) for name, messages in chats(window)] == [
            (bob.name, [["researcher", "Hello Bob"]])
        ]
        window.send(op="do", id=1, what="answer", players=[ann.name], text="<b>Hello</b>")
        await until(lambda: len(chats(window)) == 2)
        assert chats(window)[1][0] == ann.name
        assert [one[1:] for one in chats(window)[1][1]] == [["researcher", "<b>Hello</b>"]]
        assert window.last("done") == {"op": "done", "id": 1, "text": "answer: 1 of 1 players."}
        events = run.events
        assert set(events[events["kind"] == "chat"]["actor"]) == {"researcher"}
        window.send(op="do", id=2, what="answer", players=[ann.name], text=" ")
        await until(lambda: (window.last("done") or {}).get("id") == 2)
        assert "give the text" in (window.last("done") or {})["error"]


def chats(window: Window) -> list[Any]:
    return [chat for news in window.news() for chat in news["chats"]]


# ---- rooms, tables and exports ------------------------------------------------------------------


def secrets_of(run: Any) -> list[str]:
    world = run._runtime.world
    return [world.join_secret, *(world.token(player.name) for player in run.players)]


@pytest.mark.long
async def test_rooms_are_sent_with_who_waits_and_again_only_if_they_have_changed() -> None:
    with serving(Task) as run:
        run.room("lab", labels=["PC-1", "PC-2"], open=False)
        window, viewer = Window(run), Window(run, role="viewer")
        for one in (window, viewer):
            one.send(op="ready")
        await until(lambda: window.news() and viewer.news())
        (lab,) = window.news()[0]["rooms"]
        assert lab["url"] == run.room("lab", labels=["PC-1", "PC-2"], open=False).url
        assert lab["qr"].startswith("data:image/svg+xml")
        expected = {"open": False, "waiting": 0, "admitted": 0, "places": 2, "labels_waiting": []}
        assert {name: lab[name] for name in expected} == expected
        waiting = Browser(f"{lab['url']}")
        waiting.page = {"page": 0}
        await connect_to_room(waiting, "pc-1")
        stranger = Browser(f"{lab['url']}")
        await connect_to_room(stranger, "x" * 500)

        def rooms(one: Window) -> list[Any]:
            return [news["rooms"] for news in one.news() if news["rooms"] is not None]

        await until(lambda: rooms(window)[-1][0]["waiting"] == 2)
        assert rooms(window)[-1][0]["labels_waiting"] == ["PC-1", "x" * 128]
        run.players[0].cash = 1
        await until(lambda: window.news()[-1]["total"] >= run.events["seq"].max())
        assert window.news()[-1]["rooms"] is None
        window.send(op="do", id=1, what="open_room", room="lab")
        await until(lambda: rooms(window)[-1][0]["open"])
        await until(lambda: rooms(viewer)[-1][0]["open"])
        assert all("url" not in room and "qr" not in room for room in rooms(viewer)[-1])
        assert all(room["labels_waiting"] == [] for sent in rooms(viewer) for room in sent)
        assert "PC-1" not in json.dumps(viewer.told)
        assert not any(secret in json.dumps(viewer.told) for secret in secrets_of(run))


async def connect_to_room(browser: Browser, label: str) -> None:
    url = browser.url.replace("http", "ws", 1) + f"ws?label={label}"
    browser._socket = await websocket_connect(url)


@pytest.mark.long
async def test_the_first_message_has_the_role_and_each_the_overview_if_it_has_changed() -> None:
    with serving(Task, Thanks, names={"exits": {"too_slow": None}}) as run:
        ann = await Browser.open(run)
        await ann.settle()
        window = Window(run)
        window.send(op="ready")
        await until(window.news)
        first = window.news()[0]
        assert (first["role"], first["frozen"], first["hands"]) == ("steward", False, 0)
        assert "extend" in first["actions"]
        assert first["exits"][:3] == ["too_slow", "done", "declined"]
        assert run.events["time"].min() <= first["now"]  # the kernel's clock
        assert first["overview"] == [
            {"page": "Task", "here": 1, "long": 0, "waiting": 0, "sentence": "1 on Task"}
        ]
        run.advance(run.players[0])
        changed = lambda: [n["overview"] for n in window.news()[1:] if n["overview"] is not None]  # noqa: E731
        await until(lambda: changed() and changed()[-1][0]["page"] == "Thanks")


async def test_tables_come_on_request_and_a_missing_rule_is_a_sentence() -> None:
    with serving(Task, names={"payment": Payment(currency="EUR", fee=5)}) as run:
        window = Window(run, role="viewer")
        for number, name in enumerate(("funnel", "payments", "secrets")):
            window.send(op="table", id=number, name=name)
            await until(lambda n=number: (window.last("table") or {}).get("id") == n)
        funnel, payments, unknown = [m for m in window.told if m["op"] == "table"]
        assert funnel["columns"][:2] == ["treatment", "places"]
        assert funnel["rows"][0][:2] == ["all", 2]
        assert payments["columns"][0] == "player"
        assert len(payments["rows"]) == 2
        assert json.dumps([funnel, payments])
        assert "no table 'secrets'" in unknown["error"]
    with serving(Task) as run:
        window = Window(run)
        window.send(op="table", id=1, name="payments")
        await until(lambda: window.last("table"))
        assert "has no payment rule" in (window.last("table") or {})["error"]


@pytest.mark.long
async def test_an_export_is_written_beside_the_notebook_and_a_viewer_gets_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(Task) as run:
        window, viewer = Window(run), Window(run, role="viewer")
        viewer.send(op="export", id=1, format="csv")
        await until(lambda: viewer.last("done"))
        assert "Viewers cannot steer" in (viewer.last("done") or {})["error"]
        window.send(op="export", id=2, format="csv")
        await until(lambda: window.last("done"))
        (written,) = tmp_path.glob("market-*.zip")
        assert (window.last("done") or {})["text"] == f"Exported to {written}."
        window.send(op="export", id=4, format="csv", anonymous=True)
        await until(lambda: (window.last("done") or {}).get("id") == 4)
        assert len([*tmp_path.glob("market-anonymous-*.zip")]) == 1
        window.send(op="export", id=3, format="docx")
        await until(lambda: (window.last("done") or {}).get("id") == 3)
        assert "docx" in (window.last("done") or {})["error"]


@pytest.mark.long
async def test_a_raised_hand_is_counted_and_in_its_row_until_it_is_lowered() -> None:
    with serving(Task, ask_for_help=True) as run:
        ann = await Browser.open(run)
        window = Window(run)
        window.send(op="ready")
        await until(window.news)
        await ann.call("_uproot_hand", True)
        at = COLUMNS.index("hand")
        name = run.players[0].name
        await until(lambda: window.news()[-1]["hands"] == 1 and window.row(name)[at] > 0)
        window.send(op="do", id=1, what="lower_hand", players=[name])
        await until(lambda: window.news()[-1]["hands"] == 0 and window.row(name)[at] == 0)


async def test_what_a_long_log_has_is_read_and_put_together_beside_the_loop() -> None:
    """Of 200,000 events it takes a second, in which no participant would be answered."""
    threads: list[int] = []

    class Noted(Monitor):
        def _read_past(self, until: int) -> Any:
            threads.append(threading.get_ident())
            return super()._read_past(until)

    with serving(Task) as run:
        ann = await Browser.open(run)
        await ann.disconnect()
        await until(lambda: not run.players[0].online)
        sent: list[dict[str, Any]] = []
        monitor = Noted(run._runtime, run, sent.append)
        monitor.receive({"op": "ready"})
        await until(lambda: any(one["op"] == "news" for one in sent))
        news = next(one for one in sent if one["op"] == "news")
        assert [came for _, _, came in news["presence"]] == [True, False]
        assert run._runtime.lock.thread_of_steps not in threads
        assert len(threads) == 1
        monitor.leave()
