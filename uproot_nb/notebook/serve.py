"""serve: let participants into the experiment that a notebook defines."""

from __future__ import annotations

import itertools
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from uproot_nb.analysis.plain_html import show_tables_as_text
from uproot_nb.engine.output import Output
from uproot_nb.engine.runtime import Runtime
from uproot_nb.errors import CopiedLog, SessionExists
from uproot_nb.experiment.entrance.ways_in import WayIn
from uproot_nb.experiment.hints import advise
from uproot_nb.experiment.money.paid_outcomes import odd_outcomes
from uproot_nb.experiment.money.payment import Payment
from uproot_nb.experiment.pages import GroupCreatingWait
from uproot_nb.experiment.recruiters import Recruiter
from uproot_nb.experiment.setup import App, Setup
from uproot_nb.experiment.shell import find_shell
from uproot_nb.interop.namespace import CELL_TEMPLATES, resolver, setup_of, templates_for
from uproot_nb.log.log import EventLog, TransferableLog
from uproot_nb.log.origins import check_origin, note_origin, renew_secret
from uproot_nb.log.paths import database_path, notebook_file
from uproot_nb.log.places import is_file, open_place, shown_place
from uproot_nb.log.postgres.address import Place
from uproot_nb.monitor.remote import RemoteStewards
from uproot_nb.monitor.rest.api import RestApi
from uproot_nb.notebook.cells import Cells
from uproot_nb.notebook.connecting import Connection
from uproot_nb.notebook.connection_choice import choose_connection
from uproot_nb.notebook.magics import (
    install_magics,
    listen_for_templates,
    stop_listening,
)
from uproot_nb.notebook.notebook_source import note_notebook
from uproot_nb.notebook.options import check_options
from uproot_nb.notebook.overrides import Overrides
from uproot_nb.notebook.redefinitions import Redefinitions
from uproot_nb.notebook.run import Run
from uproot_nb.notebook.standby import take_held
from uproot_nb.notebook.surroundings import runner_of, session_elsewhere, warning_of
from uproot_nb.session.error_reports import readable
from uproot_nb.session.steps import NOBODY, Cause, StepLock, StepLoop

if TYPE_CHECKING:
    from uproot_nb.templating.templates import Templates

__all__ = ["OPEN_RUNS", "Serving", "fresh_name", "serve"]

OPEN_RUNS = "_uproot_nb_open_runs"
"""The name under which a namespace has its open runs, so that a cell may run again."""
USED_NAMES = "_uproot_nb_used_names"
"""The name under which it has the names of all its sessions, the closed ones too."""


