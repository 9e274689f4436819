"""Run every bench, round by round, and write what came out to RESULTS.md.

Usage:
    python bench/run.py                      all of it, about a quarter of an hour
    python bench/run.py --quick              two short rounds, printed and not written
    python bench/run.py --only echo,fanout   some of it, printed and not written
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from figures import Figures
from measures import (
    appends,
    books,
    crowd,
    crowds,
    echoes,
    forms,
    gateways,
    imports,
    latency,
    models,
    monitor,
    opening,
    postgres,
    simulations,
    sockets,
    tables,
    takeovers,
    throughput,
    waits,
)
from participants import Participants
from peers import PEERS
from processes import BenchError, Others
from report import bounds, number, report
from servers import bare, otree, uproot, uproot_nb
from servers.system import System
from targets import TARGETS

_HERE = Path(__file__).parent
_PLAYERS = 100
_STARTS: dict[str, Callable[[Path, int], System]] = {
    "bare": bare.start, "uproot_nb": uproot_nb.start, "uproot": uproot.start, "otree": otree.start,
}  # fmt: skip
_DISTRIBUTIONS = {"uproot": "uproot-science", "otree": "otree"}
_DISTURBED = 0.2
"""A round is measured again, if there is time, when other programs took more of the processors."""
_LONG_ENOUGH = 400.0
"""Seconds after which no such round is begun."""
_PAIRED = (*throughput.JOBS, "latency", "forms")
_ALONE = (
    "waits",
    "models",
    "tables",
    "sockets",
    "opening",
    "appends",
    "books",
    "crowds",
    "monitor",
    "gateways",
    "echoes",
    "crowd",
    "imports",
    "simulations",
    "takeover",
    "postgres",
)


@dataclass(frozen=True)
class Plan:
    """How long and how often everything is measured."""

    rounds: int
    seconds: float
    pages: int
    spare: int
    repeats: int
    events: int
    markets: int
    crowd: int
    crowd_seconds: float
    kills: int
    only: frozenset[str]
    systems: frozenset[str]


class Bench:
    """One run: the systems that are up, and the figures so far."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.figures = Figures()
        self.peers: dict[str, str] = {}
        self._began = time.monotonic()
        self.failed = False

    def run(self) -> None:
        """Measure all that the plan names."""
        if any(measure in self.plan.only for measure in _PAIRED):
            with ExitStack() as up:
                self._measure_rounds(self._start_systems(up))
        alone: dict[str, Callable[[], None]] = {
            "waits": lambda: waits.measure(self.folder, self.plan.repeats, self.figures),
            "models": lambda: models.measure(self.folder, self.plan.repeats, self.figures),
            "tables": self._measure_tables,
            "sockets": lambda: sockets.measure(self.folder, self.figures),
            "opening": lambda: opening.measure(
                self.folder, self.plan.events, self.plan.repeats, self.figures
            ),
            "appends": lambda: appends.measure(self.folder, self.plan.repeats, self.figures),
            "crowds": lambda: crowds.measure(self.folder, self.plan.repeats, self.figures),
            "books": lambda: books.measure(self.folder, self.plan.repeats, self.figures),
            "monitor": lambda: monitor.measure(
                self.folder, self.plan.repeats, self.plan.seconds, self.figures
            ),
            "takeover": lambda: takeovers.measure(self.folder, self.plan.kills, self.figures),
            "simulations": lambda: simulations.measure(
                self.folder, self.plan.markets, self.figures
            ),
            "gateways": lambda: gateways.measure(
                self.folder, self.plan.repeats, self.plan.seconds, self.figures
            ),
            "postgres": lambda: postgres.measure(
                self.folder, self.plan.events, self.plan.repeats, self.plan.seconds, self.figures
            ),
            "echoes": lambda: echoes.measure(
                self.folder, self.plan.repeats, self.plan.seconds, self.figures
            ),
            "crowd": lambda: crowd.measure(
                self.folder, self.plan.crowd, self.plan.crowd_seconds, self.figures
            ),
            "imports": lambda: imports.measure(self.folder, 2 * self.plan.repeats, self.figures),
        }
        for measure in _ALONE:
            if measure in self.plan.only:
                self.say(measure)
                self._try(measure, alone[measure])

    def _measure_tables(self) -> None:
        tables.measure(self.folder, self.plan.events, self.figures)
        if "uproot" in self.plan.systems:
            tables.measure_peer(self.folder, self.plan.events, self.figures)

    def say(self, text: str) -> None:
        """Show progress."""
        print(f"[{time.monotonic() - self._began:5.0f} s] {text}", flush=True)

    def _start_systems(self, up: ExitStack) -> list[tuple[System, Participants]]:
        """Start every available system, with everybody on the page and connected."""
        started = []
        for name, start in _STARTS.items():
            if name not in self.plan.systems:
                continue
            try:
                system = start(self.folder, _PLAYERS)
                up.callback(system.close)
                crowd = Participants(name, system.urls, system.origin)
                up.callback(crowd.close)
            except (BenchError, OSError) as failure:
                self.say(f"{name} is skipped: {failure}")
                self.peers[name] = "not measured (it could not be started here)"
                self.failed |= name not in PEERS
                continue
            if name in PEERS:
                self.peers[name] = PEERS[name].version(_DISTRIBUTIONS[name])
            self.say(f"{name} is up")
            started.append((system, crowd))
        return started

    def _measure_rounds(self, systems: list[tuple[System, Participants]]) -> None:
        """Measure round by round, and some more if other programs disturbed; keep the quietest."""
        rounds: list[Figures] = []
        while len(rounds) < self.plan.rounds or self._wants_another(rounds):
            self.say(f"round {len(rounds) + 1} of {self.plan.rounds}")
            # Who goes first changes, so that a drift of the machine favours nobody.
            order = systems if len(rounds) % 2 == 0 else systems[::-1]
            rounds.append(self._round(order))
        everything = Figures()
        for figures in rounds:
            everything.take_in(figures)
        self._try("the log", partial(throughput.check_log, systems, everything))
        for figures in sorted(rounds, key=_disturbance)[: self.plan.rounds]:
            self.figures.take_in(figures)

    def _wants_another(self, rounds: list[Figures]) -> bool:
        disturbed = sum(_disturbance(figures) > _DISTURBED for figures in rounds)
        quiet = len(rounds) - disturbed
        if time.monotonic() - self._began > _LONG_ENOUGH:
            return False
        return quiet < self.plan.rounds and len(rounds) < self.plan.rounds + self.plan.spare

    def _round(self, order: list[tuple[System, Participants]]) -> Figures:
        figures = Figures()
        others = Others([pid for s, crowd in order for pid in (*s.pids.values(), crowd.pid)])
        for measure in _PAIRED:
            if measure in self.plan.only:
                self._try(measure, partial(self._paired, measure, order, figures))
        figures.add("share of others", "others", others.share())
        self.say(f"  other programs took {_disturbance(figures):.0%} of the processors")
        return figures

    def _paired(
        self, measure: str, order: list[tuple[System, Participants]], figures: Figures
    ) -> None:
        if measure == "latency":
            latency.measure_round(order, self.plan.seconds, figures)
            shown, unit = "p50 idle", " in ms"
        elif measure == "forms":
            forms.measure_round(order, self.plan.pages, figures)
            shown, unit = measure, "/s"
        else:
            throughput.measure_round(measure, order, self.plan.seconds, figures)
            shown, unit = measure, "/s"
        values = [(system.name, figures.median(shown, system.name)) for system, _ in order]
        text = ", ".join(f"{name} {number(value)}" for name, value in values if value is not None)
        self.say(f"  {shown}{unit}: {text}")

    def _try(self, measure: str, job: Callable[[], None]) -> None:
        try:
            job()
        except (BenchError, OSError) as failure:
            self.failed = True
            self.say(f"{measure} failed: {failure}")


