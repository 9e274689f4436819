"""rerun: a recorded session, run again with today's code."""

from __future__ import annotations

import bisect
import html
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from uproot_nb.analysis.past_states import read_codec
from uproot_nb.analysis.plain_html import plain_html
from uproot_nb.analysis.recording import Tables
from uproot_nb.analysis.state_replay import check_recorded
from uproot_nb.analysis.state_tables import texts_of
from uproot_nb.analysis.typed_columns import table
from uproot_nb.engine.output import Output
from uproot_nb.errors import UprootError
from uproot_nb.interop.namespace import CELL_TEMPLATES, resolver, setup_of, templates_for
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event
from uproot_nb.log.log import EventLog
from uproot_nb.log.state import State
from uproot_nb.reruns.comparison import Difference, alike, erased_in, first_difference
from uproot_nb.reruns.earlier_inputs import EarlierInputs
from uproot_nb.reruns.earlier_replay import EarlierReplay
from uproot_nb.reruns.recorded_inputs import RecordedInput, RecordedInputs
from uproot_nb.reruns.session_replay import SessionReplay
from uproot_nb.session.error_reports import readable
from uproot_nb.session.steps import Cause
from uproot_nb.study.recording import Recording

if TYPE_CHECKING:
    import pandas

__all__ = ["Rerun", "rerun"]


class Rerun(Recording):
    """The result of running a recorded session with today's code; made by `rerun`.

    It has every table of a Recording: `again.state`, `again.calls`, `again.events`.
    """

    def __init__(
        self,
        log: EventLog,
        session: str,
        rows: list[tuple[str, str, Any, Any]],
        first: Difference | None,
        repeated: dict[str, int],
        messages: list[str],
    ) -> None:
        super().__init__(log, session)
        self._rows = rows
        self.first = first
        """The first call, submission or hook with a different result; None if there is none."""
        self.repeated = repeated
        """Inputs repeated, by kind: "call", "submit", "load" and others. "not kept" counts forms
        that the log does not have, whose outcome was taken from the record; "left out" counts
        inputs for which there was no place any more."""
        self.messages = messages
        """Tracebacks and warnings of the rerun."""

    @property
    def differences(self) -> pandas.DataFrame:
        """A row per field whose last value differs: subject, field, recorded, now.

        The first two are texts; the values have the narrowest dtype that fits all of them.
        """
        columns = {"subject": "str", "field": "str", "recorded": "typed", "now": "typed"}
        return table([dict(zip(columns, row, strict=True)) for row in self._rows], columns)

    @property
    def same(self) -> bool:
        """Whether every result is the same as recorded."""
        return not self._rows and self.first is None

    def __repr__(self) -> str:
        done = self.repeated
        counts = f"{done.get('call', 0)} calls and {done.get('submit', 0)} submissions"
        head = f"<Rerun of session '{self.name}': {counts}"
        for what, why in (("not kept", "forms not in the log"), ("left out", "left out")):
            head += f", {done[what]} {why}" if done.get(what) else ""
        if self.same:
            return f"{head}; no difference>"
        count = len(self._rows)
        return f"{head}; {count} field{'s' * (count != 1)} differ>\nFirst, {self.first}"

    def _repr_html_(self) -> str:
        table = self.differences.to_html(escape=True) if self._rows else ""
        return plain_html(f"<pre>{html.escape(repr(self))}</pre>{table}")


