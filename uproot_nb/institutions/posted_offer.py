"""PostedOffer: sellers post prices, then buyers take turns to buy at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from random import Random
from typing import Any, ClassVar

from uproot_nb.errors import BadMarket
from uproot_nb.institutions import words
from uproot_nb.institutions.auctions.values import drawn_between
from uproot_nb.institutions.game import (
    Allocation,
    Benchmark,
    Decision,
    Endowment,
    Game,
    Result,
    exact_amounts,
)
from uproot_nb.institutions.institution import AllowedAction, Fact, Institution
from uproot_nb.institutions.money import (
    Price,
    difference,
    from_plain,
    mean,
    money_fields,
    nearest_on_grid,
    plain,
    product,
    ticks_below,
    ticks_within,
    total,
)
from uproot_nb.institutions.robot_moves import Move, Seen
from uproot_nb.market.analysis.equilibrium import equilibrium

__all__ = ["PostedOffer"]

Schedules = tuple[tuple[Price, ...], ...]


@dataclass(frozen=True)
class PostedOffer(Institution):
    """Sellers post a price each; then buyers, one after the other, buy as much as they want.

        PostedOffer(values=((90, 70), (80, 60)), costs=((20, 50), (30, 40)))

    The first players are the sellers, the others the buyers. Sellers do not see each other's prices
    before all have posted. The order of the buyers is drawn for each period; the buyer whose
    turn it is sees all offers that are left. A seller sells the units that cost no more than the
    posted price, first unit first (Plott and Smith 1978; Ketcham, Smith and Williams 1984).

    Args:
        values: what each unit is worth, for each buyer.
        costs: what each unit costs, for each seller.
        max_price: The highest price that can be posted; by default twice the highest value.
    """

    values: Schedules = ((90, 70), (80, 60))
    costs: Schedules = ((20, 50), (30, 40))
    max_price: Price | None = None

    kind: ClassVar[str] = "posted_offer"
    is_sealed: ClassVar[bool] = False
    count_word: ClassVar[str] = words.SELLERS
    counted_role: ClassVar[str] = "seller"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("values", "costs"):
            object.__setattr__(self, name, _schedules(name, getattr(self, name)))
        if self.max_price is not None:
            money_fields(self, {"max_price": self.tick})
        ticks_within(self.tick, self.highest_amount("offer"), self.tick)

    def deal(self, players: Sequence[str], seed: str) -> dict[str, Endowment]:
        """Return the costs of the first players, and the values of the others.

        Raises:
            BadMarket: there are more or fewer players than schedules.
        """
        sellers, needed = len(self.costs), len(self.costs) + len(self.values)
        if len(players) != needed:
            raise BadMarket(
                f"There are values and costs for {needed} participants, and {len(players)} take "
                "part.",
                "Write players=" + str(needed) + ", or values and costs for all.",
            )
        selling = dict(zip(players, self.costs, strict=False))
        buying = dict(zip(players[sellers:], self.values, strict=True))
        dealt = {name: Endowment("seller", costs=costs) for name, costs in selling.items()}
        return dealt | {name: Endowment("buyer", values=units) for name, units in buying.items()}

    def actions(self, game: Game, player: str, elapsed: float) -> list[AllowedAction]:
        """Return a seller's offer, and the purchases of the buyer whose turn it is."""
        if not self.may_act(game, player):
            return []
        if game.endowments[player].role == "seller":
            offered = game.made("offer", by=player)
            return [] if offered else [AllowedAction("offer", words.SELL, (words.YOUR_PRICE,))]
        if player != self.whose_turn(game):
            return []
        targets = tuple((label, label, price) for label, price in self._offers(game).items())
        buy = AllowedAction("buy", words.BUY, targets=targets, target_word=words.SELLER)
        return [buy, AllowedAction("done", words.DONE)]

    def highest_amount(self, action: str) -> Price:
        """Return the highest price."""
        if self.max_price is not None:
            return self.max_price
        return product(2, max(value for units in self.values for value in units))

    def lowest_amount(self, action: str) -> Price:
        """Return the lowest price: one tick."""
        return self.tick

    def is_over(self, game: Game, elapsed: float) -> bool:
        """Return whether all offers are posted, and no buyer is left."""
        return game.have_decided(game.players("seller")) and self.whose_turn(game) is None

    def whose_turn(self, game: Game) -> str | None:
        """Return the buyer whose turn it is; None before all offers are there, and at the end."""
        if not game.have_decided(game.players("seller")) or not self._offers(game):
            return None
        for buyer in game.drawn(game.players("buyer"), "queue"):
            bought = len(game.made("buy", by=buyer))
            is_done = game.made("done", by=buyer) or game.is_absent(buyer)
            if not is_done and bought < len(game.endowments[buyer].values):
                return buyer
        return None

    def _offers(self, game: Game) -> dict[str, Price]:
        """Return the offers with units left, by the seller's number."""
        found: dict[str, Price] = {}
        for number, seller in enumerate(game.players("seller"), 1):
            for offer in game.made("offer", by=seller):
                sold = sum(one.target == str(number) for one in game.made("buy"))
                if sold < _units_at(offer.amounts[0], game.endowments[seller].costs):
                    found[str(number)] = offer.amounts[0]
        return found

    def stamped(self, game: Game, decision: Decision) -> Decision:
        """Return a purchase with its price."""
        if decision.action != "buy":
            return decision
        price = self._offers(game)[decision.target]
        return Decision(decision.player, "buy", (price,), decision.target, decision.elapsed)

    def result(self, game: Game) -> Result:
        """Return what each player has bought and sold."""
        sellers = game.players("seller")
        trades = [
            (one.player, sellers[int(one.target) - 1], one.amounts[0]) for one in game.made("buy")
        ]
        allocations = {
            name: _allocation(own, name, trades) for name, own in game.endowments.items()
        }
        surplus = total(one.profit for one in allocations.values())
        most = equilibrium(*_units(game)).maximum_surplus
        spent = total(price for _, _, price in trades)
        price = mean(spent, len(trades)) if trades else None
        return Result(price, len(trades), allocations, 0, surplus, most)

    def benchmark(self, game: Game) -> Benchmark:
        """Return the middle of the competitive equilibrium prices, or the highest price allowed."""
        return Benchmark(self._competitive(*_units(game)), {})

    def _competitive(self, values: Sequence[Price], costs: Sequence[Price]) -> float | None:
        found = equilibrium([float(unit) for unit in values], [float(unit) for unit in costs])
        if found.price is None:
            return None
        return float(min(found.price, float(self.highest_amount("offer"))))

    def status(self, game: Game, player: str, elapsed: float) -> str:
        """Return a sentence for players who have to wait."""
        return "" if self.actions(game, player, elapsed) else words.WAIT

    def facts(self, game: Game, player: str, elapsed: float) -> list[Fact]:
        """Return what the units left are worth, or all units cost."""
        own = game.endowments[player]
        if own.role == "seller":
            posted = [(words.YOUR_PRICE, plain(one.amounts[0])) for one in game.made(by=player)
                      if one.action == "offer"]  # fmt: skip
            return [(words.UNITS_COST, [plain(cost) for cost in own.costs]), *posted]
        bought = len(game.made("buy", by=player))
        return [
            (words.UNITS_WORTH, [plain(value) for value in own.values[bought:]]),
            (words.UNITS_BOUGHT, bought),
        ]

    def public(self, game: Game, elapsed: float) -> dict[str, Any]:
        """Return the offers that are left, once all are posted."""
        if not game.have_decided(game.players("seller")):
            return {"offers": {}}
        return {"offers": {label: plain(price) for label, price in self._offers(game).items()}}

    def result_facts(self, game: Game, player: str, result: Result) -> list[Fact]:
        """Return how many units were sold, and the profit."""
        own = result.allocations[player]
        sold = game.endowments[player].role == "seller"
        return [
            *([(words.UNITS_SOLD, plain(own.units))] if sold else []),
            (words.PROFIT, plain(own.profit)),
        ]

    def equilibrium_move(self, seen: Seen, chance: Random) -> Move | None:
        """Post the middle of the competitive equilibrium prices; buy where it is cheapest.

        Sellers who take the price as given post this; those with market power may gain by
        posting more (Davis and Williams 1991). It is the price of the institution's own values and
        costs: what an author gives to others, a robot does not know.
        """
        if "offer" in seen.actions:
            price = self._competitive(_flat(self.values), _flat(self.costs))
            price = float(self.highest_amount("offer")) if price is None else price
            return Move(
                "offer",
                (nearest_on_grid(price, self.tick, self.tick, self.highest_amount("offer")),),
            )
        return self._purchase(seen, min)

    def random_move(self, seen: Seen, chance: Random) -> Move | None:
        """Post a random price at which no unit brings a loss; buy from anybody without a loss.

        A seller whose units all cost more than the highest price posts that, and sells nothing.
        """
        if "offer" in seen.actions:
            most = product(self.tick, ticks_below(self.highest_amount("offer"), self.tick))
            least = min(max(self.tick, min(seen.endowment.costs)), most)
            return Move("offer", (drawn_between(least, most, self.tick, chance),))
        return self._purchase(seen, lambda able: chance.choice(sorted(able)))

    def _purchase(self, seen: Seen, choose: Any) -> Move | None:
        """Return the purchase of a unit without a loss, or the end of buying."""
        if "buy" not in seen.actions:
            return None
        bought = sum(move.action == "buy" for move in seen.own)
        value = seen.endowment.values[bought]
        offers = {label: from_plain(price) for label, price in seen.public["offers"].items()}
        able = [(price, label) for label, price in offers.items() if price <= value]
        return Move("buy", (), choose(able)[1]) if able else Move("done")


