"""Book: a limit order book with price-time priority."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from msgspec.structs import replace

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market.orderbook import refusals
from uproot_nb.market.orderbook.accounts import Account, UnitValue
from uproot_nb.market.orderbook.amounts import Price, exact, total
from uproot_nb.market.orderbook.circuit_breaker import CircuitBreaker
from uproot_nb.market.orderbook.clearing import find_clearing
from uproot_nb.market.orderbook.expiries import Expiries
from uproot_nb.market.orderbook.levels import Ladder
from uproot_nb.market.orderbook.matching import NOTHING, Match, match
from uproot_nb.market.orderbook.order_checks import (
    check_at_once,
    check_improvement,
    check_life,
    check_loss,
    check_orders,
    check_owed,
    check_priced,
    check_proceeds,
    check_purchase,
    check_quantity,
    check_share,
    check_short_sale,
    check_shown,
    check_side,
    check_terms,
    check_units,
)
from uproot_nb.market.orderbook.orders import OTHER, Kind, Order, Side
from uproot_nb.market.orderbook.outcomes import (
    LevelChange,
    OrderEvent,
    Outcome,
    Reason,
    StatusChange,
    Trade,
)
from uproot_nb.market.orderbook.prices import PriceGrid
from uproot_nb.market.orderbook.rules import Rules, Terms
from uproot_nb.market.orderbook.trade_prices import trade_ticks_of

__all__ = ["Book"]

_Constraint = Callable[["Book", Account, Side, int | None, int, Match, Order | None], None]
"""A check of an order: the account, its side, key and quantity, what it meets, what it replaces."""


ENDLESS = 2**40
"""More units than anybody trades: whoever has costs for so many makes any number."""


class Standing(NamedTuple):
    """How an order stands: for how long, and how many of its units are shown at a time."""

    good_for: float | None
    peak: int = 0


class Book:
    """All standing orders of a market, and each trader's account.

    book = Book(Rules(improvement=True))
    book.limit("ann", "sell", 12)
    outcome = book.limit("bob", "buy", 15)
    outcome.trades[0].price         # 12: the maker's price

    A command either succeeds in full, or raises OrderRefused and changes nothing. The same commands
    always give the same book: it has no clock and no randomness. Where orders stand for a time, or
    trade is halted, whoever has a clock sets `now`, and executes the `due_commands`.
    """

    def __init__(
        self, rules: Rules | None = None, value_of: UnitValue | None = None,
        elsewhere: Callable[[str], Price | None] | None = None,
    ) -> None:  # fmt: skip
        self.rules = rules or Rules()
        if self.rules.no_loss and value_of is None:
            raise BadMarket(
                "no_loss=True needs the traders' values and costs.",
                "Write Book(rules, value_of=values.value_of), or a function (player, side, unit).",
            )
        self.grid = PriceGrid(self.rules.tick, self.rules.highest, self.rules.lowest)
        self.seq = 0
        """The number of the last event."""
        self.accounts: dict[str, Account] = {}
        self.orders: dict[int, Order] = {}
        """The standing orders by number, oldest first."""
        self.ladders: dict[Side, Ladder] = {"buy": Ladder(), "sell": Ladder()}
        self.next_order = self.next_trade = 1
        self._value_of, self._elsewhere = value_of, elsewhere
        self._checks = True
        self._refuses_own = self.rules.self_trade == "refuse"
        self._is_call, self._lapses = self.rules.call, self.rules.lapse in ("trade", "shout")
        self._renews = self.rules.lapse == "own"
        self._trade_ticks = trade_ticks_of(self.rules.trade_price, self.rules.k)
        self.charges = self.rules.charges(self.grid)
        """Taxes and fees per unit; None if there are none."""
        self._margin = -self.grid.affordable(-self.rules.margin)
        self.now = 0.0
        """The time by which orders stand and halts last: seconds, or steps of a simulation."""
        self.halted = False
        """Whether trade is halted."""
        self.halt_ends: float | None = None
        """The time at which a halt is over; None without a halt, or an end of it."""
        self.expiries = Expiries()
        self._usual = None if self.rules.good_for is None else Standing(self.rules.good_for)
        self.is_detailed = self._usual is not None or not {"gft", "iceberg"}.isdisjoint(
            self.rules.terms
        )
        """Whether events may say how much of an order is shown, or how long it stands."""
        self._breaker = self.rules.breaker
        self.reference = None if self._breaker is None else self._breaker.reference
        """The price from which a circuit breaker measures; None before it has one."""
        self._constrain(endowed=False)
        self._moves = self.charges is None and not (self.is_detailed or self._lapses)
        """Whether a new order that meets no other just takes the place of an old one."""

    # State

    @property
    def best_bid(self) -> Price | None:
        """The highest standing bid; None if there is none."""
        best = self.ladders["buy"].best
        return None if best is None else best.price

    @property
    def best_ask(self) -> Price | None:
        """The lowest standing ask; None if there is none."""
        best = self.ladders["sell"].best
        return None if best is None else best.price

    def standing(self, side: Side) -> Iterator[Order]:
        """Yield a side's orders in the order of filling: by price, then by time."""
        for level in self.ladders[side]:
            yield from level.orders.values()

    def account(self, player: str) -> Account:
        """Return a trader's account; an empty one for an unknown trader."""
        account = self.accounts.get(player)
        if account is None:
            account = Account(player, self.grid)
        if self._counts_made:
            account.made = self._made_by(player, account.made)
        return account

    def held_back(self, player: str) -> Price:
        """Return the money that is held back for the units that a trader owes."""
        account = self.account(player)
        if not self._has_budget(account):
            return self.grid.price(0)
        return self.grid.price(account.held_ticks + self._margin * account.owed)

    def spendable(self, player: str) -> Price | None:
        """Return the cash that is neither reserved nor held back; None for who has no budget."""
        account = self.accounts.get(player)
        return None if account is None or not self._has_budget(account) else self.left_of(player)

    def left_of(self, player: str, with_orders: bool = True) -> Price:
        """Return the cash that is neither reserved nor held back, of whom a budget binds or not.

        *with_orders* says whether standing orders, which may still trade, bind any.
        """
        account = self.account(player)
        ticks = account.earned - (account.bid_ticks if with_orders else 0)
        owed = account.owed_with(0) if with_orders else account.owed
        ticks -= account.held_ticks + self._margin * owed
        return self.grid.sum(account.initial_cash, ticks)

    @contextmanager
    def as_recorded(self) -> Iterator[None]:
        """Check no rules within this block: commands of a log were allowed when they came."""
        self._checks = False
        try:
            yield
        finally:
            self._checks = True

    # Commands

    def endow(
        self, player: str, cash: Price = 0, units: int = 0, credit: bool = False, held: Price = 0
    ) -> None:
        """Give a trader cash and units before the first order.

        Unless the rules have `budget=False`, the trader cannot spend more cash than that. *credit*
        allows it where the rules leave it open (`budget=None`). Of the cash, *held* is what units
        that the trader owes (negative *units*) were sold for, and is held back for them.

        Raises:
            BadMarket: not money, not a number of units, or the trader has traded already.
        """
        money = exact(cash)
        if money is None or type(units) is not int or (units < 0 and not self.rules.short_sales):
            raise BadMarket(
                f"{player} cannot begin with cash={cash!r} and units={units!r}.",
                "Cash is a whole number or a Decimal, units a whole number; without short sales "
                "at least 0.",
            )
        if player in self.accounts:
            raise BadMarket(
                f"{player} is in the market already.",
                "Endow each trader once, before the first order.",
            )
        self.accounts[player] = account = Account(player, self.grid, money, units)
        account.endowed = not credit
        account.held_ticks = self.grid.affordable(held)
        if account.endowed:
            self._constrain(endowed=True)

    def limit(
        self, player: str, side: Side, price: Price, quantity: int = 1,
        terms: Terms | None = None, good_for: float | None = None, shown: int | None = None,
    ) -> Outcome:  # fmt: skip
        """Buy or sell at *price* or better; the rest stands in the book.

        In a call market (`Rules(call=True)`) nothing is traded before `clear`.

        Args:
            terms: "ioc" (immediate or cancel): the rest is cancelled. "fok" (fill or kill): the
                order trades in full at once, or is refused.
            good_for: the time for which it may stand; see `Rules.good_for`.
            shown: how many units are shown at a time, at least a twentieth. The others can be
                traded, too: when the part that is shown is filled, the next one is shown, behind
                all orders at its price.

        Raises:
            OrderRefused: the rules do not allow it, or an order that does not stand finds nothing.
        """
        if self.halted:
            raise OrderRefused("halted", refusals.HALTED)
        standing = self._usual
        if terms is not None:
            check_terms(terms, self.rules)
            standing = None
        check_side(side)
        ticks = self.grid.ticks(price)
        check_quantity(quantity, self.rules)
        if good_for is not None or shown is not None:
            standing = self._standing_of(quantity, terms, good_for, shown)
        key = ticks if side == "sell" else -ticks
        account = self.account(player)
        found = self._match(player, side, key, quantity)
        needed = quantity
        if terms is not None:
            check_at_once(terms, quantity, found.quantity)
            needed = found.quantity
        old = self._renewed(account, side) if self._renews else None
        if self._constraints:
            self._check(account, side, key, needed, found, old or self._lapsing(account))
        if old is not None:
            return self._submit_instead(old, account, key, quantity, found, terms, standing)
        return self._submit(account, side, key, quantity, found, self.seq, [], [], terms, standing)

    def takes(self, player: str, side: Side, price: Price) -> bool:
        """Return whether the rules would take a limit order for one unit, which is not sent.

        It would take the place of the trader's order of that side, if there is one.
        """
        account = self.account(player)
        old = next((one for one in account.orders.values() if one.side == side), None)
        try:
            ticks = self.grid.ticks(price)
            key = ticks if side == "sell" else -ticks
            self._check(account, side, key, 1, self._match(player, side, key, 1), old)
        except OrderRefused:
            return False
        return not self.halted

    def market(self, player: str, side: Side, quantity: int = 1) -> Outcome:
        """Buy or sell at once at the best prices available; the rest is cancelled.

        Raises:
            OrderRefused: the rules do not allow it, there is nobody else to trade with, or this is
                a call market, where every order needs a price.
        """
        if self.halted:
            raise OrderRefused("halted", refusals.HALTED)
        check_priced(self.rules)
        check_side(side)
        check_quantity(quantity, self.rules)
        account = self.account(player)
        found = self._match(player, side, None, quantity)
        if not found.fills:
            words = refusals.NOBODY_SELLS if side == "buy" else refusals.NOBODY_BUYS
            raise OrderRefused("nobody", words)
        old = self._renewed(account, side) if self._renews else None
        if self._constraints:
            self._check(account, side, None, quantity, found, old or self._lapsing(account))
        if old is not None:
            return self._submit_instead(old, account, None, quantity, found)
        return self._submit(account, side, None, quantity, found, self.seq, [], [])

    def cancel(self, player: str, order: int) -> Outcome:
        """Cancel a trader's own order.

        Raises:
            OrderRefused: it is not in the book (any more), or belongs to somebody else.
        """
        found = self._own(player, order)
        events: list[OrderEvent] = []
        before = self.seq
        changes = [self._withdraw(found, found.remaining, "asked", events)]
        return Outcome(before, self.seq, None, 0, events, [], changes, None, self.is_detailed)

    def cancel_all(self, player: str | None = None) -> Outcome:
        """Cancel all orders of a trader, or of everybody."""
        orders = self.orders if player is None else self.account(player).orders
        events: list[OrderEvent] = []
        before = self.seq
        last: dict[tuple[Side, int], LevelChange] = {}
        for order in list(orders.values()):
            change = self._withdraw(order, order.remaining, "asked", events)
            last[order.side, order.key] = change
        changes = list(last.values())
        return Outcome(before, self.seq, None, 0, events, [], changes, None, self.is_detailed)

    def replace(
        self, player: str, order: int, price: Price | None = None, quantity: int | None = None
    ) -> Outcome:
        """Change the price or the remaining quantity of a trader's own order.

        A smaller quantity at the same price retains number and time priority; any other change
        makes a new order, which stands as long and shows as much as the old one did. Units that are
        not shown are taken off first. While trade is halted, an order may only be reduced.

        Raises:
            OrderRefused: it is not in the book, nothing would change, or the rules do not allow the
                new one; then the old one stays.
        """
        old = self.orders.get(order) if type(order) is int else None
        if old is None or old.player != player:
            old = self._own(player, order)  # says why not
        side, key, wanted = old.side, old.key, old.remaining
        if price is not None:
            ticks = self.grid.ticks(price)
            key = ticks if side == "sell" else -ticks
        if quantity is not None:
            check_quantity(quantity, self.rules)
            wanted = quantity
        if key == old.key and wanted <= old.remaining:
            return self._reduce(old, old.remaining - wanted)
        if self.halted:
            raise OrderRefused("halted", refusals.HALTED)
        account, standing = self.accounts[player], None
        if self.is_detailed:
            standing = Standing(old.good_for, old.peak if old.peak < wanted else 0)
            if standing.peak and self._checks:
                check_share(standing.peak, wanted)
        found = self._match(player, side, key, wanted)
        if self._constraints:
            self._check(account, side, key, wanted, found, old)
        if self._moves and found is NOTHING:
            return self._move(old, account, key, wanted)
        events: list[OrderEvent] = []
        before = self.seq
        change = self._withdraw(old, old.remaining, "replaced", events)
        changes = [] if old.key == key else [change]
        return self._submit(
            account, side, key, wanted, found, before, events, changes, None, standing
        )

    def clear(self, lot: int | None = None) -> Outcome:
        """Clear a call market at one price (see `find_clearing`); unfilled orders stay.

        Clearing again changes nothing. Of the two orders of a trade, the earlier is the maker's,
        the later the taker's.

        Args:
            lot: any number, drawn outside the book, from which the order of rationed orders
                follows with `rationing="random"`. The same lot gives the same order.

        Raises:
            BadMarket: this is not a call market, or has to draw and got no lot.
        """
        if not self.rules.call:
            raise BadMarket(
                "Only a call market is cleared; here orders trade as they come.",
                "Write Rules(call=True).",
            )
        rationing = self.rules.rationing
        if rationing == "random" and type(lot) is not int:
            raise BadMarket(
                "Random rationing needs a lot, for the book draws nothing itself.",
                "Write book.clear(lot=random.getrandbits(53)).",
            )
        found = find_clearing(
            self.ladders["buy"], self.ladders["sell"], self.rules.k, rationing, lot
        )
        events: list[OrderEvent] = []
        trades: list[Trade] = []
        before = self.seq
        last: dict[tuple[Side, int], LevelChange] = {}
        for bid, ask, quantity in found.pairs:
            assert found.ticks is not None
            self._cross(bid, ask, quantity, found.ticks, events, trades, last)
        return Outcome(before, self.seq, None, 0, events, trades, list(last.values()))

    # Time and halts

    @property
    def next_time(self) -> float | None:
        """When time asks for something next: an order leaves, or a halt ends; None for never."""
        first = self.expiries.first(self.orders)
        if first is None or self.halt_ends is None:
            return self.halt_ends if first is None else first
        return min(first, self.halt_ends)

    def expire(self) -> Outcome:
        """Cancel the orders whose time is over `now`, by their ends, then by their numbers."""
        before, events = self.seq, list[OrderEvent]()
        over = self.expiries.over(self.now, self.orders)
        changes = [self._withdraw(order, order.remaining, "expired", events) for order in over]
        return Outcome(
            before, self.seq, None, 0, events, [], _latest(changes), None, self.is_detailed
        )

    def halt(self, length: float | None = None) -> Outcome:
        """Halt trade, for so long or until `resume`.

        New orders are refused; orders that stand may be cancelled and reduced, and leave at their
        time. A call market may be cleared. Halting again gives the halt another end.
        """
        self.halted, self.halt_ends = True, None if length is None else self.now + length
        return self._status(StatusChange("halt", "asked"))

    def resume(self, is_over: bool = False) -> Outcome:
        """Let trade go on; *is_over* tells that the time of the halt is over."""
        self.halted, self.halt_ends = False, None
        return self._status(StatusChange("resume", "over" if is_over else "asked"))

    def _status(self, change: StatusChange) -> Outcome:
        return Outcome(self.seq, self.seq, None, 0, [], [], [], change)

    def _broken(self, breaker: CircuitBreaker, trades: list[Trade]) -> StatusChange | None:
        """Halt trade if one of these trades has gone beyond the band of the circuit breaker."""
        if self.reference is None:
            self.reference = trades[0].price
        reference = self.reference
        far = next((t.price for t in trades if breaker.is_broken(reference, t.price)), None)
        if far is None:
            return None
        self.reference = trades[-1].price
        self.halted, self.halt_ends = True, self.now + breaker.length
        return StatusChange("halt", "band", far)

    def _standing_of(
        self, quantity: int, terms: Any, good_for: float | None, shown: int | None
    ) -> Standing:
        """Return how an order is to stand, if the rules have it; else refuse it."""
        if good_for is not None:
            check_life(good_for, self.rules)
        if shown is not None:
            check_shown(shown, quantity, self.rules)
            if self._checks:
                check_share(shown, quantity)
        if terms is not None:  # it does not stand
            raise OrderRefused("no_terms", refusals.NO_TERMS)
        length = self.rules.good_for if good_for is None else float(good_for)
        return Standing(length, 0 if shown is None or shown == quantity else shown)

    # Internals: first every check, then every change

    def _own(self, player: str, number: Any) -> Order:
        found = self.orders.get(number) if type(number) is int else None
        if found is None:
            raise OrderRefused("no_order", refusals.NO_ORDER)
        if found.player != player:
            raise OrderRefused("not_yours", refusals.NOT_YOURS)
        return found

    def _match(self, player: str, side: Side, key: int | None, quantity: int) -> Match:
        if self._is_call:
            return self._match_own(player, side, key)
        ladder = self.ladders[OTHER[side]]
        best = ladder.best
        if best is None or (key is not None and best.key + key > 0):
            return NOTHING
        cost = self._trade_ticks if self.charges is None else self._cost
        found = match(ladder, player, key, quantity, cost, self._refuses_own)
        if found.own and self._refuses_own:
            raise OrderRefused("self_trade", refusals.SELF_TRADE)
        return found

    def _cost(self, maker: int, taker: int | None) -> int:
        """Return what a unit costs who takes it, with taxes and fees, in ticks."""
        ticks = maker if self._trade_ticks is None else self._trade_ticks(maker, taker)
        return ticks + self._due(ticks)

    def _due(self, ticks: int) -> int:
        """Return what a buyer pays beside a price; a subsidy pays no more than that in advance."""
        return 0 if self.charges is None else max(-ticks, self.charges.total("buy", ticks) - ticks)

    def _match_own(self, player: str, side: Side, key: int | None) -> Match:
        """Return the player's own orders that would cross this one in a call market."""
        orders = self.account(player).orders.values()
        own = [o for o in orders if o.side != side and key is not None and o.key + key <= 0]
        if own and self.rules.self_trade == "refuse":
            raise OrderRefused("self_trade", refusals.SELF_TRADE)
        own.sort(key=lambda order: order.key)
        return Match(own=own) if own else NOTHING

    def _lapsing(self, account: Account) -> Order | None:
        """Return the trader's own quote, of either side, that lapses when a new order comes."""
        if self.rules.lapse != "shout":
            return None
        return next(iter(account.orders.values()), None)

    def _renewed(self, account: Account, side: Side) -> Order | None:
        """Return the trader's own order whose place a new one of its side takes."""
        return next((order for order in account.orders.values() if order.side == side), None)

    def _constrain(self, endowed: bool) -> None:
        """Find what may refuse an order, and whether it matters how many units a trader makes."""
        self._constraints = self._found_constraints(endowed)
        self._counts_made = self._value_of is not None and Book._check_means in self._constraints

    def _made_by(self, player: str, known: int) -> int:
        """Return how many units have a cost for a trader; *known* is what it was before."""
        value_of = self._value_of
        assert value_of is not None
        if value_of(player, "sell", known + 1) is None and (
            not known or value_of(player, "sell", known) is not None
        ):
            return known
        has, lacks = 0, 1
        while lacks < ENDLESS and value_of(player, "sell", lacks) is not None:
            has, lacks = lacks, 2 * lacks
        while lacks - has > 1:
            middle = (has + lacks) // 2
            if value_of(player, "sell", middle) is None:
                lacks = middle
            else:
                has = middle
        return has

    def _found_constraints(self, endowed: bool) -> tuple[_Constraint, ...]:
        """Return the checks that may refuse an order in this market: in most, there are none.

        Args:
            endowed: whether some traders have an endowment, and no credit.
        """
        rules = self.rules
        found: list[_Constraint] = []
        if rules.improvement:
            found.append(Book._check_improvement)
        if rules.max_orders is not None:
            found.append(Book._check_orders)
        has_budget = endowed if rules.budget is None else rules.budget
        owes_too_much = not rules.short_sales or rules.max_short is not None
        if has_budget or owes_too_much or self._elsewhere is not None:
            found.append(Book._check_means)
        if self.charges is not None:
            found.append(Book._check_proceeds)
        if rules.no_loss:
            found.append(Book._check_loss)
        return tuple(found)

    def _check(
        self, account: Account, side: Side, key: int | None, quantity: int, found: Match,
        old: Order | None = None,
    ) -> None:  # fmt: skip
        """Check an order against the rules as if *old* were cancelled already."""
        if self._checks:
            for check in self._constraints:
                check(self, account, side, key, quantity, found, old)

    # The constraints; of a market order (without a key), only what is found will be traded

    def _check_improvement(
        self, account: Account, side: Side, key: int | None, quantity: int, found: Match,
        old: Order | None,
    ) -> None:  # fmt: skip
        if key is not None:
            check_improvement(side, key, self.ladders[side], old)

    def _check_orders(
        self, account: Account, side: Side, key: int | None, quantity: int, found: Match,
        old: Order | None,
    ) -> None:  # fmt: skip
        if key is not None and old is None and quantity > found.quantity:
            check_orders(account, side, self.rules)

    def _check_means(
        self, account: Account, side: Side, key: int | None, quantity: int, found: Match,
        old: Order | None,
    ) -> None:  # fmt: skip
        """Check that a trader has the cash or the units, and may owe what is missing."""
        cost = found.ticks
        if key is None:
            quantity = found.quantity
        elif side == "buy":
            cost += (self._due(-key) - key) * (quantity - found.quantity)
        if old is not None:
            account.reserve(old, -old.remaining)
        try:
            self._check_purse(account, side, quantity, cost)
        finally:
            if old is not None:
                account.reserve(old, old.remaining)

    def _check_proceeds(
        self, account: Account, side: Side, key: int | None, quantity: int, found: Match,
        old: Order | None,
    ) -> None:  # fmt: skip
        assert self.charges is not None
        check_proceeds(side, abs(found.worst if key is None else key), self.charges)

    def _check_loss(
        self, account: Account, side: Side, key: int | None, quantity: int, found: Match,
        old: Order | None,
    ) -> None:  # fmt: skip
        assert self._value_of is not None
        price = self.grid.price(abs(found.worst if key is None else key))
        units = found.quantity if key is None else quantity
        net = None if self.charges is None else self._with_charges
        check_loss(account, side, units, price, self._value_of, old, net)

    def _with_charges(self, side: Side, price: Price) -> Price:
        """Return what a unit at a price costs a buyer or brings a seller."""
        assert self.charges is not None
        return self.grid.price(self.charges.total(side, self.grid.affordable(price)))

    def _check_purse(self, account: Account, side: Side, quantity: int, cost: int) -> None:
        rules = self.rules
        beside = None if self._elsewhere is None else self._elsewhere(account.player)
        is_bound = self._has_budget(account) or (rules.budget is None and beside is not None)
        elsewhere = 0 if beside is None else self._ticks_more(account, beside)
        if side == "buy":
            if is_bound:
                check_purchase(account, quantity, cost, self._margin, elsewhere)
            return
        if not rules.short_sales:
            check_units(account, quantity)
        elif rules.max_short is not None:
            check_owed(account, quantity, rules.max_short)
        if is_bound:
            check_short_sale(account, quantity, self._margin, elsewhere)

    def _ticks_more(self, account: Account, cash: Price) -> int:
        """Return how many more ticks a trader has with cash from elsewhere, or fewer with debt.

        What is less than a tick in both may be one together.
        """
        own, grid = account.initial_cash, self.grid
        return grid.affordable(total((own, cash))) - grid.affordable(own)

    def _has_budget(self, account: Account) -> bool:
        return account.endowed if self.rules.budget is None else self.rules.budget

    def _submit(
        self, account: Account, side: Side, key: int | None, quantity: int, found: Match,
        before: int, events: list[OrderEvent], changes: list[LevelChange],
        terms: Terms | None = None, standing: Standing | None = None,
    ) -> Outcome:  # fmt: skip
        """Fill an order with its matches; the rest stands or is cancelled.

        Args:
            before, events, changes: what the command has done to the book already.
        """
        number, player, seq = self.next_order, account.player, self.seq + 1
        self.next_order, self.seq = number + 1, seq
        # Only now: a trader whose order is refused gets no account.
        account = self.accounts.setdefault(player, account)
        kind: Kind = "market" if key is None else terms or "limit"
        price = None if key is None else self.grid.price(abs(key))
        events.append(
            OrderEvent(seq, "submit", number, player, side, kind, price, quantity, quantity)
        )
        trades: list[Trade] = []
        order = Order(number, player, side, key or 0, price or 0, quantity, quantity)
        if standing is not None:
            self._stand_as(order, standing, events)
        rest, status = quantity, None
        if found is not NOTHING:
            self._execute(account, order, kind, found, events, trades, changes)
            rest = order.remaining
            if self._breaker is not None and trades:
                status = self._broken(self._breaker, trades)
        if rest and kind == "limit":
            if self.charges is not None and side == "buy":
                order.due = self._due(-order.key)
            changes.append(self.stand(order))
        elif rest:
            self._cancel_rest(number, player, side, kind, price, rest, events)
            rest = 0
        if self._lapses and self._lapse(number, events, trades, changes):
            rest = 0
        return Outcome(
            before, self.seq, number, rest, events, trades, changes, status, self.is_detailed
        )

    def _submit_instead(
        self, old: Order, account: Account, key: int | None, quantity: int, found: Match,
        terms: Terms | None = None, standing: Standing | None = None,
    ) -> Outcome:  # fmt: skip
        """Submit a new order that takes the place of the trader's old one."""
        before, events = self.seq, list[OrderEvent]()
        changes = [self._withdraw(old, old.remaining, "replaced", events)]
        outcome = self._submit(
            account, old.side, key, quantity, found, before, events, changes, terms, standing
        )
        changes[:] = _latest(changes)
        return outcome

    def _move(self, old: Order, account: Account, key: int, quantity: int) -> Outcome:
        """Put a new order in the place of *old*, as `_withdraw` and `_submit` would one by one."""
        before, number, player, side = self.seq, self.next_order, old.player, old.side
        self.seq, self.next_order = before + 2, number + 1
        price, left, ladder = self.grid.price(abs(key)), old.remaining, self.ladders[side]
        new = Order(number, player, side, key, price, quantity, quantity)
        account.move(old, new)
        del self.orders[old.number]
        self.orders[number] = new
        level = ladder.take(old, left)
        gone = LevelChange(side, old.price, level.quantity, len(level.orders))
        level = ladder.add(new)
        come = LevelChange(side, price, level.quantity, len(level.orders))
        events = [
            OrderEvent(
                before + 1, "cancel", old.number, player, side, "limit", old.price, left, 0,
                "replaced",
            ),
            OrderEvent(
                before + 2, "submit", number, player, side, "limit", price, quantity, quantity
            ),
        ]  # fmt: skip
        changes = [come] if key == old.key else [gone, come]
        return Outcome(before, before + 2, number, quantity, events, [], changes)

    def _stand_as(self, order: Order, standing: Standing, events: list[OrderEvent]) -> None:
        """Set how long a new order stands, and how much of it is shown; its event tells."""
        parts = {"shown": standing.peak or None, "good_for": standing.good_for}
        events[-1] = replace(events[-1], **parts)
        if standing.good_for is not None:
            order.good_for, order.expires = standing.good_for, self.now + standing.good_for
        order.peak = standing.peak
        order.shown = min(order.peak, order.remaining)

    def _cancel_rest(
        self, number: int, player: str, side: Side, kind: Kind, price: Price | None, rest: int,
        events: list[OrderEvent],
    ) -> None:  # fmt: skip
        """Cancel what is left of an order that does not stand."""
        self.seq += 1
        events.append(
            OrderEvent(self.seq, "cancel", number, player, side, kind, price, rest, 0, "unfilled")
        )

    def _lapse(
        self, number: int, events: list[OrderEvent], trades: list[Trade],
        changes: list[LevelChange],
    ) -> bool:  # fmt: skip
        """Cancel the orders that lapse, and return whether the new order is among them."""
        with_new = self.rules.lapse == "trade"
        if with_new and not trades:
            return False
        for order in list(self.orders.values()):
            if with_new or order.number != number:
                changes.append(self._withdraw(order, order.remaining, "lapsed", events))
        changes[:] = _latest(changes)
        return with_new

    def stand(self, order: Order) -> LevelChange:
        """Add an order that crosses no other, without any check."""
        side = order.side
        level = self.ladders[side].add(order)
        self.orders[order.number] = order
        if order.expires is not None:
            self.expiries.add(order, self.orders)
        self.accounts[order.player].add(order)
        return LevelChange(side, level.price, level.quantity, len(level.orders))

    def _execute(
        self, account: Account, order: Order, kind: Kind, found: Match, events: list[OrderEvent],
        trades: list[Trade], changes: list[LevelChange],
    ) -> None:  # fmt: skip
        """Cancel the player's own orders on the way, then trade with each maker found."""
        last: dict[int, LevelChange] = {}
        for own in found.own:
            last[own.key] = self._withdraw(own, own.remaining, "self_trade", events)
        for maker, quantity in found.fills:
            last[maker.key] = self._trade(account, order, kind, maker, quantity, events, trades)
        changes += last.values()

    def _trade(
        self, account: Account, order: Order, kind: Kind, maker: Order, quantity: int,
        events: list[OrderEvent], trades: list[Trade],
    ) -> LevelChange:  # fmt: skip
        number, seq, side, price = self.next_trade, self.seq + 2, order.side, maker.price
        self.next_trade, self.seq = number + 1, seq
        change = self._take(maker, quantity)
        order.remaining -= quantity
        if order.peak:
            order.shown = min(order.peak, order.remaining)
        ticks = abs(maker.key)
        if self._trade_ticks is not None and kind != "market":
            ticks = self._trade_ticks(ticks, order.ticks)
            price = self.grid.price(ticks)
        events += (
            self._fill(seq - 1, maker, "limit", ticks, price, quantity, number, False),
            self._fill(seq, order, kind, ticks, price, quantity, number, True),
        )
        buyer, seller = (order, maker) if side == "buy" else (maker, order)
        trades.append(
            Trade(
                number, seq, price, quantity, buyer.player, seller.player, maker.player,
                order.player, maker.number, order.number, side,
            )
        )  # fmt: skip
        return change

    def _cross(
        self, bid: Order, ask: Order, quantity: int, ticks: int, events: list[OrderEvent],
        trades: list[Trade], last: dict[tuple[Side, int], LevelChange],
    ) -> None:  # fmt: skip
        """Trade two standing orders at the price of the call."""
        number, seq, price = self.next_trade, self.seq + 2, self.grid.price(ticks)
        self.next_trade, self.seq = number + 1, seq
        maker, taker = (bid, ask) if bid.number < ask.number else (ask, bid)
        for at, order in ((seq - 1, maker), (seq, taker)):
            last[order.side, order.key] = self._take(order, quantity)
            takes = at == seq
            events.append(self._fill(at, order, "limit", ticks, price, quantity, number, takes))
        trades.append(
            Trade(
                number, seq, price, quantity, bid.player, ask.player, maker.player, taker.player,
                maker.number, taker.number, taker.side,
            )
        )  # fmt: skip

    def _fill(
        self, seq: int, order: Order, kind: Kind, ticks: int, price: Price, quantity: int,
        trade: int, takes: bool,
    ) -> OrderEvent:  # fmt: skip
        """Book one side of a trade, whose price is so many ticks, and return its event."""
        account, side, left = self.accounts[order.player], order.side, order.remaining
        tax = fee = None
        if self.charges is None:
            account.trade(side, ticks, quantity)
        else:
            each, fees = self.charges.tax(side, ticks), self.charges.fee(takes)
            due = each + fees
            account.trade(side, ticks + due if side == "buy" else ticks - due, quantity)
            account.charged += due * quantity
            tax, fee = self.grid.price(each * quantity), self.grid.price(fees * quantity)
        return OrderEvent(
            seq, "partial_fill" if left else "fill", order.number, order.player, side, kind,
            price, quantity, left, None, trade, tax, fee, order.shown if order.peak else None,
        )  # fmt: skip

    def _withdraw(
        self, order: Order, quantity: int, reason: Reason, events: list[OrderEvent]
    ) -> LevelChange:
        peak = order.peak
        change = self._take(
            order, quantity - self._take_hidden(order, quantity) if peak else quantity
        )
        self.seq += 1
        events.append(
            OrderEvent(
                self.seq, "cancel", order.number, order.player, order.side, "limit", order.price,
                quantity, order.remaining, reason,
            )
        )  # fmt: skip
        if peak:
            events[-1] = replace(events[-1], shown=order.shown)
        return change

    def _take_hidden(self, order: Order, quantity: int) -> int:
        """Take up to so many units off an order that are not shown; return how many."""
        found = self.ladders[order.side].take_hidden(order, quantity)
        self.accounts[order.player].reserve(order, -found)
        return found

    def _reduce(self, order: Order, quantity: int) -> Outcome:
        if not quantity:
            raise OrderRefused("no_change", refusals.NO_CHANGE)
        events: list[OrderEvent] = []
        before, is_seen = self.seq, True
        if order.peak:  # nobody else sees a change of what is not shown
            is_seen = quantity > order.remaining - order.shown
        change = self._withdraw(order, quantity, "reduced", events)
        return Outcome(
            before, self.seq, order.number, order.remaining, events, [],
            [change] if is_seen else [], None, self.is_detailed,
        )  # fmt: skip

    def _take(self, order: Order, quantity: int) -> LevelChange:
        """Take a quantity off a standing order."""
        level = self.ladders[order.side].take(order, quantity)
        self.accounts[order.player].take(order, quantity)
        if not order.remaining:
            del self.orders[order.number]
        return LevelChange(order.side, level.price, level.quantity, len(level.orders))


def _latest(changes: list[LevelChange]) -> list[LevelChange]:
    """Return the last change of each price."""
    return list({(change.side, change.price): change for change in changes}.values())
