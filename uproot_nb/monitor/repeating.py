"""repeating: calls a function again and again, even after it has failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uproot_nb.engine.runtime import Runtime
from uproot_nb.session.error_reports import text_of
from uproot_nb.session.steps import Cause

__all__ = ["repeating"]

_CAUSE = Cause("", "", "monitor", "")


async def repeating(runtime: Runtime, seconds: float, act: Callable[[], Any]) -> None:
    """Call *act* every so many seconds until the run ends, and report its failures.

        runtime.tasks.beside(repeating(runtime, 10.0, self._refresh))

    A failure that repeats is reported once.
    """
    reported = ""
    while True:
        await asyncio.sleep(seconds)
        try:
            act()
        except Exception as error:  # the border around what authors' values do when looked at
            if runtime.closed:
                return
            words = f"{type(error).__name__}: {text_of(error)}"
            if words != reported:
                reported = words
                runtime.reports.report(error, _CAUSE)