def rerun(
    log: Tables,
    page_order: Any = None,
    *,
    app: Any = None,
    language: str = "",
    namespace: dict[str, Any] | None = None,
) -> Rerun:
    """Run a recorded session again with today's code, and compare.

        again = rerun(open_log("uproot_nb.sqlite3", "market"), [Market])
        assert again.same, again.first

    A session in memory gets the recorded calls, forms, page loads, connections, arrivals and
    changes by cells, one at a time and in order, with the recorded names, seed and clock (of the
    session's own times, timeouts, `asyncio.sleep`). No time passes.

    Compared are all changes of fields of players, groups, session and models, groups, moves,
    results of calls, and pushes; identifiers (UUID) and times of entries are not. Unix times with
    a fraction count as equal if they are at most five seconds apart.

    Code that uses `random`, `time.time()` or other machines cannot give the same results; `first`
    says so if it is a page's code. The log does not have requests to `api`, nor forms with
    `stealth_fields` or files and those of earlier versions; their outcome is taken from the
    record, as is that of tasks spawned by a cell.

    Args:
        log: what `open_log` returned, or a run.
        page_order, app, namespace, language: as for `serve`.

    Raises:
        UprootError: the session was never opened, or *log* is not a log.
    """
    check_recorded(log, "rerun")
    names = sys._getframe(1).f_globals if namespace is None else namespace
    setup = setup_of(page_order, app, names)
    log._refresh()
    events = list(log._log.read(log._session_name))
    opening = next((event for event in events if event.kind == "open"), None)
    if opening is None:
        raise UprootError(f"Session '{log._session_name}' was never opened: nothing to rerun.")
    codec = read_codec()
    opened = codec.decode(opening.value)
    cells = dict(names.get(CELL_TEMPLATES, {}))
    replay = (SessionReplay if _has_inputs(opening) else EarlierReplay)(
        log._session_name, setup, lambda an_app: templates_for(an_app, cells), opened["settings"],
        opened.get("seed"), events[0].time, resolver(names, setup), language,
    )  # fmt: skip
    replay.do_as(opening)
    own_code = sum(event.kind == "code" for event in events[: opening.seq])
    replay.world.shift = own_code - len(replay.flow.pages)
    marks = _repeat_all(replay, events)
    now = list(replay.world.log.read(log._session_name))

    def place(event: Event) -> int:
        found = bisect.bisect_right(marks, (event.seq, sys.maxsize)) - 1
        return marks[found][1] if found >= 0 else 0

    return Rerun(
        replay.world.log, log._session_name, _rows(events, now, codec),
        first_difference(events, now, place, codec), dict(replay.repeated), replay.messages,
    )  # fmt: skip


def _repeat_all(replay: SessionReplay, events: Sequence[Event]) -> list[tuple[int, int]]:
    """Repeat all inputs; return the first event of today for each recorded input."""
    marks: list[tuple[int, int]] = []
    inputs = _inputs_of(events)
    replay.expect_turns((one.event, one.resumed) for one in inputs if one.act == "resume")
    replay.expect_dropouts(events)
    replay.expect_arms(events)
    replay.expect(one.event for one in inputs if one.act == "passed")
    output = Output(replay.lock.cause_here, partial(_log_output, replay), lambda cause: None)
    output.start()
    try:
        replay.open(0)
        for one in inputs:
            marks.append((replay.world.journal.seq + 1, one.seq))
            replay.repeat(one.act, one.event, one.seq, one.time, one.caused)
        # An erasure may come months later, when no timer of the session ran any more.
        replay.pass_time(max(event.time for event in events if event.kind != "erase"))
    finally:
        replay.close()
        output.stop()
    return marks


def _log_output(replay: SessionReplay, stream: str, text: str, cause: Cause) -> None:
    """Log what code prints: random draws depend on the numbers of events."""
    world = replay.world
    if cause.cause and not replay.closed:
        value = world.codec.encode({"stream": stream, "text": readable(text)})
        with world.lock:
            world.journal.write_for(cause, "output", "session", stream, value)


def _inputs_of(events: Sequence[Event]) -> list[RecordedInput]:
    """Return the inputs after the session was opened, as each of its kernels logged them."""
    recorded, earlier = RecordedInputs(events), EarlierInputs(events)
    read: Callable[[Event], list[RecordedInput]] | None = None
    found: list[RecordedInput] = []
    for event in events:
        is_first = read is None
        if event.kind == "open":
            read = recorded.of if _has_inputs(event) else earlier.of
        if read is not None and not (is_first and event.kind == "open"):
            found += read(event)
    return sorted(found, key=_order)


def _has_inputs(opened: Event) -> bool:
    """Return whether each input is in the log as such, from this `open` event on."""
    return "inputs" in orjson.loads(opened.value)


def _order(one: RecordedInput) -> tuple[Any, ...]:
    """Order inputs by their events; a call or form known to precede an event goes first."""
    rank = 0 if one.place != (0, 0) else 1 if one.act == "passed" else 2
    return one.seq, rank, one.place, one.time


def _rows(
    recorded: Sequence[Event], now: Sequence[Event], codec: Codec
) -> list[tuple[str, str, Any, Any]]:
    before = dict(texts_of(State(codec).apply_all(recorded), codec))
    after = dict(texts_of(State(codec).apply_all(now), codec))
    rows, gone = [], erased_in(recorded)
    for key in sorted(before.keys() | after.keys()):
        texts = before.get(key), after.get(key)
        if key[0] not in gone and not alike(*texts):
            values = (None if text is None else codec.decode(text) for text in texts)
            rows.append((*key, *values))
    return rows  # type: ignore[return-value]
