"""Connections: how many there may be in all, for strangers, and for one network's strangers.

A connection is fresh until its first request shows whose it is: a player's, by a token, or that of
a stranger who stays, as in front of a room. Strangers get three quarters of the places, and those
of one network half of that. If places are short, the fresh connection that has waited longest for
a request is closed: browsers open another when they need it.
"""

from __future__ import annotations

import contextlib
import enum
import sys
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable

from uproot_nb.server.limits import how_to_change

__all__ = ["Connections", "Seat", "allow_open_files", "most_connections"]

_RESERVED_FILES = 256
"""Open files left to the rest of the process: kernels, databases, Jupyter's own port."""
_FEWEST_PER_NETWORK = 64
_GRACE_SECONDS = 1.0
"""Younger fresh connections are not closed: their request may be under way."""


def most_connections(wanted: int) -> int:
    """Return how many connections there can be, of *wanted*: each is an open file."""
    if sys.platform == "win32":
        return wanted
    import resource  # it is not there on Windows

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, max(limit - _RESERVED_FILES, limit // 2)))


def allow_open_files(connections: int) -> None:
    """Let this process open as many files as *connections* need, if the system lets it."""
    if sys.platform == "win32":
        return
    import resource  # it is not there on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _RESERVED_FILES
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class _Kind(enum.Enum):
    FRESH = enum.auto()
    STRANGER = enum.auto()
    PLAYER = enum.auto()


class Seat:
    """A connection's place among the others."""

    __slots__ = ("_connections", "close", "kind", "network", "waiting_since")

    def __init__(self, connections: Connections, network: str) -> None:
        self._connections, self.network = connections, network
        self.waiting_since = 0.0
        self.kind: _Kind | None = None
        """None once it has no place."""
        self.close: Callable[[], None] | None = None
        """Closes the connection to make room, if that is allowed."""

    @property
    def is_fresh(self) -> bool:
        """Whether nobody knows yet whose it is."""
        return self.kind is _Kind.FRESH

    def know(self) -> None:
        """Note that a player's token was shown."""
        if self.kind not in (None, _Kind.PLAYER):
            self._connections._turn(self, _Kind.PLAYER)

    def stay(self) -> bool:
        """Let a stranger stay; False if there are too many of them."""
        return self._connections._let_stay(self)

    def wait(self) -> None:
        """Note that no request is being served."""
        if self.kind is not None and self.close is not None:
            self._connections._note_waiting(self)

    def serve(self) -> None:
        """Note that a request is being served."""
        self._connections._note_serving(self)

    def release(self) -> None:
        """Leave the place to others. Idempotent."""
        self.serve()
        self._connections._turn(self, None)


class Connections:
    """The places that there are.

    seat = connections.take("192.0.2.1")    # None: no place
    seat.know()                             # it is a player's
    seat.release()
    """

    def __init__(
        self, most: int, per_network: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.most, self._clock = most, clock
        self.most_strangers = max(1, most - most // 4)
        half = max(self.most_strangers // 2, _FEWEST_PER_NETWORK)
        self.most_per_network = min(per_network or half, self.most_strangers)
        self.counts: Counter[_Kind] = Counter()
        self._in_network: Counter[tuple[_Kind, str]] = Counter()
        self._waiting: OrderedDict[Seat, None] = OrderedDict()
        self._waiting_in: dict[str, OrderedDict[Seat, None]] = {}
        self.seats: dict[Hashable, Seat] = {}
        """The seats of HTTP connections on the own port, by their streams."""

    @property
    def total(self) -> int:
        """How many there are."""
        return self.counts.total()

    @property
    def strangers(self) -> int:
        """How many strangers stay."""
        return self.counts[_Kind.STRANGER]

    def take(self, network: str, *, proxy: bool = False) -> Seat | None:
        """Return a place for a fresh connection; None if there is none.

        Args:
            proxy: *network* is a trusted proxy's, and all the world may be behind it.
        """
        fresh = _Kind.FRESH, network
        if not proxy and self._in_network[fresh] >= self.most_per_network:
            self._make_room(self._waiting_in.get(network))
        if self.full:
            self._make_room(self._waiting)
        if self.full:
            return None
        if not proxy and self._in_network[fresh] >= self.most_per_network:
            return None
        seat = Seat(self, network)
        self._turn(seat, _Kind.FRESH)
        return seat

    def upgrade(self, stream: Hashable, network: str, *, known: bool) -> Seat | None:
        """Return the seat of a connection that becomes a WebSocket; None if there is none.

        Args:
            network: of the browser, which may be behind a proxy.
            known: a player's token was shown.
        """
        seat = self.seats.pop(stream, None)
        if seat is None:  # it came by Jupyter's port
            return self.add(network, known=known)
        seat.serve()
        seat.close = None  # from now on it is not closed to make room
        if not known and seat.network != network:  # the network behind the proxy counts
            seat.release()
            return self.add(network, known=False)
        return self._let_in(seat, known)

    def add(self, network: str, *, known: bool) -> Seat | None:
        """Return a seat for a connection without a stream of its own; None if there is none.

        Args:
            known: a player's token was shown.
        """
        seat = self.take(network)
        return None if seat is None else self._let_in(seat, known)

    def _let_in(self, seat: Seat, known: bool) -> Seat | None:
        if known:
            seat.know()
            return seat
        if seat.stay():
            return seat
        seat.release()
        return None

    @property
    def full(self) -> bool:
        """Whether no further connection may be opened."""
        return self.total >= self.most

    def describe_shortage(self, network: str) -> str:
        """Return the limit that prevents a connection of *network*, and how to change it."""
        if self.full:
            more = how_to_change("max_connections")
            return f"all {self.most:,} are in use. Raise `ulimit -n` and {more}"
        if self.strangers >= self.most_strangers:
            most = self.most_strangers
            return f"browsers without a player's link have all {most:,} that they may have"
        more = how_to_change("max_connections_per_network")
        return f"{network} has {self.most_per_network:,} without a player's link. Raise {more}"

    def _let_stay(self, seat: Seat) -> bool:
        there = self._in_network[_Kind.STRANGER, seat.network]
        if self.strangers >= self.most_strangers or there >= self.most_per_network:
            return False
        self._turn(seat, _Kind.STRANGER)
        return True

    def _turn(self, seat: Seat, kind: _Kind | None) -> None:
        """Count *seat* as what it is now."""
        before, seat.kind = seat.kind, kind
        if before is not None:
            self.counts[before] -= 1
            self._in_network[before, seat.network] -= 1
            if not self._in_network[before, seat.network]:
                del self._in_network[before, seat.network]
        if kind is not None:
            self.counts[kind] += 1
            self._in_network[kind, seat.network] += 1

    def _make_room(self, waiting: OrderedDict[Seat, None] | None) -> None:
        """End the connection that has waited longest without a request."""
        seat = next(iter(waiting), None) if waiting else None
        if seat is not None and self._clock() - seat.waiting_since >= _GRACE_SECONDS:
            seat.release()
            if seat.close is not None:
                seat.close()

    def _note_waiting(self, seat: Seat) -> None:
        self._note_serving(seat)
        seat.waiting_since = self._clock()
        self._waiting[seat] = None
        self._waiting_in.setdefault(seat.network, OrderedDict())[seat] = None

    def _note_serving(self, seat: Seat) -> None:
        self._waiting.pop(seat, None)
        there = self._waiting_in.get(seat.network)
        if there is not None:
            there.pop(seat, None)
            if not there:
                del self._waiting_in[seat.network]
