"""replay: a session's states one after the other, as they were."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from uproot_nb.analysis.recording import Tables
from uproot_nb.analysis.state_tables import groups_table, players_table, session_table
from uproot_nb.errors import UprootError
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import CHANGES
from uproot_nb.log.state import State

if TYPE_CHECKING:
    import pandas

__all__ = ["Moment", "check_recorded", "replay"]

_SHOWN = CHANGES | {"join", "connect", "disconnect", "enter", "group", "chat"}
"""The events that the tables show."""


class Moment(NamedTuple):
    """The state after event `seq`, which happened at `time` (Unix seconds)."""

    seq: int
    time: float
    state: pandas.DataFrame


def replay(
    log: Tables,
    speed: float | None = None,
    every: float | None = None,
    of: Literal["players", "groups", "session"] = "players",
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Moment]:
    """Yield the states of a session one after the other, as `run.at` gives them.

        for moment in replay(open_log("uproot_nb.sqlite3", "market"), speed=10):
            print(moment.seq, moment.state["cash"].sum())

    Args:
        log: what `open_log` returned, or a run; the events that it has now are replayed.
        speed: wait between the states as the participants did, that many times as fast; None
            does not wait.
        every: a state after each interval of that many seconds, and the last one, instead of one
            after each change.
        of: "players", "groups" or "session".
        clock, sleep: functions that return the time in seconds, and wait.

    Raises:
        UprootError: an argument is not valid.
    """
    check_recorded(log, "replay")
    for name, number in (("speed", speed), ("every", every)):
        if number is not None and not number > 0:
            raise UprootError(f"replay({name}={number!r}): give a number above 0, or None.")
    if of not in ("players", "groups", "session"):
        raise UprootError(
            f"There is no state table of {of!r}.\nAsk for players, groups or session."
        )
    found = _moments(log, every, of)
    return found if speed is None else _paced(found, speed, clock, sleep)


def check_recorded(log: Any, what: str) -> None:
    """Refuse anything but a recorded session, such as a file name.

    Raises:
        UprootError: the message shows the call that is right.
    """
    if isinstance(log, Tables):
        return
    is_path = isinstance(log, (str, os.PathLike))
    wanted = f"open_log({str(log)!r})" if is_path else 'open_log("uproot_nb.sqlite3", "market")'
    raise UprootError(
        f"{what}({log!r}, …): this is not a session.\nGive it a run, or {what}({wanted}, …)."
    )


def _moments(log: Tables, every: float | None, of: str) -> Iterator[Moment]:
    state, due = State(log._codec), None
    log._refresh()
    stale = False
    for event in log._log.read(log._session_name, until=log._past.last):
        if every is not None:
            if due is None:
                due = event.time + every
            while event.time > due:
                yield Moment(state.seq, due, _table(state, of, log._session_name, log._codec))
                due, stale = due + every, False
        state.apply(event)
        stale = stale or event.kind in _SHOWN
        if every is None and stale:
            yield Moment(
                event.seq, event.time, _table(state, of, log._session_name, log._codec)
            )  # fmt: skip
            stale = False
    if stale:
        yield Moment(state.seq, state.time, _table(state, of, log._session_name, log._codec))


def _table(state: State, of: str, name: str, codec: Codec) -> pandas.DataFrame:
    if of == "players":
        return players_table(state, name, codec)
    return groups_table(state, name, codec) if of == "groups" else session_table(state, name, codec)


def _paced(
    moments: Iterator[Moment],
    speed: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Iterator[Moment]:
    begun, first = clock(), None
    for moment in moments:
        first = moment.time if first is None else first
        left = begun + (moment.time - first) / speed - clock()
        if left > 0:
            sleep(left)
        yield moment
