"""Expected: browsers that connect before the kernel that serves them."""

from __future__ import annotations

import time
from collections.abc import Callable

from uproot_nb.server.limits import Limits
from uproot_nb.server.sockets import PING, PONG, status_frame
from uproot_nb.server.websocket import WebSocket

__all__ = ["TRY_AGAIN", "Expected", "WaitingSocket", "room_key"]

TRY_AGAIN = 4425
"""The close code that makes a page connect again at once, as HTTP's status 425 (Too Early)."""


def room_key(name: str) -> bytes:
    """Return the key under which browsers wait for the room called *name*."""
    return b"room/" + name.encode(errors="replace")


class Expected:
    """Decides whether an unknown address may belong to a kernel that has not connected yet.

    A participant server that has just started knows no session, and kernels connect one by one.
    Until they have had time to, no browser is refused: sockets wait here, and connect again when
    their session is opened. The time starts anew whenever a kernel that had sessions goes away.

        expected.extend()
        expected.is_open            # True for some minutes
        expected.arrived(key)       # sockets that wait for it connect again
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._until = clock()
        self._waiting: dict[bytes, set[WaitingSocket]] = {}
        self.count = 0
        """How many sockets wait."""

    @property
    def is_open(self) -> bool:
        """Whether a kernel may still come that knows an address that is unknown now."""
        return self._clock() < self._until

    @property
    def has_place(self) -> bool:
        """Whether one more socket may wait; half of all connections are for known players."""
        return 2 * self.count < self._limits.max_connections

    def extend(self) -> None:
        """Expect kernels for `Limits.kernel_patience` seconds from now."""
        self._until = max(self._until, self._clock() + self._limits.kernel_patience)

    def arrived(self, key: bytes) -> None:
        """Let the sockets that wait for *key* connect again."""
        for socket in self._waiting.pop(key, ()):
            socket.shut(TRY_AGAIN, "try again")

    def check(self) -> None:
        """Ping the sockets that wait; close them if no kernel is expected any more."""
        for sockets in list(self._waiting.values()):
            for socket in list(sockets):
                if self.is_open:
                    socket.check_alive()
                else:
                    socket.shut(4403)

    def stop(self) -> None:
        """Close all sockets. Idempotent."""
        for sockets in list(self._waiting.values()):
            for socket in list(sockets):
                socket.shut(1001, "going away")

    def add(self, key: bytes, socket: WaitingSocket) -> None:
        """Let *socket* wait for *key*."""
        self._waiting.setdefault(key, set()).add(socket)
        self.count += 1

    def remove(self, key: bytes, socket: WaitingSocket) -> None:
        """Forget *socket*, which has closed."""
        self.count -= 1
        sockets = self._waiting.get(key)
        if sockets is not None:
            sockets.discard(socket)
            if not sockets:
                del self._waiting[key]


class WaitingSocket(WebSocket):
    """The connection of a browser whose session no kernel has opened yet.

    It gets the state "paused". Calls are ignored: the page sends them again when it reconnects.
    """

    __slots__ = ("_bucket", "_expected", "_key")

    def __init__(self, expected: Expected, key: bytes, limits: Limits) -> None:
        super().__init__(limits.max_frame_bytes, limits.max_unsent_bytes)
        self._expected, self._key = expected, key
        self._bucket = limits.bucket(time.monotonic())

    def on_open(self) -> None:
        self._expected.add(self._key, self)
        self.write(status_frame("paused"))

    def on_closed(self) -> None:
        self._expected.remove(self._key, self)

    def admit(self, size: int) -> bool:
        return self._bucket is None or self._bucket.take(time.monotonic())

    def on_text(self, payload: bytes) -> None:
        if payload == PING:
            self.write(PONG)
