"""Arrow pages: many events at once as arrays, read by ADBC's driver for SQLite."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from uproot_nb.log.events import EventColumns

if TYPE_CHECKING:
    import numpy as np

__all__ = ["EventArrays", "has_arrow_driver", "read_arrow_pages"]

_ROWS_A_PAGE = 16_384
_LONGEST_VALUE = 2_000
"""Bytes. Pages with longer values are read another way: so a page takes some 30 MB at most."""

# Columns that repeat come as two texts: that halves the time which the driver takes for a row, and
# few of their combinations differ. A text with a separator inside is found when they are split.
_SELECT = """
SELECT seq, time, checksum,
    kind || char(0) || subject || char(0) || field AS head,
    CASE WHEN length(CAST(value AS BLOB)) <= {longest} THEN value END AS value,
    actor || char(0) || page || char(0) || cause || char(0) || code AS tail
FROM events WHERE session = ? AND seq > ? AND seq <= ?{conditions} ORDER BY seq
"""
_TYPES = ["int64", "double", "int64", "string", "string", "string"]
_HEAD, _TAIL = ("kind", "subject", "field"), ("actor", "page", "cause", "code")


class EventArrays(NamedTuple):
    """Some events as arrays: numbers as such, texts that repeat as codes, values as Arrow has them.

    Attributes:
        repeated: by field of Event: a code for each event, and the text of each code.
        value: a pyarrow.StringArray of the JSON texts.
    """

    session: str
    seq: np.ndarray[Any, Any]
    time: np.ndarray[Any, Any]
    value: Any
    repeated: dict[str, tuple[np.ndarray[Any, Any], list[str]]]

    def columns(self) -> EventColumns:
        """Return the same events as columns of Python objects."""
        texts = {
            name: list(map(known.__getitem__, codes.tolist()))
            for name, (codes, known) in self.repeated.items()
        }
        return EventColumns(
            seq=self.seq.tolist(), time=self.time.tolist(), session=[self.session] * len(self.seq),
            value=self.value.to_pylist(), **texts,
        )  # fmt: skip


@cache
def has_arrow_driver() -> bool:
    """Return whether the packages of the extra `fast` are installed."""
    return find_spec("adbc_driver_sqlite") is not None and find_spec("pyarrow") is not None


def read_arrow_pages(
    copy: str, session: str, numbers: tuple[int, int], filters: tuple[str, Sequence[str]]
) -> Iterator[EventArrays | None]:
    """Yield the events of *session* with numbers[0] < seq <= numbers[1] from a copy of a log.

    The driver brings an SQLite library of its own. Two libraries that open one file in one process
    undo each other's locks, so nobody else may have *copy* open. It is deleted once it is open.

    None stands for a page that must be read another way: one of its rows is damaged, missing, has
    no checksum, or has a long value. What the driver cannot read ends with such a None.
    """
    import pyarrow  # lazy: it is an extra
    from adbc_driver_sqlite import dbapi  # lazy: it is an extra

    conditions, values = filters
    query = _SELECT.format(longest=_LONGEST_VALUE, conditions=conditions)
    address = f"{Path(copy).as_uri()}?mode=ro&immutable=1"
    try:
        with (
            closing(dbapi.connect(address, autocommit=True)) as connection,
            closing(connection.cursor()) as cursor,
        ):
            options = {"adbc.sqlite.query.batch_rows": str(_ROWS_A_PAGE)}
            cursor.adbc_statement.set_options(**options)
            cursor.execute(query, (session, *numbers, *values))
            with suppress(OSError):  # Windows removes no open file
                os.unlink(copy)
            with closing(_read_ahead(iter(cursor.fetch_record_batch()))) as batches:
                for batch in batches:
                    yield _page_of(batch, session, is_gapless=not conditions)
    except (dbapi.Error, pyarrow.ArrowException, OSError):  # OSError: a value of another type
        yield None


def _read_ahead(batches: Iterator[Any]) -> Generator[Any, None, None]:
    """Yield *batches*, and let a thread read the next one meanwhile: the driver drops the GIL."""
    with ThreadPoolExecutor(1, "uproot_nb-arrow") as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch


def _page_of(batch: Any, session: str, is_gapless: bool) -> EventArrays | None:
    """Return a batch of rows as a page; None if they are not what was written."""
    if [str(kind) for kind in batch.schema.types] != _TYPES:
        return None
    if any(column.null_count for column in batch.columns) or not _is_sound(batch, session):
        return None
    seq, time, _, head, value, tail = batch.columns
    first, last = _split(head, _HEAD), _split(tail, _TAIL)
    if first is None or last is None:
        return None
    if is_gapless and len(seq) != seq[-1].as_py() - seq[0].as_py() + 1:
        return None
    return EventArrays(session, seq.to_numpy(), time.to_numpy(), value, {**first, **last})


def _split(
    column: Any, names: tuple[str, ...]
) -> dict[str, tuple[np.ndarray[Any, Any], list[str]]] | None:
    """Return joined texts as codes of each; None if a text has the separator inside."""
    import numpy as np  # lazy: see __init__

    encoded = column.dictionary_encode()
    rows = encoded.indices.to_numpy()
    parts = [text.split("\0") for text in encoded.dictionary.to_pylist()]
    if set(map(len, parts)) != {len(names)}:
        return None
    found = {}
    for name, texts in zip(names, zip(*parts, strict=True), strict=True):
        known = {text: code for code, text in enumerate(dict.fromkeys(texts))}
        codes = np.array([known[text] for text in texts], "int32")
        found[name] = (codes[rows], list(known))
    return found


# ---- checksums ----


def _is_sound(batch: Any, session: str) -> bool:
    """Return whether all rows have the checksums that `checksum_of_event` gives."""
    import numpy as np  # lazy: see __init__
    import pyarrow  # lazy: it is an extra
    import pyarrow.compute as compute  # lazy: it is an extra

    seq, time, written, head, value, tail = batch.columns
    texts = compute.binary_join_element_wise(session, head, value, tail, "\0")
    starts = _checksums_of_numbers(seq.to_numpy(), time.to_numpy()).tolist()
    sums = map(crc32, texts.cast(pyarrow.binary()).to_pylist(), starts)
    return bool((np.fromiter(sums, "int64", len(starts)) == written.to_numpy()).all())


def _checksums_of_numbers(
    seq: np.ndarray[Any, Any], time: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Return crc32 of struct.pack("<qd", seq, time) for each row: it is linear in each byte."""
    import numpy as np  # lazy: see __init__

    numbers = np.empty((len(seq), 2), "<u8")
    numbers[:, 0], numbers[:, 1] = seq.view("u8"), time.view("u8")
    content = numbers.view("u1")
    sums = np.full(len(seq), crc32(bytes(16)), "uint32")
    for place, effects in enumerate(_effects_of_bytes()):
        if content[:, place].any():
            sums ^= effects[content[:, place]]
    return sums


@cache
def _effects_of_bytes() -> np.ndarray[Any, Any]:
    """Return by place and byte: what a byte among sixteen adds to their crc32."""
    import numpy as np  # lazy: see __init__

    effects = [
        crc32(bytes(place) + bytes([byte]) + bytes(15 - place)) ^ crc32(bytes(16))
        for place in range(16)
        for byte in range(256)
    ]
    return np.array(effects, "uint32").reshape(16, 256)
