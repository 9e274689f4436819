"""Place: where a run elsewhere is reached, read from an address as people copy it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from uproot_nb.errors import UprootError

__all__ = ["Place", "place_of"]

_BEHIND = re.compile(r"/(?:monitor|api/v1|lab|tree|notebooks)(?:/.*)?\Z")
"""What follows the root in addresses that browsers show."""
_OF_PARTICIPANTS = re.compile(r"/(?:p|join|room)/[^/]+(?:/.*)?\Z")
"""What follows the root in participants' links."""
_API = "api/v1/"


@dataclass(frozen=True)
class Place:
    """The addresses where an API may be, the token, and the session that the address names."""

    roots: tuple[str, ...]
    token: str
    session: str | None

    def __repr__(self) -> str:
        return f"Place({self.roots[0]!r})"


def place_of(url: str, token: str | None = None) -> Place:
    """Read an address: a root, the link of a monitor (with its token), or one of JupyterLab.

        place_of("http://127.0.0.1:8610/monitor/pilot/#token=…").session  # "pilot"

    Raises:
        UprootError: it is no such address, or a participant's; or there is no token.
    """
    try:
        parts = urlsplit(url)
        has_place = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except (ValueError, AttributeError, TypeError):
        has_place = False
    if not has_place:
        raise UprootError(
            "attach(…) was not given the address of a server.\n"
            'Copy the one that `uproot-nb run --monitor` prints: attach("http://127.0.0.1:8610/", '
            'token="…"); or that of Jupyter.'
        )
    if _OF_PARTICIPANTS.search(parts.path):
        raise UprootError(
            "attach(…) was given a participant's link, which cannot show a session.\n"
            "Give the address of the monitor, which `uproot-nb run --monitor` prints, or that of "
            "Jupyter, and a steward's or viewer's token."
        )
    token = token or _token_in(parts.fragment) or _token_in(parts.query)
    if not token or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise UprootError(
            f"attach(…) was given {'something that cannot be a token' if token else 'no token'}.\n"
            "Give it as attach(url, token=…): that of a steward or a viewer, or Jupyter's."
        )
    path = _BEHIND.sub("", parts.path.rstrip("/"))
    root = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}/"
    roots = (root,) if path.endswith("/uproot_nb") else (root, f"{root}uproot_nb/")
    return Place(tuple(f"{one}{_API}" for one in roots), token, _session_in(parts.path))


def _token_in(pairs: str) -> str:
    return parse_qs(pairs).get("token", [""])[0]


def _session_in(path: str) -> str | None:
    found = re.search(r"/(?:monitor|api/v1/sessions)/([^/]+)", path)
    return unquote(found[1]) if found else None
