"""Market: a book that belongs to a session, with every command and what came of it in the log."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from operator import index
from typing import Any

from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.experiment.identifiers import SessionIdentifier
from uproot_nb.market.analysis.dividends import Dividends
from uproot_nb.market.analysis.records import command_in, new_record, new_refusal
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.orderbook import commands, refusals
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.commands import Command, carry_out
from uproot_nb.market.orderbook.depth import Depth
from uproot_nb.market.orderbook.orders import Order, Side
from uproot_nb.market.orderbook.outcomes import Outcome, Trade
from uproot_nb.market.orderbook.prices import Price, exact, from_plain, plain
from uproot_nb.market.orderbook.rules import Rules
from uproot_nb.session.entities import Group, Player, Session
from uproot_nb.session.model import Model
from uproot_nb.session.world import World, find_world, world_of

__all__ = ["Market"]

Trader = Player | str
"""A player, or a trader's name."""

SHOWN_ORDERS = 100
"""Of one's own standing orders, the newest are told; a trader may have thousands."""


class Market:
    """A limit order book in a session: what happens in it is in the log, and outlives the kernel.

        market = Market.in_session(player.session, period=1, rules=Rules(improvement=True))
        market.endow(player, cash=100, units=2)
        market.limit(player, "buy", 12)

    A command and its consequences are one entry of the model `market.model`, committed with all
    else that the live method does. A command that is refused is an entry, too. After a restart the
    book is made anew from the commands, and is the same book.
    """

    def __init__(self, model: Model) -> None:
        told = model.get("market")
        if not isinstance(told, Mapping):
            raise BadMarket(
                f"The model {model.name!r} is none of a market.", "Give the market another name."
            )
        self.model = model
        self.listeners: dict[str, Callable[[Outcome | None], None]] = {}
        """By whom: is told of each command's outcome in its transaction, and by None of the end."""
        self.answered = ""
        """Who reads of a command by its reply, and need not be told by listeners."""
        self.name: str = told["name"]
        self.title: str = told.get("title", told["name"])
        """The name without the group's."""
        self.period: int = told["period"]
        self.rules = Rules.from_plain(dict(told["rules"]))
        self._raw_values: Any = None
        self._values: InducedValues | None = None
        self._forget()

    @classmethod
    def in_session(
        cls, session: Session | SessionIdentifier, *, name: str = "market", period: int = 1,
        group: Group | None = None, rules: Rules | None = None,
        values: InducedValues | None = None,
    ) -> Market:  # fmt: skip
        """Return a session's market of that name, period and group; the first time it is made.

        Args:
            group: whose market it is; by default the whole session's.
            rules: what it allows; only the first time, and the same ever after.
            values: see `induce`.

        Raises:
            BadMarket: it was made with other rules.
        """
        world = find_world(session)
        with world.lock:
            market = cls.find(session, name=name, period=period, group=group)
            if market is None:
                model = _new(world, name, period, group, rules)
                market = world.models.bound[model.name] = cls(model)
                if values is not None:
                    market.induce(values)
            if rules is not None and rules != market.rules:
                raise BadMarket(
                    f"The market {market.model.name!r} was made with other rules.",
                    "A new period, or a new name, may have new ones.",
                )
        return market

    @classmethod
    def find(
        cls, session: Session | SessionIdentifier, *, name: str = "market", period: int = 1,
        group: Group | None = None,
    ) -> Market | None:  # fmt: skip
        """Return a market that was made before, None if there is none."""
        return cls._tagged(find_world(session), _tag(_place(name, group), period))

    @classmethod
    def _tagged(cls, world: World, tag: str) -> Market | None:
        with world.lock:
            model, bound = world.models.get(tag), world.models.bound
            if model is None:
                bound.pop(tag, None)  # the hook that made it has failed, and was undone
            elif tag not in bound:
                bound[tag] = cls(model)
            found: Market | None = bound.get(tag)
            return found

    def __repr__(self) -> str:
        return f"<Market {self.name!r}, period {self.period}: {len(self.book.orders)} orders stand>"

    # What is there

    @property
    def book(self) -> Book:
        """The book as it is now; only this market's commands may change it."""
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
    def values(self) -> InducedValues | None:
        """What units are worth and cost; None where nothing was induced."""
        raw = self.model.get("values")
        if raw is not self._raw_values:
            self._raw_values = raw
            self._values = None if raw is None else InducedValues.from_plain(raw)
        return self._values

    @property
    def dividends(self) -> Dividends | None:
        """What the asset pays; None where nothing was promised."""
        told = self.model.get("dividends")
        return None if told is None else Dividends.from_plain(told)

    @property
    def dividend(self) -> Price | None:
        """What each unit has paid at the end of this period; None before it is settled."""
        told = self.model.get("dividend")
        return None if told is None else from_plain(told)

    @property
    def previous(self) -> Market | None:
        """The market of the same name, or group, in the period before; None if there was none."""
        return self.in_period(self.period - 1)

    def in_period(self, period: int) -> Market | None:
        """Return the market of the same name, or group, in another period, if there was one."""
        return self._tagged(world_of(self.model), _tag(self.name, period))

    @property
    def is_open(self) -> bool:
        """Whether orders are taken."""
        return not self.model.get("closed", False)

    def depth(self, levels: int | None = None) -> Depth:
        """Return what everybody may see; with *levels*, so many of the best prices."""
        return Depth.of(self.book, levels)

    def orders_of(self, trader: Trader) -> list[Order]:
        """Return a trader's standing orders, oldest first."""
        return list(self.book.account(_name(trader)).orders.values())

    def holdings(self, trader: Trader) -> dict[str, Any]:
        """Return what a trader alone may know, as JSON has it.

        orders (rows number, side, price, remaining; the newest 100), more (how many orders there
        are besides), cash, units, bought, sold, value and cost (of the next unit; null where there
        is none), profit (null where nothing was induced).
        """
        name, book, values = _name(trader), self.book, self.values
        account = book.account(name)
        newest = list(islice(reversed(account.orders.values()), SHOWN_ORDERS))[::-1]
        told: dict[str, Any] = {
            "orders": [[o.number, o.side, plain(o.price), o.remaining] for o in newest],
            "more": len(account.orders) - len(newest),
            "cash": plain(account.cash), "units": account.units, "bought": account.bought,
            "sold": account.sold, "value": None, "cost": None, "profit": None,
        }  # fmt: skip
        if values is not None:
            told["value"] = plain(values.value_of(name, "buy", account.bought + 1))
            told["cost"] = plain(values.value_of(name, "sell", account.sold + 1))
            worth = sum(list(values.values.get(name, ()))[: account.bought])
            cost = sum(list(values.costs.get(name, ()))[: account.sold])
            told["profit"] = plain(book.grid.sum(worth - cost, account.earned))
        return told

    # Setting up

    def again(self) -> Market:
        """Return this market as the log has it, made anew."""
        bound: dict[str, Any] = self.model._models.bound
        bound[self.model.name] = made = type(self)(self.model)
        return made

    def ruled_by(self, rules: Rules) -> Market:
        """Return the market with these rules, unless it was made with rules or has traders."""
        if self.model.market.get("ruled", True) or self.book.accounts or rules == self.rules:
            return self
        self.model.market["rules"] = rules.plain()
        return self.again()

    def induce(self, values: InducedValues) -> None:
        """Say what units are worth to buyers and cost sellers; before the first order.

        Raises:
            BadMarket: somebody has sent an order already.
        """
        if self.book.next_order > 1:
            raise BadMarket("Orders have been sent already.", "Induce values before the first.")
        self.model.values = values.plain()

    def induce_for(
        self, trader: Trader, values: Sequence[Price] = (), costs: Sequence[Price] = ()
    ) -> None:
        """Say what units are worth to, or cost, one who has none yet; at any time.

            market.induce_for(player, values=[90, 70])

        Whoever comes late changes demand and supply: equilibrium and efficiency are of all units of
        the period, whenever they came.

        Args:
            values: what each unit is worth to its buyer, first unit first.
            costs: what each unit costs its seller.

        Raises:
            BadMarket: the trader has units of that kind, or they are no amounts of money.
        """
        name, known = _name(trader), self.values or InducedValues({}, {})
        for there, units in ((known.values, values), (known.costs, costs)):
            if units and name in there:
                raise BadMarket(
                    f"{name} has units in {self!r} already.", "Values stay as they were induced."
                )
        self.model.values = InducedValues(
            {**known.values, **({name: values} if values else {})},
            {**known.costs, **({name: costs} if costs else {})},
        ).plain()

    def promise(self, dividends: Dividends) -> None:
        """Say what dividends the asset pays that is traded here; before the first order.

            market.promise(Dividends((0, 8, 28, 60), periods=15))

        Raises:
            BadMarket: somebody has sent an order already, or the asset pays nothing in this period.
        """
        dividends.fundamental_value(self.period)
        if self.book.next_order > 1:
            raise BadMarket("Orders have been sent already.", "Promise dividends before the first.")
        self.model.dividends = dividends.plain()

    def endow(self, trader: Trader, cash: Price = 0, units: int = 0) -> None:
        """Give a trader cash and units to begin with. See `Book.endow`."""
        self._do(commands.Endow(_name(trader), _whole(cash), _whole(units)), None)

    def _endow_as_before(self, trader: str, previous: Market) -> None:
        """Give a trader what it has from the period before, on credit if it was on credit there."""
        cash, units = previous._settled(trader)
        credit = None if previous.book.account(trader).endowed else True
        self._do(commands.Endow(trader, cash, units, credit), None)

    def close(self) -> None:
        """Take no more orders. What stands in the book is left there. Idempotent."""
        with self.model._world.lock:
            if self.is_open:
                self.model.closed = True
                self._tell(None)

    def shift(self, seconds: float) -> None:
        """End so much later: the session was paused."""
        with self.model._world.lock:
            ends = self.model.get("ends")
            if ends is not None and self.is_open:
                self.model.ends = ends + seconds

    # From period to period

    def settle(self, dividend: Price | None = None) -> Price:
        """End the period: close the market, and pay the period's dividend, which is returned.

        It is drawn once, from the session's seed, and logged; settling again changes nothing.

        Args:
            dividend: what each unit pays, instead of what was promised.

        Raises:
            BadMarket: that is no money, or another dividend was paid already.
        """
        with self.model._world.lock:
            self.close()
            paid = self.dividend
            if paid is None:
                paid = self._drawn() if dividend is None else _money(dividend)
                self.model.dividend = plain(paid)
            elif dividend is not None and dividend != paid:
                raise BadMarket(
                    f"{self.name!r} has paid {paid} in period {self.period} already.",
                    "A period has one dividend.",
                )
            return paid

    def settled(self, trader: Trader) -> dict[str, Any]:
        """Return what a trader has once the period is settled: cash and units, as JSON has them.

        Raises:
            BadMarket: it is not settled.
        """
        cash, units = self._settled(_name(trader))
        return {"cash": plain(cash), "units": units}

    def carry_over(self, previous: Market, dividend: Price | None = None) -> None:
        """Settle the period before, and endow all its traders with what they have then.

            market.carry_over(market.previous)

        Nobody is left out, here or not. Doing it again changes nothing. Whoever still looks at the
        period before cannot trade there any more.

        Args:
            dividend: see `settle`.

        Raises:
            BadMarket: somebody has traded here already, or was carried over from elsewhere.
        """
        with self.model._world.lock:
            source, book = self.model.get("carried_from"), self.book
            if source not in (None, previous.model.name) or (source is None and book.accounts):
                raise BadMarket(
                    f"{self!r} has traders already.",
                    "Carry over before the first order, once, and endow nobody yourself.",
                )
            previous.settle(dividend)
            self.model.carried_from = previous.model.name
            for trader in previous.book.accounts:
                if trader not in book.accounts:
                    self._endow_as_before(trader, previous)

    def _settled(self, trader: str) -> tuple[Price, int]:
        account, paid = self.book.account(trader), self.dividend
        if paid is None:
            raise BadMarket(f"{self!r} is not settled.", "Say market.settle() first.")
        asset = self.dividends or Dividends((paid,), periods=self.period + 1)
        return asset.settle(self.period, account.cash, account.units, paid, self.rules.tick)

    def _drawn(self) -> Price:
        asset = self.dividends
        if asset is None:
            return 0
        return asset.draw(self.period, f"{world_of(self.model).seed}/{self.name}")

    # Commands

    def limit(
        self, trader: Trader, side: Side, price: Price, quantity: int = 1,
        client_time: float | None = None,
    ) -> Outcome:  # fmt: skip
        """Buy or sell at *price* or better; what is not traded at once stands in the book.

        Args:
            client_time: when the trader's browser sent it, in Unix seconds by its own clock.

        Raises:
            OrderRefused: the rules do not take it, or the market is closed.
        """
        command = commands.Limit(_name(trader), side, _whole(price), _whole(quantity))
        return self.give(command, client_time)

    def market(
        self, trader: Trader, side: Side, quantity: int = 1, client_time: float | None = None
    ) -> Outcome:
        """Buy or sell at once at the best prices there are. See `Book.market`."""
        return self.give(commands.Market(_name(trader), side, _whole(quantity)), client_time)

    def cancel(self, trader: Trader, order: int, client_time: float | None = None) -> Outcome:
        """Take one's own order out of the book. See `Book.cancel`."""
        return self.give(commands.Cancel(_name(trader), _whole(order)), client_time)

    def cancel_all(self, trader: Trader | None = None, client_time: float | None = None) -> Outcome:
        """Take all of a trader's orders out of the book, or everybody's."""
        who = None if trader is None else _name(trader)
        return self.give(commands.CancelAll(who), client_time)

    def replace(
        self, trader: Trader, order: int, price: Price | None = None, quantity: int | None = None,
        client_time: float | None = None,
    ) -> Outcome:  # fmt: skip
        """Change one's own order's price, or what remains of it. See `Book.replace`."""
        command = commands.Replace(_name(trader), _whole(order), _whole(price), _whole(quantity))
        return self.give(command, client_time)

    def clear(self) -> Outcome:
        """Trade all that can be traded at one price, in a call market. See `Book.clear`.

        Raises:
            BadMarket: this is no call market.
            OrderRefused: it is closed.
        """
        return self.give(commands.Clear(), None)

    def refuse(
        self, command: Command, code: str, message: str, client_time: float | None = None
    ) -> OrderRefused:
        """Log that a rule of your own does not take a command, and return what to raise.

        raise market.refuse(Limit(player.name, "buy", price), "too_soon", "Please wait a moment.")
        """
        refusal = OrderRefused(code, message)
        with self.model._world.lock:
            self._catch_up()
            self._note(new_refusal(command, refusal, _seconds(client_time)))
        return refusal

    # How it is done

    def give(self, command: Command, client_time: float | None = None) -> Outcome:
        """Carry out any command: `market.give(Limit("ann", "buy", 12))`.

        Raises:
            OrderRefused: the rules do not take it, or the market is closed.
        """
        if not self.is_open:
            raise self.refuse(command, "closed", refusals.CLOSED, client_time)
        outcome = self._do(command, client_time)
        assert outcome is not None
        return outcome

    def _do(self, command: Command, client_time: float | None) -> Outcome | None:
        sent = _seconds(client_time)
        with self.model._world.lock:
            self._catch_up()
            try:
                outcome = carry_out(self._book, command)
            except OrderRefused as refusal:
                self._note(new_refusal(command, refusal, sent))
                raise
            try:
                self._note(new_record(command, outcome, sent))
            except BaseException:
                self._forget()  # the book is ahead of the log
                raise
            self._note_trades(outcome, self.model._records()[-1]["time"])
            if outcome is not None:
                self._tell(outcome)
            return outcome

    def _tell(self, outcome: Outcome | None) -> None:
        for hear in list(self.listeners.values()):
            hear(outcome)

    def _note(self, record: dict[str, Any]) -> None:
        """Log an entry that the book has already."""
        self.model._keep(record)
        self._applied += 1
        self._last = self.model._records()[-1]["id"]

    def _note_trades(self, outcome: Outcome | None, time: float) -> None:
        if outcome is not None and outcome.trades:
            self._trades.extend((time, trade) for trade in outcome.trades)

    def _forget(self) -> None:
        self._book = Book(self.rules, self._value_of)
        self._trades: list[tuple[float, Trade]] = []
        self._applied, self._last = 0, ""

    def _catch_up(self) -> None:
        """Carry out what the log has and the book has not; all of it where something was undone."""
        records = self.model._records()
        done = self._applied
        if done > len(records) or (done and records[done - 1]["id"] != self._last):
            self._forget()
        for record in records[self._applied :] if self._applied < len(records) else ():
            command = command_in(self.model._world.codec.decode(record["fields"]))
            if command is not None:
                self._note_trades(carry_out(self._book, command), record["time"])
            self._applied, self._last = self._applied + 1, record["id"]

    def _value_of(self, player: str, side: Side, unit: int) -> Price | None:
        values = self.values
        return None if values is None else values.value_of(player, side, unit)


