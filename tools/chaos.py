"""Chaos: participants call without a pause while what serves them comes to harm.

    CHAOS_SECONDS=1200 python tools/chaos.py [--seed 1]      a real Jupyter and its kernel
    python tools/chaos.py --hosts [--faults 200] [--seed 1]  six hosts and the network between them

In Jupyter, in turn, in an order that is drawn: the kernel is killed, restarted politely, or
interrupted amid a cell that changes everything it can; the Jupyter server is killed; the database
is moved away and back. In the end every call is compared with what the session says. What counts:

- lost: answered, but its effects are not there
- doubled: done twice
- half-executed: begun, not done, and not answered as interrupted
- failed: answered with an error that no one has caused
- stuck: not answered long after the last harm

On hosts, a kernel and its standby, two gateways, a database and a broker are killed, paused,
restarted and cut off from each other, as the seed wants it (`tools/hosts/`). What counts besides:
pushes lost, doubled or out of order, two writers at once, and whoever is not answered within 15
seconds after the end of a fault.

The exit code is 0 only if all of these are 0.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the components of the tests

from hosts.trial import Trial, run_trial
from hosts.verdict import Verdict
from live_jupyter import LiveJupyter, free_port
from live_kernel import CellFailed, Kernel
from waiting import wait_until

from uproot_nb.bots.client import Client
from uproot_nb.bots.refusals import CallRefused

SECONDS = 1200.0
MOST_FAULTS = 100_000
"""More than fit into any time."""
PLAYERS = 24
METHODS = ("plainly", "later", "in_thread", "exclusively")
QUIET_SECONDS = 60.0
"""How long after the last harm a call may still wait for its answer."""
CALM = (0.3, 1.5)
"""The least and the most seconds between two harms."""

NOTEBOOK = f"""
import asyncio, time
from uproot_nb import *

def helper(player, field, number):
    getattr(player, field).append(number)

class Count(Page):
    "Each call notes its number twice: when it begins, and when it is done."

    @live
    def plainly(page, player, number: int):
        helper(player, "begun", number)
        helper(player, "done", number)
        notify(player, player, number)
        return number

    @live
    async def later(page, player, number: int):
        helper(player, "begun", number)
        await asyncio.sleep(0.02)
        helper(player, "done", number)
        return number

    @live(thread=True)
    def in_thread(page, player, number: int):
        helper(player, "begun", number)
        time.sleep(0.02)
        helper(player, "done", number)
        return number

    @live(exclusive="session")
    async def exclusively(page, player, number: int):
        helper(player, "begun", number)
        await asyncio.sleep(0.001)
        helper(player, "done", number)
        return number

def new_player(player):
    player.begun, player.done, player.cash = [], [], 0

run = serve([Count], players={PLAYERS}, name="chaos", db="chaos.sqlite3")
"""
BUSY_CELL = """
while True:
    for player in run.players:
        with run.lock:
            player.cash += 1
            run.session.total = player.cash
    run.set(run.players, cash=1)
    send_to(run.players, "busy")
    run.players[0].cash, len(run.players[0].done)
