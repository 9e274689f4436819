"""Do to all players of a session, at once, what a run does to them; say how long it took."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pandas  # noqa: F401  (loading it is none of the steps)

from uproot_nb import Page, Run, SynchronizingWait, serve
from uproot_nb.bridge.messages import HttpRequest, SocketOpened
from uproot_nb.experiment.entrance.ways_in import WayIn


class Play(Page):
    """Everybody begins here."""


class Everybody(SynchronizingWait):
    synchronize = "session"


class After(Page):
    """Everybody ends here."""


def main(database: str, players: str) -> None:
    """Print the seconds of each step, by what is done."""
    times: dict[str, float] = {}
    run = _timed(times, "start", lambda: _served(database, int(players)))
    _begin(run)
    everybody = list(run.players)
    half = len(everybody) // 2
    _step(run, times, "move", lambda: run.advance(everybody))
    _step(run, times, "wait", lambda: run.advance(everybody[:half]))
    for player in everybody[half : half + 100]:
        _step(run, times, "move one while half wait", lambda player=player: run.advance(player))
    times["move one while half wait"] /= 100
    _step(run, times, "wait", lambda: run.advance(everybody[half + 100 : -1]))
    _step(run, times, "go on together", lambda: run.mark_dropout(everybody[-1]))
    _timed(times, "links", lambda: run.links)
    _timed(times, "links", lambda: run.links)
    _timed(times, "close", run.close)
    run = _timed(times, "restart", lambda: _served(database, int(players)))
    _step(run, times, "come back", lambda: _come_back(run))
    if not all(player.online for player in run.players):
        raise SystemExit("somebody has not come back")
    run.close()
    print(json.dumps(times))


def _served(database: str, players: int) -> Run:
    return serve(
        [Play, Everybody, After], name="many", db=database, players=players, embedded=True, port=0
    )


def _begin(run: Run) -> None:
    """Let all have begun, as their first requests do: who has not is not online, either."""
    flow, world = run._runtime.flow, run._runtime.world
    request = HttpRequest(0, world.key, "", "page", [], [], "")
    for player in run.players:
        flow.newcomers.note(world.player(player.name), request, "link", WayIn())
    world.journal.commit()


def _timed(times: dict[str, float], what: str, act: Callable[[], Any]) -> Any:
    started = time.perf_counter()
    result = act()
    times[what] = times.get(what, 0.0) + time.perf_counter() - started
    return result


def _step(run: Run, times: dict[str, float], what: str, act: Callable[[], Any]) -> None:
    """Do it, and wait until nobody is on the way any more and all is committed."""

    def do() -> None:
        act()
        run._runtime.wait_for(_settled(run))

    before = times.get(what, 0.0)
    _timed(times, what, do)
    times[what] = max(times[what], before)


async def _settled(run: Run) -> None:
    busy = {"_settle", "_look_again", "_answer_all", "_answer_from_log"}
    while any(getattr(t.get_coro(), "__name__", "") in busy for t in asyncio.all_tasks()):
        await asyncio.sleep(0.001)
    run._runtime.world.journal.commit()


def _come_back(run: Run) -> None:
    """Let the server name a socket of every player, as it does when a kernel has returned."""
    world = run._runtime.world
    states = enumerate(world.state.players.items(), 1_000_000)
    messages = [SocketOpened(n, world.key, name, s.position, s.entered) for n, (name, s) in states]
    world.loop.call_soon_threadsafe(run._runtime.inbox.receive, messages)
    while not all(state.online for state in world.state.players.values()):
        time.sleep(0.001)


if __name__ == "__main__":
    main(*sys.argv[1:3])
