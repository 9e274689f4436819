"""Tables: a session's log as tables, while it is served and afterwards."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from functools import partial
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from uproot_nb.analysis.activity_tables import (
    CALLS,
    CONSENTS,
    NOTIFICATIONS,
    PAGE_TIMES,
    PRESENCE,
    calls_table,
    chats_table,
    consents_table,
    notifications_table,
    page_times_table,
    presence_table,
)
from uproot_nb.analysis.arrow_writers import ARRAY_FORMATS
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
from uproot_nb.analysis.model_tables import entries_table, find_models
from uproot_nb.analysis.panels import panel_table
from uproot_nb.analysis.participation.anonymizing import Anonymizing, check_key, write_key
from uproot_nb.analysis.participation.scrubbing import Scrub, scrub_of
from uproot_nb.analysis.past_states import Moment, Past, read_codec, seconds_of
from uproot_nb.analysis.provenance.fingerprints import (
    FINGERPRINTED,
    Fingerprint,
    Ran,
    fingerprints_of,
)
from uproot_nb.analysis.rounds.exported_rounds import ExportedRounds
from uproot_nb.analysis.rounds.locator import MOVES
from uproot_nb.analysis.rounds.people import People
from uproot_nb.analysis.rounds.recorder import RECORDED
from uproot_nb.analysis.rounds.round_tables import Recorded, rounds_table, wide_table
from uproot_nb.analysis.rounds.timeline import Timeline, moves_after
from uproot_nb.analysis.state_tables import (
    differences,
    groups_table,
    players_table,
    session_table,
)
from uproot_nb.analysis.typed_columns import numeric, stamps
from uproot_nb.errors import UprootError
from uproot_nb.log.arrow_pages import EventArrays
from uproot_nb.log.chat_rows import chat_rows, players_with_chats
from uproot_nb.log.events import CHANGES, KINDS, Event, EventColumns
from uproot_nb.log.log import EventLog
from uproot_nb.log.sqlite.copies import are_read_as_arrays
from uproot_nb.log.sqlite.sqlite_log import SqliteLog
from uproot_nb.log.state import State

if TYPE_CHECKING:
    import pandas

    from uproot_nb.analysis.institutions.institution_tables import InstitutionTables
    from uproot_nb.analysis.market_tables import MarketTables

__all__ = ["Tables", "list_sessions"]

_EVENTS_AT_ONCE = 1_000
"""Events of an anonymous copy that are written in one go."""

Kind = Literal["players", "groups", "session"]


class Tables:
    """A session's log as pandas DataFrames: the tables of a Run and of a Recording."""

    def __init__(self, log: EventLog, session: str) -> None:
        self._log, self._session_name = log, session
        self._codec = read_codec()
        self._taking = threading.Lock()
        """Held while new rows are added to the table of events: two threads may ask at once."""
        self._forget_tables()

    def _forget_tables(self) -> None:
        """Read the log anew, from its first event: somebody was erased."""
        self._table = EventTable(self._codec)
        self._past = Past(self._log, self._session_name, self._codec)
        self._timeline = Timeline(self._codec)

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

    def _people(self) -> People:
        """Return who the players are, and where they were at each event so far."""
        with self._lock_state():
            return self._people_in(self._now())

    def _people_in(self, state: State, labelled: bool = True) -> People:
        read = partial(moves_after, self._log, self._session_name)
        self._timeline.follow(read, self._past.last)
        entries = partial(self._log.read, self._session_name, kinds={"append"}, field="entries")
        return People(self._session_name, state.players, self._timeline, labelled, entries)

    # ---- the latest values ----

    @property
    def state(self) -> pandas.DataFrame:
        """A row per player: session, id, label, bot, page, online, group …, then every field.

        Whole numbers, numbers, texts, times and truth values have columns of these types, with
        gaps where a player has no value; other fields are columns of objects. Decimals, such as
        payoffs, are numbers (Float64) to calculate with; `run.payments` has them exactly.
        """
        with self._lock_state():
            return players_table(self._now(), self._session_name, self._codec)

    @property
    def groups(self) -> pandas.DataFrame:
        """A row per group: session, id, members (names, in order), then every field."""
        with self._lock_state():
            return groups_table(self._now(), self._session_name, self._codec)

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
        field with one of these names gets a trailing `_`. Identifiers of players
        are their names.

        Raises:
            UprootError: there is no such model or tag; the message lists all.
        """
        self._refresh()
        people = self._people()
        with self._lock_state():
            state = self._now()
            models = find_models(state, self._codec, model)
            return numeric(entries_table(state, self._codec, models, people).frame)

    def market(self, name: str | None = None) -> MarketTables:
        """Return a market's tables: order_events, trades, book, induced_values, periods, traders.

            run.market().periods[["period", "efficiency", "alpha"]]

        If an asset is traded, there is also `mispricing`.

        Args:
            name: which market; not needed if there is only one.

        Raises:
            UprootError: there is no such market; the message lists all.
        """
        # lazy: most sessions have no market
        from uproot_nb.analysis.market_tables import market_tables

        with self._lock_state():
            return market_tables(self._now(), self._codec, name)

    def institution(self, name: str | None = None) -> InstitutionTables:
        """Return the tables of an auction or other institution: decisions, endowments …

            run.institution().periods[["period", "price", "efficiency"]]

        Args:
            name: which one, by the page's `game_name`; not needed if there is only one.

        Raises:
            UprootError: there is none with that name; the message lists all.
        """
        # lazy: most sessions have no institution
        from uproot_nb.analysis.institutions.institution_tables import institution_tables

        with self._lock_state():
            return institution_tables(self._now(), self._codec, name)

    def panel(self, by: str = "round") -> pandas.DataFrame:
        """Return a row per player and value of a field, such as the round.

            run.panel("round").pivot(index="player", columns="round", values="contribution")

        A value is the last one that was set in that round, and missing if none was: nothing is
        carried over from the round before. Fields that were set only before the first round are
        in every row.

        Raises:
            UprootError: no player has such a field.
        """
        events = list(self._read(CHANGES))
        with self._lock_state():
            return panel_table(events, self._now(), by, self._codec)

    @property
    def rounds(self) -> pandas.DataFrame:
        """A row per player and round, in the order of each player's first visit.

            run.rounds.groupby("round")["contribution"].mean()

        Columns: `session`, `player`, `id`, `label`, `bot`; the `group` in that round; `block` (the
        name of the rounds), `round` (from 1) and, for nested rounds, `nested`, such as "2.1"; then
        every field. A field's value is the last one that was set in that round, and missing if
        none was: nothing is carried over. Fields that were only set outside of rounds, such as a
        treatment, are in every row. Without rounds there are no rows.
        """
        return rounds_table([self._recorded()], self._codec)

    @property
    def wide(self) -> pandas.DataFrame:
        """A row per player, with a column per field and round: contribution_1, contribution_2, …

        Columns: `session`, `player`, `id`, `label`, `bot`, `group`, `ended_as`; then the fields
        that were set outside of rounds, with their latest values; then those that were set in
        rounds. If several rounds have the same number, the name of their block comes before it,
        as in contribution_training_1.
        """
        return wide_table([self._recorded()], self._codec)

    def _recorded(self) -> Recorded:
        """Return what the tables of rounds follow from."""
        self._refresh()
        last = self._past.last
        events = self._log.read(self._session_name, until=last, kinds=RECORDED)
        return Recorded(self._session_name, events, self._past.state(last))

    # ---- what happened ----

    @property
    def events(self) -> pandas.DataFrame:
        """Every event, oldest first; only new rows are read on the next access.

        Columns: `seq`, `time` (Unix seconds on the server), `timestamp` (UTC), `session`, `kind`,
        `subject`, `field`, `value` (decoded when you read it; its JSON is in
        `events["value"].array.texts`), `actor`, `page`, `cause`, `code` (the hash of the source).
        """
        self._refresh()
        with self._taking:
            self._table.take_pages(self._log.read_arrays(self._session_name, self._table.seq))
            return self._table.df

    @property
    def calls(self) -> pandas.DataFrame:
        """A row per call of a live method: player, arguments, outcome, milliseconds.

        `outcome` is "started" if the end of the kernel cut the call short.
        """
        return calls_table(self._read(CALLS), self._people())

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
        return chats_table(rows, self._people())

    @property
    def page_times(self) -> pandas.DataFrame:
        """A row per visit of a player to a page: entered, left, seconds, how it ended."""
        return page_times_table(self._read(PAGE_TIMES), self._codec, self._people())

    @property
    def consents(self) -> pandas.DataFrame:
        """A row per answer on a consent page: player, version, hash, language, agreed, time.

        `hash` is the SHA-256 of the text that was shown (`sha256sum` of its file). A player who
        has answered again, after Back, has several rows; the last one counts.
        """
        return consents_table(self._read(CONSENTS), self._people())

    @property
    def presence(self) -> pandas.DataFrame:
        """A row per interval in which a player was online."""
        return presence_table(self._read(PRESENCE), self._people())

    @property
    def errors(self) -> pandas.DataFrame:
        """The events of kind `error`, with `type`, `message` and `traceback` as columns.

        Equal errors are one row, the first: `count` is their number, `players` the number of
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
            UprootError: there is no such event; both were given; or *time* or *of* is not valid.
        """
        self._refresh()
        state = self._past.state(seq, time)
        if of == "players":
            return players_table(state, self._session_name, self._codec)
        if of == "groups":
            return groups_table(state, self._session_name, self._codec)
        if of == "session":
            return session_table(state, self._session_name, self._codec)
        raise UprootError(
            f"There is no state table of {of!r}.\nAsk for players, groups or session."
        )

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

    def fingerprint(self) -> Fingerprint:
        """Return one hash of the code, notebook, settings and versions that run now.

            print(run.fingerprint())    # sha256:4f0c…, to paste into a preregistration

        It is the same in every session of the same code, whatever its name, database, seed and
        participants. Its parts (`code`, `notebook`, `settings`, `versions`) are hashes, too.
        Templates and modules in files are not included. An export says in `README.txt` and
        `fingerprints.json` which fingerprints the session had, and how many calls and forms came
        under each.

        Raises:
            UprootError: the session was never served.
        """
        self._note_meanings()
        self._refresh()
        ran = self._ran(self._log.last_seq(self._session_name))
        if not ran:
            raise UprootError(f"Session '{self._session_name}' was never served, so nothing ran.")
        return ran[-1].fingerprint

    def _ran(self, last: int) -> list[Ran]:
        events = self._log.read(self._session_name, until=last, kinds=FINGERPRINTED)
        return fingerprints_of(events, last)

    def export(
        self,
        path: str | Path,
        format: str = "csv",
        filters: bool | FieldFilter = True,
        progress: bool = True,
        scrub: bool = False,
        excel: bool = False,
        anonymous: bool = False,
        free_text: Collection[str] = (),
        key: str | Path | None = None,
    ) -> Path:
        """Write the session's data as a ZIP file or a folder, and return its path.

            run.export("market.zip")
            run.export("market", format="dta")
            run.export("bids.zip", filters=lambda kind, field: field == "bid")
            run.export("public.zip", anonymous=True, key="key.csv")

        In it are `latest/`, `sparse/` and `ultralong/` with a table for players, groups and the
        session each, `rounds/` with a row per player and round and `wide/` with a row per player,
        `models/` with a table per model or tag, `markets/` with a folder per market,
        `institutions/` with a folder per auction and the like,
        `page_times`, `calls`, `presence`, a `codebook.json`, a `README.txt`, the code in `source/`,
        and `SHA256SUMS`. The export has what is in the log at this moment; the session may go on
        meanwhile.

        Args:
            path: ends in ".zip" for a ZIP; any other name makes a folder. A `~` is your home. An
                earlier export of that name is replaced once the new one is complete.
            format: "csv", "jsonl", "parquet" (needs pyarrow), "dta" (Stata), "sav" (SPSS, needs
                pyreadstat) or "xlsx" (Excel, needs XlsxWriter).
            filters: leave out the fields in which the page flow stores a player's place
                (`round_nested`, `between_showed`). False includes all; a function decides for each
                field of yours: (kind, field) → whether to include it, with the kinds "player",
                "group", "session" and "model" (a model's own fields, and those of its entries).
                Built-in columns (such as player, time, page), the tables `page_times`, `calls`,
                `presence` and `markets/`, and the models of markets are always complete.
            progress: show a bar for long exports.
            scrub: leave out what identifies a person, for publication: labels, parameters
                of addresses, recruiters' ids, the notebook, and fields of yours that held a label
                or an id. What participants wrote in their own words stays.
            excel: write CSV that Excel opens as UTF-8, with an apostrophe before texts that it
                would run as formulas. `read.py`, `read.R` and `read.do` remove it.
            anonymous: as `scrub`, and more: players get names drawn at random, ids of
                places are shuffled, times count from the session's first event, and what
                participants wrote in their own words is left out, wherever it was copied to.
            free_text: fields of forms, live methods and their arguments whose texts stay in an
                anonymous export. Read them before you publish.
            key: the file that says which anonymous name is whose, for you alone. Without it this
                can only be found by comparing the data.

        Raises:
            UprootError: something else has that name, or there is no such format.
            ExportFailed: it could not be written, as on a full disk. It was removed, and an
                earlier export is unchanged.
        """
        self._note_meanings()
        self._refresh()
        if anonymous:
            options = {"format": format, "filters": filters, "progress": progress, "excel": excel}
            return self._export_anonymous(Path(path), free_text, key, options)
        if free_text or key is not None:
            raise UprootError("free_text= and key= are for anonymous exports.\nAdd anonymous=True.")
        return self._export(path, format, filters, progress, scrub, excel)

    def _export(
        self,
        path: str | Path,
        format: str,
        filters: bool | FieldFilter,
        progress: bool,
        scrub: bool,
        excel: bool,
        note: Scrub | None = None,
        ran: Sequence[Ran] | None = None,
    ) -> Path:
        last = self._past.last
        scrub = scrub or note is not None
        is_long = format in ARRAY_FORMATS and not (scrub or excel) and are_read_as_arrays(last)
        includes = filters if callable(filters) else all_but_bookkeeping if filters else everything
        with progress_bar(
            progress and last > LONG_EXPORT, f"exporting {self._session_name}"
        ) as shown:
            state, read = self._past.state(last), self._reader(last)
            people = self._people_in(state, labelled=not scrub)
            made = Export(
                people, self._codec,
                self._changes(last, is_long),
                exported_tables(state, self._codec, people, read),
                last, format, includes, described_fields(read({"code"}), self._codec),
                self._sources(read({"code"}), notebook=not scrub), shown, is_long,
                note or (self._scrub(state, last) if scrub else None),
                partial(self._exported_rounds, state, people) if people.timeline.rounds else None,
                excel, self._ran(last) if ran is None else ran,
            )  # fmt: skip
            return made.write(Path(path).expanduser())

    def _export_anonymous(
        self,
        path: Path,
        free_text: Collection[str],
        key: str | Path | None,
        options: Mapping[str, Any],
    ) -> Path:
        """Export a copy of the log in which nobody is named, as any other log."""
        state, name = self._past.state(self._past.last), self._session_name
        read = partial(self._log.read, name, until=state.seq)
        made = Anonymizing(read, state, self._scrub(state, state.seq), free_text)
        written = None if key is None else Path(key).expanduser()
        if written is not None:
            check_key(path.expanduser(), written)
            write_key(written, made.names, state)
        try:
            with (
                tempfile.TemporaryDirectory(prefix="uproot_nb-") as folder,
                closing(SqliteLog(Path(folder, "anonymous.sqlite3"))) as log,
            ):
                log.claim(name)
                events = made.events()
                while some := list(islice(events, _EVENTS_AT_ONCE)):
                    log.append(some)
                copy = Tables(log, name)
                ran = self._ran(state.seq)
                return copy._export(path, scrub=False, note=made.note(), ran=ran, **options)
        except BaseException:
            if written is not None:
                written.unlink()
            raise

    def _exported_rounds(self, state: State, people: People, folder: Path) -> ExportedRounds:
        def moves(after: int, until: int) -> Iterator[Event]:
            return self._log.read(self._session_name, after, until, MOVES)

        return ExportedRounds(folder, state, people, self._codec, moves)

    def _scrub(self, state: State, last: int) -> Scrub:
        changes = self._log.read(self._session_name, until=last, kinds=CHANGES)
        return scrub_of(state, changes)

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

    def _sources(self, events: Iterable[Event], notebook: bool) -> dict[str, bytes]:
        """Return the logged code and the newest notebook, by file name."""
        found: dict[str, bytes] = {}
        for event in events:
            value = self._codec.decode(event.value)
            if "notebook" in value and not notebook:
                continue
            if "notebook" in value:
                name = f"{file_name(value['notebook'].removesuffix('.ipynb'))}.ipynb"
                found[name] = str(value["source"]).encode()
            elif "source" in value:
                name = f"{file_name(value['page'])}-{value['hash']}.py"
                found[name] = str(value["source"]).encode()
        return found


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
