"""Trader: the interface of robot traders, and what they see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol, TypeVar, runtime_checkable

import msgspec

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.orders import Side

__all__ = [
    "AssetTrader", "Heedless", "Shout", "Trader", "View", "chosen_side", "expected_surplus",
    "only_its_unit", "sees_its_unit",
]  # fmt: skip


# None of its fields can refer to a view, so the garbage collector need not visit the views.
class View(msgspec.Struct, frozen=True, gc=False):
    """One trader's view of a market at one moment; prices are in money.

        seen = msgspec.structs.replace(view, limit=50)

    Attributes:
        side: whether it buys or sells now.
        limit: the value (buy) or cost (sell) of its next unit, or with taxes and fees the worst
            price at which it is no loss; in asset markets an estimate.
        bid, ask: the best standing quotes; None if there are none.
        own: the price of its own standing order of this side, None without one.
        tick, highest: the smallest step and the highest price allowed.
        time_left: the share of the period that is left, from 1 to 0.
        period, periods: the number of this period, from 1, and of all.
        unit: the number of its next unit on that side in this period, from 1.
        lowest: the lowest price allowed, where there is a price floor; else 0.
        later: the limits of the units that come after its next one; () in asset markets.
        in_call: whether orders are traded together here: nothing of others is seen before.
        improvement: whether a quote must improve the best of its side.
    """

    side: Side
    limit: Price
    bid: Price | None
    ask: Price | None
    own: Price | None
    tick: Price
    highest: Price
    time_left: float = 1.0
    period: int = 1
    periods: int = 1
    unit: int = 1
    lowest: Price = 0
    later: tuple[Price, ...] = ()
    in_call: bool = False
    improvement: bool = False

    def meets(self, price: Price) -> bool:
        """Return whether a quote at *price* trades with the other side's best."""
        there = self.ask if self.side == "buy" else self.bid
        return there is not None and (price >= there if self.side == "buy" else price <= there)


class Shout(msgspec.Struct, frozen=True, gc=False):
    """A quote that everybody has heard, and whether somebody traded on it at once.

    `price` is the trade's price where it was accepted, else the quote's. An accepted quote has met
    one that stood, unless it was *answered*: then somebody on the other side has taken it.
    """

    side: Side
    price: Price
    accepted: bool
    answered: bool = False


class Trader(Protocol):
    """A rule to trade by: it names a price, or waits.

    A price that meets the other side's best quote trades at that quote. What stands is replaced.
    The same trader plays in `simulate_market` and, through `market_bot`, over real connections.
    """

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return the price to shout now, None to wait."""

    def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
        """Hear a shout; *view* is the trader's own, None when it has no unit left to trade."""


@runtime_checkable
class AssetTrader(Trader, Protocol):
    """A trader who knows whether it would rather buy or sell, where it may do both."""

    def side(self, period: int, chance: Random) -> Side:
        """Return what it does next in a period."""


def chosen_side(trader: Trader, period: int, able: Sequence[Side], chance: Random) -> Side | None:
    """Return a trader's next side: its own choice, else one of *able* at random.

    None if it can do nothing, or not what it wants.
    """
    if not able:
        return None
    wanted = trader.side(period, chance) if isinstance(trader, AssetTrader) else chance.choice(able)
    return wanted if wanted in able else None


def expected_surplus(trader: Trader, view: View) -> float:
    """Return the surplus that a trader expects of its next unit.

    Traders with beliefs say so themselves, by a method `expected_surplus(view)`. For others it is
    the most that there may be: the value less the lowest price, or the highest price less the cost.
    """
    own = getattr(trader, "expected_surplus", None)
    if own is not None:
        return float(own(view))
    if view.side == "buy":
        return max(0.0, float(view.limit) - float(view.lowest))
    return max(0.0, float(view.highest) - float(view.limit))


class Heedless:
    """A trader who learns nothing from shouts; a simulation need not call `observe`.

    class Stubborn(Heedless):
        def quote(self, view, chance):
            return view.limit
    """

    def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
        """Learn nothing."""


Observe = TypeVar("Observe", bound=Callable[..., None])


def only_its_unit(observe: Observe) -> Observe:
    """Mark an `observe` that looks at nothing of its view but what is so until the next trade.

        @only_its_unit
        def observe(self, shout, view, chance):
            self.heard.append((shout.price, view and view.limit))

    That is all but bid, ask, own and time_left. A simulation may then show a view from before the
    shout, and need not make one for each trader and shout. An override, or a function around this
    one, is not marked unless it says so itself.
    """
    observe._only_its_unit = observe  # type: ignore[attr-defined]
    return observe


def sees_its_unit(trader: Trader) -> bool:
    """Tell whether a trader's `observe` is marked by `only_its_unit`."""
    observe = getattr(trader, "observe", None)
    observe = getattr(observe, "__func__", observe)
    return observe is not None and getattr(observe, "_only_its_unit", None) is observe