def serve(
    page_order: Any = None,
    *,
    players: int = 0,
    name: str | None = None,
    app: Any = None,
    rooms: Sequence[Any] = (),
    label_from: str | None = None,
    recruiter: Recruiter | str | None = None,
    returning: Literal["resume", "ask", "refuse"] | None = None,
    settings: Mapping[str, Any] | None = None,
    exits: Mapping[str, Any] | None = None,
    db: str | os.PathLike[str] | None = None,
    code: Literal["live", "frozen"] | None = None,
    seed: Any = None,
    language: str = "",
    simulate: bool = False,
    durable: bool = False,
    effects: bool = True,
    ask_for_help: bool = False,
    payment: Payment | None = None,
    copy: bool = False,
    take_over: bool = False,
    bridge: str | None = None,
    embedded: bool | None = None,
    port: int = 8600,
    address: str = "127.0.0.1",
    public_url: str = "",
    server: Mapping[str, Any] | None = None,
    namespace: dict[str, Any] | None = None,
) -> Run:
    """Serve the experiment of this notebook to participants' browsers.

        run = serve([Market], players=4, name="pilot")
        run

    If the database has a session of this *name*, it continues, with the same players, links,
    pages and data. You may run the same cell again.

    Args:
        page_order: page classes, lists and operators, or a function of the player that returns
            them; by default `page_order` of the caller's namespace, where `serve` also finds
            `new_session`, `new_player`, `restart`, `language`, `Context` and `C`.
        players: at least this many places are open.
        app: what `load_app` returned, an app's folder, or a list of these: they are run in order,
            instead of the notebook's own pages.
        rooms: what `room(...)` returned; each is an address for everybody.
        label_from: the parameter of the join link's or a personal link's address that is the
            participant's label, such as "PROLIFIC_PID".
        recruiter: "prolific", "sona", "mturk" or "cint", or a recruiter such as
            `Prolific(done="C1A2B3")`, for these links: it knows the parameter of the label.
        returning: what happens if somebody with a place opens the join link again; see `room`.
        settings: read-only for authors' code as `session.settings`.
        exits: where participants go from each exit, such as {"done": "https://…"}, instead of
            those in the notebook's `exits`.
        db: the database: a file, or an address such as "postgresql://lab@db.example.org/study"; by
            default UPROOT_NB_DATABASE, else uproot_nb.sqlite3 beside the notebook. ":memory:"
            stores nothing.
        code: "live" uses a page as soon as a cell redefines it; "frozen" refuses redefinitions
            (`run.freeze()`). By default a new session is live, and a continued one is as it was.
        seed: makes players' names, page orders and treatments reproducible; without one a seed is
            drawn and stored in the log.
        language: that of uproot_nb's texts for participants, such as "de"; by default the
            experiment's `language(player)`, else the browser's.
        simulate: let the pages fill themselves in, with each app's simulate.js.
        durable: make commits survive even a power cut (slower).
        effects: with False, for a trial, `append_to_csv` and `after_commit` do nothing.
        ask_for_help: give every page a button with which participants raise their hands, as on
            pages with `ask_for_help = True`; see `run.hands`.
        payment: how points and fees become money; by default `payment` of the namespace.
        copy: if the database is a copy of another, give the session in it new links.
        take_over: let this database, a copy, replace the original, with the same links, even if
            another kernel is serving from that; or continue a session in a notebook that
            nbconvert, papermill or Voila executes.
        bridge, embedded: which participant server to use; by default UPROOT_NB_BRIDGE, else the
            Jupyter server's, else one of the run's own at *address* and *port* (or the next free
            one). With "nats://host:4222" participants connect through gateways: see
            docs/gateways.md.
        server: limits and other settings of the run's own server, by the names of `UprootNB`'s
            traits, such as {"max_frame_bytes": 1_000_000, "trusted_proxies": ["127.0.0.1"]}.

    `uproot-nb run` overrides players, name, code and db (see `Overrides`), and is the server.

    Raises:
        BadPage: the page order has no pages, or something that is not a page.
        SessionTaken: another kernel serves the session.
        SessionExists: nbconvert or a similar program executes the notebook of a session.
        BadExit: an exit is not valid.
        CopiedLog, SessionElsewhere: it is served from a copy of its database, see *copy*.
        UprootError: an argument is not valid; the message names it.
    """
    names = sys._getframe(1).f_globals if namespace is None else namespace
    overrides = Overrides.of()
    arguments = overrides.apply(
        players=players, name=name, code=code, db=db, embedded=embedded, bridge=bridge,
        public_url=public_url,
    )  # fmt: skip
    check_options(
        **arguments, settings=settings, port=port, address=address, language=language,
        simulate=simulate, server=server, copy=copy, take_over=take_over, payment=payment,
        ask_for_help=ask_for_help,
    )  # fmt: skip
    players, name, code, db, embedded, bridge, public_url = arguments.values()
    setup = replace(setup_of(page_order, app, names, exits), payment=payment)
    way = WayIn.of(label_from, recruiter, returning)
    _warn_of_odd_places(setup, players)
    _warn_of_wrong_numbers(setup, players)
    _warn_of_odd_outcomes(setup)
    place = ":memory:" if db == ":memory:" else database_path(db)
    path = shown_place(place)
    open_runs = names.setdefault(OPEN_RUNS, {})
    used = names.setdefault(USED_NAMES, set())
    session = _session_name(overrides.fresh, path, used) if name is None else name
    running: Serving | None = open_runs.get((path, session))
    if running is not None and not running.run.closed:
        running.let_in(way)
        running.offer_help(ask_for_help)
        return running.again(setup, players, rooms, code)
    line = choose_connection(
        session, bridge=bridge, embedded=embedded, port=port, address=address,
        public_url=public_url, server=server,
    )  # fmt: skip
    line.take_over = take_over
    serving = Serving(
        names, session, place, setup, line, settings=settings, seed=seed, durable=durable,
        language=language, simulate=simulate, copy=copy,
    )  # fmt: skip
    serving.let_effects(effects)
    serving.offer_help(ask_for_help)
    serving.let_in(way)
    serving.open(players, rooms, code)
    open_runs[path, session] = serving
    used.add((path, session))
    return serving.run


