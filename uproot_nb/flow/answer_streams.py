"""AnswerStreams: answers of an experiment's own api that are sent in parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import IO, Any, Protocol

from uproot_nb.bridge.messages import HttpPart, PartsWanted
from uproot_nb.bridge.outgoing_body import PART_BYTES, OutgoingBody, pieces
from uproot_nb.flow.hooks import run_authors
from uproot_nb.flow.pause import Pause
from uproot_nb.session.error_reports import ErrorReports
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["AnswerStreams", "FileParts", "StartTask"]


class FileParts:
    """The parts of an open file, read in a thread."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __aiter__(self) -> FileParts:
        return self

    async def __anext__(self) -> bytes:
        part = await asyncio.to_thread(self._file.read, PART_BYTES)
        if not part:
            raise StopAsyncIteration
        return part

    async def aclose(self) -> None:
        """Close the file."""
        await asyncio.to_thread(self._file.close)


class AnswerStream(OutgoingBody):
    """An answer whose parts are sent as they come.

    The author's generator runs in steps under the run's lock. What it has changed is committed
    before the part that it then yields is sent, and undone if it raises instead. It makes a part
    only when the browser has taken those before, and none in a pause. If the browser goes away, it
    is closed where it stands, and keeps what it has changed.
    """

    def __init__(
        self, request: int, parts: AsyncIterator[Any], world: World, cause: Cause, pause: Pause
    ) -> None:
        super().__init__(request)
        self._parts, self._world, self._cause, self._pause = parts, world, cause, pause

    async def _send_all(self) -> None:
        while await self._is_wanted():
            part = await run_authors(self._next, self._world, self._cause)
            if part is None:
                return
            for piece in pieces(part):
                if not await self._is_wanted():
                    return
                self._wanted -= 1
                self._send(HttpPart(self._request, piece))

    async def _next(self) -> bytes | None:
        """Return the next part; None after the last one, or if the browser has gone."""
        try:
            part = await anext(self._parts)
        except StopAsyncIteration:
            return None
        except asyncio.CancelledError:
            if self._is_stopped:
                return None  # no failure: what was changed stays
            raise
        return bytes(part) if isinstance(part, (bytes, bytearray, memoryview)) else _encoded(part)

    async def _is_wanted(self) -> bool:
        """Wait until the browser can take a part; return False if it has gone."""
        await asyncio.sleep(0)  # a generator that never waits leaves others their turn
        while not self._is_stopped and (self._pause.lasts or self._wanted <= 0):
            if self._pause.lasts:
                await self._pause.over()
            else:
                self._news.clear()
                await self._news.wait()
        return not self._is_stopped

    async def _close(self) -> None:
        await run_authors(self._leave, self._world, self._cause)

    async def _leave(self) -> None:
        """Let the generator leave its blocks; what its `aclose` returns is no coroutine."""
        aclose = getattr(self._parts, "aclose", None)
        if aclose is not None:
            await aclose()

    def _send(self, part: HttpPart) -> None:
        """Send a part once what was changed before it is committed."""
        with self._world.lock:
            self._world.journal.after_commit(lambda: self._world.send(part))


class StartTask(Protocol):
    """Starts a task of the run."""

    def __call__(
        self, coroutine: Coroutine[Any, Any, Any], /, *, endless: bool = False
    ) -> asyncio.Task[Any]:
        """Start it; *endless*: nobody waits for its end."""


class AnswerStreams:
    """The answers that are being sent part by part, by the numbers of their requests.

    Args:
        spawn: starts a task of the run.
    """

    def __init__(self, world: World, pause: Pause, reports: ErrorReports, spawn: StartTask) -> None:
        self._world, self._pause, self._reports = world, pause, reports
        self._spawn = spawn
        self._streams: dict[int, AnswerStream] = {}

    def open(
        self,
        request: int,
        parts: AsyncIterator[Any],
        cause: Cause,
        subject: str,
        then: Callable[[], Any] | None,
    ) -> None:
        """Send the parts of an answer as the browser takes them.

        Args:
            subject: whom a failure concerns, in the log.
            then: authors' code that runs after the last part.
        """
        stream = AnswerStream(request, parts, self._world, cause, self._pause)
        self._streams[request] = stream
        self._spawn(self._run(request, stream, cause, subject, then), endless=True)

    def perform(self, act: Callable[[], Any], cause: Cause, subject: str) -> None:
        """Run authors' code that follows an answer, such as a `BackgroundTask`."""
        self._spawn(self._perform(act, cause, subject))

    def note_wanted(self, message: PartsWanted) -> None:
        """Note that a browser can take more, or has gone."""
        stream = self._streams.get(message.request)
        if stream is not None:
            stream.want(message.count)

    def stop(self) -> None:
        """Stop all: the participant server is gone."""
        for stream in list(self._streams.values()):
            stream.stop()

    async def _run(
        self,
        request: int,
        stream: AnswerStream,
        cause: Cause,
        subject: str,
        then: Callable[[], Any] | None,
    ) -> None:
        try:
            arrived = await stream.run()
        except Exception as error:  # the border around authors' code
            self._reports.report(error, cause, subject)
            return
        finally:
            del self._streams[request]
        if arrived and then is not None:
            await self._perform(then, cause, subject)

    async def _perform(self, act: Callable[[], Any], cause: Cause, subject: str) -> None:
        try:
            await run_authors(act, self._world, cause)
        except Exception as error:  # the border around authors' code
            self._reports.report(error, cause, subject)


def _encoded(part: Any) -> bytes:
    return str(part).encode("utf-8", "replace")
