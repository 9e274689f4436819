"""Answer: what all answers of the participant server have in common."""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Awaitable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tornado.log import access_log, app_log
from tornado.web import HTTPError, RequestHandler

from uproot_nb.server.notices import choose_language, notice
from uproot_nb.server.policies import SANDBOX, frame_policy, is_cross_site
from uproot_nb.server.redaction import redact
from uproot_nb.server.request_info import address_of

if TYPE_CHECKING:  # the server makes its handlers; only the name is needed here
    from uproot_nb.server.participants import ParticipantServer
    from uproot_nb.server.sessions import Session

__all__ = ["Answer"]

_PLAIN_PATH = re.compile(r"/[\x21-\x7e]*\Z")
"""What browsers ask for: a path of this server. They encode all that is no plain ASCII."""


class Answer(RequestHandler):
    """A handler with careful headers, and logs without addresses."""

    route = "…"
    depth = 0

    def initialize(self, server: ParticipantServer, sandboxed: bool = False) -> None:
        self.server, self.sandboxed = server, sandboxed
        self._set_policy()

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")  # tokens are in paths
        self.set_header("Cross-Origin-Resource-Policy", "same-site")
        if hasattr(self, "server"):  # tornado asks for them once before it is there
            self._set_policy()

    def _set_policy(self) -> None:
        """Say who may show this page in a frame."""
        ancestors = self.server.frame_ancestors
        if self.sandboxed:
            policy = " ".join([SANDBOX, *ancestors])
        else:
            jupyter = self.server.jupyter_origin
            policy = frame_policy(self.request.host, [*jupyter, *ancestors])
        self.set_header("Content-Security-Policy", policy)

    def refuse_cross_site(self, session: Session | None = None) -> bool:
        """Refuse what a page of another site posts; say whether it was refused.

        A room and a join link are no secrets: a foreign page could send its visitors into them.
        """
        headers = self.request.headers
        origin = headers.get("Origin", "")
        if not is_cross_site(headers, lenient=self.sandboxed):
            return False
        if self.server.is_public(origin):
            return False
        self.server.note_foreign_origin(origin, self.request.host, session=session)
        self.show("refused", 403)
        return True

    def prepare(self) -> Awaitable[None] | None:
        """Refuse a target that no browser asks for, before anything looks at it."""
        path = (self.request.uri or "").partition("?")[0]
        if not _PLAIN_PATH.match(path) or "%00" in path:
            self.server.count_refusal("malformed request")
            self.show("missing", 404)
            return None
        # A player has a limit of their own.
        known = self.path_args and self.server.sessions.player(self.path_args[0]) is not None
        return None if known else self._wait_for_turn()

    def _wait_for_turn(self) -> Awaitable[None] | None:
        """Let a stranger wait behind others of the same network, if there are very many."""
        address = address_of(self.request, self.server.proxies)
        visitor = self.server.strangers.get(address)
        pause = visitor.pause(time.monotonic())
        if not pause:
            return None
        self.server.note_rush(address)
        return self._wait(visitor.wait_for_turn(pause))

    async def _wait(self, turn: Awaitable[bool]) -> None:
        if not await turn:
            self.set_header("Retry-After", "5")
            self.set_header("Connection", "close")
            self.show("busy", 429)

    def head(self, *arguments: str) -> Awaitable[None] | None:
        """Answer as to GET; tornado leaves the body out."""
        answer: Awaitable[None] | None = getattr(self, "get")(*arguments)  # noqa: B009
        return answer

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        return value.decode("utf-8", "replace")  # what is no text is no token either

    def compute_etag(self) -> str | None:
        return None  # nothing of this is kept by anyone

    def check_xsrf_cookie(self) -> None:
        """Nothing: the token in the path is the credential, and there are no cookies."""

    def check_trusted_origin(self, origin: str) -> bool:
        return True  # as above

    @property
    def language(self) -> str:
        return choose_language(self.request.headers.get("Accept-Language", ""))

    def show(self, kind: str, status: int) -> None:
        """Answer with one of the server's own pages."""
        self.set_status(status)
        self.finish(notice(kind, self.language))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if status_code in (403, 404):
            self.show("missing", 404)
        elif status_code == 405:
            self.set_header("Allow", ", ".join(self._methods()))
            self.show("refused", status_code)
        else:
            self.show("refused", status_code)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if isinstance(value, HTTPError):
            return  # its message may quote the address
        place = traceback.extract_tb(tb)[-1] if tb is not None else None
        if not self.server.is_new_fault(f"{self.route} {typ} {place}"):
            return  # strangers can ask again and again
        told = "".join(traceback.format_exception(typ, value, tb))
        for secret in self.path_args:
            told = told.replace(str(secret), "…")
        app_log.error("%s %s failed:\n%s", self.request.method, self.route, redact(told))

    def _methods(self) -> list[str]:
        """Return what this address may be asked for."""
        other = RequestHandler._unimplemented_method
        return [
            name
            for name in self.SUPPORTED_METHODS
            if getattr(type(self), name.lower()) is not other
            and (name != "HEAD" or type(self).get is not other)
        ]

    def _log(self) -> None:
        # Never the address: it holds the token.
        took = 1000.0 * self.request.request_time()
        status = self.get_status()
        access_log.debug("%d %s %s %.1f ms", status, self.request.method, self.route, took)
