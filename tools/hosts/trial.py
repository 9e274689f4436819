"""Trial: participants trade while faults come over hosts and lines; then everything is counted."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hosts.faults import Fault, carry_out, draw_faults
from hosts.lab import HOSTS, HostLab
from hosts.networks import Network, Relays, open_network
from hosts.traders import Traders
from hosts.verdict import Verdict, judge, read_log
from tests.components.balancer import Balancer

__all__ = ["Trial", "run_trial"]

STUCK_SECONDS = 15.0
"""How long after the end of a fault somebody may wait for an answer."""
START_SECONDS = 180.0
"""How long a kernel may take to start, on a machine that is busy."""
QUIET_SECONDS = 60.0
"""How long is waited for those who are stuck, before the next fault."""
CALM = (0.2, 1.0)


@dataclass
class Trial:
    """What a trial is: how many faults, from which seed, among how many participants."""

    seed: int
    faults: int
    players: int = 20
    seconds: float = float("inf")
    """After so long no further fault begins."""
    say: Callable[[str], None] = print


def run_trial(trial: Trial, network: Network | None = None) -> Verdict:
    """Run it, and return what came of it."""
    with (
        tempfile.TemporaryDirectory(prefix="uproot_nb-hosts-", ignore_cleanup_errors=True) as name,
        closing(network or open_network(HOSTS, trial.say)) as lines,
    ):
        lab = HostLab(lines, Path(name), trial.players, trial.say)
        kind = "relays" if isinstance(lines, Relays) else "network namespaces"
        trial.say(f"Six hosts ({kind}), seed {trial.seed}, {trial.faults} faults.")
        with closing(lab):
            return asyncio.run(_Course(trial, lab).run())


class _Course:
    """The course of one trial."""

    def __init__(self, trial: Trial, lab: HostLab) -> None:
        self._trial, self._lab = trial, lab
        self._verdict = Verdict()
        self._longest: list[tuple[float, str]] = []

    async def run(self) -> Verdict:
        async with Balancer() as balancer:
            balancer.places = self._lab.gateways
            await asyncio.to_thread(self._lab.open, balancer.url)
            links = [balancer.url + path for path in self._lab.links]
            async with Traders(links, self._trial.seed) as traders:
                traders.begin()
                await self._let_answers_through(traders, "the start")
                await self._do_harm(traders)
                await traders.end(QUIET_SECONDS)
                await asyncio.to_thread(self._judge, traders)
        return self._verdict

    async def _do_harm(self, traders: Traders) -> None:
        rng = random.Random(self._trial.seed)
        ends = time.monotonic() + self._trial.seconds
        done = 0
        for faults in draw_faults(self._trial.seed, self._trial.faults):
            if time.monotonic() > ends:
                return
            words = "; ".join(map(str, faults))
            done += len(faults)
            self._trial.say(f"{time.strftime('%H:%M:%S')} {done:3}: {words}")
            await asyncio.gather(*map(self._carry_out, faults))
            await self._let_answers_through(traders, words)
            await asyncio.sleep(rng.uniform(*CALM))

    async def _carry_out(self, fault: Fault) -> None:
        await asyncio.sleep(fault.begins)
        await asyncio.to_thread(carry_out, self._lab, fault, time.sleep)

    async def _let_answers_through(self, traders: Traders, words: str) -> None:
        """Wait until everybody was answered; note who waited for too long after the fault's end."""
        begun = ended = time.monotonic()
        has_kernel = False
        while waiting := traders.waiting_since(begun):
            if not has_kernel:  # while both are being started, the fault has not ended
                ended = time.monotonic()
                has_kernel = await asyncio.to_thread(self._lab.has_kernel)
            if time.monotonic() - ended > QUIET_SECONDS or ended - begun > START_SECONDS:
                break
            await asyncio.sleep(0.02)
        took = time.monotonic() - ended
        self._longest.append((took, words))
        if waiting or took > STUCK_SECONDS:
            self._trial.say(f"         STUCK: {took:.1f} s\n{self._lab.last_words()}")
            for name in [trader.name for trader in waiting] or ["somebody"]:
                self._verdict.note("stuck", f"{name}: for {took:.1f} s after {words}")

    def _judge(self, traders: Traders) -> None:
        for words in self._lab.complaints:
            self._verdict.note("ended", words)
        for orphan in self._lab.orphans():
            self._verdict.note("ended", f"{orphan} did not end")
        logged = read_log(self._lab.database)
        judge(self._verdict, traders.all, logged)
        count = traders.count()
        self._trial.say(f"{dict(count)}, epochs {len({note.epoch for note in logged.notes})}")
        for took, words in sorted(self._longest, reverse=True)[:5]:
            self._trial.say(f"{took:5.1f} s until all were answered, after {words}")
