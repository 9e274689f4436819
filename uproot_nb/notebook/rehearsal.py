"""Rehearsal: bots play an experiment to its end, to test its code and the machine."""

from __future__ import annotations

import asyncio
import html
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uproot_nb.analysis.plain_html import plain_html
from uproot_nb.bots.random_forms import random_forms
from uproot_nb.errors import UprootError
from uproot_nb.notebook.run import Run
from uproot_nb.notebook.serve import serve

if TYPE_CHECKING:
    import pandas

    from uproot_nb.bots.crowd import Bot, Bots
    from uproot_nb.bots.distant import DistantBots
    from uproot_nb.bots.latencies import Latencies

__all__ = ["Rehearsal", "rehearse"]

_KINDS = ["page", "submission", "call", "push"]


@dataclass(frozen=True)
class Rehearsal:
    """The result of `rehearse`; a cell shows it as a report."""

    name: str
    """The session's name; nothing of the session is stored."""
    players: pandas.DataFrame
    """A row per player: player, bot, state, page, submissions, calls, error."""
    latencies: pandas.DataFrame
    """A row per kind (page, submission, call, push): count, p50, p95, p99, max in milliseconds.

    From the request to the last byte, as the bots see it; for a push, from its entry in the log.
    """
    waits: pandas.DataFrame
    """Each of these: kind, what (page or live method), ms."""
    stuck: pandas.DataFrame
    """A row per player who did not reach the end although no bot failed: player, page, why."""
    errors: pandas.DataFrame
    """A row per failure, of a bot or of the experiment's code: where, player, page, error,
    traceback."""
    seconds: float
    """How long the bots have played."""
    interactions: int
    """How many pages, submissions and calls were answered."""
    engine_ms: float
    """Processor milliseconds of the engine's thread for one interaction."""
    warnings: pandas.DataFrame
    """A row per warning, for example about code that blocked everybody: page, warning, count."""

    @property
    def ok(self) -> bool:
        """Whether all have reached the end, and nothing failed; slow code is only a warning."""
        return self.stuck.empty and self.errors.empty

    @property
    def per_second(self) -> float:
        """How many interactions a second one processor could handle: 1000 / engine_ms. An estimate.

        The engine is one thread, so this is its limit, however many processors there are. It
        excludes the bots, the network, the browsers, slow disks, and the Jupyter server in
        between, but includes an embedded participant server, and pushes to this number of
        players. If the processor is the limit, the estimate is low: a busy engine handles many
        calls in one turn, and commits them together.
        """
        return 1000.0 / self.engine_ms if self.engine_ms else float("nan")

    def __str__(self) -> str:
        states = self.players["state"].value_counts()
        counts = ", ".join(f"{count} {state}" for state, count in states.items())
        lines = [
            f"Rehearsal of {len(self.players)} players in {self.seconds:.1f} s: {counts}.",
            *[f"Stuck: {r.player} on {r.page}: {r.why}" for r in self.stuck.itertuples()],
            *[f"Error: {r.player} on {r.page}: {r.error}" for r in self.errors.itertuples()],
            *[f"Warning: {r.warning} ({r.count} times)" for r in self.warnings.itertuples()],
            self.latencies.round(1).to_string(),
            self._estimate,
        ]
        return "\n".join(lines)

    @property
    def _estimate(self) -> str:
        rate = self.interactions / self.seconds if self.seconds else 0.0
        return (
            f"{self.interactions} interactions, {rate:.0f} a second; each took the engine "
            f"{self.engine_ms:.2f} ms of processor time, so it could handle about "
            f"{self.per_second:.0f} a second (estimate)."
        )

    def _repr_html_(self) -> str:
        first = html.escape(str(self).partition("\n")[0])
        parts = [f"<p><strong>{first}</strong></p>"]
        for title, frame in (
            ("Stuck", self.stuck), ("Errors", self.errors), ("Warnings", self.warnings),
        ):  # fmt: skip
            if not frame.empty:
                table = frame.drop(columns="traceback", errors="ignore")
                parts.append(f"<p>{title}</p>{table.to_html(index=False, na_rep='')}")
        for row in self.errors.itertuples():
            traceback = html.escape(str(row.traceback))
            title = html.escape(f"{row.player}: {row.error}")
            parts.append(f"<details><summary>{title}</summary><pre>{traceback}</pre></details>")
        parts += [self.latencies.round(1).to_html(), f"<p>{html.escape(self._estimate)}</p>"]
        return plain_html("".join(parts))


