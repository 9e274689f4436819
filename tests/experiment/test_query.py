"""F: conditions on fields."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from uproot_nb.experiment.query import F


def ann(**fields: Any) -> Any:
    return SimpleNamespace(**fields)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (F.x == 3, True), (F.x != 3, False), (F.x < 3, False), (F.x <= 3, True),
        (F.x > 2, True), (F.x >= 4, False), (3 > F.x, False), (2 < F.x, True),  # noqa: SIM300
        (F.x.is_in([1, 3]), True), (F.x.is_in({4}), False), (F.x == F.y, False), (F.x < F.y, True),
        (F.x > "a", False), (F.z == None, False), (F.z != 1, False),  # noqa: E711
        (F.inner.deep == 1, True), (F.inner.nothing == 1, False), (F.x == F.z, False),
    ],
)  # fmt: skip
def test_a_condition_compares_a_field(condition: Any, holds: bool) -> None:
    assert condition(ann(x=3, y=4, inner=ann(deep=1))) is holds
    assert (~condition)(ann(x=3, y=4, inner=ann(deep=1))) is not holds


def test_conditions_join_with_and_or_and_not() -> None:
    rich, ready = F.cash > 5, F.ready
    for cash, is_ready in ((1, True), (9, True), (9, False)):
        one = ann(cash=cash, ready=is_ready)
        assert (rich & ready)(one) is (cash > 5 and is_ready)
        assert (ready & rich)(one) is (cash > 5 and is_ready)
        assert (rich | ready)(one) is (cash > 5 or is_ready)
        assert (ready | rich)(one) is (cash > 5 or is_ready)
        assert (~ready)(one) is not is_ready


def test_a_condition_prints_as_it_is_written() -> None:
    assert repr((F.x > 3) & ~(F.group.size == 2)) == "((F.x > 3) & ~(F.group.size == 2))"
    assert repr(F.ready | (F.x < F.y)) == "(F.ready | (F.x < F.y))"


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: 1 < F.x < 3,
        lambda: (F.x > 3) and (F.y > 3),
        lambda: not (F.x > 3),
        lambda: F.x in [1, 2],
        lambda: F.x > 3 & F.y,
        lambda: (F.x > 3) & True,
        lambda: (F.x > 3) | 5,
    ],
)
def test_a_condition_joined_the_wrong_way_raises(mistake: Any) -> None:
    with pytest.raises(TypeError):
        mistake()


def test_a_field_reads_no_special_name() -> None:
    for name in ("__len__", "__wrapped__", "__deepcopy__"):
        assert not hasattr(F, name)
        assert not hasattr(F.x, name)
