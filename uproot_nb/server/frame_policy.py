"""Policies: which pages may show participants' pages in a frame, and post to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

__all__ = [
    "SANDBOX",
    "check_ancestors",
    "frame_policy",
    "is_at",
    "is_cross_site",
    "same_origin",
]

SANDBOX = (
    "sandbox allow-scripts allow-forms allow-modals allow-downloads allow-popups "
    "allow-popups-to-escape-sandbox; frame-ancestors 'self'"
)
"""The policy for pages on Jupyter's own origin: they get an origin of their own instead.

A window that they open has no sandbox, because it is mostly another site, such as the one that
recruits; it cannot reach back, because the origins differ. Jupyter may frame them.
"""

_ANCESTOR = re.compile(r"\*|'self'|[a-z][a-z0-9+.-]*:|([a-z][a-z0-9+-]*://)?[\w.*-]+(:(\d+|\*))?")
_HOST = re.compile(r"[a-z0-9.-]{1,253}\Z", re.ASCII)
_EDITORS = ("vscode-webview:", "vscode-file:")
"""Editors on the researcher's own machine, which show notebooks as pages."""
_PORTS = {"http": 80, "https": 443}


def check_ancestors(ancestors: Iterable[str]) -> list[str]:
    """Return the sources of a frame policy.

    Raises:
        ValueError: one of them is not a source; the message names it.
    """
    checked = [one.strip().rstrip("/") for one in ancestors]
    for one in checked:
        if not _ANCESTOR.fullmatch(one.lower()):
            raise ValueError(
                f"{one!r} is not an origin: give origins, such as 'https://hub.example.org', "
                "or '*' for all"
            )
    return checked


def frame_policy(host: str, ancestors: Iterable[str]) -> str:
    """Return the policy that lets *host* itself, on any port, and *ancestors* frame a page.

    Jupyter shows participants' pages beside a notebook (`run.view`): it is on another port of the
    same machine, whatever that is called.
    """
    name = re.sub(r":\d*\Z", "", host.lower())
    own = _own_sources(name if _HOST.match(name) else "")
    return " ".join(["frame-ancestors", own, *ancestors])


@lru_cache(maxsize=64)
def _own_sources(name: str) -> str:
    """Return the sources that may always frame a page of the machine called *name*."""
    allowed = ["'self'"]
    for one in dict.fromkeys([*filter(None, [name]), "localhost", "127.0.0.1"]):
        allowed += [f"http://{one}:*", f"https://{one}:*"]
    return " ".join([*allowed, *_EDITORS])


def same_origin(origin: str, host: str) -> bool:
    """Return whether *origin* is that of a web page at *host*."""
    parts = _split(origin)
    return parts is not None and parts[1] == _with_port(host.lower(), parts[0])


def is_at(origin: str, url: str) -> bool:
    """Return whether *origin* is that of *url*."""
    parts = _split(origin)
    return parts is not None and parts == _split(url)


def is_cross_site(headers: Mapping[str, str], *, lenient: bool) -> bool:
    """Return whether a post comes from a page of another site, as its browser reports.

    Args:
        lenient: whether a page without an origin may post, such as one in a sandbox.
    """
    site = headers.get("Sec-Fetch-Site", "")
    if site in ("same-origin", "none"):
        return False
    origin = headers.get("Origin")
    if origin is None:
        return site in ("cross-site", "same-site") and not lenient
    if origin == "null":
        return not lenient
    return not same_origin(origin, headers.get("Host", ""))


def _split(url: str) -> tuple[str, str] | None:
    """Return scheme and place, always with a port; None if it is not a web address."""
    try:
        parts = urlsplit(url.lower())
        if parts.scheme not in _PORTS or not parts.netloc or "@" in parts.netloc:
            return None
    except ValueError:  # such as "http://["
        return None
    return parts.scheme, _with_port(parts.netloc, parts.scheme)


def _with_port(place: str, scheme: str) -> str:
    return place if re.search(r":\d+\Z", place) else f"{place.rstrip(':')}:{_PORTS[scheme]}"
