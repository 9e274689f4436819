"""Columns of the market tables: the type, meaning and unit of each, defined once.

The tables take their types from here; the codebook of an export takes everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    import pandas

__all__ = ["COLUMNS", "LEDGER", "MarketColumn", "frame_of", "types_of"]


class MarketColumn(NamedTuple):
    """A column's dtype in pandas, its meaning, and its unit ("" for none)."""

    dtype: str
    meaning: str
    unit: str = ""


_WHEN = {
    "seq": MarketColumn("int64", "number of the row in order_events, from 1, over all periods"),
    "time": MarketColumn("float64", "when, on the server's clock", "Unix seconds"),
    "period": MarketColumn("int64", "the trading period, from 1"),
}
_PERIOD = {"period": _WHEN["period"]}
_SHARE, _PERCENT, _UNITS, _MONEY = "share", "percent", "units", "money"


def _money(meaning: str) -> MarketColumn:
    return MarketColumn("float64", meaning, _MONEY)


def _count(meaning: str, unit: str = "", dtype: str = "int64") -> MarketColumn:
    return MarketColumn(dtype, meaning, unit)


COLUMNS: dict[str, dict[str, MarketColumn]] = {
    "order_events": {
        "seq": _WHEN["seq"], "time": _WHEN["time"],
        "client_time": MarketColumn(
            "Float64", "when, on the clock of the trader's browser, if sent", "Unix seconds"),
        "period": _WHEN["period"],
        "event": MarketColumn("category", "submit, fill, partial_fill, cancel, reject, or without "
                              "an order halt (of trade), resume, and close: the end of the period; "
                              "then bankrupt: a trader has less than no cash"),
        "order": _count("number of the order within the period", dtype="Int64"),
        "player": MarketColumn("category", "the name of the player whose order it is"),
        "side": MarketColumn("category", "buy or sell"),
        "kind": MarketColumn("category", "limit, market, ioc (immediate or cancel) or fok (fill or "
                             "kill)"),
        "price": _money("what was paid per unit in a fill, else the limit per unit; of a halt, the "
                        "price beyond the band; of who is bankrupt, the cash"),
        "quantity": _count("how many were submitted, filled or cancelled; of who is bankrupt, how "
                           "many are owed", _UNITS, "Int64"),
        "remaining": _count("how many of the order are left after it", _UNITS, "Int64"),
        "reason": MarketColumn("category", "why it was refused or cancelled, as a code (expired: "
                               "its time was over); of a halt or its end: asked, band (a price was "
                               "beyond the band), over (its time was)"),
        "trade": _count("number of the trade within the period; a trade is two fills, the "
                        "maker's and then the taker's", dtype="Int64"),
        "tax_paid": _money("what the player paid in taxes in a fill, for all its units (negative: "
                           "a subsidy); missing where the rules have neither taxes nor fees"),
        "fee_paid": _money("what the player paid in fees in a fill, for all its units (negative: a "
                           "rebate); missing where the rules have neither taxes nor fees"),
        "shown": _count("how many of an order that is shown in parts the book shows after it, of a "
                        "new one how many at a time; missing where all are shown", _UNITS, "Int64"),
        "good_for": MarketColumn("float64", "how long a new order may stand (in a simulation: "
                                 "steps); missing where it has no end", "seconds"),
    },
    "trades": {
        "trade": _count("number of the trade within the period"),
        "seq": _WHEN["seq"]._replace(meaning="the taker's fill in order_events"),
        "time": _WHEN["time"], "period": _WHEN["period"],
        "price": _money("what was paid per unit"),
        "quantity": _count("how many were traded", _UNITS),
        "buyer": MarketColumn("category", "the name of the player who bought"),
        "seller": MarketColumn("category", "the name of the player who sold"),
        "maker_order": _count("number of the order that stood"),
        "taker_order": _count("number of the order that met it"),
        "initiator": MarketColumn("category", "buy or sell: what the taker did; in a call, the "
                                  "side of the later of the two orders"),
        "value": _money("what the units are worth to the buyer, all together; missing where one "
                        "has no value"),
        "cost": _money("what the units cost the seller, all together; missing where one has no "
                       "cost"),
        "buyer_tax": _money("what the buyer paid in taxes (negative: a subsidy)"),
        "buyer_fee": _money("what the buyer paid in fees (negative: a rebate)"),
        "seller_tax": _money("what the seller paid in taxes (negative: a subsidy)"),
        "seller_fee": _money("what the seller paid in fees (negative: a rebate)"),
        "buyer_surplus": _money("value - price * quantity - buyer_tax - buyer_fee"),
        "seller_surplus": _money("price * quantity - cost - seller_tax - seller_fee"),
    },
    "book": {
        **_WHEN, "bid": _money("the best bid; missing while there is none"),
        "ask": _money("the best ask; missing while there is none"),
        "spread": _money("ask - bid; missing while one is, or while they cross before a call"),
        "midpoint": _money("(bid + ask) / 2; missing where the spread is"),
        "bid_depth": _count("how many stand at the best bid", _UNITS),
        "ask_depth": _count("how many stand at the best ask", _UNITS),
    },
    "induced_values": {
        **_PERIOD,
        "player": MarketColumn("category", "whose unit it is; missing for what holds for all alike "
                               "(all other sides than buy and sell)"),
        "side": MarketColumn("category", "buy (a buyer's value), sell (a seller's cost), hold (the "
                             "asset's fundamental value), dividend (what a unit has paid), or a "
                             "rule of the period: floor, ceiling, buyer_tax, seller_tax, "
                             "maker_fee, taker_fee (per unit), buyer_tax_rate, seller_tax_rate (of "
                             "the price); min_price (the tick) and max_price where equilibrium "
                             "would lie beyond them"),
        "unit": _count("which of the player's units, from 1; for hold and dividend how many units "
                       "there are, 0 if unknown; 0 for a rule"),
        "value": _money("the value, cost, fundamental value or dividend per unit; for a rule its "
                        "amount, or its rate as a share"),
    },
    "periods": {
        **_PERIOD, "trades": _count("how many trades", "trades"),
        "volume": _count("how many units were traded", _UNITS),
        "mean_price": _money("mean price per unit, weighted by volume"),
        "equilibrium_quantity_low": _count("the smallest competitive equilibrium quantity, under "
                                           "the period's taxes, fees and price controls", _UNITS),
        "equilibrium_quantity_high": _count("the largest such quantity", _UNITS),
        "equilibrium_price_low": _money("the lowest such price, before taxes and fees"),
        "equilibrium_price_high": _money("the highest such price, before taxes and fees"),
        "maximum_surplus": _money("the surplus in competitive equilibrium without taxes, fees and "
                                  "price controls"),
        "surplus": _money("buyer_surplus + seller_surplus"),
        "buyer_surplus": _money("values less prices, taxes and fees of what was bought, over all "
                                "buyers"),
        "seller_surplus": _money("prices less costs, taxes and fees of what was sold, over all "
                                 "sellers"),
        "tax_revenue": _money("taxes less subsidies of both sides"),
        "fee_revenue": _money("fees less rebates of both sides"),
        "welfare": _money("surplus + tax_revenue + fee_revenue"),
        "equilibrium_welfare": _money("the greatest welfare in competitive equilibrium under the "
                                      "period's taxes, fees and price controls"),
        "efficiency": MarketColumn("float64", "welfare / maximum_surplus", _SHARE),
        "constrained_efficiency": MarketColumn("float64", "welfare / equilibrium_welfare", _SHARE),
        "deadweight_loss": _money("maximum_surplus - welfare, which is lost_surplus + "
                                  "displaced_surplus"),
        "lost_surplus": _money("what units that trade in equilibrium would have earned, where "
                               "they were not traded"),
        "displaced_surplus": _money("what units that do not trade in equilibrium have cost, where "
                                    "they were traded"),
        "alpha": MarketColumn("float64", "Smith's alpha: rmsd in percent of the middle of the "
                              "interval of equilibrium prices", _PERCENT),
        "rmsd": _money("root mean squared deviation of the prices, one per trade, from the middle "
                       "of the interval of equilibrium prices"),
        "volatility": MarketColumn("float64", "standard deviation of the changes of the logarithm "
                                   "of the price from trade to trade"),
        "profit_dispersion": _money("root mean squared difference of the surplus from the "
                                    "equilibrium surplus, over traders, both sides together"),
        "volume_ratio": MarketColumn("float64", "volume / equilibrium quantity, 1 anywhere in its "
                                     "interval", _SHARE),
        "mean_spread": _money("mean spread, weighted by time, until the market closed, or "
                              "else the period's last event"),
        "bankruptcies": _count("how many traders had less than no cash at the period's end"),
        "fundamental_value": _money("what holding a unit from this period to the end pays on "
                                    "average; missing where no asset is traded"),
        "dividend": _money("what each unit has paid at the period's end; missing before that, or "
                           "where no asset is traded"),
    },
    "traders": {
        **_PERIOD, "player": MarketColumn("category", "the player's name"),
        "side": MarketColumn("category", "buy or sell"),
        "units": _count("how many the player traded on that side", _UNITS),
        "cash": _money("received less paid on that side, with taxes and fees"),
        "tax_paid": _money("taxes paid on that side (negative: subsidies)"),
        "fee_paid": _money("fees paid on that side (negative: rebates)"),
        "surplus": _money("what the player earned on that side"),
        "equilibrium_surplus": _money("what the player's units would earn at the middle of the "
                                      "interval of equilibrium prices"),
    },
    "mispricing": {
        "periods": _count("how many periods have a fundamental value", "periods"),
        "traded_periods": _count("in how many of them something was traded", "periods"),
        "mean_fundamental_value": _money("mean of the fundamental values of all periods"),
        "rd": MarketColumn("float64", "relative deviation of mean prices from fundamental values "
                           "(Stöckl, Huber and Kirchler 2010)", _SHARE),
        "rad": MarketColumn("float64", "relative absolute deviation of mean prices from "
                            "fundamental values (Stöckl, Huber and Kirchler 2010)", _SHARE),
        "amplitude": MarketColumn("float64", "highest less lowest deviation of the mean price from "
                                  "the fundamental value, of the first period's value", _SHARE),
        "turnover": MarketColumn("float64", "units traded over all periods, per unit outstanding"),
    },
}  # fmt: skip
"""By table and column. "money" is the currency of the experiment."""

