"""Limits: how much a participant's browser may ask, and how often it was refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

__all__ = ["Limits", "Refusals", "ScriptErrors", "TokenBucket", "how_to_change"]


def how_to_change(setting: str) -> str:
    """Return where a researcher changes a limit, as the end of a sentence."""
    return (
        f"{setting} (c.UprootNB.{setting} in jupyter_server_config.py; "
        f"serve(server={{'{setting}': …}}) for a run's own server; uproot-nb run --set {setting}=…)"
    )


@dataclass(frozen=True)
class Limits:
    """What the participant server takes from browsers and keeps for them.

    Sizes are bytes, times seconds.
    """

    max_calls_per_second: float = 200.0
    """Frames and requests of one player; 0 = no limit."""
    burst_seconds: float = 5.0
    """So many seconds' worth may come at once: 1,000 calls at 200 a second."""
    max_frame_bytes: int = 64 * 1024
    max_unsent_bytes: int = 4 * 1024 * 1024
    max_connections: int = 4000
    """Fewer where the process may not open so many files."""
    max_connections_per_network: int = 0
    """Of strangers behind one address (IPv6: one /64); 0 = half of what strangers have."""
    max_sockets_per_player: int = 32
    max_unanswered_calls: int = 32
    max_form_bytes: int = 1024 * 1024
    """A form without its files."""
    max_upload_bytes: int = 20 * 1024 * 1024
    """A form with its files."""
    max_file_bytes: int = 20 * 1024 * 1024
    max_files: int = 20
    max_fields: int = 1000
    max_uploads_per_player: int = 4
    """Forms of one player that are on their way at once."""
    upload_patience: float = 600.0
    """How long a form may take to arrive; one that stalls for `idle_timeout` is cut off."""
    kept_unanswered: float = 300.0
    """How long files are kept that came with a form which no kernel has answered in time."""
    kernel_patience: float = 300.0
    """How long after the server's start, or after a kernel went away, an unknown address may belong
    to a kernel that is still to come: such browsers wait instead of being turned away."""
    page_patience: float = 2.0
    """How long a page waits for a kernel before it says "paused"."""
    form_patience: float = 30.0
    """How long a form waits for a kernel, and any request for its answer."""
    report_interval: float = 0.5
    """How often at most a kernel is told of what was refused."""
    ping_interval: float = 25.0
    idle_timeout: float = 60.0
    guesses_per_second: float = 0.5
    """Unknown labels that one address may try in a room, after `guess_burst` at once."""
    guess_burst: float = 50.0

    guess_pause: float = 0.5
    """How long each label beyond that waits, one after the other."""
    max_waiting_guesses: int = 64
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
        """Return a full bucket for one player, or None where there is no limit."""
        if self.max_calls_per_second <= 0:
            return None
        burst = max(1.0, self.max_calls_per_second * self.burst_seconds)
        return TokenBucket(self.max_calls_per_second, burst, now)


class TokenBucket:
    """Lets *rate* calls a second through, and *burst* at once after a rest.

    bucket = TokenBucket(rate=200, burst=1000, now=time.monotonic())
    bucket.take(time.monotonic())  # False: too fast
    """

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst, self._level, self._at = rate, burst, burst, now

    def take(self, now: float, cost: float = 1.0) -> bool:
        """Say whether one more call may pass at *now* (monotonic seconds)."""
        level = min(self._level + (now - self._at) * self._rate, self._burst)
        self._at = now
        if level < min(cost, self._burst):
            self._level = level
            return False
        self._level = level - cost
        return True

    def queue(self, now: float, longest: float) -> float:
        """Count one more call; return for how many seconds it waits for its turn, *longest* at
        most: calls beyond that are not counted, or others would wait for ever.
        """
        level = min(self._level + (now - self._at) * self._rate, self._burst)
        pause = max(0.0, 1.0 - level) / self._rate
        self._at, self._level = now, level - 1.0 if pause <= longest else level
        return min(pause, longest)

    def charge(self, now: float, cost: float = 1.0) -> None:
        """Count a call that passed already, even if that makes a debt; a negative *cost* is one
        that does not count after all."""
        level = min(self._level + (now - self._at) * self._rate, self._burst) - cost
        self._level, self._at = min(level, self._burst), now


class Refusals:
    """Counts what was refused: in all for the status page, and per player until reported."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._unreported: dict[tuple[str, str, str], tuple[int, str]] = {}

    def count(self, what: str, session: str = "", player: str = "", detail: str = "") -> None:
        """Count one refusal; *session* and *player* are empty where nobody is known.

        Args:
            detail: what was refused, which limit it met and where to change that, in a sentence.
        """
        self.counts[what] += 1
        if session:
            count, first = self._unreported.get((session, player, what), (0, detail))
            self._unreported[session, player, what] = count + 1, first

    def take(self) -> list[tuple[str, str, str, int]]:
        """Return (session, player, what, count) since the last time."""
        taken = [
            (session, player, f"{what}: {detail}" if detail else what, count)
            for (session, player, what), (count, detail) in self._unreported.items()
        ]
        self._unreported.clear()
        return taken


class ScriptErrors:
    """Counts what failed in pages' scripts until it is reported; equal errors count as one kind.

    Longer texts are cut, and of one player in one report only so many kinds are kept apart.
    """

    LONGEST_MESSAGE = 500
    LONGEST_SOURCE = 300
    MOST_KINDS = 10

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Counter[tuple[int, str, str, int]]] = {}

    def count(
        self,
        session: str,
        player: str,
        page: int,
        message: str,
        source: str,
        line: int,
        times: int = 1,
    ) -> None:
        """Count an error of a player's page, or several that are equal."""
        counts = self._counts.setdefault((session, player), Counter())
        kind = (page, message[: self.LONGEST_MESSAGE], source[: self.LONGEST_SOURCE], line)
        if kind not in counts and len(counts) >= self.MOST_KINDS:
            kind = (page, "Other errors of this page's script", "", 0)
        counts[kind] += times

    def take(self) -> list[tuple[str, str, int, str, str, int, int]]:
        """Return (session, player, page, message, source, line, count) since the last time."""
        counts, self._counts = self._counts, {}
        return [
            (*whose, *kind, count)
            for whose, kinds in counts.items()
            for kind, count in kinds.items()
        ]
