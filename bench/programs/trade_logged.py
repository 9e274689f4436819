"""Trade in a market that is bound to a log: commands a second, each committed before the next."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path

from uproot_nb import Page, Refused, serve
from uproot_nb.market import Market

_COMMANDS, _SLICE, _TRADERS = 20_000, 1_000, 40


class Hall(Page):
    """A place to trade."""


async def trade(market: Market, commands: int) -> list[float]:
    """Give the commands, one for each turn of the loop; return the seconds of each slice."""
    chance, traders = random.Random(7), [f"trader{number}" for number in range(_TRADERS)]
    times = []
    for _ in range(commands // _SLICE):
        started = time.perf_counter()
        for _ in range(_SLICE):
            who, draw = chance.choice(traders), chance.random()
            orders = market.orders_of(who)
            try:
                if draw < 0.15 and orders:
                    market.cancel(who, chance.choice(orders).number)
                elif draw < 0.25:
                    market.market(who, chance.choice(("buy", "sell")))
                else:
                    side = chance.choice(("buy", "sell"))
                    market.limit(who, side, chance.randint(90, 110), chance.randint(1, 3))
            except Refused:
                pass  # it is in the log as well
            await asyncio.sleep(0)
        times.append(time.perf_counter() - started)
    return times


def main(database: str) -> None:
    """Print the commands per second, and what the last thousand took of the first."""
    run = serve([Hall], players=1, name="hall", db=Path(database))
    market = Market.in_session(run.session)
    times = run._runtime.wait_for(trade(market, _COMMANDS))
    run.close()
    growth = times[-1] / times[0]
    print(json.dumps({"per_second": _COMMANDS / sum(times), "growth": growth}))


if __name__ == "__main__":
    main(sys.argv[1])
