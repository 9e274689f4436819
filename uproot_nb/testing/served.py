"""served: an experiment in a test, with robot participants and a clock that the test advances."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any, TypeVar

from uproot_nb.bots.refusals import CallRefused, NoPage
from uproot_nb.errors import UprootError
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.setup import App
from uproot_nb.interop.namespace import setup_of
from uproot_nb.notebook.run import Run
from uproot_nb.notebook.serve import Serving
from uproot_nb.testing.clock import SteppedLoop
from uproot_nb.testing.memory_server import MemoryServer
from uproot_nb.testing.participant import Bot, Participant

__all__ = ["ExperimentFailed", "Failure", "Served", "served"]

T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """An exception that the experiment's code has raised."""

    type: str
    message: str
    where: str
    """The method or hook: "Market.bid"."""
    traceback: str


class ExperimentFailed(AssertionError):
    """The experiment's own code has raised; `failures` has each with its traceback."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        self.failures = list(failures)
        shown = [f"{one.where}: {one.type}: {one.message}\n{one.traceback}" for one in failures]
        super().__init__("The experiment's code has failed.\n\n" + "\n\n".join(shown))


def served(
    experiment: Any,
    *,
    players: int = 2,
    arrive: bool = True,
    names: Mapping[str, Any] | None = None,
    name: str = "test",
    db: str | os.PathLike[str] = ":memory:",
    now: float | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: Any = 1,
    language: str = "",
    effects: bool = False,
) -> Served:
    """Serve an experiment in memory, without a network, and let robots take part.

        def test_everybody_gets_the_pot():
            with served([Contribute, Wait, Results], players=2) as session:
                ann, bob = session
                ann.submit(contribution=5)
                bob.submit(contribution=3)
                ann.assert_reads("The pot has 8 points.")

    At the end of the block the run is closed; if the experiment's code has raised, the test fails
    with its traceback.

    Args:
        experiment: page classes or another page order; a module that defines `page_order`; or an
            app's folder. What a module defines beside its pages (`new_session`, `new_player`,
            `C` …) is used, too; for page classes, that of the module which defines the first
            one.
        players: how many participants there are.
        arrive: whether all open the first page at once, in order; else call `participant.arrive()`.
        names: more names of the experiment, such as `{"new_player": new_player}`.
        name: the session's name.
        db: a database file, which another `served` may go on with; by default nothing is stored.
        now: the time at which the test begins, in Unix seconds; by default the machine's.
        settings: as for `serve`.
        seed: as for `serve`; by default every run of the test draws the same.
        language: as for `serve`.
        effects: whether `append_to_csv` and `after_commit` do anything.

    Raises:
        BadPage: the experiment has no pages, or something that is not a page.
        UprootError: the module or the app's folder cannot be used.
    """
    order, app, found = _parts_of(experiment)
    namespace = {**found, **(names or {})}
    setup = setup_of(order, app, namespace)
    server, path = MemoryServer(), str(db)
    began = time.time() if now is None else now
    serving = Serving(
        namespace, name, path, setup, server, settings, seed, False, language, False, False,
        lambda lock: SteppedLoop(lock, began),
    )  # fmt: skip
    serving.let_effects(effects)
    return Served(serving, server, players, arrive)


class Served:
    """An experiment that a test serves; made by `served`.

        with served([Decide, Thanks], players=3) as session:
            ann, bob, eve = session
            session.advance(60)          # a minute goes by, at once
            session.run.pause()          # everything that a researcher can do
            session.run.session.pot      # the data

    Time stands still until `advance`, or while a participant waits for an answer.
    """

    def __init__(self, serving: Serving, server: MemoryServer, players: int, arrive: bool) -> None:
        self.server = server
        self.run: Run = serving.run
        """The run, as `serve` returns it."""
        self._runtime = serving.run._runtime
        loop = self._runtime.loop
        assert isinstance(loop, SteppedLoop)
        self._loop = loop
        self._runtime.world.journal.clock = loop.time
        self._runtime.world.clock.reset()
        self._seen = 0
        self._unread: list[Failure] = []
        server.session = self._runtime.world.key
        serving.open(players)
        self.participants = [Participant(self, self.run.link(p), p) for p in self.run.players]
        """The participants, in the order of `player.id`."""
        if arrive:
            self._arrive()

    def _arrive(self) -> None:
        try:
            for participant in self.participants:
                participant.arrive()
        except BaseException:
            self.run.close()
            raise

    # ---- participants ----

    def __iter__(self) -> Iterator[Participant]:
        return iter(self.participants)

    def __getitem__(self, place: int) -> Participant:
        return self.participants[place]

    def __len__(self) -> int:
        return len(self.participants)

    def join(self) -> Participant:
        """Let one more person join by the join link, and return the participant."""
        known = {participant.player.name for participant in self.participants}
        answer = self.do("a place", self.server.ask(self.run.join_link, (b"", "")), 60.0)
        place = answer.headers.get("Location", "")
        if answer.code != 303:
            self._refuse_failures()
            raise AssertionError(f"The join link gave no place (HTTP {answer.code}).")
        link = self.run.url + place.removeprefix("../../../")
        player = self.run.players.get(self.server.name_of(link))
        if player.name in known:
            participant = next(p for p in self.participants if p.player.name == player.name)
        else:
            participant = Participant(self, link, player)
            self.participants.append(participant)
        participant.arrive()
        return participant

    def play(self, bot: Bot, *, within: float = 3600.0) -> None:
        """Let a bot play for every participant at the same time: any `async def bot(client)`.

        Raises:
            AssertionError: they did not reach the end within *within* seconds of the test's clock.
        """
        bots = (participant._played(bot) for participant in self.participants)
        try:
            self.do("the end of the bots", _all(list(bots)), within)
        except TimeoutError:
            on = ", ".join(map(repr, self.participants))
            raise AssertionError(f"The bots did not end within {within:g} s: {on}.") from None

    # ---- time ----

    @property
    def now(self) -> float:
        """The time of the test, in Unix seconds."""
        return self._loop.now

    def advance(self, seconds: float) -> None:
        """Let time pass: deadlines, pauses and background tasks come due in their order.

        Code that reads the machine's clock itself (`time.time()`) does not notice.
        """
        self.run._runtime.wait_for(self._loop.advance(self._loop.now + seconds))
        self._refuse_failures()

    def settle(self) -> None:
        """Return when everything caused so far, for example by a cell's changes, has happened."""
        self.advance(0.0)

    def do(self, what: str, coroutine: Coroutine[Any, Any, T], within: float) -> T:
        """Run a coroutine on the run's loop; time passes until it is done.

        Raises:
            TimeoutError: it did not end in time.
            ExperimentFailed: the experiment's code has raised.
        """
        self.run._runtime.world.journal.commit()  # what the test itself has changed
        try:
            result: T = self._runtime.wait_for(self._done(coroutine, within))
        except (CallRefused, NoPage, TimeoutError) as error:
            self._refuse_failures(error)
            raise
        self._refuse_failures()
        return result

    async def _done(self, coroutine: Coroutine[Any, Any, T], within: float) -> T:
        task = asyncio.ensure_future(coroutine)
        if not await self._loop.pass_until(task.done, within):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise TimeoutError
        await self._loop.settle()
        return task.result()

    # ---- failures ----

    def failures(self) -> list[Failure]:
        """Return exceptions of the experiment's code that no step of the test has reported yet."""
        world = self._runtime.world
        self._runtime.reports.settle(everything=True)
        world.journal.commit()
        for event in world.log.read(world.name, after=self._seen, kinds={"error"}):
            value = json.loads(event.value)
            if value.get("traceback"):
                failed = value["type"], value["message"], event.cause, value["traceback"]
                self._unread.append(Failure(*failed))
        self._seen = world.journal.committed
        unread, self._unread = self._unread, []
        return unread

    def _refuse_failures(self, error: BaseException | None = None) -> None:
        failures = self.failures()
        if failures:
            raise ExperimentFailed(failures) from error

    # ---- the end ----

    def close(self) -> None:
        """End the run. Idempotent.

        Raises:
            ExperimentFailed: the experiment's code has raised since the last step.
        """
        if not self.run.closed:
            try:
                self._refuse_failures()
            finally:
                self.run.close()

    def __enter__(self) -> Served:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.run.close()

    def __repr__(self) -> str:
        return f"<Served {self.participants}>"


