"""ParticipantHandler: what all request handlers of the participant server have in common."""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Awaitable
from itertools import islice
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tornado.httputil import HTTPServerRequest
from tornado.log import access_log, app_log
from tornado.web import HTTPError, RequestHandler

from uproot_nb.server.frame_policy import SANDBOX, frame_policy, is_cross_site
from uproot_nb.server.limits import Visitors, how_to_change
from uproot_nb.server.networks import Proxies, network_of
from uproot_nb.server.notices import choose_language, notice
from uproot_nb.server.redaction import redact
from uproot_nb.server.reports import Reports
from uproot_nb.server.sessions import ServedSession, Sessions
from uproot_nb.server.site import Site

__all__ = ["ParticipantHandler", "address_of", "browser_headers", "open_headers"]

_PLAIN_PATH = re.compile(r"/[\x21-\x7e]*\Z")
"""Paths as browsers send them: they encode everything that is not plain ASCII."""
_BROWSER_HEADERS = (
    "accept-language", "dnt", "save-data", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform",
    "sec-gpc", "user-agent",
)  # fmt: skip
_LONGEST = 1000
_MOST = 64
_WITHHELD = re.compile(
    r"(?:cookie|uproot-|proxy-|cf-|remote-|x-(?:forwarded|auth|amzn-oidc|real|xsrf|jupyterhub|remote-"
    r"|goog-|ms-)).*|forwarded|referer|.*(?:client-ip|original-forwarded|external-address).*"
)
"""Headers of cookies and proxies, which have secrets, or say who or where somebody is."""


class ParticipantHandler(RequestHandler):
    """A handler with strict headers, and logs without addresses.

    A child declares further parts of the server that it uses, as attributes with a type; the routes
    in `participants.py` hand them to it.
    """

    site: Site
    sessions: Sessions
    reports: Reports
    strangers: Visitors
    sandboxed = False
    """Whether the page is below Jupyter's own address."""

    route = "…"
    """The address without secrets, for logs."""

    def initialize(self, **parts: Any) -> None:
        vars(self).update(parts)
        self._set_policy()

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")  # tokens are in paths
        self.set_header("Cross-Origin-Resource-Policy", "same-site")
        if hasattr(self, "site"):  # tornado asks for them once before `initialize`
            self._set_policy()

    def _set_policy(self) -> None:
        """Send the policy of who may show this page in a frame."""
        ancestors = self.site.frame_ancestors
        if self.sandboxed:
            policy = " ".join([SANDBOX, *ancestors])
        else:
            jupyter = self.site.jupyter_origin
            policy = frame_policy(self.request.host, [*jupyter, *ancestors])
        self.set_header("Content-Security-Policy", policy)

    def refuse_cross_site(self, session: ServedSession | None = None) -> bool:
        """Refuse what a page of another site posts; return whether it was refused.

        A room and a join link are not secret: a foreign page could send its visitors into them.
        """
        headers = self.request.headers
        origin = headers.get("Origin", "")
        if not is_cross_site(headers, lenient=self.sandboxed):
            return False
        if self.site.is_public(origin):
            return False
        self.reports.note_foreign_origin(origin, self.request.host, session=session)
        self.show("refused", 403)
        return True

    def prepare(self) -> Awaitable[None] | None:
        """Refuse a path that no browser sends, before anything else reads it."""
        path = (self.request.uri or "").partition("?")[0]
        if not _PLAIN_PATH.match(path) or "%00" in path:
            self.reports.count_refusal("malformed request")
            self.show("missing", 404)
            return None
        # Players have limits of their own.
        known = self.path_args and self.sessions.player(self.path_args[0]) is not None
        return None if known else self._wait_for_turn()

    def _wait_for_turn(self) -> Awaitable[None] | None:
        """Let a stranger's request wait if its network has sent very many."""
        visitor = self.strangers.get(self.address)
        pause = visitor.pause(time.monotonic())
        if not pause:
            return None
        limits = self.strangers.limits
        self.reports.note_shortage(
            "too many requests",
            f"{network_of(self.address)} has asked {limits.request_burst:,.0f} times at once "
            f"without a player's link; further requests wait, {limits.max_requests_per_second:g} a "
            f"second pass. Raise request_burst or {how_to_change('max_requests_per_second')}",
        )
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
        return value.decode("utf-8", "replace")  # invalid UTF-8 is no token either

    def compute_etag(self) -> str | None:
        return None  # browsers store none of these pages

    def check_xsrf_cookie(self) -> None:
        """Do nothing: the token in the path is the credential; foreign forms are refused."""

    def check_trusted_origin(self, origin: str) -> bool:
        return True  # as above

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return address_of(self.request, self.site.proxies)

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
        if not self.reports.is_new_fault(f"{self.route} {typ} {place}"):
            return  # strangers can ask again and again
        shown = "".join(traceback.format_exception(typ, value, tb))
        for secret in self.path_args:
            shown = shown.replace(str(secret), "…")
        app_log.error("%s %s failed:\n%s", self.request.method, self.route, redact(shown))

    def _methods(self) -> list[str]:
        """Return the methods of this address."""
        other = RequestHandler._unimplemented_method
        return [
            name
            for name in self.SUPPORTED_METHODS
            if getattr(type(self), name.lower()) is not other
            and (name != "HEAD" or type(self).get is not other)
        ]

    def _log(self) -> None:
        # Without the address, which has the token.
        took = 1000.0 * self.request.request_time()
        status = self.get_status()
        access_log.debug("%d %s %s %.1f ms", status, self.request.method, self.route, took)


def browser_headers(request: HTTPServerRequest) -> dict[str, str]:
    """Return the headers that describe the browser; none of them grants access."""
    headers = {
        name: request.headers[name][:_LONGEST]
        for name in _BROWSER_HEADERS
        if name in request.headers
    }
    referrer = _bare(request.headers.get("Referer", ""))
    return {**headers, "referer": referrer} if referrer else headers


def open_headers(request: HTTPServerRequest) -> dict[str, str]:
    """Return the headers that an app's `api` gets, in small letters: none that is withheld.

    The key of a program (Authorization) is whole; other values are cut, and there are not many.
    """
    named = {name.lower(): value for name, value in request.headers.items()}
    key = {name: named.pop(name) for name in ("authorization",) if name in named}
    shown = (pair for pair in named.items() if not _WITHHELD.fullmatch(pair[0].replace("_", "-")))
    return {**key, **{name: value[:_LONGEST] for name, value in islice(shown, _MOST)}}


def address_of(request: HTTPServerRequest, proxies: Proxies) -> str:
    """Return where a request comes from, if need be as a trusted proxy reports it."""
    return proxies.client(request.remote_ip or "", request.headers.get("X-Forwarded-For", ""))


def _bare(referrer: str) -> str:
    """Return a page's address without its secrets: account, tokens, query, fragment."""
    if not referrer:
        return ""
    try:
        parts = urlsplit(referrer[:_LONGEST])
        host = parts.hostname
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    place = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{place}{redact(parts.path)}"
