"""What sessions share for draws across them: the same in a file and in a database."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.components.log_places import LogPlace
from uproot_nb.errors import LogBusy
from uproot_nb.log.log import EventLog
from uproot_nb.log.quota_table import SharedQuotas, quota_table_of


@pytest.fixture
def log(place: LogPlace) -> Iterator[EventLog]:
    with closing(place.open()) as made:
        yield made


@pytest.fixture
def another(log: EventLog, place: LogPlace) -> Iterator[EventLog]:
    """The same place in another kernel; it opens after the tables were made."""
    with closing(place.open()) as made:
        yield made


def store(quotas: SharedQuotas, *counts: tuple[str, str, int]) -> None:
    with quotas.exclusively() as table:
        for arm, session, count in counts:
            table.store("treatment", "arrived", "", arm, session, count)


def test_nobody_counts_where_nobody_has_drawn(log: EventLog) -> None:
    quotas = quota_table_of(log)
    assert quotas.fields_of("arrived", "one") == []
    assert quotas.counts_of("treatment", "arrived", "one") == Counter()


def test_a_session_is_told_what_the_others_have(log: EventLog, another: EventLog) -> None:
    store(quota_table_of(log), ("a", "one", 3), ("b", "one", 1), ("a", "two", 4))
    with quota_table_of(another).exclusively() as table:
        assert table.counts("treatment", "arrived", without="one") == {("", "a"): 4}
        assert table.counts("treatment", "arrived", without="three") == {("", "a"): 7, ("", "b"): 1}
    assert quota_table_of(another).fields_of("arrived", "one") == ["treatment"]
    assert quota_table_of(another).counts_of("treatment", "arrived", "two") == {("", "a"): 4}


def test_of_two_that_draw_at_once_one_is_refused_and_told_to_try_again(
    log: EventLog, another: EventLog
) -> None:
    first, second = quota_table_of(log), quota_table_of(another)
    with first.exclusively() as table:
        table.store("treatment", "arrived", "", "a", "one", 1)
        with pytest.raises(LogBusy), second.exclusively():
            pass
        with second.if_free() as busy:
            assert busy is None
    with second.if_free() as free:
        assert free is not None
        assert free.counts("treatment", "arrived", without="two") == {("", "a"): 1}


def test_a_draw_that_fails_leaves_nothing(log: EventLog, another: EventLog) -> None:
    quotas = quota_table_of(log)
    store(quotas, ("a", "one", 1))
    with pytest.raises(ZeroDivisionError):
        fail_after_storing(quotas)
    store(quota_table_of(another), ("b", "two", 1))  # nothing is locked
    assert quotas.counts_of("treatment", "arrived", "one") == {("", "a"): 1}


def fail_after_storing(quotas: SharedQuotas) -> None:
    with quotas.exclusively() as table:
        table.store("treatment", "arrived", "", "a", "one", 2)
        raise ZeroDivisionError


EXAMPLES = itertools.count()
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.tuples(*[TEXTS] * 5), st.integers(0, 2**40), max_size=6))
def test_whatever_fields_strata_and_arms_are_called_they_are_told_apart(
    log: EventLog, rows: dict[tuple[str, str, str, str, str], int]
) -> None:
    """Also by zero bytes, which PostgreSQL has not got."""
    quotas, example = quota_table_of(log), next(EXAMPLES)
    with quotas.exclusively() as table:
        for (field, counting, stratum, arm, session), count in rows.items():
            table.store(field, f"{example} {counting}", stratum, arm, session, count)
    for field, counting, _, _, session in rows:
        found = quotas.counts_of(field, f"{example} {counting}", session)
        wanted = {
            (s, a): n for (f, c, s, a, one), n in rows.items()
            if (f, c, one) == (field, counting, session)
        }  # fmt: skip
        assert found == wanted
        assert field in quotas.fields_of(f"{example} {counting}", session)
