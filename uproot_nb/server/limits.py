"""Limits: how much browsers may request from the server, and what each network has left."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass

from uproot_nb.server.networks import network_of
from uproot_nb.server.rates.buckets import TokenBucket
from uproot_nb.server.rates.guesses import Guesses

__all__ = ["Limits", "TokenBucket", "Visitor", "Visitors", "how_to_change"]

_MOST_VISITORS = 4096


def how_to_change(setting: str) -> str:
    """Return how a researcher changes a limit, as the end of a sentence."""
    return (
        f"{setting} (c.UprootNB.{setting} in jupyter_server_config.py; "
        f"serve(server={{'{setting}': …}}) for a run's own server; uproot-nb run --set {setting}=…)"
    )


@dataclass(frozen=True)
class Limits:
    """What the participant server accepts from browsers, and stores for them.

    Sizes are bytes, times seconds.
    """

    max_calls_per_second: float = 200.0
    """Frames and requests of one player; 0 = no limit."""
    burst_seconds: float = 5.0
    """So many seconds' worth may come at once: 1,000 calls at 200 a second."""
    max_frame_bytes: int = 64 * 1024
    max_unsent_bytes: int = 4 * 1024 * 1024
    max_connections: int = 4000
    """Fewer if the process may not open as many files."""
    max_connections_per_network: int = 0
    """Of strangers behind one address (IPv6: one /64); 0 = half of all strangers' places."""
    max_sockets_per_player: int = 32
    max_unanswered_calls: int = 32
    """Of one socket; further calls stay in the browser."""
    max_unanswered_bytes: int = 1024 * 1024
    """Of one player's long calls, on all sockets; further ones stay in the browser."""
    max_unanswered_bytes_in_all: int = 64 * 1024 * 1024
    """Of a session; beyond it, each player may have one call unanswered."""
    max_form_bytes: int = 1024 * 1024
    """A form without its files."""
    max_upload_bytes: int = 20 * 1024 * 1024
    """A form with its files."""
    max_file_bytes: int = 20 * 1024 * 1024
    max_files: int = 20
    max_fields: int = 1000
    max_uploads_per_player: int = 4
    """Forms of one player that may arrive at once."""
    max_streams_per_player: int = 8
    """Answers of the experiment's own api that one player may get part by part at once."""
    upload_patience: float = 600.0
    """How long a form may take to arrive; one that stalls for `idle_timeout` is cut off."""
    kept_unanswered: float = 300.0
    """How long files are stored whose form no kernel has answered in time."""
    kernel_patience: float = 300.0
    """How long after the server's start, or after a kernel went away, browsers with unknown
    addresses wait for another kernel instead of being refused."""
    page_patience: float = 2.0
    """How long a page waits for a kernel before the browser gets "paused"."""
    form_patience: float = 30.0
    """How long a form waits for a kernel, and any request for its answer."""
    report_interval: float = 0.5
    """The shortest time between two reports to a kernel."""
    ping_interval: float = 25.0
    idle_timeout: float = 60.0
    poll_hold: float = 25.0
    """Where WebSockets are blocked: how long a request waits for something to send."""
    poll_patience: float = 15.0
    """A browser that does not ask again for so long is disconnected."""
    guesses_per_second: float = 0.5
    """Unknown labels that one address may try in a room, after `guess_burst` at once."""
    guess_burst: float = 50.0
    guess_pause: float = 0.2
    """Beyond that, its labels are checked one by one, with so many seconds from one to the next."""
    max_joins_per_second: float = 2.0
    """Places that one address may open, after `join_burst` at once; 0 = no limit."""
    join_burst: float = 300.0

    max_requests_per_second: float = 500.0
    """Requests without a player's link from one address, after `request_burst` at once; more wait
    for their turn; 0 = no limit."""
    request_burst: float = 10_000.0
    longest_turn: float = 10.0
    """No request waits longer for its turn."""
    max_waiting_turns: int = 4096
    """So many of one network may wait; further ones are refused."""

    @property
    def max_post_bytes(self) -> int:
        """How much a page may post that connects by long polling: more than one frame."""
        return max(self.max_form_bytes, 2 * self.max_frame_bytes)

    def request_bucket(self, now: float) -> TokenBucket | None:
        """Return a full bucket for the requests of one network; None without a limit."""
        if self.max_requests_per_second <= 0:
            return None
        return TokenBucket(self.max_requests_per_second, self.request_burst, now)

    def join_bucket(self, now: float) -> TokenBucket | None:
        """Return a full bucket for the places that one network opens; None without a limit."""
        if self.max_joins_per_second <= 0:
            return None
        return TokenBucket(self.max_joins_per_second, self.join_burst, now)

    def bucket(self, now: float) -> TokenBucket | None:
        """Return a full bucket for one player; None without a limit."""
        if self.max_calls_per_second <= 0:
            return None
        burst = max(1.0, self.max_calls_per_second * self.burst_seconds)
        return TokenBucket(self.max_calls_per_second, burst, now)


class Visitor:
    """How much one network may still ask."""

    __slots__ = (
        "_joins", "_limits", "_queue", "_queued", "_requests", "guesses",
    )  # fmt: skip

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._requests = limits.bucket(now)
        self._queue = limits.request_bucket(now)
        bucket = TokenBucket(limits.guesses_per_second, limits.guess_burst, now)
        self.guesses = Guesses(bucket, limits.guess_pause)
        self._joins = limits.join_bucket(now)
        self._queued = 0

    def may_ask(self, now: float) -> bool:
        """Return whether one more request may pass."""
        return self._requests is None or self._requests.take(now)

    def pause(self, now: float) -> float:
        """Count one more request; return how many seconds it has to wait for its turn."""
        return 0.0 if self._queue is None else self._queue.queue(now, self._limits.longest_turn)

    async def wait_for_turn(self, seconds: float) -> bool:
        """Wait for *seconds*; return False at once if too many wait already."""
        if self._queued >= self._limits.max_waiting_turns:
            return False
        self._queued += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._queued -= 1
        return True

    def may_join(self, now: float) -> bool:
        """Return whether one more place may be opened."""
        return self._joins is None or self._joins.take(now)

    def give_back_join(self, now: float) -> None:
        """Uncount a join: it opened no place."""
        if self._joins is not None:
            self._joins.charge(now, -1.0)


class Visitors:
    """The visitors of a room or a session, by network; those silent for longest are dropped."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._known: OrderedDict[str, Visitor] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, address: str) -> Visitor:
        """Return what *address* may still ask."""
        network = network_of(address)
        visitor = self._known.pop(network, None) or Visitor(self.limits, time.monotonic())
        self._known[network] = visitor
        if len(self._known) > _MOST_VISITORS:
            self._known.popitem(last=False)
        return visitor
