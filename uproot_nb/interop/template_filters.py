"""Template filters: those of the framework that mean something else here, or are not here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from uproot_nb.interop.dialect import fmtnum

__all__ = ["FILTERS"]


def unixtime2datetime(epoch: float, precise: bool = False) -> str:
    """Return the time of day of a Unix time, in UTC; *precise*: with the date and microseconds."""
    time = datetime.fromtimestamp(epoch, UTC)
    return time.strftime("%Y-%m-%d %H:%M:%S.%f") if precise else time.strftime("%H:%M:%S.%f")[:-3]


FILTERS: Mapping[str, Callable[..., Any]] = {
    "fmtnum": fmtnum, "type": lambda value: str(type(value)),
    "unixtime2datetime": unixtime2datetime,
}  # fmt: skip
