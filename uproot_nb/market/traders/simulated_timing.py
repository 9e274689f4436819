"""Timing: which robot traders act in a step of a simulated period."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import OTHER, Side
from uproot_nb.market.traders.draws import one_of
from uproot_nb.market.traders.simulated_period import SimulatedPeriod
from uproot_nb.market.traders.trader import View

__all__ = ["Turn", "step_of", "turn_of"]

_SIDES: tuple[Side, Side] = ("buy", "sell")

Step = Callable[[float, float], bool]
"""Lets some traders act; returns whether anybody is left who could. It takes the share of the
period that is left, and the time."""


def step_of(period: SimulatedPeriod) -> Step:
    """Return the function that lets traders act in one step, by the rules' `timing`."""
    match period.rules.timing:
        case "answers":
            return partial(_shout_and_answers, period)
        case "steps":
            return partial(_bid_ask_and_buy_sell, period)
        case _:
            return _one_at_a_time(period, turn_of(period))


Turn = tuple[str, View | None]
"""Whose turn it is, and what it sees; None if it can do nothing."""


Draw = Callable[[float], Turn | None]
"""Says whose turn it is, or None if nobody is left who could act; takes the share of the period
that is left."""


def turn_of(period: SimulatedPeriod) -> Draw:
    """Return the function that says whose turn it is, where traders act one at a time."""
    match period.rules.timing:
        case "surplus":
            return partial(_most_eager, period)
        case "turns":
            return partial(_next_in_turn, period, [])
        case _:
            return _anybody(period)


# These two are called in each step of most simulations: functions within are faster than partial.


def _one_at_a_time(period: SimulatedPeriod, draw: Draw) -> Step:
    act = period.act

    def one_acts(time_left: float, time: float) -> bool:
        drawn = draw(time_left)
        if drawn is None:
            return False
        name, view = drawn
        if view is not None:
            act(name, view, time_left, time)
        return True

    return one_acts


def _anybody(period: SimulatedPeriod) -> Draw:
    """Draw one from all alike."""
    active, seats, chance = period.active, period.seats, period.chance

    def anybody(time_left: float) -> Turn | None:
        if not active:
            return None
        name = one_of(active, chance)
        view = seats[name].view(time_left)
        if view is None:
            period.retire(name)
        return name, view

    return anybody


def _most_eager(period: SimulatedPeriod, time_left: float) -> Turn | None:
    """Draw one in proportion to expected surplus (Gjerstad and Dickhaut 1998, eq. 12).

    The factor T / (T - alpha t) of their equations 14 and 15 is the same for all, and cancels out.
    """
    views = dict(_views(period, time_left))
    surplus = {name: period.expected_surplus(name, view) for name, view in views.items()}
    if not period.active:
        return None
    if sum(surplus.values()) <= 0:
        return "", None
    (name,) = period.chance.choices(list(surplus), list(surplus.values()))
    return name, views[name]


def _next_in_turn(period: SimulatedPeriod, queue: list[str], time_left: float) -> Turn | None:
    """Return the next of the round."""
    if not period.active:
        return None
    if not queue:
        queue.extend(period.active)
        period.chance.shuffle(queue)
    name = queue.pop()
    return name, period.view_of(name, time_left) if name in period.active else None


def _shout_and_answers(period: SimulatedPeriod, time_left: float, time: float) -> bool:
    """Let one shout, and one of those on the other side who would take it do so."""
    if not period.active:
        return False
    name = one_of(period.active, period.chance)
    view = period.view_of(name, time_left)
    if view is None or not period.act(name, view, time_left, time):
        return True
    side, price = view.side, _standing(period, view.side)
    assert price is not None
    others = [other for other in _views(period, time_left) if other[1].side == OTHER[side]]
    period.chance.shuffle(others)
    for other, seen in others:
        wanted = period.quote(other, seen) if other != name else None
        if wanted is not None and seen.meets(wanted):
            outcome = period.shout(other, seen, _accepted(period, price, wanted), time)
            if outcome is not None:
                period.announce(side, price, outcome, time_left, answered=True)
                return True
    period.announce(side, price, None, time_left)
    period.withdraw_all(time)
    return True


def _bid_ask_and_buy_sell(period: SimulatedPeriod, time_left: float, time: float) -> bool:
    """Let all quote at the same time, then the holders of the best quotes accept, or not."""
    if not period.active:
        return False
    quotes = [one for one in _quotes(period, time_left) if _is_legal(period, one)]
    best = [period.chance.choice(ties) for side in _SIDES if (ties := _best(side, quotes))]
    period.chance.shuffle(best)
    for one in quotes:
        if one not in best:
            period.announce(one[1].side, one[2], None, time_left)
    for name, view, price in best:
        outcome = period.shout(name, view, price, time)
        if outcome is not None:
            period.announce(view.side, price, outcome, time_left)
            if outcome.trades:
                return True
    accepting = list(_accepting(period, time_left))
    if accepting:
        name, view, price = period.chance.choice(accepting)
        outcome = period.shout(name, view, price, time)
        if outcome is not None:
            period.announce(view.side, price, outcome, time_left)
    return True


Quote = tuple[str, View, Price]
"""Who quotes, what it sees, and its price."""


def _quotes(period: SimulatedPeriod, time_left: float) -> Iterator[Quote]:
    """Yield what everybody quotes who does."""
    for name, view in list(_views(period, time_left)):
        price = period.quote(name, view)
        if price is not None:
            yield name, view, price


def _is_legal(period: SimulatedPeriod, quote: Quote) -> bool:
    """Return whether a quote is better than the one that stands, and the rules would take it."""
    name, view, price = quote
    there = _standing(period, view.side)
    if there is not None and (price <= there if view.side == "buy" else price >= there):
        return False
    return period.book.takes(name, view.side, price)


def _best(side: Side, quotes: list[Quote]) -> list[Quote]:
    """Return the best quotes of a side."""
    of_side = [one for one in quotes if one[1].side == side]
    prices = [price for _, _, price in of_side]
    best = (max if side == "buy" else min)(prices, default=None)
    return [one for one in of_side if one[2] == best]


def _accepted(period: SimulatedPeriod, there: Price, wanted: Price) -> Price:
    """Return the price of the order of one who accepts a quote: that, or its own if that counts."""
    return there if period.rules.trade_price == "maker" else wanted


def _accepting(period: SimulatedPeriod, time_left: float) -> Iterator[Quote]:
    """Yield those who accept the other side's quote: its holder alone where there is one."""
    for name, view in _views(period, time_left):
        there = view.ask if view.side == "buy" else view.bid
        here = view.bid if view.side == "buy" else view.ask
        if there is None or here not in (None, view.own):
            continue
        wanted = period.quote(name, view)
        if wanted is not None and view.meets(wanted):
            yield name, view, _accepted(period, there, wanted)


def _views(period: SimulatedPeriod, time_left: float) -> Iterator[tuple[str, View]]:
    """Yield what each active trader sees who can act now."""
    for name in list(period.active):
        view = period.view_of(name, time_left)
        if view is not None:
            yield name, view


def _standing(period: SimulatedPeriod, side: Side) -> Price | None:
    return period.book.best_bid if side == "buy" else period.book.best_ask
