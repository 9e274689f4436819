"""Arm: one of a treatment's arms, and the choice of the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

__all__ = ["Arm", "fewest"]


class Arm(NamedTuple):
    """An arm of a treatment: its value as JSON, its weight, and how many it takes at most."""

    text: str
    weight: int
    cap: int | None


def fewest(
    arms: Sequence[Arm], stratum: str, counts: Mapping[tuple[str, str], int], rng: Random
) -> str | None:
    """Return the arm with the fewest who count for its weight; None if all are full."""
    having = [(arm, counts.get((stratum, arm.text), 0)) for arm in arms]
    left = [(arm, count) for arm, count in having if arm.cap is None or count < arm.cap]
    if not left:
        return None
    least = min(count / arm.weight for arm, count in left)
    return rng.choice([arm.text for arm, count in left if count / arm.weight == least])
