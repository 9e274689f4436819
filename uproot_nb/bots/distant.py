"""DistantBots: bots that play in the workers of an executor, on this machine or on others."""

from __future__ import annotations

import contextlib
import math
import pickle
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import cloudpickle

from uproot_nb.bots.crowd import LOOK_EVERY, Bots, Part, Progress, errors_of, status_of
from uproot_nb.bots.latencies import Latencies
from uproot_nb.errors import UprootError
from uproot_nb.executors import check_executor, places_of

if TYPE_CHECKING:
    import pandas

__all__ = ["DistantBots", "Played", "Share", "play_share"]

GRACE = 30.0
"""Seconds after the time is up within which workers must have answered."""


class Share:
    """The bots of one worker, packed; shows no link, wherever an executor writes what it runs."""

    def __init__(self, parts: Sequence[Part], seconds: float | None, patience: float) -> None:
        try:
            self._packed: bytes = cloudpickle.dumps((list(parts), seconds, patience))
        except Exception as error:  # authors' own __reduce__ may raise anything
            raise UprootError(
                f"The bot cannot be sent to another process: {type(error).__name__}: {error}\n"
                "Let the bot itself open what it needs, such as files, locks and connections."
            ) from error

    def open(self) -> tuple[list[Part], float | None, float]:
        """Return the parts, how many seconds they may take, and the patience."""
        found: tuple[list[Part], float | None, float] = pickle.loads(self._packed)
        return found

    def __repr__(self) -> str:
        return "<Share of bots>"


@dataclass(frozen=True)
class Played:
    """What a worker reports of its share."""

    parts: list[tuple[str, str, str, str, Progress]]
    """Player, state, error, traceback, and how far it came."""
    latencies: Latencies
    why: str
    """Why the worker waited no longer; "" if all ended."""


def play_share(share: Share) -> Played:
    """Play some bots' parts to the end, and return how it went; it runs in a worker."""
    parts, seconds, patience = share.open()
    latencies = Latencies()
    with Bots(parts, watcher=latencies) as bots:
        why = bots.wait_patiently(seconds, patience)
    rows = [
        (part.player, part.state, part.error, part.traceback, part.current_progress())
        for part in parts
    ]
    return Played(rows, latencies, why)


class DistantBots:
    """Bots that play in an executor's workers, each with a share of them.

        with DistantBots(executor, parts, ended, latencies) as bots:
            bots.wait_patiently(seconds=60, patience=30)
            bots.status

    All workers must be free: bots may wait for each other.

    Args:
        ended: is called with each part that is over.
        latencies: gets the waiting times of all.
    """

    def __init__(
        self,
        executor: Executor,
        parts: Sequence[Part],
        ended: Callable[[Part], None],
        latencies: Latencies,
    ) -> None:
        check_executor(executor)
        self._executor, self._parts = executor, {part.player: part for part in parts}
        self._ended, self._latencies = ended, latencies
        self._done: SimpleQueue[Future[Played]] = SimpleQueue()
        self._out: dict[Any, list[Part]] = {}

    @property
    def status(self) -> pandas.DataFrame:
        """A row per bot, as `Bots.status`."""
        return status_of(self._parts.values())

    @property
    def errors(self) -> pandas.DataFrame:
        """A row per bot that failed or is stuck, as `Bots.errors`."""
        return errors_of(self._parts.values())

    def wait_patiently(self, seconds: float | None, patience: float) -> str:
        """Let all play to the end, or until their workers give up; return why, "" at the end.

        Args:
            seconds: how long at most; a worker that does not answer then is given up.
            patience: how many seconds without anything coming to any bot of a worker.
        """
        until = math.inf if seconds is None else time.monotonic() + seconds + GRACE
        self._share_out(seconds, patience)
        whys = []
        while self._out and time.monotonic() < until:
            with contextlib.suppress(Empty):
                whys.append(self._take(self._done.get(timeout=LOOK_EVERY)))
        if self._out:
            whys.append("its worker does not answer")
        return next(filter(None, whys), "")

    def stop(self) -> None:
        """Give up those who have not ended. Idempotent."""
        for future, parts in self._out.items():
            future.cancel()
            for part in parts:
                part.state = "stopped"
                self._ended(part)
        self._out.clear()

    def __enter__(self) -> DistantBots:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.stop()

    def _share_out(self, seconds: float | None, patience: float) -> None:
        parts = list(self._parts.values())
        count = min(places_of(self._executor), len(parts))
        shares = [parts[place::count] for place in range(count)]
        packed = [Share(share, seconds, patience) for share in shares]
        for share, one in zip(shares, packed, strict=True):
            future = self._executor.submit(play_share, one)
            self._out[future] = share
            future.add_done_callback(self._done.put)

    def _take(self, future: Future[Played]) -> str:
        """Note how a worker's bots have played; return why it waited no longer."""
        parts, why = self._out.pop(future), ""
        try:
            played = future.result()
        except Exception as error:  # of the executor: a worker is lost, a module is missing there
            for part in parts:
                part.state, part.error = "failed", f"{type(error).__name__}: {error}"
        else:
            why = played.why
            self._latencies.take_in(played.latencies)
            for player, state, error_text, trace, progress in played.parts:
                part = self._parts[player]
                part.state, part.error, part.traceback = state, error_text, trace
                part.progress = progress
        for part in parts:
            self._ended(part)
        return why
