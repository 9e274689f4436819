"""Random markets: values, rules and robot traders that follow from a number, and their tables."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from uproot_nb.errors import BadMarket
from uproot_nb.market import Dividends, Fees, InducedValues, Rules, Tax
from uproot_nb.market.analysis.results import MarketTables
from uproot_nb.market.traders import (
    GD,
    ZIC,
    ZIP,
    ZIU,
    NearZeroIntelligence,
    Sniper,
    simulate_asset_market,
    simulate_market,
)

__all__ = ["digest", "random_rules", "random_tables"]

_KINDS: list[Callable[[Random], Any]] = [
    lambda chance: ZIC(), lambda chance: ZIU(), lambda chance: GD(),
    lambda chance: ZIP(chance, absolute=1.0), lambda chance: ZIP(chance),
    lambda chance: Sniper(), lambda chance: NearZeroIntelligence(),
]  # fmt: skip
_LATER_COLUMNS = ("shown", "good_for")
"""Columns that version 0.1.0 did not have at first: no part of a digest where they are empty."""
_ROUNDED = 12
"""Digits of a number in a digest: the last bits of a logarithm are the platform's."""


def random_tables(number: int, change: Callable[[Any], Any] = lambda one: one) -> MarketTables:
    """Return the tables of the market with this number; every eighth trades an asset.

    Args:
        change: what takes the place of each robot trader.
    """
    chance = Random(number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ranges far beyond the values are tried, too
        make = _asset_market if number % 8 == 7 else _market
        return make(chance, change)


def digest(tables: MarketTables, digits: int = _ROUNDED) -> str:
    """Return a hash of all that the tables have."""
    made = hashlib.sha256()
    for name in tables.names:
        frame = getattr(tables, name)
        for column in frame:
            if column in _LATER_COLUMNS and frame[column].isna().all():
                continue
            values = frame[column].astype(object).tolist()
            shown = [_shown(value, digits) for value in values]
            made.update(f"{name}.{column}:{frame[column].dtype.kind}:{shown}\n".encode())
    return made.hexdigest()


def _shown(value: Any, digits: int) -> str:
    if isinstance(value, float) and not math.isnan(value):
        return f"{value:.{digits}g}"
    return repr(value)


def _market(chance: Random, change: Callable[[Any], Any]) -> MarketTables:
    tick = chance.choice([1, 1, 1, 5, Decimal("0.5"), Decimal("0.01")])
    values = _values(chance, tick)
    names = sorted({*values.values, *values.costs})
    traders = {name: change(chance.choice(_KINDS)(chance)) for name in names}
    return simulate_market(
        traders, values, periods=2, steps=chance.choice([25, 50]), seed=chance.randrange(10**6),
        rules=random_rules(chance, tick), clear_after_trade=chance.random() < 0.2,
    )  # fmt: skip


def _values(chance: Random, tick: Any) -> InducedValues:
    """Return values and costs; some traders have both."""

    def some(most: int) -> list[Any]:
        return [tick * chance.randint(1, 40) for _ in range(chance.randint(1, most))]

    both = {f"m{n}" for n in range(chance.choice([0, 0, 1]))}
    buyers = {f"b{n}" for n in range(chance.randint(1, 4))} | both
    sellers = {f"s{n}" for n in range(chance.randint(1, 4))} | both
    return InducedValues(
        {name: sorted(some(3), reverse=True) for name in sorted(buyers)},
        {name: sorted(some(3)) for name in sorted(sellers)},
    )


def random_rules(chance: Random, tick: Any) -> Rules:
    """Return rules that make sense together."""
    while True:
        try:
            return _any_rules(chance, tick)
        except BadMarket:
            continue


def _any_rules(chance: Random, tick: Any) -> Rules:
    def sometimes(share: float, name: str, *values: Any) -> None:
        if chance.random() < share:
            options[name] = chance.choice(values)

    options: dict[str, Any] = {"tick": tick}
    sometimes(0.6, "max_price", tick * 50, tick * 80)
    sometimes(0.3, "improvement", True)
    sometimes(0.3, "no_loss", True)
    sometimes(0.3, "lapse", "trade", "shout")
    sometimes(0.3, "trade_price", "taker", "middle", "k")
    sometimes(0.2, "k", Decimal("0.2"), 1)
    sometimes(0.4, "timing", "surplus", "turns", "answers", "steps")
    sometimes(0.15, "floor", tick * 8)
    sometimes(0.15, "ceiling", tick * 30)
    sometimes(0.2, "buyer_tax", Tax(tick * 2), Tax(rate=Decimal("0.1")), Tax(-tick))
    sometimes(0.2, "seller_tax", Tax(tick * 3), Tax(rate=Decimal("0.2")), Tax(-tick))
    sometimes(0.2, "fees", Fees(maker=-tick, taker=tick * 2))
    sometimes(0.2, "self_trade", "cancel_oldest")
    sometimes(0.2, "max_orders", 1, 2)
    sometimes(0.15, "call", True)
    sometimes(0.2, "rationing", "random", "pro rata")
    sometimes(0.1, "budget", True, False)
    sometimes(0.1, "short_sales", False)
    if not options.get("call") and options.get("trade_price") != "k":
        options.pop("k", None)  # it would mean nothing
    if options.get("budget"):
        options.pop("budget")  # nobody could buy
    return Rules(**options)


def _asset_market(chance: Random, change: Callable[[Any], Any]) -> MarketTables:
    names = [f"t{n}" for n in range(chance.randint(2, 6))]
    kinds = [*_KINDS[:4], _KINDS[6]]
    traders = {name: change(chance.choice(kinds)(chance)) for name in names}
    held = {name: (chance.choice([225, 585, 945]), chance.randint(0, 3)) for name in names}
    own = Rules(max_price=400, budget=True, short_sales=False, self_trade="cancel_oldest")
    short = replace(own, short_sales=True, max_short=2, margin=50)
    return simulate_asset_market(
        traders, Dividends((0, 8, 28, 60), periods=3), held, steps=30,
        rules=chance.choice([None, own, short]), seed=chance.randrange(10**6),
    )  # fmt: skip
