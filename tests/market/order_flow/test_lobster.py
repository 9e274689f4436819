"""Order flow as LOBSTER's files say it, and back into a book."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running import serving
from uproot_nb import Page
from uproot_nb.errors import BadMarket, OrderRefused
from uproot_nb.market import (
    Book,
    CircuitBreaker,
    InducedValues,
    Market,
    Rules,
    replay_orders,
    to_lobster,
)
from uproot_nb.market.analysis.period_events import PeriodEvents
from uproot_nb.market.analysis.quotes import quotes
from uproot_nb.market.analysis.results import SimulatedMarket
from uproot_nb.market.order_flow.lobster import NO_ASK, NO_BID, level_row
from uproot_nb.market.orderbook.commands import due_commands, execute
from uproot_nb.market.traders import ZIC, simulate_market

LEVELS = 3
players, sides = st.sampled_from("abc"), st.sampled_from(("buy", "sell"))
few = st.sampled_from((None, None, 1, 2, 4))
acts = st.one_of(
    st.tuples(
        st.just("limit"), players, sides, st.integers(1, 9), st.integers(1, 6),
        st.sampled_from((None, None, None, "ioc", "fok")), few, few,
    ),
    st.tuples(st.just("market"), players, sides, st.integers(1, 5)),
    st.tuples(st.just("cancel"), players, st.integers(1, 12)),
    st.tuples(st.just("replace"), players, st.integers(1, 12), st.integers(1, 9),
              st.integers(1, 6)),
    st.tuples(st.just("cancel_all"), players),
    st.tuples(st.just("halt"), st.just(2.0)),
)  # fmt: skip
markets = st.fixed_dictionaries({
    "self_trade": st.sampled_from(("refuse", "cancel_oldest")),
    "lapse": st.sampled_from((None, None, None, "trade", "shout")),
    "tick": st.sampled_from((1, Decimal("0.05"), Decimal("0.0001"))),
    "breaker": st.sampled_from((None, None, CircuitBreaker(Decimal("0.3"), 2))),
})  # fmt: skip


class Over(Page):
    """It is over."""


def live(rules: Rules, given: list[tuple[Any, ...]]) -> tuple[SimulatedMarket, list[list[int]]]:
    """Return the tables of a book that was given commands, and the book at the end of each time."""
    book, noted, seen = Book(rules), PeriodEvents(1), dict[float, list[int]]()

    def record(outcome: Any, time: float) -> None:
        noted.add(outcome, time)
        seen[time] = public(book)

    for time, (name, *arguments) in enumerate(given):
        for command in due_commands(book, float(time)):
            record(execute(book, command), float(time))
        if name == "limit":
            arguments[2] *= rules.tick
        if name == "replace":
            arguments[2] *= rules.tick
        with suppress(OrderRefused):
            record(getattr(book, name)(*arguments), float(time))
    noted.close(float(len(given)))
    return SimulatedMarket([noted], []), list(seen.values())


def public(book: Book) -> list[int]:
    """Return the best levels of a book as a book file has them."""
    asks, bids = (
        [(int(level.price * 10_000), level.quantity) for level in book.ladders[side]][:LEVELS]
        for side in ("sell", "buy")
    )
    return level_row(asks, bids, LEVELS)


def trades_of(tables: Any) -> list[tuple[float, ...]]:
    """Return the time, price, quantity and taker's side of each trade."""
    columns = ["time", "price", "quantity", "initiator"]
    return list(tables.trades[columns].itertuples(index=False, name=None))


@examples(120)
@given(markets, st.lists(acts, max_size=20))
def test_a_flow_that_left_comes_back_as_it_was(
    options: dict[str, Any], given: list[tuple[Any, ...]]
) -> None:
    rules = Rules(terms=("ioc", "fok", "gft", "iceberg"), **options)
    tables, seen = live(rules, given)
    files = to_lobster(tables, levels=LEVELS)
    books = files.book.to_numpy().tolist()
    assert _without_repeats(seen) == _without_repeats(_at_rest(files, books))
    again = replay_orders(files.messages, levels=LEVELS)
    assert again.notes.empty
    assert again.depth.to_numpy().tolist() == books
    assert trades_of(again) == trades_of(tables)
    makers = files.messages.loc[files.messages.type == 4, "order"]
    assert [int(name) for name in names_of_makers(again)] == list(makers)


def names_of_makers(tables: Any) -> list[str]:
    return [
        row.seller if row.initiator == "buy" else row.buyer for row in tables.trades.itertuples()
    ]


def _at_rest(files: Any, books: list[list[int]]) -> list[list[int]]:
    """Return the books at the end of each time: none of those between the messages of a command."""
    times = [*files.messages.time, None]
    return [book for place, book in enumerate(books) if times[place] != times[place + 1]]


