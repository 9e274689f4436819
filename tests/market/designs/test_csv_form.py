"""A design's CSV file: what is written is read, whatever the design."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uproot_nb.errors import BadMarket
from uproot_nb.market import CircuitBreaker, Design, Fees, InducedValues, Rules
from uproot_nb.market.traders import GD, ZIC, ZIP

NAMES = st.sampled_from(["b1", "b 2", "Käufer", 's,"1"', "s2"])
AMOUNTS = st.one_of(
    st.integers(-50, 10**6), st.decimals(-9, 999, places=2), st.sampled_from([Decimal(5)])
)
UNITS = st.dictionaries(NAMES, st.lists(AMOUNTS, min_size=1, max_size=3), max_size=3)
SCHEDULES = st.builds(InducedValues, UNITS, UNITS).filter(lambda v: bool(v.values or v.costs))
RULES = st.builds(
    Rules,
    fees=st.sampled_from([Fees(), Fees(10, 20)]),
    max_quantity=st.sampled_from([10_000, 2]),
    tick=st.sampled_from([1, 5, Decimal("0.05"), Decimal(2)]),
    improvement=st.booleans(),
    budget=st.sampled_from([None, False]),
    max_orders=st.sampled_from([None, 3]),
    purse=st.sampled_from(["purse", None, "none", "12", " a", '"q"', "[x", "{"]),
    self_trade=st.sampled_from(["refuse", "cancel_oldest"]),
)
PERIODS = st.integers(-1, 4)
ARMS = st.builds(
    dict,
    values=st.one_of(SCHEDULES, st.dictionaries(PERIODS, SCHEDULES, min_size=1)),
    rules=st.one_of(RULES, st.dictionaries(PERIODS, RULES, min_size=1)),
    periods=st.integers(1, 4),
    practice=st.integers(0, 2),
    groups=st.integers(1, 3),
    shifts=st.dictionaries(PERIODS, st.builds(dict, demand=AMOUNTS, supply=AMOUNTS)),
    steps=st.integers(1, 99),
    clear_after_trade=st.booleans(),
    traders=st.sampled_from([None, ZIC, GD]),
)


def read(text: str, tmp_path: Path, **options: Any) -> Design:
    path = tmp_path / "design.csv"
    path.write_text(text, "utf-8")
    return Design.read_csv(path, **options)


def described(design: Design) -> dict[str, Any]:
    """Return what a design comes to, by arm."""
    return {
        name: (
            [(n, arm.values_in(n), arm.rules_in(n)) for n in arm.numbers],
            [type(arm.rules_in(n).tick) for n in arm.numbers],  # 2 and Decimal(2) are equal
            arm.groups, arm.steps, arm.clear_after_trade, arm.traders,
        )
        for name, arm in design.each_arm().items()
    }  # fmt: skip


@settings(max_examples=30)
@given(arms=st.dictionaries(st.sampled_from(["call", "no, 1", "ü"]), ARMS, min_size=1))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, arms: Any) -> None:
    (name, first), *others = arms.items()
    design = Design(**first, **({"arms": arms} if others else {"name": name}))
    path = tmp_path_factory.mktemp("designs") / "design.csv"
    text = design.to_csv(path)
    assert path.read_text("utf-8") == text
    assert described(Design.read_csv(path)) == described(design)
    assert Design.read_csv(path).to_csv() == text


@pytest.mark.parametrize("good_for", [2.5, 1e-5, 1e16])
def test_rules_about_time_and_hidden_size_are_written_and_read(
    good_for: float, tmp_path: Path
) -> None:
    rules = Rules(
        good_for=good_for, breaker=CircuitBreaker(Decimal("0.1"), 30, 50), terms=("gft", "iceberg")
    )
    values = InducedValues({"b1": [90]}, {"s1": [20]})
    text = Design(values, ZIC, rules=rules).to_csv()
    assert read(text, tmp_path, traders=ZIC).rules == rules


def test_a_spreadsheet_may_write_the_file(tmp_path: Path) -> None:
    text = (
        "\ufeffperiod,arm,item,trader,unit,amount,note\r\n"
        "1,,value,b1,2,70,\r\n"
        "1,,value,b1,1,90,the first unit\r\n"
        "1,,cost,s1,1,20.50,\r\n"
        "1,,rules.improvement,,,TRUE,\r\n"
        "2,,value,b1,1,95,\r\n"
        "2,,cost,s1,1,20.50,\r\n"
    )
    design = read(text, tmp_path, traders=ZIC)
    assert design.values_in(1) == InducedValues({"b1": [90, 70]}, {"s1": [Decimal("20.50")]})
    assert design.values_in(2).values == {"b1": [95]}
    assert [design.rules_in(period).improvement for period in design.numbers] == [True, True]
    assert (design.periods, design.name, design.traders) == (2, "market", ZIC)


def test_a_spreadsheet_may_write_it_where_numbers_have_a_comma(tmp_path: Path) -> None:
    text = (
        "arm;period;item;trader;unit;amount\r\n"
        "a;1;value;b1;1;90,50\r\n"
        "a;1;cost;s, 1;1;20\r\n"
        'a;1;rules.terms;;;"[""ioc"", ""fok""]"\r\n'
        "a;1;rules.k;;;,5\r\n"
    )
    design = read(text, tmp_path)
    assert design.values_in(1) == InducedValues({"b1": [Decimal("90.50")]}, {"s, 1": [20]})
    assert design.rules_in(1) == Rules(terms=("ioc", "fok"))


def test_rules_hold_from_their_own_period_until_they_are_set_again(tmp_path: Path) -> None:
    lines = [
        "arm,period,item,trader,unit,amount",
        ",1,value,b1,1,90", ",1,cost,s1,1,20", ",4,value,b1,1,95", ",4,cost,s1,1,20",
        ",2,rules.no_loss,,,TRUE", ",3,rules.call,,,TRUE", ",6,rules.call,,,FALSE",
    ]  # fmt: skip
    design = read("\n".join(lines), tmp_path)
    held = [(design.rules_in(n).no_loss, design.rules_in(n).call) for n in design.numbers]
    once, both = (True, False), (True, True)
    assert held == [(False, False), once, both, both, both, once]
    written = [line for line in design.to_csv().splitlines() if ",rules." in line]
    assert written == [
        "market,2,rules.no_loss,,,True", "market,3,rules.call,,,True",
        "market,6,rules.call,,,False",
    ]  # fmt: skip
    practice = read("\n".join([*lines, ",0,rules.max_short,,,3"]), tmp_path)
    assert (practice.practice, practice.rules_in(6).max_short) == (1, 3)


def test_robots_of_the_library_travel_by_name_and_others_are_given_again(tmp_path: Path) -> None:
    values = InducedValues({"b1": [90]}, {"s1": [10]})
    mixed = Design(values, {"b1": ZIP, "s1": lambda: GD(memory=3)})
    assert read(mixed.to_csv(), tmp_path).traders is None
    by_name = Design(values, {"b1": ZIP, "s1": GD})
    assert read(by_name.to_csv(), tmp_path).traders == {"b1": ZIP, "s1": GD}
    assert read(mixed.to_csv(), tmp_path, traders=ZIC).simulate(1).periods is not None


def test_drawn_values_are_those_of_a_market(tmp_path: Path) -> None:
    def drawn(chance: Random) -> InducedValues:
        return InducedValues.drawn(["b1"], ["s1"], seed=str(chance.random()), units=2)

    design = Design(drawn, ZIC)
    with pytest.raises(BadMarket, match="Name the market"):
        design.to_csv()
    assert read(design.to_csv(seed=4), tmp_path).values == design.values_in(1, seed=4)


@pytest.mark.long
@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["arm,period,item"], "no column 'trader'"),
        ([], "has no lines"),
        (["a,1,value,b1,1,cheap"], "Line 2 .*amount of money"),
        (["a,1,value,b1,one,90"], "Line 2 .*invalid literal"),
        (["a,1,value,b1,1,90", "a,1,value,b1,1,80"], "Line 3 .*unit 1 appears twice"),
        (["a,1,value,b1,2,90"], "Line 2 .*b1,2,90 .b1 has no unit 1"),
        (["a,1,cost,b1,2,90", "a,1,cost,b1,1,80", "a,1,cost,b1,4,70"], "Line 4 .*no unit 3"),
        (["a,1,value,b1,1,90", "a,2,value,b1,1,90", "a,2,value,b1,3,80"], "Line 4 .*no unit 2"),
        (["a,1,value,b1,1,90", "a,1,value,b1,0,95"], "Line 3 .*numbered 1, 2, 3"),
        (["a,1,valeu,b1,1,90"], "Line 2 .*item 'valeu'"),
        (["a,1,value,,1,90"], "Line 2"),
        (["a,,robot,,,ZIQ"], "Line 2 .*ZIQ"),
        (["a,1,value,b1,1,90", "a,1,rules.improved,,,True"], "no such rule"),
        (["a,,periods,,,3"], "no values and costs"),
        (["a,1,value,b1,1,90", "a,,periods,,,0"], "Line 3 .*periods=0"),
        (["a,1,value,b1,1,abc"], "Line 2 .*'abc' is not an amount of money"),
        (["a,1,value,b1,1,90", "a,1,cost,s1,1,"], "Line 3 .*'' is not an amount of money"),
        (["a,1,value,b1,1,90", 'a,1,cost,s1,1,"1,000"'], "Line 3 .*'1,000' is not an amount"),
        (["a,1,value,b1,1,1,000"], "Line 2 .*more cells than the first line"),
        (["a,1,value,b1,1,90", "a,1,rules.tick,,,x"], "Line 3 .*tick cannot be like that"),
        (["a,1,value,b1,1,90", "a,1,rules.tick,,,0"], "Line 3 .*rules.tick"),
        (["a,1,value,b1,1,90", "a,1,rules.buyer_tax,,,5"], r'Line 3 .*to_csv does: {"per_unit"'),
        (['a,1,rules.buyer_tax,,,"{""per_unit"": ""x""}"'], "Line 2 .*buyer_tax cannot be"),
        (["a,1,value,b1,1,90", "a,1,rules.terms,,,ioc"], r"Line 3 .*to_csv does: \["),
        (["a,1,value,b1,1,90", "a,1,rules.breaker,,,9"], "Line 3 .*breaker cannot be"),
        (
            ["a,1,value,b1,1,90", "a,1,rules.floor,,,50", "a,2,rules.ceiling,,,40"],
            r"Line 3 and 4 .*rules.floor, rules.ceiling",
        ),
        (["a,1,rules.tick,,,5", "a,1,rules.tick,,,2"], "Line 3 .*it appears twice"),
        (["a,,periods,,,3", "b,,periods,,,3", "a,,periods,,,3"], "Line 4 .*it appears twice"),
        (["a,,robot,b1,,ZIP", "a,,robot,b1,,ZIC"], "Line 3 .*it appears twice"),
        (["a,1,rules.improvement,,,no"], "Line 2 .*True or False"),
        (["a,1,rules.no_loss,,,0"], "Line 2 .*True or False"),
        (["a,1,rules.short_sales,,,none"], "Line 2 .*True or False"),
        (["a,,clear_after_trade,,,nein"], "Line 2 .*True or False"),
        (['a,1,value,b1,1,"""x'], "Line 2"),
    ],
)
def test_a_file_that_is_no_design_says_where(lines: list[str], words: str, tmp_path: Path) -> None:
    header = [] if lines and lines[0].startswith("arm") else ["arm,period,item,trader,unit,amount"]
    with pytest.raises(BadMarket, match=words):
        read("\n".join([*header, *lines]), tmp_path)


