"""hide_secrets: logs of tornado and asyncio without participants' links.

Tokens are in paths. The handlers log routes instead of addresses; this filter is for what tornado
itself logs about requests that never reach a handler.
"""

from __future__ import annotations

import logging
import re

__all__ = ["hide_secrets", "redact", "stop_hiding"]

_LINK = re.compile(r"\b(p|join/[^/\s\"']+)/[^/\s\"'?#\\]+")
_FOLDER = re.compile(r"\b(files|export)/[\w-]{16,}", re.ASCII)
_QUERY = re.compile(r"(\b(?:room|join|p)/[^\s\"'?#]*\?)([^\s\"'#]+)")
_LABEL = re.compile(r"\b((?:label|token)=)[^&\s\"'#\\]+")
_LOGGERS = ("tornado.access", "tornado.application", "tornado.general", "asyncio")


def redact(text: str) -> str:
    """Return *text* without the tokens and secrets of the links in it, and what their queries say.

    Any parameter may be a participant's label or a recruiter's id.
    """
    shown = _LINK.sub(lambda link: f"{link[1].partition('/')[0]}/…", text)
    shown = _QUERY.sub(lambda found: found[1] + _without_values(found[2]), shown)
    return _LABEL.sub(r"\1…", _FOLDER.sub(r"\1/…", shown))


def _without_values(query: str) -> str:
    return "&".join(_without_value(pair) for pair in query.split("&"))


def _without_value(pair: str) -> str:
    name, is_named, _ = pair.partition("=")
    return f"{name}=…" if is_named else "…"


class _Redaction(logging.Filter):
    """Rewrites a record that shows a link."""

    def __init__(self) -> None:
        super().__init__()
        self.users = 0

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        shown = redact(message)
        if shown != message:
            record.msg, record.args = shown, None
        return True


# The loggers belong to the process: so does the one filter on them.
_redaction = _Redaction()


def hide_secrets() -> None:
    """Hide secrets in the process's logs until `stop_hiding` was called as often."""
    _redaction.users += 1
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_redaction)


def stop_hiding() -> None:
    """Undo one `hide_secrets`."""
    _redaction.users -= 1
    if _redaction.users <= 0:
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(_redaction)
