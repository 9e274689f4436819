"""What a kernel may know of the browser behind a request."""

from __future__ import annotations

from urllib.parse import urlsplit

from tornado.httputil import HTTPServerRequest

from uproot_nb.server.networks import Proxies
from uproot_nb.server.redaction import redact

__all__ = ["address_of", "told_headers"]

_TOLD = (
    "accept-language", "dnt", "save-data", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform",
    "sec-gpc", "user-agent",
)  # fmt: skip
_LONGEST = 1000


def told_headers(request: HTTPServerRequest) -> dict[str, str]:
    """Return the headers that say something of the browser and nothing of who may do what."""
    headers = {name: request.headers[name][:_LONGEST] for name in _TOLD if name in request.headers}
    referrer = _bare(request.headers.get("Referer", ""))
    return {**headers, "referer": referrer} if referrer else headers


def address_of(request: HTTPServerRequest, proxies: Proxies) -> str:
    """Return where a request comes from; a trusted proxy may say so for others."""
    return proxies.client(request.remote_ip or "", request.headers.get("X-Forwarded-For", ""))


def _bare(referrer: str) -> str:
    """Return a page's address without what may be a secret: account, tokens, query, fragment."""
    try:
        parts = urlsplit(referrer[:_LONGEST])
        host = parts.hostname
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    place = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{place}{redact(parts.path)}"
