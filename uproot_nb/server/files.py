"""Files that browsers may cache: the package's own, and those of the apps."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, StaticFileHandler

from uproot_nb.bridge.file_paths import find_file
from uproot_nb.server.answer_bodies import cut_off
from uproot_nb.server.base_handler import ParticipantHandler, Parts
from uproot_nb.server.expected import Expected
from uproot_nb.server.gateways.kernel_files import FileLost, KernelFile, KernelFiles
from uproot_nb.server.limits import Limits
from uproot_nb.server.sessions import ServedSession

__all__ = ["AppFileHandler", "AppFileParts", "StaticHandler"]

_YEAR = 365 * 24 * 3600
_APP_FILE_SECONDS = 60
# Systems disagree about these, or do not know them: a wrong type keeps a script from running.
_TYPES = {
    ".avif": "image/avif", ".css": "text/css", ".js": "text/javascript",
    ".json": "application/json", ".mjs": "text/javascript", ".svg": "image/svg+xml",
    ".wasm": "application/wasm", ".webp": "image/webp", ".woff": "font/woff",
    ".woff2": "font/woff2",
}  # fmt: skip


class StaticHandler(ParticipantHandler[Parts], StaticFileHandler):
    """The package's own scripts and styles, which browsers cache: the address has the version."""

    route = "static/…"

    def initialize(self, path: str, parts: Parts) -> None:  # type: ignore[override]
        StaticFileHandler.initialize(self, path)
        ParticipantHandler.initialize(self, parts)

    async def head(self, path: str) -> None:  # type: ignore[override]
        await self.get(path, include_body=False)

    def compute_etag(self) -> str | None:
        return StaticFileHandler.compute_etag(self)

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", f"public, max-age={_YEAR}, immutable")
        # The sandboxed mount's pages have an origin of their own, and need these too.
        self.set_header("Cross-Origin-Resource-Policy", "cross-origin")
        self.set_header("Access-Control-Allow-Origin", "*")


class FoundFile(Protocol):
    """A file that a browser may read, wherever it is."""

    @property
    def path(self) -> str:
        """Its path, or its name: its type follows from it."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    @property
    def modified(self) -> datetime:
        """When it was written last."""

    @property
    def etag(self) -> str:
        """What changes with it, in quotes."""

    def parts(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from *start* to *end*."""


@dataclass(frozen=True)
class FileHere:
    """A file on this machine."""

    path: str
    size: int
    modified: datetime
    etag: str

    @classmethod
    def find(cls, folder: str, path: str) -> FileHere | None:
        """Return the file at *path* below *folder*; None if there is none for browsers."""
        place = find_file(folder, path)
        if place is None:
            return None
        try:
            found = os.stat(place)
        except OSError:
            return None
        # The author may change the file at any time; tornado's own tag would stay the same.
        etag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
        return cls(place, found.st_size, datetime.fromtimestamp(int(found.st_mtime), UTC), etag)

    async def parts(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from *start* to *end*."""
        for part in StaticFileHandler.get_content(self.path, start, end):
            yield part


@dataclass(frozen=True)
class AppFileParts(Parts):
    """The parts that an app's files use."""

    limits: Limits
    expected: Expected
    kernel_files: KernelFiles


class AppFileHandler(ParticipantHandler[AppFileParts], StaticFileHandler):
    """The static files of an app, for whoever knows the folder's key.

    Tornado decides what is asked for: all of the file, a range of it, or whether it has changed.
    """

    route = "files/…"
    file: FoundFile
    _range: tuple[int, int] | None = None
    """Which bytes the browser gets; None without a body."""

    def initialize(self, parts: AppFileParts) -> None:  # type: ignore[override]
        StaticFileHandler.initialize(self, "")
        ParticipantHandler.initialize(self, parts)

    async def head(self, key: str, path: str) -> None:  # type: ignore[override]
        await self.get(key, path, include_body=False)

    async def get(  # type: ignore[override]
        self, key: str, path: str, include_body: bool = True
    ) -> None:
        """Send the file, or the page for missing addresses."""
        try:
            self.file = await self._find(key, path)
            self._forget_old_range()
            await StaticFileHandler.get(self, path, include_body)
            await self._send_range()
        except FileLost:
            self._break_off()

    async def _find(self, key: str, path: str) -> FoundFile:
        offered = self.parts.sessions.offered(key)
        if offered is None and self.parts.expected.is_open:
            raise FileLost  # its kernel may still come
        if offered is None or offered[0].closed:
            self.parts.reports.count_refusal("unknown folder")
            raise HTTPError(404)
        session, folder = offered
        found = FileHere.find(folder, path) if folder else await self._ask(session, key, path)
        if found is None:
            raise HTTPError(404)
        return found

    async def _ask(self, session: ServedSession, key: str, path: str) -> KernelFile | None:
        """Return a file that is on the kernel's machine."""
        link = await session.served(self.parts.limits.page_patience)
        if link is None:
            raise FileLost
        return await self.parts.kernel_files.find(link, key, path)

    def _forget_old_range(self) -> None:
        """Send all of a file of which the browser has a part of an earlier version."""
        headers = self.request.headers
        if headers.get("If-Range", self.file.etag) != self.file.etag and "Range" in headers:
            del headers["Range"]

    async def _send_range(self) -> None:
        """Send what is wanted of the file, as fast as the browser reads."""
        if self._range is None:
            return
        try:
            async for part in self.file.parts(*self._range):
                self.write(part)
                async with asyncio.timeout(self.parts.limits.idle_timeout):
                    await self.flush()
        except (StreamClosedError, TimeoutError):
            cut_off(self)

    def _break_off(self) -> None:
        """Answer that the file is not available now; never send half a file as the whole."""
        if self._headers_written:
            cut_off(self)
        else:
            self.clear()
            self.set_header("Retry-After", "5")
            self.show("paused", 503)

    # ---- what tornado asks ----------------------------------------------------------------

    def parse_url_path(self, url_path: str) -> str:
        return url_path

    def validate_absolute_path(self, root: str, absolute_path: str) -> str:
        return self.file.path

    def get_modified_time(self) -> datetime:
        return self.file.modified

    def get_content_size(self) -> int:
        return self.file.size

    def get_content(  # type: ignore[override]
        self, abspath: str, start: int | None = None, end: int | None = None
    ) -> list[bytes]:
        """Note what is to be sent; return nothing, because it may have to be waited for."""
        self._range = start or 0, self.file.size if end is None else end
        return []

    def get_content_type(self) -> str:
        self.absolute_path = self.file.path
        known = _TYPES.get(Path(self.file.path).suffix.lower())
        kind = known or StaticFileHandler.get_content_type(self)
        return f"{kind}; charset=UTF-8" if kind.startswith("text/") else kind

    def compute_etag(self) -> str | None:
        return self.file.etag if hasattr(self, "file") else None

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", f"private, max-age={_APP_FILE_SECONDS}")
        self.set_header("Cross-Origin-Resource-Policy", "cross-origin")  # as above
        self.set_header("Access-Control-Allow-Origin", "*")
