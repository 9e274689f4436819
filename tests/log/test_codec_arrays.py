"""What the codec keeps of numpy and pandas: values, dtypes, indexes and names, exactly."""

from __future__ import annotations

from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from tests.examples import examples
from uproot_nb.errors import Unstorable
from uproot_nb.log.codec import Codec

CODEC = Codec()
BERLIN = ZoneInfo("Europe/Berlin")


def back_from(value: Any) -> Any:
    text = CODEC.encode(value)
    back = CODEC.decode(text)
    assert type(back) is type(value)
    assert CODEC.encode(back) == text
    return back


plain_dtypes = st.one_of(
    stnp.boolean_dtypes(),
    stnp.integer_dtypes(endianness="?"),
    stnp.unsigned_integer_dtypes(endianness="?"),
    stnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    stnp.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    stnp.datetime64_dtypes(endianness="?"),
    stnp.timedelta64_dtypes(endianness="?"),
    stnp.byte_string_dtypes(min_len=1),
    stnp.unicode_string_dtypes(endianness="?", min_len=1),
    st.sampled_from([np.dtype("longlong"), np.dtype("ulonglong"), np.dtype("M8[7D]")]),
)


@examples(400)
@given(
    plain_dtypes.flatmap(
        lambda dtype: stnp.arrays(dtype, stnp.array_shapes(min_dims=0, min_side=0))
    )
)
def test_arrays_of_any_plain_dtype_come_back_the_same(array: np.ndarray[Any, Any]) -> None:
    back = back_from(array)
    assert back.dtype == array.dtype
    assert back.dtype.char == array.dtype.char
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()
    assert back.flags.writeable
    assert back.flags.owndata or back.base is None


@examples(400)
@given(plain_dtypes.flatmap(lambda dtype: stnp.arrays(dtype.newbyteorder("="), ())))
def test_scalars_of_any_plain_dtype_come_back_the_same(array: np.ndarray[Any, Any]) -> None:
    scalar = array[()]
    back = back_from([scalar])[0]
    assert type(back) is type(scalar)
    assert back.dtype == scalar.dtype
    assert back.tobytes() == scalar.tobytes()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12).reshape(3, 4).T, np.arange(10)[::3], np.asfortranarray(np.ones((3, 2))),
        np.broadcast_to(np.float64(2), (2, 3)), np.array(5), np.zeros((0, 3)), np.array([]),
    ],
)  # fmt: skip
def test_arrays_of_any_layout_come_back_equal(array: np.ndarray[Any, Any]) -> None:
    back = back_from(array)
    assert back.shape == array.shape
    assert np.array_equal(back, array)


def test_common_scalars_can_be_read_in_the_log() -> None:
    assert CODEC.encode(np.float64(0.5)) == '{"$scalar":["<f8",0.5]}'
    assert CODEC.encode(np.int64(-3)) == '{"$scalar":["<i8",-3]}'
    assert CODEC.encode(np.True_) == '{"$scalar":["|b1",true]}'


def test_a_not_a_number_keeps_its_bits() -> None:
    odd = np.array([0x7FF8000000000123], dtype="<u8").view("<f8")[0]
    assert back_from(odd).tobytes() == odd.tobytes()


def test_numpy_scalars_serve_as_keys_and_elements() -> None:
    back = back_from({np.int64(1): np.str_("a\0"), "b": {np.float64(2.5)}})
    assert [type(key) for key in back] == [np.int64, str]
    assert back[np.int64(1)] == "a\0"
    assert type(back[np.int64(1)]) is np.str_


class Matrix(np.ndarray[Any, Any]):
    pass


NEW_TEXT = [
    np.array(["a"], dtype=kind())
    for kind in [getattr(np.dtypes, "StringDType", None)]
    if kind is not None  # numpy 1 has none
]


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()]), np.array([(1, 2.0)], dtype="i4,f8"), np.ones(2).view(Matrix),
        np.ma.masked_array([1, 2], [True, False]), *NEW_TEXT,
        np.zeros(1, dtype="i4,f8")[0], np.array([1], dtype="longdouble"), np.longdouble(1),
        np.dtype("f8"), np.random.default_rng(1), np.array([None]),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_arrays_that_cannot_be_exact_are_refused(value: Any) -> None:
    for holder in (value, {"a": [value]}):
        with pytest.raises(Unstorable):
            CODEC.encode(holder)


