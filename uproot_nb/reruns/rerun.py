"""rerun: what a recorded session comes to with today's code."""

from __future__ import annotations

import bisect
import html
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from uproot_nb.analysis.past_states import read_codec
from uproot_nb.analysis.plain_html import plain_html
from uproot_nb.analysis.recording import Recording, Tables
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
from uproot_nb.reruns.comparison import Difference, alike, first_difference
from uproot_nb.reruns.recorded_inputs import RecordedStep, steps_of
from uproot_nb.reruns.session_replay import Retelling
from uproot_nb.session.error_reports import readable
from uproot_nb.session.steps import Cause

if TYPE_CHECKING:
    import pandas

__all__ = ["Rerun", "rerun"]


class Rerun(Recording):
    """What came of a recorded session with today's code; made by `rerun`.

    It has every table of a Recording: `again.state`, `again.calls`, `again.events`.
    """

    def __init__(
        self,
        log: EventLog,
        session: str,
        rows: list[tuple[str, str, Any, Any]],
        first: Difference | None,
        told: dict[str, int],
        troubles: list[str],
    ) -> None:
        super().__init__(log, session)
        self._rows = rows
        self.first = first
        """The first call, submission or hook that came out otherwise; None if there is none."""
        self.told = told
        """How many of each kind were told again: "call", "submit", "look" and others. "not kept"
        are forms that the log does not hold, whose outcome was taken as it was; "left out" those
        for which there was no place any more."""
        self.troubles = troubles
        """What the researcher was told meanwhile: tracebacks, and warnings."""

    @property
    def differences(self) -> pandas.DataFrame:
        """A row per field whose last value differs: subject, field, recorded, now.

        The first two are texts; the values have the narrowest dtype that holds them all.
        """
        columns = {"subject": "str", "field": "str", "recorded": "typed", "now": "typed"}
        return table([dict(zip(columns, row, strict=True)) for row in self._rows], columns)

    @property
    def same(self) -> bool:
        """Whether everything came out as it was recorded."""
        return not self._rows and self.first is None

    def __repr__(self) -> str:
        told = f"{self.told.get('call', 0)} calls and {self.told.get('submit', 0)} submissions"
        head = f"<Rerun of session '{self.name}': {told}"
        for what, why in (("not kept", "forms not in the log"), ("left out", "left out")):
            head += f", {self.told[what]} {why}" if self.told.get(what) else ""
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
    """Give today's code what participants have sent to a recorded session, and compare.

        again = rerun(open_log("uproot_nb.sqlite3", "market"), [Market])
        assert again.same, again.first

    The calls, forms, page loads, connections and arrivals of the recording, and what cells have
    changed, come to a session in memory, one at a time and in their order, with the recorded
    names, seed and clock (of the session's own times, timeouts, `asyncio.sleep`). No time passes.

    What is compared: every change of a field of players, groups, session and models, groups,
    moves, results of calls, and pushes; not identifiers (UUID) and times of entries. Unix times
    with a fraction count as the same if they are at most five seconds apart.

    What cannot be the same: code that asks `random`, `time.time()` or other machines on its own.
    `first` names it if the page's code does. Forms that were refused, what was sent to `api`, and
    tasks that a cell spawned are not in the log; nor are forms with `stealth_fields` or files, and
    those of sessions recorded before forms were kept: their outcome is taken as it was.

    Args:
        log: what `open_log` returned, or a run.
        page_order, app, namespace, language: as for `serve`.

    Raises:
        UprootError: the session was never opened, or the log is none.
    """
    check_recorded(log, "rerun")
    names = sys._getframe(1).f_globals if namespace is None else namespace
    setup = setup_of(page_order, app, names)
    log._refresh()
    events = list(log._log.read(log._session_name))
    opening = next((event for event in events if event.kind == "open"), None)
    if opening is None:
        raise UprootError(f"Session '{log._session_name}' was never opened, so nothing can rerun.")
    codec = read_codec()
    opened = codec.decode(opening.value)
    cells = dict(names.get(CELL_TEMPLATES, {}))
    retelling = Retelling(
        log._session_name, setup, lambda an_app: templates_for(an_app, cells), opened["settings"],
        opened.get("seed"), events[0].time, resolver(names, setup), language,
    )  # fmt: skip
    own_code = sum(event.kind == "code" for event in events[: opening.seq])
    retelling.world.shift = own_code - len(retelling.flow.pages)
    marks = _tell_all(retelling, events)
    now = list(retelling.world.log.read(log._session_name))

    def place(event: Event) -> int:
        found = bisect.bisect_right(marks, (event.seq, sys.maxsize)) - 1
        return marks[found][1] if found >= 0 else 0

    return Rerun(
        retelling.world.log, log._session_name, _rows(events, now, codec),
        first_difference(events, now, place, codec), dict(retelling.told), retelling.troubles,
    )  # fmt: skip


def _tell_all(retelling: Retelling, events: Sequence[Event]) -> list[tuple[int, int]]:
    """Tell everything; return which event of today came first in which recorded step."""
    marks: list[tuple[int, int]] = []
    steps = _without_room_joins(steps_of(events))
    retelling.expect_turns((s.event, s.resumed) for s in steps if s.act == "resume")
    retelling.expect(step.event for step in steps if step.act == "passed")
    output = Output(retelling.lock.cause_here, partial(_keep, retelling), lambda cause: None)
    output.start()
    try:
        retelling.open(0)
        for step in steps:
            marks.append((retelling.world.journal.seq + 1, step.seq))
            retelling.tell(step.act, step.event, step.seq, step.time, step.caused)
        retelling.pass_time(events[-1].time)
    finally:
        retelling.close()
        output.stop()
    return marks


def _keep(retelling: Retelling, stream: str, text: str, cause: Cause) -> None:
    """Keep what code prints: it is an event, and draws go by the numbers of events."""
    world = retelling.world
    if cause.cause and not retelling.closed:
        value = world.codec.encode({"stream": stream, "text": readable(text)})
        with world.lock:
            world.journal.write_for(cause, "output", "session", stream, value)


def _without_room_joins(steps: list[RecordedStep]) -> list[RecordedStep]:
    """Leave out the joins that came through a room: the room's own step makes them."""
    rooms = {step.seq for step in steps if step.act == "room"}
    return [step for step in steps if not (step.act == "claim" and step.event.seq in rooms)]


def _rows(
    recorded: Sequence[Event], now: Sequence[Event], codec: Codec
) -> list[tuple[str, str, Any, Any]]:
    before = dict(texts_of(State(codec).apply_all(recorded), codec))
    after = dict(texts_of(State(codec).apply_all(now), codec))
    rows = []
    for key in sorted(before.keys() | after.keys()):
        texts = before.get(key), after.get(key)
        if not alike(*texts):
            values = (None if text is None else codec.decode(text) for text in texts)
            rows.append((*key, *values))
    return rows  # type: ignore[return-value]
