"""Bots: participants without browsers who take part in a session, in a thread of their own."""

from __future__ import annotations

import asyncio
import contextlib
import html
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from uproot_nb.bots.client import Client, Watcher
from uproot_nb.bots.refusals import SessionEnded, Stuck

if TYPE_CHECKING:
    import pandas

__all__ = ["Bot", "Bots", "Part", "Progress", "errors_of", "status_of"]

Bot = Callable[[Client], Awaitable[Any]]

LOOK_EVERY = 0.25
STOP_WITHIN = 15.0
_COLUMNS = ["player", "bot", "state", "page", "submissions", "calls", "error"]


@dataclass(frozen=True)
class Progress:
    """How far a bot came that played in another process."""

    page: str
    submissions: int
    calls: int


@dataclass
class Part:
    """One bot's part: its player, and how it went."""

    player: str
    link: str
    bot: Bot
    rng: random.Random = field(default_factory=random.Random)
    polling: bool = False
    """Whether the bot connects by long polling."""
    state: str = "running"
    """"running", "done", "failed", "stuck" or "stopped"."""
    error: str = ""
    traceback: str = ""
    client: Client | None = None
    progress: Progress | None = None
    """Instead of the client, of a bot that played in another process."""

    @property
    def name(self) -> str:
        """The bot's own name, as it was defined."""
        inner = getattr(self.bot, "func", self.bot)  # of a functools.partial
        return str(getattr(inner, "__name__", type(inner).__name__))

    @property
    def page(self) -> str:
        """The page on which the player is, or was last; "" past the last."""
        return self.current_progress().page

    def current_progress(self) -> Progress:
        """Return on which page the bot is, and what it has sent so far."""
        if self.client is None:
            return self.progress or Progress("", 0, 0)
        return Progress(self.client.page, self.client.submissions, self.client.calls)

    def row(self) -> tuple[Any, ...]:
        """Return the part's row of `Bots.status`."""
        now = self.current_progress()
        rest = now.page or None, now.submissions, now.calls, self.error or None
        return self.player, self.name, self.state, *rest


def status_of(parts: Iterable[Part]) -> pandas.DataFrame:
    """Return the table `Bots.status`."""
    import pandas  # lazy: see uproot_nb/__init__.py

    frame = pandas.DataFrame([part.row() for part in parts], columns=_COLUMNS)
    texts = ["player", "bot", "state", "page", "error"]
    return frame.astype({**dict.fromkeys(texts, "string"), "submissions": int, "calls": int})


def errors_of(parts: Iterable[Part]) -> pandas.DataFrame:
    """Return the table `Bots.errors`."""
    import pandas  # lazy: as above

    columns = ["player", "bot", "page", "error", "traceback"]
    rows = [
        (part.player, part.name, part.page or None, part.error, part.traceback)
        for part in parts
        if part.state in ("failed", "stuck")
    ]
    return pandas.DataFrame(rows, columns=columns, dtype="string")


class Bots:
    """Bots that take part in a run; made by `run.bots`.

        bots = run.bots(8)
        bots.wait(60)
        bots.status
        bots.stop()

    A bot that fails does not affect the others, and a running cell does not delay them.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        ended: Callable[[Part], None] = lambda part: None,
        watcher: Watcher | None = None,
    ) -> None:
        self._parts, self._ended, self._watcher = list(parts), ended, watcher
        self._over, self._begun = threading.Event(), threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._all: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._work, name="uproot_nb bots", daemon=True)
        self._thread.start()
        self._begun.wait()

    # ---- how it goes ----

    @property
    def status(self) -> pandas.DataFrame:
        """A row per bot: player, bot, state, page, submissions, calls, error.

        State: running, done, failed (it raised), stuck (a page accepts nothing) or stopped. The
        page is missing past the last one.
        """
        return status_of(self._parts)

    @property
    def errors(self) -> pandas.DataFrame:
        """A row per bot that failed or is stuck: player, bot, page, error, traceback."""
        return errors_of(self._parts)

    @property
    def running(self) -> list[str]:
        """The names of the players whose bots still play."""
        return [part.player for part in self._parts if part.state == "running"]

    @property
    def quiet_for(self) -> float:
        """Seconds since anything came to any bot; 0 while a page has a deadline before it."""
        now = time.monotonic()
        clients = [p.client for p in self._parts if p.state == "running" and p.client is not None]
        if not clients or any((client.deadline or 0.0) > now for client in clients):
            return 0.0
        return now - max(client.active_at for client in clients)

    # ---- the end ----

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all have ended, at most *timeout* seconds; return whether they have ended."""
        return self._over.wait(timeout)

    def wait_patiently(self, seconds: float | None, patience: float) -> str:
        """Wait until all have ended, or waiting is pointless; return the reason, "" at the end.

        Args:
            seconds: how long at most.
            patience: how many seconds without anything coming to any of them.
        """
        begun = time.monotonic()
        while not self.wait(LOOK_EVERY):
            if seconds is not None and time.monotonic() - begun > seconds:
                return f"not at the end after {seconds:g} s"
            if self.quiet_for > patience:
                return f"nothing came for {patience:g} s"
        return ""

    def stop(self) -> None:
        """Stop all bots. Idempotent; what they have done stays."""
        loop, task = self._loop, self._all
        if not self._over.is_set() and loop is not None and task is not None:
            with contextlib.suppress(RuntimeError):  # it ended just now
                loop.call_soon_threadsafe(task.cancel)
        if threading.current_thread() is not self._thread:
            self._thread.join(STOP_WITHIN)

    def __enter__(self) -> Bots:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.stop()

    # ---- playing ----

    def _work(self) -> None:
        try:
            asyncio.run(self._play_all())
        finally:
            self._begun.set()
            self._over.set()

    async def _play_all(self) -> None:
        self._loop, self._all = asyncio.get_running_loop(), asyncio.current_task()
        tasks = [asyncio.create_task(self._play(part)) for part in self._parts]
        self._begun.set()
        try:
            if tasks:
                await asyncio.wait(tasks)
        except asyncio.CancelledError:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _play(self, part: Part) -> None:
        try:
            part.state = await self._played(part)
        except asyncio.CancelledError:
            part.state = "stopped"
        except SessionEnded as error:
            part.state, part.error = "stopped", str(error)
        except Stuck as error:
            part.state, part.error = "stuck", str(error)
        except Exception as error:  # the border around authors' bots
            part.error = f"{type(error).__name__}: {error}"
            part.traceback = "".join(traceback.format_exception(error))
            part.state = "failed"
        self._ended(part)

    async def _played(self, part: Part) -> str:
        part.client = Client(
            part.link, part.player, rng=part.rng, watcher=self._watcher, polling=part.polling
        )
        try:
            await part.client.open()
            await part.bot(part.client)
        finally:
            await part.client.close()
        return "done"

    # ---- how it looks ----

    def __len__(self) -> int:
        return len(self._parts)

    def __repr__(self) -> str:
        counts = Counter(part.state for part in self._parts)
        listed = ", ".join(f"{count} {state}" for state, count in counts.items())
        return f"<Bots: {listed or 'none'}>"

    def _repr_html_(self) -> str:
        details = "".join(
            f"<details><summary>{html.escape(part.player)}: {html.escape(part.error)}</summary>"
            f"<pre>{html.escape(part.traceback)}</pre></details>"
            for part in self._parts
            if part.traceback
        )
        table = self.status.to_html(index=False, na_rep="")
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{table}{details}"
