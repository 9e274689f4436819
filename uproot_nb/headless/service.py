"""Service: a notebook that is served until Ctrl-C, even if its kernel dies."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import deque
from dataclasses import replace
from typing import Any

from uproot_nb.headless.endpoint import Endpoint
from uproot_nb.headless.escape_terminal import one_line
from uproot_nb.headless.kernel import CellFailed, KernelDied, NotebookKernel
from uproot_nb.headless.metrics_endpoint import METRICS_VARIABLE, MetricsEndpoint
from uproot_nb.headless.notebook_file import NotebookFile
from uproot_nb.headless.screens import Screen
from uproot_nb.headless.standby import StandbyRole
from uproot_nb.headless.steward_endpoint import SECRET_VARIABLES
from uproot_nb.headless.watch import Watch
from uproot_nb.log.places import shown_place
from uproot_nb.log.postgres.address import Place, is_database
from uproot_nb.notebook.overrides import Overrides
from uproot_nb.server.metrics.health import Condition, Health

__all__ = ["Service"]

_LOOK_SECONDS = 0.5
_ASK_SECONDS = 2.0
_IN_MEMORY = ":memory:"
_RESTARTS, _WITHIN = 5, 60.0
TAKEN_OVER = 3
"""The exit code after another kernel has taken a session over."""


class Service:
    """Runs a notebook's cells in a kernel, and again in a new one if it dies.

    code = asyncio.run(Service(notebook, endpoint, Overrides(players=8), screen).run())
    """

    def __init__(
        self,
        notebook: NotebookFile,
        endpoint: Endpoint,
        overrides: Overrides,
        screen: Screen,
        standby: StandbyRole | None = None,
    ) -> None:
        self._notebook, self._endpoint, self._screen = notebook, endpoint, screen
        self._overrides, self._standby = overrides, standby
        self.condition: Condition = "starting"
        """What `/healthz` says."""
        self._kernel: NotebookKernel | None = None
        self._watches: dict[tuple[str, str], Watch] = {}
        self._deaths: deque[float] = deque(maxlen=_RESTARTS)
        self._open: set[tuple[str, str]] = set()
        """The sessions that this kernel serves, by path and name."""
        self._served: set[tuple[str, str]] = set()
        """The sessions that any of the kernels has served."""
        self._looking = asyncio.Lock()
        self._parted: dict[tuple[str, str], str] = {}
        """The sessions that other kernels have now, and how: "lost" or "handed over"."""
        self._shown_links: set[tuple[str, str]] = set()
        self._interrupting: asyncio.Future[None] | None = None
        self._stop = asyncio.Event()

    def be_watched(self, metrics: MetricsEndpoint) -> None:
        """Let `/healthz` say what this run does, and open the address of the metrics.

        Raises:
            CannotStart: it cannot be opened.
        """
        server = self._endpoint.participants
        health = Health() if server is None else server.health
        health.condition = lambda: self.condition
        metrics.open(health, server)
        for note in metrics.notes:
            self._screen.write(note)

    async def run(self) -> int:
        """Serve until SIGINT or SIGTERM; return the process's exit code.

        Raises:
            CannotStart: the port cannot be opened, or the database admits no standby.
        """
        await self._endpoint.open()
        self._endpoint.let_interrupt(self._interrupt)
        self._screen.write(self._endpoint.greeting)
        for note in self._endpoint.notes:
            self._screen.write(note)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end)
        serving = asyncio.create_task(self._serve())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return serving.result() if serving.done() else 0
        finally:
            for task in (serving, stopping):
                task.cancel()
            await asyncio.gather(serving, stopping, return_exceptions=True)
            await self._close()

    def _interrupt(self) -> None:
        """End what the kernel runs: a steward asks for it, and the kernel cannot hear them."""
        if self._kernel is not None:
            self._screen.write("A steward has interrupted the kernel.")
            self._interrupting = asyncio.ensure_future(self._kernel.interrupt())

    def _end(self) -> None:
        if self._stop.is_set():
            os._exit(130)  # second request: end at once; the log is whole after any end
        self._screen.write("Closing … (Ctrl-C again ends it at once)")
        self._stop.set()

    async def _serve(self) -> int:
        while True:
            try:
                if not await self._start_kernel():
                    return 0
                if not self._served:
                    self._screen.write(
                        "No cell of this notebook has called serve() and left its run open."
                    )
                    return 1
                await self._watch_until_closed()
                return self._take_leave()
            except CellFailed as failure:
                self._show_failure(failure)
                return 1
            except KernelDied as death:
                words = str(death)
            if not self._may_restart():
                self._screen.write(f"The kernel died {_RESTARTS} times within a minute: giving up.")
                return 1
            self._screen.write(f"{words} A new one continues the session …")

    def _take_leave(self) -> int:
        """Say why no session is served any more; return the exit code."""
        if not self._parted:
            text = f"The notebook has closed all its sessions. {self._describe_stored()}"
            self._screen.write(text)
        return TAKEN_OVER if "lost" in self._parted.values() else 0

    async def _start_kernel(self) -> bool:
        """Start a kernel, and run the cells; False if the session it waited for was closed."""
        if self._kernel is not None:
            await self._kernel.end()
        path = self._notebook.path
        options = replace(self._overrides, bridge=self._endpoint.bridge).environment()
        environment = {**os.environ, **options, "JPY_SESSION_NAME": str(path)}
        for secret in (*SECRET_VARIABLES, METRICS_VARIABLE):
            environment.pop(secret, None)
        self._open, self.condition = set(), "starting"
        self._kernel = NotebookKernel(path.parent, environment, self._screen.write)
        await self._kernel.start()
        if self._standby is not None and not await self._claim(self._standby):
            return False
        self.condition = "starting"
        for code in self._notebook.cells:
            self._endpoint.expect_kernel()
            await self._kernel.run_cell(code)
            await self._note_runs()
        return True

    async def _claim(self, standby: StandbyRole) -> bool:
        """Wait until the session has no writer; no cell has run before."""
        assert self._kernel is not None

        def wait() -> None:
            self.condition = "standby"

        return await standby.claim(self._kernel, self._screen.write, wait)

    async def _note_runs(self) -> None:
        """Show the sessions that are new, and those that the notebook has closed."""
        assert self._kernel is not None
        found = await self._kernel.runs()
        if found is None:
            return  # it is asked again
        runs = {(run["path"], run["name"]): run for run in found}
        self._parted = {key: runs[key]["state"] for key in runs if runs[key]["state"] != "open"}
        runs = {key: run for key, run in runs.items() if key not in self._parted}
        for key in self._open - runs.keys():
            await self._note_closed(key)
        for key in runs.keys() - self._open:
            self._note_open(key, runs[key])
        self._open = set(runs)
        if runs:
            self.condition = "serving"
        await self._look()

    def _note_open(self, key: tuple[str, str], run: dict[str, Any]) -> None:
        self._served.add(key)
        if key not in self._shown_links:
            self._shown_links.add(key)
            self._show_links(run)
        if run["path"] != _IN_MEMORY and key not in self._watches:
            self._watches[key] = Watch(self._place(run["path"]), run["name"])

    def _place(self, path: str) -> Place:
        """Return where to read a session: with the password that `serve` was given, if one was."""
        given = self._overrides.db or os.environ.get("UPROOT_NB_DATABASE", "")
        return given if is_database(given) and shown_place(given) == path else path

    async def _note_closed(self, key: tuple[str, str]) -> None:
        await self._look()
        self._shown_links.discard(key)
        watch = self._watches.pop(key, None)
        if watch is not None:
            watch.close()
        if key not in self._parted:
            text = f"The notebook has closed session {key[1]}: its links no longer work."
            self._screen.write(text)

    def _show_links(self, run: dict[str, Any]) -> None:
        self._screen.write(f"Session {run['name']} in {run['path']}")
        for kind, who, url in run["links"]:
            self._screen.write(f"{kind:>6}  {who:<12} {url}")
        if run["path"] == _IN_MEMORY:
            self._screen.write("This session is not stored: it has no database.")

    async def _watch_until_closed(self) -> None:
        """Return when the notebook has closed all its sessions.

        Raises:
            KernelDied: the kernel's process has ended.
        """
        assert self._kernel is not None
        death = asyncio.create_task(self._kernel.wait_for_death())
        asking = asyncio.create_task(self._note_runs_again())
        looking = asyncio.create_task(self._look_again_and_again())
        try:
            while self._open:
                await asyncio.wait({death, asking, looking}, return_when=asyncio.FIRST_COMPLETED)
                if death.done():
                    raise KernelDied
                if looking.done():
                    looking.result()
                if asking.done():
                    asking.result()
                    asking = asyncio.create_task(self._note_runs_again())
        finally:
            for task in (death, asking, looking):
                task.cancel()
            await asyncio.gather(asking, looking, return_exceptions=True)

    async def _note_runs_again(self) -> None:
        await asyncio.sleep(_ASK_SECONDS)
        await self._note_runs()

    async def _look_again_and_again(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look(self) -> None:
        """Show what is new; it is read on a thread, as a database that is away takes its time."""
        async with self._looking:
            watches = list(self._watches.values())
            looks = [await asyncio.to_thread(watch.look) for watch in watches]
            self._screen.show(watches, [event for look in looks for event in look])

    def _may_restart(self) -> bool:
        now = time.monotonic()
        self._deaths.append(now)
        return len(self._deaths) < _RESTARTS or now - self._deaths[0] > _WITHIN

    def _show_failure(self, failure: CellFailed) -> None:
        first = self._notebook.cells[failure.number - 1].strip().splitlines()[0]
        self._screen.write(failure.traceback)
        self._screen.write(f"Cell {failure.number} failed: {one_line(first, 70)}")

    async def _close(self) -> None:
        if self._kernel is not None:
            await self._kernel.close(for_another=self._standby is not None)
        for watch in self._watches.values():
            watch.close()
        await self._endpoint.close()
        self._screen.close()
        if self._stop.is_set():
            self._screen.write(self._describe_end())

    def _describe_end(self) -> str:
        if self._standby is None:
            return f"Closed. {self._describe_stored()}"
        if not self._served:
            return "Ended before it served anything."
        return f"Session {self._standby.session} was released for another kernel, not closed."

    def _describe_stored(self) -> str:
        lost = sorted(name for path, name in self._served if path == _IN_MEMORY)
        if not self._served:
            return "Nothing was served."
        if not lost:
            return "Everything is in the database."
        if len(lost) == len(self._served):
            return "Nothing was stored: there was no database."
        return f"Everything is in the database, except for {', '.join(lost)}."
