"""Progress: a bar in the notebook or the terminal, for what takes long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["LONG_EXPORT", "bar"]

LONG_EXPORT = 50_000
"""Events from which on an export shows a bar."""


@contextmanager
def bar(shown: bool, what: str) -> Iterator[Callable[[float], None] | None]:
    """Show a bar while the block runs, and yield what moves it: how much is done, from 0 to 1."""
    if not shown:
        yield None
        return
    from tqdm.auto import tqdm  # lazy: it takes a moment, and only long exports need it

    with tqdm(total=1.0, desc=what, bar_format="{l_bar}{bar}| {elapsed}") as drawn:

        def move(done: float) -> None:
            drawn.update(done - drawn.n)

        yield move
        drawn.update(1.0 - drawn.n)
