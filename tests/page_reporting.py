"""Reports of a page's script in tests of the kernel, as the participant server passes them on."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from uproot_nb.bridge.messages import PageReport
from uproot_nb.testing import Participant, Served

__all__ = ["report", "report_text"]


def report(session: Served, participant: Participant, what: str, data: Any, page: int = -1) -> None:
    """Report something from a participant's page (or from the page at the position *page*)."""
    report_text(session, participant, what, orjson.dumps(data), page)


def report_text(
    session: Served, participant: Participant, what: str, text: bytes, page: int = -1
) -> None:
    """Report what may not be JSON."""
    player = participant.player
    position = player.position if page < 0 else page
    message = PageReport(7, session.server.session, player.name, position, what, text)

    async def send() -> None:
        session.server.send(message)
        await asyncio.sleep(0)

    session.do("the report", send(), 1.0)
