"""EventTable: the log as a DataFrame that grows with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event

if TYPE_CHECKING:
    import numpy as np
    import pandas

__all__ = ["EventTable"]

_ROWS_AT_ONCE = 512
"""As many as a processor's cache holds: more at once take longer."""
_FIRST_ROOM = 1024
_WIRE_KINDS = frozenset({"call", "notify"})
_REPEATED = ("session", "kind", "subject", "field", "actor", "page", "cause", "code")


class _Codes(dict[str, int]):
    """Numbers for texts, in the order in which they were first seen."""

    def __missing__(self, text: str) -> int:
        self[text] = code = len(self)
        return code


def _told(kinds: Sequence[str], texts: Sequence[str]) -> Sequence[str]:
    """Mark the values that are JSON as browsers speak it."""
    if _WIRE_KINDS.isdisjoint(kinds):
        return texts
    from uproot_nb.analysis.logged_values import Said  # lazy: it imports pandas

    pairs = zip(kinds, texts, strict=True)
    return [Said(text) if kind in _WIRE_KINDS else text for kind, text in pairs]


class EventTable:
    """Every event of a session as rows; reads only what is new each time.

    Columns: `seq` (int64), `time` (float64, Unix seconds), `timestamp` (UTC, microseconds),
    `value` (decoded when it is looked at), and the other fields of Event, as categories.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._codes = {name: _Codes() for name in _REPEATED}
        self._room, self._rows = 0, 0
        self._columns: dict[str, np.ndarray[Any, Any]] = {}
        self.seq = 0
        """The last event that is in the table."""

    def take(self, events: Iterable[Event]) -> None:
        """Add newer events."""
        source = iter(events)
        while batch := list(islice(source, _ROWS_AT_ONCE)):
            self._add(batch)

    def _add(self, batch: list[Event]) -> None:
        import numpy as np  # lazy: see __init__

        start, end = self._rows, self._rows + len(batch)
        self._make_room(end)
        pairs = zip(Event._fields, zip(*batch, strict=True), strict=True)
        columns: dict[str, Sequence[Any]] = dict(pairs)
        columns["value"] = _told(columns["kind"], columns["value"])
        for name, column in columns.items():
            codes = self._codes.get(name)
            if codes is not None:
                numbers = map(codes.__getitem__, column)
                self._columns[name][start:end] = np.fromiter(numbers, "int32", len(batch))
            else:
                self._columns[name][start:end] = column
        micros = np.rint(self._columns["time"][start:end] * 1e6).astype("int64")
        self._columns["timestamp"][start:end] = micros.view("datetime64[us]")
        self._rows, self.seq = end, batch[-1].seq

    def _make_room(self, rows: int) -> None:
        """Let the columns have room for *rows*; frames that were handed out keep the old ones."""
        import numpy as np  # lazy: see __init__

        if rows <= self._room:
            return
        self._room = max(rows, 2 * self._room, _FIRST_ROOM)
        kinds = dict.fromkeys(_REPEATED, "int32") | {
            "seq": "int64", "time": "float64", "timestamp": "datetime64[us]", "value": "object",
        }  # fmt: skip
        for name, kind in kinds.items():
            wider = np.empty(self._room, dtype=kind)
            if self._rows:
                wider[: self._rows] = self._columns[name][: self._rows]
            self._columns[name] = wider

    @property
    def df(self) -> pandas.DataFrame:
        """The table; what the holder changes in it stays with the holder."""
        import pandas  # lazy: see __init__

        from uproot_nb.analysis.logged_values import LoggedArray  # lazy: it imports pandas

        if not self._columns:
            self._make_room(1)
        columns: dict[str, Any] = {}
        for name in (*Event._fields[:2], "timestamp", *Event._fields[2:]):
            column = self._columns[name][: self._rows]
            if name in self._codes:
                codes, texts = column.copy(), pandas.Index(list(self._codes[name]), dtype="str")
                made: Any = pandas.Categorical.from_codes(codes, texts, validate=False)
            elif name == "timestamp":
                made = pandas.array(column.copy(), dtype="datetime64[us, UTC]", copy=False)
            elif name == "value":
                made = LoggedArray(column, self._codec)  # it cannot be written to
            else:
                made = column.copy()
            columns[name] = made
        return pandas.DataFrame(columns, copy=False)
