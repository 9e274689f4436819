"""Design: values, rules, periods and treatment arms of a market, for robots and for people."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from itertools import zip_longest
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from uproot_nb.errors import BadMarket
from uproot_nb.market.analysis.results import MarketTables
from uproot_nb.market.analysis.values import InducedValues, highest_value
from uproot_nb.market.designs import classics, csv_form, page_order
from uproot_nb.market.designs.asset import ASSET_RULES, Asset, Endowments
from uproot_nb.market.designs.schedules import (
    COUNTS,
    Shifts,
    Values,
    ValuesSource,
    check_shifts,
    check_values,
    drawn_values,
    in_period,
    shifted,
)
from uproot_nb.market.designs.trader_makers import (
    Traders,
    made_traders,
    makers_of,
    places_of_people,
)
from uproot_nb.market.orderbook.amounts import Price
from uproot_nb.market.orderbook.presets import CLIFF, GJERSTAD_DICKHAUT, GODE_SUNDER
from uproot_nb.market.orderbook.rules import NO_COSTS, Rules, check_unendowed
from uproot_nb.market.pages.page import MarketPage
from uproot_nb.market.traders.asset_simulation import simulate_asset_market
from uproot_nb.market.traders.market_bot import market_bot
from uproot_nb.market.traders.price_range import warn_of_range
from uproot_nb.market.traders.simulation import PlannedPeriod, simulate_periods
from uproot_nb.market.traders.trader import Trader

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Design"]

Something = TypeVar("Something")

_USUAL = Rules()


@dataclass(frozen=True)
class Design:
    """What a market experiment is: values, rules, periods, and how its treatment arms differ.

        values = InducedValues.symmetric(["b1", "b2"], ["s1", "s2"], highest=90, lowest=10, step=10)
        Design(values, ZIC)
        Design(values, {"b1": ZIP, "b2": ZIC, "s1": lambda: GD(memory=8), "s2": Sniper}, periods=6)
        Design(values, ZIC).simulate(seed=1).periods

        study = Design(
            values, ZIC, periods=6, practice=1, shifts={4: {"demand": 20}},
            arms={"continuous": {}, "call": {"rules": Rules(call=True)}},
        )
        simulate_markets(study, seeds=range(5))
        call = study.arm("call")
        serve(call.pages(seconds=90), players=call.players)

    Every simulated market has new traders, so that none learns from an earlier market.

    Args:
        values: what units are worth and cost, in all markets of the design; or a function of random
            numbers that draws them for each market, or of random numbers and the period, for each
            period. A dict has one of these from a period on: {1: low, 4: high}. The names in it are
            the traders' seats. Or an `Asset`, for which nobody has values.
        traders: what makes a robot trader, for all or by name: a class or function without
            arguments (`ZIC`, `GD`), or with one, which gets random numbers of its own (`ZIP`). A
            trader itself is copied as it is. Not needed if only people trade.
        periods, steps: as for `simulate_market`.
        clear_after_trade: remove all standing orders after each trade, with robots and people,
            except in calls.
        rules: those of all periods; or a dict of those from a period on.
        practice: how many practice periods come first. If `values`, `rules` or `shifts` name
            periods, the last practice period is number 0; otherwise they are like period 1. Traders
            learn in them; the tables leave them out.
        groups: how many groups a session has, each with a market of its own.
        shifts: what is added to all values ("demand") and costs ("supply") from a period on.
        arms: the treatment arms; for each, the arguments that differ.
        name: the arm's name in tables if there is only one.

    Raises:
        BadMarket: units and traders do not fit, or an argument is not valid.
    """

    values: Values | Asset
    traders: Traders | None = None
    _: KW_ONLY
    periods: int = 1
    steps: int = 1_000
    rules: Rules | Mapping[int, Rules] | None = None
    clear_after_trade: bool = False
    practice: int = 0
    groups: int = 1
    shifts: Shifts = field(default_factory=dict)
    arms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    name: str = "market"

    def __post_init__(self) -> None:
        for name, least in COUNTS.items():
            count = getattr(self, name)
            if type(count) is not int or count < least:
                raise BadMarket(
                    f"{name}={count!r} is not a count.", f"Write {name}={least} or more."
                )
        if self.asset is None:
            check_values(self.values)
        check_shifts(self.shifts)
        self._check_rules()
        if self.asset is not None:
            self._check_asset(self.asset)
        if not self._is_drawn and self.traders is not None:
            makers_of(self.traders, self._own_seats())
        if isinstance(self.values, InducedValues) and isinstance(self.rules, Rules):
            warn_of_range(self.rules, highest_value(self.values), stacklevel=3)
        for arm in self.arms:
            self.arm(arm)

    # What holds when

    @property
    def asset(self) -> Asset | None:
        """The traded asset; None if traders have values and costs."""
        return self.values if isinstance(self.values, Asset) else None

    def endowments_in(self, seed: int | str = 0) -> Endowments:
        """Return the initial cash and units of each seat; empty without an asset.

        Args:
            seed: the market's, if a function draws them.
        """
        return {} if self.asset is None else self.asset.endowments_of(seed)

    @property
    def numbers(self) -> range:
        """The numbers of all periods: those for practice up to 0, the others from 1."""
        return range(1 - self.practice, self.periods + 1)

    def values_in(self, period: int, seed: int | str = 0) -> InducedValues:
        """Return the values of a period, with its shift.

        Args:
            seed: the market's, if a function draws the values.
        """
        source: Any = self.values
        if isinstance(source, Asset):
            return InducedValues({}, {})
        if isinstance(source, Mapping):
            source = in_period(cast("Mapping[int, ValuesSource]", source), period)
        begun = [number for number in self.shifts if number <= period]
        shift = self.shifts[max(begun)] if begun else {}
        return shifted(drawn_values(source, period, seed), **shift)

    def rules_in(self, period: int) -> Rules:
        """Return the rules of a period."""
        if isinstance(self.rules, Mapping):
            return in_period(self.rules, period)
        return self.rules or (_USUAL if self.asset is None else ASSET_RULES)

    # Who is there

    @property
    def seats(self) -> list[str]:
        """The names of the traders of a market: a buyer, a seller, a buyer, and so on.

        The player at place n of a session sits in seat n % len(seats) of group n // len(seats).

        Raises:
            BadMarket: the arms have different ones.
        """
        return self._same_in_arms("seats", [arm._own_seats() for arm in self.each_arm().values()])

    def _own_seats(self) -> list[str]:
        if self.asset is not None:
            return list(self.endowments_in())
        buyers: dict[str, None] = {}
        sellers: dict[str, None] = {}
        for period in self.numbers:
            values = self.values_in(period)
            buyers |= dict.fromkeys(values.values)
            sellers |= dict.fromkeys(values.costs)
        pairs = zip_longest(buyers, [name for name in sellers if name not in buyers])
        return [name for pair in pairs for name in pair if name is not None]

    @property
    def players(self) -> int:
        """How many players a session needs: `serve(design.pages(), players=design.players)`.

        Raises:
            BadMarket: the arms need different numbers of them.
        """
        counts = [arm.groups * len(arm._own_seats()) for arm in self.each_arm().values()]
        return self._same_in_arms("players", counts)

    def arm(self, name: str) -> Self:
        """Return the design of a treatment arm; one without arms is itself the arm of its name.

        Raises:
            BadMarket: there is no such arm, or it has arguments that a design does not have, or
                arms or a name of its own.
        """
        if name == self.name and not self.arms:
            return self
        if name not in self.arms:
            there = ", ".join(self.arms) or f"only {self.name}, the design itself"
            raise BadMarket(f"There is no arm {name!r}.", f"There are: {there}.")
        try:
            made = replace(self, **{"name": name, "arms": {}, **self.arms[name]})
        except TypeError as error:
            raise BadMarket(
                f"The arm {name!r} does not change a design's arguments: {error}.",
                'Write arms={"call": {"rules": Rules(call=True)}}, for example.',
            ) from None
        if made.arms or made.name != name:
            raise BadMarket(
                f"The arm {name!r} has arms or a name of its own.",
                "Write all arms into one dict, by their names.",
            )
        return made

    def each_arm(self) -> dict[str, Self]:
        """Return the design of each arm by its name; for a design without arms, itself."""
        return {name: self.arm(name) for name in self.arms} or {self.name: self}

    # Robots

    def simulate(self, seed: int | str) -> MarketTables:
        """Simulate one market, of one group; the same seed gives the same.

        Raises:
            BadMarket: the design has several arms, or no robot traders.
        """
        self._check_one_arm("simulate(seed)")
        if self.asset is not None:
            return self._simulate_asset(self.asset, seed)
        traders, plans = self.planned(seed)
        for plan in plans:
            warn_of_range(plan.rules, highest_value(plan.values), stacklevel=2)
        return simulate_periods(
            traders, plans, steps=self.steps, seed=seed, clear_after_trade=self.clear_after_trade
        )

    def planned(self, seed: int | str) -> tuple[dict[str, Trader], list[PlannedPeriod]]:
        """Return new robot traders for one market, by seat, and its periods' values and rules.

        Raises:
            BadMarket: the design has several arms, or no robot traders; or this is a design of an
                asset, whose traders have no values.
        """
        self._check_one_arm("planned(seed)")
        if self.asset is not None:
            raise BadMarket(
                "Periods with an asset cannot be traded one by one: cash and units carry over, "
                "and nobody has values.",
                "Call design.simulate(seed), or give the design values.",
            )
        plans = [self._plan(period, seed) for period in self.numbers]
        names = [name for p in plans for side in (p.values.values, p.values.costs) for name in side]
        return made_traders(makers_of(self.traders, names), seed), plans

    def _simulate_asset(self, asset: Asset, seed: int | str) -> MarketTables:
        held, rules = self.endowments_in(seed), self.rules_in(1)
        if self.clear_after_trade and rules.lapse is None:
            rules = replace(rules, lapse="trade")
        return simulate_asset_market(
            made_traders(makers_of(self.traders, held), seed), asset.dividends, held,
            periods=self.periods, steps=self.steps, rules=rules, seed=seed,
        )  # fmt: skip

    def bots(
        self, people: int | Iterable[int] = 0, *, seed: int | str = 0, **options: Any
    ) -> dict[int, Any]:
        """Return a bot for each place of a session without a person, for `run.bots`.

            run.bots(design.bots(people=2, pace=0.5))

        Args:
            people: how many of the first places people have, or which places.
            seed: of the traders' own random numbers.
            options: as for `market_bot`.

        Raises:
            BadMarket: the design has several arms, or no robot traders, or not these places.
        """
        self._check_one_arm("bots()")
        taken = places_of_people(people, self.players)
        seats, found = self.seats, dict[int, Any]()
        makers = makers_of(self.traders, seats)
        for group in range(1, self.groups + 1):
            made = made_traders(makers, self.market_seed(seed, group))
            for seat, name in enumerate(seats):
                place = (group - 1) * len(seats) + seat
                if place not in taken:
                    found[place] = market_bot(made[name], **options)
        return found

    def market_seed(self, session: int | str, group: int) -> int | str:
        """Return the seed of a group's market, given that of its session."""
        return session if self.groups == 1 else f"{session}/{group}"

    # People

    def pages(
        self, *, seconds: float | EllipsisType | None = ...,
        page: type[MarketPage] | None = None, **attributes: Any,
    ) -> list[Any]:  # fmt: skip
        """Return the page order of the market: practice periods, then all others.

            run = serve([Instructions, *design.pages(seconds=120), Payoff], players=design.players)

        Each page has the values and rules of its period; in a call market, players send orders
        for the call. With several groups a wait page comes first, where the players of a group wait
        for each other. The recorded market is `run.market("market")`, that of the practice periods
        `run.market("practice")`; their cash is separate.

        Args:
            seconds: the length of a period; None for no end; by default that of *page*.
            page: a page of yours, from which these pages derive: for its template, texts, facts.
                Rules, values and names of markets are the design's.
            attributes: attributes of the pages, such as `clear_when_all_ready=True`.

        Raises:
            BadMarket: the design has several arms; or the page does not fit its rules; or the
                page or the attributes have other `rules`, or `market_names`, `open_market` or
                `late_trader`.
        """
        self._check_one_arm("pages()")
        given = attributes if seconds is ... else {"seconds": seconds, **attributes}
        return page_order.page_order(self, page, given)

    # Files

    def to_csv(
        self, path: str | os.PathLike[str] | None = None, *, seed: int | str | None = None
    ) -> str:
        """Return the design as CSV, and write it to *path*.

        Columns: arm, period, item, trader, unit, amount. A row is a unit's value or cost from a
        period on (item "value" or "cost"; a period's rows are all its units), a rule from a period
        on until it is set again ("rules.improvement"; before, it is as usual), or a number of the
        whole arm ("periods", "practice", "groups", "steps", "clear_after_trade").
        The file names robot traders ("robot") if all of them are ZIU, ZIC, ZIP, GD, GDX, AA,
        RothErev or Sniper; otherwise pass them to `read_csv` again.

        Args:
            seed: of the market whose values are written, if a function draws them.

        Raises:
            BadMarket: the values are drawn, and there is no seed; or the design has an asset,
                which such a file cannot describe; or a name is empty, or begins or ends with a
                blank, which are lost in such a file.
        """
        if any(design.asset is not None for design in self.each_arm().values()):
            raise BadMarket(
                "A design of an asset cannot be written as CSV.",
                "Keep it as code: Design(Asset(…)).",
            )
        if seed is None and any(design._is_drawn for design in self.each_arm().values()):
            raise BadMarket("The values are drawn.", "Name the market: to_csv(…, seed=1).")
        text = csv_form.text_of(self, 0 if seed is None else seed)
        if path is not None:
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        return text

    @classmethod
    def read_csv(cls, path: str | os.PathLike[str], *, traders: Traders | None = None) -> Self:
        """Return the design that a CSV file describes, as `to_csv` writes it.

        A file of one arm is a design without arms that has the arm's name. Cells lose blanks at
        their ends, and rows of empty cells are left out.

        Args:
            traders: the robot traders of all arms, instead of those that the file names.

        Raises:
            BadMarket: the file does not describe a design; the message names the line if it is one
                that cannot be read. Or the file is not text in UTF-8.
        """
        with open(path, "rb") as file:
            arms = csv_form.arms_in(csv_form.decoded(file.read()))
        if traders is not None:
            arms = {name: arguments | {"traders": traders} for name, arguments in arms.items()}
        (name, first), *others = arms.items()
        return cls(**first, **({"arms": arms} if others else {"name": name}))

    # Well-known designs

    @classmethod
    def smith(
        cls, traders: Traders | None = None, *, test: str = "1", periods: int = 5, **options: Any
    ) -> Self:
        """Return a test of Smith (1962), in cents: eleven buyers and eleven sellers in the first.

            parts = {1: Design.smith(test="4A").values, 5: Design.smith(test="4B").values}
            Design(parts, ZIP, periods=7)

        Args:
            test: "1", "2", "3", "4A", "4B", "5A", "5B", "6A", "6B", "7", "8", "9A", "9B" or "10",
                as in his table 1.
        """
        return cls(classics.smith_values(test), traders, periods=periods, **options)

    @classmethod
    def box(
        cls, traders: Traders | None = None, *, buyers: int, sellers: int, value: Price,
        cost: Price, units_to_buy: int = 1, units_to_sell: int = 1, **options: Any,
    ) -> Self:  # fmt: skip
        """Return a box design: one value and one cost; the longer side gets nothing in equilibrium.

        Also known as the "swastika" design (Smith 1965, JPE 73; Smith and Williams 1990).
        """
        values = classics.box_values(buyers, sellers, value, cost, units_to_buy, units_to_sell)
        return cls(values, traders, **options)

    @classmethod
    def gode_sunder(
        cls, market: int, traders: Traders | None = None, *, periods: int = 6, **options: Any
    ) -> Self:
        """Return one of the five markets of Gode and Sunder (1993), with their rules.

        The values are a reconstruction from the paper's figures. Prices are whole numbers up to
        200, an order is for one unit, quotes must improve, and a trade removes all quotes.
        """
        usual: dict[str, Any] = {
            "rules": replace(GODE_SUNDER, lapse=None), "clear_after_trade": True,
        }  # fmt: skip
        values = classics.gode_sunder_values(market)
        return cls(values, traders, periods=periods, **usual | options)

    @classmethod
    def cliff(
        cls, market: str, traders: Traders | None = None, *, periods: int = 10, **options: Any
    ) -> Self:
        """Return one of the four markets of Cliff and Bruten (1997), in dollars, with their rules.

            Design.cliff("symmetric", ZIP, periods=15, shifts={11: {"demand": Decimal("0.50")}})

        A day has 550 steps: in their program it has eleven rounds, each of which ends with a trade
        or after 100 shouts in vain, which comes to 515 to 695 shouts on average.

        Args:
            market: "symmetric", "flat supply", "excess demand" or "excess supply".
        """
        usual: dict[str, Any] = {"rules": CLIFF, "steps": 550}
        return cls(classics.cliff_values(market), traders, periods=periods, **usual | options)

    @classmethod
    def gjerstad_dickhaut(
        cls, traders: Traders | None = None, *, periods: int = 10, **options: Any
    ) -> Self:
        """Return the symmetric market of Gjerstad and Dickhaut (1998), in cents, with their rules.

        Prices go up to 1,000, the bound M of their Example 3.
        """
        usual: dict[str, Any] = {"rules": replace(GJERSTAD_DICKHAUT, max_price=1_000)}
        values = classics.gjerstad_dickhaut_values()
        return cls(values, traders, periods=periods, **usual | options)

    @classmethod
    def holt(cls, traders: Traders | None = None, **options: Any) -> Self:
        """Return Holt's example of a pit market (2007, chapter 2): eight buyers, eight sellers."""
        return cls(classics.holt_values(), traders, **options)

    def _plan(self, period: int, seed: int | str) -> PlannedPeriod:
        is_practice = period < 1
        number = period + self.practice if is_practice else period
        values, rules = self.values_in(period, seed), self.rules_in(period)
        return PlannedPeriod(number, values, rules, is_practice)

    @property
    def _is_drawn(self) -> bool:
        if isinstance(self.values, Asset):
            return self.values.is_drawn
        sources = self.values.values() if isinstance(self.values, Mapping) else [self.values]
        return not all(isinstance(source, InducedValues) for source in sources)

    def _check_one_arm(self, method: str) -> None:
        if self.arms:
            first = next(iter(self.arms))
            raise BadMarket(
                f"The design has {len(self.arms)} arms: {', '.join(self.arms)}.",
                f"Choose one: design.arm({first!r}).{method}.",
            )

    def _same_in_arms(self, name: str, found: list[Something]) -> Something:
        first, *others = found
        if any(other != first for other in others):
            raise BadMarket(
                f"The arms have different {name}: {', '.join(self.arms)}.",
                f"Choose an arm: design.arm({next(iter(self.arms))!r}).{name}.",
            )
        return first

    def _check_asset(self, asset: Asset) -> None:
        """Refuse what a design of an asset cannot have."""
        if self.periods > asset.dividends.periods:
            asset.dividends.fundamental_value(self.periods)  # which says so
        by_period = isinstance(self.rules, Mapping) and len(self.rules) > 1
        for name, is_there, why in (
            (
                "practice",
                self.practice,
                "an asset pays from period 1 on; make a design for practice",
            ),
            ("shifts", self.shifts, "nobody has values that could be shifted"),
            ("rules", by_period, "an asset has the same rules in all its periods"),
            (
                "rules",
                self.rules_in(1).timing != "uniform",
                "the traders of an asset are drawn all alike, without timing",
            ),
            ("rules", self.rules_in(1).call, "an asset is traded all the time, and not in calls"),
            ("rules", self.rules_in(1).no_loss, NO_COSTS),
        ):
            if is_there:
                raise BadMarket(f"{name}={getattr(self, name)!r}: {why}.", f"Leave out {name}.")

    def _check_rules(self) -> None:
        by_period = self.rules if isinstance(self.rules, Mapping) else {1: self.rules or Rules()}
        right = bool(by_period) and all(type(number) is int for number in by_period)
        if not right or not all(isinstance(rules, Rules) for rules in by_period.values()):
            raise BadMarket(
                f"rules={self.rules!r} are not rules.",
                "Write rules=Rules(improvement=True), or rules={1: Rules(), 4: Rules(…)}.",
            )
        if self.asset is None:
            for rules in by_period.values():
                check_unendowed(rules)
