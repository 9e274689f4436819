"""Nodes of the columns and indexes of pandas.

Importing pandas takes long, so it is imported only when a stored value needs it.
"""

from __future__ import annotations

import math
from importlib import import_module
from types import ModuleType
from typing import Any

from uproot_nb.log.encoding.array_nodes import array_of, dtype_node, dtype_of
from uproot_nb.log.encoding.clock_nodes import zone_node, zone_of
from uproot_nb.log.encoding.nodes import Node, Nodes, bytes_node, bytes_of
from uproot_nb.log.encoding.refusals import refusal

__all__ = ["column_node", "column_of", "index_node", "index_of"]


def column_node(nodes: Nodes, data: Any, depth: int) -> Node:
    """Return the values of a series or index, with their dtype."""
    pandas, numpy = import_module("pandas"), import_module("numpy")
    dtype = data.dtype
    if isinstance(dtype, numpy.dtype):
        if dtype.kind == "O":
            return ["object", nodes.encode_each(data.to_numpy(), depth)]
        return ["numpy", dtype_node(dtype, type(data)), bytes_node(data.to_numpy().tobytes())]
    if type(dtype) is pandas.CategoricalDtype:
        codes = data.array.codes
        categories = index_node(nodes, dtype.categories, depth)
        return ["category", categories, dtype.ordered, codes.dtype.str, bytes_node(codes.tobytes())]
    if type(dtype) is pandas.DatetimeTZDtype:
        moments = data.to_numpy(dtype=f"M8[{dtype.unit}]")
        return ["zoned", dtype.unit, zone_node(dtype.tz, type(data)), bytes_node(moments.tobytes())]
    if type(dtype) is pandas.StringDtype:
        texts = [None if pandas.isna(text) else text for text in data.array]
        missing = "NA" if dtype.na_value is pandas.NA else "nan"
        return ["string", dtype.storage, missing, nodes.encode_each(texts, depth)]
    if str(dtype) in _masked_arrays(pandas):
        return _masked_node(data)
    raise refusal(type(data), f"its dtype {dtype} has no exact form")


def _masked_arrays(pandas: ModuleType) -> dict[str, Any]:
    arrays = pandas.arrays
    widths = (8, 16, 32, 64)
    return {
        "boolean": arrays.BooleanArray,
        **{f"{sign}Int{width}": arrays.IntegerArray for sign in ("", "U") for width in widths},
        **{f"Float{width}": arrays.FloatingArray for width in (32, 64)},
    }


def _masked_node(data: Any) -> Node:
    plain = data.dtype.numpy_dtype
    mask = data.isna()
    mask = mask if not hasattr(mask, "to_numpy") else mask.to_numpy()
    values = data.array.to_numpy(dtype=plain, na_value=plain.type(0))
    if plain.kind == "f" and import_module("numpy").isnan(values).any():
        raise refusal(type(data), "it holds NaN beside missing values")
    masked, bits = bytes_node(values.tobytes()), bytes_node(mask.tobytes())
    return ["masked", str(data.dtype), plain.str, masked, bits]


def column_of(nodes: Nodes, node: Node) -> Any:
    """Return the array that `column_node` described."""
    pandas = import_module("pandas")
    match node:
        case ["object", items]:
            return _object_array(nodes.decode(items))
        case ["numpy", dtype, data]:
            return _flat_array(dtype, data)
        case ["category", categories, ordered, dtype, data]:
            known = pandas.CategoricalDtype(index_of(nodes, categories), ordered)
            return pandas.Categorical.from_codes(_flat_array(dtype, data), dtype=known)
        case ["zoned", unit, zone, data]:
            moments = pandas.DatetimeIndex(_flat_array(f"<M8[{unit}]", data))
            return moments.tz_localize("UTC").tz_convert(zone_of(zone)).array
        case ["string", storage, missing, texts]:
            dtype = _string_dtype(pandas, storage, missing)
            return pandas.array(_object_array(nodes.decode(texts)), dtype=dtype)
        case ["masked", dtype, plain, data, bits]:
            build = _masked_arrays(pandas)[dtype]
            return build(_flat_array(plain, data), _flat_array("|b1", bits))
    raise ValueError(node)


def _string_dtype(pandas: ModuleType, storage: str, missing: str) -> Any:
    if missing == "NA":
        return pandas.StringDtype(storage)
    return pandas.StringDtype(storage, na_value=math.nan)


def _flat_array(dtype: str, content: str) -> Any:
    return array_of(dtype, (len(bytes_of(content)) // dtype_of(dtype).itemsize,), content)


def _object_array(items: list[Any]) -> Any:
    array = import_module("numpy").empty(len(items), dtype=object)
    for place, item in enumerate(items):
        array[place] = item  # one by one: numpy would unpack nested lists
    return array


def index_node(nodes: Nodes, index: Any, depth: int) -> Node:
    """Return the labels of a series or frame, with what kind of index they are."""
    pandas = import_module("pandas")
    kind = type(index)
    if kind is pandas.MultiIndex:
        levels = [index_node(nodes, level, depth) for level in index.levels]
        codes = [[int(code) for code in codes] for codes in index.codes]
        return ["multi", levels, codes, nodes.encode_each(index.names, depth)]
    name = nodes.encode(index.name, depth + 1)
    if kind is pandas.RangeIndex:
        return ["range", index.start, index.stop, index.step, name]
    if kind is pandas.DatetimeIndex or kind is pandas.TimedeltaIndex:
        return ["times", column_node(nodes, index, depth), _frequency(index), name]
    if kind is pandas.Index or kind is pandas.CategoricalIndex:
        return ["index", column_node(nodes, index, depth), name]
    raise refusal(kind, "an index of this kind has no exact form")


def _frequency(index: Any) -> str | None:
    if index.freq is None:
        return None
    name = str(index.freqstr)
    try:
        known = import_module("pandas").tseries.frequencies.to_offset(name)
    except ValueError:
        known = None
    if known != index.freq:
        raise refusal(type(index), f"its frequency {index.freq!r} has no name")
    return name


def index_of(nodes: Nodes, node: Node) -> Any:
    """Return the index that `index_node` described."""
    pandas = import_module("pandas")
    match node:
        case ["multi", levels, codes, names]:
            known = [index_of(nodes, level) for level in levels]
            return pandas.MultiIndex(known, codes, names=nodes.decode(names))
        case ["range", start, stop, step, name]:
            return pandas.RangeIndex(start, stop, step, name=nodes.decode(name))
        case ["times", column, frequency, name]:
            values = column_of(nodes, column)
            dated = import_module("numpy").dtype("m8").kind != values.dtype.kind
            build = pandas.DatetimeIndex if dated else pandas.TimedeltaIndex
            return build(values, freq=frequency, name=nodes.decode(name))
        case ["index", column, name]:
            values = column_of(nodes, column)
            return pandas.Index(
                values, dtype=values.dtype, name=nodes.decode(name), tupleize_cols=False
            )
    raise ValueError(node)
