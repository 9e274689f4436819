"""Report: the figures as a page to read."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from figures import Figures
from measures.crowds import FEW, MANY, STEPS
from measures.postgres import JOBS as POSTGRES_JOBS
from measures.simulations import LENGTHS
from measures.takeovers import WAYS as TAKEOVERS
from measures.waits import SIZES, WAYS
from targets import TARGETS

__all__ = ["bounds", "number", "report"]

_SYSTEMS = ("bare", "uproot_nb", "uproot", "otree")
_TITLES = {
    "bare": "bare Tornado", "uproot_nb": "uproot_nb", "uproot": "uproot", "otree": "oTree",
}  # fmt: skip
_JOBS = {
    "events": "as a DataFrame", "at": "the state at a moment", "csv": "exported to CSV",
    "jsonl": "exported to JSON lines", "parquet": "exported to Parquet",
}  # fmt: skip
_MEASURES: dict[str, str] = {
    "echo": "100 participants, one call in flight each: echoes/s",
    "store": "the same, the method stores a field: calls/s",
    "fanout": "one post by each in turn, delivered to all: deliveries/s",
    "burst": "all post at once, delivered to all: deliveries/s",
    "p50 idle": "one participant, p50, ms",
    "p99 idle": "one participant, p99, ms",
    "p50 while a cell computes": "… while a cell runs `while True: pass`, p50, ms",
    "p99 while a cell computes": "… while a cell runs `while True: pass`, p99, ms",
    "p50 while a cell sleeps": "… while a cell sleeps, p50, ms",
    "p99 while a cell sleeps": "… while a cell sleeps, p99, ms",
    "forms": "50 participants, a form of three fields each page: pages/s",
    "p50 forms": "… from the click to the next page, p50, ms",
    "p99 forms": "… from the click to the next page, p99, ms",
    **{
        f"p{share} waits, {size}, {way}": f"200 arrive {way}, groups of {size}: from the group's "
        f"last click to the next page, p{share}, ms"
        for way in WAYS
        for size in SIZES
        for share in (50, 99)
    },
    "ms to filter 100,000": "an equality filter that finds 10 of 100,000 entries, ms",
    "ms to filter 1,000": "… 10 of 1,000, ms",
    "µs to add, at 1,000": "adding an entry to a model of 1,000, µs",
    "µs to add, at 100,000": "… of 100,000, µs",
    "bytes an entry": "memory of an entry of three fields, bytes",
    "s to open, model": "resume a session with a model of 100,000 entries, s",
    **{
        f"{what}{job} of a million": f"a million events, {told}{unit}"
        for job, told in _JOBS.items()
        for what, unit in (("s for ", ", s"), ("MB peak, ", ": peak memory, MB"))
    },
    "ms for 100 new events": "a million events, the next look with 100 new ones, ms",
    "kB a socket": "memory of one more connected participant in the server, kB",
    "µs of the server's code for an echo, uncounted": "the server's own code for an echo, without "
    "system calls: without bounds, µs",
    "µs of the server's code for an echo, counted": "… with bounds, µs",
    "µs of the server's code for an echo, timed": "… and with metrics, µs",
    "speed of an echo with bounds": "… speed with bounds, of that without",
    "µs of the server's processor for an echo": "… all of the server's work for an echo, µs",
    "p50 without a gateway": "one participant at the server, p50, ms",
    "p50 by a gateway": "… at a gateway, p50, ms",
    "p50 of a request over NATS": "a request over NATS by nats-py alone, p50, ms",
    "deliveries per processor second of the server": "deliveries per processor second of the "
    "server",
    "deliveries per processor second of a gateway": "… of a gateway",
    **{
        f"µs for a push to {count}": f"a push to {count:,} players at four gateways, the kernel's "
        "processor, µs"
        for count in (100, 10_000)
    },
    **{
        f"crowd at gateways, {name}": f"10,000 participants at four gateways: {told}"
        for name, told in (
            ("calls", "calls"),
            ("lost", "dropped"),
            ("unanswered", "calls without an outcome"),
            ("refused", "calls refused"),
            ("p50 in ms", "p50, ms"),
            ("p99 in ms", "p99, ms"),
            ("p99.9 in ms", "p99.9, ms"),
            ("greatest in ms", "the longest, ms"),
            ("p99 by which clients call late in ms", "p99 by which the clients call late, ms"),
        )
    },
    "kB a socket at a gateway": "… memory of a socket at a gateway, kB",
    "share of a processor, kernel of a crowd": "… share of a processor, kernel",
    "share of a processor, gateway 0 of a crowd": "… share of a processor, one gateway",
    "s to open, killed": "resume a million events, killed 50,000 after its last snapshot, s",
    "MB after opening, killed": "… and the memory this adds, MB",
    "s to open, ended": "resume a million events of a run that had ended, s",
    "MB after opening, ended": "… and the memory this adds, MB",
    "s to open, empty": "resume an empty session, s",
    "MB after opening, empty": "… and the memory this adds, MB",
    "s to open, without a snapshot": "resume a million events without a snapshot (once), s",
    "MB after opening, without a snapshot": "… and the memory this adds, MB",
    "µs for the first appends": "an in-place append, one of the first 500, µs",
    "µs for the last appends": "an in-place append, one of the last 500 of 10,000, µs",
    "book commands per second": "an order book with 100,000 resting orders, in memory: commands/s",
    "book commands per second, 1,000 resting": "… with 1,000 resting orders: commands/s",
    "a command with 10^5 resting, of one with 10^3": "… time of a command with 100,000 resting "
    "orders, of one with 1,000",
    "logged market commands per second": "a market in a session, each command in the log: "
    "commands/s",
    "the last 1,000 of 20,000 logged, of the first": "… time of the last 1,000 of 20,000 commands, "
    "of the first 1,000",
    **{
        f"s to {step}, {count} players": f"{count:,} players: {told}, s"
        for count in (FEW, MANY)
        for step, told in STEPS.items()
    },
    **{
        f"ms to move one while half of {count} wait": f"{count:,} players: move one while half of "
        "them wait, ms"
        for count in (FEW, MANY)
    },
    "a player of 5,000, of one of 1,000": "… all of this for one player of 5,000, of one of 1,000",
    "simulated markets per second": "markets of 12 ZI-C traders (200 steps), one core: markets/s",
    "simulated markets on two cores by processes, of one core": "… two processes, of one core's "
    "speed",
    "simulated markets on two cores by Dask, of one core": "… two workers of Dask, of one core's "
    "speed",
    "processor time of markets by processes, of one core's": "… processor time of all processes, "
    "of one core's",
    "processor time of markets by Dask, of one core's": "… processor time of Dask, scheduler and "
    "all, of one core's",
    "ms a task of a process pool": "… what a task of a process pool costs, ms",
    "ms a task of Dask": "… what a task of Dask costs, ms",
    **{
        f"quotes of {kind} per second {words}": f"robots {words}, one core: quotes of {kind}/s"
        for words in LENGTHS.values()
        for kind in ("ZIC", "ZIP", "GD")
    },
    **{
        f"quotes of {kind} per second {words}, of BSE's": f"… {kind} {words}, of Bristol Stock "
        "Exchange's quotes/s, paired"
        for words in LENGTHS.values()
        for kind in ("ZIC", "ZIP")
    },
    "core-minutes for 10,000 markets": "10,000 markets of 8 ZI-C traders, 6 periods of 400 steps, "
    "with periods, trades and traders: core-minutes",
    "core-minutes for 10,000 markets, all tables": "… with all tables: core-minutes",
    **{
        f"{what} in {place}": f"{told}, stored in {place}{unit}"
        for place in ("a file", "PostgreSQL")
        for what, told, unit in (
            ("store", "100 participants", ": calls/s"),
            ("p50 of a call stored", "one participant", ": p50, ms"),
        )
    },
    "p50 of a bare INSERT": "a bare INSERT, synchronous_commit=on, p50, ms",
    "s to open in PostgreSQL, killed": "resume a million events in PostgreSQL, killed 50,000 after "
    "the last snapshot, s",
    "processor s to open in PostgreSQL, killed": "… processor time of it, s",
    "s to open in PostgreSQL, ended": "… of a run that had ended, s",
    **{
        f"{what}{job} from {place}": f"a million events from {place}, {_JOBS[job]}{unit}"
        for job in POSTGRES_JOBS
        for place in ("a file", "PostgreSQL")
        for what, unit in (("s for ", ", s"), ("MB peak, ", ": peak memory, MB"))
    },
    **{
        f"s from {what} to an answer, {which}": f"from {what} to the answer of another kernel, "
        f"{which}, s"
        for what in TAKEOVERS.values()
        for which in ("median", "worst")
    },
    "s for import uproot_nb": "`import uproot_nb` in a fresh kernel, s",
    "processor s for import uproot_nb": "… processor time of it, s",
    "s more for from uproot_nb import *": "… and `from uproot_nb import *` after it, s",
}


def report(figures: Figures, peers: dict[str, str], note: str) -> str:
    """Return the whole page; *peers* has each peer's version or why it is missing."""
    parts = [
        "# Results\n",
        "Written by `python bench/run.py`; nothing here is written by hand save the section",
        "about what bounds a figure. How each figure comes about: [README.md](README.md).\n",
        _machine(peers),
        note + "\n",
        "## Targets\n",
        *_targets(figures),
        "\n## Figures\n",
        "Medians of the rounds, with the least and the greatest in brackets.\n",
        *_figures(figures),
        "\n## Where the processors' time goes\n",
        "Microseconds of processor time for one call, for one post with its 100 deliveries, or for",
        "one form and the page that comes after it.\n",
        *_processors(figures),
    ]
    return "\n".join(parts) + "\n"


