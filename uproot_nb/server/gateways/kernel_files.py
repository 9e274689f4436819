"""KernelFiles: the apps' files that a gateway fetches from kernels on other machines."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from uproot_nb.bridge.messages import (
    AppFileAsked,
    AppFileFound,
    AppPiece,
    AppPieceWanted,
    BridgeMessage,
)
from uproot_nb.bridge.nats.file_versions import PIECE_BYTES

__all__ = ["CACHED_BYTES", "FileLost", "FileQuestions", "KernelFile", "KernelFiles"]

CACHED_BYTES = 64 * 1024 * 1024
"""Bytes of pieces that a gateway stores, of all sessions together."""
_LARGEST_CACHED = 16 * 1024 * 1024
"""Longer files are not stored: one film would take the place of all pictures."""
_PIECES_AT_ONCE = 4
"""So many pieces are on their way from a kernel, whoever downloads: calls pass between them."""
_QUESTIONS_AT_ONCE = 64
_LATEST = 253_402_300_799
"""The end of the year 9999, in Unix seconds."""

Asked = AppFileAsked | AppPieceWanted
Answer = AppFileFound | AppPiece


class FileLost(Exception):
    """The kernel went away, did not answer in time, or has another version of the file now."""


class FileQuestions:
    """What is asked of one kernel about files, and not answered yet.

    questions = FileQuestions(send)
    answer = await questions.ask(AppFileAsked(number, key, "a.png"), patience=30)
    questions.take(answer)      # as it comes from the kernel
    questions.drop()            # the kernel has gone
    """

    def __init__(self, send: Callable[[BridgeMessage], None]) -> None:
        self._send = send
        self._unanswered: dict[int, asyncio.Future[Answer | None]] = {}
        self._places = {
            AppFileAsked: asyncio.Semaphore(_QUESTIONS_AT_ONCE),
            AppPieceWanted: asyncio.Semaphore(_PIECES_AT_ONCE),
        }
        self._dropped = False

    async def ask(self, question: Asked, patience: float) -> Answer:
        """Return the kernel's answer.

        Raises:
            FileLost: it went away, or took more than *patience* seconds.
        """
        try:
            async with asyncio.timeout(patience), self._places[type(question)]:
                answer = await self._ask(question)
        except TimeoutError as error:
            raise FileLost from error
        if answer is None:
            raise FileLost
        return answer

    async def _ask(self, question: Asked) -> Answer | None:
        if self._dropped:
            return None
        future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._unanswered[question.request] = future
        try:
            self._send(question)
            return await future
        finally:
            del self._unanswered[question.request]

    def take(self, answer: Answer) -> None:
        """Take an answer that has come."""
        future = self._unanswered.get(answer.request)
        if future is not None and not future.done():
            future.set_result(answer)

    def drop(self) -> None:
        """Let nobody wait any more: the kernel has gone. Idempotent."""
        self._dropped = True
        for future in self._unanswered.values():
            if not future.done():
                future.set_result(None)


class FilesLink(Protocol):
    """The way to a kernel that has files."""

    @property
    def files(self) -> FileQuestions:
        """What is asked of it and not answered yet."""


@dataclass(frozen=True)
class KernelFile:
    """A file as a kernel has found it; see `AppFileFound`."""

    path: str
    """Its name, by which its type is known."""
    size: int
    modified: datetime
    etag: str
    fetch: Callable[[int], Awaitable[bytes]]
    """Returns one piece."""

    async def parts(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from *start* to *end*.

        Raises:
            FileLost: the rest is not available.
        """
        while start < end:
            index, skipped = divmod(start, PIECE_BYTES)
            piece = (await self.fetch(index))[skipped : skipped + end - start]
            if not piece:
                raise FileLost
            yield piece
            start += len(piece)


class KernelFiles:
    """Finds kernels' files, and stores their pieces within a bound, the latest used longest.

        files = KernelFiles(numbers, patience=30)
        file = await files.find(link, key, "a.png")       # None if there is none

    A piece is fetched once, however many ask for it at a time.

    Args:
        numbers: those of requests.
        patience: seconds that a kernel may take for an answer.
    """

    def __init__(
        self, numbers: Iterator[int], patience: float, most_bytes: int = CACHED_BYTES
    ) -> None:
        self._numbers, self._patience = numbers, patience
        self._most_bytes, self._bytes = most_bytes, 0
        self._stored: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
        """Pieces by the folder's key, the file's version, and their index."""
        self._fetching: dict[object, asyncio.Task[Answer]] = {}

    async def find(self, link: FilesLink, key: str, path: str) -> KernelFile | None:
        """Return the file at *path* in the folder with this *key*; None if there is none.

        Raises:
            FileLost: the kernel has not answered.
        """
        question = AppFileAsked(next(self._numbers), key, path)
        found = await self._share((link.files, key, path), link, question)
        if not isinstance(found, AppFileFound) or not found.version:
            return None

        async def fetch(index: int) -> bytes:
            return await self._piece(link, key, path, found, index)

        modified = datetime.fromtimestamp(min(max(found.modified, 0), _LATEST), UTC)
        return KernelFile(found.name, found.size, modified, f'"{found.version}"', fetch)

    async def _piece(
        self, link: FilesLink, key: str, path: str, file: AppFileFound, index: int
    ) -> bytes:
        place = key, file.version, index
        stored = self._stored.get(place)
        if stored is not None:
            self._stored.move_to_end(place)
            return stored
        question = AppPieceWanted(next(self._numbers), key, path, file.version, index)
        answer = await self._share((link.files, place), link, question)
        data = answer.data if isinstance(answer, AppPiece) else b""
        if data and file.size <= _LARGEST_CACHED:
            self._store(place, data)
        return data

    async def _share(self, what: object, link: FilesLink, question: Asked) -> Answer:
        """Return the answer to *question*; whoever asks the same meanwhile gets the same."""
        task = self._fetching.get(what)
        if task is None:
            task = asyncio.create_task(link.files.ask(question, self._patience))
            self._fetching[what] = task
            task.add_done_callback(lambda done: self._end(what, done))
        return await asyncio.shield(task)

    def _end(self, what: object, task: asyncio.Task[Answer]) -> None:
        del self._fetching[what]
        if not task.cancelled():
            task.exception()  # those who wait raise it, if any do

    def _store(self, place: tuple[str, str, int], data: bytes) -> None:
        if place not in self._stored:
            self._stored[place] = data
            self._bytes += len(data)
        while self._bytes > self._most_bytes:
            _, dropped = self._stored.popitem(last=False)
            self._bytes -= len(dropped)
