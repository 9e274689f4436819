"""Labels: a viewer gets none by which one could go on in a participant's place."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.monitor.rest.asking import Asking
from tests.notebook.attached.elsewhere import elsewhere
from tests.running import Browser, serving, until
from uproot_nb import Page, Payment, Run, StringField, SynchronizingWait, live
from uproot_nb.bridge.messages import HttpRequest
from uproot_nb.experiment.entrance.labels import clean_label
from uproot_nb.log.events import Event
from uproot_nb.monitor.monitor import Monitor
from uproot_nb.realtime.comers import AGAIN
from uproot_nb.steering.withheld import Withheld


class Seat(Page):
    """Where do you sit?"""

    fields: ClassVar[dict[str, Any]] = {"note": StringField(label="Note")}

    def before_once(page, player):
        player.treatment = f"that of {player.label}"
        player.session.seats = {**player.session.get("seats", {}), player.label: player.name}
        print("Here is", player.label)

    @live
    def sit(page, player, where: str):
        raise LookupError(f"{where} is taken")


class Meet(SynchronizingWait):
    """All meet."""

    synchronize = "session"


class Thanks(Page):
    """Thank you."""


LABELS = ["PC-04", "p01", "Zoë 7", "5f2a9c31d0e45f2a9c31d0e4", "seat 12"]
WAYS: dict[str, dict[str, Any]] = {
    "asks": {}, "resumes": {"returning": "resume"}, "refuses": {"returning": "refuse"},
    "recruits": {"label_from": "PID"},
}  # fmt: skip


@pytest.fixture(params=WAYS, scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Run]:
    """A run whose room has a list of labels, or none, and two players in it who write theirs."""
    with serving(Seat, Meet, Thanks, players=0, payment=Payment(currency="EUR")) as run:
        run.room("lab", LABELS, **WAYS[request.param])
        asyncio.run(live_there(run))
        yield run


async def live_there(run: Run) -> None:
    """Let two come in, and write their labels wherever they can."""
    browsers = [await enter(run, label) for label in LABELS[:3]]
    for label, browser in zip(LABELS[:3], browsers, strict=True):
        with pytest.raises(Exception, match="Something went wrong"):
            await browser.call("sit", f"The place of {label}, or '{label}'")
        if label != LABELS[2]:
            await browser.submit(note=f"I am\n{label}.")
            await browser.load()
        await browser.disconnect()
    ann = run.players[0]
    await asyncio.to_thread(run.answer, ann, f"Hello {ann.label}!")
    await asyncio.to_thread(run.message, ann, f"Go on, {ann.label}.")
    await asyncio.to_thread(
        run.set, ann, deep={"a": [f"{ann.label}"]}, json=f'{{"a":"{ann.label}"}}'
    )


async def enter(run: Run, label: str) -> Browser:
    """Come in by the room."""
    where = await give(run, "enter", label)
    browser = Browser(f"{run.url}{where.removeprefix('../../')}")
    await browser.load()
    await browser.connect()
    return browser


async def give(run: Run, action: str, label: str) -> str:
    """Give the room a label in every way that there is; return where it leads, or ""."""
    query, form = [("label", label), ("PID", label)], [("label", label), (AGAIN, "1")]
    request = HttpRequest(1, "", "", action, form, query, "", room="lab")
    answering = run._runtime.rooms.answer(request)
    future = asyncio.run_coroutine_threadsafe(answering, run._runtime.loop)
    return dict((await asyncio.wrap_future(future)).headers).get("Location", "")


async def all_that_a_viewer_gets(run: Run) -> list[Any]:
    asking = Asking(run)
    paths = ["", "players", "overview", "rooms", "funnel", "payments"]
    paths += [f"players/{player.name}" for player in run.players]
    shown: list[Any] = [(await asyncio.to_thread(asking.get, one, "viewer"))[1] for one in paths]
    shown += await asyncio.to_thread(asking.events, "viewer")
    fields = ("note", "deep", "json", "treatment", "label", "session.seats")
    monitor = Monitor(run._runtime, run, shown.append, fields, "viewer")
    await ask_everything(monitor, run, shown)
    return shown


async def ask_everything(monitor: Monitor, run: Run, shown: list[Any]) -> None:
    """Ask a monitor for all that a page can ask for, and wait for the answers."""
    names = [player.name for player in run.players]
    monitor.receive({"op": "ready"})
    monitor.receive({"op": "rows", "id": 1, "a": 0, "count": 500})
    monitor.receive({"op": "unanswered", "id": 2, "players": names})
    monitor.receive({"op": "table", "id": 3, "name": "payments"})
    ops = {"news", "rows", "unanswered", "table"}
    await until(lambda: ops <= {one.get("op") for one in shown if isinstance(one, dict)})
    monitor.leave()


def candidates(shown: Any) -> set[str]:
    """Return each text, each word, and each run of two words in what somebody was shown."""
    found = set[str]()
    for text in texts(shown):
        words = re.findall(r"[\w-]+", text)
        pairs = map(" ".join, pairwise(words))
        found.update((text, *words, *pairs))
    return {label for label in map(clean_label, found) if label}


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
        if node[:1] in ("{", "[", '"'):
            with suppress(ValueError):
                yield from texts(json.loads(node))
    elif isinstance(node, dict):
        yield from texts([*node, *node.values()])
    elif isinstance(node, (list, tuple)):
        for one in node:
            yield from texts(one)


@pytest.mark.long
@pytest.mark.sample(1)
async def test_with_nothing_that_a_viewer_gets_one_is_let_in(lab: Run) -> None:
    shown = await all_that_a_viewer_gets(lab)
    for label in sorted(candidates(shown)):
        for action in ("room", "enter"):
            assert await give(lab, action, label) == "", label


@pytest.mark.long
async def test_a_steward_gets_all_labels_and_each_lets_one_in_unless_refused(lab: Run) -> None:
    """So the test above would find what lets somebody in."""
    _, players = await asyncio.to_thread(Asking(lab).get, "players")
    assert [one["label"] for one in players] == LABELS[:3]
    refuses = lab._runtime.rooms.get("lab").way.returning == "refuse"  # type: ignore[union-attr]
    led = [await give(lab, "room", label) for label in LABELS[:3]]
    assert [bool(one) for one in led] == [not refuses] * 3


@pytest.mark.long
async def test_where_labels_are_refused_a_viewer_gets_them(lab: Run) -> None:
    refuses = lab._runtime.rooms.get("lab").way.returning == "refuse"  # type: ignore[union-attr]
    shown = await all_that_a_viewer_gets(lab)
    assert (set(LABELS[:3]) <= candidates(shown)) is refuses
    [waits] = {one["waits_for"] for one in shown[1] if one["waits_for"]}
    named = LABELS[2] if refuses else lab.players[2].name
    assert waits == f"{named}, who is on Seat"


@pytest.mark.long
def test_a_seat_that_was_given_away_has_no_label_for_viewers_until_somebody_sits_there() -> None:
    with serving(Seat, players=0) as run:
        run.room("lab", LABELS, returning="refuse")
        asyncio.run(enter(run, LABELS[0]))
        asking = Asking(run)
        label = lambda: [one["label"] for one in asking.get("players", "viewer")[1]]  # noqa: E731
        assert label() == [LABELS[0]]
        run.free(run.players[0])
        assert label() == [""]
        assert not set(LABELS) & candidates(asyncio.run(all_that_a_viewer_gets(run)))
        asyncio.run(enter(run, LABELS[0]))
        assert label() == [LABELS[0]] * 2


@pytest.mark.long
async def test_a_monitor_that_is_open_loses_the_labels_when_a_room_begins_to_take_them() -> None:
    with serving(Seat, players=0) as run:
        run.room("lab", LABELS, returning="refuse")
        await enter(run, LABELS[0])
        sent: list[dict[str, Any]] = []
        monitor = Monitor(run._runtime, run, sent.append, role="viewer")
        monitor.receive({"op": "ready"})

        def last() -> list[str]:
            return [row[1] for one in sent for row in one.get("players", ())][-1:]

        await until(lambda: last() == [LABELS[0]])
        run.room("lab", LABELS, returning="resume")
        await until(lambda: last() == [""])
        monitor.leave()


@pytest.mark.long
def test_who_attaches_as_a_viewer_has_tables_without_labels() -> None:
    with elsewhere(Seat, Meet, Thanks, players=0, payment=Payment(currency="EUR")) as there:
        there.run.room("lab", LABELS)
        asyncio.run(live_there(there.run))
        attached = there.attach("viewer")
        tables = [attached.state, attached.events, attached.chats, attached.errors]
        tables += [attached.payments, attached.overview, attached.session_state]
        shown = [table.astype(str).to_json(force_ascii=False) for table in tables]
        assert len(attached.state) == 3
        assert not set(LABELS) & candidates([json.loads(one) for one in shown])


def test_without_a_room_labels_stay() -> None:
    with serving(Seat, players=0) as run:
        browser = Browser(f"{run.join_link}?label=PC-04")
        asyncio.run(browser.fetch(body={"_uproot_begin": "1"}))
        assert Asking(run).get("players", "viewer")[1][0]["label"] == "PC-04"


WORDS = ["position", "page", "value", "outcome", "values", "action", "player", "running", "market"]


@examples(20)
@given(labels=st.lists(st.sampled_from(WORDS), min_size=1, max_size=4, unique=True))
def test_a_label_that_is_a_word_of_the_log_breaks_no_replay(labels: list[str]) -> None:
    """Where a room has no list, strangers choose their labels."""
    with serving(Seat, players=0) as run:
        run.room("lab")
        for label in labels:
            asyncio.run(enter(run, label))
        withheld, world = Withheld(run._runtime), run._runtime.world
        shown = type(world.state)(world.codec)
        for event in world.log.read("market"):
            shown.apply(withheld.event(event))
        assert [one.page for one in shown.players.values()] == ["Seat"] * len(labels)
        assert [one.label for one in shown.players.values()] == [None] * len(labels)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("set", {"a": "is PC-04"}), ("append", {"path": [], "values": ["PC-04"]}),
        ("error", "no PC-04 (abc12)"), ("output", "\nPC-04\n"), ("chat", {"values": ["pc-04"]}),
        ("submit", {"form": [["note", "Zo\u00eb 7!"]], "ms": 3}),
    ],
)  # fmt: skip
def test_a_label_is_found_in_events_of_each_kind_that_somebody_writes(
    kind: str, value: Any
) -> None:
    with serving(Seat, players=0) as run:
        run.room("lab", LABELS)
        for label in ("PC-04", "Zoë 7"):
            asyncio.run(enter(run, label))
        for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
            event = Event(1, 0.0, "market", kind, "player/ann", "x", text, "", "", "", "")
            hidden = json.loads(Withheld(run._runtime).event(event).value)
            assert "…" in json.dumps(hidden, ensure_ascii=False)
            assert not {"PC-04", "pc-04", "Zoë 7"} & candidates(hidden)