def rehearse(
    page_order: Any = None,
    players: int = 40,
    *,
    bot: Bot = random_forms,
    seconds: float | None = None,
    patience: float = 30.0,
    seed: Any = None,
    executor: Executor | None = None,
    namespace: dict[str, Any] | None = None,
    **options: Any,
) -> Rehearsal:
    """Let bots play an experiment to its end in a separate session, and report the result.

        report = rehearse([Consent, Market, Thanks], players=40)
        report                # latencies, errors, who is stuck where
        report.stuck

    The bots load pages, send forms and make calls over real connections, without a pause to think.
    The session is called `rehearsal-…`; its database is temporary, and never that of the data.

    What the machine could handle (`report.per_second`) is an estimate: the processor time that the
    engine's thread has used while the bots played, divided by the number of interactions.

    Args:
        page_order: as for `serve`.
        players: how many bots.
        bot: what each does; `random_forms` answers all forms and makes no calls.
        seconds: the longest duration; players who have not finished by then count as stuck.
        patience: seconds without any message to any of them, and without a coming timeout, after
            which they count as stuck.
        seed: makes players' names, treatments and the bots' draws reproducible.
        executor: lets the bots play in its workers, all at the same time: a pool of processes,
            or for example Dask's `client.get_executor()` for other machines, which must reach the
            address (`address="0.0.0.0", port=8600, public_url="http://…:8600"`). `patience` is then
            that of each worker with its share of the bots.
        options: more for `serve`, such as `app`, `settings` or `embedded`.

    Raises:
        UprootError: an argument is not valid.
    """
    # lazy: the bots' parts need Tornado
    from uproot_nb.bots.latencies import Latencies

    for own in ("name", "db"):
        if own in options:
            raise UprootError(f"rehearse({own}=...): a rehearsal has a {own} of its own.")
    names = sys._getframe(1).f_globals if namespace is None else namespace
    name = f"rehearsal-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}"
    latencies = Latencies()
    with tempfile.TemporaryDirectory(prefix="uproot_nb-", ignore_cleanup_errors=True) as folder:
        run = serve(
            page_order, players=players, name=name, db=Path(folder, f"{name}.sqlite3"),
            seed=seed, namespace=dict(names), **{"port": 0, "effects": False, **options},
        )  # fmt: skip
        with run:
            used, begun = _engine_seconds(run), time.monotonic()
            with _started(run, players, bot, seed, latencies, executor) as bots:
                why = bots.wait_patiently(seconds, patience)
                took = time.monotonic() - begun
                used = _engine_seconds(run) - used
            return _report(run, bots, latencies, why, took, used)


def _started(
    run: Run, players: int, bot: Bot, seed: Any, latencies: Latencies, executor: Executor | None
) -> Bots | DistantBots:
    if executor is None:
        return run._bots.start(players, bot, seed, latencies)
    # lazy: the bots' parts need Tornado
    from uproot_nb.bots.distant import DistantBots

    parts, ended = run._bots.take_places(players, bot, seed)
    return DistantBots(executor, parts, ended, latencies)


def _engine_seconds(run: Run) -> float:
    """Return the processor seconds that the engine's thread has used so far."""

    async def used() -> float:
        await asyncio.sleep(0)
        return time.thread_time()

    return float(run._runtime.wait_for(used()))


def _report(
    run: Run, bots: Bots | DistantBots, latencies: Latencies, why: str, took: float, used: float
) -> Rehearsal:
    pushes = run._runtime.world.log.read(run.name, kinds={"notify"})
    waits = latencies.latencies({event.seq: event.time for event in pushes})
    interactions = len(latencies.rows)
    return Rehearsal(
        run.name, bots.status, _quantiles(waits), waits, _stuck(bots, why), _errors(run, bots),
        took, interactions, 1000.0 * used / interactions if interactions else 0.0, _warnings(run),
    )  # fmt: skip


def _quantiles(waits: pandas.DataFrame) -> pandas.DataFrame:
    spans = waits.groupby("kind")["ms"]
    shares: Mapping[str, float] = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    found = spans.count().to_frame("count")
    for name, share in shares.items():
        found[name] = spans.quantile(share)
    found["max"] = spans.max()
    return found.reindex([kind for kind in _KINDS if kind in found.index])


def _stuck(bots: Bots | DistantBots, why: str) -> pandas.DataFrame:
    frame = bots.status
    frame = frame[frame["state"].isin(["stuck", "stopped"])]
    frame = frame.assign(why=frame["error"].fillna(why))
    return frame[["player", "page", "why"]].reset_index(drop=True)


def _warnings(run: Run) -> pandas.DataFrame:
    """Return the warnings, as of the watchdog; nothing has failed."""
    rows = run.errors
    rows = rows[rows["type"] == "Warning"]
    frame = rows.assign(warning=rows["message"], page=rows["page"].astype("string"))
    return frame[["page", "warning", "count"]].reset_index(drop=True)


def _errors(run: Run, bots: Bots | DistantBots) -> pandas.DataFrame:
    """Return what failed: bots that raised, and the experiment's own code."""
    import pandas  # lazy: see uproot_nb/__init__.py

    failed = set(bots.status.query("state == 'failed'")["player"])
    own = bots.errors[bots.errors["player"].isin(failed)].assign(where="bot").drop(columns="bot")
    rows = run.errors
    rows = rows[rows["type"] != "Warning"]
    theirs = pandas.DataFrame(
        {
            "where": "experiment",
            "player": rows["subject"].astype("string").str.removeprefix("player/"),
            "page": rows["page"].astype("string"),
            "error": rows["type"] + ": " + rows["message"],
            "traceback": rows["traceback"],
        }
    )
    both = pandas.concat([theirs, own], ignore_index=True).astype("string")
    return both[["where", "player", "page", "error", "traceback"]]
