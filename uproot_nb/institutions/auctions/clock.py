"""EnglishClock and DutchClock: a price that rises until all but one have left, or falls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from random import Random
from typing import Any, ClassVar

from uproot_nb.errors import BadMarket
from uproot_nb.institutions import words
from uproot_nb.institutions.auctions.bidding_theory import first_price_bid
from uproot_nb.institutions.auctions.sealed_bid import sale_of_one
from uproot_nb.institutions.auctions.values import UP_TO_100, PrivateValues, are_drawn
from uproot_nb.institutions.game import Benchmark, Decision, Endowment, Game, Result
from uproot_nb.institutions.institution import AllowedAction, Fact, Institution, no_formula
from uproot_nb.institutions.money import (
    Price,
    difference,
    is_beyond,
    money_fields,
    nearest_on_grid,
    plain,
    product,
    ticks_of,
    ticks_within,
    total,
)
from uproot_nb.institutions.robot_moves import Move, Seen

__all__ = ["DutchClock", "EnglishClock"]

_MOST_PRICES = 10_000
_NEARLY = 1e-9
"""Of a step: 0.3 / 0.1 is three steps."""


@dataclass(frozen=True)
class ClockAuction(Institution):
    """What the two have in common: the clock and the values.

    Args:
        values: What the item is worth to each bidder.
        lowest, highest: The clock shows multiples of `tick` from one to the other.
        seconds_per_tick: How long each price is shown.
    """

    values: PrivateValues = UP_TO_100
    lowest: Price = 0
    highest: Price = 100
    seconds_per_tick: float = 1.0

    title: ClassVar[str] = words.AUCTION
    is_sealed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        money_fields(self, {"lowest": 0, "highest": self.lowest})
        if not isinstance(self.values, PrivateValues) or self.values.units > 1:
            raise BadMarket(
                f"values={self.values!r} are not the values of one item.",
                "Write values=PrivateValues(0, 100).",
            )
        pace = self.seconds_per_tick
        if isinstance(pace, bool) or not isinstance(pace, (int, float)) or not 0 < pace < 3600:
            raise BadMarket(
                f"seconds_per_tick={pace!r} is not a number of seconds.",
                "Write seconds_per_tick=1.0.",
            )
        if difference(self.highest, self.lowest) // self.tick >= _MOST_PRICES:
            raise BadMarket(f"The clock has more than {_MOST_PRICES} prices.", "Use a larger tick.")
        ticks_of("lowest", self.lowest, self.tick)
        ticks_within(self.values.lowest, self.values.highest, self.tick)

    def prices(self) -> list[Price]:
        """Return the prices, in the order in which the clock shows them."""
        count = int(difference(self.highest, self.lowest) // self.tick)
        return [total((self.lowest, product(self.tick, step))) for step in range(count + 1)]

    def price_at(self, elapsed: float) -> Price:
        """Return the price that the clock shows so many seconds after its start."""
        prices = self.prices()
        step = floor(elapsed / self.seconds_per_tick + _NEARLY)
        return prices[max(0, min(step, len(prices) - 1))]

    def length(self) -> float:
        """Return how many seconds the clock runs."""
        return len(self.prices()) * self.seconds_per_tick

    def deal(self, players: Sequence[str], seed: str) -> dict[str, Endowment]:
        """Return each bidder's value."""
        return self.values.deal(players, seed, self.tick)

    def highest_amount(self, action: str) -> Price:
        """Return the highest price; nothing is entered."""
        return self.highest

    def stamped(self, game: Game, decision: Decision) -> Decision:
        """Return a decision with the price that the server's clock shows."""
        price = self.price_at(decision.elapsed)
        return Decision(decision.player, decision.action, (price,), "", decision.elapsed)

    def clock(self) -> dict[str, Any] | None:
        """Return the prices to show, how long each, and how long in all."""
        return {
            "prices": [plain(price) for price in self.prices()],
            "every": self.seconds_per_tick, "length": self.length(),
        }  # fmt: skip

    def facts(self, game: Game, player: str, elapsed: float) -> list[Fact]:
        """Return the value."""
        return [(words.YOUR_VALUE, plain(game.endowments[player].values[0]))]

    def status(self, game: Game, player: str, elapsed: float) -> str:
        """Return whether the clock runs."""
        if elapsed < 0:
            return words.WAIT_FOR_START
        return "" if self.actions(game, player, elapsed) else words.LEFT

    def result_facts(self, game: Game, player: str, result: Result) -> list[Fact]:
        """Return the price, what the winner pays, and the profit."""
        own = result.allocations[player]
        won = [(words.PAID, plain(own.paid))] if own.units else []
        return [
            ("", words.WON if own.units else words.LOST), (words.PRICE, plain(result.price)),
            *won, (words.PROFIT, plain(own.profit)),
        ]  # fmt: skip

    def _when(self, place: int) -> float:
        """Return when the clock begins to show a price, in seconds."""
        return place * self.seconds_per_tick


