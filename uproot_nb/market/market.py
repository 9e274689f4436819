"""Market: a session's order book, with every command and its outcome in the log."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from operator import index
from random import Random
from typing import Any

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.experiment.identifiers import SessionIdentifier
from uproot_nb.experiment.live import client_seconds
from uproot_nb.market.analysis.dividends import Dividends
from uproot_nb.market.analysis.records import (
    command_in,
    new_bankruptcies,
    new_closing,
    new_record,
    new_refusal,
)
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.book_timer import BookTimer
from uproot_nb.market.orderbook import commands, refusals
from uproot_nb.market.orderbook.amounts import Price, exact, from_plain, plain, total
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.commands import Command, due_commands, execute
from uproot_nb.market.orderbook.depth import Depth
from uproot_nb.market.orderbook.durations import as_time, is_duration
from uproot_nb.market.orderbook.orders import Order, Side
from uproot_nb.market.orderbook.outcomes import Outcome, Trade
from uproot_nb.market.orderbook.rules import Rules, Terms
from uproot_nb.session.entities import Group, Player, Session
from uproot_nb.session.model import Model
from uproot_nb.session.steps import Cause, CountedSteps
from uproot_nb.session.world import World, find_world, world_of

__all__ = ["Market", "follows_pauses", "shift_markets", "wake_markets"]

Trader = Player | str
"""A player, or a trader's name."""

SHOWN_ORDERS = 100
"""The newest of a trader's standing orders are sent; there may be thousands."""