@pytest.mark.parametrize("name", ["b1 ", " b1", "", " ", "b1\t", "b1\u00a0"])
def test_names_that_cells_would_shorten_are_not_written(name: str) -> None:
    values = InducedValues({name: [90]}, {"s1": [10]})
    with pytest.raises(BadMarket, match=r"The trader .* cannot be written"):
        Design(values).to_csv()
    right = InducedValues({"b1": [90]}, {"s1": [10]})
    with pytest.raises(BadMarket, match=r"The arm .* cannot be written"):
        Design(right, arms={name: {}, "other": {}}).to_csv()
    with pytest.raises(BadMarket, match=r"The arm .* cannot be written"):
        Design(right, name=name).to_csv()


def test_the_only_arm_comes_back_by_its_name(tmp_path: Path) -> None:
    values = InducedValues({"b1": [90]}, {"s1": [10]})
    design = Design(values, ZIC, arms={"only": {"periods": 2}})
    again = read(design.to_csv(), tmp_path)
    assert again.arm("only").periods == 2
    assert described(again) == described(design)
    with pytest.raises(BadMarket, match=r"no arm 'other'.*\n.*only only"):
        again.arm("other")


def test_empty_rows_of_a_spreadsheet_are_left_out(tmp_path: Path) -> None:
    lines = [
        "arm,period,item,trader,unit,amount,note", ",,,,,,", "a,1,value,b1,1,90,", ",,,,,,a note",
        "a,1,cost,s1,1,10,", ",,,,,,", " , ,,,,,", "",
    ]  # fmt: skip
    assert read("\n".join(lines), tmp_path).values == InducedValues({"b1": [90]}, {"s1": [10]})
    with pytest.raises(BadMarket, match="has no lines"):
        read("\n".join(lines[:2]), tmp_path)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "mac_roman"])