def _without_repeats(books: list[list[int]]) -> list[list[int]]:
    empty = level_row([], [], LEVELS)
    return [now for before, now in zip([empty, *books], books, strict=False) if before != now]


@examples(60)
@given(markets, st.lists(acts, max_size=20))
def test_the_quotes_are_those_of_the_public_book(
    options: dict[str, Any], given: list[tuple[Any, ...]]
) -> None:
    tables, seen = live(Rules(terms=("ioc", "fok", "gft", "iceberg"), **options), given)
    best = [
        [row[0] if row[0] != NO_ASK else None, row[1], row[2] if row[2] != NO_BID else None, row[3]]
        for row in seen
    ]
    found = [
        [
            None if row.ask != row.ask else round(row.ask * 10_000), row.ask_depth,
            None if row.bid != row.bid else round(row.bid * 10_000), row.bid_depth,
        ]
        for row in quotes(tables._recorded[0][0])
    ]  # fmt: skip
    assert found[-1:] == best[-1:] or not found
    assert list(tables.book.ask_depth) == [row[1] for row in found]
    assert all(row in found for row in best if row != [None, 0, None, 0])


def test_each_part_of_an_order_has_a_number_of_its_own() -> None:
    tables, _ = live(
        Rules(terms=("iceberg",)),
        [
            ("limit", "a", "sell", 5, 5, None, None, 2), ("limit", "b", "sell", 5, 1),
            ("limit", "c", "buy", 5, 4), ("replace", "a", 1, 5, 1), ("cancel", "a", 1),
        ],
    )  # fmt: skip
    files = to_lobster(tables)
    rows = files.messages[["time", "type", "order", "size"]].to_numpy().tolist()
    assert rows == [
        [0, 1, 1, 2], [1, 1, 2, 1], [2, 4, 1, 2], [2, 1, 4, 2], [2, 4, 2, 1], [2, 4, 4, 1],
        [4, 3, 4, 1],  # nobody sees at 3 that what is hidden becomes less
    ]  # fmt: skip
    assert replay_orders(files.messages).depth.equals(files.book)


def test_a_session_is_read_as_it_happened() -> None:
    with serving(Over) as run:
        market = Market.in_session(run.session, rules=Rules(tick=Decimal("0.5")))
        market.limit("ann", "sell", Decimal("12.5"), 3)
        market.limit("bob", "buy", 13, 2)
        market.halt()
        market.resume()
        market.cancel("ann", 1)
        files = to_lobster(run.market(), levels=2)
    rows = files.messages[["type", "order", "size", "price", "direction"]].to_numpy().tolist()
    assert rows == [
        [1, 1, 3, 125_000, -1], [4, 1, 2, 125_000, -1], [7, 0, 0, -1, -1], [7, 0, 0, 1, -1],
        [3, 1, 1, 125_000, -1],
    ]  # fmt: skip
    assert files.messages.time.between(0, 86_400).all()
    empty = [NO_ASK, 0, NO_BID, 0]
    assert files.book.to_numpy().tolist()[0] == [125_000, 3, NO_BID, 0, *empty]
    assert files.book.to_numpy().tolist()[-1] == [*empty, *empty]


def test_files_are_written_and_read(tmp_path: Path) -> None:
    names = ["b1", "b2", "s1", "s2"]
    values = InducedValues.symmetric(names[:2], names[2:], highest=90, lowest=10, step=10, units=2)
    tables = simulate_market({name: ZIC() for name in names}, values, periods=2, seed=1)
    with pytest.raises(BadMarket, match="Say which period"):
        to_lobster(tables)
    with pytest.raises(BadMarket, match="no period 3"):
        to_lobster(tables, period=3)
    files = to_lobster(tables, period=2)
    messages, book = files.write(tmp_path, "zic")
    assert (messages.name, book.name) == ("zic_message_10.csv", "zic_orderbook_10.csv")
    again = replay_orders(messages)
    expected = tables.trades[tables.trades.period == 2]
    assert list(again.trades.price) == list(expected.price)
    assert pandas.read_csv(book, header=None).to_numpy().tolist() == (
        again.depth.to_numpy().tolist()
    )
    assert len(again.book)
    with pytest.raises(BadMarket, match="message file has the columns"):
        replay_orders(pandas.DataFrame({"a": [1]}))
    with pytest.raises(BadMarket, match="call market"):
        replay_orders(messages, rules=Rules(call=True))


