"""InternalErrors: errors of our own code, shown to the researcher."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from uproot_nb.session.steps import Cause

__all__ = ["InternalErrors"]

logger = logging.getLogger(__name__)


class Closing(Protocol):
    """A session that closes at some time; then errors are no news."""

    name: str
    closing: bool


class InternalErrors:
    """Reports errors which must not stop the code after them.

    Args:
        report: shows and logs an error.
    """

    def __init__(self, session: Closing, report: Callable[[BaseException, Cause], object]) -> None:
        self._session, self._report = session, report

    def report(self, error: BaseException) -> None:
        """Report an internal error."""
        try:
            self._report(error, Cause("", "", "uproot_nb", ""))
        except Exception:  # the log is closed
            logger.exception("Session %r: %r could not be reported.", self._session.name, error)

    def report_callback(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Report an error of a timer or callback; asyncio would only print it."""
        error = context.get("exception")
        if error is None or self._session.closing:
            loop.default_exception_handler(context)
        else:
            self.report(error)