def test_a_file_in_another_encoding_is_refused_with_what_to_do(
    encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / "design.csv"
    text = "arm,period,item,trader,unit,amount\na,1,cost,s1,1,10\na,1,value,Käufer,1,90\n"
    path.write_bytes(text.encode(encoding))
    line = 1 if encoding.startswith("utf-16") else 3
    with pytest.raises(BadMarket, match=rf"not text in UTF-8: line {line} .*\n.*CSV UTF-8"):
        Design.read_csv(path)
    path.write_bytes(text.encode("utf-8-sig"))
    assert Design.read_csv(path).seats == ["Käufer", "s1"]


def test_lines_may_end_as_on_an_old_macintosh(tmp_path: Path) -> None:
    text = "arm;period;item;trader;unit;amount\ra;1;value;b1;1;90,5\ra;1;cost;s1;1;10\r"
    values = InducedValues({"b1": [Decimal("90.5")]}, {"s1": [10]})
    assert read(text, tmp_path).values == values


@pytest.fixture
def _usual_limit_of_cells() -> Iterator[None]:
    """Other packages raise it for the whole process."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("_usual_limit_of_cells")
@pytest.mark.parametrize("line", [1, 2])
def test_a_quote_that_does_not_end_is_refused(line: int, tmp_path: Path) -> None:
    lines = ["arm,period,item,trader,unit,amount"] * (line - 1) + ['"' + "x" * 140_000]
    with pytest.raises(BadMarket, match=rf"Line {line} cannot be read: its cells"):
        read("\n".join(lines), tmp_path)
