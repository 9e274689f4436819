"""Guesses: how fast the labels that one network tries are checked."""

from __future__ import annotations

import asyncio
import time

from uproot_nb.server.rates.buckets import TokenBucket

__all__ = ["Guesses"]


class Guesses:
    """Lets the labels of one network be checked: at once, or one by one after many wrong ones.

        took = await guesses.wait()
        ...                             # check the label
        if it_was_right: guesses.give_back(took)

    No label is refused. A right one costs nothing, so any number of people with right labels come
    in at once. While wrong ones have used up what is free, each waits for a turn, right or wrong:
    nobody learns more by asking faster. Every second turn goes to who came last, so that a program
    that has many wait for their turns does not hold up a person.

    Args:
        bucket: how many wrong ones are free.
        pause: seconds from turn to turn.
    """

    __slots__ = ("_bucket", "_newest", "_pause", "_timer", "_waiting")

    def __init__(self, bucket: TokenBucket, pause: float) -> None:
        self._bucket, self._pause = bucket, pause
        self._waiting: dict[asyncio.Future[bool], None] = {}  # the oldest first
        self._timer: asyncio.TimerHandle | None = None
        self._newest = False

    @property
    def waiting(self) -> int:
        """How many labels wait for their turn."""
        return len(self._waiting)

    async def wait(self) -> bool:
        """Wait until a label may be checked; return what `give_back` needs."""
        if not self._waiting and self._bucket.take(time.monotonic()):
            return True
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        self._arm()
        try:
            return await turn
        except asyncio.CancelledError:
            self._leave(turn)
            raise

    def give_back(self, took: bool) -> None:
        """Uncount a label: it was right, or was not checked.

        Args:
            took: what `wait` returned. Whoever was let through by a turn has used up nothing, and
                so a right label buys no wrong ones.
        """
        if took:
            self._bucket.charge(time.monotonic(), -1.0)
            while self._waiting and self._bucket.take(time.monotonic()):
                self._let_through(True)

    def _leave(self, turn: asyncio.Future[bool]) -> None:
        """Take somebody out who is gone; a turn that was given meanwhile is uncounted."""
        self._waiting.pop(turn, None)
        if not turn.cancelled() and turn.done():
            self.give_back(turn.result())

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause, self._give_turn)

    def _give_turn(self) -> None:
        self._timer = None
        if self._waiting:
            self._let_through(self._bucket.take(time.monotonic()))
            self._arm()

    def _let_through(self, took: bool) -> None:
        """Give a turn: to the newest and the oldest alternately."""
        self._newest = not self._newest
        turn = next(reversed(self._waiting) if self._newest else iter(self._waiting))
        del self._waiting[turn]
        if turn.done():  # cancelled, and not yet taken out
            self.give_back(took)
        else:
            turn.set_result(took)
