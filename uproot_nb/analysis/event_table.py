"""EventTable: the log as a DataFrame that grows with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from uproot_nb.analysis.garbage_collection import without_collecting
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event, EventColumns

if TYPE_CHECKING:
    import numpy as np
    import pandas

    from uproot_nb.log.arrow_pages import EventArrays

__all__ = ["EventTable"]

_ROWS_AT_ONCE = 512
"""As many as a processor's cache holds: more at once take longer."""
_FIRST_ROOM = 1024
_WIRE_KINDS = frozenset({"call", "notify"})
_NUMBERS = ("seq", "time")
_REPEATED = ("session", "kind", "subject", "field", "actor", "page", "cause", "code")


class _Codes(dict[str, int]):
    """Numbers for texts, in the order in which they were first seen."""

    def __missing__(self, text: str) -> int:
        self[text] = code = len(self)
        return code


def _mark_wire(kinds: Sequence[str], texts: Sequence[str]) -> Sequence[str]:
    """Mark the values that are plain JSON from browsers, without our tags."""
    if _WIRE_KINDS.isdisjoint(kinds):
        return texts
    from uproot_nb.analysis.logged_values import WireText  # lazy: it imports pandas

    pairs = zip(kinds, texts, strict=True)
    return [WireText(text) if kind in _WIRE_KINDS else text for kind, text in pairs]


