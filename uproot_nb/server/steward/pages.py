"""Pages: the HTML of the monitor's addresses, with nothing in it that is not escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from uproot_nb.server.steward.hosts import name_of

__all__ = ["list_page", "login_page", "monitor_page", "moving_page", "page_policy"]

_FOLDER = Path(__file__).parents[1] / "pages"


def page_policy(host: str, *, encrypted: bool, frames: str) -> str:
    """Return the policy of these pages: their own scripts and styles, and one WebSocket.

    Args:
        host: a Host header.
        frames: who may show them in a frame, "'none'" or "'self'".
    """
    socket = f"{'wss' if encrypted else 'ws'}://{host}" if name_of(host) else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' {socket}; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {frames}"
    )


def monitor_page(name: str, role: str) -> str:
    """Return the page that shows the session called *name*."""
    return _filled("monitor.html", name=name, role=role)


def list_page(sessions: Iterable[tuple[str, str, int]]) -> str:
    """Return the page that leads to the monitors, of each session's name, state and players."""
    rows = "\n".join(
        f'<tr><td><a href="{escape(quote(name, safe=""))}/">{escape(name)}</a></td>'
        f"<td>{escape(state)}</td><td>{players}</td></tr>"
        for name, state, players in sessions
    )
    nobody = '<tr><td colspan="3">No session is served now. This page looks again.</td></tr>'
    return Template(_read("monitors.html")).substitute(rows=rows or nobody)


def login_page(base: str, target: str, sentence: str) -> str:
    """Return the page that asks for a token.

    Args:
        base: the way from the address that was asked for to the monitor's root, such as "../".
        target: the session to show afterwards; "" for the list.
        sentence: what was wrong; "" at first.
    """
    return _filled("monitor_login.html", base=base, target=target, sentence=sentence)


def moving_page(last: str) -> str:
    """Return a page that goes on to the address *last* beside it: itself, without a query."""
    return _filled("moving.html", target=f"../{quote(last, safe='~')}/")


def _filled(template: str, **texts: str) -> str:
    return Template(_read(template)).substitute({key: escape(text) for key, text in texts.items()})


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
