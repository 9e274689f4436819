"""PendingCalls: calls of a page's live methods that have no answer yet."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from uproot_nb.bots.refusals import CallRefused, PageLeft

__all__ = ["Call", "PendingCalls"]


class Call(NamedTuple):
    """One call: the text to send, and its future answer."""

    id: str
    method: str
    text: str
    begun: float
    """By `time.perf_counter`."""
    answer: asyncio.Future[Any]

    def refuse(self, error: Exception) -> None:
        """Raise an error where the answer is awaited."""
        if not self.answer.done():
            self.answer.set_exception(error)


class PendingCalls:
    """Stores calls until they are answered, so that they can be sent again.

    call = calls.make("bid", [42], {})
    line.send(call.text)
    await call.answer
    """

    def __init__(self, rng: random.Random) -> None:
        self._waiting: dict[str, Call] = {}
        self._ids = (f"{rng.getrandbits(64):x}-{number}" for number in itertools.count(1))

    def __len__(self) -> int:
        return len(self._waiting)

    def make(self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
        """Return a new call, with an id of its own."""
        name = next(self._ids)
        frame = {"op": "invoke", "id": name, "method": method, "args": args, "kwargs": kwargs}
        text = json.dumps(frame, default=str)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        call = self._waiting[name] = Call(name, method, text, time.perf_counter(), answer)
        return call

    def texts(self) -> list[str]:
        """Return what to send again; the server knows repeated calls by their ids."""
        return [call.text for call in self._waiting.values()]

    def settle(self, frame: Mapping[str, Any]) -> Call | None:
        """Resolve the call that a frame answers, and return it; None if it is not pending."""
        call = self._waiting.pop(frame["id"], None)
        if call is None or call.answer.done():
            return None
        if frame["op"] == "result":
            call.answer.set_result(frame["data"])
        elif frame["error"] == "StalePage":
            call.refuse(PageLeft("", ""))
        else:
            call.refuse(
                CallRefused(call.method, frame["error"], frame["message"], frame.get("parameter"))
            )
        return call

    def forget(self, call: Call) -> None:
        """Drop a call without an answer."""
        self._waiting.pop(call.id, None)

    def refuse_largest(self) -> bool:
        """Refuse the largest call, so that the others can be sent; False if there is none."""
        if not self._waiting:
            return False
        largest = max(self._waiting.values(), key=lambda call: len(call.text))
        self.forget(largest)
        text = "This is too large to be sent."
        largest.refuse(CallRefused(largest.method, "TooLarge", text))
        return True

    def refuse_all(self, error: Exception) -> None:
        """Refuse all pending calls."""
        waiting, self._waiting = self._waiting, {}
        for call in waiting.values():
            call.refuse(error)
