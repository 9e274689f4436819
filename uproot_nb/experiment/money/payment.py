"""Payment: how an experiment's points and fees become money, to the cent."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import Any

from uproot_nb.errors import BadPayment
from uproot_nb.experiment.exits import DONE, outcome_of

__all__ = ["Payment"]

_ROUNDINGS = {
    "half up": ROUND_HALF_UP, "half even": ROUND_HALF_EVEN, "up": ROUND_CEILING,
    "down": ROUND_FLOOR,
}  # fmt: skip
_DIGITS = 500
"""Before and behind the point; with less, no sum here is rounded before it is to be."""
_EXACT = Context(prec=4 * _DIGITS, Emax=10**6, Emin=-(10**6))
_LARGEST = Decimal(10) ** 12
_NO_AMOUNT = 'write an amount of 0 or more in digits, such as "2.50"'

Number = int | float | str | Decimal


class Payment:
    """How points and fees become money.

        payment = Payment(currency="EUR", fee=5, per_point="0.10", round_to="0.05")

    A player who has finished gets fee + points × per_point, rounded to a multiple of *round_to*,
    and then raised to *minimum* or lowered to *maximum*. Points are `player.payoff`. All arithmetic
    is
    decimal: a float counts as the number it prints as, and nothing is rounded before the end.

    Others get nothing, unless you name how they ended (`player.ended_as`, or the exit's name):

        payment = Payment(currency="EUR", fee={"done": 5, "lobby": "2.50"}, per_point="0.10")

    Here, players who waited in vain get 2.50, and 0.10 for each point they have.

    Args:
        currency: three letters (ISO 4217), such as "EUR" or "GBP".
        fee: what everybody who is paid gets; or the fees by `ended_as`.
        per_point: what one point is worth.
        round_to: amounts are multiples of it; by default the currency's smallest coin.
        minimum: nobody who is paid gets less.
        maximum: nobody gets more; None for no limit.
        rounding: "half up", "half even", "up" (in the participant's favour) or "down".
        pay_for: `ended_as` of those who are paid, such as {"done", "lobby"}; by default "done", or
            the keys of *fee*.

    Raises:
        BadPayment: an argument is not valid, or the limits are not multiples of *round_to*.
    """

    __slots__ = (
        "currency", "fees", "maximum", "minimum", "per_point", "places", "round_to", "rounding",
    )  # fmt: skip

    def __init__(
        self,
        *,
        currency: str = "EUR",
        fee: Number | Mapping[str, Number] = 0,
        per_point: Number = 1,
        round_to: Number | None = None,
        minimum: Number = 0,
        maximum: Number | None = None,
        rounding: str = "half up",
        pay_for: Collection[str] | None = None,
    ) -> None:
        self.currency = _currency(currency)
        self.places = _places(currency)
        self.per_point = _number("per_point", per_point)
        smallest = Decimal(1).scaleb(-self.places)
        self.round_to = smallest if round_to is None else _number("round_to", round_to)
        self._check_step(smallest)
        self.minimum = self._limit("minimum", minimum)
        self.maximum = None if maximum is None else self._limit("maximum", maximum)
        if self.maximum is not None and self.maximum < self.minimum:
            raise _bad("maximum", maximum, f"it is less than the minimum of {self.minimum}")
        if rounding not in _ROUNDINGS:
            raise _bad("rounding", rounding, f"there are {', '.join(map(repr, _ROUNDINGS))}")
        self.rounding = rounding
        self.fees = _fees(fee, pay_for)

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(self, name):
            raise AttributeError(
                f"A payment rule cannot be changed, so you cannot set its {name}.\n"
                "Write a new one: payment = Payment(…)."
            )
        object.__setattr__(self, name, value)

    # ---- what somebody gets ----

    def fee(self, ended_as: str) -> Decimal | None:
        """Return the fee of those who ended this way; None if they are not paid."""
        fee = self.fees.get(ended_as)
        return None if fee is None else self._money(fee)

    def needs_points(self, ended_as: str) -> bool:
        """Return whether those who ended this way cannot be paid without a payoff."""
        return ended_as == DONE and DONE in self.fees and bool(self.per_point)

    def total(self, ended_as: str, points: Decimal | None) -> Decimal | None:
        """Return fee + points × per_point, before rounding and limits.

        None for those who are not paid, and where a required payoff is missing.

        Raises:
            BadPayment: the payoff is not finite, or has too many digits.
        """
        fee = self.fees.get(ended_as)
        if fee is None or (points is None and self.needs_points(ended_as)):
            return None
        if points is None:
            return fee
        if not _is_payable(points):
            raise BadPayment(
                f"A payoff of {points!s:.40} cannot be paid: it has more than {_DIGITS} digits or "
                "is no finite number.",
                "Correct it: run.set(player, payoff=…).",
            )
        return _EXACT.add(fee, _EXACT.multiply(points, self.per_point))

    def amount(self, ended_as: str, points: Decimal | None) -> Decimal | None:
        """Return what somebody gets, to the cent; None as for `total`."""
        total = self.total(ended_as, points)
        if total is None:
            return None
        amount = max(self._rounded(total), self.minimum)
        return self._money(amount if self.maximum is None else min(amount, self.maximum))

    def given(self, amount: Number) -> Decimal:
        """Return an amount that was paid by hand, to the cent.

        Raises:
            BadPayment: it is not an amount, or has a fraction of the smallest coin.
        """
        smallest = Decimal(1).scaleb(-self.places)
        number = _decimal(amount)
        if number is None or _EXACT.remainder(number, smallest):
            why = f"there is no coin below {smallest} {self.currency}" if number else _NO_AMOUNT
            raise BadPayment(
                f"mark_paid(amount={amount!r:.100}): {why}.",
                'As in: run.mark_paid(player, amount="2.50").',
            )
        return self._money(number)

    def _rounded(self, total: Decimal) -> Decimal:
        """Round to a multiple of `round_to`; what remains of the division decides, exactly."""
        units, rest = _EXACT.divmod(total, self.round_to)
        part = _EXACT.divide(rest, self.round_to)  # between -1 and 1; a half is exact
        whole = _EXACT.add(units, part.to_integral_value(_ROUNDINGS[self.rounding]))
        if self.rounding == "half even" and part.copy_abs() == Decimal("0.5"):
            odd = _EXACT.remainder(units, Decimal(2))
            whole = _EXACT.add(units, Decimal(1).copy_sign(part)) if odd else units
        return _EXACT.multiply(whole, self.round_to)

    def _money(self, amount: Decimal) -> Decimal:
        """Return an amount with the currency's places, unless it has more."""
        made = _EXACT.quantize(amount, Decimal(1).scaleb(-self.places))
        return amount if made != amount else made if made else made.copy_abs()

    # ---- the log ----

    def as_dict(self) -> dict[str, Any]:
        """Return the rule as a dict of text, for the log."""
        return {
            "currency": self.currency, "fee": {how: str(fee) for how, fee in self.fees.items()},
            "per_point": str(self.per_point), "round_to": str(self.round_to),
            "minimum": str(self.minimum),
            "maximum": None if self.maximum is None else str(self.maximum),
            "rounding": self.rounding,
        }  # fmt: skip

    @classmethod
    def of(cls, logged: Mapping[str, Any]) -> Payment:
        """Return the rule that `as_dict` wrote."""
        return cls(**logged)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Payment) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"Payment({', '.join(f'{k}={v!r}' for k, v in self.as_dict().items())})"

    # ---- checks ----

    def _check_step(self, smallest: Decimal) -> None:
        if not self.round_to:
            raise _bad("round_to", self.round_to, "amounts cannot be multiples of zero")
        if _EXACT.remainder(self.round_to, smallest):
            raise _bad(
                "round_to", self.round_to,
                f"nobody can be paid a fraction of {smallest} {self.currency}",
            )  # fmt: skip

    def _limit(self, name: str, value: Number) -> Decimal:
        limit = _number(name, value)
        if _EXACT.remainder(limit, self.round_to):
            raise _bad(name, value, f"it is not a multiple of round_to={str(self.round_to)!r}")
        return limit


def _currency(currency: object) -> str:
    from babel.numbers import list_currencies  # lazy: only who pays needs it

    if not isinstance(currency, str) or not re.fullmatch("[A-Z]{3}", currency):
        raise _bad("currency", currency, 'write its three letters, such as "EUR" or "GBP"')
    if currency not in list_currencies():
        raise _bad("currency", currency, "there is no currency with these letters (ISO 4217)")
    return currency


def _places(currency: str) -> int:
    """Return the places behind the point of a currency's smallest coin."""
    from babel.numbers import get_currency_precision  # lazy: only who pays needs it

    return int(get_currency_precision(currency))


def _number(name: str, value: object) -> Decimal:
    """Return an argument of a rule as a Decimal of 0 or more."""
    number = _decimal(value)
    if number is None:
        raise _bad(name, value, _NO_AMOUNT)
    return number


def _decimal(value: object) -> Decimal | None:
    """Return an amount as a Decimal of 0 or more; None if it is none."""
    written = repr(float(value)) if isinstance(value, float) else value
    if isinstance(written, (int, str, Decimal)) and not isinstance(written, bool):
        try:
            number = Decimal(written)
        except ArithmeticError:
            number = Decimal("NaN")
        if number.is_finite() and 0 <= number < _LARGEST and _is_payable(number):
            return number
    return None


def _is_payable(number: Decimal) -> bool:
    """Return whether a number is finite, and has so few digits that sums with it are exact."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_DIGITS and number.adjusted() < _DIGITS


def _fees(fee: object, pay_for: Collection[str] | None) -> dict[str, Decimal]:
    """Return the fee of each way to end that is paid."""
    if isinstance(pay_for, str):
        raise _bad("pay_for", pay_for, f"write a set of them: {{{pay_for!r}}}")
    named = _outcomes("pay_for", pay_for or ())
    if isinstance(fee, Mapping):
        given = {how: _number(f"fee[{how!r}]", one) for how, one in fee.items()}
        fees = dict(zip(_outcomes("fee", given), given.values(), strict=True))
        return {**dict.fromkeys(named, Decimal(0)), **fees}
    return dict.fromkeys(named or [DONE], _number("fee", fee))


def _outcomes(argument: str, names: Iterable[object]) -> list[str]:
    found = []
    for name in names:
        if not isinstance(name, str) or not name:
            raise _bad(argument, name, 'name how people ended, such as "done" or "lobby"')
        found.append(outcome_of(name))
    return found


def _bad(argument: str, value: object, why: str) -> BadPayment:
    shown = str(value) if isinstance(value, Decimal) else repr(value)
    return BadPayment(
        f"Payment({argument}={shown:.100}): {why}.",
        'As in: Payment(currency="EUR", fee=5, per_point="0.10", round_to="0.05").',
    )
