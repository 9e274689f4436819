"""OutgoingFiles: files of forms, sent in pieces to a kernel on another machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from uproot_nb.bridge.messages import FilePiece, FileWanted, HttpRequest

__all__ = ["OutgoingFiles"]

_LARGEST_PIECE = 1024 * 1024


class _Offered(NamedTuple):
    paths: list[str]
    go_on: Callable[[], None]


class OutgoingFiles:
    """The files of requests that wait for their answer; no others are read.

    files = OutgoingFiles()
    files.offer(request, go_on)       # `go_on` is called for each piece: the answer takes longer
    piece = await files.read(wanted)
    files.withdraw(request.request)
    """

    def __init__(self) -> None:
        self._offered: dict[int, _Offered] = {}

    def offer(self, request: HttpRequest, go_on: Callable[[], None]) -> None:
        """Let the kernel fetch the files of *request*."""
        paths = [path for _, _, _, path, _ in request.files]
        self._offered[request.request] = _Offered(paths, go_on)

    def withdraw(self, request: int) -> None:
        """Let the kernel fetch nothing more. Idempotent."""
        self._offered.pop(request, None)

    async def read(self, wanted: FileWanted) -> FilePiece:
        """Return the piece; without data if it is not there any more."""
        offered = self._offered.get(wanted.request)
        if offered is None or not 0 <= wanted.index < len(offered.paths):
            return FilePiece(wanted.request, wanted.index, b"")
        offered.go_on()
        data = await asyncio.to_thread(_read, offered.paths[wanted.index], wanted)
        return FilePiece(wanted.request, wanted.index, data)


def _read(path: str, wanted: FileWanted) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, wanted.start))
            return file.read(min(max(0, wanted.size), _LARGEST_PIECE))
    except OSError:
        return b""
