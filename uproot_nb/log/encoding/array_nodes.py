"""Nodes of numpy's arrays and scalars.

Importing numpy takes long, so it is imported only when a stored value needs it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from uproot_nb.log.encoding.nodes import Decode, Encode, Node, Nodes, bytes_node, bytes_of
from uproot_nb.log.encoding.refusals import refusal

__all__ = ["ARRAY_DECODERS", "array_encoder", "array_of", "dtype_node", "dtype_of"]


def dtype_node(dtype: Any, kind: type) -> str:
    """Return the name of a dtype that means the same bytes on every machine."""
    wide = {"f": 8, "c": 16}.get(dtype.kind, sys.maxsize)
    if dtype.kind not in "biufcMmSU" or not 0 < dtype.itemsize <= wide:
        raise refusal(kind, f"its dtype {dtype} has no exact form")
    numpy = import_module("numpy")
    if numpy.dtype(dtype.str).char == dtype.char:
        return str(dtype.str)
    return str(dtype.byteorder + dtype.char)  # longlong beside an int64 of the same width


def dtype_of(text: str) -> Any:
    """Return the dtype that `dtype_node` named."""
    dtype = import_module("numpy").dtype(text)
    if dtype.kind not in "biufcMmSU":
        raise TypeError(text)
    return dtype


def _encode_array(nodes: Nodes, value: Any, depth: int) -> Node:
    dtype = dtype_node(value.dtype, type(value))
    return {"$array": [dtype, list(value.shape), bytes_node(value.tobytes())]}


def _decode_array(nodes: Nodes, content: Node) -> Any:
    dtype, shape, data = content
    return array_of(dtype, shape, data)


def array_of(dtype: str, shape: Sequence[int], content: str) -> Any:
    """Return the array of that dtype and shape whose bytes *content* describes."""
    data, known = bytes_of(content), dtype_of(dtype)
    if len(data) != known.itemsize * math.prod(shape):
        raise ValueError(shape)
    return import_module("numpy").ndarray(tuple(shape), known, data).copy()


def _encode_numpy_scalar(nodes: Nodes, value: Any, depth: int) -> Node:
    kind, dtype = type(value), value.dtype
    if dtype.type is not kind:
        raise refusal(kind)
    if dtype.kind == "S":
        return {"$scalar": ["S", bytes_node(bytes(value))]}
    if dtype.kind == "U":
        return {"$scalar": ["U", nodes.encode(str.__str__(value), depth)]}
    name = dtype_node(dtype, kind)
    readable = dtype.kind in "biu" or (dtype.kind == "f" and math.isfinite(value))
    return {"$scalar": [name, value.item() if readable else bytes_node(value.tobytes())]}


def _decode_numpy_scalar(nodes: Nodes, content: Node) -> Any:
    name, data = content
    numpy = import_module("numpy")
    if name == "S":
        return numpy.bytes_(bytes_of(data))
    if name == "U":
        return numpy.str_(nodes.decode(data))
    if isinstance(data, str):
        return array_of(name, (), data)[()]
    return dtype_of(name).type(data)


ARRAY_DECODERS: dict[str, Decode] = {
    "$array": _decode_array,
    "$scalar": _decode_numpy_scalar,
}


def array_encoder(kind: type) -> Encode | None:
    """Return the encoder of a numpy class."""
    numpy = sys.modules.get("numpy")
    if kind is getattr(numpy, "ndarray", None):
        return _encode_array
    generic = getattr(numpy, "generic", None)
    return _encode_numpy_scalar if generic and issubclass(kind, generic) else None
