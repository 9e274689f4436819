"""Background: periodic work beside a run, which continues after failures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

__all__ = ["repeat"]


async def repeat(
    seconds: float, report: Callable[[BaseException], None], *acts: Callable[[], Any]
) -> None:
    """Call each of *acts* every so many seconds until the task is cancelled.

        tasks.beside(repeat(1.0, report, journal.tick))

    An error is reported, and prevents neither the other acts nor the next round.
    """
    while True:
        await asyncio.sleep(seconds)
        for act in acts:
            try:
                act()
            except Exception as error:  # the border around one act: the task continues
                report(error)
