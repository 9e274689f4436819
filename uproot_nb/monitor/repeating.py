"""repeating: what is done again and again beside a run, whatever goes wrong with it once."""

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
    """Do *act* every so many seconds until the run ends; the researcher is told if it fails.

        runtime.beside(repeating(runtime, 10.0, self._refresh))

    What goes wrong in the same way each time is told once.
    """
    told = ""
    while True:
        await asyncio.sleep(seconds)
        try:
            act()
        except Exception as error:  # the border around what authors' values do when looked at
            if runtime.closed:
                return
            words = f"{type(error).__name__}: {text_of(error)}"
            if words != told:
                told = words
                runtime.reports.report(error, _CAUSE)
