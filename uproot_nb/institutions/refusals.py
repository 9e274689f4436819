"""Refusals: what participants read when a decision is refused; pages translate these texts."""

from __future__ import annotations

__all__ = [
    "ALREADY", "CLOSED", "NOT_YOUR_TURN", "NO_AMOUNT", "NO_CASH", "NO_UNITS", "OFF_TICK",
    "REFUSAL_TEXTS", "TOO_HIGH", "TOO_LOW",
]  # fmt: skip

NO_AMOUNT = "Please enter a plain number."
TOO_LOW = "The amount must not be below {lowest}."
TOO_HIGH = "The amount must not be above {highest}."
OFF_TICK = "The amount must be a multiple of {tick}."
ALREADY = "You have already decided."
NOT_YOUR_TURN = "You cannot do this now."
NO_CASH = "You do not have enough money left for this."
NO_UNITS = "You do not have enough units left for this."
CLOSED = "The market is closed."

REFUSAL_TEXTS = (
    NO_AMOUNT, TOO_LOW, TOO_HIGH, OFF_TICK, ALREADY, NOT_YOUR_TURN, NO_CASH, NO_UNITS, CLOSED,
)  # fmt: skip
"""All of them, each once; the shipped languages translate exactly these."""
