"""Design: a market to simulate again and again, each time with another seed."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from random import Random
from typing import Any

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.results import MarketTables
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.orderbook.rules import Rules
from uproot_nb.market.traders.price_range import highest_value, warn_of_range
from uproot_nb.market.traders.simulation import simulate_market
from uproot_nb.market.traders.trader import Trader

__all__ = ["Design", "TraderMaker", "Values"]

TraderMaker = Trader | Callable[[], Trader] | Callable[[Random], Trader]
"""A function or class that makes a trader, with or without random numbers; or a trader to copy."""

Values = InducedValues | Callable[[Random], InducedValues]
"""Induced values, or a function that draws them."""


@dataclass(frozen=True)
class Design:
    """A market for `simulate_markets`: values, traders and rules.

        values = InducedValues.symmetric(["b1", "b2"], ["s1", "s2"], highest=90, lowest=10, step=10)
        Design(values, ZIC)
        Design(values, {"b1": ZIP, "b2": ZIC, "s1": lambda: GD(memory=8), "s2": Sniper}, periods=6)
        Design(values, ZIC).simulate(seed=1).periods

    Every market has new traders, so that none learns from the market before.

    Args:
        values: what units are worth and cost, in all markets of the design; or a function of random
            numbers that draws them for each.
        traders: what makes a trader, for all or by name: a class or function without arguments
            (`ZIC`, `GD`), or with one, which gets random numbers of its own (`ZIP`). A trader
            itself is copied as it is.
        periods, steps, rules, clear_after_trade: as for `simulate_market`.

    Raises:
        BadMarket: units and traders do not fit, or a number makes no sense.
    """

    values: Values
    traders: TraderMaker | Mapping[str, TraderMaker]
    _: KW_ONLY
    periods: int = 1
    steps: int = 1_000
    rules: Rules | None = None
    clear_after_trade: bool = False

    def __post_init__(self) -> None:
        for name in ("periods", "steps"):
            count = getattr(self, name)
            if type(count) is not int or count < 1:
                raise BadMarket(f"{name}={count!r} is not a count.", f"Write {name}=1 or more.")
        if isinstance(self.values, InducedValues):
            self._makers(self.values)
            warn_of_range(self.rules, highest_value(self.values), stacklevel=3)
        elif not callable(self.values):
            raise BadMarket(
                f"values={self.values!r} are no induced values.",
                "Give InducedValues(…), or a function of random numbers that returns such.",
            )

    def simulate(self, seed: int | str) -> MarketTables:
        """Simulate one market; the same seed gives the same."""
        values = self.values
        if not isinstance(values, InducedValues):
            values = values(Random(f"{seed}/values"))
        traders = {
            name: _made(maker, Random(f"{seed}/{name}"))
            for name, maker in self._makers(values).items()
        }
        return simulate_market(
            traders, values, periods=self.periods, steps=self.steps, rules=self.rules, seed=seed,
            clear_after_trade=self.clear_after_trade,
        )  # fmt: skip

    def _makers(self, values: InducedValues) -> dict[str, TraderMaker]:
        named = sorted({*values.values, *values.costs})
        if not isinstance(self.traders, Mapping):
            makers = dict.fromkeys(named, self.traders)
        elif set(named) != set(self.traders):
            odd = ", ".join(sorted(set(named) ^ set(self.traders)))
            raise BadMarket(f"Units and traders do not fit: {odd}.", "Give each trader units.")
        else:
            makers = {name: self.traders[name] for name in named}
        for name, maker in makers.items():
            if not (callable(maker) or _is_trader(maker)):
                raise BadMarket(
                    f"{name}: {maker!r} makes no traders.",
                    "Give a class or function that does, such as ZIC.",
                )
        return makers


def _made(maker: TraderMaker, chance: Random) -> Trader:
    made: Any
    if _is_trader(maker):
        return copy.deepcopy(maker)  # type: ignore[return-value]
    make: Callable[..., Trader] = maker  # type: ignore[assignment]
    made = make(chance) if _wants_chance(make) else make()
    return made  # type: ignore[no-any-return]


def _is_trader(maker: TraderMaker) -> bool:
    return hasattr(maker, "quote") and not isinstance(maker, type)


def _wants_chance(make: Callable[..., Trader]) -> bool:
    """Tell whether it cannot be called without an argument."""
    return any(
        one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        for one in inspect.signature(make).parameters.values()
    )
