"""LoggedArray: a column that decodes what is looked at does what any column does."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from uproot_nb.analysis.logged_values import LoggedArray
from uproot_nb.log.codec import Codec

VALUES = ["x", {"a": 1}, [1, 2], None, Decimal("1.50"), (1, {2})]


@pytest.fixture
def series() -> pd.Series[Any]:
    codec = Codec()
    texts = np.array([codec.encode(value) for value in VALUES], dtype=object)
    return pd.Series(LoggedArray(texts, codec))


def test_looking_at_it_gives_the_values(series: pd.Series[Any]) -> None:
    assert series.tolist() == VALUES
    assert series.iloc[4] == Decimal("1.50")
    assert series.iloc[1:3].tolist() == VALUES[1:3]
    assert series[[False] * 5 + [True]].tolist() == [(1, {2})]
    assert pd.DataFrame({"v": series}).to_dict("records") == [{"v": value} for value in VALUES]


def test_it_filters_maps_and_compares_like_objects(series: pd.Series[Any]) -> None:
    assert series[series.map(lambda value: value == "x")].tolist() == ["x"]
    assert series.map(lambda value: 1).dtype == "int64"
    assert (series == "x").tolist() == [True] + [False] * 5
    assert series.isna().tolist() == [False] * 3 + [True] + [False] * 2
    assert series.dropna().tolist() == [value for value in VALUES if value is not None]
    assert series.astype(str).str.contains("1.50").tolist() == [False] * 4 + [True, False]
    told = [value for value in VALUES if value is not None]
    assert series.dropna().astype(str).tolist() == [str(value) for value in told]
    assert series.astype(str).dtype == pd.Series(["x"]).dtype
    assert series.astype(object).tolist() == VALUES


def test_it_can_be_cut_joined_copied_and_sent(series: pd.Series[Any]) -> None:
    twice = pd.concat([series, series], ignore_index=True)
    assert twice.dtype == "logged"
    assert twice.unique().tolist() == VALUES
    assert twice.drop_duplicates().tolist() == VALUES
    assert series.take([2, 0]).tolist() == [[1, 2], "x"]
    assert series.reindex([0, 9]).tolist() == ["x", None]
    assert pickle.loads(pickle.dumps(series)).tolist() == VALUES
    assert pd.DataFrame({"v": series, "k": 1}).groupby("k")["v"].first().tolist() == ["x"]


def test_what_is_changed_is_a_copy(series: pd.Series[Any]) -> None:
    array = series.array
    texts = array.texts.copy()
    mine = LoggedArray(array.texts, Codec())
    mine[0] = {"new": Decimal(1)}
    mine[np.array([False, True] + [False] * 4)] = [7]
    assert list(mine)[:2] == [{"new": Decimal(1)}, 7]
    assert list(array.texts) == list(texts)
    assert series.where([True] + [False] * 5).tolist() == ["x"] + [None] * 5
    assert series.mask(series == "x").tolist() == [None, *VALUES[1:]]


def test_it_is_shown_in_a_table(series: pd.Series[Any]) -> None:
    shown = repr(pd.DataFrame({"v": series}))
    assert "Decimal" in shown
    assert "{'a': 1}" in pd.DataFrame({"v": series}).to_csv()
