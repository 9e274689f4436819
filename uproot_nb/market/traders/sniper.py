"""Sniper: waits in the background, and takes a good deal that others have made."""

from __future__ import annotations

from random import Random

from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.traders.remembering import Remembering
from uproot_nb.market.traders.rounding import on_grid
from uproot_nb.market.traders.trader import View

__all__ = ["Sniper"]


class Sniper(Remembering):
    """Kaplan's program, which won the Santa Fe tournament (Rust, Miller and Palmer 1994, JEDC 18).

    It takes the other side's best quote if that is no loss and

    - the spread is below *narrow* of the ask, the gain at least *least* of the limit, and the quote
      no worse than the worst price of the last period's trades, or
    - the quote is no worse than the best price of the last period's trades, or
    - less than *late* of the period is left.

    Otherwise it waits. Where nobody stands on its own side, it opens that side with the lowest bid
    or the highest ask that there may be and that is no loss. The tournament's program also took the
    time since the last trade into account.

    Args:
        narrow, least: the shares of the tournament's program, 0.1 and 0.02.
        late: 0.1, as the program is commonly rebuilt.
    """

    def __init__(self, narrow: float = 0.1, least: float = 0.02, late: float = 0.1) -> None:
        self._narrow, self._least, self._late = narrow, least, late
        super().__init__()

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return the other side's quote to take it, or what opens an empty side; None to wait."""
        self.turn(view.period)
        buys = view.side == "buy"
        here, there = (view.bid, view.ask) if buys else (view.ask, view.bid)
        if there is not None:
            gain = view.limit - there if buys else there - view.limit
            if gain >= 0 and self._is_good(view, float(there), float(gain)):
                return there
        return _opening(view) if here is None else None

    def _is_good(self, view: View, there: float, gain: float) -> bool:
        sign = 1 if view.side == "buy" else -1  # so that low is good for both sides
        before = [sign * price for price in self.before]
        cheap = bool(before) and sign * there <= min(before)
        usual = not before or sign * there <= max(before)
        late = view.time_left < self._late
        return late or cheap or (usual and self._is_close(view, gain))

    def _is_close(self, view: View, gain: float) -> bool:
        if view.bid is None or view.ask is None:
            return False
        spread = float(view.ask - view.bid)
        return spread < self._narrow * float(view.ask) and gain >= self._least * float(view.limit)


def _opening(view: View) -> Price | None:
    """Return the quote that gives nothing away; None where there is none without a loss."""
    price = on_grid(0.0 if view.side == "buy" else float(view.highest), view)
    return price if view.tick <= price <= view.highest else None
