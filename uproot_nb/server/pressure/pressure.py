"""Pressure: what a session's kernel has not answered yet, and who waits until it has."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable

__all__ = ["Pressure"]

_A_TURN = 16
"""So many of a player's, and of all who wait, go on in one turn of the loop."""
_CALLS_TO_REQUESTS = 4
"""Requests of pages go on until there is so many times as much as stops calls."""

Waiting = OrderedDict[Hashable, Callable[[], None]]


class Pressure:
    """Counts the bytes of each player's unanswered calls and requests, and those of all.

        pressure.add("ann", 600)
        if not pressure.may_call("ann"):
            pressure.wait("ann", socket, socket.go_on)
        ...
        pressure.remove("ann", 600)     # the kernel has answered

    A player with too much has to wait, and nobody else. If all together have too much, each may
    still have one call unanswered: those who call much cannot stop those who call little. While the
    kernel reads nothing (`stuck`), all wait. Strangers' requests have the name "".

    Args:
        most: bytes of all players.
        most_of_one: bytes of one player's calls.
    """

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._of: dict[str, int] = {}
        self._behind: dict[str, Waiting] = {}
        """Who waits, by player."""
        self._line: OrderedDict[Hashable, tuple[str, Callable[[], None]]] = OrderedDict()
        """Those who wait because of others, first come, first served."""
        self._freed: dict[str, int] = {}
        """Players who have been answered, and how many of theirs are to be let go on, if may be."""
        self._scheduled = self._stuck = False
        self.size = 0
        """Bytes that are unanswered."""

    # ---- counting -------------------------------------------------------------------------

    def add(self, player: str, size: int) -> None:
        """Count *size* bytes that are sent to the kernel; more than 0."""
        self.size += size
        self._of[player] = self._of.get(player, 0) + size

    def remove(self, player: str, size: int) -> None:
        """Uncount *size* bytes, which are answered; let those go on who may."""
        self.size -= size
        left = self._of[player] - size
        if left:
            self._of[player] = left
        else:
            del self._of[player]
        if player in self._behind:
            self._freed[player] = len(self._behind[player])
            self._serve_soon()
        elif self._line:
            self._serve_soon()

    def size_of(self, player: str) -> int:
        """Return the bytes that a player has unanswered."""
        return self._of.get(player, 0)

    # ---- who may go on --------------------------------------------------------------------

    @property
    def stuck(self) -> bool:
        """Whether the kernel reads nothing now."""
        return self._stuck

    @stuck.setter
    def stuck(self, stuck: bool) -> None:
        self._stuck = stuck
        if not stuck and (self._line or self._freed):
            self._serve_soon()

    def may_call(self, player: str) -> bool:
        """Return whether a player may call once more."""
        return self._may(player, self._most_of_one)

    def may_ask(self, player: str) -> bool:
        """Return whether a player may ask for one more page."""
        return self._may(player, _CALLS_TO_REQUESTS * self._most_of_one)

    def _may(self, player: str, most: int) -> bool:
        if self._stuck:
            return False
        own = self._of.get(player, 0)
        return not own or (self.size < self._most and (own < most or not player))

    async def admits(self, player: str, patience: float) -> bool:
        """Wait until `may_ask`; return False if that takes more than *patience* seconds."""
        if self.may_ask(player):
            return True
        try:
            async with asyncio.timeout(patience):
                while not self.may_ask(player):
                    await self._news(player)
        except TimeoutError:
            return False
        return True

    async def _news(self, player: str) -> None:
        news = asyncio.Event()
        self.wait(player, news, news.set)
        try:
            await news.wait()
        finally:
            self.leave(player, news)

    def wait(self, player: str, who: Hashable, go_on: Callable[[], None]) -> None:
        """Call *go_on* once when the player may go on, perhaps; *who* waits once at a time."""
        if player:
            self._behind.setdefault(player, OrderedDict())[who] = go_on
        if self._stuck or self.size >= self._most:
            self._line.setdefault(who, (player, go_on))

    def leave(self, player: str, who: Hashable) -> None:
        """Wait no more. Idempotent."""
        self._line.pop(who, None)
        others = self._behind.get(player)
        if others is not None:
            others.pop(who, None)
            if not others:
                del self._behind[player]

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
        for player, count in freed.items():
            self._serve_player(player, count)
        self._serve_line()
        if self._freed or (self._line and self.size < self._most):
            self._serve_soon()

    def _serve_player(self, player: str, count: int) -> None:
        for _ in range(min(count, _A_TURN)):
            waiting = self._behind.get(player)
            if not waiting or not self.may_ask(player):
                return
            who, go_on = next(iter(waiting.items()))
            self.leave(player, who)
            go_on()
        if count > _A_TURN:
            self._freed[player] = count - _A_TURN

    def _serve_line(self) -> None:
        for _ in range(_A_TURN):
            if not self._line or self._stuck or self.size >= self._most:
                return
            who, (player, go_on) = next(iter(self._line.items()))
            self.leave(player, who)
            go_on()