LEDGER = {
    "command": MarketColumn("object", "the command that was executed, with its player"),
    "refused": MarketColumn("object", "the command that was refused"),
    "client_time": COLUMNS["order_events"]["client_time"],
    "events": MarketColumn("object", "its effects on orders: the rows of order_events, as event, "
                           "order, player, side, kind, price, quantity, remaining, reason, trade; "
                           "in a market with taxes or fees also tax_paid and fee_paid, and of "
                           "orders that are shown in parts or stand for a time shown, good_for"),
    "now": MarketColumn("float64", "the time of the market, without pauses of the session; only "
                        "where its rules know time", "Unix seconds"),
}  # fmt: skip
"""The fields of a market's model, from which `order_events` is made."""

_EXACT = 2**53
"""Floats are exact up to this whole number."""

_TOGETHER = (("buyer", "seller"),)
"""Columns with the same categories, so that one can be compared with the other."""


def types_of(table: str) -> dict[str, str]:
    """Return the dtype of each column of a table, in order."""
    return {name: column.dtype for name, column in COLUMNS[table].items()}


def frame_of(table: str, columns: Mapping[str, Iterable[Any]]) -> pandas.DataFrame:
    """Return a table of its columns' values, with their dtypes.

    Texts that repeat are categories, in the order of their first appearance.
    """
    import pandas  # lazy: an experiment that makes no table does not need it

    values = {name: list(columns[name]) for name in COLUMNS[table]}
    alike = {name: names for names in _TOGETHER for name in names if name in values}
    made: dict[str, Any] = {}
    for name, dtype in types_of(table).items():
        if dtype == "category":
            known = chain.from_iterable(values[other] for other in alike.get(name, (name,)))
            made[name] = _category(values[name], known)
        else:
            made[name] = _numbers(values[name], dtype)
    # Each column is new, so none needs to be copied.
    return pandas.DataFrame(made, copy=False)


