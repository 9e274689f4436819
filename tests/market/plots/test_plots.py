"""Plots: what stands on the axes is what the tables say."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy
import pandas
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from tests.market.simulations.market_designs import VALUES, Here
from uproot_nb.errors import BadMarket, UprootError
from uproot_nb.market import Design, Dividends, InducedValues, Rules, Tax, plots, simulate_markets
from uproot_nb.market.analysis.results import MarketTables
from uproot_nb.market.plots import style
from uproot_nb.market.traders import ZIC, ZIP, NearZeroIntelligence, simulate_asset_market

DOCS = Path(__file__).resolve().parents[3] / "docs"
STUDY = Design(VALUES, ZIC, periods=3, steps=80, arms={"zic": {}, "zip": {"traders": ZIP}})


@pytest.fixture(autouse=True)
def figures() -> Iterator[None]:
    """Draw without a screen, and leave no figure behind."""
    with mpl.rc_context({"backend": "agg"}):
        yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def market() -> MarketTables:
    return STUDY.arm("zic").simulate(1)


@pytest.fixture(scope="module")
def study() -> dict[str, pandas.DataFrame]:
    tables = ["periods", "trades", "book", "induced_values", "traders"]
    return simulate_markets(STUDY, range(3), Here(), progress=False, tables=tables)


@pytest.fixture(scope="module")
def asset() -> MarketTables:
    endowments = {f"t{n}": [(225, 3), (585, 2), (945, 1)][n % 3] for n in range(6)}
    robots = {name: NearZeroIntelligence() for name in endowments}
    return simulate_asset_market(robots, Dividends((0, 8, 28, 60), 5), endowments, steps=60, seed=1)


def lines_of(ax: Axes) -> dict[str, tuple[list[float], list[float]]]:
    """Return the labelled lines: their places and heights."""
    return {
        str(line.get_label()): (list(line.get_xdata()), list(line.get_ydata()))  # type: ignore[arg-type]
        for line in ax.get_lines()
    }


def steps_of(ax: Axes) -> dict[str, list[float]]:
    return {str(one.get_label()): list(one.get_data().values) for one in ax.patches}  # type: ignore[attr-defined]


def test_supply_and_demand_are_the_sorted_units(market: MarketTables) -> None:
    ax = plots.supply_and_demand(market, period=2)
    assert steps_of(ax) == {
        "demand": [90, 80, 70, 60, 50, 40], "supply": [10, 20, 30, 40, 50, 60],
    }  # fmt: skip
    trades = market.trades[market.trades["period"] == 2]
    places, prices = lines_of(ax)["trades, in order"]
    assert (len(places), prices) == (trades["quantity"].sum(), list(trades["price"]))
    assert places[:2] == [0.5, 1.5]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("units", "price")


def test_supply_and_demand_may_be_of_values_alone() -> None:
    ax = plots.supply_and_demand(InducedValues({"b": [9, 7]}, {}))
    assert steps_of(ax) == {"demand": [9, 7]}
    assert list(lines_of(ax)) == []


def bands_of(ax: Axes) -> set[float]:
    """Return the bounds of all intervals of equilibrium prices."""
    paths = [path.get_extents() for one in ax.collections for path in one.get_paths()]
    return {float(edge) for path in paths for edge in (path.y0, path.y1)}


@pytest.mark.long
@pytest.mark.parametrize("rules", [Rules(ceiling=30), Rules(buyer_tax=Tax(20)), Rules(floor=70)])
def test_schedules_and_price_path_have_the_equilibrium_of_the_rules(rules: Rules) -> None:
    tables = replace(STUDY.arm("zic"), rules=rules, periods=1).simulate(1)
    drawn = [plots.supply_and_demand(tables), plots.supply_and_demand(VALUES, rules=rules)]
    assert bands_of(plots.price_path(tables)) == bands_of(drawn[0]) == bands_of(drawn[1])
    assert bands_of(drawn[0]) != bands_of(plots.supply_and_demand(VALUES))
    with pytest.raises(BadMarket, match=r"Tables have their own rules"):
        plots.supply_and_demand(tables, rules=rules)


def test_taxes_lower_demand_and_raise_supply() -> None:
    rules = Rules(buyer_tax=Tax(rate=Decimal("0.25")), seller_tax=Tax(3))
    ax = plots.supply_and_demand(InducedValues({"b": [100, 75]}, {"s": [10, 20]}), rules=rules)
    assert steps_of(ax)["demand"] == [80, 60]
    assert steps_of(ax)["supply"] == [13, 23]
    assert steps_of(ax)["before taxes and fees"] == [100, 75]
    assert [list(one.get_data().values) for one in ax.patches][2] == [10, 20]  # type: ignore[attr-defined]


def test_the_price_path_has_every_trade_and_each_periods_equilibrium(market: MarketTables) -> None:
    ax = plots.price_path(market)
    drawn = [
        price for line in ax.get_lines() if line.get_marker() == "o" for price in line.get_ydata()
    ]
    assert drawn == list(market.trades["price"])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "2", "3"]
    periods = market.periods
    assert bands_of(ax) == {*periods["equilibrium_price_low"], *periods["equilibrium_price_high"]}


def test_a_period_without_trades_has_its_place_in_the_path(market: MarketTables) -> None:
    trades = market.trades[market.trades["period"] != 2]
    ax = plots.price_path({"trades": trades, "periods": market.periods})
    counts = [max(1, int((trades["period"] == period).sum())) for period in (1, 2, 3)]
    assert counts[1] == 1
    assert ax.get_xlim() == (0, sum(counts))


def test_the_periods_of_a_long_session_are_not_all_numbered(market: MarketTables) -> None:
    numbers = range(1, 31)
    one = market.periods.iloc[[0]]
    periods = pandas.concat([one.assign(period=number) for number in numbers])
    trades = pandas.concat([market.trades.assign(period=number) for number in numbers])
    ax = plots.price_path({"trades": trades, "periods": periods})
    ax.get_figure().canvas.draw()  # type: ignore[union-attr]
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert len(boxes) > 5
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_the_history_of_quotes_is_the_table_book(market: MarketTables) -> None:
    ax = plots.bid_ask_history(market, period=2)
    book = market.book[market.book["period"] == 2]
    begin = book["time"].iloc[0]
    found = lines_of(ax)
    for side in ("bid", "ask"):  # the last quotes stand until the close, at step 160
        last = book[side].iloc[-1]
        numpy.testing.assert_array_equal(found[f"best {side}"][1], [*book[side], last])
        assert found[f"best {side}"][0] == [*(book["time"] - begin), 160 - begin]
    trades = market.trades[market.trades["period"] == 2]
    assert found["trades"] == (list(trades["time"] - begin), list(trades["price"]))
    assert ax.get_xlabel().startswith("steps")
    stamped = {"book": market.book.assign(timestamp=0), "trades": market.trades}
    assert plots.bid_ask_history(stamped).get_xlabel().startswith("seconds")


class QuotesOnce:
    """A trader who sends one order, and is content with it."""

    def __init__(self, price: int) -> None:
        self._prices: list[int | None] = [price]

    def quote(self, view: Any, chance: Any) -> Any:
        """Return the price, once."""
        return self._prices.pop() if self._prices else None

    def observe(self, shout: Any, view: Any, chance: Any) -> None:
        """Learn nothing."""


def test_quotes_that_stand_to_the_end_are_drawn_until_the_close() -> None:
    values = InducedValues({"b": [90]}, {"s": [10]})
    robots = {"b": lambda: QuotesOnce(40), "s": lambda: QuotesOnce(100)}
    tables = Design(values, robots, steps=100).simulate(1)
    begin = tables.book["time"].iloc[0]
    found = lines_of(plots.bid_ask_history(tables))
    assert tables.periods["mean_spread"].iloc[0] == 60
    for side, price in (("bid", 40), ("ask", 100)):
        places, prices = found[f"best {side}"]
        assert (places[-1], prices[-1]) == (100 - begin, price)
    book_only = {"book": tables.book, "trades": tables.trades}
    assert lines_of(plots.bid_ask_history(book_only))["best bid"][0][-1] < 10
    events = tables.order_events
    open_yet = {**book_only, "order_events": events[events["event"] != "close"]}
    assert lines_of(plots.bid_ask_history(open_yet))["best bid"][0][-1] < 10


def test_the_history_of_a_period_without_orders_is_empty_and_not_refused(
    market: MarketTables,
) -> None:
    tables = {name: getattr(market, name) for name in ("book", "trades")}
    none = {name: table[table["period"] != 2] for name, table in tables.items()}
    ax = plots.bid_ask_history({**none, "periods": market.periods}, period=2)
    assert lines_of(ax)["trades"] == ([], [])


@pytest.mark.long
@pytest.mark.parametrize("column", ["efficiency", "alpha"])
def test_lines_by_period_are_means_over_sessions(
    study: dict[str, pandas.DataFrame], column: str
) -> None:
    ax = plots.by_period(study, column)
    periods = study["periods"]
    assert [box.get_label() for box in ax.containers] == ["zic", "zip"]
    for box, arm in zip(ax.containers, ("zic", "zip"), strict=True):
        line, _, (bars,) = box.lines  # type: ignore[attr-defined]
        mine = periods[periods["arm"] == arm].groupby("period")[column]
        assert list(line.get_ydata()) == pytest.approx(list(mine.mean()))
        half = [(path.vertices[1][1] - path.vertices[0][1]) / 2 for path in bars.get_paths()]
        assert half == pytest.approx(list(mine.sem()))


@pytest.mark.long
def test_the_groups_of_a_session_count_once(study: dict[str, pandas.DataFrame]) -> None:
    periods = study["periods"].assign(group=1)
    twice = pandas.concat([periods, periods.assign(group=2)])
    (one, other) = (plots.by_period(table).containers[0].lines for table in (periods, twice))  # type: ignore[attr-defined]
    for before, after in zip(one[2][0].get_paths(), other[2][0].get_paths(), strict=True):
        numpy.testing.assert_allclose(before.vertices, after.vertices)


def test_designs_have_a_line_each_where_there_are_no_arms(market: MarketTables) -> None:
    periods = market.periods
    designs = {"dbl": periods, "call": periods.assign(efficiency=0.5)}
    grid = pandas.concat(
        table.assign(design=name, seed=seed) for name, table in designs.items() for seed in (1, 2)
    )
    boxes: Any = plots.by_period(grid).containers
    assert [box.get_label() for box in boxes] == ["dbl", "call"]
    assert list(boxes[0].lines[0].get_ydata()) == list(periods["efficiency"])
    assert list(boxes[1].lines[0].get_ydata()) == [0.5] * 3
    with pytest.raises(BadMarket, match=r"no column 'arm'.*\n.*such as 'design'"):
        plots.by_period(grid, by="arm")
    with pytest.raises(BadMarket, match=r"no column 'arm'.*\n.*or none"):
        plots.by_period(market, by="arm")


def test_many_arms_have_other_colours_or_other_markers(market: MarketTables) -> None:
    names = [f"arm {number}" for number in range(14)]
    both = pandas.concat([market.periods.assign(arm=name) for name in names])
    ax = plots.by_period(both, "efficiency")
    lines = [(one[0].get_color(), one[0].get_marker()) for one in ax.containers]  # type: ignore[index]
    assert len(set(lines)) == len(names)


def test_a_market_without_arms_has_one_line(market: MarketTables) -> None:
    ax = plots.by_period(market)
    assert list(ax.get_lines()[0].get_ydata()) == list(market.periods["efficiency"])
    assert ax.get_legend() is None
    with pytest.raises(BadMarket, match="no column 'profit'"):
        plots.by_period(market, "profit")


@pytest.mark.long
def test_the_bubble_is_the_mean_price_beside_the_fundamental_value(asset: MarketTables) -> None:
    ax = plots.bubble(asset)
    assert steps_of(ax) == {"fundamental value": list(asset.periods["fundamental_value"])}
    assert lines_of(ax)["mean price"][1] == list(asset.periods["mean_price"])
    several = pandas.concat(
        [
            asset.periods.assign(session="1"),
            asset.periods.assign(session="2", mean_price=asset.periods["mean_price"] + 10),
        ]
    )
    found = lines_of(plots.bubble(several))
    assert found["mean of 2 sessions"][1] == pytest.approx(list(asset.periods["mean_price"] + 5))
    assert len(found) == 3
    dear = asset.periods.assign(design="dear", mean_price=90.0)
    dear["fundamental_value"] += 7
    ax = plots.bubble(pandas.concat([asset.periods.assign(design="usual"), dear]))
    assert lines_of(ax)["usual: mean price"][1] == list(asset.periods["mean_price"])
    assert set(lines_of(ax)["dear: mean price"][1]) == {90.0}
    values = list(asset.periods["fundamental_value"])
    assert steps_of(ax) == {
        "usual: fundamental value": values,
        "dear: fundamental value": [value + 7 for value in values],
    }
    with pytest.raises(BadMarket, match="No asset is traded"):
        plots.bubble(STUDY.arm("zic").simulate(1))


@pytest.mark.long
def test_profits_are_summed_over_periods_and_sides(study: dict[str, pandas.DataFrame]) -> None:
    ax = plots.profits(study)
    found, traders = lines_of(ax), study["traders"]
    for arm in ("zic", "zip"):
        mine = traders[traders["arm"] == arm].groupby(["session", "player"], observed=True)
        dots = sorted(zip(*found[arm], strict=True))
        due = mine[["equilibrium_surplus", "surplus"]].sum()
        numpy.testing.assert_allclose(dots, sorted(map(tuple, due.to_numpy().tolist())))
    assert set(lines_of(plots.profits(study, by="side"))) >= {"buyers", "sellers"}


def test_the_manual_names_and_shows_every_figure() -> None:
    page = (DOCS / "market_studies.md").read_text("utf-8")
    for name in set(plots.__all__) - {"select"}:
        assert f"`plots.{name}(" in page, name
    shown = re.findall(r"\(images/(plot_\w+\.png)\)", page)
    assert sorted(shown) == sorted(path.name for path in (DOCS / "images").glob("plot_*"))


SINGLE = [plots.supply_and_demand, plots.price_path, plots.bid_ask_history]
ALL = [*SINGLE, plots.by_period, plots.profits]


@pytest.mark.parametrize("draw", ALL)
def test_each_draws_on_the_axes_that_it_gets_and_returns_them(
    draw: Any, market: MarketTables
) -> None:
    figure, ax = pyplot.subplots()
    assert draw(market, ax=ax) is ax
    assert pyplot.get_fignums() == [figure.number]
    assert ax.has_data()


@pytest.mark.parametrize("draw", SINGLE)
def test_what_shows_one_market_asks_which(draw: Any, study: dict[str, pandas.DataFrame]) -> None:
    with pytest.raises(BadMarket, match=r"more than one arm.*\n.*select\(tables, arm='zic'\)"):
        draw(study)
    assert pyplot.get_fignums() == []
    assert draw(plots.select(study, session="zip 2")).has_data()


def test_select_says_that_one_markets_tables_need_no_choice() -> None:
    simulated = Design(VALUES, ZIC, steps=5).simulate(seed=1)
    with pytest.raises(BadMarket, match=r"SimulatedMarket is not a table(.|\n)*need no choice"):
        plots.select(simulated, session=1)  # type: ignore[call-overload]


def test_select_says_what_there_is(study: dict[str, pandas.DataFrame]) -> None:
    assert set(plots.select(study, arm="zip")["trades"]["session"]) == {"zip 0", "zip 1", "zip 2"}
    assert len(plots.select(study["periods"], arm="zip", session="zip 1")) == 3
    with pytest.raises(BadMarket, match=r"nothing with session 'zap'.*\n.*zic 0, zic 1"):
        plots.select(study, session="zap")
    with pytest.raises(BadMarket, match="columns day are not"):
        plots.select(study, day=3)


def test_a_missing_table_is_named(study: dict[str, pandas.DataFrame]) -> None:
    only = {"periods": study["periods"]}
    with pytest.raises(BadMarket, match=r"no table 'traders'.*\n.*tables=\[\"traders\"\]"):
        plots.profits(only)


TABLES = ("order_events", "trades", "book", "induced_values", "periods", "traders")


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda one, _: plots.supply_and_demand(one, period=99), r"period 99.*\n.*: 1, 2, 3\."),
        (lambda one, _: plots.bid_ask_history(one, period=99), r"period 99.*\n.*: 1, 2, 3\."),
        (lambda _, asset: plots.supply_and_demand(asset), "Nobody has values or costs"),
        (lambda _, asset: plots.profits(asset), r"'surplus' is missing.*\n.*not of assets"),
        (lambda _, asset: plots.by_period(asset), r"'efficiency' is missing.*\n.*mean_price"),
        (lambda one, _: plots.profits(one, by="foo"), "no column 'foo'"),
        (lambda one, _: plots.by_period(one["traders"], "side"), "'side' does not have numbers"),
        (lambda one, _: plots.profits(one["periods"]), "not the table 'traders'"),
        (lambda one, _: plots.bubble(one["trades"]), "not the table 'periods'"),
        (lambda one, _: plots.price_path(one["trades"]), "not the table 'periods'"),
        (lambda one, _: plots.bid_ask_history(one["book"]), "not the table 'trades'"),
        (lambda one, _: plots.supply_and_demand(one["trades"]), "not the table 'induced_values'"),
    ],
)
def test_nothing_is_drawn_where_there_is_nothing_to_see(
    draw: Any, words: str, market: MarketTables, asset: MarketTables
) -> None:
    one, other = ({name: getattr(it, name) for name in TABLES} for it in (market, asset))
    with pytest.raises(BadMarket, match=words):
        draw(one, other)
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("arm", [False, True])
@pytest.mark.parametrize("name", ["by_period", "bubble", "price_path", "profits"])
def test_a_session_before_its_first_period_has_empty_axes(
    name: str, arm: bool, market: MarketTables
) -> None:
    tables = {table: getattr(market, table).iloc[:0] for table in TABLES}
    if arm:
        tables = {table: frame.assign(arm="x") for table, frame in tables.items()}
    ax = getattr(plots, name)(tables)
    assert not any(len(line.get_xdata()) for line in ax.get_lines())


ARMS = ["an arm with a long name of its own", "call", "improvement", "zip"]


def with_arms(table: pandas.DataFrame, count: int) -> pandas.DataFrame:
    made = [table.assign(arm=name, session=f"{name} 1") for name in ARMS[:count]]
    return pandas.concat(made, ignore_index=True)


def figure_of(name: str, count: int, market: MarketTables, asset: MarketTables, ax: Any) -> Axes:
    """Draw a figure that shows several arms; one that does not, with as much as it can show."""
    if name == "bubble":
        periods = with_arms(asset.periods, count)
        periods["fundamental_value"] += periods["arm"].map(len)
        return plots.bubble(periods, ax=ax)
    if name == "by_period":
        return plots.by_period(with_arms(market.periods, count), ax=ax)
    if name == "profits":
        return plots.profits(with_arms(market.traders, count), ax=ax)
    if name == "supply_and_demand":
        rules = Rules(buyer_tax=Tax(5), seller_tax=Tax(3), ceiling=40)
        return plots.supply_and_demand(VALUES, market.trades, rules=rules, ax=ax)
    return {"price_path": plots.price_path, "bid_ask_history": plots.bid_ask_history}[name](
        market, ax=ax
    )


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("name", sorted(set(plots.__all__) - {"select"}))
def test_a_legend_hides_nothing_and_is_in_the_figure(
    name: str, count: int, market: MarketTables, asset: MarketTables
) -> None:
    ax = figure_of(name, count, market, asset, None)
    figure: Any = ax.figure
    figure.draw_without_rendering()
    legend = ax.get_legend()
    assert legend is not None
    box, inside = legend.get_window_extent(), ax.get_window_extent()
    numbers: Any = ax.xaxis.get_tightbbox()
    assert not box.overlaps(inside)
    assert not box.overlaps(numbers)
    assert box.x1 <= inside.x1 + 1
    assert (box.x0 >= 0, box.y0 >= 0) == (True, True)
    assert inside.height > 1.7 * figure.dpi  # nor does it take room from the data
    assert figure.get_size_inches()[0] == pytest.approx(3.3)


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
def test_a_legend_is_in_an_authors_figure_and_not_on_its_title(
    layout: Any, market: MarketTables, asset: MarketTables
) -> None:
    figure, axes = pyplot.subplots(1, 2, figsize=(6.6, 2.5), layout=layout)
    for name, ax in zip(("by_period", "profits"), axes, strict=True):
        figure_of(name, 4, market, asset, ax).set_title("a panel")
    figure.draw_without_rendering()
    assert tuple(figure.get_size_inches()) == (6.6, 2.5)
    for ax in axes:
        box = ax.get_legend().get_window_extent()
        assert not box.overlaps(ax.get_window_extent())
        assert not box.overlaps(ax.title.get_window_extent())
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1


@pytest.mark.long
def test_a_figure_of_its_own_is_as_wide_as_a_column_with_text_of_seven_points(
    study: dict[str, pandas.DataFrame],
) -> None:
    ax = plots.by_period(study)
    figure = ax.get_figure()
    assert figure is not None
    figure.savefig(BytesIO())
    assert figure.bbox.width / figure.dpi == pytest.approx(3.3)  # type: ignore[union-attr]
    texts = [ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels(), *ax.get_legend().get_texts()]  # type: ignore[union-attr]
    assert min(text.get_fontsize() for text in texts) >= 7


def test_colours_differ_for_the_colour_blind_and_in_print() -> None:
    """Seen with the cones of a protanope or deuteranope (Viénot, Brettel and Mollon 1999)."""
    lacking = {
        "protanope": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "deuteranope": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    }
    for seen in lacking.values():
        colours = [
            numpy.array(seen) @ (numpy.array(to_rgb(one)) ** 2.2) for one in style.COLOURS[:4]
        ]
        for number, one in enumerate(colours):
            for other in colours[:number]:
                assert numpy.abs(one - other).max() > 0.05
    assert len(set(style.MARKERS)) == len(style.COLOURS)


def test_who_lacks_matplotlib_is_told_how_to_get_it(
    market: MarketTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot")
    with pytest.raises(UprootError, match=r"matplotlib, which is not installed.*\n.*\[plots\]"):
        plots.by_period(market)
