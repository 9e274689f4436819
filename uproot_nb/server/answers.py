"""Answer: what all answers of the participant server have in common."""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tornado.log import access_log, app_log
from tornado.web import HTTPError, RequestHandler

from uproot_nb.server.notices import choose_language, notice
from uproot_nb.server.redaction import redact

if TYPE_CHECKING:  # the server makes its handlers; only the name is needed here
    from uproot_nb.server.participants import ParticipantServer

__all__ = ["SANDBOX", "Answer"]

SANDBOX = "sandbox allow-scripts allow-forms allow-modals"
"""The policy for pages on Jupyter's own origin: they get an origin of their own instead."""


class Answer(RequestHandler):
    """A handler with careful headers, and logs without addresses."""

    route = "…"
    depth = 0

    def initialize(self, server: ParticipantServer, sandboxed: bool = False) -> None:
        self.server, self.sandboxed = server, sandboxed
        if sandboxed:
            self.set_header("Content-Security-Policy", SANDBOX)

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")  # tokens are in paths
        self.set_header("Cross-Origin-Resource-Policy", "same-site")
        if getattr(self, "sandboxed", False):
            self.set_header("Content-Security-Policy", SANDBOX)

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
        told = "".join(traceback.format_exception(typ, value, tb))
        for secret in self.path_args:
            told = told.replace(str(secret), "…")
        app_log.error("%s %s failed:\n%s", self.request.method, self.route, redact(told))

    def _log(self) -> None:
        # Never the address: it holds the token.
        took = 1000.0 * self.request.request_time()
        status = self.get_status()
        access_log.debug("%d %s %s %.1f ms", status, self.request.method, self.route, took)