@dataclass(frozen=True)
class EnglishClock(ClockAuction):
    """The price rises; bidders who leave stay out, and the last wins at the price of the last exit.

        EnglishClock(PrivateValues(0, 100), seconds_per_tick=1.0)

    This is the Japanese, or button, form of the English auction (Milgrom and Weber 1982). Who
    leaves while the clock shows `lowest` has not taken part; who is still in when it has been shown
    has agreed to pay it. So nothing is sold if all leave at it, and a single bidder decides, too.
    If the last two leave at the same later price, the first to arrive has left, and the other wins.
    If several remain at the clock's highest price, one of them gets the item at that price, by lot.
    The same holds for the current price if the period is ended early; until `lowest` has been
    shown, nothing is sold.
    """

    kind: ClassVar[str] = "english"

    def active(self, game: Game) -> list[str]:
        """Return who is still in the auction."""
        gone = {one.player for one in game.decisions}
        return [name for name in game.endowments if name not in gone]

    def actions(self, game: Game, player: str, elapsed: float) -> list[AllowedAction]:
        """Return leaving, for those still in the auction while the clock runs."""
        runs = 0 <= elapsed < self.length()
        return [AllowedAction("leave", words.LEAVE)] if runs and player in self.active(game) else []

    def is_over(self, game: Game, elapsed: float) -> bool:
        """Return whether nobody is left, or one beyond the first price, or the clock has ended."""
        left = len(self.active(game))
        is_agreed = left <= 1 and elapsed >= self.seconds_per_tick
        return elapsed >= 0 and (not left or is_agreed or elapsed >= self.length())

    def result(self, game: Game) -> Result:
        """Return who has stayed longest, and the price."""
        left, stopped = self.active(game), game.stopped
        if not left or (stopped is not None and stopped < self.seconds_per_tick):
            return sale_of_one(game, None, None)
        if len(left) > 1:
            shown = self.prices()[-1] if stopped is None else self.price_at(stopped)
            return sale_of_one(game, game.drawn(left, "tie")[0], shown)
        exits = [one.amounts[0] for one in game.decisions]
        return sale_of_one(game, left[0], max(exits, default=self.lowest))

    def benchmark(self, game: Game) -> Benchmark:
        """Return the second highest value: bidders stay up to their own values (Vickrey 1961).

        Those who are worth less to them than the lowest price do not take part.
        """
        values = {name: own.values[0] for name, own in game.endowments.items()}
        limits = {
            name: float(min(value, self.prices()[-1]))
            for name, value in values.items()
            if value >= self.lowest
        }
        ranked = sorted(limits.values(), reverse=True)
        if not ranked:
            return Benchmark()
        return Benchmark(ranked[1] if len(ranked) > 1 else float(self.lowest), limits)

    def facts(self, game: Game, player: str, elapsed: float) -> list[Fact]:
        """Return the value, and how many are still in the auction."""
        known = super().facts(game, player, elapsed)
        return [*known, (words.STILL_IN, len(self.active(game)))]

    def public(self, game: Game, elapsed: float) -> dict[str, Any]:
        """Return how many are still in the auction."""
        return {"active": len(self.active(game))}

    def equilibrium_move(self, seen: Seen, chance: Random) -> Move | None:
        """Leave at the last price that is not above the value: a dominant strategy.

        If no price is above it, stay to the end. If that is the first price, it is enough to take
        part alone: leave when the others can have left, but stay if nobody else is there.
        """
        value, last = seen.endowment.values[0], self._last_place(seen)
        if value > self.prices()[-1]:
            return None
        if last or value < self.lowest:
            return Move("leave", at=self._when(last))
        is_alone = seen.public["active"] == 1
        return None if is_alone else Move("leave", at=self.seconds_per_tick / 2)

    def random_move(self, seen: Seen, chance: Random) -> Move | None:
        """Leave at a random later price that is not above the value, or at the end if none is."""
        now = floor(max(0.0, seen.elapsed) / self.seconds_per_tick + _NEARLY)
        last = self._last_place(seen) + (seen.endowment.values[0] > self.prices()[-1])
        return Move("leave", at=self._when(chance.randint(min(now, last), last)))

    def _last_place(self, seen: Seen) -> int:
        value = seen.endowment.values[0]
        return max(0, sum(price <= value for price in self.prices()) - 1)