def _schedules(name: str, given: Any) -> Schedules:
    """Return the amounts of each participant, or raise BadMarket."""
    are_schedules = isinstance(given, (tuple, list)) and all(
        isinstance(units, (tuple, list)) and units for units in given
    )
    made = (
        tuple(
            exact_amounts(f"{name}[{place}]", units, "(90, 70)")
            for place, units in enumerate(given)
        )
        if are_schedules
        else ()
    )
    if not made or min(_flat(made)) < 0:
        raise BadMarket(
            f"{name}={given!r} are not amounts of money for each participant.",
            f"Write {name}=((90, 70), (80, 60)): a tuple for each, or {name}=((90, 70),) for one.",
        )
    return made


def _units_at(price: Price, costs: Sequence[Price]) -> int:
    """Return how many units are for sale at a price: the first ones that are no loss."""
    return sum(1 for _ in takewhile(lambda cost: cost <= price, costs))


def _allocation(own: Endowment, name: str, trades: Sequence[tuple[str, str, Price]]) -> Allocation:
    if own.role == "buyer":
        paid = [price for buyer, _, price in trades if buyer == name]
        worth, spent = total(own.values[: len(paid)]), total(paid)
        return Allocation(len(paid), worth, spent, difference(worth, spent))
    got = [price for _, seller, price in trades if seller == name]
    cost, earned = total(own.costs[: len(got)]), total(got)
    return Allocation(len(got), cost, difference(0, earned), difference(earned, cost))


def _units(game: Game) -> tuple[list[Price], list[Price]]:
    own = game.endowments.values()
    return _flat([one.values for one in own]), _flat([one.costs for one in own])


def _flat(schedules: Sequence[Sequence[Price]]) -> list[Price]:
    return [unit for schedule in schedules for unit in schedule]
