"""StepLock and Steps: authors' code runs in steps, one at a time, also beside cells."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, NamedTuple

__all__ = [
    "NOBODY",
    "Cause",
    "StepLock",
    "StepLoop",
    "Steps",
    "drive",
    "perform",
]


class Cause(NamedTuple):
    """Why something changes: who acts, on which page, through which code."""

    actor: str
    page: str
    cause: str
    code: str


NOBODY = Cause("", "", "", "")

_THREAD_CAUSE: contextvars.ContextVar[tuple[StepLock, Cause] | None] = contextvars.ContextVar(
    "uproot_nb_cause", default=None
)
"""The run and cause of authors' code in a thread that it has started (to_thread and such)."""


def perform(act: Callable[[], Any]) -> Any:
    """Call authors' code; what would end a thread or a generator becomes an ordinary error."""
    try:
        return act()
    except StopIteration as error:
        raise RuntimeError("StopIteration left the code") from error
    except Exception:
        raise
    except BaseException as error:  # exit() and the like would end the experiment's thread
        raise RuntimeError(f"{type(error).__name__} left the code: {error}") from error


class StepLock:
    """The lock of one run; cells and live methods share it, and it may be taken again and again.

        with run.lock:
            a, b = player.cash, player.shares    # nothing changes in between

    The experiment's thread goes first: a cell that takes the lock in a tight loop waits its turn.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.owned: Callable[[], bool] = self._lock._is_owned  # type: ignore[attr-defined]
        self.acquire_now = self._lock.acquire
        self.release = self._lock.release
        self.cause: Cause | None = None
        self.who: Callable[[], str] = lambda: "a cell"
        """Names who takes the lock outside a step."""
        self.since = 0.0
        self.holder = ""
        self.thread_of_steps = 0
        self._step_waits = False

    def __enter__(self) -> StepLock:
        if self.owned() or threading.get_ident() == self.thread_of_steps:
            self.acquire_for_step()
        else:
            self._acquire_for_cell()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if threading.get_ident() != self.thread_of_steps:
            self._depth -= 1
            if not self._depth:
                self.since = 0.0
        self.release()

    _depth = 0

    def mark_thread(self, cause: Cause) -> None:
        """Say what causes changes in this context, also in threads that inherit it."""
        _THREAD_CAUSE.set((self, cause))

    def cause_here(self) -> Cause | None:
        """Return what causes changes right here; None outside this run's authors' code."""
        if threading.get_ident() == self.thread_of_steps:
            return self.cause
        marked = _THREAD_CAUSE.get()
        return marked[1] if marked is not None and marked[0] is self else None

    def begin_step(self, cause: Cause) -> Cause | None:
        """Take the lock for one step of authors' code; give what it returns to `end_step`."""
        self.acquire_for_step()
        before, self.cause = self.cause, cause
        self.since, self.holder = time.monotonic(), cause.cause
        return before

    def end_step(self, before: Cause | None) -> None:
        """Let go of the lock after a step."""
        self.cause, self.since = before, 0.0
        self.release()

    def acquire_for_step(self) -> None:
        """Take the lock on the experiment's thread, ahead of cells that wait."""
        if not self.acquire_now(False):
            self._step_waits = True
            self.acquire_now()
            self._step_waits = False
        if threading.get_ident() != self.thread_of_steps:
            self._depth += 1

    def _acquire_for_cell(self) -> None:
        while True:
            while self._step_waits:
                time.sleep(0.00002)  # the experiment's thread is waiting: let it go first
            self.acquire_now()
            if not self._step_waits:
                break
            self.release()
        self._depth = 1
        self.since, self.holder = time.monotonic(), self.who()


class Steps:
    """An awaitable that drives a coroutine, holding the lock between its real suspensions.

    Args:
        coroutine: authors' code.
        lock: the run's lock; its `cause` is set while a step runs.
        cause: what the events of these steps carry.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], lock: StepLock, cause: Cause) -> None:
        self._coroutine, self._lock, self._cause = coroutine, lock, cause

    def __await__(self) -> Generator[Any, Any, Any]:
        value: Any = None
        error: BaseException | None = None
        self._lock.mark_thread(self._cause)
        while True:
            try:
                awaited = self._step(value, error)
            except StopIteration as stop:
                return stop.value
            try:
                value, error = (yield awaited), None
            except GeneratorExit:
                self._coroutine.close()
                raise
            except BaseException as raised:  # cancellation and failures belong to the author's code
                value, error = None, raised

    def __del__(self) -> None:
        self._coroutine.close()  # a task that was cancelled before its first step never ran it

    def _step(self, value: Any, error: BaseException | None) -> Any:
        before = self._lock.begin_step(self._cause)
        try:
            if error is None:
                return self._coroutine.send(value)
            return self._coroutine.throw(error)
        except (SystemExit, KeyboardInterrupt, GeneratorExit) as left:
            raise RuntimeError(f"{type(left).__name__} left the code: {left}") from left
        finally:
            self._lock.end_step(before)


async def drive(steps: Steps) -> Any:
    """Await steps as a coroutine, which is what tasks are made of."""
    return await steps


class StepLoop(asyncio.SelectorEventLoop):
    """The run's event loop: tasks that authors' code starts run in steps as well."""

    def __init__(self, lock: StepLock) -> None:
        super().__init__()
        self.lock = lock
        self.runtime: Any = None
        self.set_task_factory(self._make_task)

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> asyncio.Task[Any]:
        cause = self.lock.cause
        by_author = cause is not None and self.lock.owned() and asyncio.iscoroutine(coroutine)
        if by_author and coroutine.cr_code is not drive.__code__:
            coroutine = drive(Steps(coroutine, self.lock, cause or NOBODY))
        return asyncio.Task(coroutine, loop=loop, **options)
