"""StoredAnswers: pages that a browser's next request gets, at whichever gateway it arrives."""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from collections.abc import Callable

from uproot_nb.bridge.messages import AnswerStored, HttpReply

__all__ = ["StoredAnswers"]

_SECONDS = 60.0
"""How long a page waits for its browser, which comes at once or not at all."""
_MOST_BYTES = 32 * 1024 * 1024


class StoredAnswers:
    """The latest page of each player, for a minute, and within a bound.

    answers.store(AnswerStored(session, "ann", key, reply))
    answers.take("ann", key)      # the reply, once
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stored: OrderedDict[str, tuple[float, AnswerStored]] = OrderedDict()
        self._bytes = 0

    def store(self, answer: AnswerStored) -> None:
        """Store a page in the place of the player's last one."""
        self._drop(answer.player)
        self._stored[answer.player] = self._clock() + _SECONDS, answer
        self._bytes += len(answer.reply.body)
        while self._stored and (self._bytes > _MOST_BYTES or self._oldest <= self._clock()):
            self._drop(next(iter(self._stored)))

    @property
    def _oldest(self) -> float:
        return next(iter(self._stored.values()))[0]

    def take(self, player: str, key: str) -> HttpReply | None:
        """Return the page stored under *key* for *player*, once."""
        until, answer = self._stored.get(player, (0.0, None))
        if answer is None or not hmac.compare_digest(answer.key.encode(), key.encode()):
            return None
        self._drop(player)
        return answer.reply if until > self._clock() else None

    def _drop(self, player: str) -> None:
        _, answer = self._stored.pop(player, (0.0, None))
        if answer is not None:
            self._bytes -= len(answer.reply.body)
