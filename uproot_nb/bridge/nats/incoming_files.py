"""IncomingFiles: files of forms that were sent to a gateway, fetched to this machine in pieces."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from uproot_nb.bridge.messages import FAMILY_BITS, FilePiece, FileWanted, HttpReply, HttpRequest
from uproot_nb.bridge.owned_folders import OwnedFolder

__all__ = ["IncomingFiles", "PREFIX"]

PREFIX = "uproot_nb-received-"
"""How the names of the folders of received files begin."""
PIECE_BYTES = 256 * 1024
_STORED_SECONDS = 300.0
"""How long files are stored whose form is not answered."""

_log = logging.getLogger("uproot_nb.bridge")


class IncomingFiles:
    """Fetches the files of forms, each piece once the one before it is written, and removes them.

        files = IncomingFiles(send)
        files.fetch(request, then)     # `then` gets the request with paths on this machine
        files.take(piece)
        files.note_answered(number)    # they are removed
        files.drop(family)             # a gateway is gone, and with it what it had not yet sent
        files.close()

    Args:
        send: sends a message to the gateway that it concerns.
    """

    def __init__(self, send: Callable[[FileWanted | HttpReply], None]) -> None:
        self._send = send
        self._folder: OwnedFolder | None = None
        self._fetching: dict[int, asyncio.Task[None]] = {}
        self._pieces: dict[int, asyncio.Future[bytes]] = {}
        """The piece that each request waits for."""
        self._stored: dict[int, list[str]] = {}
        """The paths of each request's files."""

    def fetch(self, request: HttpRequest, then: Callable[[HttpRequest], None]) -> None:
        """Fetch the files of *request*; then pass it on."""
        task = asyncio.get_running_loop().create_task(self._fetch_all(request, then))
        self._fetching[request.request] = task
        task.add_done_callback(lambda done: self._fetching.pop(request.request, None))

    def take(self, piece: FilePiece) -> None:
        """Take a piece that has come."""
        awaited = self._pieces.pop(piece.request, None)
        if awaited is not None and not awaited.done():
            awaited.set_result(piece.data)

    def note_answered(self, number: int) -> None:
        """Remove the files of a request that is answered. Idempotent."""
        for path in self._stored.pop(number, ()):
            with contextlib.suppress(OSError):
                os.unlink(path)

    def drop(self, family: int) -> None:
        """Fetch nothing more from a gateway that is gone."""
        for number, task in list(self._fetching.items()):
            if number >> FAMILY_BITS == family:
                task.cancel()

    def leave(self) -> None:
        """Fetch nothing more, and remove everything when forms that are being handled are done."""
        for task in list(self._fetching.values()):
            task.cancel()
        asyncio.get_running_loop().call_later(_STORED_SECONDS, self.close)

    def close(self) -> None:
        """Remove everything. Idempotent."""
        for task in list(self._fetching.values()):
            task.cancel()
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.remove()

    async def _fetch_all(self, request: HttpRequest, then: Callable[[HttpRequest], None]) -> None:
        number, has_all = request.request, False
        self._stored[number] = []
        try:
            files = [
                (field, name, kind, await self._fetch(number, index, size), size)
                for index, (field, name, kind, _, size) in enumerate(request.files)
            ]
            has_all = True
        except OSError as error:
            _log.error("A file from a gateway could not be stored: %s.", error)
            self._send(HttpReply(number, 503, [("Retry-After", "5")], b""))
        finally:
            self._pieces.pop(number, None)
            if not has_all:
                self.note_answered(number)
        if has_all:
            loop = asyncio.get_running_loop()
            loop.call_later(_STORED_SECONDS, self.note_answered, number)
            then(msgspec.structs.replace(request, files=files))

    async def _fetch(self, number: int, index: int, size: int) -> str:
        """Fetch one file; return its path."""
        descriptor, path = tempfile.mkstemp(dir=self._made_folder())  # mode 0600
        self._stored[number].append(path)
        with open(descriptor, "wb") as file:
            got = 0
            while got < size:
                got += await self._fetch_piece(file, number, index, got, size)
        return path

    async def _fetch_piece(
        self, file: BinaryIO, number: int, index: int, start: int, size: int
    ) -> int:
        wanted = min(PIECE_BYTES, size - start)
        awaited = self._pieces[number] = asyncio.get_running_loop().create_future()
        self._send(FileWanted(number, index, start, wanted))
        data = await awaited
        if not 0 < len(data) <= wanted:
            raise OSError("the gateway does not have it any more")
        await asyncio.to_thread(file.write, data)
        return len(data)

    def _made_folder(self) -> Path:
        if self._folder is None:
            self._folder = OwnedFolder(PREFIX)
        return self._folder.path