# ---- pandas -------------------------------------------------------------------------------

COLUMNS: dict[str, Any] = {
    "int": pd.Series([1, 2, 3]),
    "int8": pd.Series([1, 2, 3], dtype="int8"),
    "float": pd.Series([1.5, np.nan, -0.0]),
    "bool": pd.Series([True, False, True]),
    "str": pd.Series(["a", None, "\0ü"], dtype="str"),
    "string": pd.Series(["a", None, ""], dtype=pd.StringDtype("python")),
    "object": pd.Series([Decimal("1.0"), [1, (2,)], None], dtype=object),
    "missings": pd.Series([None, np.nan, pd.NA], dtype=object),
    "tuples": pd.Series([(1, 2), (3,), ()], dtype=object),
    "arrays": pd.Series([np.arange(3), {"a": 1}, pd.NaT], dtype=object),
    "Int64": pd.Series([1, None, 2**62], dtype="Int64"),
    "UInt8": pd.Series([1, None, 255], dtype="UInt8"),
    "Float32": pd.Series([1.5, None, np.inf], dtype="Float32"),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "category": pd.Series(["b", None, "a"]).astype(pd.CategoricalDtype(["b", "a", "c"], True)),
    "numbers": pd.Series(pd.Categorical([3, 1, 3])),
    "moments": pd.Series(pd.DatetimeIndex(["2024-01-01", "NaT", "2024-03-31"])),
    "seconds": pd.Series(np.array([0, 1, 2], dtype="M8[s]")),
    "nanoseconds": pd.Series(np.array([0, 1, 2], dtype="M8[ns]")),
    "zoned": pd.Series(pd.DatetimeIndex(["2024-10-27 00:30", "NaT", "2024-10-27 01:30"], tz="UTC"))
    .dt.tz_convert(BERLIN),
    "utc": pd.Series(pd.to_datetime(["2024-01-01"] * 3, utc=True)),
    "offset": pd.Series(pd.to_datetime(["2024-01-01T00:00+02:00"] * 3)),
    "spans": pd.Series(pd.to_timedelta([1, None, 3], unit="h")),
}  # fmt: skip

INDEXES: dict[str, Any] = {
    "range": pd.RangeIndex(2, 8, 2, name="n"),
    "ints": pd.Index([3, 1, 3], name=("a", 1)),
    "texts": pd.Index(["x", "y", "x"]),
    "objects": pd.Index([1, "a", (2, 3)], dtype=object),
    "tuples": pd.Index([(1, 2), (3, 4), (5, 6)], tupleize_cols=False),
    "days": pd.date_range("2024-01-01", periods=3, freq="D", name="day"),
    "hours": pd.date_range("2024-03-31", periods=3, freq="2h", tz=BERLIN),
    "months": pd.date_range("2024-01-31", periods=3, freq="ME"),
    "moments": pd.DatetimeIndex(["2024-01-01", "2023-01-01", None]),
    "spans": pd.timedelta_range("1h", periods=3, freq="30min"),
    "category": pd.CategoricalIndex(["a", "b", "a"], ordered=True, name="c"),
    "multi": pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, None)], names=["n", None]),
    "booleans": pd.Index([True, False, True]),
    "masked": pd.Index([1, None, 3], dtype="Int64"),
}


def check_index(back: Any, index: Any) -> None:
    pd.testing.assert_index_equal(back, index, exact=True, check_exact=True)
    assert type(back) is type(index)
    assert back.names == index.names
    assert getattr(back, "freq", None) == getattr(index, "freq", None)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_series_of_any_kept_dtype_comes_back_the_same(name: str) -> None:
    series = COLUMNS[name].rename(("of", name))
    back = back_from(series)
    if name != "arrays":  # pandas cannot compare these; their texts were compared
        pd.testing.assert_series_equal(back, series, check_exact=True, check_freq=True)
    assert back.dtype == series.dtype
    assert back.name == series.name
    assert [type(item) for item in back] == [type(item) for item in series]