@pytest.mark.parametrize("rules", [{"trade_price": "taker"}, {"call": True}])
def test_trades_at_other_prices_cannot_be_written(rules: dict[str, Any]) -> None:
    book, noted = Book(Rules(**rules)), PeriodEvents(1)
    outcomes = [book.limit("ann", "sell", 10), book.limit("bob", "buy", 20)]
    for outcome in outcomes + ([book.clear()] if book.rules.call else []):
        noted.add(outcome, 0.0)
    with pytest.raises(BadMarket, match="not the price of the order that stood"):
        to_lobster(SimulatedMarket([noted], []))


def test_finer_prices_cannot_be_written() -> None:
    book = Book(Rules(tick=Decimal("0.00001")))
    noted = PeriodEvents(1)
    noted.add(book.limit("ann", "sell", Decimal("0.00001")), 0.0)
    with pytest.raises(BadMarket, match="more than four decimals"):
        to_lobster(SimulatedMarket([noted], []))


# As the files of lobsterdata.com are: five hidden executions, halts, and orders from before.
REAL = [
    (34200.01, 1, 11, 100, 1_000_100, -1),
    (34200.02, 5, 0, 50, 1_000_000, 1),
    (34200.03, 2, 7, 30, 999_900, 1),
    (34200.04, 4, 8, 20, 1_000_200, -1),
    (34200.05, 3, 9, 18, 999_800, 1),
    (34200.06, 7, 0, 0, -1, -1),
    (34200.07, 1, 12, 10, 999_700, 1),
    (34200.08, 7, 0, 0, 0, -1),
    (34200.09, 7, 0, 0, 1, -1),
    (34200.10, 1, 13, 10, 1_000_100, -1),
    (34200.11, 4, 13, 10, 1_000_100, -1),
    (34200.12, 6, -1, 500, 1_000_000, -1),
    (34200.13, 1, 14, 5, 1_000_300, 1),
]


def test_what_does_not_fit_is_noted() -> None:
    replayed = replay_orders(pandas.DataFrame(REAL), levels=1)
    assert list(zip(replayed.notes.message, replayed.notes.note, strict=True)) == [
        (1, "hidden execution"), (2, "unknown order"), (3, "unknown order"), (4, "unknown order"),
        (6, "refused: halted"), (10, "not the first in line"), (11, "cross trade"),
        (12, "traded at once"),
    ]  # fmt: skip
    assert replayed.depth.iloc[10].tolist() == [1_000_100, 100, NO_BID, 0]
    assert list(replayed.trades.quantity) == [5]
    assert list(replayed.order_events.event).count("halt") == 1


def test_with_the_opening_book_unknown_orders_are_those_of_before() -> None:
    opening = pandas.Series(
        [1_000_200, 20, 999_900, 60, NO_ASK, 0, 999_800, 18], name="any"
    )  # fmt: skip
    replayed = replay_orders(pandas.DataFrame(REAL[1:5]), opening=opening, levels=2)
    assert list(replayed.notes.note) == ["hidden execution"]
    assert replayed.depth.iloc[0].tolist() == list(opening)
    assert replayed.depth.iloc[-1].tolist() == [NO_ASK, 0, 999_900, 30, NO_ASK, 0, NO_BID, 0]
    assert list(replayed.trades.quantity) == [20]


# ---- with rules of one's own -----------------------------------------------------------------


def test_a_call_whose_price_is_that_of_the_older_order_cannot_be_written() -> None:
    book, noted = Book(Rules(call=True, k=0)), PeriodEvents(1)
    for player, side, price in (("ann", "sell", 10), ("bob", "buy", 20), ("cem", "buy", 5)):
        noted.add(book.limit(player, side, price), 0.0)  # type: ignore[arg-type]
    noted.add(book.clear(), 0.0)
    with pytest.raises(BadMarket, match="no calls"):
        to_lobster(SimulatedMarket([noted], []))


OPENING = pandas.Series([1_100_000, 5, 1_000_000, 7])


def replayed(*rows: tuple[Any, ...], **options: Any) -> Any:
    return replay_orders(pandas.DataFrame(list(rows)), levels=1, **options)


def test_what_stood_before_leaves_at_its_time_and_not_at_once() -> None:
    flow = replayed(
        (34200.0, 1, 5, 3, 900_000, 1), (34215.0, 1, 6, 3, 800_000, 1),
        opening=OPENING, rules=Rules(good_for=10),
    )  # fmt: skip
    assert flow.depth.iloc[0].tolist() == [1_100_000, 5, 1_000_000, 7]
    assert flow.depth.iloc[1].tolist() == [NO_ASK, 0, 800_000, 3]
    events = flow.order_events
    assert set(events[events.reason == "expired"].time) == {34210.0}


