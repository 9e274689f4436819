"""Robots: participants without browsers in a thread of their own, for tests that are not async."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, Self, TypeVar

from robot import Robot

__all__ = ["Robots"]

Result = TypeVar("Result")


class Robots:
    """Robots on their pages.

    with Robots(links) as robots:
        robots.do(robots[0].invoke("post_offer", 42))
    """

    def __init__(self, links: Sequence[str]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._robots = [Robot(link, f"robot {number}") for number, link in enumerate(links)]

    def __enter__(self) -> Self:
        try:
            for robot in self._robots:
                self.do(robot.open())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()

    def __getitem__(self, index: int) -> Robot:
        return self._robots[index]

    def __len__(self) -> int:
        return len(self._robots)

    def do(self, coroutine: Coroutine[Any, Any, Result], seconds: float = 60.0) -> Result:
        """Run a coroutine where the robots live; return what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(seconds)

    def begin(self, coroutine: Coroutine[Any, Any, Result]) -> Any:
        """Start a coroutine; its future has `result(seconds)`."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self) -> None:
        """Have everybody leave. Idempotent."""
        if self._loop.is_closed():
            return
        for robot in self._robots:
            self.do(robot.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10.0)
        self._loop.close()