class Market:
    """A limit order book in a session. Everything is in the log, so it outlives the kernel.

        market = Market.in_session(player.session, period=1, rules=Rules(improvement=True))
        market.endow(player, cash=100, units=2)
        market.limit(player, "buy", 12)

    A command and its outcome are one entry of the model `market.model`, committed together with the
    other changes of the live method. A refused command is an entry, too. After a restart the same
    book is rebuilt from the commands.
    """

    def __init__(self, model: Model) -> None:
        data = model.get("market")
        if not isinstance(data, Mapping):
            raise BadMarket(
                f"The model {model.name!r} does not belong to a market.",
                "Give the market another name.",
            )
        self.model = model
        self.listeners: dict[str, Callable[[Outcome | None], None]] = {}
        """By owner: called with each outcome in its transaction, and with None at the end."""
        self._moment: float | None = None
        self.endowment_listeners: dict[str, Callable[[Collection[str]], None]] = {}
        """By owner: called with the names of those who are endowed, or get values or costs."""
        self.name: str = data["name"]
        self.title: str = data.get("title", data["name"])
        """The name without the group's."""
        self.period: int = data["period"]
        self._place = _place_of(data)
        self._beside: Sequence[str] | None = data.get("beside")
        """The titles of the markets that may share a purse; older logs lack them."""
        self.rules = Rules.recorded(dict(data["rules"]))
        self._timer = BookTimer(world_of(model), self.wake, lambda time: time - self._now())
        self._raw_values: Any = None
        self._values: InducedValues | None = None
        self._forget()

    @classmethod
    def in_session(
        cls, session: Session | SessionIdentifier, *, name: str = "market", period: int = 1,
        group: Group | None = None, rules: Rules | None = None,
        values: InducedValues | None = None, beside: Sequence[str] = (),
    ) -> Market:  # fmt: skip
        """Return the session's market of this name, period and group; create it the first time.

        Args:
            group: the group that trades; by default the whole session.
            rules: what the market allows; fixed when it is created.
            values: see `induce`.
            beside: the names of the markets that are traded together, including this one; only
                they share its traders' cash. A page passes its `market_names`; by default all
                markets share it that were created without such names.

        Raises:
            BadMarket: it was created with other rules, or with rules for simulations only.
        """
        world = find_world(session)
        with world.lock:
            market = cls.find(session, name=name, period=period, group=group)
            if market is None:
                model = _new(world, name, period, group, rules, beside)
                market = world.models.bound[model.name] = cls(model)
                _follow_pauses(world)
                if values is not None:
                    market.induce(values)
            if rules is not None and rules != market.rules:
                raise BadMarket(
                    f"The market {market.model.name!r} was created with different rules.",
                    "Only a new period, or a market with a new name, can have other rules.",
                )
        return market

    @classmethod
    def find(
        cls, session: Session | SessionIdentifier, *, name: str = "market", period: int = 1,
        group: Group | None = None,
    ) -> Market | None:  # fmt: skip
        """Return an existing market, or None."""
        return cls._tagged(find_world(session), _tag(_place(name, group), period))

    @classmethod
    def _tagged(cls, world: World, tag: str) -> Market | None:
        with world.lock:
            model, bound = world.models.get(tag), world.models.bound
            if model is None:
                bound.pop(tag, None)  # the hook that created it failed and was undone
            elif tag not in bound:
                bound[tag] = market = cls(model)
                _follow_pauses(world)
                if world.is_served and market.is_open:
                    market.wake()
            found: Market | None = bound.get(tag)
            return found

    def __repr__(self) -> str:
        return f"<Market {self.name!r}, period {self.period}: {len(self.book.orders)} orders stand>"

    # State

    @property
    def book(self) -> Book:
        """The current book; only this market's commands may change it."""
        with self.model._world.lock:
            self._catch_up()
            return self._book

    @property
    def trades(self) -> list[tuple[float, Trade]]:
        """Every trade, oldest first, with its time in Unix seconds."""
        with self.model._world.lock:
            self._catch_up()
            return list(self._trades)

    @property
    def public_changes(self) -> int:
        """How many commands so far have changed what everybody sees of the book.

        An event that only its owner sees, as of units that are not shown, does not count.
        """
        with self.model._world.lock:
            self._catch_up()
            return self._public_changes

    @property
    def values(self) -> InducedValues | None:
        """The induced values and costs; None if there are none."""
        raw = self.model.get("values")
        if raw is not self._raw_values:
            self._raw_values = raw
            self._values = None if raw is None else InducedValues.from_plain(raw)
        return self._values

    @property
    def dividends(self) -> Dividends | None:
        """The asset's dividends; None if there are none."""
        data = self.model.get("dividends")
        return None if data is None else Dividends.from_plain(data)

    @property
    def dividend(self) -> Price | None:
        """The dividend that each unit paid at the end of this period; None before it is settled."""
        data = self.model.get("dividend")
        return None if data is None else from_plain(data)

    @property
    def previous(self) -> Market | None:
        """The market of the same name and group in the previous period; None if there is none."""
        return self.in_period(self.period - 1)

    def in_period(self, period: int) -> Market | None:
        """Return the market of the same name and group in another period, or None."""
        return self._tagged(world_of(self.model), _tag(self.name, period))

    @property
    def is_open(self) -> bool:
        """Whether the market accepts orders."""
        return not self.model.get("closed", False)

    @property
    def is_halted(self) -> bool:
        """Whether trade is halted."""
        return self.book.halted

    def purse_markets(self) -> list[Market]:
        """Return the other markets of this period and group that share their traders' cash."""
        if self.rules.purse is None:
            return []
        world = world_of(self.model)
        names = _Purses.of(world).beside(self.model.name, self._place)
        found = (self._tagged(world, name) for name in names)
        return [one for one in found if one is not None and self._shares_with(one)]

    def _shares_with(self, other: Market) -> bool:
        """Return whether a market beside this one has the same purse.

        The markets of a practice page have the period and group of those of a later page.
        """
        together = self._beside is None and other._beside is None
        named = self.title in (other._beside or ()) and other.title in (self._beside or ())
        return (together or named) and other.rules.purse == self.rules.purse

    def depth(self, levels: int | None = None) -> Depth:
        """Return the public view; with *levels*, only that many best prices of each side."""
        return Depth.of(self.book, levels)

    def orders_of(self, trader: Trader) -> list[Order]:
        """Return a trader's standing orders, oldest first."""
        return list(self.book.account(_name(trader)).orders.values())

    def holdings(self, trader: Trader) -> dict[str, Any]:
        """Return a trader's private data, for JSON.

        orders (rows number, side, price, remaining, and for those that stand for a time or are
        shown in parts a dict: ends and now, in Unix seconds, and shown; the newest 100), more (the
        number of older orders), cash, purse (the cash in all markets of the purse), units, held
        (the part of the cash held back for units owed), charged (taxes and fees paid), bought,
        sold,
        value and cost (of the next unit; null if there is none), profit (null without induced
        values).
        """
        name, book, values = _name(trader), self.book, self.values
        account = book.account(name)
        newest = list(islice(reversed(account.orders.values()), SHOWN_ORDERS))[::-1]
        data: dict[str, Any] = {
            "orders": [
                [o.number, o.side, plain(o.price), o.remaining, *self._standing_of(o)]
                for o in newest
            ],
            "more": len(account.orders) - len(newest),
            "cash": plain(account.cash), "units": account.units,
            "purse": plain(self._purse(name)), "held": plain(book.held_back(name)),
            "charged": plain(book.grid.price(account.charged)),
            "bought": account.bought, "sold": account.sold,
            "value": None, "cost": None, "profit": None,
        }  # fmt: skip
        if values is not None:
            data["value"] = plain(values.value_of(name, "buy", account.bought + 1))
            data["cost"] = plain(values.value_of(name, "sell", account.sold + 1))
            worth = sum(list(values.values.get(name, ()))[: account.bought])
            cost = sum(list(values.costs.get(name, ()))[: account.sold])
            data["profit"] = plain(book.grid.sum(worth - cost, account.earned))
        return data

    def _standing_of(self, order: Order) -> list[dict[str, Any]]:
        """Return how long an order stands and how much of it is shown, if there is anything."""
        data: dict[str, Any] = {}
        if order.expires is not None:
            lost = self.model.get("lost", 0.0)
            data |= {"ends": order.expires + lost, "now": self._now() + lost}
        if order.peak:
            data["shown"] = order.shown
        return [data] if data else []

    def _purse(self, trader: str) -> Price:
        """Return a trader's cash in all markets of the purse."""
        markets = (self, *self.purse_markets())
        return total(market.book.account(trader).cash for market in markets)

    # Setting up

    def again(self) -> Market:
        """Return this market, rebuilt from the log."""
        self._timer.set(None)
        bound: dict[str, Any] = self.model._models.bound
        bound[self.model.name] = made = type(self)(self.model)
        return made

    def ruled_by(self, rules: Rules) -> Market:
        """Return the market with these rules, unless it was created with rules or has traders."""
        if self.model.market.get("ruled", True) or self.book.accounts or rules == self.rules:
            return self
        self.model.market["rules"] = rules.plain()
        return self.again()

    def induce(self, values: InducedValues) -> None:
        """Induce values for buyers and costs for sellers, before the first order.

        Raises:
            BadMarket: somebody has sent an order already.
        """
        if self.book.next_order > 1:
            raise BadMarket("Orders have been sent already.", "Induce values before the first.")
        self.model.values = values.plain()
        self._notify_of_endowments({*values.values, *values.costs})

    def induce_for(
        self, trader: Trader, values: Sequence[Price] = (), costs: Sequence[Price] = ()
    ) -> None:
        """Induce values or costs for a trader who has none yet, at any time.

            market.induce_for(player, values=[90, 70])

        A late trader changes demand and supply: equilibrium and efficiency include all units of
        the period, whenever they came.

        Args:
            values: the value of each unit, first unit first.
            costs: the cost of each unit, first unit first.

        Raises:
            BadMarket: the trader has such units already, or these are not amounts of money.
        """
        name, known = _name(trader), self.values or InducedValues({}, {})
        for there, units in ((known.values, values), (known.costs, costs)):
            if units and name in there:
                raise BadMarket(
                    f"{name} has units in {self!r} already.", "Induced values cannot be changed."
                )
        self.model.values = InducedValues(
            {**known.values, **({name: values} if values else {})},
            {**known.costs, **({name: costs} if costs else {})},
        ).plain()
        if costs and self.book.account(name).sold:
            self._forget()  # what the trader owed may be produced now
        self._notify_of_endowments({name})

    def promise(self, dividends: Dividends) -> None:
        """Set the dividends of the asset traded here, before the first order.

            market.promise(Dividends((0, 8, 28, 60), periods=15))

        Raises:
            BadMarket: somebody has sent an order already, or the asset has expired.
        """
        dividends.fundamental_value(self.period)
        if self.book.next_order > 1:
            raise BadMarket("Orders have been sent already.", "Promise dividends before the first.")
        self.model.dividends = dividends.plain()

    def endow(self, trader: Trader, cash: Price = 0, units: int = 0) -> None:
        """Give a trader cash and units before the first order. See `Book.endow`."""
        self._do(commands.Endow(_name(trader), _whole(cash), _whole(units)), None)

    def _endow_as_before(self, trader: str, previous: Market) -> None:
        """Endow a trader with its holdings of the previous period, and credit if it had credit."""
        cash, units = previous._settled(trader)
        account, grid = previous.book.account(trader), previous.book.grid
        credit = None if account.endowed else True
        held = grid.price(account.held_ticks) if account.held_ticks else None
        self._do(commands.Endow(trader, cash, units, credit, held), None)

    def close(self) -> None:
        """Accept no more orders, and log the end. Standing orders stay in the book. Idempotent."""
        with self.model._world.lock:
            if self.is_open:
                self._close()
                self._note_bankruptcies()

    def _close(self) -> None:
        if self.is_open:
            self._catch_up()
            self._pass_time()
            self.model.closed = True
            self._note(new_closing())
            self._timer.set(None)
            self._notify_listeners(None)

    def halt(self, seconds: float | None = None) -> None:
        """Halt trade for a number of seconds, or until `resume`: `market.halt(60)`.

        New orders are refused; traders may withdraw or reduce standing orders, which also
        expire. The halt does not prolong the period.

        Raises:
            BadMarket: *seconds* is not a number of seconds, or the market is closed.
        """
        if seconds is not None and not is_duration(seconds):
            raise BadMarket(
                f"seconds={seconds!r} is not a time.", "Write market.halt(60), or market.halt()."
            )
        self._set_status(commands.Halt(None if seconds is None else float(seconds)))

    def resume(self) -> None:
        """Let trade go on after a halt. Does nothing without one."""
        if self.is_halted:
            self._set_status(commands.Resume())

    def _set_status(self, command: Command) -> None:
        if not self.is_open:
            raise BadMarket(f"{self!r} is closed.", "Only an open market can be halted.")
        self._do(command, None)

    def shift(self, seconds: float) -> None:
        """Postpone the end, and the ends of orders and halts, after a pause of the session."""
        with self.model._world.lock:
            if not self.is_open:
                return
            ends = self.model.get("ends")
            if ends is not None:
                self.model.ends = ends + seconds
            if self.rules.is_timed or self.book.halted:
                self.model.lost = self.model.get("lost", 0.0) + seconds
                self._timer.again()

    # From period to period

    def settle(self, dividend: Price | None = None) -> Price:
        """End the period: close the market, pay the period's dividend and return it.

        It is drawn once, from the session's seed, and logged; settling again changes nothing. A
        trader with negative cash is then bankrupt: this is logged, too, and while the debt lasts
        the trader can only buy back units owed, and sell units held. Where markets share a purse,
        its cash counts once the last of them has ended, which logs it.

        Args:
            dividend: what each unit pays, instead of a draw.

        Raises:
            BadMarket: it is not an amount of money, or another dividend was already paid.
        """
        with self.model._world.lock:
            self._close()
            paid = self.dividend
            if paid is None:
                paid = self._drawn() if dividend is None else _money(dividend)
                self.model.dividend = plain(paid)
                self._note_bankruptcies()
            elif dividend is not None and dividend != paid:
                raise BadMarket(
                    f"{self.name!r} has paid {paid} in period {self.period} already.",
                    "A period has one dividend.",
                )
            return paid

    def settled(self, trader: Trader) -> dict[str, Any]:
        """Return a trader's cash and units after settlement, for JSON.

        Raises:
            BadMarket: the period is not settled.
        """
        cash, units = self._settled(_name(trader))
        return {"cash": plain(cash), "units": units}

    def carry_over(self, previous: Market, dividend: Price | None = None) -> None:
        """Settle the previous period, and endow all its traders with what they then have.

            market.carry_over(market.previous)

        This includes traders who are not here. Doing it again changes nothing. The previous period
        accepts no more orders.

        Args:
            dividend: see `settle`.

        Raises:
            BadMarket: somebody has traded here already, or holdings came from another market.
        """
        with self.model._world.lock:
            source, book = self.model.get("carried_from"), self.book
            if source not in (None, previous.model.name) or (source is None and book.accounts):
                raise BadMarket(
                    f"{self!r} has traders already.",
                    "Carry over once, before the first order, and endow nobody yourself.",
                )
            previous.settle(dividend)
            self.model.carried_from = previous.model.name
            for trader in previous.book.accounts:
                if trader not in book.accounts:
                    self._endow_as_before(trader, previous)

    def _note_bankruptcies(self) -> None:
        """Log who has less than no cash, of those who have no credit, if the purse has ended."""
        markets = [self, *self.purse_markets()]
        if any(one._may_earn for one in markets) or all(one.dividend is None for one in markets):
            return
        found: list[tuple[str, Price, int]] = []
        for name in dict.fromkeys(name for one in markets for name in one.book.accounts):
            if any(one._is_limited(name) for one in markets):
                cash = total(one._settled_cash(name) for one in markets)
                if cash < 0 and not any(one._is_bankrupt(name) for one in markets):
                    found.append((name, cash, sum(one.book.account(name).owed for one in markets)))
        if found:
            self._note(new_bankruptcies(found))

    @property
    def _may_earn(self) -> bool:
        """Whether what its traders have may still change in this period."""
        return self.is_open or (self.dividends is not None and self.dividend is None)

    def _is_bankrupt(self, trader: str) -> bool:
        """Return whether a trader's bankruptcy is logged already."""
        entries = self.model.entries if self.dividend is not None else ()
        events = (row for _, _, entry in entries for row in entry["events"])
        return any(row[0] == "bankrupt" and row[2] == trader for row in events)

    def _is_limited(self, trader: str) -> bool:
        """Return whether a trader is in this market, and has no credit in it."""
        account, budget = self.book.accounts.get(trader), self.rules.budget
        return account is not None and (account.endowed if budget is None else budget)

    def _settled_cash(self, trader: str) -> Price:
        """Return a trader's cash at the end, with the dividend if there was one."""
        paid = self.dividend is not None
        return self._settled(trader)[0] if paid else self.book.account(trader).cash

    def _settled(self, trader: str) -> tuple[Price, int]:
        account, paid = self.book.account(trader), self.dividend
        if paid is None:
            raise BadMarket(f"{self!r} is not settled.", "Call market.settle() first.")
        asset = self.dividends or Dividends((paid,), periods=self.period + 1)
        units = account.settled_units
        return asset.settle(self.period, account.cash, units, paid, self.rules.tick)

    def _drawn(self) -> Price:
        asset = self.dividends
        if asset is None:
            return 0
        return asset.draw(self.period, f"{world_of(self.model).seed}/{self.name}")

    # Commands

    def limit(
        self, trader: Trader, side: Side, price: Price, quantity: int = 1,
        client_time: float | None = None, terms: Terms | None = None,
        good_for: float | None = None, shown: int | None = None,
    ) -> Outcome:  # fmt: skip
        """Buy or sell at *price* or better; the rest stands in the book.

        Args:
            terms: "ioc" or "fok", for an order that does not stand; see `Book.limit`.
            good_for: for how many seconds the order may stand.
            shown: how many units are shown at a time; see `Book.limit`.
            client_time: when the trader's browser sent it, in Unix seconds by its own clock.

        Raises:
            OrderRefused: the rules do not allow it, or the market is closed.
        """
        command = commands.LimitOrder(
            _name(trader), side, _whole(price), _whole(quantity), terms, as_time(good_for),
            _whole(shown),
        )  # fmt: skip
        return self.give(command, client_time)

    def market(
        self, trader: Trader, side: Side, quantity: int = 1, client_time: float | None = None
    ) -> Outcome:
        """Buy or sell at once at the best prices available. See `Book.market`."""
        return self.give(commands.MarketOrder(_name(trader), side, _whole(quantity)), client_time)

    def cancel(self, trader: Trader, order: int, client_time: float | None = None) -> Outcome:
        """Cancel a trader's own order. See `Book.cancel`."""
        return self.give(commands.Cancel(_name(trader), _whole(order)), client_time)

    def cancel_all(self, trader: Trader | None = None, client_time: float | None = None) -> Outcome:
        """Cancel all orders of a trader, or of everybody."""
        who = None if trader is None else _name(trader)
        return self.give(commands.CancelAll(who), client_time)

    def replace(
        self, trader: Trader, order: int, price: Price | None = None, quantity: int | None = None,
        client_time: float | None = None,
    ) -> Outcome:  # fmt: skip
        """Change the price or remaining quantity of a trader's own order. See `Book.replace`."""
        command = commands.Replace(_name(trader), _whole(order), _whole(price), _whole(quantity))
        return self.give(command, client_time)

    def clear(self) -> Outcome:
        """Clear a call market at one price. See `Book.clear`.

        Random rationing follows from the session's seed.

        Raises:
            BadMarket: this is not a call market.
            OrderRefused: the market is closed.
        """
        lot = None
        if self.rules.rationing == "random":
            count = len(self.model._records())
            lot = Random(f"{world_of(self.model).seed}/{self.model.name}/{count}").getrandbits(53)
        return self.give(commands.Clear(lot), None)

    def refuse(
        self, command: Command, code: str, message: str, client_time: float | None = None
    ) -> OrderRefused:
        """Log a refusal by a rule of your own, and return the error to raise.

        order = LimitOrder(player.name, "buy", price)
        raise market.refuse(order, "too_soon", "Please wait a moment.")
        """
        refusal = OrderRefused(code, message)
        with self.model._world.lock:
            self._catch_up()
            self._note(new_refusal(command, refusal, client_seconds(client_time)))
        return refusal

    # Internals

    def give(self, command: Command, client_time: float | None = None) -> Outcome:
        """Execute any command: `market.give(LimitOrder("ann", "buy", 12))`.

        Raises:
            OrderRefused: the rules do not allow it, or the market is closed.
        """
        if not self.is_open:
            raise self.refuse(command, "closed", refusals.CLOSED, client_time)
        outcome = self._do(command, client_time)
        assert outcome is not None
        return outcome

    def _do(self, command: Command, client_time: float | None) -> Outcome | None:
        sent = client_seconds(client_time)
        with self.model._world.lock:
            self._catch_up()
            self._pass_time()
            if self.rules.is_timed or isinstance(command, commands.Halt):
                self._book.now = self._now()
            outcome = self._execute(command, sent)
            if self._book.next_time is not None:
                self._timer.set(self._book.next_time)
            return outcome

    def _execute(self, command: Command, sent: float | None) -> Outcome | None:
        """Execute a command and log it; a refusal is logged, too."""
        try:
            outcome = execute(self._book, command)
        except OrderRefused as refusal:
            self._note(new_refusal(command, refusal, sent))
            raise
        now = None
        if self.rules.is_timed or isinstance(command, commands.Halt):
            now = self._book.now
        try:
            self._note(new_record(command, outcome, sent, now))
        except BaseException:
            self._forget()  # the book is ahead of the log
            raise
        self._note_outcome(outcome, self.model._records()[-1]["time"])
        if outcome is not None:
            self._notify_listeners(outcome)
        elif isinstance(command, commands.Endow):
            self._notify_of_endowments({command.player})
        return outcome

    def _now(self) -> float:
        """Return the time of the market, in Unix seconds less the pauses of the session."""
        if self._moment is not None:
            return self._moment
        world = world_of(self.model)
        now = world.flow.timeouts.now if world.is_served else world.clock()
        return float(now - self.model.get("lost", 0.0))

    @contextmanager
    def at_one_time(self) -> Iterator[None]:
        """Bring the market up to date; its time then stands still in this block of a live method.

        So a command meets the book that the page has read, and expired orders and halts come
        first and belong to nobody's command.
        """
        with self.model._world.lock:
            if self._moment is not None:
                yield
                return
            self._catch_up()
            self._moment = self._now()
            try:
                self._pass_time()
                yield
            finally:
                self._moment = None

    def wake(self) -> None:
        """Bring the market up to date, and set the timer for what comes next: after a restart."""
        with self.model._world.lock:
            self._catch_up()
            self._pass_time()
            if self.is_open:
                self._timer.set(self._book.next_time)

    def _pass_time(self) -> None:
        """Let orders leave whose time is over, and end a halt that is over.

        The log says when, and a rerun does it then; a call that finds it out counts as later.
        """
        book, lock = self._book, world_of(self.model).lock
        due = book.next_time
        if due is None or not self.is_open or lock.gate is not None:
            return
        now = self._now()
        if now < due:
            return
        before = lock.begin_step(_TIME)
        try:
            for command in due_commands(book, now):
                self._execute(command, None)
        finally:
            lock.end_step(before)
        if isinstance(lock.cause, CountedSteps):
            lock.cause.begin_anew()
        self._timer.set(book.next_time)

    def _notify_listeners(self, outcome: Outcome | None) -> None:
        for listener in list(self.listeners.values()):
            listener(outcome)

    def _notify_of_endowments(self, names: Collection[str]) -> None:
        for listener in list(self.endowment_listeners.values()):
            listener(names)

    def _note(self, record: dict[str, Any]) -> None:
        """Log an entry whose effects the book has already."""
        self.model._add(record)
        self._applied += 1
        self._last = self.model._records()[-1]["id"]

    def _note_outcome(self, outcome: Outcome | None, time: float) -> None:
        if outcome is None:
            return
        if outcome.changes:
            self._public_changes += 1
        if outcome.trades:
            self._trades.extend((time, trade) for trade in outcome.trades)

    def _forget(self) -> None:
        self._book = Book(self.rules, self._value_of, self._cash_elsewhere)
        self._trades: list[tuple[float, Trade]] = []
        self._public_changes = 0
        self._applied, self._last = 0, ""

    def _catch_up(self) -> None:
        """Execute commands that only the log has; all of them if something was undone."""
        records = self.model._records()
        done = self._applied
        if done > len(records) or (done and records[done - 1]["id"] != self._last):
            self._forget()
        for record in records[self._applied :] if self._applied < len(records) else ():
            entry = self.model._world.codec.decode(record["fields"])
            command = command_in(entry)
            if command is not None:
                self._book.now = entry.get("now", self._book.now)
                with self._book.as_recorded():
                    outcome = execute(self._book, command)
                self._note_outcome(outcome, record["time"])
            self._applied, self._last = self._applied + 1, record["id"]

    def free_cash(self, trader: Trader) -> Price | None:
        """Return what a trader can spend, in all markets of the purse; None without a limit.

        Bids reserve cash, and what units owed were sold for is held back, in each of them.
        """
        name, budget = _name(trader), self.rules.budget
        elsewhere = self._cash_elsewhere(name)
        is_limited = self.book.account(name).endowed or elsewhere is not None
        if not (is_limited if budget is None else budget):
            return None
        return total((self._left(name), 0 if elsewhere is None else elsewhere))

    def _cash_elsewhere(self, player: str) -> Price | None:
        """Return what a trader can spend of the same purse in other markets.

        None if no market of the purse limits the trader. If one does, it is less than nothing where
        the others are paid with this market's cash.
        """
        others = self.purse_markets()
        if not others:
            return None
        limits = [book.spendable(player) for book in (self._book, *(one.book for one in others))]
        if all(cash is None for cash in limits):
            return None
        return total(other._left(player) for other in others)

    def _left(self, player: str) -> Price:
        """Return the cash that a trader has left here: negative if other markets pay for this one.

        Where the rules give credit to all (`budget=False`), they do not. Orders that stand in a
        closed market bind nothing.
        """
        book = self._book
        if book.rules.budget is False and book.spendable(player) is None:
            return 0
        return book.left_of(player, with_orders=self.is_open)

    def _value_of(self, player: str, side: Side, unit: int) -> Price | None:
        values = self.values
        return None if values is None else values.value_of(player, side, unit)