def test_a_refused_order_takes_nothing_from_others_later() -> None:
    flow = replayed(
        (1.0, 7, 0, 0, -1, -1), (2.0, 1, 5, 3, 1_000_000, 1), (3.0, 7, 0, 0, 1, -1),
        (4.0, 3, 5, 3, 1_000_000, 1), (5.0, 1, 5, 2, 1_010_000, 1), (6.0, 3, 5, 2, 1_010_000, 1),
        opening=OPENING,
    )  # fmt: skip
    assert list(flow.notes.note) == ["refused: halted", "unknown order"]
    assert [row[2:] for row in flow.depth.to_numpy().tolist()[3:]] == [
        [1_000_000, 7], [1_010_000, 2], [1_000_000, 7]
    ]  # fmt: skip


def test_an_execution_in_a_halt_reduces_its_order() -> None:
    flow = replayed(
        (1.0, 1, 5, 3, 1_000_000, 1), (2.0, 7, 0, 0, -1, -1), (3.0, 4, 5, 2, 1_000_000, 1)
    )
    assert list(flow.notes.note) == ["refused: halted"]
    assert flow.depth.iloc[-1].tolist()[2:] == [1_000_000, 1]
    assert flow.trades.empty


@pytest.mark.parametrize(
    "row",
    [
        (1.0, 1, 5, 3, 10_000, 0), (1.0, 1, 5, 3, None, 1), (1.0, 1, 5, 3, float("nan"), 1),
        ("late", 1, 5, 3, 10_000, 1), (float("nan"), 1, 5, 3, 10_000, 1),
        (1.0, 1, 5, 3, 587.25, 1), (1.0, 1, 5, 2.5, 10_000, 1), (1.0, 1, 5, 0, 10_000, 1),
        (1.0, 2, 4, -3, 10_000, 1),
    ],
)  # fmt: skip
def test_a_row_that_is_no_message_is_named(row: tuple[Any, ...]) -> None:
    with pytest.raises(BadMarket, match="Row 1 is not a message"):
        replayed((0.0, 1, 4, 3, 10_000, 1), row)


def test_whole_numbers_may_be_floats() -> None:
    flow = replayed((0.0, 1, 4.0, 3.0, 10_000.0, 1.0))
    assert flow.depth.iloc[0].tolist() == [NO_ASK, 0, 10_000, 3]


def test_time_that_goes_backwards_is_refused() -> None:
    rows = (2.0, 1, 4, 3, 10_000, 1), (2.0, 1, 5, 3, 10_000, 1), (1.5, 1, 6, 3, 10_000, 1)
    with pytest.raises(BadMarket, match=r"Row 2 is earlier.*: 1.5 after 2.0.*\n.*one day"):
        replayed(*rows)
    assert len(replayed(*rows[:2]).depth) == 2


def test_an_order_with_the_number_of_one_that_stands_is_left_out() -> None:
    flow = replayed(
        (1.0, 1, 5, 3, 1_000_000, 1), (2.0, 1, 5, 4, 1_010_000, 1), (3.0, 3, 5, 3, 1_000_000, 1),
        (4.0, 1, 5, 4, 1_010_000, 1), (5.0, 3, 5, 4, 1_010_000, 1),
    )  # fmt: skip
    assert list(zip(flow.notes.message, flow.notes.note, strict=True)) == [(1, "repeated number")]
    assert [row[2:] for row in flow.depth.to_numpy().tolist()] == [
        [1_000_000, 3], [1_000_000, 3], [NO_BID, 0], [1_010_000, 4], [NO_BID, 0]
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "\n\n", "1.0,1,5\n1.0,1,5,3,4\n", "1.0,1,5,3,10000,ä\n"])
def test_a_file_without_messages_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "message.csv"
    path.write_bytes(text.encode("cp1252"))
    with pytest.raises(BadMarket, match=r"no messages in .*message.csv"):
        replay_orders(path)


@pytest.mark.parametrize("levels", [0, -1, 2.0, True])
def test_books_have_a_level_at_least(levels: Any) -> None:
    tables = SimulatedMarket([PeriodEvents(1)], [])
    for call in (lambda: to_lobster(tables, levels=levels),
                 lambda: replay_orders(pandas.DataFrame(REAL), levels=levels)):  # fmt: skip
        with pytest.raises(BadMarket, match="not a number of levels"):
            call()


@pytest.mark.parametrize(
    "opening", [[587.25, 5, 1_000_000, 7], [1_000_000, 5, 990_000], [1_000_000, None]]
)
def test_an_opening_that_is_no_row_of_a_book_file_is_refused(opening: list[Any]) -> None:
    with pytest.raises(BadMarket, match="not a row of a book file"):
        replayed((1.0, 1, 5, 3, 900_000, 1), opening=pandas.Series(opening))
