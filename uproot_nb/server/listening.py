"""Listening: the HTTP server on participants' own port, which strangers cannot exhaust."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from tornado import httputil
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream

from uproot_nb.server.connections import Seat
from uproot_nb.server.networks import network_of

if TYPE_CHECKING:  # the server makes it; only the name is needed here
    from uproot_nb.server.participants import ParticipantServer

__all__ = ["BoundedServer"]

_PLAYERS_PATH = re.compile(r"/p/([^/?]+)/")
_PAGE = re.compile(r"/p/[^/?]+/(?:\?|\Z)")
_MOST_STRANGERS_BODY = 64 * 1024
"""Strangers post a label at most: what they send is read before anything is looked at."""
_REST_SECONDS = 0.5
_AT_ONCE = 64
_NO_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_GONE = frozenset({errno.ECONNABORTED, errno.EPROTO, errno.EINTR})


class BoundedServer(HTTPServer):
    """Gives each connection a seat, or closes it where there is none."""

    participants: ParticipantServer | None = None
    """Who counts; without, everybody is let in."""

    @property
    def open_connections(self) -> int:
        """How many there are that are no WebSockets."""
        return len(self._connections)

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """Take a new connection, or close it."""
        server = self.participants
        if server is None:
            super().handle_stream(stream, address)
            return
        peer = str(address[0]) if address else ""
        seat = server.connections.take(network_of(peer), proxy=server.proxies.trusts(peer))
        if seat is None:
            server.note_shortage(peer)
            stream.close()
            return
        seat.close = stream.close
        server.seats[stream] = seat
        super().handle_stream(stream, address)

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        """Note that the connection waits for a request, and read its head before others do."""
        inner = super().start_request(server_conn, request_conn)
        if self.participants is None:
            return inner
        seat = self.participants.seats.get(server_conn.stream)  # type: ignore[attr-defined]
        if seat is not None:
            seat.wait()
        return _Gate(self.participants, seat, request_conn, inner)

    def on_close(self, server_conn: object) -> None:
        """Give the seat back."""
        if self.participants is not None:
            seat = self.participants.seats.pop(server_conn.stream, None)  # type: ignore[attr-defined]
            if seat is not None:
                seat.release()
        super().on_close(server_conn)

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections; rest for a while when the process has no more open files."""
        for opened in sockets:
            self._sockets[opened.fileno()] = opened
            accepting = _Accepting(opened, self._handle_connection, self.participants)
            self._handlers[opened.fileno()] = accepting.stop


class _Gate(httputil.HTTPMessageDelegate):
    """Looks at a request's head: whose it is, and how much may follow."""

    def __init__(
        self,
        server: ParticipantServer,
        seat: Seat | None,
        connection: httputil.HTTPConnection,
        inner: httputil.HTTPMessageDelegate,
    ) -> None:
        self._server, self._seat = server, seat
        self._connection, self._inner = connection, inner

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        found = _PLAYERS_PATH.search(getattr(start_line, "path", ""))
        player = self._server.sessions.player(found[1]) if found else None
        if player is None:
            limits = self._server.limits
            limit = min(_MOST_STRANGERS_BODY, limits.max_form_bytes)
            if self._server.expected.is_open and self._is_page(start_line):
                # Perhaps a player's, whose kernel is on its way. It is thrown away as it arrives.
                limit = limits.max_upload_bytes
            self._connection.set_max_body_size(limit)  # type: ignore[attr-defined]
        elif self._seat is not None:
            self._seat.know()
            self._seat.serve()
        return self._inner.headers_received(start_line, headers)

    def _is_page(self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine) -> bool:
        """Say whether this is for a player's page: bodies for all others are kept in memory."""
        path = getattr(start_line, "path", "")
        return _PAGE.match(path.removeprefix(self._server.root)) is not None

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

    Tornado's own loop raises when the process has no more open files, and is called again at
    once, for ever: a processor is busy with writing tracebacks, and nothing else of the process
    can open a file.
    """

    def __init__(
        self,
        opened: socket.socket,
        take: Callable[[socket.socket, Any], None],
        server: ParticipantServer | None,
    ) -> None:
        self._socket, self._take, self._server = opened, take, server
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
        if self._server is not None:
            self._server.note_no_files(failure, expected=failure.errno in _NO_FILES)

    def stop(self) -> None:
        """Accept no more."""
        if self._timer is not None:
            self._loop.remove_timeout(self._timer)
        else:
            self._loop.remove_handler(self._socket)
