"""Durations: for how long an order stands, or trade is halted."""

from __future__ import annotations

import sys
from typing import Any

from uproot_nb.market.orderbook.amounts import exact

__all__ = ["as_time", "is_duration"]


def as_time(value: Any) -> Any:
    """Return a time as a float; anything else unchanged."""
    return float(value) if is_duration(value) else value


def is_duration(value: Any) -> bool:
    """Return whether a value is a time: a finite number above zero."""
    is_number = isinstance(value, (int, float)) or exact(value) is not None
    is_finite = is_number and 0 < value <= sys.float_info.max
    return is_finite and not isinstance(value, bool) and float(value) > 0
