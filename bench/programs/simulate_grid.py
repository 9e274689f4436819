"""Simulate markets of 12 ZI-C traders on one core, and on two by processes and by Dask, in turn.

Usage: simulate_grid.py MARKETS
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from statistics import median
from typing import Any, NamedTuple

import psutil
from distributed import Client, LocalCluster
from loky import ProcessPoolExecutor

from uproot_nb.market import Design, InducedValues, simulate_markets
from uproot_nb.market.traders import ZIC

_BUYERS, _SELLERS = [f"b{n}" for n in range(6)], [f"s{n}" for n in range(6)]
_VALUES = InducedValues.symmetric(_BUYERS, _SELLERS, highest=120, lowest=20, step=5, units=2)
_DESIGN = {"zic": Design(_VALUES, ZIC, steps=200)}
_TINY = {"tiny": Design(_VALUES, ZIC, steps=1)}
_ROUNDS = 3


class Cost(NamedTuple):
    """Seconds on the wall's clock, and of all processors together."""

    wall: float
    processor: float


def cost(executor: Executor, designs: dict[str, Any], seeds: range, chunk: int | None) -> Cost:
    """Return what a grid costs."""
    begun, used = time.perf_counter(), processor_seconds()
    found = simulate_markets(designs, seeds, executor, progress=False, chunk=chunk)
    made = Cost(time.perf_counter() - begun, processor_seconds() - used)
    if found["error"].notna().any():
        raise SystemExit(found["message"].dropna().iloc[0])
    return made


def processor_seconds() -> float:
    """Return the processor time of this process and of all that it has started."""
    here = psutil.Process()
    times = [one.cpu_times() for one in (here, *here.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def overhead(executor: Executor) -> float:
    """Return the milliseconds that a task takes besides its markets."""
    seeds = range(48)
    gaps = [
        cost(executor, _TINY, seeds, 1).wall - cost(executor, _TINY, seeds, 16).wall
        for _ in range(_ROUNDS)
    ]
    return 1000 * median(gaps) / (48 - 3)


def main() -> None:
    """Print markets per second, the ratios within each round, and a task's overhead."""
    each = max(32, int(sys.argv[1]) // _ROUNDS)
    with (
        ThreadPoolExecutor(1) as one,
        ProcessPoolExecutor(2) as pool,
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        ways = {"one": one, "pool": pool, "dask": client.get_executor()}
        for executor in ways.values():  # what a worker imports is not counted
            cost(executor, _TINY, range(64), 1)
        rounds = []
        for number in range(_ROUNDS):
            seeds = range(number * each, (number + 1) * each)
            rounds.append({name: cost(way, _DESIGN, seeds, None) for name, way in ways.items()})
        found = {
            "per_second": each / median(costs["one"].wall for costs in rounds),
            **{name: median(costs["one"].wall / costs[name].wall for costs in rounds)
               for name in ("pool", "dask")},
            **{f"{name}_processor": median(
                costs[name].processor / costs["one"].processor for costs in rounds)
               for name in ("pool", "dask")},
            **{f"{name}_ms": overhead(ways[name]) for name in ("pool", "dask")},
        }  # fmt: skip
    print(json.dumps(found))


if __name__ == "__main__":
    main()
