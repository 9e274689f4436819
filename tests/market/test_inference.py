"""study_tables: against statsmodels and scipy called directly, and against published numbers."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy
import pandas
import pytest
import scipy.stats
import statsmodels.formula.api

from uproot_nb.errors import BadMarket, UprootError
from uproot_nb.market import study_tables

ARMS = {"continuous": 0.9, "call": 0.8, "improvement": 0.85}


@pytest.fixture(scope="module")
def periods() -> pandas.DataFrame:
    """Three arms of five sessions with two groups and four periods; some numbers are missing."""
    chance = numpy.random.default_rng(1)
    rows = [
        {
            "arm": arm, "session": f"{arm} {session}", "group": group, "period": period,
            "efficiency": level + effect + chance.normal(0, 0.05),
            "alpha": math.nan if chance.random() < 0.2 else chance.normal(10, 3),
        }
        for arm, level in ARMS.items()
        for session, effect in enumerate(chance.normal(0, 0.05, 5))
        for group in (1, 2)
        for period in (1, 2, 3, 4)
    ]  # fmt: skip
    return pandas.DataFrame(rows)


def row_of(table: pandas.DataFrame, **labels: Any) -> pandas.Series[Any]:
    for name, value in labels.items():
        table = table[table[name].isna() if value is None else table[name] == value]
    (row,) = (row for _, row in table.iterrows())
    return row


@pytest.mark.long
@pytest.mark.parametrize("outcome", ["efficiency", "alpha"])
@pytest.mark.parametrize("period", [2, None])
def test_standard_errors_are_those_of_a_clustered_regression(
    periods: pandas.DataFrame, outcome: str, period: int | None
) -> None:
    means = study_tables(periods).means
    for arm in ARMS:
        mine = periods[(periods["arm"] == arm) & periods[outcome].notna()]
        if period is not None:
            mine = mine[mine["period"] == period]
        fit = statsmodels.formula.api.ols(f"{outcome} ~ 1", mine).fit(
            cov_type="cluster", cov_kwds={"groups": mine["session"].astype("category").cat.codes}
        )
        row = row_of(means, outcome=outcome, arm=arm, period=period)
        assert row["mean"] == pytest.approx(fit.params["Intercept"])
        assert row["standard_error"] == pytest.approx(fit.bse["Intercept"])
        sessions = mine["session"].nunique()
        half = scipy.stats.t.ppf(0.975, df=sessions - 1) * row["standard_error"]
        assert (row["low"], row["high"]) == pytest.approx((row["mean"] - half, row["mean"] + half))
        assert (row["sessions"], row["observations"]) == (sessions, len(mine))


@pytest.mark.long
def test_clusters_of_one_give_the_textbooks_standard_error(periods: pandas.DataFrame) -> None:
    """s / sqrt(n), where each session has one observation in a period."""
    one = periods[periods["group"] == 1]
    row = row_of(study_tables(one).means, outcome="efficiency", arm="call", period=3)
    mine = one[(one["arm"] == "call") & (one["period"] == 3)]["efficiency"]
    assert row["standard_error"] == pytest.approx(mine.std() / math.sqrt(5))


@pytest.mark.long
def test_standard_errors_follow_from_the_sums_of_each_cluster(periods: pandas.DataFrame) -> None:
    """The formula: G / (G - 1) times the squared sums of a cluster's residuals, over n squared."""
    row = row_of(study_tables(periods).means, outcome="efficiency", arm="call", period=None)
    mine = periods[periods["arm"] == "call"]
    residuals = mine["efficiency"] - mine["efficiency"].mean()
    sums = residuals.groupby(mine["session"]).sum()
    assert row["standard_error"] == pytest.approx(math.sqrt(5 / 4 * (sums**2).sum()) / len(mine))


