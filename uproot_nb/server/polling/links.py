"""PolledLinks: every browser that is connected by long polling."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

from uproot_nb.server.limits import Limits
from uproot_nb.server.polling.transport import PolledTransport
from uproot_nb.server.sessions import digest
from uproot_nb.server.websocket import WebSocket

__all__ = ["PolledLinks"]

_FAREWELL_SECONDS = 1.0
_STOPPED_SECONDS = 2.0
"""A check that comes so late shows that this process itself was stopped."""


class PolledLinks:
    """Opens links, finds them by their ids, and ends those that nobody asks for any more.

        links = PolledLinks(Limits())
        key, link = links.open("p/…/poll", socket)
        links.find("p/…/poll", key)

    A browser has to ask again within `Limits.poll_patience` seconds of the last answer.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience, self._clock = limits.poll_patience, clock
        self._links: dict[bytes, PolledTransport] = {}
        self._keys: dict[PolledTransport, bytes] = {}
        self._alone: OrderedDict[PolledTransport, float] = OrderedDict()
        """Those that nobody waits at now, and since when; the longest first."""
        self._timer: asyncio.TimerHandle | None = None
        self._noted = asyncio.Event()
        self.answering: set[asyncio.Task[None]] = set()
        """The requests that are being answered."""

    def __len__(self) -> int:
        return len(self._links)

    def open(self, address: str, socket: WebSocket) -> tuple[str, PolledTransport]:
        """Connect *socket* to the browser at *address*; return the link's unguessable id, too."""
        link = secrets.token_urlsafe(18)
        transport = PolledTransport(socket, self._note, self._forget)
        key = _key(address, link)
        self._links[key], self._keys[transport] = transport, key
        self._note(transport, False)
        socket.connection_made(transport)
        return link, transport

    def find(self, address: str, link: str) -> PolledTransport | None:
        """Return the open link of *address* with this id."""
        return self._links.get(_key(address, link))

    def stop(self) -> None:
        """End all links. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for transport in list(self._keys):
            transport.abort()

    async def farewell(self) -> None:
        """Give browsers a second to ask for the goodbyes of their sockets."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                while any(transport.owes_goodbye for transport in self._keys):
                    self._noted.clear()
                    await self._noted.wait()
        if self.answering:
            await asyncio.wait(self.answering, timeout=_FAREWELL_SECONDS)

    def _note(self, transport: PolledTransport, attended: bool) -> None:
        """Note whether a browser waits for the next answer."""
        self._noted.set()
        self._alone.pop(transport, None)
        if transport in self._keys and not attended:
            self._alone[transport] = self._clock()
            if self._timer is None:
                self._check_in(self._patience)

    def _forget(self, transport: PolledTransport) -> None:
        key = self._keys.pop(transport, None)
        if key is not None:
            del self._links[key]
        self._alone.pop(transport, None)
        self._noted.set()

    def _check_in(self, seconds: float) -> None:
        due = self._clock() + seconds
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, lambda: self._check(due))

    def _check(self, due: float) -> None:
        """End the links that nobody has asked for in time."""
        self._timer, now = None, self._clock()
        if now > due + _STOPPED_SECONDS:  # browsers have asked, and nobody has read it yet
            self._alone = OrderedDict.fromkeys(self._alone, now)
        while self._alone:
            transport, since = next(iter(self._alone.items()))
            if now < since + self._patience:
                self._check_in(since + self._patience - now)
                return
            transport.abort()


def _key(address: str, link: str) -> bytes:
    """Return the key of a link: the time of a lookup reveals nothing about its id."""
    return digest(f"{address}\n{link}")
