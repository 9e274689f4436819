"""Requests: a bot's HTTP requests to the participant server."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest, HTTPResponse

from uproot_nb.bots.questions import Attachment

__all__ = ["Body", "Requests", "form_body"]

Body = tuple[bytes, str]
"""What is posted, and its content type."""

PATIENCE = 60.0
CONNECT_WITHIN = 10.0
GOODBYE_WITHIN = 2.0
FIRST_RETRY, LAST_RETRY = 0.2, 5.0
BUSY = frozenset({429, 502, 503, 504})
"""The codes of a server that is paused or asked too often: the request may be repeated."""


class Requests:
    """One bot's HTTP; made in the loop in which it is used.

    Args:
        check: raises once the bot has failed.
    """

    def __init__(self, rng: random.Random, check: Callable[[], None]) -> None:
        self._rng, self._check = rng, check
        self._http = AsyncHTTPClient(force_instance=True)
        self._open: set[asyncio.Future[HTTPResponse]] = set()

    async def ask(self, url: str, body: Body | None = None) -> HTTPResponse | None:
        """Get an address, or post to it; None if the network failed or the server is busy.

        Redirects are not followed.
        """
        data, kind = (None, "") if body is None else body
        headers = {"User-Agent": "uproot_nb bot"} | ({"Content-Type": kind} if kind else {})
        request = HTTPRequest(
            url, method="GET" if data is None else "POST", body=data, headers=headers,
            follow_redirects=False, request_timeout=PATIENCE, connect_timeout=CONNECT_WITHIN,
        )  # fmt: skip
        answer = self._http.fetch(request, raise_error=False)
        self._open.add(answer)
        answer.add_done_callback(self._note_end)
        try:
            response = await asyncio.shield(answer)
        except (OSError, HTTPError):
            return None
        return None if response.code in BUSY else response

    async def ask_until_answered(self, url: str, body: Body | None = None) -> HTTPResponse:
        """Repeat a request until it is answered, with growing pauses; for idempotent requests."""
        attempt = 0
        while (response := await self.ask(url, body)) is None:
            await self.pause(attempt)
            attempt += 1
        return response

    async def pause(self, attempt: int) -> None:
        """Wait before the next attempt; not all bots equally long."""
        ceiling = min(LAST_RETRY, FIRST_RETRY * 2.0 ** min(attempt, 10))
        await asyncio.sleep(ceiling * (0.5 + self._rng.random() / 2))
        self._check()

    def _note_end(self, answer: asyncio.Future[HTTPResponse]) -> None:
        self._open.discard(answer)
        if not answer.cancelled():
            answer.exception()  # it is known; who asked may have been cancelled

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        if self._open:
            await asyncio.wait(self._open, timeout=GOODBYE_WITHIN)
        self._http.close()


def form_body(
    pairs: Sequence[tuple[str, str]],
    files: Sequence[tuple[str, Attachment]] = (),
    multipart: bool = False,
) -> Body:
    """Return a form as a browser encodes it."""
    if not multipart:
        return urlencode(pairs).encode(), "application/x-www-form-urlencoded"
    boundary = f"----uproot-{secrets.token_hex(16)}"
    parts = [(f'name="{_quoted(name)}"', b"", text.encode()) for name, text in pairs]
    for name, file in files:
        head = f'name="{_quoted(name)}"; filename="{_quoted(file.filename)}"'
        parts.append((head, f"Content-Type: {file.content_type}\r\n".encode(), file.content))
    body = b"".join(
        b"--%s\r\nContent-Disposition: form-data; %s\r\n%s\r\n%s\r\n"
        % (boundary.encode(), head.encode(), kind, content)
        for head, kind, content in parts
    )
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
