"""DownloadLinks: downloads for a monitor's web page, each at an address that works once."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from hashlib import blake2b

__all__ = ["DownloadLinks"]

SECONDS = 600.0
"""How long a link holds."""
MOST = 32
"""Links that hold at once; the oldest goes."""


class DownloadLinks:
    """Gives exports addresses that are good for one download.

        url = links.make("csv", anonymous=False)["url"]    # "export/…"
        links.take(url.removeprefix("export/"))            # ("csv", False), and None from then on

    Any thread may call.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._lock = now, threading.Lock()
        self._links: dict[bytes, tuple[float, str, bool]] = {}

    def make(self, format: str, anonymous: bool) -> dict[str, str]:
        """Return the `url` of an export, relative to the page."""
        key = secrets.token_urlsafe(24)
        with self._lock:
            self._links[_digest(key)] = self._now() + SECONDS, format, anonymous
            if len(self._links) > MOST:
                del self._links[next(iter(self._links))]
        return {"url": f"export/{key}"}

    def take(self, key: str) -> tuple[str, bool] | None:
        """Return what was offered under *key*, format and whether without names; None if nothing
        is any more."""
        with self._lock:
            until, format, anonymous = self._links.pop(_digest(key), (0.0, "", False))
        return (format, anonymous) if format and self._now() < until else None


def _digest(key: str) -> bytes:
    return blake2b(key.encode(errors="replace"), digest_size=16).digest()
