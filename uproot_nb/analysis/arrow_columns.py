"""Arrow columns: the columns of events that were read as arrays, and the kinds of their values.

Each function does for a whole page what `json_cells` and `changes` do for one value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from uproot_nb.analysis.json_cells import IS_CLOCK, Kind, kind_of, kind_of_logged, readable
from uproot_nb.log.arrow_pages import EventArrays
from uproot_nb.log.codec import Codec

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "field_kinds", "float_texts", "is_array", "lists_and_dicts", "new_values", "places_of",
    "repeated_texts", "stamp_texts", "without_null",
]  # fmt: skip

_KINDS: tuple[Kind, ...] = (
    "empty", "boolean", "integer", "number", "text", "json", "date", "datetime", "moment",
)  # fmt: skip
_BY_FIRST: dict[str | None, Kind] = {
    None: "empty", '"': "text", "t": "boolean", "f": "boolean", "{": "json", "[": "json",
}  # fmt: skip
_INTEGER = "^-?[0-9]{1,17}$"
_FLOAT = "[.eE]"
_DECIMAL = r'^\{"\$decimal":"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?"\}$'
"""A Decimal as the codec writes it, where it is a number with the same digits."""
_BEFORE_DIGITS, _BEHIND_DIGITS = len('{"$decimal":"'), -len('"}')
_PLAIN_FLOATS = 1e-3, 1e10
"""Between these, Arrow and Python write a float with the same digits and without an exponent."""


def is_array(values: Any) -> bool:
    """Return whether values are an array of Arrow, and no sequence of Python objects."""
    return hasattr(values, "dictionary_encode")


def repeated_texts(codes: np.ndarray[Any, Any], texts: list[Any]) -> Any:
    """Return texts that repeat as an array with a dictionary; None is a missing one."""
    import pyarrow  # lazy: it is an extra

    return pyarrow.DictionaryArray.from_arrays(codes, pyarrow.array(texts, pyarrow.string()))


def places_of(fields: Any, places: Mapping[str, int]) -> Any:
    """Return the place of the field in each row, by those of the fields."""
    import numpy as np  # lazy: see __init__

    if not is_array(fields):
        return [places[name] for name in fields]
    known = [places.get(name, -1) for name in fields.dictionary.to_pylist()]
    return np.array(known, "int32")[fields.indices.to_numpy()]


# ---- numbers as texts ----


def stamp_texts(time: np.ndarray[Any, Any]) -> Any:
    """Return Unix seconds as ISO 8601 in UTC, to the microsecond."""
    import numpy as np  # lazy: see __init__
    import pyarrow  # lazy: it is an extra
    import pyarrow.compute as compute  # lazy: it is an extra

    micros = np.rint(time * 1e6).astype("int64")
    texts = pyarrow.array(micros).cast(pyarrow.timestamp("us")).cast(pyarrow.string())
    with_t = compute.binary_replace_slice(texts.cast(pyarrow.binary()), 10, 11, b"T")
    return compute.binary_join_element_wise(with_t.cast(pyarrow.string()), "Z", "")


def float_texts(numbers: Any) -> Any:
    """Return floats as `repr` writes them."""
    import numpy as np  # lazy: see __init__
    import pyarrow  # lazy: it is an extra
    import pyarrow.compute as compute  # lazy: it is an extra

    sizes = np.abs(numbers.to_numpy())
    least, most = _PLAIN_FLOATS
    if not ((sizes >= least) & (sizes < most)).all():
        return pyarrow.array(list(map(repr, numbers.to_pylist())), pyarrow.string())
    texts = numbers.cast(pyarrow.string())
    is_whole = compute.invert(compute.match_substring(texts, "."))
    whole = compute.binary_join_element_wise(texts, ".0", "")
    return compute.if_else(is_whole, whole, texts)


# ---- values ----


def new_values(events: EventArrays, codec: Codec) -> Any:
    """Return the new value of each change, or the operation on a list or dict, as JSON."""
    import numpy as np  # lazy: see __init__
    import pyarrow  # lazy: it is an extra
    import pyarrow.compute as compute  # lazy: it is an extra

    codes, changes = events.repeated["kind"]
    is_set, is_del = (np.array([c == kind for c in changes])[codes] for kind in ("set", "del"))
    values = events.value
    if not is_set.all():
        others = compute.if_else(compute.equal(values, "-0.0"), "0.0", without_null(values))
        values = compute.if_else(pyarrow.array(is_set), values, others)
        values = compute.if_else(pyarrow.array(is_del), None, values)
    tagged = compute.and_(compute.match_substring(events.value, '"$'), pyarrow.array(~is_del))
    if not compute.any(tagged).as_py():
        return values
    sets = is_set[tagged.to_numpy(zero_copy_only=False)]
    cells = _without_tags(events.value.filter(tagged), codec)
    shown = compute.if_else(pyarrow.array(sets), compute.fill_null(cells, "null"), cells)
    return compute.replace_with_mask(values, tagged, shown)


def _without_tags(values: Any, codec: Codec) -> Any:
    """Return what `readable` makes of values with tags."""
    import pyarrow  # lazy: it is an extra
    import pyarrow.compute as compute  # lazy: it is an extra

    is_decimal = compute.match_substring_regex(values, _DECIMAL)
    digits = compute.utf8_slice_codeunits(values, _BEFORE_DIGITS, _BEHIND_DIGITS)
    others = [
        readable(text, codec) for text in values.filter(compute.invert(is_decimal)).to_pylist()
    ]
    return compute.replace_with_mask(
        digits, compute.invert(is_decimal), pyarrow.array(others, pyarrow.string())
    )


def without_null(values: Any) -> Any:
    """Return JSON with gaps where it is null."""
    import pyarrow.compute as compute  # lazy: it is an extra

    is_null = compute.equal(values, "null")
    if not compute.any(is_null).as_py():
        return values
    return compute.if_else(is_null, None, values)


def lists_and_dicts(events: EventArrays) -> np.ndarray[Any, Any]:
    """Return where a list or dict is set, or a field deleted."""
    import numpy as np  # lazy: see __init__
    import pyarrow.compute as compute  # lazy: it is an extra

    codes, changes = events.repeated["kind"]
    found: np.ndarray[Any, Any] = np.array([change == "del" for change in changes])[codes]
    for first in "[{":
        starts = compute.starts_with(events.value, first)
        found |= starts.to_numpy(zero_copy_only=False)
    return found


def field_kinds(events: EventArrays, cells: Any) -> Iterator[tuple[str, Kind]]:
    """Yield each field with each kind of value that it has."""
    import numpy as np  # lazy: see __init__

    codes, fields = events.repeated["field"]
    kinds = _with_clocks(_kinds_of(cells), events, cells)
    for both in np.unique(codes * len(_KINDS) + kinds).tolist():
        field, kind = divmod(both, len(_KINDS))
        yield fields[field], _KINDS[kind]


def _with_clocks(kinds: Any, events: EventArrays, cells: Any) -> np.ndarray[Any, Any]:
    """Return the kinds of values, given those that `kind_of` finds: dates are of their own."""
    import numpy as np  # lazy: see __init__
    import pyarrow.compute as compute  # lazy: it is an extra

    for start in IS_CLOCK:
        is_one = compute.starts_with(events.value, start)
        places = np.flatnonzero(is_one.to_numpy(zero_copy_only=False))
        pairs = zip(
            events.value.take(places).to_pylist(), cells.take(places).to_pylist(), strict=True
        )
        kinds[places] = [_KINDS.index(kind_of_logged(text, cell)) for text, cell in pairs]
    return kinds  # type: ignore[no-any-return]


def _kinds_of(cells: Any) -> np.ndarray[Any, Any]:
    """Return what `kind_of` says of each cell, as a place in _KINDS."""
    import numpy as np  # lazy: see __init__
    import pyarrow  # lazy: it is an extra
    import pyarrow.compute as compute  # lazy: it is an extra

    firsts = compute.binary_slice(cells.cast(pyarrow.binary()), 0, 1).dictionary_encode("encode")
    known = [None if f is None else f.decode("latin-1") for f in firsts.dictionary.to_pylist()]
    by_first = [_KINDS.index(_BY_FIRST[f]) if f in _BY_FIRST else -1 for f in known]
    kinds: np.ndarray[Any, Any] = np.array(by_first, "int32")[firsts.indices.to_numpy()]
    numbers = np.flatnonzero(kinds < 0)
    if len(numbers):
        kinds[numbers] = _kinds_of_numbers(cells.take(pyarrow.array(numbers)))
    return kinds


def _kinds_of_numbers(cells: Any) -> np.ndarray[Any, Any]:
    """Return the same of cells that are numbers, but for damage."""
    import numpy as np  # lazy: see __init__
    import pyarrow  # lazy: it is an extra
    import pyarrow.compute as compute  # lazy: it is an extra

    is_integer, is_float = (
        compute.match_substring_regex(cells, pattern).to_numpy(zero_copy_only=False)
        for pattern in (_INTEGER, _FLOAT)
    )
    kinds = np.where(is_float, _KINDS.index("number"), _KINDS.index("integer")).astype("int32")
    others = np.flatnonzero(~(is_integer | is_float))
    found = map(kind_of, cells.take(pyarrow.array(others)).to_pylist())
    kinds[others] = [_KINDS.index(kind) for kind in found]
    return kinds
