"""Sniper: waits in the background, and takes a good deal that others have made."""

from __future__ import annotations

from random import Random

from uproot_nb.market.prices import Price
from uproot_nb.market.traders.remembering import Remembering
from uproot_nb.market.traders.trader import View

__all__ = ["Sniper"]


class Sniper(Remembering):
    """Kaplan's program, which won the Santa Fe tournament (Rust, Miller and Palmer 1994, JEDC 18).

    It takes the other side's best quote if that is no loss and

    - the spread is below *narrow* of the ask, the gain at least *least* of the limit, and the quote
      no worse than the worst price of the last period's trades, or
    - the quote is no worse than the best price of the last period's trades, or
    - less than *late* of the period is left.

    The tournament's program also opened an empty side with the lowest bid or highest ask that there
    may be, and took the time since the last trade into account; this one only waits, so somebody
    else must make the quotes.

    Args:
        narrow, least: the shares of the tournament's program, 0.1 and 0.02.
        late: 0.1, as the program is commonly rebuilt.
    """

    def __init__(self, narrow: float = 0.1, least: float = 0.02, late: float = 0.1) -> None:
        self._narrow, self._least, self._late = narrow, least, late
        super().__init__()

    def quote(self, view: View, chance: Random) -> Price | None:
        """Return the other side's quote to take it; None to go on waiting."""
        self.turn(view.period)
        there = view.ask if view.side == "buy" else view.bid
        if there is None:
            return None
        gain = view.limit - there if view.side == "buy" else there - view.limit
        if gain < 0:
            return None
        return there if self._is_good(view, float(there), float(gain)) else None

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
