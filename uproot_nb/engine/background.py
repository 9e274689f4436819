"""background: what is done again and again beside a run, whatever goes wrong with it once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

__all__ = ["repeat"]


async def repeat(
    seconds: float, report: Callable[[BaseException], None], *acts: Callable[[], Any]
) -> None:
    """Do each of *acts* every so many seconds until the task is cancelled.

        runtime.beside(repeat(1.0, runtime.report_failure, journal.tick))

    One that fails is reported, and does not keep the others from being done, nor itself from being
    done the next time.
    """
    while True:
        await asyncio.sleep(seconds)
        for act in acts:
            try:
                act()
            except Exception as error:  # the border around one act: the task must go on
                report(error)
