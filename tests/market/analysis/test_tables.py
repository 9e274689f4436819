"""Every table follows from `order_events` and `induced_values` alone."""

from __future__ import annotations

import math
import random
from decimal import Decimal
from typing import Any

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from uproot_nb.errors import OrderRefused
from uproot_nb.market.analysis.dividends import Dividends
from uproot_nb.market.analysis.order_events import (
    ORDER_EVENTS,
    closing_row,
    order_event_rows,
    order_event_table,
    refusal_row,
)
from uproot_nb.market.analysis.records import rows_in
from uproot_nb.market.analysis.tables import (
    book_table,
    mispricing_table,
    period_table,
    trade_table,
    trader_table,
)
from uproot_nb.market.analysis.values import InducedValues
from uproot_nb.market.orderbook.book import Book
from uproot_nb.market.orderbook.rules import Rules

VALUES = InducedValues({"ann": [90, 50], "bea": [70]}, {"cem": [20, 60], "dot": [40]})


class Day:
    """Trades for some periods; remembers what the book itself said after each command."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules, self.rows, self.time = rules or Rules(), list[dict[str, Any]](), 0.0
        self.period, self.seen = 0, list[tuple[int, tuple[Any, ...]]]()
        self.open()

    def open(self) -> None:
        self.period, self.book = self.period + 1, Book(self.rules, VALUES.value_of)

    def do(self, name: str, player: str, *arguments: Any) -> None:
        self.time += 1
        try:
            outcome = getattr(self.book, name)(player, *arguments)
        except OrderRefused as refusal:
            self.rows.append(refusal_row(refusal, self.time, self.period, player))
        else:
            self.rows += order_event_rows(outcome, self.time, self.period)
            best = self.book.best_bid, self.book.best_ask
            self.seen.append((len(self.rows), (*best, *map(self._depth, ("buy", "sell")))))

    def close(self) -> None:
        self.time += 7
        self.rows.append(closing_row(self.time, self.period))

    def _depth(self, side: Any) -> int:
        best = self.book.ladders[side].best
        return best.quantity if best else 0

    @property
    def events(self) -> pandas.DataFrame:
        return order_event_table(self.rows)


def small_day() -> Day:
    """Two trades by hand: ann buys at 45 from cem, then ann's second unit (50) at 48 from dot."""
    day = Day()
    day.do("limit", "cem", "sell", 45)
    day.do("limit", "ann", "buy", 50)
    day.do("limit", "ann", "buy", 48, 2)
    day.do("limit", "dot", "sell", 47)
    day.do("limit", "dot", "sell", 0)
    day.do("cancel_all", "ann")
    return day


def test_the_tables_of_a_small_day_worked_out_by_hand() -> None:
    day = small_day()
    trades = trade_table(day.events, VALUES.frame())
    columns = ["price", "buyer", "seller", "maker_order", "taker_order", "initiator", "value",
               "cost", "buyer_surplus", "seller_surplus"]  # fmt: skip
    assert trades[columns].values.tolist() == [
        [45, "ann", "cem", 1, 2, "buy", 90, 20, 45, 25],
        [48, "ann", "dot", 3, 4, "sell", 50, 40, 2, 8],
    ]
    assert trades.time.tolist() == [2, 4]
    [period] = period_table(day.events, VALUES.frame()).to_dict("records")
    # Equilibrium: 90 70 | 50 and 20 40 | 60, hence price 50 to 60, surplus 100.
    assert (period["trades"], period["volume"], period["mean_price"]) == (2, 2, 46.5)
    assert (period["equilibrium_price_low"], period["equilibrium_price_high"]) == (50, 60)
    assert (period["maximum_surplus"], period["surplus"], period["efficiency"]) == (100, 80, 0.8)
    assert (period["lost_surplus"], period["displaced_surplus"]) == (15, 5)
    assert period["rmsd"] == pytest.approx(math.sqrt((10**2 + 7**2) / 2))
    assert period["alpha"] == pytest.approx(100 * period["rmsd"] / 55)
    assert period["volume_ratio"] == 1
    traders = trader_table(day.events, VALUES.frame()).set_index("player")
    assert traders.loc["ann", ["units", "cash", "surplus"]].tolist() == [2, -93, 47]
    assert traders.loc["bea", ["units", "surplus", "equilibrium_surplus"]].tolist() == [0, 0, 15]
    gaps = [47 - 35, 0 - 15, 25 - 35, 8 - 15]
    expected = math.sqrt(sum(gap**2 for gap in gaps) / 4)
    assert period["profit_dispersion"] == pytest.approx(expected)


