"""ServerTimings: how long calls, requests and commits take, as a server measures them."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable

from uproot_nb.bridge.durations import BOUNDS, Durations
from uproot_nb.bridge.messages import CommitTimes

__all__ = ["ServerTimings"]

_LAST = len(BOUNDS)
"""The place of the class without a bound."""


class ServerTimings:
    """Measures calls and requests, and remembers what kernels report of their commits.

        timings.begun[7] = time.monotonic()     # call 7 goes to the kernel
        timings.ended.append(7)                 # its outcome is there
        timings.note_ended()                    # once for all outcomes of a turn

    Calls are many, so that both ends of one cost no more than a dictionary's and a list's entry.
    """

    def __init__(self) -> None:
        self.calls = Durations()
        """From a call's arrival to its outcome, which is committed then."""
        self.requests: defaultdict[str, Durations] = defaultdict(Durations)
        """From a request to the kernel's answer, by the request's action."""
        self.commits: dict[str, CommitTimes] = {}
        """The last report of each session, by its key."""
        self.begun: dict[int, float] = {}
        """When calls came that have no outcome yet, by their numbers."""
        self.ended: list[int] = []
        """Calls that have got their outcomes in this turn."""

    def note_ended(self) -> None:
        """Count the calls that have ended: by class, for most calls of a turn take as long."""
        ended, self.ended = self.ended, []
        take, now = self.begun.pop, time.monotonic()
        taken = [now - take(call, now) for call in ended]
        taken.sort()
        done, place = 0, bisect_left(BOUNDS, taken[0])
        while done < len(taken):
            upto = bisect_right(taken, BOUNDS[place]) if place < _LAST else len(taken)
            self.calls.counts[place] += upto - done
            done, place = upto, place + 1
        self.calls.seconds += sum(taken)

    def forget(self, calls: Iterable[int]) -> None:
        """Forget calls whose browser is gone."""
        for call in calls:
            self.begun.pop(call, None)

    def forget_commits_except(self, sessions: Iterable[str]) -> None:
        """Forget the reports of all sessions but those with these keys."""
        self.commits = {key: self.commits[key] for key in sessions if key in self.commits}
