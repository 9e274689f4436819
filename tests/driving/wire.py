"""Wire: the network between a browser and the participant server, which a test can cut."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from urllib.parse import urlsplit, urlunsplit

__all__ = ["Wire"]


class Wire:
    """Passes bytes on, until it is told not to.

        wire = Wire(run_url)
        page.goto(wire.reroute(link))
        wire.cut()          # every connection breaks, and none can be made
        wire.mend()

    `deafen` lets requests through and swallows the answers, as a failing network does for a while.
    `refused` are beginnings of requests that it answers itself, as a school's proxy does;
    while `is_mute`, a WebSocket opens and passes nothing, as with other proxies.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._is_cut = self._is_deaf = False
        self.refused: tuple[bytes, ...] = ()
        """What a request that is refused contains, in small letters."""
        self.refusals = 0
        self.is_mute = False
        self.muted = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._admit, daemon=True).start()

    def reroute(self, link: str) -> str:
        """Return *link* by way of this wire."""
        return urlunsplit(urlsplit(link)._replace(netloc=f"127.0.0.1:{self.port}"))

    def cut(self) -> None:
        """Break every connection, and let none be made until `mend`."""
        with self._lock:
            self._is_cut = True
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            _break(pair)

    def deafen(self) -> None:
        """Let nothing more come back; what is sent still arrives."""
        self._is_deaf = True

    def mend(self) -> None:
        """Let connections be made, and answers come, again."""
        self._is_deaf = self._is_cut = False

    def close(self) -> None:
        """Cut for good."""
        # A listener that is only closed goes on accepting while a thread waits at it.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _admit(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                far = None if self._is_cut else self._reach(near)
            if far is None:
                _break((near, near))
                continue
            for source, sink, back in ((near, far, False), (far, near, True)):
                threading.Thread(
                    target=self._pass_on, args=(source, sink, back), daemon=True
                ).start()

    def _reach(self, near: socket.socket) -> socket.socket | None:
        try:
            far = socket.create_connection(self._target, timeout=5.0)
        except OSError:
            return None
        far.settimeout(None)
        self._pairs.add((near, far))
        return far

    def _open_mute(self, far: socket.socket, near: socket.socket, opening: bytes) -> None:
        """Pass on the opening of a WebSocket alone; the server's end is not connected any more."""
        head, end, _ = opening.partition(b"\r\n\r\n")
        near.sendall(head + end)
        self.muted += 1
        with contextlib.suppress(OSError):
            while far.recv(65536):
                pass

    def _pass_on(self, source: socket.socket, sink: socket.socket, back: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not back and any(part in data.lower() for part in self.refused):
                    self.refusals += 1
                    source.sendall(_FORBIDDEN)
                    break
                if back and self.is_mute and data.startswith(_UPGRADED):
                    self._open_mute(source, sink, data)
                    return
                if not (back and self._is_deaf):
                    sink.sendall(data)
        _break((source, sink))


_UPGRADED = b"HTTP/1.1 101"
_FORBIDDEN = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 9\r\n"
    b"Connection: close\r\n\r\nForbidden"
)


def _break(pair: tuple[socket.socket, socket.socket]) -> None:
    """Reset both ends, as a network does that is gone; no goodbye is said."""
    for end in pair:
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            end.close()
