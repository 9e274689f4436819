"""Pressure: what a session's kernel has not answered yet, and who waits until it has."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

__all__ = ["CALL_BYTES", "SMALL_CALL", "Debt", "Pressure"]

CALL_BYTES = 1024
"""Bytes of memory for a call, with up to `SMALL_CALL` bytes of arguments."""
SMALL_CALL = 512
"""Calls with longer arguments are counted in bytes, others by their number alone."""

_A_TURN = 16
"""So many of a player's, and of all who wait, go on in one turn of the loop."""
_CALLS_TO_REQUESTS = 4
"""Requests of pages go on until there is so many times as much as stops calls."""

Waiting = OrderedDict[Hashable, Callable[[], None]]


class Debt:
    """What one player has unanswered, or all strangers together.

    share = pressure.share()
    share.size          # 0 bytes
    """

    __slots__ = ("most_asked", "size", "waiting")

    def __init__(self, most_asked: int) -> None:
        self.most_asked = most_asked
        """Bytes from which on no page is asked for."""
        self.size = 0
        """Bytes that are unanswered."""
        self.waiting: Waiting | None = None
        """Who waits, first come, first served."""


class Pressure:
    """Counts the bytes of each player's unanswered calls and requests, and those of all.

        ann = pressure.share()
        pressure.add(ann, 600)
        if not pressure.may_call(ann):
            pressure.wait(ann, socket, socket.go_on)
        ...
        pressure.remove(ann, 600)     # the kernel has answered

    A player with too much has to wait, and nobody else. If all together have too much, each may
    still have one call unanswered: those who call much cannot stop those who call little. While the
    kernel reads nothing (`stuck`), all wait. Strangers have one share, of half of everything.

    Calls of a few bytes are the most, and cost nothing here: a socket may have only so many, and
    how many there are in all is the length of `calls`.

    Args:
        most: bytes of all players.
        most_of_one: bytes of one player's calls.
    """

    def __init__(self, most: int, most_of_one: int) -> None:
        self._whole, self._parts = (most, most_of_one), 1
        self._most, self._most_of_one = most, most_of_one
        self.calls: dict[int, Any] = {}
        """The socket that waits for the outcome of each call, by the call's number."""
        self.most_calls = -(-most // CALL_BYTES)
        """Calls that may be unanswered beside what is counted in bytes."""
        self.limit = most_of_one
        """Bytes from which on a player may perhaps not call: 0 while the kernel reads nothing."""
        self.size = 0
        """Bytes that are unanswered, without those of small calls."""
        self.strangers = Debt(most // 2)
        """Of those who are no players yet."""
        self.stewards = Debt(most)
        """Of those who steer the session."""
        self.waiting: dict[Hashable, Debt] = {}
        """All who wait."""
        self._line: OrderedDict[Hashable, tuple[Debt, Callable[[], None]]] = OrderedDict()
        """Those who wait because of others, first come, first served."""
        self._freed: dict[Debt, int] = {}
        """Who has been answered, and how many of theirs are to be let go on, if may be."""
        self._scheduled = self._stuck = False

    def share(self) -> Debt:
        """Return the share of one more player."""
        return Debt(_CALLS_TO_REQUESTS * self._whole[1])

    def divide(self, parts: int) -> None:
        """Let the kernel have only a part unanswered: other servers have the other *parts*."""
        most, most_of_one = self._whole
        self._parts, self._most, self._most_of_one = parts, most // parts, most_of_one // parts
        self.limit = 0 if self._stuck else self._most_of_one
        self._resize(self.size)

    # ---- counting -------------------------------------------------------------------------

    def add(self, share: Debt, size: int) -> None:
        """Count *size* bytes that are sent to the kernel; more than 0."""
        self._resize(self.size + size)
        share.size += size

    def remove(self, share: Debt, size: int) -> None:
        """Uncount *size* bytes, which are answered; let those go on who may."""
        self._resize(self.size - size)
        share.size -= size
        if self.waiting:
            self.free(share)

    def _resize(self, size: int) -> None:
        self.size, self.most_calls = size, -((size - self._most) // CALL_BYTES)

    def free(self, share: Debt) -> None:
        """Let those go on who waited for the answer that *share* has got."""
        if share.waiting:
            self._freed[share] = len(share.waiting)
            self._serve_soon()
        elif self._line:
            self._serve_soon()

    # ---- who may go on --------------------------------------------------------------------

    @property
    def stuck(self) -> bool:
        """Whether the kernel reads nothing now."""
        return self._stuck

    @stuck.setter
    def stuck(self, stuck: bool) -> None:
        self._stuck = stuck
        self.limit = 0 if stuck else self._most_of_one
        if not stuck and (self._line or self._freed):
            self._serve_soon()

    @property
    def crowded(self) -> bool:
        """Whether all players together have too much unanswered."""
        return len(self.calls) >= self.most_calls

    def may_call(self, share: Debt) -> bool:
        """Return whether a player may call once more, as far as it is counted in bytes."""
        return self._may(share, self._most_of_one)

    def may_ask(self, share: Debt) -> bool:
        """Return whether a player may ask for one more page."""
        return self._may(share, share.most_asked // self._parts)

    def _may(self, share: Debt, most: int) -> bool:
        if self._stuck:
            return False
        return not share.size or (not self.crowded and share.size < most)

    async def admits(self, share: Debt, patience: float) -> bool:
        """Wait until `may_ask`; return False if that takes more than *patience* seconds."""
        if self.may_ask(share):
            return True
        try:
            async with asyncio.timeout(patience):
                while not self.may_ask(share):
                    await self._news(share)
        except TimeoutError:
            return False
        return True

    async def _news(self, share: Debt) -> None:
        news = asyncio.Event()
        self.wait(share, news, news.set)
        try:
            await news.wait()
        finally:
            self.leave(share, news)

    def wait(self, share: Debt, who: Hashable, go_on: Callable[[], None]) -> None:
        """Call *go_on* once when the player may go on, perhaps; *who* waits once at a time."""
        if share.waiting is None:
            share.waiting = OrderedDict()
        share.waiting[who] = go_on
        self.waiting[who] = share
        if self._stuck or self.crowded:
            self._line.setdefault(who, (share, go_on))

    def leave(self, share: Debt, who: Hashable) -> None:
        """Wait no more. Idempotent."""
        self.waiting.pop(who, None)
        self._line.pop(who, None)
        if share.waiting is not None:
            share.waiting.pop(who, None)
            if not share.waiting:
                share.waiting = None

    # ---- serving those who wait -----------------------------------------------------------

    def _serve_soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._serve)

    def _serve(self) -> None:
        """Let some go on, and more of them in the next turn, so that others have theirs."""
        self._scheduled = False
        if self._stuck:
            return
        freed, self._freed = self._freed, {}
        for share, count in freed.items():
            self._serve_share(share, count)
        self._serve_line()
        if self._freed or (self._line and not self.crowded):
            self._serve_soon()

    def _serve_share(self, share: Debt, count: int) -> None:
        for _ in range(min(count, _A_TURN)):
            if not share.waiting or not self.may_ask(share):
                return
            who, go_on = next(iter(share.waiting.items()))
            self.leave(share, who)
            go_on()
        if count > _A_TURN:
            self._freed[share] = count - _A_TURN

    def _serve_line(self) -> None:
        for _ in range(_A_TURN):
            if not self._line or self._stuck or self.crowded:
                return
            who, (share, go_on) = next(iter(self._line.items()))
            self.leave(share, who)
            go_on()
