"""What browsers get as JSON, and what is refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import math
from collections import OrderedDict, deque
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.session.browser_json import (
    Unsendable,
    error_frame,
    event_frame,
    result_frame,
    to_json,
)
from uproot_nb.session.tracked import own


class Side(enum.Enum):
    BUY = "buy"
    PRICE = Decimal("2.5")


class Level(enum.IntEnum):
    LOW = 1


@dataclasses.dataclass
class Order:
    price: Decimal
    side: Side


@dataclasses.dataclass(slots=True)
class Slim:
    at: dt.date


class Pair(NamedTuple):
    left: int
    right: Decimal


class Offer(pydantic.BaseModel):
    price: Decimal
    tags: set[str]
    address: pydantic.HttpUrl
    secret: pydantic.SecretStr


class Text(str):
    pass


UTC = dt.UTC
MOMENT = dt.datetime(2024, 5, 6, 7, 8, 9)
KINDS: list[tuple[Any, Any]] = [
    (None, None),
    (True, True),
    (-(2**63), -(2**63)),
    (2**64 - 1, 2**64 - 1),
    (1.5, 1.5),
    ("é\n\"'</script>", "é\n\"'</script>"),
    (Text("t"), "t"),
    ((1, (2,)), [1, [2]]),
    ({1}, [1]),
    (frozenset({1}), [1]),
    ({"a": 1}.keys(), ["a"]),
    (deque([1, 2]), [1, 2]),
    (range(3), [0, 1, 2]),
    (OrderedDict(b=1), {"b": 1}),
    (Decimal("12.50"), 12.5),
    (Decimal("12.00"), 12),
    (Decimal("-0"), 0),
    (UUID(int=7), str(UUID(int=7))),
    (MOMENT, "2024-05-06T07:08:09"),
    (MOMENT.replace(tzinfo=UTC), "2024-05-06T07:08:09+00:00"),
    (MOMENT.date(), "2024-05-06"),
    (MOMENT.time(), "07:08:09"),
    (dt.timedelta(minutes=1.5), 90.0),
    (Side.BUY, "buy"),
    (Side.PRICE, 2.5),
    (Level.LOW, 1),
    (Order(Decimal("1.5"), Side.BUY), {"price": 1.5, "side": "buy"}),
    (Slim(MOMENT.date()), {"at": "2024-05-06"}),
    (Pair(1, Decimal("2.5")), [1, 2.5]),
    (PlayerIdentifier("s", "abc"), ["s", "abc"]),
    (np.int64(3), 3),
    (np.uint64(2**64 - 1), 2**64 - 1),
    (np.float32(1.5), 1.5),
    (np.float16(0.5), 0.5),
    (np.longdouble(1.5), 1.5),
    (np.bool_(True), True),
    (np.str_("x"), "x"),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (np.array([1, 2, 3, 4])[::2], [1, 3]),
    (np.array([1, "a", Decimal("1.5")], dtype=object), [1, "a", 1.5]),
    (np.datetime64("2024-05-06T07:08:09.5", "ns"), "2024-05-06T07:08:09.500000"),
    (np.datetime64("2024-05-06", "D"), "2024-05-06T00:00:00"),
    (np.timedelta64(1500, "ms"), 1.5),
    (np.array(["2024-05-06", "NaT"], dtype="M8[D]"), ["2024-05-06T00:00:00", None]),
    (pd.Timestamp(MOMENT), "2024-05-06T07:08:09"),
    (pd.Timedelta("1.5s"), 1.5),
    (pd.Series([1, 2]), [1, 2]),
    (pd.Index(["a"]), ["a"]),
    (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
]


@pytest.mark.parametrize(("value", "seen"), KINDS, ids=lambda value: type(value).__name__)
def test_each_kind_arrives_as_a_script_would_write_it(value: Any, seen: Any) -> None:
    assert json.loads(to_json(value)) == seen
    assert json.loads(to_json({"in": [value]})) == {"in": [seen]}


MISSING = [
    math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"),
    np.float64("nan"), np.datetime64("NaT", "ns"), np.timedelta64("NaT", "ns"), pd.NaT, pd.NA,
]  # fmt: skip


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_what_is_no_number_or_no_moment_is_null(value: Any) -> None:
    assert to_json([value]) == b"[null]"


def test_a_model_arrives_with_numbers_for_decimals_and_without_its_secrets() -> None:
    offer = Offer(price=Decimal("1.5"), tags={"a"}, address="http://x.org", secret="hush")  # type: ignore[arg-type]
    assert json.loads(to_json([offer])) == [
        {"price": 1.5, "tags": ["a"], "address": "http://x.org/", "secret": "**********"}
    ]


def test_tracked_containers_are_sent_as_the_plain_ones() -> None:
    book = own({"bids": [Decimal("1.5"), (1, [2])], "seen": {7}}, None)
    assert json.loads(to_json(book)) == {"bids": [1.5, [1, [2]]], "seen": [7]}


KEYS: list[tuple[Any, str]] = [
    (1, "1"), (1.5, "1.5"), (None, "null"), (True, "true"), (MOMENT, "2024-05-06T07:08:09"),
    (UUID(int=7), str(UUID(int=7))), (Side.BUY, "buy"), (Level.LOW, "1"),
    (Decimal("1.50"), "1.50"), (np.int64(3), "3"), (np.float64(1.5), "1.5"), (Side.PRICE, "2.5"),
    (PlayerIdentifier("s", "abc"), "abc"), (pd.Timestamp(MOMENT), "2024-05-06T07:08:09"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "seen"), KEYS, ids=lambda key: type(key).__name__)
def test_keys_of_a_dict_become_text(key: Any, seen: str) -> None:
    deep = {"a": [({key: {key: Decimal(2)}},)]}
    assert json.loads(to_json(deep)) == {"a": [[{seen: {seen: 2}}]]}


REFUSED: list[tuple[Any, str]] = [
    (object(), "object"),
    (b"raw", "bytes"),
    (bytearray(b"raw"), "bytearray"),
    (1j, "complex"),
    (np.complex128(1j), "complex"),
    (2**70, "64 bits"),
    ({"n": 2**70}, "64 bits"),
    (-(2**63) - 1, "64 bits"),
    ("\ud800", "not Unicode"),
    ({(1, 2): 3}, "tuple"),
    ((x for x in [1]), "generator"),
    (len, "builtin_function"),
    (Side, "EnumType"),
    ({Decimal(1): object()}, "object"),
]


@pytest.mark.parametrize(("value", "named"), REFUSED, ids=lambda value: type(value).__name__)
def test_what_has_no_form_in_a_browser_is_refused_by_name(value: Any, named: str) -> None:
    for holder in (value, [value], {"deep": (value,)}):
        with pytest.raises(Unsendable, match=named):
            to_json(holder)


def test_a_value_that_contains_itself_or_nests_without_end_is_refused() -> None:
    ring: list[Any] = []
    ring.append(ring)
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    by_price: dict[Any, Any] = {}
    by_price[Decimal(1)] = by_price
    for value in (ring, deep, by_price, {Decimal(1): deep}):
        with pytest.raises(Unsendable, match="nested too deep"):
            to_json(value)


@pytest.mark.parametrize("text", ["1E+999999", "-1E+999999", "1E-999999", "9" * 5000])
def test_numbers_of_hostile_size_are_written_at_once(text: str) -> None:
    (written,) = json.loads(to_json([Decimal(text)]))
    assert written is None or written == 0


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_a_decimal_is_the_nearest_number(value: Decimal) -> None:
    assert json.loads(to_json(value)) == float(value)


@given(st.text())
def test_text_arrives_unchanged_and_frames_stay_whole(text: str) -> None:
    data = to_json({"t": text})
    assert json.loads(result_frame(text, data)) == {
        "op": "result", "id": text, "data": {"t": text}
    }  # fmt: skip
    assert json.loads(event_frame(7, to_json(text), data)) == {
        "op": "event", "seq": 7, "event": text, "data": {"t": text}
    }  # fmt: skip
    assert json.loads(error_frame(text, "E", text)) == {
        "op": "error", "id": text, "error": "E", "message": text
    }  # fmt: skip
