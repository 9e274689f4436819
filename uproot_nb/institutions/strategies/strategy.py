"""Strategy: how a robot decides: as in equilibrium, at random, or as a best reply."""

from __future__ import annotations

from random import Random
from typing import Any, Protocol

from uproot_nb.institutions.institution import Institution, no_formula
from uproot_nb.institutions.robot_moves import Move, Seen

__all__ = ["BestReply", "EquilibriumStrategy", "Strategy", "ZeroIntelligence"]


class Strategy(Protocol):
    """A robot's decision rule. The same one plays in simulations and over connections.

    class Half:
        def decide(self, seen, chance):
            return Move("bid", (seen.endowment.values[0] // 2,))

        def learn(self, report):
            pass
    """

    def decide(self, seen: Seen, chance: Random) -> Move | None:
        """Return what to do, and when; None to do nothing now.

        It is asked again whenever something that it sees has changed.
        """

    def learn(self, report: dict[str, Any]) -> None:
        """Learn from a period's outcome: price, units, profit, decisions with own ones marked."""


class _OfInstitution:
    """A strategy that knows the rules."""

    def __init__(self, institution: Institution) -> None:
        self.institution = institution

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.institution!r})"

    def learn(self, report: dict[str, Any]) -> None:
        """Learn nothing."""


class EquilibriumStrategy(_OfInstitution):
    """Decides as in the risk-neutral equilibrium; each institution names its source.

    EquilibriumStrategy(Auction.institution)

    Raises:
        BadMarket: no formula is known when it has to decide, or an author gave costs that it does
            not know.
    """

    def decide(self, seen: Seen, chance: Random) -> Move | None:
        """Return the equilibrium's decision."""
        return self.institution.equilibrium_move(seen, chance)


class ZeroIntelligence(_OfInstitution):
    """Decides at random without risking a loss (after Gode and Sunder 1993).

    In Cournot and in prediction markets, where any trade may bring one, see the institution.
    """

    def decide(self, seen: Seen, chance: Random) -> Move | None:
        """Return a random decision."""
        return self.institution.random_move(seen, chance)


class BestReply(_OfInstitution):
    """Makes the best reply to the others' decisions in the previous period.

    In the first period it decides at random. It needs `feedback="all"` (Cournot 1838).
    """

    def __init__(self, institution: Institution) -> None:
        super().__init__(institution)
        if institution.feedback != "all":
            raise no_formula(institution, "best reply without the others' decisions")
        self._others: list[Move] | None = None

    def decide(self, seen: Seen, chance: Random) -> Move | None:
        """Return the best reply."""
        if self._others is None:
            return self.institution.random_move(seen, chance)
        return self.institution.best_reply(seen, self._others, chance)

    def learn(self, report: dict[str, Any]) -> None:
        """Remember what the others have decided."""
        moves = report["decisions"]
        self._others = [Move.from_plain(move) for move, is_own in moves if not is_own]