@dataclass(frozen=True)
class DutchClock(ClockAuction):
    """The price falls until somebody accepts it, and gets the item at that price.

        DutchClock(PrivateValues(0, 100), seconds_per_tick=1.0)

    The first acceptance to arrive at the server wins. If nobody accepts, nothing is sold.
    """

    kind: ClassVar[str] = "dutch"

    def prices(self) -> list[Price]:
        """Return the prices from the highest to the lowest."""
        return super().prices()[::-1]

    def actions(self, game: Game, player: str, elapsed: float) -> list[AllowedAction]:
        """Return accepting the price, while the clock runs."""
        runs = 0 <= elapsed < self.length()
        able = runs and self.may_act(game, player)
        return [AllowedAction("accept", words.ACCEPT)] if able else []

    def is_over(self, game: Game, elapsed: float) -> bool:
        """Return whether somebody has accepted, everybody has left, or the clock has ended."""
        is_sold = bool(game.made("accept"))
        return is_sold or game.have_decided(game.endowments) or elapsed >= self.length()

    def result(self, game: Game) -> Result:
        """Return who has accepted, and the price."""
        for one in game.made("accept"):
            return sale_of_one(game, one.player, one.amounts[0])
        return sale_of_one(game, None, None)

    def benchmark(self, game: Game) -> Benchmark:
        """Return the prices at which bidders accept: the bids of a first-price auction."""
        count = len(game.endowments)
        if self._is_cut_off(count) or not are_drawn(game, self.values):
            return Benchmark()
        found = {name: self._price(own, count) for name, own in game.endowments.items()}
        prices = {name: price for name, price in found.items() if price is not None}
        return Benchmark(max(prices.values(), default=None), prices)

    def _price(self, own: Endowment, bidders: int) -> float | None:
        value, reserve = float(own.values[0]), float(self.lowest)
        bounds = float(self.values.lowest), float(self.values.highest)
        return first_price_bid(value, bidders, *bounds, reserve)

    def _is_cut_off(self, bidders: int) -> bool:
        """Return whether the clock starts below the price that the highest value would accept."""
        price = self._price(Endowment(values=(self.values.highest,)), bidders)
        return price is not None and is_beyond(price, self.highest, self.tick)

    def equilibrium_move(self, seen: Seen, chance: Random) -> Move | None:
        """Accept the price that is nearest to the bid in a first-price auction.

        The two auctions are strategically equivalent (Vickrey 1961).
        """
        bidders, value = seen.players["bidder"], seen.endowment.values[0]
        if self._is_cut_off(bidders):
            raise no_formula(self, "equilibrium")
        bid = self._price(seen.endowment, bidders)
        if bid is None:
            return None
        price = nearest_on_grid(bid, self.tick, self.lowest, min(value, self.highest))
        place = sum(shown > price for shown in self.prices())
        return Move("accept", at=self._when(place))

    def random_move(self, seen: Seen, chance: Random) -> Move | None:
        """Accept a random later price that is not above the value."""
        prices, value = self.prices(), seen.endowment.values[0]
        now = floor(max(0.0, seen.elapsed) / self.seconds_per_tick + _NEARLY)
        able = [place for place in range(now, len(prices)) if prices[place] <= value]
        return Move("accept", at=self._when(chance.choice(able))) if able else None