_TIME = Cause("researcher", "", "market time", "")
"""The cause of what time does: a rerun takes it from the log."""

_MARKETS = "markets"
"""The name of the listener to pauses."""

_BY_PERIOD = "markets/by period"
"""The name of the index."""


class _Purses:
    """The names of a session's market models, by period and group.

    A session is looked through once; markets that are created later are added. Those whose creation
    was undone stay, and have no model.
    """

    def __init__(self, world: World) -> None:
        self._names: dict[tuple[str, int], dict[str, None]] = {}
        for subject in list(world.state.fields):
            kind, _, name = subject.partition("/")
            model = world.models.get(name) if kind == "model" else None
            data = None if model is None else model.get("market")
            if isinstance(data, Mapping):
                self.add(name, data)

    @classmethod
    def of(cls, world: World) -> _Purses:
        """Return those of a session."""
        indexes = world.models.indexes
        if _BY_PERIOD not in indexes:
            indexes[_BY_PERIOD] = cls(world)
        found: _Purses = indexes[_BY_PERIOD]
        return found

    def add(self, name: str, data: Mapping[str, Any]) -> None:
        """Add a market by its model's name and what the model says of it."""
        self._names.setdefault(_place_of(data), {})[name] = None

    def beside(self, name: str, place: tuple[str, int]) -> list[str]:
        """Return the models of the other markets of a group and period."""
        return [other for other in list(self._names.get(place, ())) if other != name]


