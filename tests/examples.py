"""Examples: how many hypothesis tries, in `make test` and in `make test-all`."""

from __future__ import annotations

from typing import Any

from hypothesis import settings

__all__ = ["THOROUGH", "USUAL", "examples"]

USUAL = "usual"
THOROUGH = "thorough"
"""The profile of `make test-all`."""

_SHARE = 4
_FEW = 10


def examples(count: int, **others: Any) -> settings:
    """Try *count* examples with the profile "thorough", and a quarter of them otherwise."""
    if settings.get_current_profile_name() != THOROUGH:
        count = max(_FEW, count // _SHARE)
    return settings(max_examples=count, deadline=None, **others)
