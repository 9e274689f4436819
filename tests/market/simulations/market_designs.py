"""Small markets to simulate many times, and an executor that works at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from random import Random
from typing import Any

import pandas

from uproot_nb.market import Design, InducedValues
from uproot_nb.market.traders import GD, ZIC, ZIP, Sniper

BUYERS, SELLERS = ["b1", "b2", "b3"], ["s1", "s2", "s3"]
VALUES = InducedValues.symmetric(BUYERS, SELLERS, highest=90, lowest=10, step=10, units=2)
ALL = ["order_events", "trades", "book", "induced_values", "periods", "traders", "mispricing"]


def mixed(step: int = 10, steps: int = 60) -> Design:
    """Traders of each kind, who learn over two periods."""
    values = InducedValues.symmetric(BUYERS, SELLERS, highest=90, lowest=10, step=step, units=2)
    makers = dict(zip([*BUYERS, *SELLERS], [ZIC, ZIP, GD, ZIC, ZIP, Sniper], strict=True))
    return Design(values, makers, periods=2, steps=steps)


def drawn(chance: Random) -> InducedValues:
    return InducedValues.drawn(BUYERS, SELLERS, seed=chance.random(), units=2)  # type: ignore[arg-type]


class Unlucky(ZIC):
    """Fails in the market whose first draw is small."""

    def quote(self, view: Any, chance: Random) -> Any:
        if chance.random() < 0.2:
            raise ValueError("no luck at all")
        return super().quote(view, chance)


DESIGNS = {
    "mixed": mixed(),
    "drawn": Design(drawn, ZIC, steps=60),
    "unlucky": Design(VALUES, Unlucky, steps=40),
}


class Here(Executor):
    """Does everything at once, in this thread, and counts the tasks."""

    def __init__(self) -> None:
        self.tasks = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.tasks += 1
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


def same(one: dict[str, pandas.DataFrame], other: dict[str, pandas.DataFrame]) -> bool:
    """Compare results to the last bit."""
    assert list(one) == list(other)
    for name, frame in one.items():
        pandas.testing.assert_frame_equal(frame, other[name], check_exact=True)
    return True
