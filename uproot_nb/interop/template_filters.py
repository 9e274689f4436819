"""Template filters: those of the framework that mean something else here, or are not here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from uproot_nb.interop.dialect import fmtnum
from uproot_nb.templating.formatting import to

__all__ = ["FILTERS"]


def unixtime2datetime(epoch: float, precise: bool = False) -> str:
    """Return the time of day of a Unix time, in UTC; *precise*: with the date and microseconds."""
    time = datetime.fromtimestamp(epoch, UTC)
    return time.strftime("%Y-%m-%d %H:%M:%S.%f") if precise else time.strftime("%H:%M:%S.%f")[:-3]


def _of_known(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that shows an unknown name as nothing."""

    @wraps(function)
    def shown(value: Any, *more: Any, **named: Any) -> Any:
        from jinja2 import Undefined  # lazy: templates alone need it

        if isinstance(value, Undefined):
            return str(value)  # which notes the name
        return function(value, *more, **named)

    return shown


FILTERS: Mapping[str, Callable[..., Any]] = {
    "fmtnum": _of_known(fmtnum), "to": _of_known(to), "type": lambda value: str(type(value)),
    "unixtime2datetime": _of_known(unixtime2datetime),
}  # fmt: skip
