"""ServedFiles: the kernel's end of the apps' files that gateways ask for."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from uproot_nb.bridge.file_paths import find_file
from uproot_nb.bridge.messages import (
    AppFileAsked,
    AppFileFound,
    AppPiece,
    AppPieceWanted,
    ServeFiles,
)
from uproot_nb.bridge.nats.file_versions import FileVersions

__all__ = ["ServedFiles"]

_THREADS = 4
"""Files are read beside the run's loop, so that calls never wait for a disk."""

_log = logging.getLogger("uproot_nb.bridge")

Answer = AppFileFound | AppPiece


class ServedFiles:
    """Answers which files there are below the folders that are served, and sends their pieces.

        files = ServedFiles(send, drain)
        files.serve(ServeFiles(session, key, "/lab/app/static"))
        files.find(asked)       # sends an `AppFileFound`
        files.read(wanted)      # sends an `AppPiece`
        files.close()

    Args:
        send: sends a message to the gateway that has asked.
        drain: waits until the gateway of a request has taken most of what it was sent.
    """

    def __init__(
        self, send: Callable[[Answer], None], drain: Callable[[int], Awaitable[None]]
    ) -> None:
        self._send, self._drain = send, drain
        self._folders: dict[str, str] = {}
        self._versions = FileVersions()
        self._threads: ThreadPoolExecutor | None = None
        self._answering: set[asyncio.Task[None]] = set()

    def serve(self, message: ServeFiles) -> None:
        """Serve the files below a folder to whoever has its key."""
        self._folders[message.key] = message.folder

    def find(self, asked: AppFileAsked) -> None:
        """Answer whether there is a file, and which version of it."""
        folder = self._folders.get(asked.key)
        if folder is None:
            self._send(AppFileFound(asked.request))
        else:
            self._answer(asked.request, lambda: self._look(folder, asked))

    def read(self, wanted: AppPieceWanted) -> None:
        """Send a piece of a file."""
        folder = self._folders.get(wanted.key)
        if folder is None:
            self._send(AppPiece(wanted.request, b""))
        else:
            self._answer(wanted.request, lambda: self._read(folder, wanted))

    def close(self) -> None:
        """Answer nothing more. Idempotent."""
        self._folders.clear()
        self._versions.close()
        for task in list(self._answering):
            task.cancel()
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)

    def _answer(self, request: int, make: Callable[[], Answer]) -> None:
        task = asyncio.get_running_loop().create_task(self._answer_from_thread(request, make))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer_from_thread(self, request: int, make: Callable[[], Answer]) -> None:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, "uproot_nb-files")
        answer = await asyncio.get_running_loop().run_in_executor(self._threads, make)
        await self._drain(request)
        self._send(answer)

    def _look(self, folder: str, asked: AppFileAsked) -> AppFileFound:
        path = find_file(folder, asked.path)
        if path is None:
            return AppFileFound(asked.request)
        try:
            found = self._versions.look(path)
        except OSError as error:
            _log.warning("The file %s could not be read for a browser: %s.", path, error)
            return AppFileFound(asked.request)
        name = os.path.basename(path)
        return AppFileFound(asked.request, found.version, name, found.size, found.modified)

    def _read(self, folder: str, wanted: AppPieceWanted) -> AppPiece:
        path = find_file(folder, wanted.path)
        data = b"" if path is None else self._versions.read(path, wanted.version, wanted.index)
        return AppPiece(wanted.request, data)
