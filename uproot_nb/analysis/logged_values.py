"""LoggedArray: a column of values as the log has them, each decoded when it is read.

A million values take a million short texts, and no time until they are read.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas
from pandas.api.extensions import ExtensionArray, ExtensionDtype, register_extension_dtype, take

from uproot_nb.analysis.past_states import read_codec
from uproot_nb.log.call_rows import read_lenient
from uproot_nb.log.codec import Codec

__all__ = ["LoggedArray", "LoggedDtype", "WireText"]


class WireText(str):
    """Plain JSON from a browser, in which tags have no meaning."""

    __slots__ = ()


@register_extension_dtype
class LoggedDtype(ExtensionDtype):
    """The dtype of values of any type, stored as JSON; `logged`."""

    name = "logged"
    type: ClassVar[Any] = object
    kind = "O"
    na_value = None

    def __str__(self) -> str:
        """Return what programs that read frames go by: DuckDB refuses a dtype it does not know."""
        return "string"

    @classmethod
    def construct_array_type(cls) -> builtins.type[LoggedArray]:
        """Return the class of the columns."""
        return LoggedArray

    def __from_arrow__(self, array: Any) -> LoggedArray:
        """Return the column that `__arrow_array__` has written."""
        return LoggedArray(_objects(array.to_pylist()), read_codec())


class LoggedArray(ExtensionArray):
    """Values of any type. Indexing and iterating give them as they were when they were logged.

    events["value"].iloc[0]        # the value
    events["value"].array.texts    # the JSON of all
    """

    def __init__(self, texts: np.ndarray[Any, Any], codec: Codec) -> None:
        self._texts, self._codec = texts, codec
        self._is_mine = False

    @property
    def texts(self) -> np.ndarray[Any, Any]:
        """The JSON of each value, as the log has it; None where there is no value."""
        return self._texts

    @property
    def dtype(self) -> LoggedDtype:
        """The dtype."""
        return LoggedDtype()

    @property
    def nbytes(self) -> int:
        """The bytes that the column itself takes, without its texts."""
        return int(self._texts.nbytes)

    def __len__(self) -> int:
        return len(self._texts)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """Return the values as a column of objects.

        numpy would turn lists and arrays into further dimensions, and C code that expects one
        dimension would crash the process.
        """
        values = _objects(self)
        return values if dtype is None else values.astype(dtype, copy=False)

    def __arrow_array__(self, type: Any = None) -> Any:
        """Return the JSON of each value as a column of texts, for Parquet, Arrow, and Polars."""
        import pyarrow  # lazy: whoever asks has it

        return pyarrow.array([_well_formed(text) for text in self._texts], type or pyarrow.string())

    def __getitem__(self, item: Any) -> Any:
        if isinstance(item, (int, np.integer)):
            return self._decoded(self._texts[item])
        found = item if isinstance(item, slice) else np.asarray(item)
        if not isinstance(found, slice) and not len(found):
            found = found.astype(np.intp)
        return type(self)(self._texts[found], self._codec)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """Return the values as another dtype; as text each is its `str`."""
        wanted = pandas.api.types.pandas_dtype(dtype)
        if wanted.kind == "O" and not isinstance(wanted, ExtensionDtype):
            return _objects(self)
        if wanted.kind == "U":  # as an older pandas has texts in its columns
            return _objects([str(value) for value in self])
        return super().astype(dtype, copy=copy)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, float) and value != value:  # an older pandas marks missing values so
            value = None
        if not self._is_mine:  # the log's own texts are not changed: this column gets a copy
            self._texts, self._is_mine = self._texts.copy(), True
        if isinstance(key, (int, np.integer)) or not isinstance(value, (LoggedArray, list)):
            self._texts[key] = None if value is None else self._codec.encode(value)
        else:
            self._texts[key] = self._from_sequence(value)._texts

    def _decoded(self, text: str | None) -> Any:
        if text is None:
            return None
        try:
            return json.loads(text) if type(text) is WireText else self._codec.decode(text)
        except (ValueError, RecursionError):
            return read_lenient(text)  # what an early version has logged of a refused call

    def __reduce__(self) -> Any:
        return _rebuilt, (self._texts,)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, (pandas.Series, pandas.Index, pandas.DataFrame)):
            return NotImplemented  # pandas aligns them and asks again
        if isinstance(other, (LoggedArray, np.ndarray)):
            return np.array([_same(a, b) for a, b in zip(self, other, strict=True)], dtype=bool)
        if isinstance(other, Sequence) and not isinstance(other, (str, bytes)):
            return np.array([_same(a, b) for a, b in zip(self, other, strict=True)], dtype=bool)
        return np.array([_same(value, other) for value in self], dtype=bool)

    def isna(self) -> np.ndarray[Any, Any]:
        """Tell where there is no value, or None."""
        return np.array([text is None or text == "null" for text in self._texts], dtype=bool)

    def take(self, indices: Any, *, allow_fill: bool = False, fill_value: Any = None) -> Self:
        """Return the values at *indices*."""
        fill = None if fill_value is None else self._codec.encode(fill_value)
        texts = take(self._texts, np.asarray(indices), allow_fill=allow_fill, fill_value=fill)
        made = np.asarray(texts, dtype=object)
        if allow_fill and fill is None:
            made[np.asarray(indices) == -1] = None
        return type(self)(made, self._codec)

    def unique(self) -> Self:
        """Return the values that differ in the log, in the order of their first appearance."""
        return type(self)(pandas.unique(self._texts), self._codec)

    def value_counts(self, dropna: bool = True) -> pandas.Series[int]:
        """Return how often each value occurs, by its JSON; most frequent first."""
        gaps = self.isna()
        texts = pandas.Series(self._texts, dtype=object)
        texts[gaps] = None
        found = texts.value_counts(dropna=dropna)
        values = type(self)(_objects(_none_for_missing(found.index)), self._codec)
        return pandas.Series(found.to_numpy(), index=pandas.Index(values), name="count")

    def copy(self) -> Self:
        """Return a copy."""
        return type(self)(self._texts.copy(), self._codec)

    @classmethod
    def _from_sequence(cls, scalars: Any, *, dtype: Any = None, copy: bool = False) -> LoggedArray:
        codec = scalars._codec if isinstance(scalars, LoggedArray) else Codec()
        texts = np.empty(len(scalars), dtype=object)
        texts[:] = [None if value is None else codec.encode(value) for value in scalars]
        return cls(texts, codec)

    @classmethod
    def _from_factorized(cls, values: Any, original: LoggedArray) -> LoggedArray:
        return cls(values, original._codec)

    def _values_for_factorize(self) -> tuple[np.ndarray[Any, Any], Any]:
        return self._texts, None

    @classmethod
    def _concat_same_type(cls, to_concat: Sequence[LoggedArray]) -> LoggedArray:
        return cls(np.concatenate([a._texts for a in to_concat]), to_concat[0]._codec)

    def _cast_pointwise_result(self, values: Any) -> Any:
        """Take what a function made of each value as it is."""
        return pandas.Series(values, dtype=object).infer_objects().array

    def _formatter(self, boxed: bool = False) -> Any:
        return repr


def _objects(values: Iterable[Any]) -> np.ndarray[Any, Any]:
    """Return values of any type as an array of one dimension."""
    listed = list(values)
    made = np.empty(len(listed), dtype=object)
    for place, value in enumerate(listed):  # `made[:] = listed` would unpack arrays of equal length
        made[place] = value
    return made


def _same(a: Any, b: Any) -> bool:
    """Tell whether two values are equal, also where that is asked of each element."""
    try:
        return bool(np.asarray(a == b).all())
    except (TypeError, ValueError):  # arrays of other lengths, frames of other labels
        return False


def _none_for_missing(texts: Iterable[Any]) -> list[str | None]:
    return [text if isinstance(text, str) else None for text in texts]


def _well_formed(text: str | None) -> str | None:
    """Return a text without halves of characters, which no other program takes."""
    return None if text is None else text.encode("utf-8", "replace").decode()


def _rebuilt(texts: np.ndarray[Any, Any]) -> LoggedArray:
    return LoggedArray(texts, read_codec())
