"""Recording: a session's log as tables, while it is served and ever after."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import nullcontext
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from uproot_nb.analysis.activity_tables import (
    CALLS,
    NOTIFICATIONS,
    PAGE_TIMES,
    PRESENCE,
    calls_table,
    chats_table,
    notifications_table,
    page_times_table,
    presence_table,
)
from uproot_nb.analysis.changes import FieldFilter
from uproot_nb.analysis.codebook import described_fields
from uproot_nb.analysis.event_table import EventTable
from uproot_nb.analysis.export import (
    LONG_EXPORT,
    Export,
    all_but_bookkeeping,
    everything,
    progress_bar,
)
from uproot_nb.analysis.exported_tables import exported_tables, file_name
from uproot_nb.analysis.folded_errors import folded_errors
from uproot_nb.analysis.framework.rows import Row, read_rows
from uproot_nb.analysis.framework.session_log import framework_log, sessions_in
from uproot_nb.analysis.model_tables import entries_table, find_models
from uproot_nb.analysis.panels import panel_table
from uproot_nb.analysis.past_states import Moment, Past, read_codec, seconds_of
from uproot_nb.analysis.state_tables import (
    differences,
    groups_table,
    players_table,
    session_table,
)
from uproot_nb.analysis.typed_columns import stamps
from uproot_nb.errors import UprootError
from uproot_nb.log.arrow_pages import EventArrays
from uproot_nb.log.chat_rows import chat_rows, players_with_chats
from uproot_nb.log.events import CHANGES, KINDS, Event, EventColumns
from uproot_nb.log.log import EventLog
from uproot_nb.log.sqlite import SqliteLog, are_read_as_arrays
from uproot_nb.log.state import State

if TYPE_CHECKING:
    import pandas

    from uproot_nb.analysis.market_tables import MarketTables

__all__ = ["Recording", "Tables", "list_sessions", "open_log"]

Kind = Literal["players", "groups", "session"]


class Tables:
    """A session's log as pandas DataFrames: the tables of a Run and of a Recording."""

    def __init__(self, log: EventLog, session: str) -> None:
        self._log, self._session_name = log, session
        self._codec = read_codec()
        self._table = EventTable(self._codec)
        self._past = Past(log, session, self._codec)

    def _refresh(self) -> None:
        """Log all that has happened; a recording has it already."""

    def _now(self) -> State:
        """Return the state after the last event."""
        return self._past.state()

    def _lock_state(self) -> Any:
        """Return a lock that prevents changes to `_now` while it is read."""
        return nullcontext()

    def _read(self, kinds: Collection[str], subject: str | None = None) -> Iterator[Event]:
        self._refresh()
        return self._log.read(self._session_name, kinds=kinds, subject=subject)

    # ---- the latest values ----

    @property
    def state(self) -> pandas.DataFrame:
        """A row per player: id, label, page, position, online, group, then every field.

        Whole numbers, numbers, texts, times and truth values have columns of these types, with
        gaps where a player has no value; other fields are columns of objects.
        """
        with self._lock_state():
            return players_table(self._now(), self._codec)

    @property
    def groups(self) -> pandas.DataFrame:
        """A row per group: id, members (names, in order), then every field."""
        with self._lock_state():
            return groups_table(self._now(), self._codec)

    @property
    def session_state(self) -> pandas.DataFrame:
        """One row: every field of the session."""
        with self._lock_state():
            return session_table(self._now(), self._session_name, self._codec)

    def frame(self, model: Any) -> pandas.DataFrame:
        """Return the entries of a model, or of all models with a tag: a column per field.

            run.frame("offers")
            run.frame(run.session.offers)

        Columns `model`, `type`, `id`, `time` (Unix seconds) and `timestamp` (UTC) come first; a
        field that is called like one of them gets a `_` behind its name. Identifiers of players
        are their names.

        Raises:
            UprootError: there is no such model or tag; the message names those there are.
        """
        with self._lock_state():
            state = self._now()
            models = find_models(state, self._codec, model)
            return entries_table(state, self._codec, models).frame

    def market(self, name: str | None = None) -> MarketTables:
        """Return a market's tables: order_events, trades, book, induced_values, periods, traders.

            run.market().periods[["period", "efficiency", "alpha"]]

        Where an asset is traded there is `mispricing`, too.

        Args:
            name: which market; not needed where there is only one.

        Raises:
            UprootError: there is no such market; the message names those there are.
        """
        # lazy: most sessions have no market
        from uproot_nb.analysis.market_tables import market_tables

        with self._lock_state():
            return market_tables(self._now(), self._codec, name)

    def panel(self, by: str = "round") -> pandas.DataFrame:
        """Return a row per player and value of a field, as per round.

            run.panel("round").pivot(index="player", columns="round", values="contribution")

        A value is the last that was set in that round, and missing where none was set then:
        nothing is carried over from the round before. Fields that were only ever set before the
        first round stand in every row.

        Raises:
            UprootError: no player has such a field.
        """
        events = list(self._read(CHANGES))
        with self._lock_state():
            return panel_table(events, self._now(), by, self._codec)

    # ---- what happened ----

    @property
    def events(self) -> pandas.DataFrame:
        """Every event, oldest first; only new rows are read on the next access.

        Columns: `seq`, `time` (Unix seconds on the server), `timestamp` (UTC), `session`, `kind`,
        `subject`, `field`, `value` (decoded when you read it; its JSON is in
        `events["value"].array.texts`), `actor`, `page`, `cause`, `code` (the hash of the source).
        """
        self._refresh()
        self._table.take_pages(self._log.read_arrays(self._session_name, self._table.seq))
        return self._table.df

    @property
    def calls(self) -> pandas.DataFrame:
        """A row per call of a live method: who, what with, outcome, ms.

        `outcome` is "started" for a call that the end of the kernel has cut short.
        """
        return calls_table(self._read(CALLS))

    @property
    def notifications(self) -> pandas.DataFrame:
        """A row per push: sender, cause, event, recipients (names), data."""
        return notifications_table(self._read(NOTIFICATIONS))

    @property
    def chats(self) -> pandas.DataFrame:
        """A row per message of the participants' chats with the researcher, oldest first.

        Columns: `time` (Unix seconds), `timestamp` (UTC), `player` (whose chat it is), `sender`
        ("player", "researcher", or a name that your code gave) and `text`.
        """
        with self._lock_state():
            state = self._now()
            names = players_with_chats(state)
            rows = [row for name in names for row in chat_rows(state, self._codec, name)]
        return chats_table(rows)

    @property
    def page_times(self) -> pandas.DataFrame:
        """A row per visit of a player to a page: entered, left, seconds, how it ended."""
        return page_times_table(self._read(PAGE_TIMES), self._codec)

    @property
    def presence(self) -> pandas.DataFrame:
        """A row per stretch of time in which a player was online."""
        return presence_table(self._read(PRESENCE))

    @property
    def errors(self) -> pandas.DataFrame:
        """The events of kind `error`, with `type`, `message` and `traceback` as columns.

        Equal ones are one row, the first: `count` is how many there are, `players` the number of
        players.
        """
        table = EventTable(self._codec)
        events, counts, players = folded_errors(self._read({"error"}))
        table.take(events)
        frame = table.df
        frame["count"], frame["players"] = counts, players
        values = frame["value"].tolist()
        for name in ("type", "message", "traceback"):
            texts = [value.get(name) for value in values]
            frame[name] = _pandas().array(texts, dtype="string")
        return frame

    # ---- at any moment ----

    def at(
        self, seq: int | None = None, time: Moment | None = None, of: Kind = "players"
    ) -> pandas.DataFrame:
        """Return the state as it was: after event *seq*, or after the last event up to *time*.

            run.at(seq=100)
            run.at(time="2026-11-24T10:30:00Z", of="groups")

        Args:
            time: Unix seconds, a datetime or Timestamp with a zone, or ISO text (UTC without one).
            of: "players", "groups" or "session".

        Raises:
            UprootError: there is no such event; both or a strange *time* or *of* were given.
        """
        self._refresh()
        state = self._past.state(seq, time)
        if of == "players":
            return players_table(state, self._codec)
        if of == "groups":
            return groups_table(state, self._codec)
        if of == "session":
            return session_table(state, self._session_name, self._codec)
        raise UprootError(f"There is no table of {of!r}.\nAsk for players, groups or session.")

    def diff(self, a: Moment, b: Moment | None = None) -> pandas.DataFrame:
        """Return what changed from moment *a* to moment *b* (by default: now).

            run.diff(100, 200)                      # events
            run.diff("2026-11-24T10:30:00Z")        # from that time on

        A whole number is the number of an event, anything else a time.

        Columns: subject, field, change ("added", "changed", "removed"), before, after.
        """
        self._refresh()
        before, after = self._state_at(a), self._past.state() if b is None else self._state_at(b)
        return differences(before, after, self._codec)

    def _state_at(self, moment: Moment) -> State:
        is_seq = isinstance(moment, Integral) and not isinstance(moment, bool)
        if is_seq:
            return self._past.state(seq=int(moment))  # type: ignore[arg-type]
        return self._past.state(time=seconds_of(moment))

    # ---- to take away ----

    def export(
        self,
        path: str | Path,
        format: str = "csv",
        filters: bool | FieldFilter = True,
        progress: bool = True,
    ) -> Path:
        """Write the session's data as a ZIP, or as a folder, and return where it is.

            run.export("market.zip")
            run.export("market", format="parquet")
            run.export("bids.zip", filters=lambda kind, field: field == "bid")

        In it are `latest/`, `sparse/` and `ultralong/` with a table for players, groups and the
        session each, `models/` with a table per model or tag, `markets/` with a folder per market,
        `page_times`, `calls`, `presence`, a `codebook.json`, a `README.txt`, the code in `source/`,
        and `SHA256SUMS`. It is what the log holds at this moment; the session may go on meanwhile.

        Args:
            path: ends in ".zip" for a ZIP; any other name makes a folder. A `~` is your home. An
                earlier export of that name is replaced, when the new one is whole.
            format: "csv", "parquet" (needs pyarrow) or "jsonl".
            filters: leave out the fields in which the page flow stores a player's place
                (`round_nested`, `between_showed`). False includes all; a function decides for each
                field of yours: (kind, field) → whether to include it, with the kinds "player",
                "group", "session" and "model" (a model's own fields, and those of its entries).
                Columns of ours (as player, time, page), the tables `page_times`, `calls`,
                `presence` and `markets/`, and the models of markets are always whole.
            progress: show a bar for long ones.

        Raises:
            UprootError: there is something else of that name, or no such format.
        """
        self._note_meanings()
        self._refresh()
        last = self._past.last
        is_long = are_read_as_arrays(last)
        includes = filters if callable(filters) else all_but_bookkeeping if filters else everything
        with progress_bar(
            progress and last > LONG_EXPORT, f"exporting {self._session_name}"
        ) as shown:
            state, read = self._past.state(last), self._reader(last)
            made = Export(
                self._session_name, self._codec,
                self._changes(last, is_long),
                exported_tables(state, self._session_name, self._codec, read),
                last, format, includes, described_fields(read({"code"}), self._codec),
                self._sources(read({"code"})), shown, is_long,
            )  # fmt: skip
            return made.write(Path(path).expanduser())

    def _changes(self, last: int, is_long: bool) -> Iterator[EventColumns | EventArrays]:
        read = self._log.read_arrays if is_long else self._log.read_columns
        return iter(read(self._session_name, until=last, kinds=CHANGES))

    def _reader(self, last: int) -> Callable[[Iterable[str]], Iterator[Event]]:
        """Return a function that reads events of some kinds that are no changes.

        It reads no further than there are any: to search a long log takes a while.
        """
        spans = self._log.spans(self._session_name, last, KINDS - CHANGES)

        def read(kinds: Iterable[str]) -> Iterator[Event]:
            chosen = frozenset(kinds)
            there = [spans[kind] for kind in chosen & spans.keys()]
            first = min((first for first, _ in there), default=1)
            end = max((end for _, end in there), default=0)
            return self._log.read(self._session_name, first - 1, end, chosen)

        return read

    def _note_meanings(self) -> None:
        """Log the experiment's descriptions of its data; a recording has them already."""

    def _sources(self, events: Iterable[Event]) -> dict[str, bytes]:
        """Return the logged code and the newest notebook, by file name."""
        found: dict[str, bytes] = {}
        for event in events:
            value = self._codec.decode(event.value)
            if "notebook" in value:
                name = f"{file_name(value['notebook'].removesuffix('.ipynb'))}.ipynb"
                found[name] = str(value["source"]).encode()
            elif "source" in value:
                name = f"{file_name(value['page'])}-{value['hash']}.py"
                found[name] = str(value["source"]).encode()
        return found


