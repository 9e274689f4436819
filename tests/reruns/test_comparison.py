"""first_difference: what two logs of the same session must have in common."""

from __future__ import annotations

from typing import Any

import pytest

from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event
from uproot_nb.reruns.comparison import Difference, first_difference

RULES: dict[str, Any] = {"class": "SealedBidAuction", "given": {}, "usual": {"reserve": 0}}
TEXT = "SealedBidAuction(reserve=0)"


def described(rules: Any, name: str = "auction", field: str = "institution") -> list[Event]:
    """Return a log in which a period of an institution is described."""
    value = Codec().encode({"name": name, "period": 1, "rules": rules})
    cause = ("ann", "0:Auction", "Auction.seed_institution", "5f2a9c31d0e4")
    return [Event(1, 1764000000.0, "market", "set", "model/auction-1", field, value, *cause)]


def compared(recorded: list[Event], now: list[Event]) -> Difference | None:
    return first_difference(recorded, now, lambda event: event.seq, Codec())


def test_rules_that_an_earlier_version_wrote_as_a_text_are_no_difference() -> None:
    assert compared(described(TEXT), described(RULES)) is None
    assert compared(described(RULES), described(RULES)) is None


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        (described(TEXT), described(RULES, "other")),
        (described(TEXT), described("SealedBidAuction(reserve=1)")),
        (described(TEXT, field="note"), described(RULES, field="note")),
        (described(RULES), described({**RULES, "given": {"reserve": 5}, "usual": {}})),
    ],
    ids=["another name", "two texts", "a field of the author", "other rules"],
)
def test_all_else_that_a_period_is_described_by_is_compared(
    recorded: list[Event], now: list[Event]
) -> None:
    found = compared(recorded, now)
    assert found is not None
    assert (found.seq, found.subject) == (1, "model/auction-1")
