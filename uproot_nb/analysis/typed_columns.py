"""Typed columns: values of any types as a column with the narrowest dtype that fits all of them.

A field that is whole numbers stays whole numbers where some are missing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import pandas

__all__ = ["MISSING", "beside", "categories", "numeric", "stamps", "table", "typed"]


class _Missing:
    """The one value of MISSING."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
"""There is no value: the field was not set, or was deleted. None is a value of its own."""

_INT64 = range(-(2**63), 2**63)
_LARGEST = Decimal("1e300")
"""Floats end a little above."""


def beside(head: Collection[str], names: Iterable[str]) -> dict[str, str]:
    """Return what the columns of fields are called: a `_` more where ours have the name."""
    found: dict[str, str] = {}
    names = list(names)
    for name in names:
        column = name
        while column in head or (column != name and column in names):
            column += "_"
        found[name] = column
    return found


def typed(values: Sequence[Any]) -> Any:
    """Return *values* as an array of pandas.

    bool → boolean, int → Int64, float or int and float → Float64, str → string, datetime →
    datetime64[us], timedelta → timedelta64[us]; anything else, or several types, stays objects.
    A scalar of numpy counts as the type of Python that it is.
    MISSING and None are missing values; where None stands beside objects, it stays None.
    """
    import numpy as np  # lazy: see __init__
    import pandas

    values = [value.item() if _is_plain(value) else value for value in values]
    gaps = np.fromiter((v is None or v is MISSING for v in values), bool, len(values))
    kinds = {type(value) for value in values} - {type(None), _Missing}
    if not kinds:
        return pandas.array([None] * len(values), dtype=object)
    if kinds == {bool}:
        return pandas.arrays.BooleanArray(_filled(values, gaps, False, "bool"), gaps)
    if kinds == {int} and all(v in _INT64 for v in values if type(v) is int):
        return pandas.arrays.IntegerArray(_filled(values, gaps, 0, "int64"), gaps)
    if float in kinds and kinds <= {int, float} and _exact(values):
        numbers = _filled(values, gaps, 0.0, "float64") + 0.0  # no negative zero is shown
        return pandas.arrays.FloatingArray(numbers, gaps)
    if kinds == {str} and all(map(_is_unicode, values)):
        return pandas.array([None if g else v for v, g in zip(values, gaps, strict=True)],
                            dtype="string")  # fmt: skip
    if kinds == {dt.datetime} and (made := _moments(values, gaps)) is not None:
        return made
    if kinds == {dt.timedelta}:
        return pandas.array([pandas.NaT if g else v for v, g in zip(values, gaps, strict=True)],
                            dtype="timedelta64[us]")  # fmt: skip
    objects = np.empty(len(values), dtype=object)
    objects[:] = [None if value is MISSING else value for value in values]
    return objects


def numeric(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Return the table to calculate with: columns of Decimals, as payoffs, become Float64.

    A float prints the digits of the Decimal that it stands for. Where one cannot, because the
    Decimal has too many digits or is not finite, the column stays objects.
    """
    for place, name in enumerate(frame.columns):
        column = frame.iloc[:, place]
        if column.dtype == object and _are_numbers(values := column.tolist()):
            frame = frame.assign(**{name: typed([None if v is None else float(v) for v in values])})
    return frame


def _are_numbers(values: Sequence[Any]) -> bool:
    """Tell whether values are Decimals, maybe among ints and floats, that floats stand for."""
    kinds = {type(value) for value in values} - {type(None)}
    return Decimal in kinds and kinds <= {Decimal, int, float} and all(map(_is_a_float, values))


def _is_a_float(value: Any) -> bool:
    """Tell whether a float prints the digits of a number; a missing one counts."""
    if value is None or isinstance(value, float):
        return True
    number = Decimal(value)
    return number.is_finite() and abs(number) < _LARGEST and Decimal(repr(float(number))) == number


def _is_plain(value: Any) -> bool:
    """Tell whether a value is a scalar of numpy that is one of Python's types as well."""
    import numpy as np  # lazy: see __init__

    return isinstance(value, (np.bool_, np.integer, np.float64, np.float32, np.float16, np.str_))


def _is_unicode(value: Any) -> bool:
    """Tell whether a text is one that columns of texts take: no half of a character is in it."""
    try:
        return value.encode() is not None if isinstance(value, str) else True
    except UnicodeEncodeError:
        return False


def _filled(values: Sequence[Any], gaps: Any, instead: Any, kind: str) -> Any:
    import numpy as np  # lazy: see __init__

    return np.array([instead if g else v for v, g in zip(values, gaps, strict=True)], dtype=kind)


def _exact(values: Sequence[Any]) -> bool:
    """Tell whether every whole number is one as a float, too."""
    return all(abs(value) <= 2**53 for value in values if type(value) is int)


def _made(values: Sequence[Any], kind: Any) -> Any:
    import pandas  # lazy: see __init__

    return pandas.array(values, dtype=kind)


def _moments(values: Sequence[Any], gaps: Any) -> Any:
    """Return datetimes of one kind, naive or UTC, as a column; None if they are of several."""
    import pandas  # lazy: see __init__

    zones = {v.tzinfo for v, g in zip(values, gaps, strict=True) if not g}
    if zones not in ({None}, {dt.UTC}):
        return None
    kind = "datetime64[us]" if zones == {None} else "datetime64[us, UTC]"
    return pandas.array(
        [pandas.NaT if g else v for v, g in zip(values, gaps, strict=True)],
        dtype=cast("Any", kind),
    )


def categories(values: Sequence[str | None]) -> Any:
    """Return texts that repeat as a categorical column; an empty one is missing."""
    import pandas  # lazy: see __init__

    texts = [value or None for value in values]
    known = pandas.Index(list(dict.fromkeys(filter(None, texts))), dtype="str")
    return pandas.Categorical(cast("Any", texts), categories=known)


def table(rows: Sequence[Mapping[str, Any]], head: Mapping[str, str]) -> pandas.DataFrame:
    """Return *rows* as a DataFrame: the columns of *head* with its dtypes, then all others.

    A dtype of "typed" is found from the values. Other columns come in the order of their first
    appearance, and are missing where a row has none.
    """
    import pandas  # lazy: see __init__

    others = dict.fromkeys(name for row in rows for name in row if name not in head)
    columns: dict[str, Any] = {}
    for name, kind in head.items():
        values = [row.get(name) for row in rows]
        if kind == "typed":
            columns[name] = typed(values)
        elif kind == "category":
            columns[name] = categories(values)
        elif kind == "timestamp":
            columns[name] = stamps(values)
        else:
            columns[name] = _made(values, kind)
    for name in others:
        columns[name] = typed([row.get(name, MISSING) for row in rows])
    return pandas.DataFrame(columns)


def stamps(seconds: Sequence[float | None]) -> Any:
    """Return Unix seconds as a column of UTC timestamps, to the microsecond."""
    import numpy as np  # lazy: see __init__
    import pandas

    found = np.array([np.nan if s is None else s for s in seconds], dtype="float64")
    micros = np.rint(np.where(np.isnan(found), 0, found) * 1e6).astype("int64")
    moments = micros.view("datetime64[us]").copy()
    moments[np.isnan(found)] = np.datetime64("NaT", "us")
    return pandas.array(moments, dtype="datetime64[us, UTC]")
