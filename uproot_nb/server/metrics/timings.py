"""ServerTimings: how long calls, requests and commits take, as a server measures them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable

from uproot_nb.bridge.durations import Durations
from uproot_nb.bridge.messages import CommitTimes

__all__ = ["ServerTimings"]


class ServerTimings:
    """Measures calls and requests, and remembers what kernels report of their commits.

    timings.begin(7)        # call 7 goes to the kernel
    timings.end(7)          # its outcome is there
    """

    def __init__(self) -> None:
        self.calls = Durations()
        """From a call's arrival to its outcome, which is committed then."""
        self.requests: defaultdict[str, Durations] = defaultdict(Durations)
        """From a request to the kernel's answer, by the request's action."""
        self.commits: dict[str, CommitTimes] = {}
        """The last report of each session, by its key."""
        self._begun: dict[int, float] = {}

    def begin(self, call: int) -> None:
        """Note that a call goes to the kernel."""
        self._begun[call] = time.monotonic()

    def end(self, call: int) -> None:
        """Note that a call has its outcome."""
        begun = self._begun.pop(call, None)
        if begun is not None:
            self.calls.note(time.monotonic() - begun)

    def forget(self, calls: Iterable[int]) -> None:
        """Forget calls whose browser is gone."""
        for call in calls:
            self._begun.pop(call, None)

    def keep_commits(self, sessions: Iterable[str]) -> None:
        """Forget the reports of all sessions but those with these keys."""
        self.commits = {key: self.commits[key] for key in sessions if key in self.commits}
