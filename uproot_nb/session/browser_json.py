"""JSON for browsers: what live methods return, and what is pushed to pages."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence, Set
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import orjson

from uproot_nb.errors import UprootError
from uproot_nb.experiment.identifiers import GroupIdentifier, PlayerIdentifier

__all__ = [
    "LARGEST_VALUE", "TooLarge", "Unsendable", "error_frame", "event_frame", "result_frame",
    "to_json", "to_sendable_json",
]  # fmt: skip

LARGEST_VALUE = 2 * 1024 * 1024
"""Maximum bytes of JSON in a call's result or a push."""
_DEEPEST = 250
_OPTIONS = orjson.OPT_NON_STR_KEYS
# orjson's own option for numpy writes NaT as the first of January 1970.


class Unsendable(UprootError, TypeError):
    """A value cannot be converted to JSON for a browser."""

    advice = "Return or send numbers, text, lists, dicts, dates, dataclasses or models."

    def __init__(self, value: object, reason: str = "") -> None:
        self.kind, self.reason = type(value).__name__, reason
        super().__init__(
            f"A value of type {self.kind} cannot be sent to a browser"
            f"{f' ({reason})' if reason else ''}.\n{self.advice}"
        )


class TooLarge(Unsendable):
    """A value is too large to be sent to a browser."""

    def __init__(self, value: object, size: int) -> None:
        self.size, self.limit = size, LARGEST_VALUE
        super().__init__(value, f"it has {size:,} bytes as JSON, and the limit is {self.limit:,}")

    advice = "Send less at a time, or offer it as a file or through the experiment's api."


def to_sendable_json(value: Any) -> bytes:
    """Write *value* as `to_json` does, for a message to a browser's open connection.

    Raises:
        TooLarge: it is larger than `LARGEST_VALUE`.
        Unsendable: the value (or one in it) has no JSON form.
    """
    text = to_json(value)
    if len(text) > LARGEST_VALUE:
        raise TooLarge(value, len(text))
    return text


def to_json(value: Any) -> bytes:
    """Write *value* as JSON for a browser; Decimals become numbers, sets lists, NaN null.

    Keys become text: those of a dict by Decimal prices or numpy numbers as well.

    Raises:
        Unsendable: the value (or one in it) has no JSON form.
    """
    try:
        return orjson.dumps(value, _in_json, _OPTIONS)
    except orjson.JSONEncodeError as error:
        if "key must" not in str(error):
            raise _refusal(value, error) from None
    with_text_keys = _with_text_keys(value, 0)
    try:
        return orjson.dumps(with_text_keys, _in_json, _OPTIONS)
    except orjson.JSONEncodeError as error:
        raise _refusal(value, error) from None


def _refusal(value: object, error: BaseException) -> Unsendable:
    if isinstance(error.__cause__, Unsendable):
        return error.__cause__
    reason = str(error.__cause__ or error)
    if "64-bit" in reason:
        reason = "it holds an int beyond 64 bits; send that as text"
    elif "Recursion" in reason:
        reason = "it contains itself, or is nested too deep"
    elif "surrogates" in reason:
        reason = "its text is not Unicode"
    return Unsendable(value, reason)


def _with_text_keys(value: Any, depth: int) -> Any:
    """Return *value* with those dict keys as text that orjson does not convert itself."""
    if depth > _DEEPEST:
        raise Unsendable(value, "it contains itself, or is nested too deep")
    if isinstance(value, Mapping):
        return {_text_key(key): _with_text_keys(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_text_keys(item, depth + 1) for item in value]
    return value


def _text_key(key: Any) -> Any:
    if isinstance(key, Decimal):
        return str(key)
    if isinstance(key, (PlayerIdentifier, GroupIdentifier)):
        return key.name
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(key, numpy.generic):
        return key.item()
    if isinstance(key, Enum):
        return _text_key(key.value)
    if isinstance(key, datetime):
        return key.isoformat()  # pandas has datetimes of its own
    if isinstance(key, tuple):
        raise Unsendable(key, "as a dict's key; convert it to text first")
    return key


def _in_json(value: Any) -> Any:
    """Return a value that orjson can write, for one of a type that it does not know."""
    if isinstance(value, Decimal):
        return _number(value)
    model = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    if model is not None and isinstance(value, model):
        return value.model_dump()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (str, int, float, list, tuple, dict)):
        return _plain_base(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (Set, Sequence)) and not isinstance(value, (bytes, bytearray, memoryview)):
        return list(value)
    return _from_numpy_or_pandas(value)


def _number(value: Decimal) -> int | float | None:
    if not value.is_finite():
        return None
    if abs(value) < 2**53 and value == value.to_integral_value():
        return int(value)
    return float(value)


def _plain_base(value: Any) -> Any:
    bases: tuple[type[Any], ...] = (str, float, list, tuple, dict)
    for base in bases:
        if isinstance(value, base):
            return base(value)
    if not -(2**63) <= value < 2**64:
        raise Unsendable(value, "it is beyond 64 bits; send it as text")
    return int(value)


def _from_numpy_or_pandas(value: Any) -> Any:
    pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
    if pandas is not None:
        if value is pandas.NaT or value is pandas.NA:
            return None
        if isinstance(value, pandas.Timestamp):
            return value.isoformat()
        if isinstance(value, (pandas.Series, pandas.Index)):
            return value.tolist()
        if isinstance(value, pandas.DataFrame):
            return value.to_dict("records")
    if numpy is not None and isinstance(value, (numpy.generic, numpy.ndarray)):
        return _from_numpy(value)
    return _from_moments(value)


def _from_numpy(value: Any) -> Any:
    if value.dtype.kind in "mM":
        return value.astype(f"{value.dtype.kind}8[us]").tolist()
    if value.dtype.kind == "f":
        value = value.astype("f8")  # a long double has no other Python form
    return value.tolist()


def _from_moments(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, time):
        return value.isoformat()
    if type(value).__module__.partition(".")[0] in ("pydantic", "pydantic_core"):
        return str(value)  # addresses, and secrets as stars
    raise Unsendable(value)


def result_frame(call_id: str, data: bytes) -> bytes:
    """Return the frame that resolves a call's Promise."""
    return b'{"op":"result","id":' + orjson.dumps(call_id) + b',"data":' + data + b"}"


def error_frame(
    call_id: str, kind: str, message: str, parameter: str = "", reason: str = ""
) -> bytes:
    """Return the frame that rejects a call's Promise; *parameter* names an invalid argument."""
    frame = {"op": "error", "id": call_id, "error": kind, "message": message}
    if parameter:
        frame |= {"parameter": parameter, "reason": reason}
    return orjson.dumps(frame)


def event_frame(seq: int, event: bytes, data: bytes) -> bytes:
    """Return the frame of a notification; *event* and *data* are JSON."""
    return b'{"op":"event","seq":%d,"event":%b,"data":%b}' % (seq, event, data)