@pytest.mark.long
def test_p_values_are_those_of_all_permutations_of_sessions(periods: pandas.DataFrame) -> None:
    tests = study_tables(periods).tests
    assert len(tests) == 2 * 3
    for one, other in combinations(ARMS, 2):
        means = periods.groupby(["arm", "session"])["efficiency"].mean()
        first, second = means[one].to_numpy(), means[other].to_numpy()
        row = row_of(tests, outcome="efficiency", arm=one, other=other)
        assert row["difference"] == pytest.approx(first.mean() - second.mean())
        pooled = numpy.concatenate([first, second])
        drawn = [
            pooled[list(places)].mean() - numpy.delete(pooled, list(places)).mean()
            for places in combinations(range(10), 5)
        ]
        below = numpy.mean([gap <= row["difference"] + 1e-12 for gap in drawn])
        above = numpy.mean([gap >= row["difference"] - 1e-12 for gap in drawn])
        assert row["p_value"] == pytest.approx(min(1.0, 2 * min(below, above)))
        assert (row["sessions"], row["other_sessions"], row["exact"]) == (5, 5, True)


def counted_by_fractions(first: list[Fraction], second: list[Fraction]) -> float:
    """Return the two-sided p-value of all permutations, without any rounding."""
    pooled, size = first + second, len(first)
    rest = len(second)

    def gap(mine: list[Fraction]) -> Fraction:
        return sum(mine) / size - (sum(pooled) - sum(mine)) / rest

    observed = gap(first)
    gaps = [gap([pooled[n] for n in p]) for p in combinations(range(len(pooled)), size)]
    below = Fraction(sum(one <= observed for one in gaps), len(gaps))
    above = Fraction(sum(one >= observed for one in gaps), len(gaps))
    return float(min(Fraction(1), 2 * min(below, above)))


def table_of_sessions(
    arms: dict[str, list[list[Fraction]]], scale: Fraction = Fraction(1)
) -> pandas.DataFrame:
    """Return a row per period of each session, from the numbers of each arm's sessions."""
    return pandas.DataFrame([
        {"arm": arm, "session": f"{arm} {n}", "period": period, "efficiency": float(one * scale)}
        for arm, sessions in arms.items()
        for n, numbers in enumerate(sessions)
        for period, one in enumerate(numbers, 1)
    ])  # fmt: skip


def test_equal_means_have_a_p_value_of_one() -> None:
    arms = {"a": [85, 85, 75, 70], "b": [70, 70, 90, 85]}
    sessions = {arm: [[Fraction(one, 100)] for one in made] for arm, made in arms.items()}
    tests = study_tables(table_of_sessions(sessions), ["efficiency"]).tests
    assert list(tests["p_value"]) == [1.0]


@pytest.mark.parametrize("scale", [Fraction(1), Fraction(1, 10**6), Fraction(10**7, 3)])
def test_permutations_that_tie_are_counted_as_by_fractions(scale: Fraction) -> None:
    """Efficiencies are fractions of a maximum surplus, so many permutations tie."""
    chance = numpy.random.default_rng(7)
    for trial in range(25):
        sizes = {"a": 4, "b": 3 + trial % 2}
        arms = {
            arm: [[Fraction(int(k), 16) for k in chance.integers(8, 17, 6)] for _ in range(size)]
            for arm, size in sizes.items()
        }
        (test,) = study_tables(table_of_sessions(arms, scale), ["efficiency"]).tests.itertuples()
        first, second = ([sum(one) / Fraction(len(one)) for one in made] for made in arms.values())
        assert test.p_value == pytest.approx(counted_by_fractions(first, second), rel=1e-12)


@pytest.mark.long
def test_a_published_permutation_test_comes_out() -> None:
    """Mice with and without treatment: Efron and Tibshirani 1993, table 2.1, chapter 15.

    The book's achieved significance level of the difference of means, 30.63, is one-sided: .132 of
    1,000 permutations. scipy's two-sided p-value is twice the smaller of the two sides.
    """
    survival = {
        "treatment": [94, 197, 16, 38, 99, 141, 23],
        "control": [52, 104, 146, 10, 51, 30, 40, 27, 46],
    }
    rows = [
        {"arm": arm, "session": f"{arm} {mouse}", "period": 1, "days": days}
        for arm, found in survival.items()
        for mouse, days in enumerate(found)
    ]
    (test,) = study_tables(pandas.DataFrame(rows), ["days"], resamples=20_000).tests.itertuples()
    assert test.difference == pytest.approx(30.63, abs=0.005)
    assert test.exact
    assert test.p_value / 2 == pytest.approx(0.14, abs=0.01)