def _new(world: World, name: str, period: int, group: Group | None, rules: Rules | None) -> Model:
    if not isinstance(period, int) or isinstance(period, bool):
        raise BadMarket(f"period={period!r} is no whole number.", "Count periods: 1, 2, 3 …")
    place = _place(name, group)
    tag = _tag(place, period)
    model = world.models.create(tag, name=tag)
    model.market = {
        "name": place, "title": name, "period": period, "rules": (rules or Rules()).plain(),
        "ruled": rules is not None,
    }  # fmt: skip
    return model


def _place(name: str, group: Group | None) -> str:
    return name if group is None else f"{name}-{group.name}"


def _tag(place: str, period: int) -> str:
    return f"{place}-{period}"


def _name(trader: Trader) -> str:
    return trader if isinstance(trader, str) else trader.name


def _whole(told: Any) -> Any:
    """Return whole numbers of numpy and others as Python's; all else as it is."""
    return told if isinstance(told, bool) or not hasattr(told, "__index__") else index(told)


def _money(told: Any) -> Price:
    money = exact(told)
    if money is None:
        raise BadMarket(f"{told!r} is no amount of money.", "Write a whole number or a Decimal.")
    return money


def _seconds(told: Any) -> float | None:
    """Return a browser's time if it is one."""
    number = isinstance(told, (int, float)) and not isinstance(told, bool)
    return float(told) if number and math.isfinite(told) else None
