"""System: something under test that is up, with the addresses its participants connect to."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

__all__ = ["System", "fetch"]


@dataclass
class System:
    """A running system; `pids` names its processes, `urls` has one WebSocket address a participant.

    `methods` are the live methods it has; `close` ends it. `open_forms` makes a session of so many
    participants, whose first page has the form of three fields, and returns their links.
    """

    name: str
    origin: str
    urls: list[str]
    pids: dict[str, int]
    close: Callable[[], None]
    methods: frozenset[str] = field(default=frozenset({"echo", "store", "post"}))
    open_forms: Callable[[int], list[str]] = field(kw_only=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def fetch(url: str, data: bytes | None = None, **headers: str) -> tuple[str, str]:
    """GET *url*, or POST *data* to it; return where redirects led and the text found there."""
    # Header names are given as Python names: `content_type` is sent as "Content-type".
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=data, headers=named)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.geturl(), answer.read().decode()
