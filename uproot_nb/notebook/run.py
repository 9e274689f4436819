"""Run: a session being served, to watch, steer and analyse."""

from __future__ import annotations

import html
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from uproot_nb.analysis.plain_html import plain_html
from uproot_nb.bots.random_forms import random_forms
from uproot_nb.engine.runtime import Runtime
from uproot_nb.errors import UprootError
from uproot_nb.experiment.execution import running_for
from uproot_nb.experiment.recruiters import Recruiter
from uproot_nb.experiment.shell import find_shell
from uproot_nb.log.state import State
from uproot_nb.monitor.display import show_html
from uproot_nb.monitor.player_rows import PlayerRows
from uproot_nb.monitor.snapshot import player_table
from uproot_nb.notebook.bot_places import BotPlaces
from uproot_nb.notebook.erasing_runs import ErasingRuns
from uproot_nb.notebook.notebook_source import note_notebook
from uproot_nb.notebook.paying import Paying
from uproot_nb.notebook.rooms import RoomHandle, room
from uproot_nb.notebook.steering import Steering
from uproot_nb.realtime.hands import players_with_hands
from uproot_nb.realtime.rooms import Room
from uproot_nb.session.entities import Player, Session
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.steps import CellLock
from uproot_nb.study.study_tables import StudyTables

if TYPE_CHECKING:
    import pandas

    from uproot_nb.bots.crowd import Bot, Bots
    from uproot_nb.monitor.windows import Windows

__all__ = ["Run"]


