"""What Prometheus reads, and who may; whether a server is alive."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from tests.running import Browser, serving
from tests.server.worlds import World, until
from uproot_nb import Page, live
from uproot_nb.bridge.durations import BOUNDS, Durations
from uproot_nb.bridge.messages import CommitTimes, Invoke, OpenSession
from uproot_nb.headless.metrics_endpoint import METRICS_VARIABLE, MetricsEndpoint
from uproot_nb.headless.notebook_file import CannotStart
from uproot_nb.server.metrics.own_address import MetricsServer
from uproot_nb.server.metrics.timings import ServerTimings

TOKEN = "a-token-for-prometheus-0123"
Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def fetch(address: str, **headers: str) -> HTTPResponse:
    return await AsyncHTTPClient().fetch(address, raise_error=False, headers=headers)


def parsed(text: str) -> Figures:
    """Return the samples by their names and labels; each may be there once."""
    figures: Figures = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in figures, key
            figures[key] = sample.value
    return figures


class Watched:
    """A server whose figures are read."""

    def __init__(self, world: World, metrics: MetricsServer) -> None:
        self.world, self.metrics = world, metrics
        self.root = f"http://127.0.0.1:{metrics.port}/"

    async def figures(self) -> Figures:
        return parsed((await fetch(f"{self.root}metrics")).body.decode())

    async def figure(self, name: str, **labels: str) -> float:
        return (await self.figures())[f"uproot_nb_{name}", frozenset(labels.items())]


@pytest_asyncio.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    world = World("stream", tmp_path)
    await world.start()
    await (await world.kernel()).serve()
    world.server.measure(ServerTimings())
    metrics = MetricsServer(world.server.health, world.server)
    metrics.start(0)
    yield Watched(world, metrics)
    await metrics.stop()
    await world.stop()


@given(st.lists(st.floats(0, 20)))
def test_each_duration_is_in_the_class_that_bounds_it(seconds: list[float]) -> None:
    durations = Durations()
    for one in seconds:
        durations.note(one)
    assert sum(durations.counts) == len(seconds)
    assert durations.seconds == pytest.approx(sum(seconds))
    for place, bound in enumerate(BOUNDS):
        assert sum(durations.counts[: place + 1]) == sum(one <= bound for one in seconds)


async def test_calls_are_counted_when_they_have_an_outcome(watched: Watched) -> None:
    world = watched.world
    ann = await world.play("ann")
    assert await watched.figure("participants", session="market") == 1
    await ann.invoke("c1")
    invoke = await world.kernels[0].expect(Invoke)
    assert await watched.figure("calls_waiting", session="market") == 1
    assert await watched.figure("call_seconds_count") == 0
    world.kernels[0].answer(invoke)
    await ann.read()
    figures = await watched.figures()
    assert figures["uproot_nb_call_seconds_count", frozenset()] == 1
    assert figures["uproot_nb_call_seconds_bucket", frozenset({("le", "+Inf")})] == 1
    assert figures["uproot_nb_call_seconds_sum", frozenset()] > 0
    assert figures["uproot_nb_calls_waiting", frozenset({("session", "market")})] == 0


async def test_a_browser_that_goes_leaves_no_call_behind(watched: Watched) -> None:
    world = watched.world
    ann = await world.play("ann")
    await ann.invoke("c1")
    invoke = await world.kernels[0].expect(Invoke)
    ann.connection.close()
    await until(lambda: not len(world.server.sockets))
    timings = world.server.timings
    assert timings is not None
    world.kernels[0].answer(invoke)
    await until(lambda: not timings.begun)
    assert await watched.figure("participants", session="market") == 0


async def test_a_kernel_that_dies_leaves_no_call_of_closed_pages_behind(watched: Watched) -> None:
    world = watched.world
    ann = await world.play("ann")
    await ann.invoke("c1")
    await world.kernels[0].expect(Invoke)
    ann.connection.close()
    await until(lambda: not len(world.server.sockets))
    await world.kernels[0].die()
    timings = world.server.timings
    assert timings is not None
    await until(lambda: not timings.begun)


async def test_requests_are_counted_by_what_they_ask_for(watched: Watched) -> None:
    assert (await watched.world.fetch("p/token-of-ann-0123456789/")).code == 200
    assert await watched.figure("request_seconds_count", action="page") == 1


async def test_refusals_are_counted_by_kind(watched: Watched) -> None:
    await watched.world.fetch("p/nobody-has-this-token/")
    kinds = {
        dict(labels)["kind"]: count
        for (name, labels), count in (await watched.figures()).items()
        if name == "uproot_nb_refusals_total"
    }
    assert sum(kinds.values()) >= 1


async def test_two_sessions_of_one_name_count_together(watched: Watched) -> None:
    kernel = watched.world.kernels[0]
    kernel.send(OpenSession("key-2", "market", "s" * 20, "running", {"t" * 20: "eve"}))
    for key, count in (("key-market", 3), ("key-2", 4)):
        counts = [0] * len(BOUNDS) + [count]
        kernel.send(CommitTimes(key, counts, 1.5, 10 * count, 1))
    timings = watched.world.server.timings
    assert timings is not None
    await until(lambda: len(timings.commits) == 2)
    figures = await watched.figures()
    market = frozenset({("session", "market")})
    assert figures["uproot_nb_commit_seconds_count", market] == 7
    assert figures["uproot_nb_commit_seconds_sum", market] == 3.0
    assert figures["uproot_nb_events_total", market] == 70
    assert figures["uproot_nb_uncommitted_events", market] == 2


async def test_what_is_reported_of_sessions_that_are_not_there_is_forgotten(
    watched: Watched,
) -> None:
    timings = watched.world.server.timings
    assert timings is not None
    timings.commits["gone"] = CommitTimes("gone", [0] * (len(BOUNDS) + 1), 0.0, 1, 0)
    await watched.figures()
    assert "gone" not in timings.commits


async def test_a_kernel_reports_its_commits() -> None:
    with serving(Counting) as run:
        ann = await Browser.open(run)
        assert await ann.call("count") == 1
        journal = run._runtime.world.journal
        await until(lambda: sum(journal.commits.counts) >= 1)
        assert journal.commits.seconds > 0


class Counting(Page):
    """Counts."""

    @live
    def count(page: Any, player: Any) -> int:
        player.n = 1
        return 1


async def test_no_name_but_the_sessions_is_shown(watched: Watched) -> None:
    await watched.world.play("ann")
    shown = (await fetch(f"{watched.root}metrics")).body.decode()
    assert "token-of" not in shown
    assert "key-market" not in shown
    assert 'session="market"' in shown


async def test_participants_cannot_read_metrics(watched: Watched) -> None:
    assert (await watched.world.fetch("metrics")).code == 404
    assert (await fetch(f"{watched.root}p/token-of-ann-0123456789/")).code == 404


async def test_everybody_may_ask_whether_a_server_is_alive(watched: Watched) -> None:
    for address in (f"{watched.root}healthz", f"{watched.world.server.url}healthz"):
        answer = await fetch(address)
        assert answer.code == 200
        assert json.loads(answer.body) == {"status": "serving"}
    watched.world.server.health.condition = lambda: "cut off"
    assert json.loads((await watched.world.fetch("healthz")).body) == {"status": "cut off"}
    assert await watched.figure("condition", condition="cut off") == 1
    assert await watched.figure("condition", condition="serving") == 0


async def test_with_a_token_nobody_else_reads(watched: Watched) -> None:
    server = MetricsServer(watched.world.server.health, watched.world.server, TOKEN)
    server.start(0)
    address = f"http://127.0.0.1:{server.port}/metrics"
    try:
        for wrong in ({}, {"Authorization": "Bearer no"}, {"Authorization": "Bearer \xe4"}):
            refused = await fetch(address, **wrong)
            assert refused.code == 401
            assert b"uproot_nb_" not in refused.body
        shown = await fetch(address, Authorization=f"Bearer {TOKEN}")
        assert shown.code == 200
        assert (await fetch(address.replace("metrics", "healthz"))).code == 200
    finally:
        await server.stop()


@pytest.mark.parametrize("token", ["short", "ä" * 30])
def test_a_poor_token_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(CannotStart, match=METRICS_VARIABLE) as refused:
        MetricsEndpoint(("127.0.0.1", 0), {METRICS_VARIABLE: token})
    assert token not in str(refused.value)


async def test_a_port_in_use_is_said(watched: Watched) -> None:
    endpoint = MetricsEndpoint(("127.0.0.1", watched.metrics.port), {})
    with pytest.raises(CannotStart, match="--metrics"):
        endpoint.open(watched.world.server.health)


@pytest.mark.parametrize(
    ("host", "token", "warns"),
    [("127.0.0.1", "", False), ("0.0.0.0", "", True), ("0.0.0.0", TOKEN, False)],
)
async def test_an_open_address_without_a_token_is_pointed_out(
    host: str, token: str, warns: bool, watched: Watched
) -> None:
    endpoint = MetricsEndpoint((host, 0), {METRICS_VARIABLE: token})
    endpoint.open(watched.world.server.health)
    try:
        assert any("Whoever reaches" in note for note in endpoint.notes) == warns
        assert TOKEN not in "".join(endpoint.notes)
    finally:
        await endpoint.close()


@given(st.lists(st.floats(0, 20), min_size=1))
def test_the_calls_of_a_turn_are_counted_as_one_by_one(seconds: list[float]) -> None:
    timings, alone = ServerTimings(), Durations()
    now = 1000.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("uproot_nb.server.metrics.timings.time.monotonic", lambda: now)
        for call, one in enumerate(seconds):
            timings.begun[call] = now - one
            alone.note(now - (now - one))
            timings.ended.append(call)
        timings.note_ended()
    assert timings.calls.counts == alone.counts
    assert timings.calls.seconds == pytest.approx(alone.seconds, abs=1e-6)
    assert not timings.begun
