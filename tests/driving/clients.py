"""Clients: participants who speak the wire and come back by themselves, beside the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, Self

from uproot_nb.bots.client import Client

__all__ = ["Clients"]


class Clients:
    """Participants on their pages.

    with Clients(links) as clients:
        calls = clients.begin("bid")       # one call of everybody
        clients.finish(calls, 15.0)
    """

    def __init__(self, links: Sequence[str]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._clients = [Client(link, f"client {number}") for number, link in enumerate(links)]

    def __enter__(self) -> Self:
        try:
            self._do(self._together([client.open() for client in self._clients]))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *ignored: object) -> None:
        self._do(self._together([client.close() for client in self._clients]))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10.0)
        self._loop.close()

    def begin(self, method: str, *args: Any) -> Any:
        """Have everybody call a method, and go on."""
        calls = [client.call(method, *args) for client in self._clients]
        return asyncio.run_coroutine_threadsafe(self._together(calls), self._loop)

    def finish(self, begun: Any, seconds: float = 60.0) -> list[Any]:
        """Return what everybody's call has returned."""
        return list(begun.result(seconds))

    def _do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60.0)

    async def _together(self, coroutines: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        return list(await asyncio.gather(*coroutines))
