"""CournotMarket and BertrandMarket: firms choose quantities, or prices, for simulated consumers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from uproot_nb.errors import BadMarket
from uproot_nb.institutions import words
from uproot_nb.institutions.auctions.values import drawn_between
from uproot_nb.institutions.demand import USUAL_DEMAND, LinearDemand
from uproot_nb.institutions.game import (
    Allocation,
    Benchmark,
    Endowment,
    Game,
    Result,
    exact_amounts,
    gone_before,
)
from uproot_nb.institutions.institution import AllowedAction, Fact, Institution
from uproot_nb.institutions.money import (
    Price,
    difference,
    mean,
    nearest_on_grid,
    plain,
    product,
    ticks_above,
    total,
)
from uproot_nb.institutions.robot_moves import Move, Seen

__all__ = [
    "BertrandMarket", "CournotMarket", "bertrand_prices", "cournot_quantities", "shared_demand",
]  # fmt: skip


@dataclass(frozen=True)
class Oligopoly(Institution):
    """What the two have in common: demand and unit costs.

    Args:
        demand: What consumers buy.
        costs: What a unit costs each firm; a single cost holds for all firms.
    """

    demand: LinearDemand = USUAL_DEMAND
    costs: tuple[Price, ...] = (10,)

    count_word: ClassVar[str] = words.FIRMS
    counted_role: ClassVar[str] = "firm"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.demand, LinearDemand):
            raise BadMarket(
                f"demand={self.demand!r} is not a demand.", "Write demand=LinearDemand(100, 1)."
            )
        costs = exact_amounts("costs", self.costs, "(10,), or a cost for each firm: costs=(10, 20)")
        object.__setattr__(self, "costs", costs)
        if not costs or min(costs) < 0:
            raise BadMarket(
                f"costs={self.costs!r} are not amounts of money.",
                "Write costs=(10,), or a cost for each firm: costs=(10, 20).",
            )
        if self._end() < self.tick:
            raise BadMarket(
                f"Nothing but 0 can be chosen with {self.demand!r} and tick={self.tick!r}.",
                "Write a smaller tick.",
            )

    def deal(self, players: Sequence[str], seed: str) -> dict[str, Endowment]:
        """Return each firm's cost."""
        costs = self.costs_of(len(players))
        return {
            name: Endowment("firm", costs=(cost,))
            for name, cost in zip(players, costs, strict=True)
        }

    def costs_of(self, firms: int) -> tuple[Price, ...]:
        """Return the costs of so many firms.

        Raises:
            BadMarket: there are costs for another number of firms.
        """
        if len(self.costs) not in (1, firms):
            raise BadMarket(
                f"There are costs for {len(self.costs)} firms, and {firms} take part.",
                "Write one cost for all, or one for each.",
            )
        return self.costs if len(self.costs) == firms else self.costs * firms

    def public(self, game: Game, elapsed: float) -> dict[str, Any]:
        """Return the places in `costs` of firms that were gone first.

        It is None where an author has given other costs. Nobody is told what others' costs are.
        """
        own = {name: one.costs[0] for name, one in game.endowments.items()}
        if len(self.costs) not in (1, len(own)):
            return {"gone": None}
        costs = self.costs_of(len(own))
        if sorted(costs) != sorted(own.values()):
            return {"gone": None}
        gone = list[int]()
        for name in sorted(gone_before(game)):
            places = (place for place, cost in enumerate(costs) if cost == own[name])
            gone.append(next(place for place in places if place not in gone))
        return {"gone": sorted(gone)}

    def _known_costs(self, seen: Seen) -> list[Price]:
        """Return the costs of the firms that take part.

        Raises:
            BadMarket: an author has given other costs than these rules have.
        """
        gone = seen.public["gone"]
        if gone is None:
            raise BadMarket(
                "EquilibriumStrategy does not know the costs of firms that `endow` gave.",
                "Give the institution all costs, as costs=(10, 20), or use another strategy.",
            )
        costs = self.costs_of(seen.players["firm"] + len(gone))
        return [cost for place, cost in enumerate(costs) if place not in gone]

    def _end(self) -> Price:
        """Return the amount at which demand ends: nothing is earned there or beyond."""
        raise NotImplementedError

    def facts(self, game: Game, player: str, elapsed: float) -> list[Fact]:
        """Return demand and cost."""
        own = game.endowments[player]
        return [(words.DEMAND, self.demand.plain()), (words.COST, plain(own.costs[0]))]

    def _result(self, game: Game, price: Price | None, sold: Mapping[str, Price]) -> Result:
        """Return the result if each firm has sold so much at one price."""
        allocations = {name: Allocation() for name in game.endowments}
        for name, quantity in sold.items():
            earned = product(price or 0, quantity)
            cost = product(game.endowments[name].costs[0], quantity)
            allocations[name] = Allocation(
                quantity, cost, difference(0, earned), difference(earned, cost)
            )
        quantity = total(sold.values())
        cost = total(one.worth for one in allocations.values())
        surplus = difference(self.demand.worth(quantity), cost)
        least = min(own.costs[0] for own in game.endowments.values())
        return Result(price, quantity, allocations, 0, surplus, self.most_surplus(least))

    def most_surplus(self, cost: Price) -> Price:
        """Return the greatest gains from trade at the lowest unit cost."""
        return self.demand.surplus(cost)


