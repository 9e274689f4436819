"""Calls: those of a page's live methods that wait for an answer."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from uproot_nb.bots.refusals import CallRefused, PageLeft

__all__ = ["Call", "Calls"]


class Call(NamedTuple):
    """One call: what is sent for it, and what will be its answer."""

    id: str
    method: str
    text: str
    begun: float
    """By `time.perf_counter`."""
    answer: asyncio.Future[Any]

    def refuse(self, error: Exception) -> None:
        """Let whoever waits for the answer hear of an error."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Calls:
    """Remembers calls until they are answered, so that they can be sent again.

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
        """Return a new call; its text names it by an id that is used once."""
        name = next(self._ids)
        frame = {"op": "invoke", "id": name, "method": method, "args": args, "kwargs": kwargs}
        text = json.dumps(frame, default=str)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        call = self._waiting[name] = Call(name, method, text, time.perf_counter(), answer)
        return call

    def texts(self) -> list[str]:
        """Return what is to be sent again; the server knows by its id a call that it has seen."""
        return [call.text for call in self._waiting.values()]

    def settle(self, frame: Mapping[str, Any]) -> Call | None:
        """Take the answer to a call; return the call, or None if nobody waits for it."""
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
        """Wait for it no longer."""
        self._waiting.pop(call.id, None)

    def refuse_largest(self) -> bool:
        """Say no to the largest call, so that the others can go on; False if there is none."""
        if not self._waiting:
            return False
        largest = max(self._waiting.values(), key=lambda call: len(call.text))
        self.forget(largest)
        words = "This is too large to be sent."
        largest.refuse(CallRefused(largest.method, "TooLarge", words))
        return True

    def refuse_all(self, error: Exception) -> None:
        """End the waiting of all."""
        waiting, self._waiting = self._waiting, {}
        for call in waiting.values():
            call.refuse(error)
