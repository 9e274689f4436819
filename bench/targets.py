"""Target: what a figure should be, so that met or not met follows from the figures alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from figures import Figures
from measures.simulations import LENGTHS
from measures.takeovers import WAYS
from measures.waits import SIZES

__all__ = ["TARGETS", "Target"]

_OURS = "uproot_nb"


@dataclass(frozen=True)
class Target:
    """One sentence with a figure and its bound; `places` are the decimals shown."""

    what: str
    figure: Callable[[Figures], float | None]
    bound: float
    at_least: bool
    unit: str = ""
    places: int = 2

    def wording(self) -> str:
        """Return the bound as a reader sees it."""
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}{self.unit}"

    def verdict(self, figures: Figures) -> str:
        """Return "met", "not met" or "not measured"."""
        value = self.figure(figures)
        if value is None:
            return "not measured"
        return "met" if (value >= self.bound) == self.at_least or value == self.bound else "not met"

    def shown(self, figures: Figures) -> str:
        """Return the figure as a reader sees it."""
        value = self.figure(figures)
        return "–" if value is None else f"{value:.{self.places}f}{self.unit}"


def _ratio(measure: str, other: str, of: str = "") -> Callable[[Figures], float | None]:
    return lambda figures: figures.ratio((measure, _OURS), (of or measure, other))


def _median(measure: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.median(measure)


def _memory_above_empty(figures: Figures) -> float | None:
    long, empty = (figures.median(f"MB after opening, {which}") for which in ("killed", "empty"))
    return None if long is None or empty is None else long - empty


def _longest_wait(figures: Figures) -> float | None:
    found = [figures.median(f"p99 waits, {size}, in one second") for size in SIZES]
    return max((value for value in found if value is not None), default=None)


def _largest_export(figures: Figures) -> float | None:
    found = [figures.median(f"MB peak, {job} of a million") for job in ("csv", "parquet")]
    return max((value for value in found if value is not None), default=None)


def _of_fetchall(job: str) -> Callable[[Figures], float | None]:
    return _ratio(f"s for {job} of a million", _OURS, "s for fetchall of a million")


def _against_peer(figures: Figures) -> float | None:
    measure = "s for events of a million"
    return figures.ratio((measure, "uproot"), (measure, _OURS))


def _above_bare_insert(figures: Figures) -> float | None:
    stored, bare = (
        figures.values(f"p50 of a {what}") for what in ("call stored in PostgreSQL", "bare INSERT")
    )
    above = [one - other for one, other in zip(stored, bare, strict=False)]
    return median(above) if above else None


def _from_postgres(job: str) -> Callable[[Figures], float | None]:
    return _ratio(f"s for {job} from PostgreSQL", _OURS, f"s for {job} from a file")


def _model_growth(figures: Figures) -> float | None:
    return figures.ratio(("µs to add, at 100,000", _OURS), ("µs to add, at 1,000", _OURS))


def _append_growth(figures: Figures) -> float | None:
    return figures.ratio(("µs for the last appends", _OURS), ("µs for the first appends", _OURS))


def _watched(by: str) -> Callable[[Figures], float | None]:
    names = (f"calls per second, {by}", "calls per second, nobody watches")
    return lambda figures: figures.ratio(*((name, _OURS) for name in names))


def _sleeping_against_idle(figures: Figures) -> float | None:
    return figures.ratio(("p50 while a cell sleeps", _OURS), ("p50 idle", _OURS))


TARGETS = (
    Target("echoes per second, of bare Tornado's", _ratio("echo", "bare"), 0.75, True),
    Target("stored calls per second, of bare Tornado's echoes", _ratio("store", "bare", "echo"),
           0.65, True),
    Target("echoes per second, of uproot's", _ratio("echo", "uproot"), 2, True),
    Target("stored calls per second, of uproot's", _ratio("store", "uproot"), 2, True),
    Target("deliveries per second, of bare Tornado's", _ratio("fanout", "bare"), 0.75, True),
    Target("deliveries per second, of uproot's", _ratio("fanout", "uproot"), 4, True),
    Target("one participant, p50", _median("p50 idle"), 0.4, False, " ms", 3),
    Target("one participant while a cell computes, p99", _median("p99 while a cell computes"),
           5, False, " ms"),
    Target("one participant while a cell sleeps, p50, of idle", _sleeping_against_idle,
           1.25, False),
    Target("pages with a form per second, of bare Tornado's", _ratio("forms", "bare"), 0.5, True),
    Target("pages with a form per second, of uproot's", _ratio("forms", "uproot"), 1, True),
    Target("pages with a form per second, of oTree's", _ratio("forms", "otree"), 1, True),
    Target("200 arrive in a second: from a group's last click to the next page, p99",
           _longest_wait, 1000, False, " ms", 0),
    Target("an equality filter for 10 of 100,000 entries", _median("ms to filter 100,000"),
           1, False, " ms", 3),
    Target("adding the 100,000th entry, of the 1,000th", _model_growth, 1.25, False),
    Target("a million events as a DataFrame, of sqlite3's fetchall of the same rows",
           _of_fetchall("events"), 0.5, False),
    Target("… the process's peak memory", _median("MB peak, events of a million"), 600, False,
           " MB", 0),
    Target("the next look, 100 new events", _median("ms for 100 new events"), 10, False, " ms", 1),
    Target("… against the peer's export as CSV, read by pandas: times as fast", _against_peer,
           5, True, places=1),
    Target("the state at any of a million moments, the slowest of nine",
           _median("s for at of a million"), 0.5, False, " s"),
    Target("export of a million events to Parquet, of fetchall", _of_fetchall("parquet"),
           1, False),
    Target("export of a million events to CSV, of fetchall", _of_fetchall("csv"), 1.5, False),
    Target("… the process's peak memory, of the larger", _largest_export, 500, False, " MB", 0),
    Target("opening a million events", _median("s to open, killed"), 0.5, False, " s"),
    Target("memory of a million events, above an empty log's", _memory_above_empty,
           60, False, " MB", 1),
    Target("the 10,000th in-place append, of the first", _append_growth, 1.25, False),
    Target("book commands per second", _median("book commands per second"), 100_000, True,
           places=0),
    Target("a command with 10^5 resting, of one with 10^3",
           _median("a command with 10^5 resting, of one with 10^3"), 1.25, False),
    Target("market commands per second, each in the log",
           _median("logged market commands per second"), 5_000, True, places=0),
    Target("calls of 500 participants while a monitor watches, of those while none does",
           _watched("a monitor watches"), 0.95, True, places=3),
    Target("calls of 500 participants while three pages watch, of those while nobody does",
           _watched("three pages watch"), 0.95, True, places=3),
    Target("memory of a connected participant in the server", _median("kB a socket"),
           25, False, " kB", 1),
    Target("all that is done to all players, for one of 5,000, of one of 1,000",
           _median("a player of 5,000, of one of 1,000"), 2, False),
    *(Target(f"simulated markets on two cores by {what}, of one core's",
             _median(f"simulated markets on two cores by {what}, of one core"), 1.8, True)
      for what in ("processes", "Dask")),
    *(Target(f"quotes of {kind} per second {words}, of Bristol Stock Exchange's",
             _median(f"quotes of {kind} per second {words}, of BSE's"), 1.5, True)
      for words in LENGTHS.values() for kind in ("ZIC", "ZIP")),
    *(Target(f"quotes of GD per second {words}", _median(f"quotes of GD per second {words}"),
             5_000, True, places=0)
      for words in LENGTHS.values()),
    Target("10,000 markets of 8 traders, 6 periods of 400 steps, with periods, trades and traders",
           _median("core-minutes for 10,000 markets"), 8, False, " core-minutes"),
    Target("… with all tables", _median("core-minutes for 10,000 markets, all tables"), 8, False,
           " core-minutes"),
    Target("the server's code for an echo with bounds, speed of that without",
           _median("speed of an echo with bounds"), 0.97, True, places=3),
    Target("metrics' share of the server's work for an echo",
           _median("share of metrics in the server's work for an echo"), 0.01, False, places=4),
    Target("seconds from a kill to the answer of another kernel, the worst",
           _median(f"s from {WAYS['kills']} to an answer, worst"), 5, False, " s"),
    Target("seconds from a standstill to the answer of another kernel, the worst",
           _median(f"s from {WAYS['standstills']} to an answer, worst"), 5, False, " s"),
    Target("seconds from the last answer before a handover to that of another kernel, the worst",
           _median(f"s from {WAYS['pauses']} to an answer, worst"), 1, False, " s"),
    Target("echoes per second by a gateway, of those without one",
           _ratio("echo by a gateway", _OURS, "echo without a gateway"), 0.6, True),
    Target("one participant at a gateway, p50, of a request over NATS by nats-py",
           _ratio("p50 by a gateway", _OURS, "p50 of a request over NATS"), 2.1, False),
    Target("deliveries per processor second of a gateway, of the single server's",
           _ratio("deliveries per processor second of a gateway", _OURS,
                  "deliveries per processor second of the server"), 0.9, True),
    Target("the kernel's processor time for a push to 10,000 at four gateways, of one to 100",
           _ratio("µs for a push to 10000", _OURS, "µs for a push to 100"), 1.5, False),
    Target("stored calls per second in PostgreSQL, of those in a file",
           _ratio("store in PostgreSQL", _OURS, "store in a file"), 0.6, True),
    Target("one participant's stored call in PostgreSQL, p50, above a bare INSERT",
           _above_bare_insert, 1.5, False, " ms", 2),
    Target("opening a million events in PostgreSQL", _median("s to open in PostgreSQL, killed"),
           1, False, " s"),
    Target("a million events from PostgreSQL as a DataFrame, of those from a file",
           _from_postgres("events"), 1.5, False),
    Target("10,000 participants at four gateways, each with a call every 10 s: dropped",
           _median("crowd at gateways, lost"), 0, False, places=0),
    Target("… calls without an outcome", _median("crowd at gateways, unanswered"), 0, False,
           places=0),
    Target("… p99", _median("crowd at gateways, p99 in ms"), 1000, False, " ms", 1),
    Target("… memory of a socket at a gateway", _median("kB a socket at a gateway"), 25, False,
           " kB", 1),
    Target("import uproot_nb in a fresh kernel", _median("s for import uproot_nb"),
           0.25, False, " s"),
)  # fmt: skip
"""The targets in the order of the report. "As" and "what … did" mean: within a quarter."""
