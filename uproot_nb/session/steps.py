"""StepLock and Steps: authors' code runs in steps, one at a time, also alongside cells."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, NamedTuple

from uproot_nb.errors import StepInterrupted
from uproot_nb.experiment.execution import Outside, Surroundings, enter_outside
from uproot_nb.session.breaking import StepBroken, break_at_next_line
from uproot_nb.session.interrupts import SECTIONS, guarded

__all__ = [
    "NOBODY",
    "Cause",
    "CountedSteps",
    "CellLock",
    "StepLock",
    "StepLoop",
    "Steps",
    "drive",
    "perform",
]


class Cause(NamedTuple):
    """The cause of a change: who acts, on which page, by which code (a hash)."""

    actor: str
    page: str
    cause: str
    code: str


NOBODY = Cause("", "", "", "")


class CountedSteps(Cause):
    """A cause whose steps are counted, so that a rerun can repeat their order."""

    def begin_step(self) -> None:
        """Count a step; called under the lock, before it."""
        raise NotImplementedError

    def end_step(self) -> None:
        """Record that a step has ended; called under the lock."""
        raise NotImplementedError

    def begin_anew(self) -> None:
        """Record that the steps since the last turn of others come after the last event."""
        raise NotImplementedError


_THREAD_CAUSE: contextvars.ContextVar[tuple[StepLock, Cause] | None] = contextvars.ContextVar(
    "uproot_nb_cause", default=None
)
"""The run and cause of authors' code in a thread that it has started (to_thread and such)."""


def perform(act: Callable[[], Any]) -> Any:
    """Call authors' code; exceptions that would end the thread become ordinary ones."""
    try:
        return act()
    except StopIteration as error:
        raise RuntimeError("StopIteration left the code") from error
    except Exception:
        raise
    except StepBroken as error:
        raise StepInterrupted().with_traceback(error.__traceback__) from None
    except BaseException as error:  # exit() and the like would end the experiment's thread
        raise RuntimeError(f"{type(error).__name__} left the code: {error}") from error


WAIT_SECONDS = 0.05
"""How long, at most, a cell waiting for the lock takes to notice an interrupt."""

Before = tuple[Cause | None, float, str]
"""What `begin_step` returns for `end_step`."""


class StepLock:
    """The re-entrant lock of one run, shared by cells and live methods.

    The experiment's thread has priority over cells, even over one that takes the lock in a tight
    loop. While the main thread holds the lock, a KeyboardInterrupt waits (see `Sections`), so that
    our code completes. Authors' blocks take it as a `CellLock`.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.owned: Callable[[], bool] = self._lock._is_owned  # type: ignore[attr-defined]
        self.acquire_now = self._lock.acquire
        self.release = self._lock.release
        self.cause: Cause | None = None
        self.outside: Outside | None = None
        """Receives the outside effects of authors' code."""
        self.who: Callable[[], str] = lambda: "a cell"
        """Returns the name of who takes the lock outside a step."""
        self.since = 0.0
        """When the step or cell that has the lock began, by `time.monotonic`; 0 if none has."""
        self.holder = ""
        self.outermost: Cause = NOBODY
        """The cause of the step that has the lock, or had it last."""
        self.thread_of_steps = 0
        self.gate: Callable[[Cause], asyncio.Future[None] | None] | None = None
        """In a rerun, returns what a step must wait for; None if it may continue."""
        self.breaking = False
        """Whether the step that has the lock must end."""
        self._breaks_at_next_line = False
        self._step_waits = False

    @guarded
    def __enter__(self) -> StepLock:
        here = threading.get_ident()
        if here == self.thread_of_steps:
            self.acquire_for_step()
        elif here == SECTIONS.thread:
            SECTIONS.enter()
            try:
                self._acquire_outside(SECTIONS.check)
            except BaseException:
                SECTIONS.leave()
                raise
        else:
            self._acquire_outside(_wait_on)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        here = threading.get_ident()
        if here == self.thread_of_steps:
            if self.breaking and self.cause is not None:
                self._break_step()
            self.release()
            return
        self.depth -= 1
        if not self.depth:
            self.since = 0.0
        self.release()
        if here == SECTIONS.thread:
            SECTIONS.leave()

    depth = 0
    """How often the holder has taken the lock, if it is not the experiment's thread."""

    def free(self) -> bool:
        """Release the lock if this thread still holds it; return whether it did."""
        held = self.owned()
        if held:
            self.depth, self.since, self.cause = 0, 0.0, None
        while self.owned():
            self.release()
        return held

    def mark_thread(self, cause: Cause) -> None:
        """Set the cause of changes in this context, also in threads that inherit it."""
        _THREAD_CAUSE.set((self, cause))
        if self.outside is not None:
            enter_outside(self.outside)

    def cause_here(self) -> Cause | None:
        """Return the cause of changes made here; None outside this run's authors' code."""
        if threading.get_ident() == self.thread_of_steps:
            return self.cause
        marked = _THREAD_CAUSE.get()
        return marked[1] if marked is not None and marked[0] is self else None

    def begin_step(self, cause: Cause) -> Before:
        """Take the lock for one step of authors' code; pass the result to `end_step`."""
        if threading.get_ident() == self.thread_of_steps:
            self.acquire_for_step()
        else:
            self.__enter__()
        before = self.cause, self.since, self.holder
        self.cause = cause
        if not self.since:  # among nested steps, the outermost delays everybody
            self.since, self.holder = time.monotonic(), cause.cause
            self.outermost = cause
        return before

    def end_step(self, before: Before) -> None:
        """Release the lock after a step."""
        self.cause, self.since, self.holder = before
        if self._breaks_at_next_line and self.cause is None:
            self._breaks_at_next_line = False
            sys.settrace(None)
        if threading.get_ident() == self.thread_of_steps:
            self.release()
        else:
            self.__exit__(None, None, None)

    def _break_step(self) -> None:
        """End the step as soon as our code has returned to the author's."""
        self.breaking, self._breaks_at_next_line = False, True
        break_at_next_line()

    def is_in_step(self) -> bool:
        """Return whether a step of authors' code has the lock; any thread may call."""
        return bool(self.since) and self.cause is not None

    def acquire_for_step(self) -> None:
        """Take the lock on the experiment's thread, before waiting cells."""
        if not self.acquire_now(False):
            self._step_waits = True
            self.acquire_now()
            self._step_waits = False

    def _acquire_outside(self, check: Callable[[], None]) -> None:
        """Take the lock on another thread; *check* may raise while it is not held."""
        if self.owned():
            self.acquire_now()
            self.depth += 1
            return
        while True:
            while self._step_waits:
                time.sleep(0.00002)  # the experiment's thread is waiting: let it go first
                check()
            while not self.acquire_now(False) and not self.acquire_now(True, WAIT_SECONDS):
                check()
            if not self._step_waits:
                break
            self.release()
        self.depth = 1
        self.since, self.holder = time.monotonic(), self.who()