class EventTable:
    """Every event of a session as rows; reads only what is new each time.

    Columns: `seq` (int64), `time` (float64, Unix seconds), `timestamp` (UTC, microseconds),
    `value` (decoded when it is read), and the other fields of Event, as categories.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._codes = {name: _Codes() for name in _REPEATED}
        self._room, self._rows = 0, 0
        self._columns: dict[str, np.ndarray[Any, Any]] = {}
        self._shared: pandas.DataFrame | None = None
        self.seq = 0
        """The last event in the table."""

    def take(self, events: Iterable[Event]) -> None:
        """Add newer events."""
        source = iter(events)
        with without_collecting():
            while batch := list(islice(source, _ROWS_AT_ONCE)):
                self._add(EventColumns(*zip(*batch, strict=True)))

    def take_pages(self, pages: Iterable[EventArrays | EventColumns]) -> None:
        """Add newer events, as `EventLog.read_arrays` yields them."""
        with without_collecting():
            for page in pages:
                if isinstance(page, EventColumns):
                    self._add(page)
                else:
                    self._add_arrays(page)

    def _add_arrays(self, page: EventArrays) -> None:
        import numpy as np  # lazy: see __init__

        place = self._next_rows(len(page.seq))
        self._columns["seq"][place], self._columns["time"][place] = page.seq, page.time
        session = np.zeros(len(page.seq), "int32"), [page.session]
        for name, (numbers, texts) in {**page.repeated, "session": session}.items():
            codes = self._codes[name]
            self._columns[name][place] = np.array([codes[text] for text in texts], "int32")[numbers]
        values = page.value.to_numpy(zero_copy_only=False)
        numbers, kinds = page.repeated["kind"]
        if not _WIRE_KINDS.isdisjoint(kinds):
            values[:] = _mark_wire([kinds[number] for number in numbers.tolist()], values)
        self._columns["value"][place] = values
        self._finish(place)

    def _next_rows(self, count: int) -> slice:
        """Return the place of so many new rows, for which there is room now."""
        start, end = self._rows, self._rows + count
        self._make_room(end)
        return slice(start, end)

    def _finish(self, place: slice) -> None:
        """Count new rows, when all their columns but `timestamp` are filled."""
        import numpy as np  # lazy: see __init__

        micros = np.rint(self._columns["time"][place] * 1e6).astype("int64")
        self._columns["timestamp"][place] = micros
        self._rows, self.seq = place.stop, int(self._columns["seq"][place.stop - 1])

    def _add(self, page: EventColumns) -> None:
        import numpy as np  # lazy: see __init__

        rows = self._next_rows(len(page.seq))
        columns: dict[str, Sequence[Any]] = page._asdict()
        columns["value"] = _mark_wire(page.kind, page.value)
        for name, column in columns.items():
            codes = self._codes.get(name)
            place = self._columns[name][rows]
            if codes is None:
                place[:] = column
            elif column.count(column[0]) == len(column):  # as the session always is
                place[:] = codes[column[0]]
            else:
                place[:] = np.fromiter(map(codes.__getitem__, column), "int32", len(column))
        self._finish(rows)

    def _make_room(self, rows: int) -> None:
        """Make room for *rows* in the columns; frames that were returned share the old ones."""
        import numpy as np  # lazy: see __init__

        if rows <= self._room:
            return
        self._room, self._shared = max(rows, 2 * self._room, _FIRST_ROOM), None
        kinds = dict.fromkeys(_REPEATED, "int32") | {
            "seq": "int64", "time": "float64", "timestamp": "int64", "value": "object",
        }  # fmt: skip
        for name, kind in kinds.items():
            wider = np.empty(self._room, dtype=kind)
            if self._rows:
                wider[: self._rows] = self._columns[name][: self._rows]
            self._columns[name] = wider

    @property
    def df(self) -> pandas.DataFrame:
        """The table; changes to it do not affect later ones."""
        import pandas  # lazy: see __init__

        from uproot_nb.analysis.logged_values import LoggedArray  # lazy: it imports pandas

        if not self._columns:
            self._make_room(1)
        numbers = self._numbers()
        columns: dict[str, Any] = {}
        for name in (*Event._fields[:2], "timestamp", *Event._fields[2:]):
            if name in self._codes:
                columns[name] = self._category(name)
            elif name == "value":  # it cannot be written to
                columns[name] = LoggedArray(self._columns[name][: self._rows], self._codec)
            else:
                columns[name] = numbers[name]
        return pandas.DataFrame(columns, copy=False)

    def _numbers(self) -> pandas.DataFrame:
        """Return the columns of numbers as a frame.

        It is a part of one frame that has all their room: pandas copies such a part when it is
        written to, and not before. So that frame lives as long as the arrays below it.
        """
        import pandas  # lazy: see __init__

        if not _copies_on_write():
            return self._copied_numbers()
        if self._shared is None:
            moments = pandas.DatetimeIndex(self._columns["timestamp"].view("datetime64[us]"))
            stamps = moments.tz_localize("UTC")
            self._columns["timestamp"] = stamps.asi8  # newer events are written there
            columns = {name: pandas.Series(self._columns[name], copy=False) for name in _NUMBERS}
            columns["timestamp"] = pandas.Series(stamps, copy=False)
            self._shared = pandas.DataFrame(columns, copy=False)
        return self._shared.iloc[: self._rows]

    def _copied_numbers(self) -> pandas.DataFrame:
        """Return them as a frame of its own: an older pandas would let its holder write to ours."""
        import pandas  # lazy: see __init__

        columns = {name: self._columns[name][: self._rows].copy() for name in _NUMBERS}
        moments = self._columns["timestamp"][: self._rows].copy().view("datetime64[us]")
        stamps = pandas.DatetimeIndex(moments).tz_localize("UTC")
        return pandas.DataFrame({**columns, "timestamp": stamps})

    def _category(self, name: str) -> pandas.Categorical:
        import pandas  # lazy: see __init__

        texts = pandas.Index(list(self._codes[name]), dtype="str")
        codes = self._columns[name][: self._rows].astype(_narrowest(len(texts)))
        return pandas.Categorical.from_codes(codes, texts, validate=False)


def _narrowest(texts: int) -> str:
    """Return the numbers that pandas takes for that many categories: it need not copy them."""
    return "int8" if texts < 2**7 else "int16" if texts < 2**15 else "int32"


def _copies_on_write() -> bool:
    """Tell whether this pandas copies what two frames share when one is written to."""
    import pandas  # lazy: see __init__

    return int(pandas.__version__.partition(".")[0]) >= 3
