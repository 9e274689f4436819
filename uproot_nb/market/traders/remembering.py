"""Remembering: a trader who knows the prices of this period's trades and of the last one's."""

from __future__ import annotations

from random import Random

from uproot_nb.market.traders.trader import Shout, View, only_its_unit

__all__ = ["Remembering"]


class Remembering:
    """Hears the prices of trades; `before` are those of the period before this one."""

    def __init__(self) -> None:
        self.before: list[float] = []
        self._period = 0
        self._now: list[float] = []

    @only_its_unit
    def observe(self, shout: Shout, view: View | None, chance: Random) -> None:
        """Remember the prices of trades."""
        if view is not None:
            self.turn(view.period)
        if shout.accepted:
            self._now.append(float(shout.price))

    def turn(self, period: int) -> None:
        """Begin anew if it is another period."""
        if period != self._period:
            self._period, self.before, self._now = period, self._now, []