class Run(Steering, Paying, ErasingRuns, StudyTables):
    """A session being served; made by `serve`.

    run = serve([Market], players=4)
    run.links                 # who goes where
    run.session.price = 12    # change the session from a cell
    run.close()
    """

    def __init__(
        self,
        runtime: Runtime,
        closing: Callable[[], None],
        closed: Callable[[], None],
    ) -> None:
        self._runtime, self._closing, self._closed = runtime, closing, closed
        self._windows: Windows | None = None
        self._bots = BotPlaces(runtime, self.link)
        super().__init__(runtime.world.log, runtime.name)

    # ---- what it is ----

    @property
    def name(self) -> str:
        """The session's name; `serve(name=...)` continues it later."""
        return self._runtime.name

    @property
    def path(self) -> str:
        """The database file, or ":memory:"; the rescued copy once the file was moved away."""
        return self._runtime.world.log.path

    @property
    def session(self) -> Session:
        """The session, to read and change."""
        return self._runtime.world.session

    @property
    def players(self) -> Bunch[Player]:
        """All players, in the order of player.id."""
        return self._runtime.world.players()

    @property
    def hands(self) -> Bunch[Player]:
        """The players whose hands are up, the first to raise it first.

        A page has the button with `ask_for_help = True`, all have it with
        `serve(ask_for_help=True)`. `run.answer` and `run.lower_hand` lower a hand.
        """
        return players_with_hands(self._runtime.world)

    @property
    def lock(self) -> CellLock:
        """Groups a cell's reads and writes: `with run.lock: ...`; then they are committed."""
        return self._runtime.world.cell_lock

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._runtime.closed

    # ---- links ----

    @property
    def url(self) -> str:
        """The root of the participants' site."""
        return self._runtime.line.url

    @property
    def join_link(self) -> str:
        """The link that gives everyone who opens it a place of their own."""
        world = self._runtime.world
        return f"{self.url}join/{_quoted(self.name)}/{world.join_secret}/"

    def link(self, player: Player | str) -> str:
        """Return one player's own link; whoever has it is that player.

        Args:
            player: the player, the name or the label.
        """
        name = player.name if isinstance(player, Player) else self._one(player)
        return f"{self.url}p/{self._runtime.world.token(name)}/"

    def _one(self, player: Any) -> str:
        """Return the name of the one player who is meant."""
        named = self._runtime.delivery.meant(player)
        if len(named) != 1:
            raise UprootError(f"{len(named)} players were given where one is asked for.")
        return named[0]

    @property
    def links(self) -> pandas.DataFrame:
        """A row per player: player, url, page, online.

        A cell shows it without keys, because the output is saved with the notebook. The links are
        in the column: `print(*run.links["url"], sep="\\n")`, `run.links.to_csv("links.csv")`.
        """
        from uproot_nb.notebook.link_table import LinkTable  # lazy: pandas, see __init__

        with self._runtime.lock:
            rows = [(p.name, self.link(p), p.page, p.online) for p in self.players]
        frame = LinkTable(rows, columns=["player", "url", "page", "online"], dtype=object)
        return frame.astype({"player": str, "url": str, "online": bool})

    # ---- what happened ----

    def _refresh(self) -> None:
        if not self.closed:
            self._runtime.world.journal.commit()

    def interrupt(self) -> str:
        """End the running live method or hook by raising an exception in it; return its name.

            run.interrupt()  # 'Market.think'

        For code that does not end and blocks everybody; the watchdog names it. Its caller reads
        that it was interrupted; its changes stay. The kernel's interrupt
        button does the same, if the code has run for more than half a second. Empty if nothing
        was running.
        """
        return self._runtime.interrupter.interrupt()

    @property
    def errors(self) -> pandas.DataFrame:
        """A row per kind of failure, oldest first; `count` is how often, `players` for how many.

        Exceptions of your code (`traceback`), refused calls, errors of pages' scripts, and
        warnings, each with `type` and `message`.
        """
        if not self.closed:
            self._runtime.reports.settle(everything=True)
        return super().errors

    def _now(self) -> State:
        return self._runtime.world.state

    def _lock_state(self) -> CellLock:
        # lazy: see __init__; but before the lock is taken, or everybody would wait for the import
        import pandas  # noqa: F401

        return self.lock

    def _note_meanings(self) -> None:
        if not self.closed:
            note_notebook(self._runtime)
            self._runtime.code_log.note_experiment()

    def digest(self) -> Any:
        """Return the result of the experiment's `digest(session)`; by app, if there are several."""
        return self._results_of("digest")

    def pipeline(self) -> pandas.DataFrame:
        """Return the rows of the experiment's `pipeline(session)`; `app` names the app."""
        import pandas  # lazy: see __init__

        results = self._results_of("pipeline", alone=False)
        frames = [pandas.DataFrame(rows).assign(app=app) for app, rows in results.items()]
        return pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame()

    def _results_of(self, callback: str, alone: bool = True) -> Any:
        with self.lock, running_for(self._runtime.world):
            results = {
                app.name: getattr(app, callback)(self.session)
                for app in self._runtime.setup.apps
                if getattr(app, callback) is not None
            }
        return next(iter(results.values())) if alone and len(results) == 1 else results

    # ---- steering ----

    def room(
        self,
        name: str | Room,
        labels: Sequence[str] | None = None,
        capacity: int | None = None,
        open: bool = True,
        *,
        label_from: str | None = None,
        recruiter: Recruiter | str | None = None,
        returning: Literal["resume", "ask", "refuse"] | None = None,
    ) -> RoomHandle:
        """Let participants in through a room, and return its handle.

            lab = run.room("lab", labels=["PC-01", "PC-02"], open=False)
            lab.url        # for everybody
            lab.open()     # those who wait come in

        The arguments are those of `room`. Calling it again for the same name changes the room.
        """
        spec = name
        if not isinstance(spec, Room):
            spec = room(
                spec, labels, capacity, open,
                label_from=label_from, recruiter=recruiter, returning=returning,
            )  # fmt: skip
        rooms = self._runtime.rooms
        rooms.define(spec)
        return RoomHandle(rooms, spec.name, lambda: self.url)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run a coroutine in the background of the run; it ends with the run.

        The future has the result (`.result()`); `.cancel()` ends the coroutine.
        """
        return self._runtime.tasks.spawn_from_cell(coroutine)

    def bots(
        self,
        who: int | Mapping[Any, Bot] | Sequence[Bot],
        fill: Bot = random_forms,
        *,
        seed: Any = None,
        polling: bool = False,
    ) -> Bots:
        """Let bots take part: they load pages, send forms and make calls as browsers do.

            run.bots(8)                               # eight free places; forms at random
            run.bots([buyer, seller])                 # each gets a free place
            run.bots({run.players[3]: my_bot})        # takes a place over, as of a dropout

        A bot is any `async def my_bot(client)`. If there are too few places, more are opened.
        The log shows whom a bot plays (`intervention` events with the field `bot`).

        Args:
            who: how many; or bots; or bots by player, name, label or number of the place.
            fill: the bot that plays if *who* is a number.
            seed: makes the bots' draws from `client.rng` reproducible.
            polling: connect by long polling, as browsers do where WebSockets are blocked.

        Raises:
            UprootError: something is not a bot, or not a place; or a bot already plays there.
        """
        return self._bots.start(who, fill, seed, polling=polling)

    def pause(self) -> None:
        """Pause calls, forms, moves, waits and clocks; participants see a calm notice."""
        self._runtime.set_state("paused")

    def resume(self) -> None:
        """Resume; everybody has as much time left as before the pause."""
        self._runtime.set_state("running")

    def freeze(self) -> None:
        """Forbid redefining pages from now on: `run.freeze()`, before participants come.

        A cell that redefines a page, its template or the page order fails with FrozenCode, and
        participants go on with the code that was served. It lasts until `run.thaw()`, even
        through restarts. Functions and constants that pages use are not frozen.
        """
        self._runtime.code.page_code.freeze()

    def thaw(self) -> None:
        """Allow redefining pages again; a refused change takes effect when its cell runs again."""
        self._runtime.code.page_code.thaw()

    @property
    def frozen(self) -> bool:
        """Whether no page may be redefined."""
        return self._runtime.code.page_code.frozen

    def close(self) -> None:
        """End the run: participants see that the session has ended. Idempotent."""
        is_open = not self.closed
        if is_open:
            self._closing()
            self._bots.stop()
            self._runtime.attendance.note_all_left()
        try:
            self._runtime.close()
        finally:
            if is_open and self._windows is not None:
                self._windows.close()
        self._closed()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ---- display ----

    def monitor(self, fields: Sequence[str] = ()) -> None:
        """Show the running session, with buttons to steer it: players, events, errors, links.

            run.monitor(fields=["cash", "bid"])

        A run at the end of a cell shows the same. The saved notebook has a table without links.
        """
        if isinstance(fields, str):
            fields = [fields]
        self._shown.monitor(fields)

    def view(self, *players: Player | str) -> Any:
        """Show participants' pages side by side in the notebook, so that one person plays all.

        run.view()                      # the first four
        run.view(*run.players[2:4])
        """
        named = players or tuple(self.players[:4])
        world = self._runtime.world
        return self._shown.view([world.player(n) for n in self._runtime.delivery.meant(named)])

    @property
    def _shown(self) -> Windows:
        from uproot_nb.monitor.windows import Windows  # lazy: a script shows no widgets

        if self._windows is None:
            self._windows = Windows(self._runtime, self)
        return self._windows

    def _ipython_display_(self) -> None:
        shell = find_shell()
        if self.closed or shell is None or getattr(shell, "kernel", None) is None:
            show_html(self._repr_html_(), f"uproot-nb-run-{self.name}")
        else:
            self.monitor()

    def __repr__(self) -> str:
        if self.closed:
            return f"<Run '{self.name}' closed: {len(self.players)} players>"
        online = sum(player.online for player in self.players)
        state = self._runtime.flow.state
        return f"<Run '{self.name}' {state}: {len(self.players)} players, {online} online>"

    def _repr_html_(self) -> str:
        if self.closed:
            return plain_html(f"<p>{html.escape(repr(self))}</p>")
        rows = PlayerRows(self._runtime.flow.journeys)
        with self._runtime.lock:
            shown = [rows.row(player) for player in self.players]
            links = {player.name: self.link(player) for player in self.players}
        join = html.escape(self.join_link)
        return plain_html(
            f"<p><strong>{html.escape(self.name)}</strong> · {self._runtime.flow.state} · "
            f'join link: <a href="{join}" target="_blank" rel="noreferrer">{join}</a></p>'
            f"{player_table(shown, links=links)}"
        )


def _quoted(name: str) -> str:
    return quote(name, safe="")
