"""The tables of a market, made only from `order_events` and `induced_values`.

`order_events` is as `order_event_table` makes it, `induced_values` as `InducedValues.frame`, with
the rows of `Dividends.frame` where an asset is traded. Where several markets run beside each other,
make the tables for each. Types, meanings and units of all columns are in `COLUMNS` of
`uproot_nb.market.analysis.columns`; texts that repeat (player, side, event …) are categories.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from operator import attrgetter, itemgetter, mul
from typing import TYPE_CHECKING, Any

from uproot_nb.market.analysis import statistics
from uproot_nb.market.analysis.columns import COLUMNS, frame_of
from uproot_nb.market.analysis.equilibrium import Equilibrium
from uproot_nb.market.analysis.period_events import Events, PeriodEvents, events_by_period
from uproot_nb.market.analysis.quotes import BestQuotes, quotes, spreads
from uproot_nb.market.analysis.trade_rows import TradeRow, trade_rows
from uproot_nb.market.analysis.units import InducedUnits, Units, units_by_period

if TYPE_CHECKING:
    import pandas

__all__ = [
    "PeriodParts", "book_table", "mispricing_table", "period_parts", "period_rows", "period_table",
    "period_table_of", "table_columns", "trade_table", "trader_table",
]  # fmt: skip


class PeriodParts:
    """What the tables of a period are made of.

    Attributes:
        units: with what was traded of them.
    """

    def __init__(self, events: PeriodEvents, units: Units, trades: list[TradeRow]) -> None:
        self.events, self.units, self.trades = events, units, trades

    @cached_property
    def equilibrium(self) -> Equilibrium:
        """The competitive equilibrium of its units."""
        return self.units.equilibrium()

    @cached_property
    def traders(self) -> list[dict[str, Any]]:
        """The rows of the table `traders`, of which that of periods is made, too."""
        return list(_traders(self))


def period_parts(order_events: Events, induced_values: InducedUnits) -> list[PeriodParts]:
    """Return the parts of each period, in their order."""
    units, events = units_by_period(induced_values), events_by_period(order_events)
    found = []
    for period in sorted({*units, *events}):
        its = events.get(period) or PeriodEvents(period)
        found.append(PeriodParts(its, units[period], trade_rows(its, units[period])))
    return found


def table_columns(name: str, parts: Sequence[PeriodParts]) -> dict[str, list[Any]]:
    """Return the columns of a table, each as a list: of any that these parts are enough for."""
    return _columns(name, _ROWS[name](parts))


def trade_table(order_events: Events, induced_values: InducedUnits) -> pandas.DataFrame:
    """Return the table `trades`, a row per trade, oldest first.

    Columns: trade, seq and time (of the taker's fill), period, price (per unit), quantity, buyer,
    seller, maker_order, taker_order, initiator (buy or sell: what the taker did; in a call,
    the side of the later of the two orders), value and cost (of all the units traded, NaN where one
    has none), buyer_tax, seller_tax, buyer_fee, seller_fee (paid for all the units; negative:
    received), buyer_surplus (value - price * quantity - tax - fee), seller_surplus (price *
    quantity - tax - fee - cost).
    """
    return _table("trades", _trade_rows(period_parts(order_events, induced_values)))


def book_table(order_events: Events) -> pandas.DataFrame:
    """Return the table `book`: the best quotes after each event that changed what stands.

    Columns: seq, time, period, bid, ask, spread (ask - bid), midpoint ((bid + ask) / 2), bid_depth
    and ask_depth (units that stand at the bid and at the ask). Prices are NaN while a side is
    empty, spread and midpoint also while bids and asks cross, as they may in a call market before
    it is cleared. A period begins with an empty book.
    """
    return _table("book", _book_rows(period_parts(order_events, [])))


def period_table(order_events: Events, induced_values: InducedUnits) -> pandas.DataFrame:
    """Return the table `periods`, a row per period with its statistics.

    Columns: period, trades, volume (units), mean_price (volume-weighted),
    equilibrium_quantity_low/high, equilibrium_price_low/high, maximum_surplus, surplus,
    buyer_surplus, seller_surplus, tax_revenue, fee_revenue, welfare, equilibrium_welfare,
    efficiency, constrained_efficiency, deadweight_loss, lost_surplus, displaced_surplus, alpha
    (percent) and rmsd from the middle of the price interval, a price per trade, volatility,
    profit_dispersion over traders (both sides together), volume_ratio, mean_spread (time-weighted,
    until the period closed, or else its last event), bankruptcies (at its end), fundamental_value
    (of holding a unit from this period to the end) and dividend (that each unit has paid at its
    end), NaN where no
    asset is traded or nothing is paid yet. The formulas are in
    `uproot_nb.market.analysis.statistics`. What a middleman buys without a value and sells without
    a cost earns the difference of the prices. Nobody induces values for an asset, so its
    equilibrium and surplus are empty (0 units) or NaN.
    """
    return period_table_of(period_rows(period_parts(order_events, induced_values)))


def period_table_of(rows: Sequence[dict[str, Any]]) -> pandas.DataFrame:
    """Return `period_table` of its rows."""
    return _table("periods", rows)


def period_rows(parts: Sequence[PeriodParts]) -> list[dict[str, Any]]:
    """Return the rows of `period_table` as dicts; missing values are NaN or None."""
    return [_period(one) for one in parts]


def trader_table(order_events: Events, induced_values: InducedUnits) -> pandas.DataFrame:
    """Return the table `traders`, a row per period, player and side.

    Columns: period, player, side, units (traded on that side), cash (received less paid on that
    side, with taxes and fees), tax_paid, fee_paid, surplus, equilibrium_surplus (what the player's
    units would earn at the middle of the interval of equilibrium prices). There is a row for
    everybody who has units there or has traded.
    """
    return _table("traders", _trader_rows(period_parts(order_events, induced_values)))


def mispricing_table(order_events: Events, induced_values: InducedUnits) -> pandas.DataFrame:
    """Return the table `mispricing`: one row over all periods, none where no asset is traded.

    Columns: periods (that have a fundamental value), traded_periods (those of them with a trade),
    mean_fundamental_value (over all of them), rd and rad (relative deviation and relative absolute
    deviation of the mean price from the fundamental value, as shares: Stöckl, Huber and Kirchler
    2010), amplitude (as a share of the first period's value) and turnover (trades per unit).
    The formulas are in `uproot_nb.market.analysis.statistics`. NaN where nothing was traded, and
    turnover where it is not known how many units there are.
    """
    return _table("mispricing", _mispricing_rows(period_parts(order_events, induced_values)))


_AMOUNTS = ("tax", "fee", "surplus")
_NO_TRADES: tuple[tuple[Any, ...], ...] = ((),) * 5
_SIDES = tuple(
    (side, sign, attrgetter(role, "quantity", "price", *(f"{role}_{name}" for name in _AMOUNTS)))
    for side, role, sign in (("buy", "buyer", -1), ("sell", "seller", 1))
)
"""Each side, the sign of its cash in a trade, and what a row of `traders` needs of that trade."""


def _trade_rows(parts: Sequence[PeriodParts]) -> list[TradeRow]:
    return sorted((row for one in parts for row in one.trades), key=attrgetter("seq"))


def _book_rows(parts: Sequence[PeriodParts]) -> list[BestQuotes]:
    return sorted((row for one in parts for row in quotes(one.events)), key=attrgetter("seq"))


def _trader_rows(parts: Sequence[PeriodParts]) -> list[dict[str, Any]]:
    return [row for one in parts for row in one.traders]


def _mispricing_rows(parts: Sequence[PeriodParts]) -> list[dict[str, Any]]:
    units = [one.units for one in parts]
    rows = [row for row in period_rows(parts) if not math.isnan(row["fundamental_value"])]
    prices = [row["mean_price"] for row in rows]
    values = [row["fundamental_value"] for row in rows]
    outstanding = [its.outstanding for its in units if its.outstanding]
    row = {
        "periods": len(rows), "traded_periods": sum(not math.isnan(price) for price in prices),
        "mean_fundamental_value": statistics.mean(values),
        "rd": statistics.relative_deviation(prices, values),
        "rad": statistics.relative_absolute_deviation(prices, values),
        "amplitude": statistics.price_amplitude(prices, values),
        "turnover": statistics.turnover(
            sum(row["volume"] for row in rows), max(outstanding, default=0)),
    }  # fmt: skip
    return [row] if rows else []


_ROWS: dict[str, Callable[[Sequence[PeriodParts]], Sequence[Any]]] = {
    "trades": _trade_rows, "book": _book_rows, "periods": period_rows, "traders": _trader_rows,
    "mispricing": _mispricing_rows,
}  # fmt: skip


def _period(one: PeriodParts) -> dict[str, Any]:
    its, units, trades, at, traders = (
        one.events,
        one.units,
        one.trades,
        one.equilibrium,
        one.traders,
    )
    values, costs = units.all_of("buy"), units.all_of("sell")
    free = units.equilibrium(constrained=False) if units.constraints else at
    prices, quantities = _column(trades, "price"), _column(trades, "quantity")
    bought, sold = (
        math.fsum([row["surplus"] for row in traders if row["side"] == side])
        for side in ("buy", "sell")
    )
    taxes, fees = (math.fsum([row[name] for row in traders]) for name in ("tax_paid", "fee_paid"))
    welfare = bought + sold + (taxes + fees)
    loss = statistics.efficiency_loss(
        values, costs, units.traded_of("buy"), units.traded_of("sell")
    )
    return {
        "period": its.period, "trades": len(trades), "volume": sum(quantities),
        "mean_price": statistics.mean(prices, quantities),
        **_equilibrium_columns(at), "maximum_surplus": free.maximum_surplus,
        "surplus": bought + sold,
        "buyer_surplus": bought, "seller_surplus": sold, "tax_revenue": taxes,
        "fee_revenue": fees, "welfare": welfare,
        "efficiency": statistics.efficiency(welfare, free.maximum_surplus),
        "constrained_efficiency": statistics.efficiency(welfare, at.welfare),
        "deadweight_loss": statistics.deadweight_loss(free.maximum_surplus, welfare),
        "lost_surplus": loss.lost, "displaced_surplus": loss.displaced,
        "alpha": statistics.alpha(prices, at.price), "rmsd": statistics.rmsd(prices, at.price),
        "volatility": statistics.volatility(prices),
        "profit_dispersion": statistics.profit_dispersion(
            _by_player(traders, "surplus"), _by_player(traders, "equilibrium_surplus")),
        "volume_ratio": statistics.volume_ratio(
            sum(quantities), at.quantity_low, at.quantity_high),
        "mean_spread": statistics.time_weighted_mean(*spreads(its), its.end),
        "bankruptcies": its.bankruptcies,
        "fundamental_value": units.holding, "dividend": units.dividend,
    }  # fmt: skip


def _equilibrium_columns(at: Equilibrium) -> dict[str, Any]:
    """Return the columns of an equilibrium, with money as floats."""
    money = {
        "equilibrium_price_low": at.price_low, "equilibrium_price_high": at.price_high,
        "equilibrium_welfare": at.welfare,
    }  # fmt: skip
    return {
        "equilibrium_quantity_low": at.quantity_low, "equilibrium_quantity_high": at.quantity_high,
        **{name: None if amount is None else float(amount) for name, amount in money.items()},
    }  # fmt: skip


def _traders(one: PeriodParts) -> Iterator[dict[str, Any]]:
    units, period = one.units, one.events.period
    due = units.equilibrium_surpluses(one.equilibrium)
    for side, sign, get in _SIDES:
        mine: dict[str, list[list[Any]]] = {
            player: [] for player, its in units.values if its == side
        }
        for player, *amounts in map(get, one.trades):
            mine.setdefault(player, []).append(amounts)
        for player, its in mine.items():
            found = zip(*its, strict=True) if its else _NO_TRADES
            quantities, prices, taxes, fees, surpluses = found
            tax, fee, surplus = math.fsum(taxes), math.fsum(fees), math.fsum(surpluses)
            cash = sign * math.fsum(map(mul, quantities, prices)) - tax - fee
            if units.resells(player):
                surplus = cash - sign * units.worth(player, side)
            yield {
                "period": period, "player": player, "side": side,
                "units": sum(quantities), "cash": cash, "tax_paid": tax,
                "fee_paid": fee, "surplus": surplus,
                "equilibrium_surplus": due.get((player, side), 0.0),
            }  # fmt: skip


def _by_player(traders: Iterable[Mapping[str, Any]], name: str) -> list[float]:
    """Return a column of `traders`, with the two sides of a player added up."""
    found: defaultdict[str, float] = defaultdict(float)
    for row in traders:
        found[row["player"]] += row[name]
    return list(found.values())


def _column(rows: Iterable[Any], name: str) -> list[Any]:
    return list(map(attrgetter(name), rows))


def _table(name: str, rows: Sequence[Any]) -> pandas.DataFrame:
    return frame_of(name, _columns(name, rows))


def _columns(name: str, rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Return the columns of rows, which are dicts or have the columns as attributes."""
    get = itemgetter if rows and isinstance(rows[0], dict) else attrgetter
    return {column: list(map(get(column), rows)) for column in COLUMNS[name]}
