"""InTurn: the requests of a monitor's browser, carried out one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["InTurn"]

MOST_WAITING = 8
"""More than a page ever asks for at once; what comes then is dropped."""


class InTurn:
    """Does what reads the log or writes files one after the other, however fast it is asked for.

        turns = InTurn(runtime.tasks.beside)
        turns.start(partial(self._give_rows, 0, 50))

    Args:
        spawn: runs a coroutine in the background.
    """

    def __init__(self, spawn: Callable[[Coroutine[Any, Any, Any]], object]) -> None:
        self._spawn, self._turn = spawn, asyncio.Lock()
        self._waiting = 0

    def start(self, act: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Do *act* when it is its turn; call it on the loop."""
        if self._waiting < MOST_WAITING:
            self._waiting += 1
            self._spawn(self._run(act))

    async def _run(self, act: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        try:
            async with self._turn:
                await act()
        finally:
            self._waiting -= 1