def test_the_book_of_a_small_day_shows_what_stood_after_each_command() -> None:
    table = book_table(small_day().events)
    shown = table[["time", "bid", "ask", "bid_depth", "ask_depth"]].astype(object)
    assert shown.where(table.notna(), None).values.tolist() == [
        [1, None, 45, 0, 1], [2, None, None, 0, 0], [3, 48, None, 2, 0], [4, 48, None, 1, 0],
        [6, None, None, 0, 0],
    ]  # fmt: skip


def test_a_refusal_is_a_row_with_its_reason() -> None:
    events = small_day().events
    [refused] = events[events.event == "reject"].to_dict("records")
    assert (refused["player"], refused["reason"]) == ("dot", "not_positive")
    assert events.seq.tolist() == [*range(1, len(events) + 1)]
    assert events.dtypes.astype(str).to_dict() == ORDER_EVENTS


def types_in(table: pandas.DataFrame) -> dict[str, str]:
    return {str(name): str(dtype) for name, dtype in table.dtypes.items()}


@pytest.mark.long
def test_markets_in_which_nothing_happens_have_empty_tables_with_the_same_types() -> None:
    nothing, day = order_event_table([]), small_day()
    for make in (trade_table, period_table, trader_table, mispricing_table):
        empty = make(nothing, InducedValues({}, {}).frame())
        assert len(empty) == 0
        assert types_in(empty) == types_in(make(day.events, VALUES.frame()))
    assert types_in(book_table(nothing)) == types_in(book_table(day.events))
    [idle] = period_table(nothing, VALUES.frame()).to_dict("records")
    assert (idle["volume"], idle["efficiency"], idle["lost_surplus"]) == (0, 0, 100)
    assert math.isnan(idle["mean_price"])
    assert math.isnan(idle["alpha"])


@examples(60)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from(("refuse", "cancel_oldest")))
def test_tables_agree_with_the_book_and_with_each_other(
    seed: int, no_loss: bool, self_trade: Any
) -> None:
    day, chance = Day(Rules(no_loss=no_loss, self_trade=self_trade)), random.Random(seed)
    for step in range(60):
        if step == 30:
            day.open()
        player = chance.choice(["ann", "bea", "cem", "dot"])
        side = "buy" if player in VALUES.values else "sell"
        if self_trade == "cancel_oldest" and not no_loss:
            side = chance.choice(["buy", "sell"])
        name = chance.choice(["limit", "limit", "limit", "market", "cancel", "replace"])
        number, price = chance.randint(1, 20), chance.randint(20, 90)
        given = {"limit": (side, price, chance.randint(1, 2)), "market": (side, 1),
                 "cancel": (number,), "replace": (number, price)}[name]  # fmt: skip
        day.do(name, player, *given)
    check(day, no_loss)


def spread_of(day: Day, end: float | None = None) -> float:
    """Return the mean spread until *end*, the close by default."""
    if end is not None:
        day.time = end - 7
    day.close()
    return float(period_table(day.events, VALUES.frame())["mean_spread"].iloc[-1])


def test_the_last_spread_lasts_until_the_close() -> None:
    """It is 10 for one second, then 2 for 99."""
    day = Day()
    day.do("limit", "ann", "buy", 40)
    day.do("limit", "cem", "sell", 50)
    day.do("limit", "dot", "sell", 42)
    assert period_table(day.events, VALUES.frame())["mean_spread"][0] == 10
    assert spread_of(day, end=102.0) == pytest.approx(2.08)
    day.do("limit", "ann", "sell", 0)  # what comes after the end is refused, and no part of it
    assert period_table(day.events, VALUES.frame())["mean_spread"][0] == pytest.approx(2.08)
    assert day.events["event"].tolist()[-2:] == ["close", "reject"]
    assert len(book_table(day.events)) == 3


