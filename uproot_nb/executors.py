"""Executors: sends tasks to an executor, a few at a time, and yields answers as they come."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from queue import SimpleQueue
from typing import Any, TypeVar

from uproot_nb.errors import UprootError

__all__ = ["Answer", "answers", "check_executor", "places_of"]

Task = TypeVar("Task")
Answer = Any
"""What a worker has returned, or the BaseException that came instead."""

_MANY = 64
"""How many workers an executor is taken to have that does not say."""


def answers(
    submit: Callable[[Task], Future[Any]], tasks: Iterable[Task], most: int
) -> Generator[tuple[Task, Answer]]:
    """Yield each task with its answer, as they come; at most *most* tasks are out at a time.

    The next one is sent only after an answer was taken, so that answers do not pile up either. If
    the iterator is closed, what has not begun is cancelled.
    """
    waiting, out = iter(tasks), dict[Any, Task]()
    done: SimpleQueue[Future[Any]] = SimpleQueue()
    try:
        for task in waiting:
            out[future := _sent(submit, task)] = task
            future.add_done_callback(done.put)
            while len(out) >= most or not done.empty():
                yield _taken(done.get(), out)
        while out:
            yield _taken(done.get(), out)
    finally:
        for future in out:
            future.cancel()


def _sent(submit: Callable[[Task], Future[Any]], task: Task) -> Future[Any]:
    try:
        return submit(task)
    except BrokenExecutor as error:
        failed: Future[Any] = Future()
        failed.set_exception(error)
        return failed


def _taken(future: Future[Any], out: dict[Any, Task]) -> tuple[Task, Answer]:
    task = out.pop(future)
    try:
        error = future.exception()
    except CancelledError as cancelled:
        error = cancelled
    return task, future.result() if error is None else error


def places_of(executor: Executor) -> int:
    """Return how many workers an executor has, as far as it says."""
    client = getattr(executor, "_client", None)  # of Dask's Client.get_executor()
    if client is not None and hasattr(client, "nthreads"):
        return sum(client.nthreads().values()) or _MANY
    # Of pools of the standard library and ipyparallel, and of mpi4py.
    for name in ("_max_workers", "num_workers"):
        count = getattr(executor, name, None)
        if isinstance(count, int) and count > 0:
            return count
    return _MANY


def check_executor(executor: Any) -> None:
    """Refuse what is no executor, and ipyparallel's that gives each task to all engines."""
    if not callable(getattr(executor, "submit", None)):
        raise UprootError(
            f"executor={type(executor).__name__} is not an executor.\n"
            "Give a pool of concurrent.futures, Dask's client.get_executor(), or ipyparallel's "
            "client.load_balanced_view().executor.",
        )
    if type(getattr(executor, "view", None)).__name__ == "DirectView":
        raise UprootError(
            "A direct view of ipyparallel gives each task to all engines.\n"
            "Give client.load_balanced_view().executor.",
        )
