"""Resume a session from its log, and say how long it took and what it holds in memory."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import psutil  # type: ignore[import-untyped]

from uproot_nb import Page, Player, live, notify, players, serve


class Arena(Page):
    """Live methods, measured."""

    @live
    def echo(page: type[Page], player: Player, x: Any) -> Any:
        return x

    @live
    def store(page: type[Page], player: Player, x: Any) -> Any:
        player.x = x
        return x

    @live
    def post(page: type[Page], player: Player, x: Any) -> None:
        notify(player, players(player.session), x, event="Post")


def main(database: str, session: str = "bench") -> None:
    """Print the seconds that `serve` took and the megabytes it added."""
    process = psutil.Process()
    before, started, used = process.memory_info().rss, time.perf_counter(), time.process_time()
    run = serve([Arena], name=session, db=database)
    took, after = time.perf_counter() - started, process.memory_info().rss
    used = time.process_time() - used
    names = len(run.players)
    run.close()
    print(
        json.dumps(
            {
                "seconds": took,
                "processor": used,
                "megabytes": (after - before) / 1e6,
                "players": names,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