@examples(100)
@given(st.integers(0, 10**6))
def test_the_mean_spread_is_that_of_a_clock_that_asks_the_book_every_second(seed: int) -> None:
    day, chance, spreads = Day(), random.Random(seed), list[float]()
    for _ in range(chance.randint(1, 25)):
        player = chance.choice(["ann", "bea", "cem", "dot"])
        side = "buy" if player in VALUES.values else "sell"
        if chance.random() < 0.3:
            day.do("cancel", player, chance.randint(1, 20))
        else:
            day.do("limit", player, side, chance.randint(20, 90), chance.randint(1, 2))
        seconds = chance.randint(1, 9)
        bid, ask = day.book.best_bid, day.book.best_ask
        if bid is not None and ask is not None:
            spreads += [float(ask - bid)] * seconds
        day.time += seconds - 1  # the next command comes one later
    naive = sum(spreads) / len(spreads) if spreads else math.nan
    assert spread_of(day, end=day.time + 1) == pytest.approx(naive, nan_ok=True)


def check(day: Day, no_loss: bool) -> None:
    """Hold the tables against the book and the sums against each other."""
    told = {row["seq"]: row for row in book_table(day.events).to_dict("records")}
    last: dict[str, Any] = {}
    for seq, (bid, ask, bid_depth, ask_depth) in day.seen:
        current = [told[s] for s in told if s <= seq]
        last = current[-1] if current else last
        if last and last["period"] == day.rows[seq - 1]["period"]:
            shown = [None if math.isnan(last[side]) else last[side] for side in ("bid", "ask")]
            assert [*shown, last["bid_depth"], last["ask_depth"]] == [
                bid,
                ask,
                bid_depth,
                ask_depth,
            ]
    values = VALUES.frame([1, 2])
    periods, traders = period_table(day.events, values), trader_table(day.events, values)
    trades = trade_table(day.events, values)
    assert periods.trades.sum() == len(trades)
    assert traders.cash.sum() == pytest.approx(0)
    for row in periods.to_dict("records"):
        if no_loss:
            assert 0 <= row["efficiency"] <= 1 + 1e-12
            mine = traders[traders.period == row["period"]]
            assert mine.surplus.sum() == pytest.approx(row["surplus"])
            assert mine.equilibrium_surplus.sum() == pytest.approx(row["maximum_surplus"])
        if not math.isnan(row["surplus"]):
            missing = row["maximum_surplus"] - row["surplus"]
            assert row["lost_surplus"] + row["displaced_surplus"] == pytest.approx(missing)
            assert row["efficiency"] <= 1 + 1e-12


def asset_day(seed: int) -> tuple[Day, pandas.DataFrame]:
    """Three periods of an asset of nine units: the second dividend is the last that is paid."""
    day, chance = Day(), random.Random(seed)
    for step in range(45):
        if step in (15, 30):
            day.open()
        player, side = chance.choice(["ann", "bea", "cem"]), chance.choice(["buy", "sell"])
        day.do("limit", player, side, chance.randint(20, 90), chance.randint(1, 3))
    asset = Dividends((0, 20), periods=4, terminal=15)
    return day, asset.frame({1: 20, 2: 0, 3: None}, units=9)


def test_an_asset_is_no_unit_of_demand_or_supply() -> None:
    """Its rows change neither equilibrium nor surplus, and are found in `periods`."""
    day = small_day()
    asset = Dividends((0, 20), periods=2).frame({1: 20}, units=4)
    both = pandas.concat([VALUES.frame(), asset], ignore_index=True)
    told, more = period_table(day.events, VALUES.frame()), period_table(day.events, both)
    columns = ["fundamental_value", "dividend"]
    assert more.drop(columns=columns).equals(told.drop(columns=columns))
    assert told[columns].isna().all().all()
    assert more[columns].values.tolist() == [[20, 20]]
    assert trader_table(day.events, both).equals(trader_table(day.events, VALUES.frame()))
    assert types_in(asset) == types_in(VALUES.frame())


