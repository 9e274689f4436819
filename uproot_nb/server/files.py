"""Files that browsers may cache: the package's own, and those of the apps."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from tornado.web import HTTPError, StaticFileHandler

from uproot_nb.server.base_handler import ParticipantHandler

__all__ = ["AppFileHandler", "StaticHandler"]

_YEAR = 365 * 24 * 3600
_APP_FILE_SECONDS = 60
_ODD = re.compile(r"[\x00-\x1f\x7f\\]")
# Systems disagree about these, or do not know them: a wrong type keeps a script from running.
_TYPES = {
    ".avif": "image/avif", ".css": "text/css", ".js": "text/javascript",
    ".json": "application/json", ".mjs": "text/javascript", ".svg": "image/svg+xml",
    ".wasm": "application/wasm", ".webp": "image/webp", ".woff": "font/woff",
    ".woff2": "font/woff2",
}  # fmt: skip


class StaticHandler(ParticipantHandler, StaticFileHandler):
    """The package's own scripts and styles, which browsers cache: the address has the version."""

    route = "static/…"

    def initialize(self, path: str, **parts: Any) -> None:  # type: ignore[override]
        StaticFileHandler.initialize(self, path)
        ParticipantHandler.initialize(self, **parts)

    async def head(self, path: str) -> None:  # type: ignore[override]
        await self.get(path, include_body=False)

    def compute_etag(self) -> str | None:
        return StaticFileHandler.compute_etag(self)

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", f"public, max-age={_YEAR}, immutable")
        # The sandboxed mount's pages have an origin of their own, and need these too.
        self.set_header("Cross-Origin-Resource-Policy", "cross-origin")
        self.set_header("Access-Control-Allow-Origin", "*")


class AppFileHandler(ParticipantHandler, StaticFileHandler):
    """The static files of an app, for whoever knows the folder's key."""

    route = "files/…"

    def initialize(self, **parts: Any) -> None:  # type: ignore[override]
        StaticFileHandler.initialize(self, "")
        ParticipantHandler.initialize(self, **parts)

    async def head(self, key: str, path: str) -> None:  # type: ignore[override]
        await self.get(key, path, include_body=False)

    async def get(  # type: ignore[override]
        self, key: str, path: str, include_body: bool = True
    ) -> None:
        """Send the file, or the page for missing addresses."""
        folder = self.sessions.folder(key)
        if folder is None:
            self.reports.count_refusal("unknown folder")
            raise HTTPError(404)
        self.root = folder
        await StaticFileHandler.get(self, path, include_body)

    def parse_url_path(self, url_path: str) -> str:
        if _ODD.search(url_path) or any(part[:1] in ("", ".") for part in url_path.split("/")):
            raise HTTPError(404)  # hidden files, ways up, and what only Windows understands
        return StaticFileHandler.parse_url_path(self, url_path)

    def validate_absolute_path(self, root: str, absolute_path: str) -> str:
        place, found = os.path.realpath(root), os.path.realpath(absolute_path)
        if not Path(found).is_relative_to(place) or not os.path.isfile(found):
            raise HTTPError(404)  # a link may lead elsewhere
        return found

    def get_content_type(self) -> str:
        assert self.absolute_path is not None
        known = _TYPES.get(Path(self.absolute_path).suffix.lower())
        kind = known or StaticFileHandler.get_content_type(self)
        return f"{kind}; charset=UTF-8" if kind.startswith("text/") else kind

    def compute_etag(self) -> str | None:
        # The author may change the file at any time; tornado's own tag would stay the same.
        assert self.absolute_path is not None
        found = os.stat(self.absolute_path)
        return f'"{found.st_mtime_ns:x}-{found.st_size:x}"'

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", f"private, max-age={_APP_FILE_SECONDS}")
        self.set_header("Cross-Origin-Resource-Policy", "cross-origin")  # as above
        self.set_header("Access-Control-Allow-Origin", "*")