@pytest.mark.long
def test_permutations_are_drawn_where_they_are_too_many(periods: pandas.DataFrame) -> None:
    once, again = (study_tables(periods, resamples=99, seed=3).tests for _ in range(2))
    pandas.testing.assert_frame_equal(once, again)
    assert not once["exact"].any()
    assert once["p_value"].between(2 / 100, 1).all()


@pytest.mark.long
def test_one_session_has_a_mean_and_neither_error_nor_test(periods: pandas.DataFrame) -> None:
    few = periods[(periods["arm"] != "call") | (periods["session"] == "call 0")]
    tables = study_tables(few)
    row = row_of(tables.means, outcome="efficiency", arm="call", period=None)
    assert row["mean"] == pytest.approx(few[few["arm"] == "call"]["efficiency"].mean())
    assert row[["standard_error", "low", "high"]].isna().all()
    assert row_of(tables.tests, outcome="alpha", arm="continuous", other="call").isna()["p_value"]


@pytest.mark.long
def test_the_layout_is_that_of_a_paper(periods: pandas.DataFrame) -> None:
    tables = study_tables(periods)
    layout = tables.layout("efficiency", digits=2)
    assert list(layout.columns) == list(ARMS)
    assert list(layout.index) == ["1", "2", "3", "4", "all"]
    row = row_of(tables.means, outcome="efficiency", arm="call", period=2)
    assert layout.loc["2", "call"] == f"{row['mean']:.2f} ({row['standard_error']:.2f})"
    with pytest.raises(BadMarket, match="no outcome 'profit'"):
        tables.layout("profit")


@pytest.mark.long
def test_more_than_nine_periods_stand_in_their_order(periods: pandas.DataFrame) -> None:
    more = pandas.concat([periods, periods.assign(period=periods["period"] + 8)])
    layout = study_tables(more, ["efficiency"]).layout("efficiency")
    assert list(layout.index) == ["1", "2", "3", "4", "9", "10", "11", "12", "all"]


def test_what_cannot_be_tested_is_refused(periods: pandas.DataFrame) -> None:
    with pytest.raises(BadMarket, match="no column 'profit'"):
        study_tables(periods, ["profit"])
    with pytest.raises(BadMarket, match="A session is in more than one arm"):
        study_tables(periods.assign(session="monday"))
    with pytest.raises(BadMarket, match=r"not a list of columns.*\n.*\['efficiency'\]"):
        study_tables(periods, "efficiency")
    with pytest.raises(BadMarket, match="'arm' has 'continuous', which is not a number"):
        study_tables(periods, ["arm"])
    with pytest.raises(BadMarket, match="'alpha' is given twice"):
        study_tables(periods, ["alpha", "efficiency", "alpha"])


def test_who_gives_something_else_than_the_table_of_arms_reads_what_to_give(
    periods: pandas.DataFrame,
) -> None:
    class Tables:
        periods = None

    for given in (Tables(), {"periods": periods}, None):
        with pytest.raises(BadMarket, match=r"is not a table(.|\n)*study_tables\(tables.periods\)"):
            study_tables(given)  # type: ignore[arg-type]
    with pytest.raises(BadMarket, match='by="design"'):
        study_tables(periods.rename(columns={"arm": "design"}))
    nothing = study_tables(periods.assign(efficiency=math.nan), ["efficiency"])
    with pytest.raises(BadMarket, match="There are: none with any number"):
        nothing.layout("efficiency")


def test_missing_numbers_among_objects_are_left_out(periods: pandas.DataFrame) -> None:
    objects = periods.assign(alpha=periods["alpha"].astype(object).where(periods["alpha"].notna()))
    pandas.testing.assert_frame_equal(study_tables(objects).means, study_tables(periods).means)


@pytest.mark.parametrize("package", ["statsmodels", "scipy"])
def test_who_lacks_a_package_is_told_how_to_get_it(
    package: str, periods: pandas.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = {"statsmodels": "statsmodels.api", "scipy": "scipy.stats"}[package]
    monkeypatch.setitem(sys.modules, part, None)
    with pytest.raises(UprootError, match=rf"needs the package {package}.*\n.*\[statistics\]"):
        study_tables(periods)
