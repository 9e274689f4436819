"""SessionTasks: what runs in the background of a session, until it ends or the run does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Protocol

from uproot_nb.errors import ClosedRun
from uproot_nb.session.steps import NOBODY, Cause, StepLock, Steps, drive

__all__ = ["SessionTasks"]


class Running(Protocol):
    """A session with a loop of its own."""

    name: str
    loop: asyncio.AbstractEventLoop
    lock: StepLock
    closing: bool


class SessionTasks:
    """The tasks on a session's loop; an error that one raises is shown.

        tasks.start(flow.answer(request))       # when the run ends, it may finish
        tasks.spawn(ring_later(session))        # authors' code, until the run ends

    Args:
        report: shows and logs an error that a task has raised.
        outside: returns the cause of what a cell or a thread of authors' code asks for.
    """

    def __init__(
        self,
        session: Running,
        report: Callable[[BaseException, Cause], object],
        outside: Callable[[], Cause],
    ) -> None:
        self._session, self._report, self._outside = session, report, outside
        self._tasks: dict[asyncio.Task[Any], bool] = {}
        """Each task, and whether it runs until the run ends."""

    def start(
        self,
        coroutine: Coroutine[Any, Any, Any],
        cause: Cause | None = None,
        *,
        endless: bool = False,
    ) -> asyncio.Task[Any]:
        """Run a coroutine of our own, from the loop.

        Args:
            cause: that of an error; None for our own.
            endless: whether it runs until the run ends, which does not wait for it.
        """
        task = asyncio.Task(coroutine, loop=self._session.loop)
        self._tasks[task] = endless
        task.add_done_callback(lambda done: self._ended(done, cause))
        return task

    def beside(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any] | None:
        """Run a coroutine of our own, from the loop, until the run ends."""
        if self._session.closing:
            coroutine.close()
            return None
        return self.start(coroutine, endless=True)

    def spawn(
        self, coroutine: Coroutine[Any, Any, Any], cell: Cause | None = None
    ) -> asyncio.Task[Any]:
        """Run a coroutine in the background, until the run ends; its errors are shown.

        Args:
            cell: the cell that asks for it; None for the experiment's code.
        """
        name = getattr(coroutine, "__qualname__", "task")
        lock = self._session.lock
        actor, page, _, code = cell or lock.cause or NOBODY
        if cell is None and actor == "researcher":
            actor = ""  # new_session or restart, whose tasks a rerun starts again
        cause = Cause(actor, page, f"task {name}", code)
        steps = drive(Steps(coroutine, lock, cause))
        return self.start(steps, cause, endless=True)

    def spawn_from_cell(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run a coroutine in the background, from any thread but the run's own, without waiting."""
        session = self._session
        if session.closing:
            coroutine.close()
            raise ClosedRun(session.name)
        outcome: Future[Any] = Future()
        cell = self._outside()

        def start() -> None:
            task = self.spawn(coroutine, cell)
            outcome.add_done_callback(
                lambda done: done.cancelled() and session.loop.call_soon_threadsafe(task.cancel)
            )
            task.add_done_callback(lambda done: _copy_outcome(done, outcome))

        session.loop.call_soon_threadsafe(start)
        return outcome

    def ending(self) -> list[asyncio.Task[Any]]:
        """Return the tasks that end by themselves."""
        return [task for task, endless in self._tasks.items() if not endless]

    async def cancel_all(self) -> None:
        """Cancel every task but the one that calls, and give them time to end."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2.0)

    def _ended(self, task: asyncio.Task[Any], cause: Cause | None) -> None:
        self._tasks.pop(task, None)
        if task.cancelled() or task.exception() is None or self._session.closing:
            return
        error = task.exception()
        assert error is not None
        self._report(error, cause or Cause("", "", "uproot_nb", ""))


def _copy_outcome(task: asyncio.Task[Any], outcome: Future[Any]) -> None:
    if outcome.done():
        return
    if task.cancelled():
        outcome.cancel()
    elif task.exception() is not None:
        outcome.set_exception(task.exception())
    else:
        outcome.set_result(task.result())
