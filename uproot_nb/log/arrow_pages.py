"""Arrow pages: many events at once as arrays, read by ADBC's driver for SQLite."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from uproot_nb.log.array_checksums import are_sound
from uproot_nb.log.events import EventColumns

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "LONG_READ",
    "EventArrays",
    "completed",
    "has_arrow_driver",
    "page_of",
    "read_ahead",
    "read_arrow_pages",
]

LONG_READ = 20_000
"""From so many events on, they are read as arrays."""
_ROWS_A_PAGE = 16_384
_LONGEST_VALUE = 2_000
"""Bytes. Pages with longer values are read another way: so a page takes some 30 MB at most."""

# Columns that repeat come as two texts: that halves the time which the driver takes for a row, and
# few of their combinations differ. A text with a separator inside is found when they are split.
_SELECT = """
SELECT seq, time, checksum, kind || x'00' || subject || x'00' || field AS head, value,
    actor || x'00' || page || x'00' || cause || x'00' || code AS tail
FROM events WHERE session = ? AND seq > ? AND seq <= ?{conditions}
    AND octet_length(value) <= {longest} ORDER BY seq
"""
_LONG = """
SELECT seq FROM events WHERE session = ? AND seq > ? AND seq <= ?{conditions}
    AND octet_length(value) > {longest} ORDER BY seq
"""
_TYPES = ["int64", "double", "int64", "string", "string", "string"]
_HEAD, _TAIL = ("kind", "subject", "field"), ("actor", "page", "cause", "code")


Repeated = tuple["np.ndarray[Any, Any]", list[str]]
"""A code for each event, and the text of each code."""


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
    repeated: dict[str, Repeated]

    def chosen(self, those: np.ndarray[Any, Any]) -> EventArrays:
        """Return only the events for which *those* is true."""
        import pyarrow  # lazy: it is an extra

        if those.all():
            return self
        repeated = {name: (codes[those], known) for name, (codes, known) in self.repeated.items()}
        value = self.value.filter(pyarrow.array(those))
        return EventArrays(self.session, self.seq[those], self.time[those], value, repeated)

    def texts(self, name: str) -> set[str]:
        """Return the texts that occur in a column of those that repeat."""
        import numpy as np  # lazy: see __init__

        codes, known = self.repeated[name]
        return {known[code] for code in np.unique(codes).tolist()}

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
    bound = (session, *numbers, *values)
    select, select_long = (
        query.format(longest=_LONGEST_VALUE, conditions=conditions) for query in (_SELECT, _LONG)
    )
    address = f"{Path(copy).as_uri()}?mode=ro&immutable=1"
    try:
        with (
            closing(dbapi.connect(address, autocommit=True)) as connection,
            closing(connection.cursor()) as cursor,
        ):
            options = {"adbc.sqlite.query.batch_rows": str(_ROWS_A_PAGE)}
            cursor.adbc_statement.set_options(**options)
            long = _numbers_of(cursor, select_long, bound) if conditions else None
            cursor.execute(select, bound)
            with suppress(OSError):  # Windows removes no open file
                os.unlink(copy)
            with closing(read_ahead(iter(cursor.fetch_record_batch()))) as batches:
                pages = (page_of(batch, session, is_gapless=not conditions) for batch in batches)
                yield from pages if long is None else _without_long(pages, long)
    except (dbapi.Error, pyarrow.ArrowException, OSError):  # OSError: a value of another type
        yield None


def completed(
    pages: Iterator[EventArrays | None],
    numbers: tuple[int, int],
    is_gapless: bool,
    read: Callable[[int, int], Iterator[EventColumns]],
) -> Iterator[EventArrays | EventColumns]:
    """Yield *pages*, and what *read* gives in the place of those that are None or missing."""
    (low, high), is_lacking = numbers, False
    for page in pages:
        if page is None:
            is_lacking = True
            continue
        first = int(page.seq[0])
        if is_lacking or (is_gapless and first > low + 1):
            yield from read(low, first - 1)
        low, is_lacking = int(page.seq[-1]), False
        yield page
    if is_lacking or is_gapless:
        yield from read(low, high)


def _numbers_of(cursor: Any, query: str, values: tuple[Any, ...]) -> np.ndarray[Any, Any]:
    """Return the one column of whole numbers that a query finds."""
    cursor.execute(query, values)
    found: np.ndarray[Any, Any] = cursor.fetch_arrow_table().column(0).to_numpy()
    return found


def _without_long(
    pages: Iterator[EventArrays | None], long: np.ndarray[Any, Any]
) -> Iterator[EventArrays | None]:
    """Yield *pages*, but None for those that lack events with long values, whose seqs are *long*.

    Where all events are read, the gaps in their numbers show it.
    """
    import numpy as np  # lazy: see __init__

    passed = 0
    for page in pages:
        if page is None:
            yield None
            continue
        until = int(np.searchsorted(long, page.seq[-1]))
        yield page if until == passed else None
        passed = until
    if passed < len(long):
        yield None


def read_ahead(batches: Iterator[Any]) -> Generator[Any, None, None]:
    """Yield *batches*, and let a thread read the next one meanwhile: drivers drop the GIL."""
    with ThreadPoolExecutor(1, "uproot_nb-arrow") as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch


def page_of(batch: Any, session: str, is_gapless: bool) -> EventArrays | None:
    """Return a batch of rows as a page; None if they are not what was written."""
    if [str(kind) for kind in batch.schema.types] != _TYPES:
        return None
    if any(column.null_count for column in batch.columns):
        return None
    seq, time, checksum, head, value, tail = batch.columns
    numbers = seq.to_numpy(), time.to_numpy()
    if is_gapless and len(seq) != numbers[0][-1] - numbers[0][0] + 1:
        return None
    heads, tails = head.dictionary_encode(), tail.dictionary_encode()
    if not are_sound(checksum.to_numpy(), numbers, session, (heads, value, tails)):
        return None
    first, last = _split(heads, _HEAD), _split(tails, _TAIL)
    if first is None or last is None:
        return None
    return EventArrays(session, *numbers, value, {**first, **last})


def _split(encoded: Any, names: tuple[str, ...]) -> dict[str, Repeated] | None:
    """Return joined texts as codes of each; None if a text has the separator inside."""
    import numpy as np  # lazy: see __init__

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
