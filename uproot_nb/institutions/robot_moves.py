"""Seen: what one participant sees of a period, and Move: what a robot decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from uproot_nb.institutions.game import Endowment
from uproot_nb.market.orderbook.amounts import Price, from_plain, plain

__all__ = ["Move", "Seen"]


@dataclass(frozen=True)
class Move:
    """A robot's decision.

    Move("bid", (45,))

    Attributes:
        action: as in `Decision.action`.
        amounts: prices or quantities.
        target: whose offer, or which contract.
        at: when, in seconds since the period began; None for now.
    """

    action: str
    amounts: tuple[Price, ...] = ()
    target: str = ""
    at: float | None = None

    def plain(self) -> list[Any]:
        """Return action, target and amounts, for JSON."""
        return [self.action, self.target, [plain(amount) for amount in self.amounts]]

    @classmethod
    def from_plain(cls, data: Any) -> Move:
        """Return the move that `plain` wrote."""
        action, target, amounts = data
        return cls(action, tuple(map(from_plain, amounts)), target)


@dataclass(frozen=True)
class Seen:
    """One participant's view of a period, the same in a simulation and over a connection.

    Attributes:
        endowment: what the participant knows of its own.
        players: how many participants there are of each role.
        period: from 1.
        elapsed: seconds since the period began.
        actions: the names of what can be done now.
        public: what everybody sees of the period so far.
        own: the participant's decisions so far.
    """

    endowment: Endowment
    players: Mapping[str, int]
    period: int
    elapsed: float
    actions: tuple[str, ...]
    public: Mapping[str, Any]
    own: tuple[Move, ...] = ()

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> Seen:
        """Return what a page's data say."""
        return cls(
            Endowment.from_plain(view["endowment"]), view["players"], view["period"],
            view["now"] - view["started"], tuple(action["name"] for action in view["actions"]),
            view["public"], tuple(map(Move.from_plain, view["own"])),
        )  # fmt: skip
