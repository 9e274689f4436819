"""Nodes of numbers, text, safe HTML, bytes, UUIDs and random generators."""

from __future__ import annotations

import math
from decimal import Decimal
from random import Random
from struct import pack, unpack
from types import NoneType
from typing import Any
from uuid import UUID

from markupsafe import Markup

from uproot_nb.experiment.money.payoffs import Payoff
from uproot_nb.log.encoding.nodes import Decode, Encode, Node, Nodes, bytes_node, bytes_of
from uproot_nb.log.encoding.refusals import refusal

__all__ = ["SCALAR_DECODERS", "SCALAR_ENCODERS"]

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1


def _encode_as_is(nodes: Nodes, value: Any, depth: int) -> Node:
    return value


def _encode_int(nodes: Nodes, value: int, depth: int) -> Node:
    # Hexadecimal, because Python bounds the digits it converts from and to decimal.
    return value if _SMALLEST <= value <= _LARGEST else {"$int": hex(value)}


def _encode_float(nodes: Nodes, value: float, depth: int) -> Node:
    return value if math.isfinite(value) else {"$float": repr(value)}


def _decode_float(nodes: Nodes, content: str) -> float:
    if content not in ("nan", "inf", "-inf"):
        raise ValueError(content)
    return float(content)


def _encode_str(nodes: Nodes, value: str, depth: int) -> Node:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise refusal(str, "it has half a character (a lone surrogate), which is no text") from None
    return value


def _decode_str(nodes: Nodes, content: str) -> str:
    """Read what earlier versions have stored: text with lone surrogates."""
    return bytes_of(content).decode("utf-8", "surrogatepass")


def _encode_markup(nodes: Nodes, value: Markup, depth: int) -> Node:
    return {"$markup": _encode_str(nodes, str(value), depth)}


def _decode_markup(nodes: Nodes, content: str) -> Markup:
    if type(content) is not str:
        raise TypeError(content)
    return Markup(content)


def _encode_bytes(nodes: Nodes, value: bytes, depth: int) -> Node:
    return {"$bytes": bytes_node(value)}


def _encode_decimal(nodes: Nodes, value: Decimal, depth: int) -> Node:
    return {"$decimal": str(value)}


def _decode_decimal(nodes: Nodes, content: str) -> Decimal:
    if type(content) is not str:
        raise TypeError(content)
    return Decimal(content)


def _encode_uuid(nodes: Nodes, value: UUID, depth: int) -> Node:
    return {"$uuid": value.hex}


def _encode_random(nodes: Nodes, value: Random, depth: int) -> Node:
    version, words, gauss = value.getstate()
    if set(vars(value)) > {"gauss_next"}:
        raise refusal(type(value), "it has attributes of its own")
    return {"$random": [version, bytes_node(pack(f"<{len(words)}I", *words)), gauss]}


def _decode_random(nodes: Nodes, content: Node) -> Random:
    version, words, gauss = content
    data = bytes_of(words)
    generator = Random(0)
    generator.setstate((version, unpack(f"<{len(data) // 4}I", data), gauss))
    return generator


SCALAR_ENCODERS: dict[type, Encode] = {
    NoneType: _encode_as_is,
    bool: _encode_as_is,
    int: _encode_int,
    float: _encode_float,
    str: _encode_str,
    Markup: _encode_markup,
    bytes: _encode_bytes,
    Decimal: _encode_decimal,
    Payoff: _encode_decimal,  # which comes back as a Decimal
    UUID: _encode_uuid,
    Random: _encode_random,
}

SCALAR_DECODERS: dict[str, Decode] = {
    "$int": lambda nodes, content: int(content, 16),
    "$float": _decode_float,
    "$str": _decode_str,
    "$markup": _decode_markup,
    "$bytes": lambda nodes, content: bytes_of(content),
    "$decimal": _decode_decimal,
    "$uuid": lambda nodes, content: UUID(hex=content),
    "$random": _decode_random,
}
