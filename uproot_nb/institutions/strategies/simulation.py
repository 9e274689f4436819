"""simulate_institution: robots in an institution without sockets, for many periods."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.institutions.entries import closing_entry, decision_entry, refusal_entry
from uproot_nb.institutions.game import Decision, Game
from uproot_nb.institutions.institution import Institution
from uproot_nb.institutions.robot_moves import Move, Seen
from uproot_nb.institutions.strategies.strategy import Strategy
from uproot_nb.institutions.tables import InstitutionTables, TimedEntry
from uproot_nb.institutions.views import view_of

__all__ = ["simulate_institution"]

_MOST_DECISIONS = 10_000
"""Of one period; robots that decide without end are stopped there."""


def simulate_institution(
    institution: Institution,
    strategies: Mapping[str, Strategy],
    *,
    periods: int = 1,
    seed: int | str = 0,
) -> InstitutionTables:
    """Let robots decide for some periods, each with new endowments, and return the tables.

        auction = SealedBidAuction("first", PrivateValues(0, 100))
        robots = {name: EquilibriumStrategy(auction) for name in ["ann", "bob", "cleo"]}
        simulate_institution(auction, robots, periods=100, seed=1).periods["efficiency"].mean()

    The same seed gives the same tables. If decisions depend on each other, robots are asked
    again after each; those that decide at the same time come in a random order.

    Args:
        strategies: by player's name; each plays all periods, and may learn from one to the next.

    Raises:
        BadMarket: nobody takes part, or the rules refuse a robot's decisions again and again.
    """
    entries: list[TimedEntry] = []
    for period in range(1, periods + 1):
        entries += _SimulatedPeriod(institution, strategies, period, f"{seed}/{period}").play()
    return InstitutionTables(institution.kind, entries)


class _SimulatedPeriod:
    """One period of a simulation."""

    def __init__(
        self, institution: Institution, strategies: Mapping[str, Strategy], period: int, seed: str
    ) -> None:
        self._institution, self._strategies, self._number = institution, strategies, period
        names = list(strategies)
        self._game = Game(institution.deal_named(names, seed), seed=seed)
        self._chance, self._elapsed = Random(f"{seed}/robots"), 0.0
        self._entries: list[TimedEntry] = []

    def play(self) -> list[TimedEntry]:
        """Play the period, and return its log entries with their times."""
        self._add({"endowments": {n: own.plain() for n, own in self._game.endowments.items()}})
        act = self._all_at_once if self._institution.is_sealed else self._one_by_one
        act()
        result = self._institution.result(self._game)
        benchmark = self._institution.benchmark(self._game)
        self._add(closing_entry(self._game, result, benchmark))
        for name, strategy in self._strategies.items():
            view = view_of(
                self._institution, self._game, name, self._number, (self._elapsed, 0.0), result
            )
            strategy.learn(view["report"])
        return self._entries

    def _all_at_once(self) -> None:
        for name in self._order():
            move = self._asked(name)
            if move is not None:
                self._do(name, move)

    def _one_by_one(self) -> None:
        for _ in range(_MOST_DECISIONS):
            if self._institution.is_over(self._game, self._elapsed):
                return
            first = self._first()
            if first is None:
                return
            name, move = first
            self._elapsed = max(self._elapsed, move.at or 0.0)
            if not self._institution.is_over(self._game, self._elapsed):
                self._do(name, move)
        raise BadMarket(
            f"The robots did not stop after {_MOST_DECISIONS} decisions.",
            "Let decide(seen, chance) return None when there is nothing more to do.",
        )

    def _first(self) -> tuple[str, Move] | None:
        """Return who decides next, and what: the earliest of all."""
        best: tuple[str, Move] | None = None
        for name in self._order():
            move = self._asked(name)
            if move is not None and (best is None or _when(move) < _when(best[1])):
                best = name, move
                if move.at is None:
                    break
        return best

    def _order(self) -> list[str]:
        names = list(self._strategies)
        self._chance.shuffle(names)
        return names

    def _asked(self, name: str) -> Move | None:
        if not self._institution.actions(self._game, name, self._elapsed):
            return None
        view = view_of(
            self._institution, self._game, name, self._number, (self._elapsed, 0.0), None
        )
        return self._strategies[name].decide(Seen.of(view), self._chance)

    def _do(self, name: str, move: Move) -> None:
        asked = Decision(name, move.action, tuple(move.amounts), move.target, self._elapsed)
        try:
            made = self._institution.check(self._game, asked, self._elapsed)
        except OrderRefused as refusal:
            self._add(refusal_entry(asked, refusal, None))
            return
        self._add(decision_entry(made, None))
        self._game = self._game.after(made)

    def _add(self, entry: dict[str, Any]) -> None:
        self._entries.append((self._elapsed, self._number, entry))


def _when(move: Move) -> float:
    return -1.0 if move.at is None else move.at