@pytest.mark.parametrize("name", INDEXES)
def test_an_index_of_any_kept_kind_comes_back_the_same(name: str) -> None:
    check_index(back_from(INDEXES[name]), INDEXES[name])
    series = back_from(pd.Series([1.0, 2.0, 3.0], index=INDEXES[name]))
    check_index(series.index, INDEXES[name])


def test_a_frame_of_all_dtypes_comes_back_the_same() -> None:
    frame = pd.DataFrame({name: COLUMNS[name] for name in COLUMNS if name != "arrays"})
    frame.attrs = {"source": ("session", 1)}
    back = back_from(frame)
    pd.testing.assert_frame_equal(back, frame, check_exact=True)
    assert list(back.dtypes) == list(frame.dtypes)
    assert back.attrs == {"source": ("session", 1)}


@pytest.mark.parametrize("columns", INDEXES)
@pytest.mark.parametrize("rows", ["range", "multi", "days"])
def test_a_frame_keeps_its_columns_and_its_index(columns: str, rows: str) -> None:
    frame = pd.DataFrame(np.arange(9.0).reshape(3, 3), INDEXES[rows], INDEXES[columns])
    back = back_from(frame)
    check_index(back.index, frame.index)
    check_index(back.columns, frame.columns)
    assert np.array_equal(back.to_numpy(), frame.to_numpy())


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(), pd.DataFrame(index=[1, 2]), pd.DataFrame(columns=["a", "b"]),
        pd.DataFrame({"a": pd.Series([], dtype="Int64")}),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
    ],
)  # fmt: skip
def test_odd_frames_come_back_the_same(frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(back_from(frame), frame)


def test_a_frame_that_came_back_can_be_changed() -> None:
    back = back_from(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
    back.loc[0, "a"] = 9
    back["c"] = back["a"] + 1
    assert list(back["c"]) == [10, 3]


@pytest.mark.parametrize(
    "moment",
    [
        pd.Timestamp("2024-01-01 12:00:00.123456789"), pd.Timestamp(0, unit="s"),
        pd.Timestamp("2024-01-01").as_unit("s"), pd.Timestamp("2024-01-01").as_unit("ns"),
        pd.Timestamp("2024-10-27 00:30", tz="UTC").tz_convert(BERLIN),
        pd.Timestamp("2024-10-27 01:30", tz="UTC").tz_convert(BERLIN),
        pd.Timestamp("2024-01-01", tz=timezone(timedelta(hours=2))), pd.Timestamp.min,
        pd.Timestamp(year=2024, month=1, day=1, fold=1),
    ],
)  # fmt: skip
def test_timestamps_keep_unit_zone_and_fold(moment: pd.Timestamp) -> None:
    back = back_from(moment)
    assert back == moment
    assert (back.unit, back.fold, back.tz, back.nanosecond) == (
        moment.unit, moment.fold, moment.tz, moment.nanosecond,
    )  # fmt: skip


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_pandas_timedeltas_keep_their_unit(unit: Any) -> None:
    span = pd.Timedelta(-5, "s").as_unit(unit)
    assert back_from(span) == span
    assert back_from(span).unit == unit


def test_the_missing_values_of_pandas_stay_themselves() -> None:
    back = back_from([pd.NaT, pd.NA, {"a": pd.NA}])
    assert back[0] is pd.NaT
    assert back[1] is pd.NA
    assert back[2]["a"] is pd.NA


class MyFrame(pd.DataFrame):
    pass


@pytest.mark.parametrize(
    "value",
    [
        pd.Series([object()]), pd.Series(pd.period_range("2024", periods=2, freq="M")),
        pd.Series(pd.arrays.SparseArray([0, 1])), pd.Series(pd.interval_range(0, 2)),
        pd.Series([1], index=pd.period_range("2024", periods=1, freq="M")), MyFrame({"a": [1]}),
        pd.Series([1]).set_flags(allows_duplicate_labels=False), pd.Period("2024", "M"),
        pd.DataFrame({"a": [1]}).groupby("a"), pd.DataFrame({"a": [lambda: 1]}), pd.Interval(0, 1),
        pd.Categorical(["a"]), pd.array([1, 2]), pd.DateOffset(days=1), pd.Series([1], name=print),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_of_pandas_cannot_be_exact_is_refused(value: Any) -> None:
    for holder in (value, [value]):
        with pytest.raises(Unstorable):
            CODEC.encode(holder)
