"""Listening: the HTTP server on the participants' port, and who may connect to it."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from tornado import httputil
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets

from uproot_nb.server.connections import Connections, Seat
from uproot_nb.server.expected import Expected
from uproot_nb.server.limits import Limits
from uproot_nb.server.networks import network_of
from uproot_nb.server.reports import Reports
from uproot_nb.server.sessions import Sessions
from uproot_nb.server.site import Site

__all__ = ["BoundedServer", "Entrance", "bind_port"]

_PLAYERS_PATH = re.compile(r"/p/([^/?]+)/")
_PAGE = re.compile(r"/p/[^/?]+/(?:\?|\Z)")
_POLL = re.compile(r"/p/[^/?]+/poll(?:\?|\Z)")
_MOST_STRANGERS_BODY = 64 * 1024
"""Bytes: strangers post at most a label, and their bodies are read into memory."""
_REST_SECONDS = 0.5
_AT_ONCE = 64
_NO_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_GONE = frozenset({errno.ECONNABORTED, errno.EPROTO, errno.EINTR})


class Entrance:
    """Decides who may connect, and how long the body of a request may be."""

    def __init__(
        self,
        connections: Connections,
        sessions: Sessions,
        site: Site,
        reports: Reports,
        expected: Expected,
        limits: Limits,
    ) -> None:
        self.connections, self.reports = connections, reports
        self._sessions, self._site, self._expected = sessions, site, expected
        self._limits = limits

    def take_seat(self, stream: IOStream, address: str) -> bool:
        """Give a new connection a seat; False if there is none."""
        network, proxy = network_of(address), self._site.proxies.trusts(address)
        seat = self.connections.take(network, proxy=proxy)
        if seat is None:
            detail = self.connections.describe_shortage(network)
            self.reports.note_shortage("too many connections", detail)
            return False
        seat.close = stream.close
        self.connections.seats[stream] = seat
        return True

    def is_players(self, path: str) -> bool:
        """Return whether *path* has a player's token."""
        found = _PLAYERS_PATH.search(path)
        return found is not None and self._sessions.player(found[1]) is not None

    def posts_frames(self, path: str) -> bool:
        """Return whether pages post their frames to *path*."""
        return _POLL.search(path) is not None

    @property
    def longest_post(self) -> int:
        """How many bytes of frames a player's page may post at once."""
        return self._limits.max_post_bytes

    def longest_body(self, path: str) -> int:
        """Return how many bytes a stranger may send to *path*."""
        if self._expected.is_open and _PAGE.match(path.removeprefix(self._site.root)):
            # Perhaps a player's, whose kernel is yet to come. It is thrown away as it arrives;
            # bodies for all other addresses are stored in memory.
            return self._limits.max_upload_bytes
        return min(_MOST_STRANGERS_BODY, self._limits.max_form_bytes)


class BoundedServer(HTTPServer):
    """Gives each connection a seat, or closes it if there is none."""

    entrance: Entrance | None = None
    """Without one, everybody is let in."""

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """Take a new connection, or close it."""
        peer = str(address[0]) if address else ""
        if self.entrance is None or self.entrance.take_seat(stream, peer):
            super().handle_stream(stream, address)
        else:
            stream.close()

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        """Note that the connection waits for a request, and read its head before others do."""
        inner = super().start_request(server_conn, request_conn)
        if self.entrance is None:
            return inner
        seat = self.entrance.connections.seats.get(server_conn.stream)  # type: ignore[attr-defined]
        if seat is not None:
            seat.wait()
        return _Gate(self.entrance, seat, request_conn, inner)

    def on_close(self, server_conn: object) -> None:
        """Give the seat back."""
        if self.entrance is not None:
            seats = self.entrance.connections.seats
            seat = seats.pop(server_conn.stream, None)  # type: ignore[attr-defined]
            if seat is not None:
                seat.release()
        super().on_close(server_conn)

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections; rest for a while when the process has no more open files."""
        reports = self.entrance.reports if self.entrance is not None else None
        for opened in sockets:
            self._sockets[opened.fileno()] = opened
            accepting = _Accepting(opened, self._handle_connection, reports)
            self._handlers[opened.fileno()] = accepting.stop


class _Gate(httputil.HTTPMessageDelegate):
    """Reads a request's head: whose it is, and how much may follow."""

    def __init__(
        self,
        entrance: Entrance,
        seat: Seat | None,
        connection: httputil.HTTPConnection,
        inner: httputil.HTTPMessageDelegate,
    ) -> None:
        self._entrance, self._seat = entrance, seat
        self._connection, self._inner = connection, inner

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        path = getattr(start_line, "path", "")
        if not self._entrance.is_players(path):
            limit = self._entrance.longest_body(path)
            self._connection.set_max_body_size(limit)  # type: ignore[attr-defined]
        else:
            if self._entrance.posts_frames(path):
                self._connection.set_max_body_size(self._entrance.longest_post)  # type: ignore[attr-defined]
            if self._seat is not None:
                self._seat.know()
                self._seat.serve()
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._inner.data_received(chunk)

    def finish(self) -> None:
        if self._seat is not None:
            self._seat.serve()
        self._inner.finish()

    def on_connection_close(self) -> None:
        self._inner.on_connection_close()


class _Accepting:
    """Takes connections from a listening socket.

    Tornado's own loop raises when the process has no more open files, and is called again at once:
    it writes tracebacks for ever, and nothing else in the process can open a file.
    """

    def __init__(
        self,
        opened: socket.socket,
        take: Callable[[socket.socket, Any], None],
        reports: Reports | None,
    ) -> None:
        self._socket, self._take, self._reports = opened, take, reports
        self._loop = IOLoop.current()
        self._timer: object | None = None
        self._start()

    def _start(self) -> None:
        self._timer = None
        self._loop.add_handler(self._socket, self._accept, IOLoop.READ)

    def _accept(self, descriptor: object, events: int) -> None:
        for _ in range(_AT_ONCE):  # then others have their turn
            try:
                connection, address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as failure:
                if failure.errno in _GONE:
                    continue
                self._rest(failure)
                return
            self._take(connection, address)

    def _rest(self, failure: OSError) -> None:
        """Leave connections in the system's queue for a while."""
        self._loop.remove_handler(self._socket)
        self._timer = self._loop.call_later(_REST_SECONDS, self._start)
        if self._reports is not None:
            self._reports.note_no_files(failure, expected=failure.errno in _NO_FILES)

    def stop(self) -> None:
        """Accept no more."""
        if self._timer is not None:
            self._loop.remove_timeout(self._timer)
        else:
            self._loop.remove_handler(self._socket)


def bind_port(port: int, address: str, tries: int) -> list[socket.socket]:
    """Return sockets on *port*, or on the next one that is free."""
    last = port if port == 0 else min(port + tries - 1, 65535)
    for candidate in range(port, last + 1):
        try:
            _probe(candidate, address)
            return bind_sockets(candidate, address)
        except OSError:
            if candidate == last:
                raise
    raise AssertionError("unreachable")


def _probe(port: int, address: str) -> None:
    """Raise OSError if the port is taken: `bind_sockets` then leaves its socket unclosed."""
    if port == 0:
        return
    found = socket.getaddrinfo(
        address or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, kind, _, _, place = found[0]
    with socket.socket(family, kind) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(place)