@dataclass(frozen=True)
class CournotMarket(Oligopoly):
    """Firms choose quantities; the price clears the market (Cournot 1838).

        CournotMarket(LinearDemand(100, 1), costs=(10,))
        CournotMarket(LinearDemand(100, 1), costs=(10, 20), tick=Decimal("0.1"))

    Quantities are multiples of `tick`. Firms that choose nothing in time produce nothing.
    """

    kind: ClassVar[str] = "cournot"

    def actions(self, game: Game, player: str, elapsed: float) -> list[AllowedAction]:
        """Return the choice of a quantity."""
        if not self.may_act(game, player) or game.made(by=player):
            return []
        return [AllowedAction("quantity", words.CONFIRM, (words.YOUR_QUANTITY,))]

    def highest_amount(self, action: str) -> Price:
        """Return the quantity at which the price is 0."""
        return product(self.tick, int(self._end() // self.tick))

    def _end(self) -> Price:
        return mean(self.demand.intercept, self.demand.slope)

    def result(self, game: Game) -> Result:
        """Return price and profits."""
        sold = {one.player: one.amounts[0] for one in game.made("quantity")}
        return self._result(game, self.demand.price(total(sold.values())), sold)

    def benchmark(self, game: Game) -> Benchmark:
        """Return quantities and price in the Cournot-Nash equilibrium of those who are there."""
        names = _present(game)
        if not names:
            return Benchmark()
        costs = [float(game.endowments[name].costs[0]) for name in names]
        found = cournot_quantities(self.demand, costs)
        price = float(self.demand.intercept) - float(self.demand.slope) * sum(found)
        return Benchmark(price, dict(zip(names, found, strict=True)))

    def result_facts(self, game: Game, player: str, result: Result) -> list[Fact]:
        """Return the price, the firm's and the total quantity, and the profit."""
        own = result.allocations[player]
        return [
            (words.PRICE, plain(result.price)), (words.YOUR_QUANTITY, plain(own.units)),
            (words.TOTAL_QUANTITY, plain(result.units)), (words.PROFIT, plain(own.profit)),
        ]  # fmt: skip

    def equilibrium_move(self, seen: Seen, chance: Random) -> Move | None:
        """Choose the Cournot-Nash quantity."""
        costs = [float(cost) for cost in self._known_costs(seen)]
        own = float(seen.endowment.costs[0])
        quantity = cournot_quantities(self.demand, costs)[costs.index(own)]
        return Move("quantity", (self._near(quantity),))

    def random_move(self, seen: Seen, chance: Random) -> Move | None:
        """Choose a random quantity that brings no loss if nobody else produces."""
        most = self.demand.quantity(seen.endowment.costs[0])
        return Move("quantity", (drawn_between(0, max(most, 0), self.tick, chance),))

    def best_reply(self, seen: Seen, others: Sequence[Move], chance: Random) -> Move | None:
        """Choose (a - c) / 2b - Q/2, where Q is the others' previous quantity."""
        supplied = sum(float(move.amounts[0]) for move in others if move.amounts)
        demand, cost = self.demand, float(seen.endowment.costs[0])
        margin = float(demand.intercept) - cost - float(demand.slope) * supplied
        return Move("quantity", (self._near(max(0.0, margin / (2 * float(demand.slope)))),))

    def _near(self, quantity: float) -> Price:
        return nearest_on_grid(quantity, self.tick, 0, self.highest_amount("quantity"))


@dataclass(frozen=True)
class BertrandMarket(Oligopoly):
    """Firms choose prices; all consumers buy where it is cheapest (Bertrand 1883).

        BertrandMarket(LinearDemand(100, 1), costs=(10,))

    Prices are multiples of `tick`. Consumers buy whole units. Firms with the same lowest price
    share them equally; units that cannot be shared go to some of them by lot.
    """

    kind: ClassVar[str] = "bertrand"

    def actions(self, game: Game, player: str, elapsed: float) -> list[AllowedAction]:
        """Return the choice of a price."""
        if not self.may_act(game, player) or game.made(by=player):
            return []
        return [AllowedAction("price", words.CONFIRM, (words.YOUR_PRICE,))]

    def highest_amount(self, action: str) -> Price:
        """Return a price at which nothing is bought: the intercept, or the next multiple above."""
        return _up(self._end(), self.tick)

    def _end(self) -> Price:
        return self.demand.intercept

    def result(self, game: Game) -> Result:
        """Return price and profits."""
        prices = {one.player: one.amounts[0] for one in game.made("price")}
        sold = shared_demand(self.demand, prices, lambda names: game.drawn(names, "tie"))
        price = min(prices.values()) if sold else None
        return self._result(game, price, sold)

    def most_surplus(self, cost: Price) -> Price:
        """Return the greatest gains from trade in whole units."""
        below = self.demand.quantity(cost)
        return max(
            difference(self.demand.worth(quantity), product(cost, quantity))
            for quantity in (below, below + 1)  # the best real number lies between them
        )

    def benchmark(self, game: Game) -> Benchmark:
        """Return the prices of the equilibrium of those who are there; see `bertrand_prices`."""
        names = _present(game)
        if not names:
            return Benchmark()
        costs = [game.endowments[name].costs[0] for name in names]
        found = [float(price) for price in bertrand_prices(self.demand, costs, self.tick)]
        return Benchmark(min(found), dict(zip(names, found, strict=True)))

    def result_facts(self, game: Game, player: str, result: Result) -> list[Fact]:
        """Return the price, what was sold, and the profit."""
        own = result.allocations[player]
        return [
            (words.PRICE, plain(result.price)), (words.UNITS_SOLD, plain(own.units)),
            (words.PROFIT, plain(own.profit)),
        ]  # fmt: skip

    def equilibrium_move(self, seen: Seen, chance: Random) -> Move | None:
        """Choose the equilibrium price."""
        costs, own = self._known_costs(seen), seen.endowment.costs[0]
        prices = bertrand_prices(self.demand, costs, self.tick)
        return Move("price", (prices[costs.index(own)],))

    def random_move(self, seen: Seen, chance: Random) -> Move | None:
        """Choose a random price that brings no loss: at the highest, nothing is sold."""
        highest = self.highest_amount("price")
        least = min(seen.endowment.costs[0], highest)
        return Move("price", (drawn_between(least, highest, self.tick, chance),))

    def best_reply(self, seen: Seen, others: Sequence[Move], chance: Random) -> Move | None:
        """Choose the best price against the others' lowest one: usually a tick less."""
        cost, highest = seen.endowment.costs[0], self.highest_amount("price")
        prices = [move.amounts[0] for move in others if move.amounts]
        lowest = min(prices, default=highest)
        tied = prices.count(lowest)
        below = difference(lowest, self.tick)
        alone = min(_monopoly_price(self.demand, cost, self.tick), below)
        covering = _up(cost, self.tick)
        tries = {price for price in (alone, lowest, covering) if cost <= price <= highest}

        def profit(price: Price) -> float:
            if price > lowest:
                return 0.0
            sharing = tied + 1 if price == lowest else 1
            return float(price - cost) * self.demand.quantity(price) / sharing

        best = max(sorted(tries), key=profit, default=highest)
        return Move("price", (nearest_on_grid(float(best), self.tick, 0, highest),))


def shared_demand(
    demand: LinearDemand,
    prices: Mapping[str, Price],
    in_order: Callable[[Sequence[str]], Sequence[str]] = sorted,
) -> dict[str, Price]:
    """Return the whole units that each firm with the lowest price sells.

    Args:
        in_order: puts firms into the order in which they get the units that cannot be shared.
    """
    if not prices:
        return {}
    lowest = min(prices.values())
    cheapest = in_order([name for name, price in prices.items() if price == lowest])
    each, rest = divmod(demand.quantity(lowest), len(cheapest))
    return {name: each + (place < rest) for place, name in enumerate(cheapest)}


def cournot_quantities(demand: LinearDemand, costs: Sequence[float]) -> list[float]:
    """Return each firm's quantity in the Cournot-Nash equilibrium, as a real number.

    q_i = (a - (n + 1) c_i + Σ c_j) / ((n + 1) b) for n firms that produce (Tirole 1988, chapter
    5); those whose quantity would be negative do not.
    """
    producing = list(range(len(costs)))
    intercept, slope = float(demand.intercept), float(demand.slope)
    while producing:
        n, all_costs = len(producing), sum(costs[firm] for firm in producing)
        found = {
            firm: (intercept - (n + 1) * costs[firm] + all_costs) / ((n + 1) * slope)
            for firm in producing
        }
        least = min(producing, key=lambda firm: found[firm])
        if found[least] >= 0:
            return [found.get(firm, 0.0) for firm in range(len(costs))]
        producing.remove(least)
    return [0.0] * len(costs)


def bertrand_prices(demand: LinearDemand, costs: Sequence[Price], tick: Price) -> list[Price]:
    """Return each firm's price in an equilibrium on a grid of prices.

    Firms with the same lowest cost price one tick above it: whoever prices lower earns nothing. A
    single firm with the lowest cost prices a tick below the second lowest, or as a monopolist if
    that is less; but at the second lowest where it earns more although it shares the consumers. The
    others price at their cost (Tirole 1988, chapter 5). Nobody prices above the intercept, where
    nothing is bought.
    """
    lowest, highest = min(costs), _up(demand.intercept, tick)
    rivals = [min(_up(cost, tick), highest) for cost in costs if cost > lowest]
    if costs.count(lowest) > 1:
        price = product(tick, int(lowest // tick) + 1)
    else:
        price = _price_of_the_cheapest(demand, lowest, rivals, tick)
    chosen = (price if cost == lowest else _up(cost, tick) for cost in costs)
    return [min(price, highest) for price in chosen]


def _price_of_the_cheapest(
    demand: LinearDemand, cost: Price, rivals: Sequence[Price], tick: Price
) -> Price:
    """Return the best price of the single firm with the lowest cost, given its rivals' prices."""
    alone = _monopoly_price(demand, cost, tick)
    if not rivals:
        return alone
    shared = min(rivals)
    alone = max(min(alone, difference(shared, tick)), _up(cost, tick))
    firms = rivals.count(shared) + 1
    gain_alone = product(_margin(demand, cost, alone), firms)
    return shared if _margin(demand, cost, shared) > gain_alone else alone


def _present(game: Game) -> list[str]:
    gone = gone_before(game)
    return [name for name in game.endowments if name not in gone]


def _margin(demand: LinearDemand, cost: Price, price: Price) -> Price:
    """Return what all sales at a price bring in beyond their cost."""
    return product(difference(price, cost), demand.quantity(price))


def _up(cost: Price, tick: Price) -> Price:
    """Return the lowest multiple of *tick* that covers a cost."""
    return product(tick, ticks_above(cost, tick))


def _monopoly_price(demand: LinearDemand, cost: Price, tick: Price) -> Price:
    """Return the best price of a single firm that sells whole units: (a + c) / 2, or beside it."""
    middle = int(mean(total((demand.intercept, cost)), product(2, tick)))
    around = [product(tick, middle + shift) for shift in range(-2, 4)]
    return max(around, key=lambda price: _margin(demand, cost, price))
