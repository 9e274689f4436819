"""TokenBucket: a rate with a burst."""

from __future__ import annotations

__all__ = ["TokenBucket"]


class TokenBucket:
    """Lets *rate* calls a second through, and *burst* at once after a rest.

    bucket = TokenBucket(rate=200, burst=1000, now=time.monotonic())
    bucket.take(time.monotonic())  # False: too fast
    """

    __slots__ = ("_burst", "_level", "_rate", "at")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst, self._level, self.at = rate, burst, burst, now
        """`at` is when it was asked last: asking the clock takes as long as all else here."""

    def take(self, now: float, cost: float = 1.0) -> bool:
        """Return whether one more call may pass at *now* (monotonic seconds)."""
        level = min(self._level + (now - self.at) * self._rate, self._burst)
        self.at = now
        if level < min(cost, self._burst):
            self._level = level
            return False
        self._level = level - cost
        return True

    def queue(self, now: float, longest: float) -> float:
        """Count one more call; return how many seconds it must wait, at most *longest*.

        Calls beyond that are not counted, or others would wait for ever.
        """
        level = min(self._level + (now - self.at) * self._rate, self._burst)
        pause = max(0.0, 1.0 - level) / self._rate
        self.at, self._level = now, level - 1.0 if pause <= longest else level
        return min(pause, longest)

    def charge(self, now: float, cost: float = 1.0) -> None:
        """Count a call that has passed, even if the level turns negative; *cost* < 0 uncounts."""
        level = min(self._level + (now - self.at) * self._rate, self._burst) - cost
        self._level, self.at = min(level, self._burst), now
