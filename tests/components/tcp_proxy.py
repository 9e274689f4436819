"""TcpProxy: a line to a server that a test can cut, or stall after a number of messages."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

__all__ = ["TcpProxy"]

_CHUNK = 65_536


class TcpProxy:
    """Passes on what comes to its port, until it is told to fail.

    with TcpProxy(server_port) as proxy:
        connect(proxy.port)
        proxy.fail_after(2)             # two more chunks pass, then every connection is cut
        proxy.fail_after(0, stall=True) # or nothing passes any more, and nobody is told
        proxy.work()
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Condition()
        self._left: int | None = None
        self._stalls = self._counts_answers = False
        self._lines: set[socket.socket] = set()
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> TcpProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self.work()
        self._listener.close()
        self._cut()

    def fail_after(self, chunks: int, *, stall: bool = False, answers: bool = False) -> None:
        """Let so many more requests, or answers, pass; then cut or stall everything."""
        with self._lock:
            self._left, self._stalls, self._counts_answers = chunks, stall, answers

    def work(self) -> None:
        """Pass everything on again; what was stalled arrives."""
        with self._lock:
            self._left = None
            self._lock.notify_all()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                return
            self._lines |= {client, server}
            for source, target, is_answer in ((client, server, False), (server, client, True)):
                passing = threading.Thread(
                    target=self._pass, args=(source, target, is_answer), daemon=True
                )
                passing.start()

    def _pass(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while chunk := source.recv(_CHUNK):
                if not self._may_pass(is_answer):
                    self._cut()
                    break
                target.sendall(chunk)
        for line in (source, target):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()
            self._lines.discard(line)

    def _may_pass(self, is_answer: bool) -> bool:
        """Wait while everything is stalled; return False if the connections are to be cut."""
        with self._lock:
            if self._left is not None and self._left > 0:
                self._left -= is_answer == self._counts_answers
                return True
            if self._left is None:
                return True
            if not self._stalls:
                self._left = None  # the next connection works
                return False
            self._lock.wait_for(lambda: self._left is None)
            return True

    def _cut(self) -> None:
        for line in list(self._lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
