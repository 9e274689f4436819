"""Pools: processes on all cores, replaced when a task has taken one of them down."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from itertools import islice
from typing import Any, TypeVar

from uproot_nb.executors import Answer, answers

__all__ = ["answers_of_pools", "cores"]

Part = TypeVar("Part")

_BROKEN_IN_A_ROW = 3
"""After so many pools that broke before anything came back, the machine is at fault."""
_LOOK_EVERY = 1.0


def cores() -> int:
    """Return how many processors this process may use, as container limits allow."""
    from loky import cpu_count  # lazy: only simulations need it

    return int(cpu_count())


def answers_of_pools(
    work: Callable[[list[Part]], tuple[Callable[..., Any], Any]],
    parts: Iterable[Part],
    size: int,
    workers: int,
) -> Generator[tuple[list[Part], Answer]]:
    """Yield chunks of parts with their answers, from pools of processes.

    When a process is killed, its pool is lost with all that was out. A new one goes on; what was
    out is tried again part by part, and what was out at a second loss is tried again one at a time.
    So the BrokenExecutor that comes as the answer in the end is only for what kills its process.

    Args:
        work: returns a function and its argument for a chunk.
    """
    several = 2 * workers
    for chunk_size, processes, most in ((size, workers, several), (1, workers, several), (1, 1, 1)):
        stage = _Stage(work, _chunks(parts, chunk_size), processes, most)
        yield from stage.answers()
        parts = stage.lost
        if stage.gave_up:
            break
    yield from (([part], stage.error) for part in stage.lost)


class _Stage:
    """Pools, one after the other, until all chunks have been out once."""

    def __init__(self, work: Any, chunks: Sequence[list[Any]], workers: int, most: int) -> None:
        self._work, self._waiting = work, deque(chunks)
        self._workers, self._most, self._broken = workers, most, False
        self.lost: list[Any] = []
        """What was out when a pool broke, and, if it gave up, what was never sent."""
        self.error: BaseException = BrokenExecutor()
        self._in_vain = 0
        """How many pools in a row broke before anything came back."""

    @property
    def gave_up(self) -> bool:
        """Whether pools break whatever they are given. One at a time, each may break its own."""
        return self._in_vain >= _BROKEN_IN_A_ROW and self._most > 1

    def answers(self) -> Generator[tuple[list[Any], Answer]]:
        """Yield what comes back, and collect what is lost."""
        while self._waiting and not self.gave_up:
            yield from self._of_one_pool(min(self._workers, len(self._waiting)))
        self.lost.extend(part for chunk in self._waiting for part in chunk)

    def _of_one_pool(self, workers: int) -> Generator[tuple[list[Any], Answer]]:
        self._in_vain += 1
        pool = _pool(workers)
        out = answers(lambda chunk: pool.submit(*self._work(chunk)), self._chunks(), self._most)
        self._broken = False
        try:
            for chunk, answer in out:
                if isinstance(answer, BrokenExecutor):
                    self._broken, self.error = True, answer
                    self.lost.extend(chunk)
                else:
                    self._in_vain = 0
                    yield chunk, answer
        finally:
            out.close()
            pool.shutdown(wait=True, kill_workers=True)

    def _chunks(self) -> Iterator[list[Any]]:
        while self._waiting and not self._broken:
            yield self._waiting.popleft()


def _chunks(parts: Iterable[Part], size: int) -> list[list[Part]]:
    waiting = iter(parts)
    return list(iter(lambda: list(islice(waiting, size)), []))


def _pool(workers: int) -> Any:
    """Return a pool that works in notebooks, and in scripts without `if __name__ == "__main__"`.

    Its processes begin anew instead of as copies of this one, whose threads and sockets they would
    not survive, and do not run the script again.
    """
    from loky import ProcessPoolExecutor  # lazy: only simulations need it

    return ProcessPoolExecutor(workers, initializer=_begin, initargs=(os.getpid(),))


def _begin(parent: int) -> None:
    """Leave interrupts to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    os._exit(1)
