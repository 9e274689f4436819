"""Watchers: the monitors' web pages that are open, and the kernels that feed them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Protocol, TypeVar

from uproot_nb.bridge.messages import (
    BridgeMessage,
    Role,
    StewardClosed,
    StewardMessage,
    StewardNews,
    StewardOpened,
)
from uproot_nb.server.rates.buckets import TokenBucket

__all__ = ["MOST_WATCHERS", "WatchedSession", "WatchingPage", "Watchers", "find_session"]

MOST_WATCHERS = 200
"""Pages of all sessions together; a kernel allows fewer for each of its own."""
_MESSAGES_PER_SECOND, _MESSAGES_AT_ONCE = 50.0, 500.0
_BYTES_A_MESSAGE = 4096
"""A message of so many bytes counts as one more."""


class Receiver(Protocol):
    """The way to a kernel."""

    def send(self, message: BridgeMessage) -> None:
        """Send *message* to the kernel; never waits."""


class WatchedSession(Protocol):
    """A session as its pages see it."""

    key: str
    name: str
    silent: bool

    @property
    def closed(self) -> bool:
        """Whether it has ended."""

    @property
    def link(self) -> Receiver | None:
        """The way to the kernel that serves it; None while none does."""


Session = TypeVar("Session", bound=WatchedSession)


def find_session(sessions: Iterable[Session], name: str) -> tuple[Session | None, str]:
    """Return the session called *name*, and in a word what is known of it.

    That is "here", "silent" (its kernel gives no sign of life), "away" (no kernel serves it),
    "closed", "unknown", or "several" if more than one kernel serves a session of that name.
    """
    known = [one for one in sessions if one.name == name]
    served = [one for one in known if not one.closed and one.link is not None]
    if len(served) > 1:
        return None, "several"
    if served:
        return served[0], "silent" if served[0].silent else "here"
    left = [one for one in known if not one.closed]
    if left:
        return left[-1], "away"
    return (known[-1], "closed") if known else (None, "unknown")


class WatchingPage:
    """One page: it follows the session of its name from kernel to kernel.

    Args:
        write: sends the page JSON text.
        shut: closes the connection, with a code of 4400 and above and a reason.
        interrupt: ends what a kernel runs; None where this server cannot.
    """

    def __init__(
        self,
        number: int,
        name: str,
        role: Role,
        write: Callable[[bytes], None],
        shut: Callable[[int, str], None],
        interrupt: Callable[[], None] | None = None,
    ) -> None:
        self.number, self.name, self.role = number, name, role
        self.write, self.shut, self._interrupt = write, shut, interrupt
        self.link: Receiver | None = None
        """The kernel that has a monitor for the page."""
        self._key, self._state = "", ""
        self._bucket = TokenBucket(_MESSAGES_PER_SECOND, _MESSAGES_AT_ONCE, time.monotonic())

    def follow(self, session: WatchedSession | None, state: str) -> None:
        """Watch *session* from now on, and let the page know its *state*."""
        link = session.link if session is not None and state in ("here", "silent") else None
        is_new = link is not self.link
        if is_new:
            self.leave()
        if session is not None and link is not None and is_new:
            self.link, self._key = link, session.key
            link.send(StewardOpened(self.number, session.key, self.role))
        if is_new or state != self._state:
            self._state = state
            mark = (
                "" if session is None else blake2b(session.key.encode(), digest_size=16).hexdigest()
            )
            news = {
                "op": "link", "state": state, "session": mark, "role": self.role,
                "interrupts": self._interrupt is not None,
            }  # fmt: skip
            self.write(json.dumps(news).encode())

    def take(self, data: bytes) -> None:
        """Pass on what the page sends; one that sends very much is disconnected."""
        if not self._bucket.take(time.monotonic(), 1.0 + len(data) // _BYTES_A_MESSAGE):
            self.shut(4429, "too fast")
        elif self._interrupt is not None and self._may_interrupt() and _asks_to_interrupt(data):
            self._interrupt()  # the kernel itself does not get it
        elif self.link is not None:
            self.link.send(StewardMessage(self.number, self._key, data))

    def _may_interrupt(self) -> bool:
        return self._state == "silent" and self.role == "steward"

    def leave(self) -> None:
        """Let the kernel end the page's monitor. Idempotent."""
        if self.link is not None:
            self.link.send(StewardClosed(self.number, self._key))
            self.link = None


class Watchers:
    """All pages that are open.

    Args:
        numbers: those of sockets, calls and requests.
    """

    def __init__(self, sessions: Iterable[WatchedSession], numbers: Iterator[int]) -> None:
        self._sessions, self.numbers = sessions, numbers
        self.interrupt: Callable[[], None] | None = None
        """Ends what a kernel that gives no sign of life runs; None where this server cannot."""
        self._watchers: dict[int, WatchingPage] = {}

    def __len__(self) -> int:
        return len(self._watchers)

    def __iter__(self) -> Iterator[WatchingPage]:
        return iter(list(self._watchers.values()))

    @property
    def full(self) -> bool:
        """Whether no further page may be opened."""
        return len(self._watchers) >= MOST_WATCHERS

    def add(self, watcher: WatchingPage) -> None:
        """Take in a page that has connected."""
        self._watchers[watcher.number] = watcher
        watcher.follow(*find_session(self._sessions, watcher.name))

    def remove(self, watcher: WatchingPage) -> None:
        """Forget a page that has gone. Idempotent."""
        if self._watchers.pop(watcher.number, None) is not None:
            watcher.leave()

    def follow(self, session: WatchedSession) -> None:
        """Let the pages of *session* know that its state, or its kernel, has changed."""
        for watcher in self:
            if watcher.name == session.name:
                watcher.follow(*find_session(self._sessions, watcher.name))

    def deliver(self, link: Receiver, message: StewardNews) -> None:
        """Write what the kernel at *link* sends to one of its own pages."""
        watcher = self._of(link, message.socket)
        if watcher is not None:
            watcher.write(message.data)

    def shut(self, link: Receiver, number: int, code: int, reason: str) -> None:
        """Close a page of the kernel at *link*."""
        watcher = self._of(link, number)
        if watcher is not None:
            watcher.shut(code, reason)

    def stop(self) -> None:
        """Close all pages: the server ends."""
        for watcher in self:
            watcher.shut(1001, "going away")

    def _of(self, link: Receiver, number: int) -> WatchingPage | None:
        watcher = self._watchers.get(number)
        return watcher if watcher is not None and watcher.link is link else None


def _asks_to_interrupt(data: bytes) -> bool:
    try:
        message = json.loads(data)
    except ValueError:
        return False
    return isinstance(message, dict) and message.get("what") == "interrupt"
