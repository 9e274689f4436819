"""ServerCollector: a participant server's metrics, as Prometheus reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import get_args

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from uproot_nb.bridge.durations import BOUNDS
from uproot_nb.bridge.messages import CommitTimes
from uproot_nb.server.metrics.health import Condition, Health
from uproot_nb.server.participants import ParticipantServer
from uproot_nb.server.sessions import ServedSession

__all__ = ["ServerCollector", "make_registry"]

_CLASSES = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
_STATES = ("running", "paused", "closed")


def make_registry(health: Health, server: ParticipantServer | None = None) -> CollectorRegistry:
    """Return the figures of a process: its condition, its own use of the machine, its server's."""
    registry = CollectorRegistry()
    registry.register(_ConditionCollector(health))
    if server is not None:
        registry.register(ServerCollector(server))
    ProcessCollector(registry=registry)
    return registry


class _ConditionCollector(Collector):
    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        now = self._health.condition()
        conditions = {one: int(one == now) for one in get_args(Condition)}
        yield _gauges("condition", "1 for what this server does.", "condition", conditions)


class ServerCollector(Collector):
    """Reads the figures when Prometheus asks, once for each open connection.

    Sessions of the same name count together.
    """

    def __init__(self, server: ParticipantServer) -> None:
        self._server = server

    def collect(self) -> Iterator[Metric]:
        """Yield all figures."""
        yield from self._people()
        yield from self._queues()
        yield from self._times()
        yield from self._commits()
        refusals = self._server.reports.refusals.counts
        yield _counters("refusals", "What was refused, by kind.", "kind", refusals)

    @property
    def _open(self) -> list[ServedSession]:
        return [session for session in self._server.sessions if not session.closed]

    def _people(self) -> Iterator[Metric]:
        server = self._server
        participants: Counter[str] = Counter()
        for session in self._open:
            participants[session.name] += len(server.sockets.by_player(session.key))
        yield _gauges("participants", "Participants who are connected.", "session", participants)
        yield _gauge("sockets", "Open pages of participants.", len(server.sockets))
        yield _gauge("room_waiting", "Browsers in front of rooms.", len(server.rooms.sockets()))
        states = Counter(session.state for session in server.sessions)
        by_state = {state: states[state] for state in _STATES}
        yield _gauges("sessions", "Sessions by their state.", "state", by_state)
        yield _gauge("kernels", "Kernels that are connected.", len(server.links))
        yield _gauge("connections", "Open connections.", server.connections.total)
        yield _gauge("connections_limit", "max_connections.", server.connections.most)

    def _queues(self) -> Iterator[Metric]:
        sockets = self._server.sockets
        waiting = {session.name: 0 for session in self._open}
        for session in self._open:
            waiting[session.name] += len(session.pressure.calls)
        yield _gauges("calls_waiting", "Calls without an outcome yet.", "session", waiting)
        unsent = {session.name: 0 for session in self._open}
        for socket in sockets:
            name = socket.player.session.name
            unsent[name] = unsent.get(name, 0) + socket.unsent
        yield _gauges("unsent_bytes", "What browsers have not read yet.", "session", unsent)
        to_kernels = sum(link.unsent for link in self._server.links)
        yield _gauge("kernel_unsent_bytes", "What kernels have not read yet.", to_kernels)

    def _times(self) -> Iterator[Metric]:
        timings = self._server.timings
        if timings is None:
            return
        calls = _histogram("call_seconds", "From a call to its outcome.", [])
        _add(calls, [], timings.calls.counts, timings.calls.seconds)
        yield calls
        requests = _histogram("request_seconds", "From a request to its answer.", ["action"])
        for action, taken in timings.requests.items():
            _add(requests, [action], taken.counts, taken.seconds)
        yield requests

    def _commits(self) -> Iterator[Metric]:
        timings = self._server.timings
        if timings is None:
            return
        timings.forget_commits_except(session.key for session in self._open)
        known = [(self._server.sessions.get(key), one) for key, one in timings.commits.items()]
        reports = _merged((session.name, one) for session, one in known if session is not None)
        times = _histogram("commit_seconds", "Commits of the log.", ["session"])
        for name, report in reports.items():
            _add(times, [name], report.counts, report.seconds)
        yield times
        events = {name: report.seq for name, report in reports.items()}
        yield _counters("events", "Events that are committed.", "session", events)
        uncommitted = {name: report.uncommitted for name, report in reports.items()}
        yield _gauges("uncommitted_events", "Events to be committed.", "session", uncommitted)


def _merged(reports: Iterable[tuple[str, CommitTimes]]) -> dict[str, CommitTimes]:
    """Return the reports by name; those of the same name are added up."""
    merged: dict[str, CommitTimes] = {}
    for name, one in reports:
        other = merged.get(name)
        merged[name] = one if other is None else _sum(one, other)
    return merged


def _sum(one: CommitTimes, other: CommitTimes) -> CommitTimes:
    counts = [sum(pair) for pair in zip(one.counts, other.counts, strict=True)]
    return CommitTimes(
        one.session, counts, one.seconds + other.seconds, one.seq + other.seq,
        one.uncommitted + other.uncommitted,
    )  # fmt: skip


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"uproot_nb_{name}", text, value=value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"uproot_nb_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _counters(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"uproot_nb_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _histogram(name: str, text: str, labels: Sequence[str]) -> HistogramMetricFamily:
    return HistogramMetricFamily(f"uproot_nb_{name}", text, labels=labels)


def _add(
    family: HistogramMetricFamily, labels: Sequence[str], counts: Sequence[int], seconds: float
) -> None:
    buckets = list(zip(_CLASSES, accumulate(counts), strict=True))
    family.add_metric(labels, buckets, seconds)
