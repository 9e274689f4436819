"""Addresses: how browsers reach a Jupyter server, and participants' pages below it."""

from __future__ import annotations

from urllib.parse import urlsplit

from jupyter_server.utils import url_path_join
from tornado.httputil import HTTPServerRequest

from uproot_nb.server.steward.hosts import name_of

__all__ = ["MOUNT", "browser_origin", "is_loopback", "mount_url"]

MOUNT = "uproot_nb/participant/"
"""Where participants find the server, below Jupyter's base URL."""

_SCHEMES = ("http", "https")


def mount_url(jupyter_url: str, base_url: str, default_url: str) -> str:
    """Return the mount's address below Jupyter's root, whose path a proxy may have changed.

    Args:
        jupyter_url: Jupyter's own URL; it may have Jupyter's token, and leads to the page that
            is opened first, as `…/lab` or `…/tree`.
        base_url, default_url: the paths of the root and of that page as the server knows them.
    """
    shown = urlsplit(jupyter_url)
    first = default_url.removeprefix(base_url).strip("/")
    root = base_url if shown.path == default_url else shown.path.rstrip("/")
    if first and root.endswith(f"/{first}"):
        root = root.removesuffix(f"/{first}")
    return url_path_join(shown._replace(path=root, query="", fragment="").geturl(), MOUNT)


def browser_origin(request: HTTPServerRequest, trust_proxy: bool) -> str:
    """Return scheme and host of the address at which a browser asked, or "" if no browser did.

    The host is that of the Host header. The scheme is that of the page which asked, as its
    browser names it. Of a first page it is what proxies report, the outermost first: of
    "https,http" the browser sees the first.

    Args:
        trust_proxy: whether a proxy writes X-Forwarded-Proto (`ServerApp.trust_xheaders`).
    """
    headers, host = request.headers, request.host.lower()
    if not name_of(host) or not _comes_from_a_browser(request):
        return ""
    for name in ("Origin", "Referer"):
        scheme, place = _origin_of(headers.get(name, ""))
        if place == host:
            return f"{scheme}://{host}"
    return f"{_scheme_of(request, trust_proxy)}://{host}"


def is_loopback(url: str) -> bool:
    """Return whether *url* leads to the machine on which it is opened."""
    name = urlsplit(url).hostname or ""
    return name in ("localhost", "::1") or name.endswith(".localhost") or name.startswith("127.")


def _comes_from_a_browser(request: HTTPServerRequest) -> bool:
    headers = request.headers
    is_own = headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
    return is_own and headers.get("User-Agent", "").startswith("Mozilla/")


def _origin_of(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url.lower())
    except ValueError:
        return "", ""
    return (parts.scheme, parts.netloc) if parts.scheme in _SCHEMES else ("", "")


def _scheme_of(request: HTTPServerRequest, trust_proxy: bool) -> str:
    reported = request.headers.get("X-Scheme", request.headers.get("X-Forwarded-Proto", ""))
    outermost = reported.partition(",")[0].strip().lower()
    return outermost if trust_proxy and outermost in _SCHEMES else str(request.protocol)
