"""Game: what the participants of one period were given, and what they have decided."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from random import Random
from typing import Any

from uproot_nb.errors import BadMarket
from uproot_nb.market.orderbook.amounts import Price, exact, from_plain, plain, total

__all__ = [
    "ABSENT", "Allocation", "Benchmark", "Decision", "Endowment", "Game", "Result", "exact_amount",
    "exact_amounts", "gone_before",
]  # fmt: skip

ABSENT = "absent"
"""The decision that is recorded for who has dropped out."""


@dataclass(frozen=True)
class Endowment:
    """What one participant has at the beginning of a period.

    Endowment("buyer", values=(90, 70))

    Attributes:
        role: "bidder", "buyer", "seller", "firm" or "trader".
        values: what each unit is worth to the participant, first unit first.
        costs: what each unit costs, first unit first; of a firm, what every unit costs.
        signal: what the participant sees instead of *values*, where these are uncertain.
        cash: the money that can be spent; None for no limit.

    Raises:
        BadMarket: something is not a whole number or a Decimal.
    """

    role: str = "bidder"
    values: tuple[Price, ...] = ()
    costs: tuple[Price, ...] = ()
    signal: Price | str | None = None
    cash: Price | None = None

    def __post_init__(self) -> None:
        made: dict[str, Any] = {
            name: exact_amounts(name, getattr(self, name), "(90, 70)")
            for name in ("values", "costs")
        }
        if self.signal is not None and not isinstance(self.signal, str):
            made["signal"] = exact_amount("signal", self.signal)
        if self.cash is not None:
            made["cash"] = exact_amount("cash", self.cash)
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it; a Decimal is a text."""
        signal = self.signal if isinstance(self.signal, str) else {"money": plain(self.signal)}
        return {
            "role": self.role, "values": [plain(value) for value in self.values],
            "costs": [plain(cost) for cost in self.costs],
            "signal": None if self.signal is None else signal, "cash": plain(self.cash),
        }  # fmt: skip

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Endowment:
        """Return the endowment that `plain` wrote."""
        signal, cash = data["signal"], data["cash"]
        if isinstance(signal, Mapping):
            signal = from_plain(signal["money"])
        return cls(
            data["role"], tuple(map(from_plain, data["values"])),
            tuple(map(from_plain, data["costs"])), signal,
            None if cash is None else from_plain(cash),
        )  # fmt: skip


@dataclass(frozen=True)
class Decision:
    """What one participant has decided, and when.

    Decision("ann", "bid", (45,))

    Attributes:
        action: what is done: "bid", "accept", "buy" …
        amounts: prices or quantities.
        target: whose offer, or which contract; "" where there is no choice.
        elapsed: seconds since the period began, when the decision is made; the log has its time.
    """

    player: str
    action: str
    amounts: tuple[Price, ...] = ()
    target: str = ""
    elapsed: float = 0.0


@dataclass(frozen=True)
class Game:
    """One period: endowments, and all decisions in the order of their arrival.

        game = Game({"ann": Endowment(values=(80,))}, (Decision("ann", "bid", (45,)),), seed="7")

    A result follows from a game alone, so ties are broken by *seed*.

    Attributes:
        stopped: the seconds elapsed when the period was ended from outside; None if the rules
            ended it, or it is still open.
        given: whether an author gave the endowments, so that their distribution is unknown.
    """

    endowments: Mapping[str, Endowment]
    decisions: tuple[Decision, ...] = ()
    seed: str = "0"
    stopped: float | None = None
    given: bool = False

    def after(self, decision: Decision) -> Game:
        """Return the game with one decision more."""
        return replace(self, decisions=(*self.decisions, decision))

    def players(self, role: str = "") -> list[str]:
        """Return all participants, or those of a role."""
        return [name for name, own in self.endowments.items() if role in ("", own.role)]

    def made(self, *actions: str, by: str = "") -> list[Decision]:
        """Return the decisions of these kinds (by default all), oldest first."""
        return [
            one
            for one in self.decisions
            if (not actions or one.action in actions) and by in ("", one.player)
        ]

    def have_decided(self, names: Iterable[str]) -> bool:
        """Return whether each of *names* has decided something, or has dropped out."""
        return set(names) <= {one.player for one in self.decisions}

    def is_absent(self, player: str) -> bool:
        """Return whether a participant has dropped out."""
        return bool(self.made(ABSENT, by=player))

    def drawn(self, names: Sequence[str], what: str) -> list[str]:
        """Return *names* in an order drawn for *what*, which breaks ties."""
        order = sorted(names)
        Random(f"{self.seed}/{what}").shuffle(order)
        return order


def gone_before(game: Game) -> set[str]:
    """Return who had dropped out before anybody decided."""
    first = takewhile(lambda one: one.action == ABSENT, game.decisions)
    return {one.player for one in first}


@dataclass(frozen=True)
class Allocation:
    """One participant's outcome of a period.

    Attributes:
        units: how many were bought or sold.
        worth: the value of units bought, or the cost of units sold; a holding's payout.
        paid: the money paid, negative for money received.
        profit: in money.
    """

    units: Price = 0
    worth: Price = 0
    paid: Price = 0
    profit: Price = 0


@dataclass(frozen=True)
class Result:
    """The outcome of a period.

    Attributes:
        price: the price of the period, None if nothing was traded; with several prices, see the
            institution.
        units: how many were traded.
        allocations: each participant's outcome.
        revenue: what the auctioneer (or market maker) has received.
        surplus: the gains from trade of all, and *maximum_surplus* the most possible; None where
            the sum is always the same.
    """

    price: Price | None
    units: Price
    allocations: Mapping[str, Allocation]
    revenue: Price = 0
    surplus: Price | None = None
    maximum_surplus: Price | None = None

    @property
    def efficiency(self) -> float | None:
        """The realised share of the greatest surplus; None if there was nothing to gain."""
        if self.surplus is None or not self.maximum_surplus:
            return None
        return float(self.surplus) / float(self.maximum_surplus)

    @property
    def profits(self) -> Price:
        """The sum of all participants' profits."""
        return total(one.profit for one in self.allocations.values())


@dataclass(frozen=True)
class Benchmark:
    """What theory predicts of a period.

    Attributes:
        price: the price in equilibrium; None where no formula is known.
        amounts: each participant's decision in equilibrium.
    """

    price: float | None = None
    amounts: Mapping[str, float] = field(default_factory=dict)


def exact_amount(name: str, given: Any) -> Price:
    """Return an amount of money as an int or a Decimal.

    Raises:
        BadMarket: it is neither; the error calls it *name*.
    """
    made = exact(given)
    if made is None:
        is_number = isinstance(given, float) and math.isfinite(given)
        raise BadMarket(
            f"{name}={given!r} is not an amount of money.",
            f'Write a whole number or a Decimal, as Decimal("{given if is_number else "0.50"}").',
        )
    return made


def exact_amounts(name: str, given: Any, example: str) -> tuple[Price, ...]:
    """Return amounts of money as a tuple of ints and Decimals.

    Args:
        example: how *name* can be written.

    Raises:
        BadMarket: it is no tuple (or list), or something in it is not money.
    """
    if not isinstance(given, (tuple, list)):
        raise BadMarket(
            f"{name}={given!r} is not a tuple of amounts of money.", f"Write {name}={example}."
        )
    return tuple(exact_amount(f"{name}[{place}]", one) for place, one in enumerate(given))