def main() -> int:
    """Run what the command line asks for; return 1 if a measure failed."""
    options = _options()
    signal.signal(signal.SIGTERM, _end)
    plan = _plan(options)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(
            tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)
        ))  # fmt: skip
        bench = Bench(plan, folder)
        bench.run()
    note = f"{plan.rounds} paired rounds of {plan.seconds:g} s a figure."
    if bench.figures.systems("share of others"):
        note += f" In the median round, {_disturbance(bench.figures):.0%} of the processors' time"
        note += " went to other programs and to the operating system's own work."
    page = bounds(report(bench.figures, bench.peers, note), _HERE / "BOUNDS.md")
    print("\n" + page)
    whole = not (options.quick or options.only or options.systems or bench.failed)
    output = options.output or (_HERE / "RESULTS.md" if whole else None)
    if output is not None:
        output.write_text(page, encoding="utf-8")
        print(f"written to {output.name}")
    missed = [target.what for target in TARGETS if target.verdict(bench.figures) == "not met"]
    print("not met: " + ("; ".join(missed) or "nothing"))
    return int(bench.failed)


def _disturbance(figures: Figures) -> float:
    return figures.median("share of others", "others") or 0.0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure uproot_nb beside its peers.")
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--only", default="", help=f"some of {','.join((*_PAIRED, *_ALONE))}")
    parser.add_argument("--systems", default="", help=f"some of {','.join(_STARTS)}")
    parser.add_argument("--rounds", type=int, help="how many paired rounds")
    parser.add_argument("--seconds", type=float, help="seconds for one figure")
    parser.add_argument("--markets", type=int, help="how many simulated markets for each way")
    parser.add_argument("--output", type=Path, help="where to write the report")
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> Plan:
    everything = (*_PAIRED, *_ALONE)
    return Plan(
        rounds=options.rounds or (2 if options.quick else 5),
        seconds=options.seconds or (0.7 if options.quick else 3.0),
        pages=6 if options.quick else 20,
        spare=0 if options.quick else 2,
        repeats=1 if options.quick else 3,
        events=1_000_000,
        markets=options.markets or (96 if options.quick else 600),
        crowd=1_000 if options.quick else crowd.PLAYERS,
        crowd_seconds=20.0 if options.quick else 60.0,
        kills=5 if options.quick else 50,
        only=_chosen(options.only, everything),
        systems=_chosen(options.systems, tuple(_STARTS)),
    )


def _chosen(text: str, known: tuple[str, ...]) -> frozenset[str]:
    names = frozenset(filter(None, text.split(","))) or frozenset(known)
    if unknown := names - frozenset(known):
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return names


def _end(*_: object) -> NoReturn:
    """Leave by an exception, so that every process is ended on the way out."""
    sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
