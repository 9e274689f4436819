"""simulate_market: robot traders in a market without sockets, for many periods at full speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.period_events import PeriodEvents
from uproot_nb.market.analysis.results import MarketTables, SimulatedMarket
from uproot_nb.market.analysis.units import constraint_rows
from uproot_nb.market.analysis.values import InducedValues, highest_value
from uproot_nb.market.orderbook.rules import Rules, check_unendowed
from uproot_nb.market.traders.price_range import warn_of_range
from uproot_nb.market.traders.simulated_period import SimulatedPeriod
from uproot_nb.market.traders.simulated_timing import step_of
from uproot_nb.market.traders.trader import Trader

__all__ = ["PlannedPeriod", "period_of", "simulate_market", "simulate_periods"]


@dataclass(frozen=True)
class PlannedPeriod:
    """One period of a market: its values, its rules, and whether it is for practice.

    A practice period is traded, and traders learn in it, but no table has it.
    """

    number: int
    values: InducedValues
    rules: Rules
    is_practice: bool = False


def simulate_market(
    traders: Mapping[str, Trader],
    values: InducedValues,
    *,
    periods: int = 1,
    steps: int = 1_000,
    rules: Rules | None = None,
    seed: int | str = 0,
    clear_after_trade: bool = False,
) -> MarketTables:
    """Let traders trade for some periods, each with new units, and return the market's tables.

        values = InducedValues.symmetric(["b1", "b2"], ["s1", "s2"], highest=90, lowest=10, step=10)
        tables = simulate_market({name: ZIC() for name in ["b1", "b2", "s1", "s2"]}, values, seed=1)
        tables.periods["efficiency"]

    In each step one of those who still have units is drawn, all alike unless `rules.timing` says
    otherwise, and may shout one price for one unit. Where `rules.improvement` asks for better
    quotes, what is no better than the best of its side is not heard; nobody takes a quote back.
    The same seed gives the same market. `time` counts the steps of all periods. A trader who has
    both values and costs buys and sells: its `side` decides which, else a coin does.

    With `Rules(call=True)` each period is a call: one after the other, in an order that is drawn,
    the traders send an order for each of their units without hearing of any other, as `market_bot`
    does on a CallMarketPage; then the market is cleared, and those who learn from calls (ZIP, AA,
    any `CallTrader`) hear its price and which of their units traded. Traders who go by quotes (GD,
    GDX, Sniper) have nothing to go by.

    Prices are drawn, believed in and opened with up to `rules.max_price`; where the rules name
    none, up to the highest value or cost. More than ten times that is warned of. A price ceiling
    and a price floor are the highest and the lowest of these prices.

    With `Rules(timing="answers")` a step is a shout and the other side's answers; what nobody takes
    lapses. With "steps" it is a bid-ask step and a buy-sell step: all quote at the same time, the
    best become the current bid and ask (ties are drawn), then their holders may accept each other's
    (where one is missing, everybody on that side may accept). If both accept, or their quotes cross
    at once, a draw says at whose price. Everybody hears all quotes that are better than the current
    ones and that the rules take. Who accepts a quote sends its price; where `rules.trade_price`
    asks for the taker's, its own.

    Args:
        traders: by name; each is there for all periods, and may learn from one to the next.
        steps: how many shouts (or chances to shout) a period has, unless it is a call.
        clear_after_trade: take all standing orders away after each trade, as
            `Rules(lapse="trade")` does in every market.

    Raises:
        BadMarket: a trader has no units, or units have no trader; or rules of money make no sense,
            since nobody has any.
    """
    named = {*values.values, *values.costs}
    if named != set(traders):
        odd = ", ".join(sorted(named ^ set(traders)))
        raise BadMarket(f"Units and traders do not fit: {odd}.", "Give each trader units.")
    warn_of_range(rules, highest_value(values), stacklevel=2)
    allowed = rules or Rules()
    check_unendowed(allowed)
    plans = [PlannedPeriod(period, values, allowed) for period in range(1, periods + 1)]
    return simulate_periods(
        traders, plans, steps=steps, seed=seed, clear_after_trade=clear_after_trade
    )


def simulate_periods(
    traders: Mapping[str, Trader],
    plans: Sequence[PlannedPeriod],
    *,
    steps: int,
    seed: int | str,
    clear_after_trade: bool,
) -> MarketTables:
    """Let traders trade for the planned periods, in their order; see `simulate_market`.

    The tables have the periods that are not for practice. The draws of a period follow from the
    seed and its number, so practice changes no other draw.
    """
    noted: list[PeriodEvents] = []
    induced: list[Any] = []
    periods = sum(not plan.is_practice for plan in plans)
    one: SimulatedPeriod | None = None
    for plan in plans:
        one = period_of(traders, plan, periods, clear_after_trade, seed, one)
        _simulate(one, plan, steps)
        if not plan.is_practice:
            noted.append(one.noted)
            induced += plan.values.rows([plan.number])
    for plan in plans:
        if not plan.is_practice:
            induced += constraint_rows(plan.rules, [plan.number], plan.values)
    return SimulatedMarket(noted, induced)


def period_of(
    traders: Mapping[str, Trader], plan: PlannedPeriod, periods: int, clears: bool,
    seed: int | str, before: SimulatedPeriod | None = None,
) -> SimulatedPeriod:  # fmt: skip
    """Return a planned period, with draws that follow from the seed and its number.

    Args:
        before: the market's period before this one, if there was one.
    """
    kind = "practice/" if plan.is_practice else ""
    chance = Random(f"{seed}/{kind}{plan.number}")
    return SimulatedPeriod(
        traders, plan.values, plan.rules, plan.number, periods, clears, chance, before
    )


def _simulate(one: SimulatedPeriod, plan: PlannedPeriod, steps: int) -> None:
    """Let the traders of a period act until it ends."""
    begin = float((plan.number - 1) * steps)
    if plan.rules.call:
        one.call(begin)
        one.noted.close(begin + 1)
        return
    act, is_timed = step_of(one), plan.rules.is_timed
    for step in range(steps):
        if is_timed and not one.pass_time(begin + step):
            continue
        if not act(1 - step / steps, begin + step):
            break
    one.noted.close(begin + steps)
