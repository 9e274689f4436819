"""SealedBidAuction: one item, one bid each; the winner pays that bid or the second highest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Literal

from uproot_nb.errors import BadMarket
from uproot_nb.institutions import words
from uproot_nb.institutions.auctions.bidding_theory import (
    common_value_bid,
    first_price_bid,
    second_price_common_bid,
)
from uproot_nb.institutions.auctions.values import (
    UP_TO_100,
    CommonValue,
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
    money_fields,
    nearest_on_grid,
    plain,
    total,
)
from uproot_nb.institutions.robot_moves import Move, Seen

__all__ = ["SealedBidAuction", "sale_of_one", "sealed_bid_outcome"]


def sealed_bid_outcome(
    bids: Mapping[str, Price],
    pricing: Literal["first", "second"],
    reserve: Price = 0,
    break_tie: Callable[[Sequence[str]], str] = min,
) -> tuple[str | None, Price | None]:
    """Return who wins the item, and the price; None and None without a bid at the reserve or above.

        sealed_bid_outcome({"ann": 40, "bob": 55, "cleo": 48}, "second")    # ("bob", 48)

    Args:
        pricing: the winner pays the own bid ("first"), or the highest of the others' bids, at least
            the reserve ("second").
        break_tie: names one of several with the highest bid.
    """
    valid = {name: bid for name, bid in bids.items() if bid >= reserve}
    if not valid:
        return None, None
    highest = max(valid.values())
    tied = [name for name, bid in valid.items() if bid == highest]
    winner = tied[0] if len(tied) == 1 else break_tie(tied)
    if pricing == "first":
        return winner, highest
    return winner, max((bid for name, bid in valid.items() if name != winner), default=reserve)


def sale_of_one(game: Game, winner: str | None, price: Price | None) -> Result:
    """Return the result of the sale of one item at a price."""
    allocations = {name: Allocation() for name in game.endowments}
    most = max((max(own.values, default=0) for own in game.endowments.values()), default=0)
    if winner is None or price is None:
        return Result(None, 0, allocations, 0, 0, most)
    worth = game.endowments[winner].values[0]
    allocations[winner] = Allocation(1, worth, price, difference(worth, price))
    return Result(price, 1, allocations, price, worth, most)


@dataclass(frozen=True)
class SealedBidAuction(Institution):
    """One item goes to the highest bidder; nobody sees the bids before the end.

        SealedBidAuction("first", PrivateValues(0, 100))
        SealedBidAuction("second", CommonValue(25, 225, error=15), tick=Decimal("0.05"))

    Ties are broken by lot, from the session's seed.

    Args:
        pricing: The winner pays that bid ("first"), or the second highest one ("second"; Vickrey
            1961).
        values: What the item is worth to the bidders.
        reserve: Lower bids are refused; with a reserve, nobody has to bid.
        max_bid: The highest bid that is accepted; by default twice the highest value.
    """

    pricing: Literal["first", "second"] = "first"
    values: PrivateValues | CommonValue = UP_TO_100
    reserve: Price = 0
    max_bid: Price | None = None

    kind: ClassVar[str] = "sealed_bid"
    title: ClassVar[str] = words.AUCTION

    def __post_init__(self) -> None:
        super().__post_init__()
        money_fields(self, {"reserve": 0})
        if self.max_bid is not None:
            money_fields(self, {"max_bid": self.reserve})
        if self.pricing not in ("first", "second"):
            raise BadMarket(f"pricing={self.pricing!r} is unknown.", 'Write "first" or "second".')
        if not isinstance(self.values, (PrivateValues, CommonValue)):
            raise BadMarket(
                f"values={self.values!r} are not the values of bidders.",
                "Write values=PrivateValues(0, 100), or CommonValue(25, 225, error=15).",
            )
        if isinstance(self.values, PrivateValues) and self.values.units > 1:
            raise BadMarket("One item is for sale.", "For several units see MultiUnitAuction.")
        check_bids(self.values, self.tick, self.reserve, self.highest_amount("bid"))

    def deal(self, players: Sequence[str], seed: str) -> dict[str, Endowment]:
        """Return each bidder's value or estimate."""
        return self.values.deal(players, seed, self.tick)

    def actions(self, game: Game, player: str, elapsed: float) -> list[AllowedAction]:
        """Return bidding, and not bidding if nobody has to bid."""
        if not self.may_act(game, player) or game.made(by=player):
            return []
        bid = AllowedAction("bid", words.BID, (words.YOUR_BID,))
        return [bid, AllowedAction("pass", words.DO_NOT_BID)] if self.reserve else [bid]

    def lowest_amount(self, action: str) -> Price:
        """Return the reserve."""
        return self.reserve

    def highest_amount(self, action: str) -> Price:
        """Return the highest bid."""
        return total((self.values.highest,) * 2) if self.max_bid is None else self.max_bid

    def result(self, game: Game) -> Result:
        """Return the winner and the payment."""
        bids = {one.player: one.amounts[0] for one in game.made("bid")}
        winner, price = sealed_bid_outcome(
            bids, self.pricing, self.reserve, lambda tied: game.drawn(tied, "tie")[0]
        )
        return sale_of_one(game, winner, price)

    def benchmark(self, game: Game) -> Benchmark:
        """Return the equilibrium bids, and the price to which they lead.

        If an author gave the endowments, only a dominant strategy has them.
        """
        count, is_dominant = len(game.endowments), self._is_dominant()
        if not self._has_formula(count) or not (is_dominant or are_drawn(game, self.values)):
            return Benchmark()
        found = {name: self.equilibrium_bid(own, count) for name, own in game.endowments.items()}
        bids = {name: bid for name, bid in found.items() if bid is not None}
        ranked = sorted(bids.values(), reverse=True)
        if not ranked:
            return Benchmark()
        second = ranked[1] if len(ranked) > 1 else float(self.reserve)
        return Benchmark(ranked[0] if self.pricing == "first" else second, bids)

    def equilibrium_bid(self, own: Endowment, bidders: int) -> float | None:
        """Return a bidder's risk-neutral equilibrium bid as a real number; None for no bid.

        See `bidding_theory` for formulas and sources. In a second-price auction with private values
        it is the value (Vickrey 1961), or `max_bid` if that is lower.

        Raises:
            BadMarket: a reserve with a common value, or a `max_bid` that somebody would exceed who
                pays the own bid or has an estimate; for these we know no formula.
        """
        if not self._has_formula(bidders):
            raise no_formula(self, "equilibrium")
        return self._bid(own, bidders)

    def _is_dominant(self) -> bool:
        return self.pricing == "second" and not isinstance(self.values, CommonValue)

    def _has_formula(self, bidders: int) -> bool:
        """Return whether we know the equilibrium: no bid in it is above the highest allowed."""
        if self._is_dominant():
            return True
        if isinstance(self.values, CommonValue):
            if self.reserve:
                return False
            best = Endowment(signal=total((self.values.highest, self.values.error)))
        else:
            best = Endowment(values=(self.values.highest,))
        most = self._bid(best, bidders)
        return most is None or not is_beyond(most, self.highest_amount("bid"), self.tick)

    def _bid(self, own: Endowment, bidders: int) -> float | None:
        bounds = (float(self.values.lowest), float(self.values.highest))
        if isinstance(self.values, CommonValue):
            formula = common_value_bid if self.pricing == "first" else second_price_common_bid
            return formula(float(_known(own)), bidders, *bounds, float(self.values.error))
        value, reserve = float(own.values[0]), float(self.reserve)
        if self.pricing == "first":
            return first_price_bid(value, bidders, *bounds, reserve)
        return min(value, float(self.highest_amount("bid"))) if value >= reserve else None

    def facts(self, game: Game, player: str, elapsed: float) -> list[Fact]:
        """Return the value or estimate, and the reserve."""
        own = game.endowments[player]
        word = words.YOUR_VALUE if own.signal is None else words.ESTIMATE
        reserve = [(words.RESERVE, plain(self.reserve))] if self.reserve else []
        return [(word, plain(_known(own))), *reserve]

    def result_facts(self, game: Game, player: str, result: Result) -> list[Fact]:
        """Return the price, what the winner pays, and the profit."""
        own = result.allocations[player]
        won = [(words.PAID, plain(own.paid))] if own.units else []
        common = isinstance(self.values, CommonValue)
        worth = [(words.ITEM_VALUE, plain(game.endowments[player].values[0]))] if common else []
        return [
            ("", words.WON if own.units else words.LOST), (words.PRICE, plain(result.price)),
            *worth, *won, (words.PROFIT, plain(own.profit)),
        ]  # fmt: skip

    def equilibrium_move(self, seen: Seen, chance: Random) -> Move | None:
        """Bid as in equilibrium, on the grid, and never above the own value."""
        own, highest = seen.endowment, self.highest_amount("bid")
        bid = self.equilibrium_bid(own, seen.players["bidder"])
        if bid is None:
            return Move("pass") if "pass" in seen.actions else Move("bid", (self.reserve,))
        most = min(own.values[0], highest) if own.signal is None else highest
        return Move("bid", (nearest_on_grid(bid, self.tick, self.reserve, most),))

    def random_move(self, seen: Seen, chance: Random) -> Move | None:
        """Bid any amount that is allowed and cannot bring a loss, each with the same probability.

        That is an amount up to the value, or up to the least that the item can be worth.
        """
        limit = min(self._least_worth(seen.endowment), self.highest_amount("bid"))
        if limit < self.reserve:
            return Move("pass") if "pass" in seen.actions else Move("bid", (self.reserve,))
        return Move("bid", (drawn_between(self.reserve, limit, self.tick, chance),))

    def _least_worth(self, own: Endowment) -> Price:
        """Return the value, or the least that it can be, given the estimate."""
        if not isinstance(self.values, CommonValue):
            return _known(own)
        return max(self.values.lowest, difference(_known(own), self.values.error))


def _known(own: Endowment) -> Price:
    """Return the value, or the estimate of it."""
    known = own.values[0] if own.signal is None else own.signal
    assert not isinstance(known, str)
    return known