def _place_of(data: Mapping[str, Any]) -> tuple[str, int]:
    """Return the group in a market's name, and the period."""
    title = str(data.get("title", data["name"]))
    return str(data["name"])[len(title) :], int(data["period"])


def wake_markets(world: World) -> None:
    """Let all open markets of a session do what time asks for: after a restart."""
    for model in list(world.models.having("market")):
        if isinstance(model.market, Mapping):  # else an author's field
            Market._tagged(world, model.name)


def shift_markets(world: World, seconds: float) -> None:
    """Postpone what ends in the markets of a session, after a pause."""
    for model in list(world.models.having("market")):
        market = world.models.bound.get(model.name)
        if market is None and isinstance(model.market, Mapping):
            market = Market(model)
        if isinstance(market, Market):
            market.shift(seconds)


def _follow_pauses(world: World) -> None:
    """Let pauses move the ends of the session's markets, also without a page of theirs."""
    if world.is_served:
        listeners = world.flow.timeouts.shift_listeners
        listeners.setdefault(_MARKETS, partial(shift_markets, world))


def follows_pauses(world: World) -> bool:
    """Return whether pauses move the ends of the session's markets already."""
    return _MARKETS in world.flow.timeouts.shift_listeners


def _new(
    world: World, name: str, period: int, group: Group | None, rules: Rules | None,
    beside: Sequence[str],
) -> Model:  # fmt: skip
    if not isinstance(period, int) or isinstance(period, bool):
        raise BadMarket(f"period={period!r} is not a whole number.", "Count periods: 1, 2, 3 …")
    if rules is not None and rules.timing != "uniform":
        raise BadMarket(
            f"timing={rules.timing!r} says when robots act in a simulation; in a session everybody "
            "acts at any time.",
            'Write dataclasses.replace(rules, timing="uniform").',
        )
    place = _place(name, group)
    tag = _tag(place, period)
    model = world.models.create(tag, name=tag)
    model.market = data = {
        "name": place, "title": name, "period": period, "rules": (rules or Rules()).plain(),
        "ruled": rules is not None, **({"beside": list(beside)} if beside else {}),
    }  # fmt: skip
    _Purses.of(world).add(tag, data)
    return model


def _place(name: str, group: Group | None) -> str:
    return name if group is None else f"{name}-{group.name}"


def _tag(place: str, period: int) -> str:
    return f"{place}-{period}"


def _name(trader: Trader) -> str:
    return trader if isinstance(trader, str) else trader.name


def _whole(value: Any) -> Any:
    """Return whole numbers of numpy and others as int; anything else unchanged."""
    return value if isinstance(value, bool) or not hasattr(value, "__index__") else index(value)


def _money(value: Any) -> Price:
    money = exact(value)
    if money is None:
        raise BadMarket(
            f"{value!r} is not an amount of money.", "Write a whole number or a Decimal."
        )
    return money
