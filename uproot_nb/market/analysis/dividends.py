"""Dividends: what an asset pays in each period of its life, and what holding it is worth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, Any, Self

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.values import induced_value_table
from uproot_nb.market.orderbook.amounts import Price, exact, from_plain, plain

if TYPE_CHECKING:
    import pandas

__all__ = ["HOLDING_VALUE", "LAST_DIVIDEND", "Amount", "Dividends", "as_price"]

LAST_DIVIDEND = "Dividend of the last period"
HOLDING_VALUE = "Holding a unit pays on average"
"""The labels of these amounts, in English."""

Amount = int | Decimal | Fraction
"""An exact number; a Fraction only where no Decimal is exact."""

_EXACT = Context(prec=60)
_HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True)
class Dividends:
    """The dividends of an asset: possible amounts, probabilities, number of periods.

        dividends = Dividends((0, 8, 28, 60), periods=15)      # Smith, Suchanek and Williams 1988
        dividends.fundamental_value(1)                          # 360
        dividends.draw(1, seed="monday")                        # one of the four

    One dividend is drawn for each period, the same for every unit, and paid when the period has
    ended; draws are independent.

    Args:
        possible: the dividends per unit; a negative one is a cost of holding.
        periods: how many dividends the asset pays.
        probabilities: one for each of *possible*, exact (int, Decimal or Fraction), adding up to
            1; by default all equal.
        terminal: the price at which each unit is bought back after the last dividend.
        interest: what cash earns per period, as a share: Decimal("0.05"). It is paid with the
            dividend.

    Raises:
        BadMarket: an argument is not valid; the message names it.
    """

    possible: Sequence[Price]
    periods: int
    probabilities: Sequence[Amount] | None = None
    terminal: Price = 0
    interest: Amount = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "possible", _listed("possible", self.possible))
        if self.probabilities is not None:
            shares = _listed("probabilities", self.probabilities)
            object.__setattr__(self, "probabilities", shares)
        self._check_money()
        self._check_chances()
        if type(self.periods) is not int or self.periods < 1:
            raise BadMarket(
                f"periods={self.periods!r} is not a number of periods.", "Write periods=1 or more."
            )
        if not _is_exact(self.interest) or self.interest <= -1:
            raise BadMarket(
                f"interest={self.interest!r} is not a rate of interest.",
                'Write an exact share, such as interest=Decimal("0.05"), never a float.',
            )

    @property
    def mean(self) -> Amount:
        """The expected dividend of a period: sum of probability * dividend."""
        return _simplest(self._mean())

    def fundamental_value(self, period: int) -> Amount:
        """Return what holding a unit from *period* to the end pays on average, exactly.

        FV_t = sum of E[d] / (1 + r)^k for k = 1 … T - t + 1, plus K / (1 + r)^(T - t + 1), with T
        periods, interest r and terminal value K: the dividend of the period itself is still to be
        paid. Without interest that is (T - t + 1) E[d] + K (Smith, Suchanek and Williams 1988,
        Econometrica 56). An int if it is whole, else a Decimal, or a Fraction if no Decimal is
        exact.

        Raises:
            BadMarket: the asset has no such period.
        """
        self._check_period(period)
        growth, value = 1 + _fraction(self.interest), _fraction(self.terminal)
        for _ in range(self.periods - period + 1):
            value = (value + self._mean()) / growth
        return _simplest(value)

    def draw(self, period: int, seed: int | str) -> Price:
        """Return the dividend of a period; the same seed gives the same dividends.

        Raises:
            BadMarket: the asset has no such period.
        """
        self._check_period(period)
        shares = self._shares()
        whole = math.lcm(*(share.denominator for share in shares))
        place = Random(f"{seed}/dividend/{period}").randrange(whole)
        for amount, share in zip(self.possible, shares, strict=True):
            place -= int(share * whole)
            if place < 0:
                return amount
        raise AssertionError("the probabilities add up to 1")

    def settle(
        self, period: int, cash: Price, units: int, dividend: Price, tick: Price = 1
    ) -> tuple[Price, int]:
        """Return a trader's cash and units after a period's dividend.

        cash + interest * cash + dividend * units, where interest is rounded down to a multiple of
        *tick*. After the last period units are bought back at the terminal value, and none are
        left. Traders who have sold short (negative units) pay.

        Raises:
            BadMarket: the asset has no such period.
        """
        self._check_period(period)
        last = period == self.periods
        each = [dividend, self.terminal] if last else [dividend]
        grid = _fraction(tick)
        earned = math.floor(_fraction(self.interest) * _fraction(cash) / grid) * grid
        paid = _fraction(cash) + earned + units * sum(map(_fraction, each))
        money = _simplest(paid)
        assert not isinstance(money, Fraction)
        return money, 0 if last else units

    def frame(self, paid: Mapping[int, Price | None], units: int = 0) -> pandas.DataFrame:
        """Return the asset's rows of the table `induced_values`.

        Args:
            paid: the periods so far, each with its dividend; None before it is paid.
            units: how many there are.

        Columns as in `InducedValues.frame`. Each period has a row of side "hold", whose value is
        the fundamental value of one unit, and, once it is paid, one of side "dividend", whose value
        is what each unit has paid. The player is missing, as it is the same for all, and `unit` is
        the number of units there are (0 if unknown).
        """
        return induced_value_table(self.rows(paid, units))

    def rows(
        self, paid: Mapping[int, Price | None], units: int = 0
    ) -> list[tuple[int, str | None, str, int, float]]:
        """Return the rows of `frame`: period, player, side, unit, value."""
        rows: list[tuple[int, str | None, str, int, float]] = []
        for period, dividend in paid.items():
            rows.append((period, None, "hold", units, float(self.fundamental_value(period))))
            if dividend is not None:
                rows.append((period, None, "dividend", units, float(dividend)))
        return rows

    def plain(self) -> dict[str, Any]:
        """Return the asset as JSON has it."""
        shares = None if self.probabilities is None else list(map(str, self._shares()))
        return {
            "possible": [plain(amount) for amount in self.possible], "periods": self.periods,
            "probabilities": shares, "terminal": plain(self.terminal),
            "interest": str(_fraction(self.interest)),
        }  # fmt: skip

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Self:
        """Return the dividends that `plain` wrote."""
        shares = data["probabilities"]
        return cls(
            [from_plain(amount) for amount in data["possible"]], data["periods"],
            None if shares is None else [_simplest(Fraction(share)) for share in shares],
            from_plain(data["terminal"]), _simplest(Fraction(data["interest"])),
        )  # fmt: skip

    def _shares(self) -> list[Fraction]:
        if self.probabilities is None:
            return [Fraction(1, len(self.possible))] * len(self.possible)
        return [_fraction(share) for share in self.probabilities]

    def _mean(self) -> Fraction:
        pairs = zip(self._shares(), self.possible, strict=True)
        return sum((share * _fraction(amount) for share, amount in pairs), Fraction(0))

    def _check_period(self, period: int) -> None:
        if type(period) is not int or not 1 <= period <= self.periods:
            raise BadMarket(
                f"This asset pays in periods 1 to {self.periods}, not in {period!r}.",
                "Give it as many periods as there are rounds: Dividends(…, periods=15).",
            )

    def _check_money(self) -> None:
        if not self.possible:
            raise BadMarket(
                "The list of dividends is empty.", "Write Dividends((0, 10), periods=5)."
            )
        for amount in (*self.possible, self.terminal):
            if exact(amount) is None:
                raise BadMarket(
                    f"{amount!r} is not an amount of money.",
                    "Write whole numbers or Decimals, never floats.",
                )

    def _check_chances(self) -> None:
        if self.probabilities is None:
            return
        if len(self.probabilities) != len(self.possible):
            raise BadMarket(
                f"There are {len(self.possible)} dividends and {len(self.probabilities)} "
                "probabilities.",
                "Give one for each dividend.",
            )
        right = all(_is_exact(share) and share >= 0 for share in self.probabilities)
        if not right or sum(self._shares()) != 1:
            raise BadMarket(
                f"{list(self.probabilities)!r} are not probabilities.",
                "Write exact shares that add up to 1, such as (Fraction(1, 3), Fraction(2, 3)).",
            )


def as_price(amount: Amount) -> Price:
    """Return an amount as money: a Fraction becomes a Decimal, rounded to hundredths."""
    if not isinstance(amount, Fraction):
        return amount
    divided = _EXACT.divide(Decimal(amount.numerator), Decimal(amount.denominator))
    return divided.quantize(_HUNDREDTH, context=_EXACT)


def _listed(name: str, numbers: Any) -> tuple[Any, ...]:
    if isinstance(numbers, str) or not isinstance(numbers, Iterable):
        raise BadMarket(
            f"{name}={numbers!r} is not a list of numbers.",
            "Write several, such as (0, 8, 28, 60).",
        )
    return tuple(numbers)


def _is_exact(number: Any) -> bool:
    return isinstance(number, Fraction) or exact(number) is not None


def _fraction(number: Amount) -> Fraction:
    return Fraction(number)


def _simplest(number: Fraction) -> Amount:
    """Return a number as an int or else a Decimal where one of them is exact."""
    if number.denominator == 1:
        return number.numerator
    rest, places = number.denominator, 0
    while rest % 10 == 0 or rest % 5 == 0 or rest % 2 == 0:
        rest //= 10 if rest % 10 == 0 else 5 if rest % 5 == 0 else 2
        places += 1
    if rest != 1 or places > 50:
        return number
    return Decimal(number.numerator * 10**places // number.denominator).scaleb(-places, _EXACT)
