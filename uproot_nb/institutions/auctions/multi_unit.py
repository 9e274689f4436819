"""MultiUnitAuction: several identical units, at one price for all or at each bidder's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Literal, NamedTuple

from uproot_nb.errors import BadMarket
from uproot_nb.institutions import words
from uproot_nb.institutions.auctions.bidding_theory import order_statistic_bid
from uproot_nb.institutions.auctions.values import (
    UP_TO_100,
    PrivateValues,
    are_drawn,
    check_bids,
    drawn_between,
)
from uproot_nb.institutions.game import Allocation, Benchmark, Endowment, Game, Result
from uproot_nb.institutions.institution import AllowedAction, Fact, Institution, no_formula
from uproot_nb.institutions.money import (
    Price,
    difference,
    is_beyond,
    mean,
    money_fields,
    nearest_on_grid,
    plain,
    product,
    total,
)
from uproot_nb.institutions.robot_moves import Move, Seen

__all__ = ["MultiUnitAuction", "Sale", "multi_unit_outcome"]


class Sale(NamedTuple):
    """Who gets how many units, what each pays in all, and the uniform price (None without one)."""

    units: dict[str, int]
    paid: dict[str, Price]
    price: Price | None


def multi_unit_outcome(
    bids: Mapping[str, Sequence[Price]],
    supply: int,
    pricing: Literal["uniform", "discriminatory"],
    reserve: Price = 0,
    price_rule: Literal["rejected", "accepted"] = "rejected",
    in_order: Callable[[Sequence[str]], Sequence[str]] = sorted,
) -> Sale:
    """Return who gets the units, and what they pay.

        multi_unit_outcome({"ann": [90, 60], "bob": [80, 50]}, 2, "uniform")
        # one unit each, at 60: the highest bid that gets nothing

    The units go to the highest bids at the reserve or above.

    Args:
        pricing: all pay the same for each unit, or each bidder pays the own winning bids.
        price_rule: the uniform price is the highest bid that was "rejected", at least the reserve,
            or the lowest that was "accepted".
        in_order: puts bidders with equal bids into the order in which they are served.
    """
    rank = {name: place for place, name in enumerate(in_order(sorted(bids)))}
    valid = [(bid, name) for name, own in bids.items() for bid in own if bid >= reserve]
    ranked = sorted(valid, key=lambda pair: (-pair[0], rank[pair[1]]))
    winning, rejected = ranked[:supply], ranked[supply:]
    units = {name: sum(winner == name for _, winner in winning) for name in bids}
    if pricing == "discriminatory":
        paid = {name: total(bid for bid, winner in winning if winner == name) for name in bids}
        return Sale(units, paid, None)
    if not winning:
        return Sale(units, dict.fromkeys(bids, 0), None)
    price = winning[-1][0] if price_rule == "accepted" else (rejected or [(reserve, "")])[0][0]
    return Sale(units, {name: product(price, count) for name, count in units.items()}, price)


@dataclass(frozen=True)
class MultiUnitAuction(Institution):
    """Several identical units go to the highest bids; each bidder bids for each unit it can use.

        MultiUnitAuction("uniform", PrivateValues(0, 100, units=2), supply=3)
        MultiUnitAuction("discriminatory", PrivateValues(0, 100), supply=2)

    Ties are broken by lot, from the session's seed. A bid of 0 means: no bid for this unit, if the
    reserve is 0.

    Args:
        pricing: Winners pay one price for all units ("uniform"), or their own bids
            ("discriminatory", also called pay-as-bid).
        values: What the units are worth; its `units` is each bidder's number of bids.
        supply: How many units are for sale.
        price_rule: The uniform price is the highest "rejected" or the lowest "accepted" bid.
        reserve: Lower bids win nothing.
        max_bid: The highest bid that is accepted; by default twice the highest value.
    """

    pricing: Literal["uniform", "discriminatory"] = "uniform"
    values: PrivateValues = UP_TO_100
    supply: int = 2
    price_rule: Literal["rejected", "accepted"] = "rejected"
    reserve: Price = 0
    max_bid: Price | None = None

    kind: ClassVar[str] = "multi_unit"
    title: ClassVar[str] = words.AUCTION

    def __post_init__(self) -> None:
        super().__post_init__()
        money_fields(self, {"reserve": 0})
        if self.max_bid is not None:
            money_fields(self, {"max_bid": self.reserve})
        for name, known in (
            ("pricing", ("uniform", "discriminatory")), ("price_rule", ("rejected", "accepted")),
        ):  # fmt: skip
            if getattr(self, name) not in known:
                raise BadMarket(
                    f"{name}={getattr(self, name)!r} is unknown.", f"Write one of {known}."
                )
        if not isinstance(self.values, PrivateValues):
            raise BadMarket(
                f"values={self.values!r} are not private values.",
                "Write values=PrivateValues(0, 100, units=2).",
            )
        if type(self.supply) is not int or self.supply < 1:
            raise BadMarket(f"supply={self.supply!r} is not a number of units.", "Write supply=2.")
        check_bids(self.values, self.tick, self.reserve, self.highest_amount("bid"))

    def deal(self, players: Sequence[str], seed: str) -> dict[str, Endowment]:
        """Return each bidder's values."""
        return self.values.deal(players, seed, self.tick)

    def actions(self, game: Game, player: str, elapsed: float) -> list[AllowedAction]:
        """Return the bids for all units."""
        if not self.may_act(game, player) or game.made(by=player):
            return []
        return [AllowedAction("bid", words.BID, (words.YOUR_BID,) * self.values.units)]

    def highest_amount(self, action: str) -> Price:
        """Return the highest bid."""
        return product(2, self.values.highest) if self.max_bid is None else self.max_bid

    def result(self, game: Game) -> Result:
        """Return who gets how many units, and what they pay."""
        bids = {
            one.player: [bid for bid in one.amounts if bid or self.reserve]
            for one in game.made("bid")
        }
        sale = multi_unit_outcome(
            bids, self.supply, self.pricing, self.reserve, self.price_rule,
            lambda names: game.drawn(names, "tie"),
        )  # fmt: skip
        allocations = {
            name: _allocation(own, sale.units.get(name, 0), sale.paid.get(name, 0))
            for name, own in game.endowments.items()
        }
        revenue, sold = total(sale.paid.values()), sum(sale.units.values())
        surplus = total(one.worth for one in allocations.values())
        price = sale.price
        if price is None and sold:
            price = mean(revenue, sold)
        return Result(price, sold, allocations, revenue, surplus, self._most_surplus(game))

    def _most_surplus(self, game: Game) -> Price:
        values = sorted(
            (value for own in game.endowments.values() for value in own.values), reverse=True
        )
        return total(values[: self.supply])

    def benchmark(self, game: Game) -> Benchmark:
        """Return the equilibrium bids for first units and the price, where a formula is known.

        If an author gave the endowments, only a dominant strategy has them.
        """
        count = len(game.endowments)
        is_dominant = self.pricing == "uniform" and self.values.units == 1
        if not self._has_formula(count) or not (is_dominant or are_drawn(game, self.values)):
            return Benchmark()
        found = {name: self._bids(own, count) for name, own in game.endowments.items()}
        bids = {name: [bid for bid in own if bid is not None] for name, own in found.items()}
        ranked = sorted((bid for own in bids.values() for bid in own), reverse=True)
        winning, rejected = ranked[: self.supply], ranked[self.supply :]
        price = None
        if winning:
            rejected_price = rejected[0] if rejected else float(self.reserve)
            is_uniform = self.pricing == "uniform"
            price = rejected_price if is_uniform else sum(winning) / len(winning)
        return Benchmark(price, {name: own[0] for name, own in bids.items() if own})

    def _has_formula(self, bidders: int) -> bool:
        """Return whether we know the equilibrium: no bid in it is above the highest allowed."""
        units, uniform, most = self.values.units, self.pricing == "uniform", self.values.highest
        if units == 1 and not uniform:
            (best,) = self._bids(Endowment(values=(most,)), bidders)
            return best is None or not is_beyond(best, self.highest_amount("bid"), self.tick)
        if units == 1:
            return self.price_rule == "rejected"
        flat_pair = self.values.flat and units == bidders == self.supply == 2 and not self.reserve
        is_free = flat_pair and most <= self.highest_amount("bid")
        return uniform and self.price_rule == "rejected" and is_free

    def _bids(self, own: Endowment, bidders: int) -> list[float | None]:
        """Return the risk-neutral equilibrium bids of a bidder.

        One unit each, uniform price: the value, a dominant strategy (Vickrey 1961), or `max_bid` if
        that is lower. One unit each, own bids paid: see `order_statistic_bid`; if there are units
        for all, the lowest bid that counts. Two bidders who both want two units of one value,
        two units for sale, uniform price: the value for the first and 0 for the second unit, the
        extreme case of demand reduction (Engelbrecht-Wiggans and Kahn 1998).
        """
        value, reserve = float(own.values[0]), float(self.reserve)
        if self.pricing == "discriminatory":
            if bidders <= self.supply:
                counts = float(self.reserve or self.tick)
                return [counts if value >= counts else None]
            bounds = float(self.values.lowest), float(self.values.highest)
            return [order_statistic_bid(value, bidders, self.supply, *bounds, reserve)]
        first = min(value, float(self.highest_amount("bid"))) if value >= reserve else None
        return [first] if self.values.units == 1 else [first, 0.0]

    def facts(self, game: Game, player: str, elapsed: float) -> list[Fact]:
        """Return what the units are worth, and how many are for sale."""
        own = game.endowments[player]
        reserve = [(words.RESERVE, plain(self.reserve))] if self.reserve else []
        return [
            (words.UNITS_FOR_SALE, self.supply),
            (words.UNITS_WORTH, [plain(value) for value in own.values]), *reserve,
        ]  # fmt: skip

    def result_facts(self, game: Game, player: str, result: Result) -> list[Fact]:
        """Return the price, the units bought, the payment and the profit."""
        own = result.allocations[player]
        uniform = self.pricing == "uniform"
        price = [(words.PRICE, plain(result.price))] if uniform else []
        return [
            *price, (words.UNITS_BOUGHT, plain(own.units)), (words.PAID, plain(own.paid)),
            (words.PROFIT, plain(own.profit)),
        ]  # fmt: skip

    def equilibrium_move(self, seen: Seen, chance: Random) -> Move | None:
        """Bid as in equilibrium, on the grid; 0 where the value is below the reserve.

        No bid is above the own value.
        """
        bidders, own = seen.players["bidder"], seen.endowment
        if not self._has_formula(bidders):
            raise no_formula(self, "equilibrium")
        highest = min(own.values[0], self.highest_amount("bid"))
        return Move(
            "bid",
            tuple(
                nearest_on_grid(bid or 0.0, self.tick, 0, highest)
                for bid in self._bids(own, bidders)
            ),
        )

    def random_move(self, seen: Seen, chance: Random) -> Move | None:
        """Bid random amounts that are allowed, up to the values."""
        highest = self.highest_amount("bid")
        drawn = (
            drawn_between(0, min(value, highest), self.tick, chance)
            for value in seen.endowment.values
        )
        return Move("bid", tuple(sorted(drawn, reverse=True)))


def _allocation(own: Endowment, units: int, paid: Price) -> Allocation:
    worth = total(own.values[:units])
    return Allocation(units, worth, paid, difference(worth, paid))
