"""Kill the machine that serves a session, again and again; time until a standby answers.

Usage:
    python bench/programs/take_over.py --kills 50 --standstills 10 --handovers 10

It prints each time, and in the last line all of them as JSON: {"kills": [1.61, …], …}, in seconds.
"pauses" is of handovers, too: from the last answer of the kernel that hands over to the first of
the other, without the time in which the command `uproot-nb handover` starts.

The machines are processes here: `uproot-nb run --standby` with its kernel, a PostgreSQL cluster, a
NATS server and a gateway of the program's own. One participant calls all the time. A kill is
SIGKILL of the command and its kernel, a standstill SIGSTOP of both, which nobody closes connections
for. The time is from there to the first answer of another kernel.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.components.gateway_process import GatewayProcess
from tests.components.nats_server import NatsServer
from tests.components.postgres import PostgresCluster
from tests.components.run_process import RunProcess, write_notebook
from uproot_nb.bots.client import Client

PAGES = """\
import os
from uproot_nb import *


class Arena(Page):
    "Who serves?"

    @live
    async def who(page, player):
        player.calls = player.get("calls", 0) + 1
        return os.getpid()
"""
SERVE = 'run = serve([Arena], players=20, name="arena")'


class Succession:
    """Machines that serve one session, one after the other, and a participant who calls."""

    def __init__(self, notebook: Path, *options: str) -> None:
        self._notebook, self._options = notebook, options
        self.serving = self._start("player ")
        self.waiting = self._start("Standby:")
        [link, *_] = re.findall(r"^player +\S+ +(\S+)$", self.serving.text, re.MULTILINE)
        self.client = Client(link)
        self.pause = 0.0
        """Seconds between the last answer of one kernel and the first of the next."""

    def _start(self, words: str) -> RunProcess:
        run = RunProcess(self._notebook, *self._options, "--standby")
        run.wait_for(words)
        return run

    async def pass_on(self, end: Callable[[RunProcess], object]) -> float:
        """End the machine that serves; return the seconds until another one has answered."""
        before = await self.client.call("who")
        began = answered = time.perf_counter()
        ending = asyncio.create_task(asyncio.to_thread(end, self.serving))
        while await self.client.call("who") == before:
            answered = time.perf_counter()
            await asyncio.sleep(0.002)
        now = time.perf_counter()
        seconds, self.pause = now - began, now - answered
        await ending
        await asyncio.to_thread(self._succeed)
        return seconds

    def _succeed(self) -> None:
        self.serving.__exit__()
        self.serving, self.waiting = self.waiting, self._start("Standby:")

    def close(self) -> None:
        for run in (self.serving, self.waiting):
            run.__exit__()


async def measure(
    succession: Succession, ways: dict[str, tuple[int, Callable[..., object]]]
) -> dict[str, list[float]]:
    await succession.client.open()
    found: dict[str, list[float]] = {}
    for name, (count, end) in ways.items():
        times = found[name] = []
        for number in range(count):
            times.append(await succession.pass_on(end))
            if name == "handovers":
                found.setdefault("pauses", []).append(succession.pause)
            print(f"{name} {number + 1}: {times[-1]:.2f} s", file=sys.stderr, flush=True)
        if times:
            print(
                f"{name}: {count}, median {median(times):.2f} s, worst {max(times):.2f} s",
                flush=True,
            )
    await succession.client.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name, count in (("kills", 50), ("standstills", 10), ("handovers", 10)):
        parser.add_argument(f"--{name}", type=int, default=count, metavar="N")
    counts = parser.parse_args()
    with (
        PostgresCluster() as postgres, NatsServer() as nats, GatewayProcess(nats.url),
        tempfile.TemporaryDirectory() as folder,
    ):  # fmt: skip
        address = postgres.address()
        notebook = write_notebook(Path(folder) / "arena.ipynb", PAGES, SERVE)
        command = [sys.executable, "-m", "uproot_nb.cli", "handover", "arena", "--db", address]
        succession = Succession(notebook, "--db", address, "--bridge", nats.url)
        ways = {
            "kills": (counts.kills, RunProcess.kill),
            "standstills": (counts.standstills, RunProcess.stop),
            "handovers": (counts.handovers, lambda run: subprocess.run(command, check=True)),
        }
        try:
            print(json.dumps(asyncio.run(measure(succession, ways))))
        finally:
            succession.close()


if __name__ == "__main__":
    main()