def _wait_on() -> None:
    """Other threads are not interrupted."""


class CellLock:
    """The run's lock for authors' own blocks: `run.lock`.

        with run.lock:
            a, b = player.cash, player.shares    # nothing changes in between

    The block can be interrupted, which releases the lock. Leaving the outermost block of a cell
    commits its changes.

    Args:
        commit: commits what is pending.
    """

    def __init__(self, lock: StepLock, commit: Callable[[], None]) -> None:
        self._lock, self._commit = lock, commit
        self.owned = lock.owned

    @guarded
    def __enter__(self) -> CellLock:
        lock = self._lock
        lock.__enter__()
        if self._in_section():
            if SECTIONS.pending and SECTIONS.depth == 1:
                lock.__exit__(None, None, None)  # raises the interrupt
            SECTIONS.depth -= 1  # authors' block may be interrupted
        return self

    @guarded
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.resume()
        self.finish()

    @guarded
    def resume(self) -> None:
        """Let interrupts wait from now on; call `finish` afterwards."""
        if self._in_section():
            SECTIONS.enter()

    def finish(self) -> None:
        """Commit and release the lock, after `resume`."""
        lock = self._lock
        try:
            if lock.depth == 1 and lock.cause_here() is None:
                self._commit()
        finally:
            lock.__exit__(None, None, None)

    @guarded
    def _in_section(self) -> bool:
        here = threading.get_ident()
        return here == SECTIONS.thread and here != self._lock.thread_of_steps


class Steps:
    """An awaitable that runs a coroutine, holding the lock between its suspensions.

    Args:
        coroutine: authors' code.
        lock: the run's lock; its `cause` is set while a step runs.
        cause: what the events of these steps carry.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], lock: StepLock, cause: Cause) -> None:
        self._coroutine, self._lock, self._cause = coroutine, lock, cause
        self._counted = cause if isinstance(cause, CountedSteps) else None

    def __await__(self) -> Generator[Any, Any, Any]:
        value: Any = None
        error: BaseException | None = None
        self._lock.mark_thread(self._cause)
        while True:
            if self._lock.gate is not None:
                try:
                    while (turn := self._lock.gate(self._cause)) is not None:
                        yield from turn
                except BaseException as raised:  # cancelled before its turn
                    value, error = None, raised
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

    def close(self, task: object = None) -> None:
        """Close the coroutine: a *task* that was cancelled before its first step never ran it."""
        self._coroutine.close()

    __del__ = close

    def _step(self, value: Any, error: BaseException | None) -> Any:
        before = self._lock.begin_step(self._cause)
        if self._counted is not None:
            self._counted.begin_step()
        try:
            if error is None:
                return self._coroutine.send(value)
            return self._coroutine.throw(error)
        except StepBroken as broken:
            raise StepInterrupted().with_traceback(broken.__traceback__) from None
        except (SystemExit, KeyboardInterrupt, GeneratorExit) as left:
            raise RuntimeError(f"{type(left).__name__} left the code: {left}") from left
        finally:
            if self._counted is not None:
                self._counted.end_step()
            self._lock.end_step(before)


async def drive(steps: Steps) -> Any:
    """Await steps as a coroutine, as tasks need one."""
    return await steps


class StepLoop(asyncio.SelectorEventLoop):
    """The run's event loop; tasks started by authors' code run in steps as well."""

    def __init__(self, lock: StepLock) -> None:
        super().__init__()
        self.lock = lock
        self.session: Surroundings | None = None
        """The session for which code on this loop runs."""
        self.set_task_factory(self._make_task)

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> asyncio.Task[Any]:
        cause = self.lock.cause
        by_author = cause is not None and self.lock.owned() and asyncio.iscoroutine(coroutine)
        if not by_author or coroutine.cr_code is drive.__code__:
            return asyncio.Task(coroutine, loop=loop, **options)
        steps = Steps(coroutine, self.lock, cause or NOBODY)
        task = asyncio.Task(drive(steps), loop=loop, **options)
        task.add_done_callback(steps.close)
        return task