def _numbers(values: list[Any], dtype: str) -> Any:
    """Return a column; numbers without a negative zero, as a loss that rounds to nothing leaves."""
    import numpy  # lazy: it comes with pandas

    if dtype == "float64":
        return _floats(values)
    if dtype == "int64":
        return numpy.array(values, dtype=dtype)
    return _with_gaps(values, dtype)


def _floats(values: list[Any]) -> Any:
    import numpy  # lazy: it comes with pandas

    if values.count(None) == len(values):  # as most markets' taxes and fees
        return numpy.full(len(values), numpy.nan)
    return numpy.array(values, dtype="float64") + 0.0  # None becomes NaN


def _with_gaps(values: list[Any], dtype: str) -> Any:
    """Return a column of Int64 or Float64, in which None and NaN are missing."""
    import numpy  # lazy: it comes with pandas
    import pandas  # lazy: an experiment that makes no table does not need it

    try:
        known = _floats(values)
    except TypeError:  # pandas.NA
        return pandas.array(values, dtype=cast("Any", dtype))
    missing = numpy.isnan(known)
    known[missing] = 0.0
    if dtype == "Float64":
        return pandas.arrays.FloatingArray(known, missing)
    if (abs(known) > _EXACT).any() or (known % 1).any():
        return pandas.array(values, dtype=cast("Any", dtype))
    return pandas.arrays.IntegerArray(known.astype("int64"), missing)


def _category(values: list[Any], known: Iterable[Any]) -> Any:
    import numpy  # lazy: it comes with pandas
    import pandas  # lazy: an experiment that makes no table does not need it

    distinct = [value for value in dict.fromkeys(known) if isinstance(value, str)]
    places: dict[Any, int] = {value: place for place, value in enumerate(distinct)}
    codes = numpy.fromiter(map(places.get, values, repeat(-1)), "int64", len(values))
    dtype = _categories(tuple(distinct))
    return pandas.Categorical.from_codes(cast("Any", codes), dtype=dtype)


@lru_cache(maxsize=256)
def _categories(texts: tuple[str, ...]) -> pandas.CategoricalDtype:
    """Return the type with these categories; many tables have the same."""
    import pandas  # lazy: an experiment that makes no table does not need it

    return pandas.CategoricalDtype(pandas.Index(list(texts), dtype="str"))