@examples(40)
@given(st.integers(0, 10**6))
def test_mispricing_follows_from_the_two_raw_tables_alone(seed: int) -> None:
    """Worked out again from fills and the rows of side "hold", without any of our functions."""
    day, induced = asset_day(seed)
    fills = day.events[day.events.event.isin(["fill", "partial_fill"])]
    worth = induced[induced.side == "hold"].set_index("period").value
    assert worth.to_dict() == {1: 55, 2: 45, 3: 35}
    gaps, volume = [], 0
    for period in worth.index:
        taken = fills[fills.period == period].drop_duplicates("trade")
        volume += int(taken.quantity.sum())
        if len(taken):
            mean = (taken.price * taken.quantity).sum() / taken.quantity.sum()
            gaps.append(float(mean) - worth[period])
    [row] = mispricing_table(day.events, induced).to_dict("records")
    assert (row["periods"], row["traded_periods"]) == (3, len(gaps))
    assert row["mean_fundamental_value"] == 45
    assert row["rd"] == pytest.approx(sum(gaps) / len(gaps) / 45)
    assert row["rad"] == pytest.approx(sum(map(abs, gaps)) / len(gaps) / 45)
    assert row["amplitude"] == pytest.approx((max(gaps) - min(gaps)) / 55)
    assert row["turnover"] == pytest.approx(volume / 9)
    assert abs(row["rd"]) <= row["rad"] + 1e-12
    periods = period_table(day.events, induced)
    assert periods.dividend.tolist()[:2] == [20, 0]
    assert math.isnan(periods.dividend[2])


def test_an_asset_that_nobody_trades_has_no_deviation() -> None:
    frame = Dividends((0, 20), periods=2).frame({1: 20})
    [row] = mispricing_table(order_event_table([]), frame).to_dict("records")
    assert (row["periods"], row["traded_periods"], row["mean_fundamental_value"]) == (1, 0, 20)
    assert all(math.isnan(row[name]) for name in ("rd", "rad", "amplitude", "turnover"))


def test_rows_of_an_older_log_have_no_taxes_and_are_read_all_the_same() -> None:
    event = ["fill", 1, "ann", "sell", "limit", "2.5", 1, 0, None, 1]
    record = {"client_time": None, "events": [event]}
    (old,) = rows_in(record, 1.0, 1)
    assert (old["price"], old["trade"], "tax_paid" in old) == (Decimal("2.5"), 1, False)
    (new,) = rows_in({**record, "events": [[*event, "0.5", -1]]}, 1.0, 1)
    assert (new["tax_paid"], new["fee_paid"]) == (Decimal("0.5"), -1)
    table = order_event_table([old, new])
    assert table["tax_paid"].isna().tolist() == [True, False]
    without = small_day().events.drop(columns=["tax_paid", "fee_paid"])
    assert (trade_table(without, VALUES.frame())["buyer_tax"] == 0).all()


def test_a_middleman_earns_the_difference_of_the_prices() -> None:
    """Who sells on all that was bought; with a unit left, nobody knows what it is worth."""
    values = InducedValues({"ann": [90], "eve": [70]}, {"bob": [20], "cem": [40]})
    book, rows = Book(), []

    def trade(buyer: str, seller: str, price: int) -> None:
        for name, side in ((seller, "sell"), (buyer, "buy")):
            outcome = book.limit(name, side, price)  # type: ignore[arg-type]
            rows.extend(order_event_rows(outcome, float(len(rows)), 1))

    def row() -> Any:
        return period_table(order_event_table(rows), values.frame()).iloc[0]

    trade("dan", "bob", 30)
    assert math.isnan(row()["efficiency"])
    trade("ann", "dan", 80)
    trade("eve", "cem", 50)
    found = row()
    assert found["surplus"] == 100
    assert found["efficiency"] == 1.0
    assert (found["lost_surplus"], found["displaced_surplus"]) == (0.0, 0.0)
    assert (found["buyer_surplus"], found["seller_surplus"]) == (10 - 30 + 20, 10 + 80 + 10)
    traders = trader_table(order_event_table(rows), values.frame()).set_index(["player", "side"])
    assert traders["surplus"]["dan", "buy"] + traders["surplus"]["dan", "sell"] == 50