"""


class Outcome(NamedTuple):
    """What went wrong, by kind; and what was tried."""

    lost: int
    doubled: int
    half_executed: int
    failed: int
    stuck: int
    answered: int
    interrupted: int
    harms: dict[str, int]

    @property
    def faults(self) -> int:
        """How much went wrong."""
        return self.lost + self.doubled + self.half_executed + self.failed + self.stuck


class Callers:
    """Participants who call one after the other, and remember what they were answered."""

    def __init__(self, links: Sequence[str]) -> None:
        self.answered: list[list[int]] = [[] for _ in links]
        self.interrupted: list[list[int]] = [[] for _ in links]
        self.failed: list[str] = []
        self._stopping = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._clients = [Client(link, f"client {number}") for number, link in enumerate(links)]
        self._do(self._together([client.open() for client in self._clients]), 60.0)
        self._calling = [
            asyncio.run_coroutine_threadsafe(self._call(number), self._loop)
            for number in range(len(links))
        ]

    def count(self) -> int:
        """Return how many calls were answered."""
        return sum(map(len, self.answered))

    def end(self) -> int:
        """Begin no more calls; return how many participants wait for an answer in vain."""
        self._stopping = True
        until = time.monotonic() + QUIET_SECONDS
        stuck = 0
        for calling in self._calling:
            try:
                calling.result(max(0.1, until - time.monotonic()))
            except TimeoutError:
                stuck += 1
            except Exception as error:  # whatever ended a participant is a fault
                self.failed.append(repr(error))
        return stuck

    def close(self) -> None:
        """Leave."""
        with contextlib.suppress(Exception):
            self._do(self._together([client.close() for client in self._clients]), 10.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10.0)

    async def _call(self, place: int) -> None:
        client, number = self._clients[place], 0
        method = METHODS[place % len(METHODS)]
        while not self._stopping:
            number += 1
            try:
                assert await client.call(method, number) == number
                self.answered[place].append(number)
            except CallRefused as error:
                if "Interrupted" in repr(error) or "interrupted" in str(error):
                    self.interrupted[place].append(number)
                else:
                    self.failed.append(f"{method}: {error}")
            await asyncio.sleep(0.01)

    async def _together(self, coroutines: Sequence[Any]) -> list[Any]:
        return list(await asyncio.gather(*coroutines))

    def _do(self, coroutine: Any, seconds: float) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(seconds)


class Chaos:
    """One lab, its kernel, and what may happen to them."""

    def __init__(self, folder: Path, seed: int, say: Callable[[str], None] = print) -> None:
        self.folder, self._rng, self._say = folder, random.Random(seed), say
        self.lab = LiveJupyter(folder, participant_port=free_port())
        self.kernel = self._serve()
        self.harms: Counter[str] = Counter()

    def run(self, seconds: float) -> Outcome:
        """Do harm for so long; return what came of it."""
        links = self.kernel.value("[run.link(player) for player in run.players]")
        callers = Callers(links)
        harms = [
            self.kill_the_kernel, self.restart_politely, self.interrupt_a_cell,
            self.kill_the_server, self.move_the_file,
        ]  # fmt: skip
        try:
            end, waiting = time.monotonic() + seconds, list[Callable[[], None]]()
            while time.monotonic() < end or len(self.harms) < len(harms):
                waiting = waiting or self._rng.sample(harms, len(harms))
                harm = waiting.pop()
                harm()
                self.harms[harm.__name__] += 1
                self._let_calls_through(callers)
                time.sleep(self._rng.uniform(*CALM))
            stuck = callers.end()
            return self._judge(callers, stuck)
        finally:
            callers.close()

    def close(self) -> None:
        """End everything."""
        self.lab.close()

    # ---- harm ----

    def kill_the_kernel(self) -> None:
        """It can tidy up nothing."""
        self.kernel.sigkill()
        self.kernel.restart()
        self.kernel.run(NOTEBOOK)

    def restart_politely(self) -> None:
        """As Jupyter's button does."""
        self.kernel.restart()
        self.kernel.run(NOTEBOOK)

    def interrupt_a_cell(self) -> None:
        """Amid changes of every kind."""
        for _ in range(5):
            cell = self.kernel.begin(BUSY_CELL)
            time.sleep(self._rng.uniform(0.05, 0.3))
            self.kernel.interrupt()
            outcome = self.kernel.finish(cell, 30.0)
            if "KeyboardInterrupt" not in outcome.error:
                raise CellFailed(outcome.error or "the cell was not interrupted")

    def kill_the_server(self) -> None:
        """Its kernels end by themselves; it is started again."""
        pid = self.kernel.pid
        self.lab.sigkill()
        wait_until(lambda: not _lives(pid), 30.0, "the orphan to end")
        self.lab.start_again()
        self.kernel = self._serve()

    def move_the_file(self) -> None:
        """Away, and back after a moment."""
        path = self.folder / "chaos.sqlite3"
        away = path.with_suffix(".away")
        path.rename(away)
        time.sleep(self._rng.uniform(0.5, 2.0))
        away.rename(path)

    # ---- what came of it ----

    def _serve(self) -> Kernel:
        kernel = self.lab.start_kernel("chaos.ipynb")
        kernel.run(NOTEBOOK)
        return kernel

    def _let_calls_through(self, callers: Callers) -> None:
        before = callers.count()
        try:
            wait_until(lambda: callers.count() > before + PLAYERS, QUIET_SECONDS, "answers")
        except TimeoutError:
            self._say(f"Nobody was answered after {max(self.harms, default='')}.")

    def _judge(self, callers: Callers, stuck: int) -> Outcome:
        told = self.kernel.value("[[list(p.begun), list(p.done)] for p in run.players]")
        lost = doubled = half = 0
        for place, (begun, done) in enumerate(told):
            times = Counter(done)
            lost += sum(times[number] == 0 for number in callers.answered[place])
            doubled += sum(count - 1 for count in times.values())
            doubled += sum(count - 1 for count in Counter(begun).values())
            cut = set(begun) - set(done) - set(callers.interrupted[place])
            half += len(cut)
        for words in callers.failed[:5]:
            self._say(words)
        interrupted = sum(map(len, callers.interrupted))
        return Outcome(
            lost, doubled, half, len(callers.failed), stuck, callers.count(), interrupted,
            dict(self.harms),
        )  # fmt: skip


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def main() -> int:
    """Run it, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--hosts", action="store_true", help="on six hosts, not in a Jupyter")
    parser.add_argument("--seconds", type=float, help="how long; by default $CHAOS_SECONDS")
    parser.add_argument("--faults", type=int, help="so many on hosts, instead of seconds")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything is ended
    seconds = options.seconds or float(os.environ.get("CHAOS_SECONDS", SECONDS))
    outcome = _on_hosts(options, seconds) if options.hosts else _in_jupyter(options.seed, seconds)
    for name, value in outcome._asdict().items():
        print(f"{name.replace('_', ' '):15} {value}")
    return 1 if outcome.faults else 0


def _in_jupyter(seed: int, seconds: float) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="uproot_nb-chaos-") as folder:
        chaos = Chaos(Path(folder), seed)
        try:
            return chaos.run(seconds)
        finally:
            chaos.close()


def _on_hosts(options: argparse.Namespace, seconds: float) -> Verdict:
    def say(text: str) -> None:
        print(text, flush=True)

    if options.faults:
        return run_trial(Trial(options.seed, options.faults, say=say))
    return run_trial(Trial(options.seed, MOST_FAULTS, seconds=seconds, say=say))


if __name__ == "__main__":
    sys.exit(main())
