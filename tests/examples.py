"""Examples: how many hypothesis tries, in `make test` and in `make test-all`."""

from __future__ import annotations

from typing import Any

from hypothesis import settings

__all__ = ["THOROUGH", "USUAL", "examples", "some_of"]

USUAL = "usual"
THOROUGH = "thorough"
"""The profile of `make test-all`."""

_SHARE = 4
_FEW = 10


def some_of(count: int) -> int:
    """Return *count* with the profile "thorough", and a quarter of it otherwise."""
    if settings.get_current_profile_name() == THOROUGH:
        return count
    return max(_FEW, count // _SHARE)


def examples(count: int, **others: Any) -> settings:
    """Try so many examples, or some of them (`some_of`)."""
    return settings(max_examples=some_of(count), deadline=None, **others)
