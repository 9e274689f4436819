"""Stays: how long players are on their pages, and what is usual there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from statistics import median

from uproot_nb.log.events import Event
from uproot_nb.log.state import ARRIVED
from uproot_nb.session.world import World

__all__ = ["ENOUGH", "LEAST_SECONDS", "REMEMBERED", "TIMES", "UNKNOWN_SECONDS", "Stays"]

REMEMBERED = 200
"""The latest completed stays on each page that say what is usual."""
ENOUGH = 5
"""Completed stays from which on they say what is usual."""
TIMES = 3
"""Who is on a page for longer than so many times the median is stuck there, …"""
LEAST_SECONDS = 60.0
"""… but nobody within this time."""
UNKNOWN_SECONDS = 300.0
"""After so long somebody is stuck on a page of which the usual time is not known."""


class Stays:
    """Knows who is on which page since when; used under the run's lock.

        stays.stuck("Contribute")      # ["ann"]

    Bots, players who were moved by hand, and pages that were skipped do not say what is usual. Nor
    do dropouts and freed places count as being on a page.

    Args:
        clock: the run's time in seconds, which stands still in a pause.
    """

    def __init__(self, world: World, clock: Callable[[], float]) -> None:
        self._world, self._clock = world, clock
        self.here: dict[str, dict[str, float]] = {}
        """By page: who is there, and since when by the run's time."""
        self._page_of: dict[str, str] = {}
        self._past: dict[str, deque[float]] = {}
        self._limits: dict[str, float] = {}
        self._until = world.state.seq
        """The events up to here were before this kernel; `recall` reads them."""
        self._has_recalled = not world.state.opened
        for name, state in world.state.players.items():
            self._place(name, state.entered_at)
        for kind in ("enter", "dropout", "free"):
            world.journal.watch(kind, self._handle)

    def since(self, name: str) -> float | None:
        """Return since when a player is on the page, by the run's time; None if on none."""
        return self.here.get(self._page_of.get(name, ""), {}).get(name)

    def limit(self, page: str) -> float:
        """Return the seconds after which somebody is stuck on a page."""
        known = self._limits.get(page)
        if known is None:
            past = self._past.get(page, ())
            usual = max(LEAST_SECONDS, TIMES * median(past)) if len(past) >= ENOUGH else None
            known = self._limits[page] = UNKNOWN_SECONDS if usual is None else usual
        return known

    def stuck(self, page: str) -> list[str]:
        """Return who is on a page for longer than its limit, in the order of their names here."""
        until = self._clock() - self.limit(page)
        return [name for name, since in self.here.get(page, {}).items() if since < until]

    def recall(self) -> None:
        """Read once what was usual before this kernel; in a thread, as the log may be long."""
        if self._has_recalled:
            return
        self._has_recalled = True
        log, session = self._world.log, self._world.name
        past = completed(log.read(session, until=self._until, kinds={"enter", "once"}))
        with self._world.lock:
            for page, seconds in past.items():
                known = self._past.get(page, ())
                self._past[page] = deque([*seconds, *known], REMEMBERED)
            self._limits.clear()

    def _handle(self, event: Event) -> None:
        name = event.subject.partition("/")[2]
        state = self._world.state.players[name]
        if event.kind == "enter":
            self._complete(name, event)
            self._leave(name)
            self._place(name, event.time)
        elif state.dropped or state.freed:
            self._leave(name)
        elif name not in self._page_of:
            self._place(name, state.entered_at)

    def _complete(self, name: str, event: Event) -> None:
        """Note how long a stay was that ends with an event."""
        state, since = self._world.state.players[name], self.since(name)
        was_shown = 0 < state.entered_before == state.settled
        if since is None or not was_shown or state.bot or event.actor == "researcher":
            return
        page = self._page_of[name]
        self._past.setdefault(page, deque(maxlen=REMEMBERED)).append(self._clock() - since)
        self._limits.pop(page, None)

    def _place(self, name: str, entered: float) -> None:
        """Note that a player is on their page, since a time in Unix seconds."""
        state = self._world.state.players[name]
        if state.page is None or state.dropped or state.freed:
            return
        ago = max(0.0, self._world.journal.clock() - entered) if entered else 0.0
        self._page_of[name] = state.page
        self.here.setdefault(state.page, {})[name] = self._clock() - ago

    def _leave(self, name: str) -> None:
        page = self._page_of.pop(name, None)
        if page is not None:
            del self.here[page][name]


def completed(events: Iterable[Event]) -> dict[str, deque[float]]:
    """Return the seconds of completed stays by page, from `enter` and `once` events."""
    found: dict[str, deque[float]] = {}
    on: dict[str, tuple[str, float]] = {}
    shown: set[str] = set()
    for event in events:
        if event.kind == "once":
            shown |= {event.subject} if event.field == ARRIVED else set()
            continue
        page, since = on.get(event.subject, ("", 0.0))
        if page and event.subject in shown and event.actor != "researcher":
            found.setdefault(page, deque(maxlen=REMEMBERED)).append(event.time - since)
        shown.discard(event.subject)
        on[event.subject] = event.field, event.time
    return found
