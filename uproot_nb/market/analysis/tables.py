"""The tables of a market, made of `order_events` and `induced_values` alone.

`order_events` is as `order_event_table` makes it, `induced_values` as `InducedValues.frame`, with
the rows of `Dividends.frame` where an asset is traded. Where several markets run beside each other,
make the tables for each. Types, meanings and units of all columns are in `COLUMNS` of
`uproot_nb.market.analysis.columns`; texts that repeat (player, side, event …) are categories.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from uproot_nb.market.analysis import statistics
from uproot_nb.market.analysis.columns import COLUMNS, frame_of
from uproot_nb.market.analysis.equilibrium import Equilibrium
from uproot_nb.market.analysis.quotes import quotes
from uproot_nb.market.analysis.units import InducedUnits, Units, units_by_period

if TYPE_CHECKING:
    import pandas

__all__ = [
    "Events", "book_table", "mispricing_table", "period_rows", "period_table", "trade_table",
    "trader_table",
]  # fmt: skip

Events: TypeAlias = "pandas.DataFrame | list[dict[str, Any]]"
"""The table `order_events`, or its rows as `numbered_events` makes them."""

_NEEDED = (
    "seq", "time", "period", "event", "order", "player", "side", "kind", "price", "quantity",
    "trade", "tax_paid", "fee_paid", "shown",
)  # fmt: skip
"""The columns of `order_events` that the tables follow from."""


def trade_table(order_events: Events, induced_values: InducedUnits) -> pandas.DataFrame:
    """Return the table `trades`, a row per trade, oldest first.

    Columns: trade, seq and time (of the taker's fill), period, price (per unit), quantity, buyer,
    seller, maker_order, taker_order, initiator (buy or sell: what the taker did; in a call,
    the side of the later of the two orders), value and cost (of all the units traded, NaN where one
    has none), buyer_tax, seller_tax, buyer_fee, seller_fee (paid for all the units; negative:
    received), buyer_surplus (value - price * quantity - tax - fee), seller_surplus (price *
    quantity - tax - fee - cost).
    """
    return _table("trades", _trades(_rows(order_events), units_by_period(induced_values)))


def book_table(order_events: Events) -> pandas.DataFrame:
    """Return the table `book`: the best quotes after each event that changed what stands.

    Columns: seq, time, period, bid, ask, spread (ask - bid), midpoint ((bid + ask) / 2), bid_depth
    and ask_depth (units that stand at the bid and at the ask). Prices are NaN while a side is
    empty, spread and midpoint also while bids and asks cross, as they may in a call market before
    it is cleared. A period begins with an empty book.
    """
    return _table("book", quotes(_rows(order_events)))


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
    return _table("periods", period_rows(order_events, induced_values))


def period_rows(order_events: Events, induced_values: InducedUnits) -> list[dict[str, Any]]:
    """Return the rows of `period_table` as dicts; what is missing is NaN or None."""
    units = units_by_period(induced_values)
    events = _rows(order_events)
    trades, books = _by_period(_trades(events, units)), _by_period(quotes(events))
    ends = _ends(events)
    bankrupt = Counter(int(row["period"]) for row in events if row["event"] == "bankrupt")
    return [
        _period(period, trades[period], books[period], units[period], ends.get(period, math.nan))
        | {"bankruptcies": bankrupt[period]}
        for period in sorted({*units, *ends})
    ]


def trader_table(order_events: Events, induced_values: InducedUnits) -> pandas.DataFrame:
    """Return the table `traders`, a row per period, player and side.

    Columns: period, player, side, units (traded on that side), cash (received less paid on that
    side, with taxes and fees), tax_paid, fee_paid, surplus, equilibrium_surplus (what the player's
    units would earn at the middle of the interval of equilibrium prices). There is a row for
    everybody who has units there or has traded.
    """
    units = units_by_period(induced_values)
    trades = _by_period(_trades(_rows(order_events), units))
    rows = [
        row
        for period, its in sorted(units.items())
        for row in _traders(period, trades[period], its, its.equilibrium())
    ]
    return _table("traders", rows)


def mispricing_table(order_events: Events, induced_values: InducedUnits) -> pandas.DataFrame:
    """Return the table `mispricing`: one row over all periods, none where no asset is traded.

    Columns: periods (that have a fundamental value), traded_periods (those of them with a trade),
    mean_fundamental_value (over all of them), rd and rad (relative deviation and relative absolute
    deviation of the mean price from the fundamental value, as shares: Stöckl, Huber and Kirchler
    2010), amplitude (as a share of the first period's value) and turnover (trades per unit).
    The formulas are in `uproot_nb.market.analysis.statistics`. NaN where nothing was traded, and
    turnover where it is not known how many units there are.
    """
    table = period_table(order_events, induced_values)
    table = table[table.fundamental_value.notna()]
    outstanding = [u.outstanding for u in units_by_period(induced_values).values() if u.outstanding]
    prices, values = list(table.mean_price), list(table.fundamental_value)
    row = {
        "periods": len(table), "traded_periods": int(table.mean_price.notna().sum()),
        "mean_fundamental_value": statistics.mean(values),
        "rd": statistics.relative_deviation(prices, values),
        "rad": statistics.relative_absolute_deviation(prices, values),
        "amplitude": statistics.price_amplitude(prices, values),
        "turnover": statistics.turnover(int(table.volume.sum()), max(outstanding, default=0)),
    }  # fmt: skip
    return _table("mispricing", [row] if len(table) else [])


def _trades(
    events: Iterable[dict[str, Any]], units: Mapping[int, Units]
) -> Iterator[dict[str, Any]]:
    """Yield the trades, and count in *units* what was traded."""
    makers: dict[tuple[int, int], dict[str, Any]] = {}
    for row in events:
        if row["event"] not in ("fill", "partial_fill"):
            continue
        key = int(row["period"]), int(row["trade"])
        if key not in makers:
            makers[key] = row
            continue
        yield _trade(makers.pop(key), row, units[key[0]])


def _trade(maker: Mapping[str, Any], taker: Mapping[str, Any], units: Units) -> dict[str, Any]:
    buys, sells = (taker, maker) if taker["side"] == "buy" else (maker, taker)
    quantity, price = int(taker["quantity"]), float(taker["price"])
    value = units.take(buys["player"], "buy", quantity)
    cost = units.take(sells["player"], "sell", quantity)
    charges = {
        f"{role}_{kind}": _charge(row, f"{kind}_paid")
        for role, row in (("buyer", buys), ("seller", sells))
        for kind in ("tax", "fee")
    }
    return {
        "trade": taker["trade"], "seq": taker["seq"], "time": taker["time"],
        "period": int(taker["period"]), "price": price, "quantity": quantity,
        "buyer": buys["player"], "seller": sells["player"], "maker_order": maker["order"],
        "taker_order": taker["order"], "initiator": taker["side"], "value": value, "cost": cost,
        **charges,
        "buyer_surplus": value - price * quantity - charges["buyer_tax"] - charges["buyer_fee"],
        "seller_surplus":
            price * quantity - cost - charges["seller_tax"] - charges["seller_fee"],
    }  # fmt: skip


def _charge(row: Mapping[str, Any], name: str) -> float:
    """Return a tax or fee of a fill; 0 where there is none."""
    paid = row.get(name)
    return 0.0 if paid is None or paid != paid else float(paid)


def _ends(events: Iterable[Mapping[str, Any]]) -> dict[int, float]:
    """Return when each period was closed; of one that was not, its last event."""
    ends: dict[int, float] = {}
    closed: set[int] = set()
    for row in events:
        period = int(row["period"])
        if period not in closed:
            ends[period] = float(row["time"])
        if row["event"] == "close":
            closed.add(period)  # what comes later is refused
    return ends


def _period(
    period: int, trades: list[dict[str, Any]], book: list[dict[str, Any]], units: Units, end: float
) -> dict[str, Any]:
    values, costs = units.all_of("buy"), units.all_of("sell")
    at = units.equilibrium()
    free = units.equilibrium(constrained=False) if units.constraints else at
    prices, quantities = _column(trades, "price"), _column(trades, "quantity")
    traders = list(_traders(period, trades, units, at))
    bought, sold = (
        math.fsum(row["surplus"] for row in traders if row["side"] == side)
        for side in ("buy", "sell")
    )
    taxes, fees = (math.fsum(row[name] for row in traders) for name in ("tax_paid", "fee_paid"))
    welfare = bought + sold + (taxes + fees)
    loss = statistics.efficiency_loss(
        values, costs, units.traded_of("buy"), units.traded_of("sell")
    )
    return {
        "period": period, "trades": len(trades), "volume": sum(quantities),
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
        "mean_spread": statistics.time_weighted_mean(
            _column(book, "spread"), _column(book, "time"), end),
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


def _traders(
    period: int, trades: list[dict[str, Any]], units: Units, at: Equilibrium
) -> Iterator[dict[str, Any]]:
    due = units.equilibrium_surpluses(at)
    sides = (("buy", "buyer", -1), ("sell", "seller", 1))
    for side, role, sign in sides:
        players = [player for player, its in units.values if its == side]
        for player in dict.fromkeys([*players, *_column(trades, role)]):
            mine = [trade for trade in trades if trade[role] == player]
            taxes, fees = (math.fsum(_column(mine, f"{role}_{kind}")) for kind in ("tax", "fee"))
            cash = sign * math.fsum(t["price"] * t["quantity"] for t in mine) - taxes - fees
            surplus = math.fsum(_column(mine, f"{role}_surplus"))
            if units.resells(player):
                surplus = cash - sign * units.worth(player, side)
            yield {
                "period": period, "player": player, "side": side,
                "units": sum(_column(mine, "quantity")), "cash": cash, "tax_paid": taxes,
                "fee_paid": fees, "surplus": surplus,
                "equilibrium_surplus": due.get((player, side), 0.0),
            }  # fmt: skip


def _by_player(traders: Iterable[Mapping[str, Any]], name: str) -> list[float]:
    """Return a column of `traders`, with the two sides of a player added up."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for row in traders:
        found[row["player"]].append(row[name])
    return [math.fsum(sides) for sides in found.values()]


def _column(rows: Iterable[Mapping[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def _by_period(rows: Iterable[dict[str, Any]]) -> defaultdict[int, list[dict[str, Any]]]:
    found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["period"]].append(row)
    return found


def _rows(order_events: Events) -> list[dict[str, Any]]:
    """Return what the tables need to know of each event, in their order."""
    if isinstance(order_events, list):
        return order_events
    # Column by column: with to_dict("records") this was most of the time that the tables took.
    frame = order_events.sort_values("seq")
    needed = [name for name in _NEEDED if name in frame]  # older tables have no taxes
    columns = (_values(frame[name]) for name in needed)
    return [dict(zip(needed, values, strict=True)) for values in zip(*columns, strict=True)]


def _values(column: pandas.Series[Any]) -> list[Any]:
    """Return the values of a column; None where what is shown of an order is missing."""
    values = column.astype(object)
    return list((values.where(column.notna(), None) if column.name == "shown" else values).tolist())


def _table(name: str, rows: Iterable[Mapping[str, Any]]) -> pandas.DataFrame:
    made = list(rows)
    return frame_of(name, {column: _column(made, column) for column in COLUMNS[name]})