async def _all(coroutines: list[Coroutine[Any, Any, Any]]) -> None:
    await asyncio.gather(*coroutines)


def _parts_of(experiment: Any) -> tuple[Any, Any, dict[str, Any]]:
    """Return the page order, the app, and the names that are defined beside the pages."""
    if isinstance(experiment, ModuleType):
        if not hasattr(experiment, "page_order"):
            raise UprootError(
                f"The module '{experiment.__name__}' defines no page_order.\n"
                "Define it, or give served() the pages: served([First, Second])."
            )
        return None, None, dict(vars(experiment))
    if isinstance(experiment, (str, os.PathLike, App)):
        return None, experiment, {}
    order = [experiment] if isinstance(experiment, type) else experiment
    first = next(_pages_in(order), None)
    module = sys.modules.get(first.__module__ if first else getattr(order, "__module__", ""))
    return order, None, dict(vars(module)) if module is not None else {}


def _pages_in(order: Any) -> Iterator[type[Page]]:
    if isinstance(order, type) and issubclass(order, Page):
        yield order
    elif isinstance(order, Sequence) and not isinstance(order, str):
        for part in order:
            yield from _pages_in(part)
    else:
        yield from _pages_in(list(getattr(order, "entries", ())))


Serve = Callable[..., Served]
"""What the fixture `served` is."""
