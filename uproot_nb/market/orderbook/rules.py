"""Rules: what a market allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal, Self, get_args

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market.orderbook.amounts import Price, exact, from_plain, plain
from uproot_nb.market.orderbook.charges import Fees, Tax, UnitCharges
from uproot_nb.market.orderbook.circuit_breaker import CircuitBreaker
from uproot_nb.market.orderbook.constraints import Constraints
from uproot_nb.market.orderbook.durations import is_duration
from uproot_nb.market.orderbook.prices import PriceGrid

__all__ = [
    "NO_COSTS", "NO_LIMIT", "AllowedTerms", "Lapse", "Rationing", "Rules", "SelfTrade", "Terms",
    "Timing", "TradePrice", "check_unendowed",
]  # fmt: skip

SelfTrade = Literal["refuse", "cancel_oldest"]
Lapse = Literal["trade", "shout", "own"]
TradePrice = Literal["maker", "taker", "middle", "k"]
Rationing = Literal["time", "random", "pro rata"]
Terms = Literal["ioc", "fok"]
"""Orders that do not stand: immediate or cancel (what is not filled at once is cancelled), and fill
or kill (all of it at once, or nothing)."""
AllowedTerms = Literal["ioc", "fok", "gft", "iceberg"]
"""What traders may ask of an order: besides these, that it is good for a time, and that only a part
of it is shown."""
Timing = Literal["uniform", "surplus", "turns", "answers", "steps"]

HIGHEST_PRICE = 10**12
"""Browsers count exactly up to 2 ** 53, and sums of money must stay below that."""

NO_LIMIT = 1_000_000
"""The highest price where an author names none: far above what anything is worth."""

NO_COSTS = (
    "no_loss=True needs values and costs, and an asset's traders have none: all their orders would "
    "be refused"
)
"""Why an asset is not traded with `no_loss`."""

_MONEY = ("tick", "max_price", "k", "margin", "floor", "ceiling")

_CHARGES: dict[str, type[Tax | Fees]] = {"buyer_tax": Tax, "seller_tax": Tax, "fees": Fees}

_NO_TAX, _NO_FEES = Tax(), Fees()

_CHOICES: dict[str, tuple[str | bool | None, ...]] = {
    "self_trade": get_args(SelfTrade), "lapse": (None, *get_args(Lapse)),
    "trade_price": get_args(TradePrice), "timing": get_args(Timing),
    "rationing": get_args(Rationing), "improvement": (True, False), "no_loss": (True, False),
    "short_sales": (True, False), "call": (True, False), "budget": (True, False, None),
}  # fmt: skip
"""The values of the rules that are words, or hold or not; "no" would hold, and so would 1."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a market allows.

    Rules(tick=Decimal("0.5"), improvement=True, no_loss=True)

    Args:
        tick: Prices are multiples of it. A Decimal makes all prices Decimals.
        max_price: The highest price of an order. Robot traders who draw from all prices need it;
            without it they use the range of values and costs.
        max_quantity: The largest order.
        self_trade: An order that would meet the trader's own is refused ("refuse"), or the older
            one is cancelled and the new one goes on ("cancel_oldest").
        improvement: A limit order must be better than the best of its side (spread reduction). Who
            has the best quote may replace it by a better one, but not fall back; it may be
            cancelled.
        no_loss: Nobody may bid more than a unit's value, or ask less than its cost.
        budget: Nobody may bid more than the cash that other bids have not reserved. By default
            (None) this holds for traders with an endowment; False lets everybody buy on credit.
        short_sales: Traders may sell units that they do not have, and owe them. Whoever has a
            budget cannot spend what these were sold for before they are bought back. They may
            always be bought back, on credit if need be: so a trader whose cash is used up by
            dividends can cover. Units with an induced cost are produced, and not owed.
        max_short: The most units that a trader may owe; None for no limit.
        margin: Money that is held back for each unit owed, besides what it was sold for; without
            it in cash, a trader with a budget can sell no unit short.
        purse: Markets of one page, period and group whose rules name the same purse share the cash
            of their traders: what is spent in one is missing in the others. None: each market has
            a purse of its own.
        max_orders: The most standing orders of a trader on a side; None for no limit.
        call: Orders are collected, and traded at one price when the market is cleared (a call
            market, or clearing house). A trader's own bid and ask then "meet" if they cross.
        k: Where in the interval of prices that clear a call market its price is, from 0 (the
            lowest, best for buyers) to 1; with `trade_price="k"`, where between ask and bid the
            price of a trade is.
        rationing: Whose orders trade in a call where the worst price of a side has more units than
            trade: older ones ("time"), in an order that is drawn ("random"), or all in proportion
            to their units ("pro rata").
        floor, ceiling: The lowest and the highest price that the law allows (price controls: Isaac
            and Plott 1981, AER 71; Smith and Williams 1981, AER 71); None for none.
        terms: What traders may ask of an order: "ioc" (immediate or cancel), "fok" (fill or kill),
            "gft" (good for time: it leaves the book after so long) and "iceberg" (only a part of it
            is shown, at least a twentieth; when that is filled, the next part comes behind all
            others at its price).
        good_for: How long each order may stand at most: seconds with people, also in pauses of
            trade, but not of the session; steps in a simulation. None for no end. A change that
            makes a new order begins its time anew.
        breaker: Halts trade for some time when the price moves too far.
        lapse: Quotes that lapse: all orders after each trade ("trade": Gode and Sunder 1993), or
            each as soon as the next order has come ("shout": only the last quote can be taken, as
            in open outcry), or a trader's own as soon as the trader's next of its side has come,
            which takes its place ("own"). None: orders stand until they are filled or cancelled.
        trade_price: Whose price a trade takes: that of the order that stood ("maker"), of the order
            that met it ("taker"), the middle of both, or (1 - k) * ask + k * bid ("k"); the last
            two are rounded down to a whole tick. A market order has no price, and takes the
            maker's.
        timing: When robot traders act in a simulation. "uniform": in each step one is drawn, all
            alike. "surplus": drawn in proportion to the surplus that it expects (Gjerstad and
            Dickhaut 1998). "turns": one after the other, each round in an order that is drawn anew.
            "answers": each shout is put to the other side at once, and one of those who would take
            it, drawn, does (Cliff and Bruten 1997). "steps": all quote at the same time, then the
            holders of the best quotes may accept each other's (Rust, Miller and Palmer 1994).
            People, and robots among them, act when they want to.
        buyer_tax, seller_tax: A tax on what each side trades, per unit or as a share of the price,
            or a subsidy. Robots' limits are net of it, `no_loss` and budgets count it.
        fees: What the exchange charges both sides, by who stood and who took.
    """

    tick: Price = 1
    max_price: Price = NO_LIMIT
    max_quantity: int = 10_000
    self_trade: SelfTrade = "refuse"
    improvement: bool = False
    no_loss: bool = False
    budget: bool | None = None
    short_sales: bool = True
    max_orders: int | None = None
    max_short: int | None = None
    margin: Price = 0
    purse: str | None = "purse"
    call: bool = False
    k: Price = Decimal("0.5")
    rationing: Rationing = "time"
    floor: Price | None = None
    ceiling: Price | None = None
    terms: tuple[AllowedTerms, ...] = ()
    good_for: float | None = None
    breaker: CircuitBreaker | None = None
    lapse: Lapse | None = None
    trade_price: TradePrice = "maker"
    timing: Timing = "uniform"
    buyer_tax: Tax = _NO_TAX
    seller_tax: Tax = _NO_TAX
    fees: Fees = _NO_FEES

    def __post_init__(self) -> None:
        PriceGrid(self.tick, self.max_price)
        if self.max_price > HIGHEST_PRICE:
            raise BadMarket(
                f"max_price={self.max_price!r} is more than browsers can count exactly.",
                f"Write max_price={HIGHEST_PRICE} or less.",
            )
        for name, values in _CHOICES.items():
            given = getattr(self, name)
            if not _is_one_of(given, values):
                known = " or ".join(repr(value) for value in values)
                raise BadMarket(f"{name}={given!r} is not a rule.", f"Write {known}.")
        self._check_terms()
        self._check_times()
        self._check_controls()
        self.charges(PriceGrid(self.tick, self.max_price))
        self._check_call()
        self._check_timing()
        self._check_short_sales()
        counts = {"max_quantity": self.max_quantity}
        for name in ("max_orders", "max_short"):
            if getattr(self, name) is not None:
                counts[name] = getattr(self, name)
        for name, count in counts.items():
            if type(count) is not int or count < 1:
                raise BadMarket(
                    f"{name}={count!r} is not a number of units.", f"Write {name}=1 or more."
                )

    @property
    def is_timed(self) -> bool:
        """Whether what happens in a book may depend on time."""
        return self.good_for is not None or self.breaker is not None or "gft" in self.terms

    @property
    def lowest(self) -> Price:
        """The floor, 0 without one."""
        return 0 if self.floor is None else self.floor

    @property
    def highest(self) -> Price:
        """The highest price of an order: `max_price`, or a ceiling below it."""
        return self.max_price if self.ceiling is None else min(self.max_price, self.ceiling)

    @property
    def constraints(self) -> Constraints:
        """The price controls, taxes and fees, and the range of prices: they move equilibrium."""
        buyer, seller, fees = self.buyer_tax, self.seller_tax, self.fees
        return Constraints(
            self.floor, self.ceiling, buyer.per_unit, buyer.rate, seller.per_unit, seller.rate,
            fees.maker, fees.taker, self.tick,
            None if self.max_price == NO_LIMIT else self.max_price,
        )  # fmt: skip

    def charges(self, grid: PriceGrid) -> UnitCharges | None:
        """Return the taxes and fees per unit on a grid of prices; None if there are none."""
        for name, kind in _CHARGES.items():
            if not isinstance(getattr(self, name), kind):
                raise BadMarket(
                    f"{name}={getattr(self, name)!r} is no {kind.__name__}.",
                    f"Write {name}={kind.__name__}(5), from uproot_nb.market.",
                )
        given = self.buyer_tax, self.seller_tax, self.fees
        return None if given == (_NO_TAX, _NO_TAX, _NO_FEES) else UnitCharges(*given, grid)

    def _check_terms(self) -> None:
        known = get_args(AllowedTerms)
        listed = isinstance(self.terms, Iterable) and not isinstance(self.terms, str)
        terms = tuple(self.terms) if listed else ()
        if not listed or not all(isinstance(term, str) and term in known for term in terms):
            raise BadMarket(
                f"terms={self.terms!r} are no terms.",
                f"Write terms=(…,) with some of {', '.join(sorted(known))}.",
            )
        object.__setattr__(self, "terms", terms)  # as they are read from the log

    def _check_times(self) -> None:
        if self.good_for is not None:
            if not is_duration(self.good_for):
                raise BadMarket(
                    f"good_for={self.good_for!r} is not a time.",
                    "Write good_for=30: seconds with people, steps in a simulation. Or None.",
                )
            object.__setattr__(self, "good_for", float(self.good_for))
        if self.breaker is not None and not isinstance(self.breaker, CircuitBreaker):
            raise BadMarket(
                f"breaker={self.breaker!r} is no CircuitBreaker.",
                'Write breaker=CircuitBreaker(Decimal("0.1"), length=30), from uproot_nb.market.',
            )

    def _check_controls(self) -> None:
        grid = PriceGrid(self.tick, self.max_price)
        for name in ("floor", "ceiling"):
            price = getattr(self, name)
            try:
                if price is not None:
                    grid.ticks(price)
            except OrderRefused as refusal:
                raise BadMarket(
                    f"{name}={price!r} is not a price of this market: {refusal}",
                    f"Write a multiple of the tick, {self.tick}, or None.",
                ) from None
        if self.lowest > self.highest:
            raise BadMarket(
                f"floor={self.floor!r} is above the highest price, {self.highest}.",
                "Write a lower floor, or a higher ceiling.",
            )

    def _check_timing(self) -> None:
        needs: dict[str, dict[str, Any]] = {
            "answers": {"lapse": "shout"},
            "steps": {"lapse": "trade", "improvement": True},
        }
        for name, value in needs.get(self.timing, {}).items():
            if getattr(self, name) != value:
                raise BadMarket(
                    f"timing={self.timing!r} makes no sense with {name}={getattr(self, name)!r}.",
                    f"Write Rules(timing={self.timing!r}, {name}={value!r}, …).",
                )
        if self.improvement and self.lapse == "shout":
            raise BadMarket(
                "Quotes that lapse after each shout leave nothing to be better than.",
                'Write lapse="trade", or leave improvement=True out.',
            )

    def _check_short_sales(self) -> None:
        if self.purse is not None and (not isinstance(self.purse, str) or not self.purse):
            raise BadMarket(
                f"purse={self.purse!r} is not a name.", 'Write purse="purse", or None for none.'
            )
        margin = exact(self.margin)
        if margin is None or margin < 0:
            raise BadMarket(
                f"margin={self.margin!r} is not an amount of money.", "Write margin=50, or 0."
            )
        if self.budget is False and margin:
            raise BadMarket(
                f"margin={self.margin!r} means nothing with budget=False: it is held back of cash "
                "that a trader could spend, and everybody has credit.",
                "Leave out budget=False, or margin.",
            )
        if not self.short_sales and (margin or self.max_short is not None):
            raise BadMarket(
                "short_sales=False leaves nothing to limit.",
                "Write Rules(max_short=…, margin=…) without short_sales=False.",
            )

    def _check_call(self) -> None:
        share = exact(self.k)
        if share is None or not 0 <= share <= 1:
            raise BadMarket(
                f"k={self.k!r} is not a share of an interval.", 'Write 0, 1 or k=Decimal("0.5").'
            )
        if share != Decimal("0.5") and not self.call and self.trade_price != "k":
            raise BadMarket(
                f"k={self.k!r} means nothing here: it moves the price of a call, or of trades with "
                'trade_price="k".',
                'Write Rules(call=True, k=…), or Rules(trade_price="k", k=…).',
            )
        if self.call and self.improvement:
            raise BadMarket(
                "In a call market orders may cross, so none has to be better than the best.",
                "Write Rules(call=True) without improvement=True.",
            )
        usual: dict[str, Any] = {
            "lapse": None, "trade_price": "maker", "timing": "uniform", "terms": (),
            "good_for": None, "breaker": None,
        }  # fmt: skip
        for name, value in usual.items():
            if self.call and getattr(self, name) != value:
                raise BadMarket(
                    "In a call market all orders stand until the call, which has one price for "
                    f"all; {name}={getattr(self, name)!r} means nothing there.",
                    f"Write Rules(call=True) without {name}; k moves the price.",
                )

        if not self.call and self.rationing != "time":
            raise BadMarket(
                "Only a call market rations; here orders at a price trade as they came.",
                f"Write Rules(call=True, rationing={self.rationing!r}).",
            )

    def plain(self) -> dict[str, Any]:
        """Return the rules as JSON has them; a Decimal is a text."""
        money = {name: plain(getattr(self, name)) for name in _MONEY}
        charges = {name: getattr(self, name).plain() for name in _CHARGES}
        breaker = None if self.breaker is None else self.breaker.plain()
        others = {"terms": list(self.terms), "breaker": breaker}
        return asdict(self) | money | charges | others

    @classmethod
    def recorded(cls, data: dict[str, Any]) -> Self:
        """Return the rules of a log, without a k or margin that means nothing: allowed once."""
        without = set() if data.get("call") or data.get("trade_price") == "k" else {"k"}
        if data.get("budget") is False:
            without.add("margin")
        return cls.from_plain({name: value for name, value in data.items() if name not in without})

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Self:
        """Return the rules that `plain` wrote; rules unknown to an older version get defaults."""
        money = {n: from_plain(data[n]) for n in _MONEY if data.get(n) is not None}
        charges = {
            name: kind(**{key: from_plain(value) for key, value in data[name].items()})
            for name, kind in _CHARGES.items()
            if name in data
        }
        others: dict[str, Any] = {"terms": tuple(data.get("terms", ()))}
        if data.get("breaker") is not None:
            others["breaker"] = CircuitBreaker.from_plain(data["breaker"])
        return cls(**{**data, **money, **charges, **others})


def _is_one_of(given: object, values: Iterable[object]) -> bool:
    """Return whether a word is among these, or True, False or None itself: 1 is not True here."""
    return any(given is one or (isinstance(one, str) and given == one) for one in values)


def check_unendowed(rules: Rules) -> None:
    """Refuse rules of money for traders with values and costs, whom nobody endows with cash."""
    if rules.budget:
        raise BadMarket(
            "budget=True lets nobody buy here: traders with induced values have no cash, and a "
            "simulation or a design endows them with none.",
            "Leave out budget, or trade an asset: its traders have endowments.",
        )
    if rules.margin:
        raise BadMarket(
            f"margin={rules.margin!r} means nothing here: it is held back of cash, and traders "
            "with induced values have none.",
            "Leave out margin; max_short=… limits what they may owe without cash.",
        )
