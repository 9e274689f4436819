"""The dashboard for Grafana asks for figures that there are, and for all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from uproot_nb.server.metrics.collector import make_registry
from uproot_nb.server.metrics.timings import ServerTimings
from uproot_nb.server.participants import ParticipantServer

DASHBOARD = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "uproot_nb.json"
OF_HISTOGRAMS = ("_bucket", "_count", "_sum")


def figures() -> dict[str, set[str]]:
    """Return the names of all samples, and their labels."""
    server = ParticipantServer()
    server.measure(ServerTimings())
    registry: CollectorRegistry = make_registry(server.health, server)
    names: dict[str, set[str]] = {}
    for family in registry.collect():
        labels = set(getattr(family, "_labelnames", ()))
        endings = {"histogram": OF_HISTOGRAMS, "counter": ("_total",)}.get(family.type, ("",))
        names |= {f"{family.name}{ending}": labels for ending in endings}
    return names


def panels() -> list[dict[str, Any]]:
    return list(json.loads(DASHBOARD.read_text("utf-8"))["panels"])


def queries() -> Iterator[str]:
    yield from (target["expr"] for panel in panels() for target in panel["targets"])


def test_every_query_asks_for_figures_that_there_are() -> None:
    known = figures()
    for query in queries():
        asked = set(
            re.findall(r"\b(?:uproot_nb|process)_\w+", query.replace('job="uproot_nb"', ""))
        )
        assert asked, query
        assert asked <= set(known), asked - set(known)


def test_every_query_groups_by_labels_that_there_are() -> None:
    known = figures()
    for query in queries():
        (names,) = [re.findall(r"\b(?:uproot_nb|process)_\w+", query.replace('="uproot_nb"', ""))]
        labels = {"le", "instance"}.union(*(known[name] for name in names))
        for group in re.findall(r"by \(([^)]*)\)", query):
            assert {label.strip() for label in group.split(",")} <= labels, query


def test_every_figure_of_ours_is_on_the_dashboard() -> None:
    shown = " ".join(queries())
    for name in figures():
        if name.startswith("uproot_nb_"):
            assert name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") in shown


def test_no_panel_covers_another() -> None:
    places = [panel["gridPos"] for panel in panels()]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert len({panel["id"] for panel in panels()}) == len(panels())
    assert all(x < 24 for x, _ in cells)
