"""Nodes of pandas' frames, series, indexes, timestamps and spans.

Importing pandas takes long, so it is imported only when a stored value needs it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from uproot_nb.log.encoding.clock_nodes import zone_node, zone_of
from uproot_nb.log.encoding.column_nodes import column_node, column_of, index_node, index_of
from uproot_nb.log.encoding.nodes import Decode, Encode, Node, Nodes
from uproot_nb.log.encoding.refusals import refusal

__all__ = ["FRAME_DECODERS", "frame_encoder"]


def _encode_timestamp(nodes: Nodes, value: Any, depth: int) -> Node:
    moment = value.to_datetime64()
    number = int(moment.astype("int64"))
    content = [number, value.unit, zone_node(value.tzinfo, type(value)), value.fold]
    return {"$timestamp": content}


def _decode_timestamp(nodes: Nodes, content: Node) -> Any:
    number, unit, zone, fold = content
    pandas, numpy = import_module("pandas"), import_module("numpy")
    moment = pandas.Timestamp(numpy.datetime64(number, unit))
    if zone is not None:
        return moment.tz_localize("UTC").tz_convert(zone_of(zone))
    return moment.replace(fold=1) if fold else moment


def _encode_pandas_timedelta(nodes: Nodes, value: Any, depth: int) -> Node:
    return {"$pdtimedelta": [int(value.to_timedelta64().astype("int64")), value.unit]}


def _decode_pandas_timedelta(nodes: Nodes, content: Node) -> Any:
    number, unit = content
    return import_module("pandas").Timedelta(import_module("numpy").timedelta64(number, unit))


def _encode_series(nodes: Nodes, value: Any, depth: int) -> Node:
    _refuse_flags(value)
    return {
        "$series": [
            column_node(nodes, value, depth),
            index_node(nodes, value.index, depth),
            nodes.encode(value.name, depth + 1),
            nodes.encode(value.attrs, depth + 1),
        ]
    }


def _decode_series(nodes: Nodes, content: Node) -> Any:
    column, index, name, attrs = content
    series = _series(column_of(nodes, column), index_of(nodes, index))
    series.name = nodes.decode(name)
    series.attrs = nodes.decode(attrs)
    return series


def _series(values: Any, index: Any) -> Any:
    return import_module("pandas").Series(values, index=index, dtype=values.dtype, copy=False)


def _encode_frame(nodes: Nodes, value: Any, depth: int) -> Node:
    _refuse_flags(value)
    columns = [column_node(nodes, value.iloc[:, place], depth) for place in range(value.shape[1])]
    return {
        "$frame": [
            columns,
            index_node(nodes, value.columns, depth),
            index_node(nodes, value.index, depth),
            nodes.encode(value.attrs, depth + 1),
        ]
    }


def _decode_frame(nodes: Nodes, content: Node) -> Any:
    columns, names, rows, attrs = content
    index = index_of(nodes, rows)
    series = {place: _series(column_of(nodes, node), index) for place, node in enumerate(columns)}
    frame = import_module("pandas").DataFrame(series, index=index)
    frame.columns = index_of(nodes, names)
    frame.attrs = nodes.decode(attrs)
    return frame


def _refuse_flags(value: Any) -> None:
    if not value.flags.allows_duplicate_labels:
        raise refusal(type(value), "it forbids duplicate labels")


def _encode_index(nodes: Nodes, value: Any, depth: int) -> Node:
    return {"$index": index_node(nodes, value, depth)}


FRAME_DECODERS: dict[str, Decode] = {
    "$timestamp": _decode_timestamp,
    "$pdtimedelta": _decode_pandas_timedelta,
    "$series": _decode_series,
    "$frame": _decode_frame,
    "$index": lambda nodes, content: index_of(nodes, content),
    "$nat": lambda nodes, content: import_module("pandas").NaT,
    "$na": lambda nodes, content: import_module("pandas").NA,
}


def frame_encoder(kind: type) -> Encode | None:
    """Return the encoder of a pandas class."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not hasattr(pandas, "DataFrame"):  # still being imported
        return None
    known: dict[type, Encode] = {
        pandas.DataFrame: _encode_frame,
        pandas.Series: _encode_series,
        pandas.Timestamp: _encode_timestamp,
        pandas.Timedelta: _encode_pandas_timedelta,
        type(pandas.NaT): lambda nodes, value, depth: {"$nat": None},
        type(pandas.NA): lambda nodes, value, depth: {"$na": None},
    }
    for name in ("Index", "RangeIndex", "MultiIndex", "DatetimeIndex", "TimedeltaIndex"):
        known[getattr(pandas, name)] = _encode_index
    known[pandas.CategoricalIndex] = _encode_index
    return known.get(kind)