def bounds(page: str, hand_written: Path) -> str:
    """Return *page* with the section about what bounds the figures, if there is one."""
    return page + "\n" + hand_written.read_text() if hand_written.exists() else page


def _machine(peers: dict[str, str]) -> str:
    memory = psutil.virtual_memory().total / 2**30
    lines = [
        f"- {platform.system()} on {platform.machine()}, {os.cpu_count()} cores, "
        f"{memory:.0f} GiB, {platform.python_implementation()} {platform.python_version()}",
        "- " + ", ".join(
            f"{name} {_version(name)}"
            for name in ("tornado", "jupyter-server", "ipykernel", "picows", "uproot-nb")
        ),
        *(f"- {name}: {found}" for name, found in peers.items()),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "from the source tree"


def _targets(figures: Figures) -> list[str]:
    rows = [
        f"| {target.what} | {target.shown(figures)} | {target.wording()} "
        f"| {target.verdict(figures)} |"
        for target in TARGETS
    ]
    return ["| | measured | target | |", "|---|---:|---:|---|", *rows]


def _figures(figures: Figures) -> list[str]:
    header = "| | " + " | ".join(_TITLES[system] for system in _SYSTEMS) + " |"
    rows = [
        f"| {title} | " + " | ".join(_cell(figures, name, system) for system in _SYSTEMS) + " |"
        for name, title in _MEASURES.items()
        if figures.systems(name)
    ]
    return [header, "|---|" + "---:|" * len(_SYSTEMS), *rows]


def _cell(figures: Figures, measure: str, system: str) -> str:
    values = figures.values(measure, system)
    middle = figures.median(measure, system)
    if middle is None:
        return "–"
    if len(values) == 1:
        return number(middle)
    return f"{number(middle)} ({number(min(values))} … {number(max(values))})"


def number(value: float) -> str:
    """Return *value* with the digits that mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _processors(figures: Figures) -> list[str]:
    rows = []
    for measure in ("echo", "store", "fanout", "burst", "forms"):
        for system in _SYSTEMS:
            if not figures.values(measure, system):
                continue
            shares = []
            for process in ("server", "kernel", "load generator"):
                used = figures.median(f"{measure}, processor µs in the {process}", system)
                shares.append("–" if used is None else number(used))
            rows.append(f"| {measure} | {_TITLES[system]} | " + " | ".join(shares) + " |")
    return ["| | | server | kernel | load generator |", "|---|---|---:|---:|---:|", *rows]