class Recording(Tables):
    """A session in a database that is only read: `open_log("uproot_nb.sqlite3", "market")`.

    It has every table of a Run. The session may be running meanwhile, in another process.
    """

    def __init__(self, log: EventLog, session: str) -> None:
        super().__init__(log, session)
        self.name = session
        self.path = log.path

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Recording of session '{self.name}' in {self.path}>"


def open_log(path: str | Path, name: str | None = None) -> Recording:
    """Read a session of a database without serving it.

        market = open_log("uproot_nb.sqlite3", "market")
        market.state

    A database of the framework uproot (`uproot.sqlite3`), or what its `uproot dump` wrote, is read
    too, and has the same tables; it is not changed.

    Args:
        name: which session; not needed where there is only one.

    Raises:
        UprootError: there is no such session, or there are several and none is named.
        NotALog: the file is no database of ours or uproot's, or of another version.
        CorruptLog: it is damaged.
        FileNotFoundError: there is no such file.
    """
    rows = read_rows(os.fspath(path))
    if rows is not None:
        return _open_framework_log(os.fspath(path), rows, name)
    log = SqliteLog(path, readonly=True)
    try:
        names = [record.name for record in log.sessions()]
        return Recording(log, _choose(names, name, log.path))
    except BaseException:
        log.close()
        raise


def _open_framework_log(path: str, rows: list[Row], name: str | None) -> Recording:
    session = _choose(sessions_in(rows), name, path)
    return Recording(framework_log(path, rows, session), session)


def _choose(names: list[str], name: str | None, path: str) -> str:
    if name in names:
        return str(name)
    if name is None and len(names) == 1:
        return names[0]
    there = ", ".join(f"'{n}'" for n in names) or "none"
    what = f"There is no session '{name}'" if name is not None else "Say which session"
    raise UprootError(f"{what} in {path}.\nIts sessions: {there}.")


def list_sessions(log: EventLog) -> pandas.DataFrame:
    """Return a row per session, oldest first: name, created and last (UTC), events."""
    records = log.sessions()
    frame: pandas.DataFrame = _pandas().DataFrame({
        "name": _pandas().array([record.name for record in records], dtype="string"),
        "created": stamps([record.created for record in records]),
        "last": stamps([record.last_time or None for record in records]),
        "events": _pandas().array([record.last_seq for record in records], dtype="int64"),
    })  # fmt: skip
    return frame


def _pandas() -> Any:
    import pandas  # lazy: `import uproot_nb` is to be quick

    return pandas
