"""Simulate robot traders: quotes a second, beside Bristol Stock Exchange, and markets with tables.

Usage: simulate_quotes.py [FOLDER]

FOLDER has `BSE.py` of github.com/davecliff/BristolStockExchange, which is not part of this
repository; without it nothing is compared. All times are processor times of this one process, and
each ratio is one of a round, in which the two come one after the other, in the other order in every
second round.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from random import Random
from statistics import median
from typing import Any

from uproot_nb.market import Design, InducedValues
from uproot_nb.market.simulations.chunk import Cell, pack, simulate_chunk
from uproot_nb.market.traders import GD, ZIC, ZIP

_ROUNDS = 6
_BUYERS, _SELLERS = [f"b{n}" for n in range(4)], [f"s{n}" for n in range(4)]
_VALUES = {
    step: InducedValues.symmetric(
        _BUYERS, _SELLERS, highest=120, lowest=20, step=step, units=2
    )
    for step in (5, 10)
}  # fmt: skip
_LENGTHS = {"short": 5, "long": 10}
"""By the step of the values. With 5 all units gain, and a period ends when they are traded, after
some 60 steps; with 10 some do not, and each period has its 400 steps."""
_TABLES = ["periods", "trades", "traders"]
_ALL_TABLES = ["order_events", "book", "induced_values", *_TABLES]
_MARKETS = 32
_NO_FILES = dict.fromkeys(
    ("dump_strats", "dump_lobs", "dump_avgbals", "dump_tape", "dump_blotters"), False
)
_quotes = 0


class CountedZIC(ZIC):
    """Counts what it quotes."""

    def quote(self, view: Any, chance: Random) -> Any:
        """Quote as ZIC does."""
        return _counted(super().quote(view, chance))


class CountedZIP(ZIP):
    """Counts what it quotes."""

    def quote(self, view: Any, chance: Random) -> Any:
        """Quote as ZIP does."""
        return _counted(super().quote(view, chance))


class CountedGD(GD):
    """Counts what it quotes."""

    def quote(self, view: Any, chance: Random) -> Any:
        """Quote as GD does."""
        return _counted(super().quote(view, chance))


_KINDS: dict[str, Any] = {
    "ZIC": CountedZIC, "ZIP": lambda chance: CountedZIP(chance, absolute=1.0), "GD": CountedGD,
}  # fmt: skip


def _counted(price: Any) -> Any:
    global _quotes
    _quotes += price is not None
    return price


def ours(kind: str, length: str) -> None:
    """Simulate markets of six periods of 400 steps, with their table of periods."""
    design = Design(_VALUES[_LENGTHS[length]], _KINDS[kind], periods=6, steps=400)
    for seed in range(6):
        design.simulate(seed).periods  # noqa: B018


def theirs(exchange: Any, kind: str) -> None:
    """Simulate a session with new customer orders every 30 seconds."""
    random.seed(1)
    demand, supply = ([{"from": 0, "to": 180, "ranges": [reach], "stepmode": "fixed"}]
                      for reach in ((85, 120), (20, 55)))  # fmt: skip
    exchange.market_session(
        "bench", 0, 180, {"sellers": [(kind, 4)], "buyers": [(kind, 4)]},
        {"sup": supply, "dem": demand, "interval": 30, "timemode": "periodic"}, _NO_FILES, False,
    )  # fmt: skip


def per_second(act: Callable[[], None]) -> float:
    """Return quotes per second of processor time."""
    global _quotes
    _quotes, begun = 0, time.process_time()
    act()
    return _quotes / (time.process_time() - begun)


def beside(exchange: Any, kind: str, length: str) -> dict[str, float]:
    """Return our quotes per second, theirs, and the ratio within each round."""
    pairs = []
    for number in range(_ROUNDS + 1):
        acts = [lambda: ours(kind, length), lambda: theirs(exchange, kind)]
        order = (0, 1) if number % 2 else (1, 0)
        speeds = {place: per_second(acts[place]) for place in order}
        pairs.append((speeds[0], speeds[1]))
    warm = pairs[1:]
    return {
        "ours": median(one for one, _ in warm), "bse": median(two for _, two in warm),
        "ratio": median(one / two for one, two in warm),
    }  # fmt: skip


def milliseconds(tables: list[str]) -> float:
    """Return the processor time of a market of 8 ZI-C traders, 6 periods of 400 steps, as a task of
    `simulate_markets` has it, with tables."""
    design = Design(_VALUES[_LENGTHS["long"]], ZIC, periods=6, steps=400)
    task = pack([Cell(place, 0, place) for place in range(_MARKETS)], [design], tables)
    times = []
    for _ in range(_ROUNDS // 2):
        begun = time.process_time()
        simulate_chunk(task)
        times.append(1000 * (time.process_time() - begun) / _MARKETS)
    return median(times)


def compared(folder: str) -> dict[str, Any]:
    """Return what ZI-C and ZIP do beside Bristol Stock Exchange."""
    sys.path.insert(0, folder)
    import BSE  # lazy: it is where the caller says  # type: ignore[import-not-found]

    process = BSE.Exchange.process_order
    BSE.Exchange.process_order = lambda *args: (_counted(1), process(*args))[1]
    return {
        f"{kind} {length}": beside(BSE, kind, length)
        for kind in ("ZIC", "ZIP")
        for length in _LENGTHS
    }


def main() -> None:
    """Print GD's quotes per second, milliseconds a market, and what is compared."""
    gd = {
        length: median([per_second(lambda reach=length: ours("GD", reach))
                        for _ in range(_ROUNDS)][1:])
        for length in _LENGTHS
    }  # fmt: skip
    found: dict[str, Any] = {
        "gd": gd, "ms": milliseconds(_TABLES), "ms_all": milliseconds(_ALL_TABLES)
    }  # fmt: skip
    print(json.dumps(found | (compared(sys.argv[1]) if len(sys.argv) > 1 else {})))


if __name__ == "__main__":
    main()