def _warn_of_odd_places(setup: Setup, players: int) -> None:
    """Warn if somebody would be left without a partner."""
    for app in setup.apps:
        if players % app.suggested_multiple:
            where = f"The app '{app.name}'" if app.name else "This experiment"
            warnings.warn(
                f"{players} places: {where[0].lower()}{where[1:]} is made for multiples of "
                f"{app.suggested_multiple} (SUGGESTED_MULTIPLE); somebody may never get a group.",
                stacklevel=3,
            )


def _warn_of_wrong_numbers(setup: Setup, players: int) -> None:
    """Warn of pages that are not made for so many players, unless a page groups them."""
    if not players or any(issubclass(page, GroupCreatingWait) for page in setup.pages):
        return
    for page in setup.pages:
        number_problem = getattr(page, "number_problem", None)
        problem = "" if number_problem is None else number_problem(players)
        if problem:
            warnings.warn(f"{players} places: {page.__name__}: {problem}", stacklevel=3)


def _warn_of_odd_outcomes(setup: Setup) -> None:
    """Warn if nobody is known to end as the payment rule says."""
    rule = setup.payment_rule
    text = "" if rule is None else odd_outcomes(rule, setup.exits)
    if text:
        advise(text)


class Serving:
    """The parts of an open run: runtime, cells, output, connection."""

    def __init__(
        self,
        names: dict[str, Any],
        session: str,
        place: Place,
        setup: Setup,
        line: Connection,
        settings: Mapping[str, Any] | None,
        seed: Any,
        durable: bool,
        language: str,
        simulate: bool,
        copy: bool,
        make_loop: Callable[[StepLock], StepLoop] = StepLoop,
    ) -> None:
        shell = find_shell()
        self._names, self._shell = names, shell
        self._cells = Cells(
            shell, names, lambda page: self._redefinitions.take(page), self._interrupted
        )
        line.show = lambda text: self._show(text, Cause("", "", "line", ""))
        held = take_held(shown_place(place), session)
        self._log: EventLog = held.log if held else open_place(place, durable=durable)
        path, is_copyable = self._log.path, is_file(place) and line.has_lasting_links
        try:
            if is_copyable:
                _check_origin(path, session, copy, line.take_over)
            self._runtime = Runtime(
                session, self._log, setup, line.connect, self._cells.cause, self._show,
                line.disconnect, self._templates, settings, seed, resolver(names, setup),
                language, simulate, make_loop, held.secret if held else None,
            )  # fmt: skip
            if isinstance(self._log, TransferableLog):
                line.epoch = self._log.epoch(session)
            if is_copyable:
                note_origin(path, session)
            if place != ":memory:":
                origin = os.path.realpath(path) if is_file(place) else path
                line.origin = self._runtime.registration.origin = origin
        except BaseException:
            self._log.close()
            raise
        line.session, self._takes_over = self._runtime.world.key, line.take_over
        self._redefinitions = Redefinitions(
            self._runtime, self._show, Overrides.of().code == "frozen"
        )
        self._runtime.code.page_code.look_for_code = self._cells.take_pages
        self._output = Output(
            self._runtime.lock.cause_here, self._log_output, self._aim,
            self._runtime.loop.call_soon_threadsafe,
        )  # fmt: skip
        self.run = Run(self._runtime, self._output.finish, self._closed)
        api = RestApi(self._runtime, self.run)
        self._runtime.inbox.stewards = RemoteStewards(self._runtime, self.run, api)

    def let_in(self, way: WayIn) -> None:
        """Let participants come in by the join link and personal links as *way* says."""
        self._runtime.flow.newcomers.way_in = way

    def offer_help(self, offers: bool) -> None:
        """Let every page have the button by which participants raise their hands, or none."""
        self._runtime.world.offers_help = offers

    def let_effects(self, happen: bool) -> None:
        """Allow or prevent effects outside of the session."""
        self._runtime.has_effects = happen

    def open(self, players: int, rooms: Sequence[Any] = (), code: str | None = None) -> None:
        """Start everything."""
        if self._shell is not None:
            install_magics(self._shell)
            show_tables_as_text(self._shell)
        self._output.start()
        try:
            self._refuse_accidents()
            self._runtime.open(players)
            self._redefinitions.begin(code)
            note_notebook(self._runtime, self._inform)
            self._warn_of_surroundings()
        except BaseException:
            self._output.stop()
            self._log.close()
            raise
        for room in rooms:
            self.run.room(room)
        self._cells.watch(self._runtime.end_cell)
        listen_for_templates(self._names, self._redefinitions)

    def again(
        self, setup: Setup, players: int, rooms: Sequence[Any] = (), code: str | None = None
    ) -> Run:
        """Go on with the run when its cell runs again: new code, more places."""
        if self._redefinitions.adopt(setup, code):
            note_notebook(self._runtime, self._inform)
        self._runtime.add_places(players)
        for room in rooms:
            self.run.room(room)
        return self.run

    def _interrupted(self) -> None:
        """End a step that holds everybody up; the researcher has pressed the interrupt button."""
        holder = "" if self._runtime.closed else self._runtime.interrupter.interrupt_if_held_up()
        if holder:
            self._output.show(f"{holder} was interrupted.", NOBODY)

    def _templates(self, app: App) -> Templates:
        return templates_for(app, self._names.setdefault(CELL_TEMPLATES, {}))

    # ---- output ----

    def _inform(self, text: str) -> None:
        self._show(text, Cause("", "", "serve", ""))

    def _runner(self) -> str:
        """Return the program that executes this notebook in a kernel that soon ends, or ""."""
        is_lasting = Overrides.of().bridge or self._shell is None
        return "" if is_lasting else runner_of()

    def _refuse_accidents(self) -> None:
        """Refuse to go on with a session because a report of its notebook is made."""
        runner = "" if self._runtime.is_new or self._takes_over else self._runner()
        if runner:
            raise SessionExists(self.run.name, self.run.path, runner)

    def _warn_of_surroundings(self) -> None:
        """Warn that the kernel will end with its last cell, or that the data are elsewhere."""
        path, session = self.run.path, self.run.name
        runner = self._runner()
        if runner:
            self._inform(warning_of(runner))
        other = None
        if self._runtime.is_new and is_file(path):
            other = session_elsewhere(Path(path), session)
        if other is not None:
            self._inform(
                f"'{session}' is a new session in {path}, with new links. There is a session of "
                f"this name in {other}, as if the notebook had been moved. To go on with that one: "
                f"close this run (run.close()), and move that file here, or "
                f"serve(..., db={str(other)!r})."
            )

    def _show(self, text: str, cause: Cause) -> None:
        self._output.show(text, cause)

    def _log_output(self, stream: str, text: str, cause: Cause) -> None:
        world = self._runtime.world
        if cause.cause and not self._runtime.closed:
            value = world.codec.encode({"stream": stream, "text": readable(text)})
            with world.lock:
                world.journal.write_for(cause, "output", "session", stream, value)

    def _aim(self, cause: Cause) -> None:
        """Send this thread's output to the cell that defined the page, where the kernel can."""
        parent = self._cells.parent_of(cause.page)
        aim = getattr(self._shell, "set_thread_parent", None)
        if parent is not None and aim is not None:
            aim(parent)

    # ---- the end ----

    def _closed(self) -> None:
        self._output.stop()
        self._cells.leave()
        stop_listening(self._names, self._redefinitions)
        open_runs = self._names.get(OPEN_RUNS, {})
        for key in [key for key, one in open_runs.items() if one is self]:
            del open_runs[key]


def _check_origin(path: str, session: str, copy: bool, take_over: bool) -> None:
    """Refuse to serve a copy with the links of the original, unless that is wanted."""
    try:
        check_origin(path, session)
    except CopiedLog:
        if copy:
            renew_secret(path, session)
        elif not take_over:
            raise


def _session_name(fresh: str | None, path: str, taken: Collection[tuple[str, str]]) -> str:
    """Return a name for a session without one: the n-th of a notebook gets the same each time."""
    if fresh is None:
        return fresh_name()
    names = (fresh if n == 1 else f"{fresh}-{n}" for n in itertools.count(1))
    return next(name for name in names if (path, name) not in taken)


def fresh_name(notebook: str | None = None) -> str:
    """Return an unused name: the notebook's, and the time."""
    file = notebook_file() if notebook is None else Path(notebook)
    stem = (file.stem if file is not None else "") or "session"
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", stem)
    return f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}"
