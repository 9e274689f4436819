"""study_tables: the means and tests of a study, as in papers, with statsmodels and scipy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from numbers import Number
from typing import TYPE_CHECKING, Any

from uproot_nb.errors import BadMarket, UprootError

if TYPE_CHECKING:
    import pandas

__all__ = ["StudyResults", "study_tables"]


@dataclass(frozen=True)
class StudyResults:
    """The tables of a study, from `study_tables`.

    Attributes:
        means: a row per outcome, arm and period, and one over all periods (period missing). Columns
            outcome, arm, period (Int64), mean, standard_error (clustered by session), low and high
            (its 95 percent confidence interval), sessions and observations. With one session there
            is no standard error (NaN).
        tests: a row per outcome and pair of arms. Columns outcome, arm, other, difference (of the
            means over sessions: arm less other), p_value (two-sided permutation test), sessions,
            other_sessions, and exact (bool: whether all permutations were counted, or a sample).
            With fewer than two sessions in an arm there is no p_value (NaN).
    """

    means: pandas.DataFrame
    tests: pandas.DataFrame

    def layout(self, outcome: str, digits: int = 3) -> pandas.DataFrame:
        """Return a table of an outcome for a paper: a column per arm, "mean (standard error)".

            tables.layout("efficiency").to_latex()

        A row per period, and a last row for all periods; all cells are text.

        Raises:
            BadMarket: there is no such outcome.
        """
        mine = self.means[self.means["outcome"] == outcome]
        if mine.empty:
            there = ", ".join(dict.fromkeys(self.means["outcome"])) or "none with any number"
            raise BadMarket(f"There is no outcome {outcome!r}.", f"There are: {there}.")
        cells = [
            _cell(mean, error, digits)
            for mean, error in zip(mine["mean"], mine["standard_error"], strict=True)
        ]
        missing = mine["period"].isna()
        periods = [
            "all" if is_missing else str(period)
            for period, is_missing in zip(mine["period"], missing, strict=True)
        ]
        rows, arms = list(dict.fromkeys(periods)), list(dict.fromkeys(mine["arm"]))
        made = mine.assign(cell=cells, period=periods).pivot(
            index="period", columns="arm", values="cell"
        )
        rows.sort(key=lambda row: (row == "all", len(row), row))
        return made.loc[rows, arms].fillna("")


def study_tables(
    periods: pandas.DataFrame,
    outcomes: Sequence[str] = ("efficiency", "alpha"),
    *,
    by: str = "arm",
    session: str = "session",
    resamples: int = 9_999,
    seed: int = 0,
) -> StudyResults:
    """Return means by arm and period with clustered standard errors, and tests between arms.

        tables = study_tables(simulated["periods"])
        tables.layout("efficiency")
        tables.tests

    A mean is the constant of an ordinary least squares regression of its rows, whose covariance is
    clustered by session, with statsmodels' usual correction for few clusters and, for intervals, a
    t distribution with one degree of freedom less than there are sessions. So the periods and
    groups of a session are not treated as independent. A test permutes sessions; each is one
    observation, the mean over its periods and groups. Its statistic is the difference of
    the arms' means; all permutations are counted if they are no more than *resamples*. Two-sided
    is as in scipy: twice the smaller tail, but no more than 1. With arms of unequal numbers of
    sessions this is not the share of permutations whose difference is as large in absolute value.
    Differences that are equal but for rounding in the means count as equal.

    Args:
        periods: a row per period and session, such as the table `periods` of `simulate_markets`,
            of `session_tables`, or both.
        outcomes: columns of numbers; rows where one is missing are left out for it.
        by: the column of treatment arms.
        session: the column of independent observations.
        resamples: how many permutations are drawn if there are more.
        seed: of these draws.

    Raises:
        BadMarket: a column is missing, an outcome has no numbers or is given twice, or a session
            is in two arms.
        UprootError: scipy or statsmodels is not installed.
    """
    import pandas  # lazy: an experiment that makes no table does not need it

    _check_outcomes(outcomes)
    _check_columns(periods, [by, session, "period", *outcomes])
    for outcome in outcomes:
        _check_numbers(periods, outcome)
    if (periods.groupby(session, observed=True)[by].nunique() > 1).any():
        raise BadMarket(
            f"A {session} is in more than one {by}.",
            "Each session must be in one arm to be permuted; give sessions different names.",
        )
    means = [row for outcome in outcomes for row in _means(periods, outcome, by, session)]
    tests = [
        row for outcome in outcomes
        for row in _tests(periods, outcome, by, session, resamples, seed)
    ]  # fmt: skip
    return StudyResults(
        pandas.DataFrame(means, columns=_MEANS).astype({"period": "Int64"}),
        pandas.DataFrame(tests, columns=_TESTS),
    )


_MEANS = [
    "outcome", "arm", "period", "mean", "standard_error", "low", "high", "sessions",
    "observations",
]  # fmt: skip
_TESTS = [
    "outcome", "arm", "other", "difference", "p_value", "sessions", "other_sessions", "exact",
]  # fmt: skip


def _means(periods: pandas.DataFrame, outcome: str, by: str, session: str) -> Iterator[list[Any]]:
    known = periods[periods[outcome].notna()]
    for arm, mine in known.groupby(by, sort=False, observed=True):
        for period, rows in mine.groupby("period"):
            yield [outcome, arm, period, *_mean(rows[outcome], rows[session])]
        yield [outcome, arm, None, *_mean(mine[outcome], mine[session])]


def _mean(numbers: pandas.Series[Any], sessions: pandas.Series[Any]) -> list[Any]:
    """Return mean, standard error, confidence interval, and how many there are."""
    api = _statsmodels()
    clusters = sessions.astype("category").cat.codes.to_numpy()
    count = sessions.nunique()
    values = numbers.to_numpy(dtype="float64")
    if count < 2:
        return [values.mean(), math.nan, math.nan, math.nan, count, len(values)]
    fit = api.OLS(values, [1.0] * len(values)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True
    )
    low, high = fit.conf_int()[0]
    return [fit.params[0], fit.bse[0], low, high, count, len(values)]


def _tests(
    periods: pandas.DataFrame, outcome: str, by: str, session: str, resamples: int, seed: int
) -> Iterator[list[Any]]:
    means = periods.groupby([by, session], sort=False, observed=True)[outcome].mean().dropna()
    arms = dict.fromkeys(means.index.get_level_values(by))
    for one, other in combinations(arms, 2):
        first, second = (means.loc[arm].to_numpy(dtype="float64") for arm in (one, other))
        exact = math.comb(len(first) + len(second), len(first)) <= resamples
        yield [
            outcome, one, other, first.mean() - second.mean(),
            _p_value(first, second, resamples, seed), len(first), len(second), exact,
        ]  # fmt: skip


def _p_value(first: Any, second: Any, resamples: int, seed: int) -> float:
    if min(len(first), len(second)) < 2:
        return math.nan
    found = _scipy_stats().permutation_test(
        (first, second), partial(_shifted_difference, shift=_shift(first, second)),
        permutation_type="independent", vectorized=True, n_resamples=resamples,
        alternative="two-sided", random_state=seed,
    )  # fmt: skip
    return float(found.pvalue)


_SHIFT = 100
"""Times the largest number. Two statistics are equal for scipy if they differ by no more than 1e-14
(100 machine epsilons in newer versions) of the one observed. Rounding in the means does not become
smaller where the difference does, so the shift makes that 2e-12 of the largest number."""


def _shift(first: Any, second: Any) -> float:
    """Return what is added to all differences of means: no p-value depends on it but for ties."""
    return _SHIFT * max(float(abs(first).max()), float(abs(second).max()))


def _shifted_difference(first: Any, second: Any, axis: int = -1, *, shift: float) -> Any:
    return first.mean(axis=axis) - second.mean(axis=axis) + shift


def _cell(mean: float, error: float, digits: int) -> str:
    beside = "" if math.isnan(error) else f" ({error:.{digits}f})"
    return f"{mean:.{digits}f}{beside}"


def _check_columns(periods: Any, names: Sequence[str]) -> None:
    if not hasattr(periods, "columns"):
        raise BadMarket(
            f"{type(periods).__name__} is not a table.",
            'Give the table "periods" itself: study_tables(tables["periods"]), or '
            "study_tables(tables.periods).",
        )
    missing = [name for name in names if name not in periods]
    if missing and missing[0] == "arm" and "design" in periods:
        raise BadMarket(
            "The table has no column 'arm', but one of designs.",
            'Write study_tables(periods, by="design").',
        )
    if missing:
        raise BadMarket(
            f"The table has no column {missing[0]!r}.",
            'Give the table of a study: simulate_markets(study, seeds, tables=["periods"])'
            '["periods"].',
        )


def _check_outcomes(outcomes: Sequence[str]) -> None:
    if isinstance(outcomes, str):
        raise BadMarket(
            f"outcomes={outcomes!r} is one text, not a list of columns.",
            f"Write study_tables(periods, [{outcomes!r}]).",
        )
    twice = [name for place, name in enumerate(outcomes) if name in outcomes[:place]]
    if twice:
        raise BadMarket(f"The outcome {twice[0]!r} is given twice.", "Give each outcome once.")


def _check_numbers(periods: pandas.DataFrame, outcome: str) -> None:
    """Refuse a column of texts or dates: it has no mean."""
    import pandas  # lazy: as above

    column = periods[outcome]
    if pandas.api.types.is_numeric_dtype(column):
        return
    odd = [one for one in column.dropna() if not isinstance(one, Number)]
    if odd:
        raise BadMarket(
            f"The column {outcome!r} has {odd[0]!r}, which is not a number.",
            "Give columns of numbers as outcomes, such as efficiency.",
        )


def _statsmodels() -> Any:
    try:
        import statsmodels.api  # lazy: it is an extra
    except ImportError as error:
        raise _missing(error.name or "statsmodels") from None
    return statsmodels.api


def _scipy_stats() -> Any:
    try:
        import scipy.stats  # lazy: it is an extra
    except ImportError as error:
        raise _missing(error.name or "scipy") from None
    return scipy.stats


def _missing(module: str) -> UprootError:
    """Name the package that lacks: one of the two, or one that they need themselves."""
    return UprootError(
        f"study_tables needs the package {module.partition('.')[0]}, which is not installed.\n"
        'Install it: pip install "uproot_nb[statistics]"'
    )
