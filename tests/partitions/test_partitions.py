"""Partitions: what participants see when one line between two hosts is cut, and after it."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from hosts.lab import HOSTS, KERNELS, HostLab
from hosts.networks import Relays
from hosts.traders import Traders
from hosts.verdict import Verdict, judge, read_log

from tests.components.balancer import Balancer
from tests.running import until

pytestmark = [pytest.mark.slow, pytest.mark.asyncio]
_PATIENCE = 120.0
_PLAYERS = 4
_FIRSTS = itertools.count(1, 100_000)
"""The numbers of calls are never used again."""


class Scene:
    """A lab whose participants trade, and the lines of its network."""

    def __init__(self, lab: HostLab, traders: Traders) -> None:
        self.lab, self.traders = lab, traders
        self.cut, self.mend = lab.network.cut, lab.network.mend

    @property
    def epochs(self) -> set[int]:
        """The claims by which everybody was answered last; one, unless it has just changed."""
        return {one.answers[max(one.answers)].epoch for one in self.traders.all if one.answers}

    async def hosts(self) -> tuple[str, str]:
        """Return which host serves, and which one stands by."""
        found: dict[str, str] = {}

        def both() -> bool:
            found.clear()
            found.update({self.lab.condition(host): host for host in KERNELS})
            return found.keys() >= {"serving", "standby"}

        while not await asyncio.to_thread(both):
            await asyncio.sleep(0.1)
        return found["serving"], found["standby"]

    async def everybody_goes_on(self) -> None:
        """Wait until everybody has had two more answers."""
        wanted = {one.name: len(one.answers) + 2 for one in self.traders.all}
        await until(
            lambda: all(len(one.answers) >= wanted[one.name] for one in self.traders.all), _PATIENCE
        )

    async def somebody_reads(self, state: str) -> None:
        await until(lambda: any(one.state == state for one in self.traders.all), _PATIENCE)

    async def everybody_reads(self, state: str) -> None:
        await until(lambda: all(one.state == state for one in self.traders.all), _PATIENCE)

    async def check(self) -> None:
        """Compare what participants saw with the log: nothing is lost, doubled or out of order."""
        await self.traders.end(_PATIENCE)
        verdict = Verdict()
        logged = await asyncio.to_thread(read_log, self.lab.database)
        begun = min(seq for one in self.traders.all for seq, _ in one.pushes)
        logged.pushes[:] = [push for push in logged.pushes if push[0] >= begun]
        judge(verdict, self.traders.all, logged)
        assert verdict.faults == 0, verdict.examples


@pytest.fixture(scope="module")
def lab() -> Iterator[HostLab]:
    with (
        # not pytest's own folder: the database has an account that may not come there
        tempfile.TemporaryDirectory(prefix="uproot_nb-", ignore_cleanup_errors=True) as folder,
        closing(Relays(HOSTS)) as network,
        closing(HostLab(network, Path(folder), _PLAYERS)) as made,
    ):
        made.open("http://127.0.0.1:1/")
        yield made


@asynccontextmanager
async def trading(lab: HostLab) -> AsyncIterator[Scene]:
    """Let everybody come by a balancer, and trade; compare everything in the end."""
    async with Balancer() as balancer:
        balancer.places = lab.gateways
        links = [balancer.url + path for path in lab.links]
        async with Traders(links, seed=1, first=next(_FIRSTS)) as traders:
            scene = Scene(lab, traders)
            await scene.hosts()
            traders.begin()
            await scene.everybody_goes_on()
            yield scene
            await scene.everybody_goes_on()
            await scene.check()


@pytest.mark.parametrize("away", [("database",), ("database", "broker")])
async def test_a_writer_without_its_database_is_followed_by_the_standby(
    lab: HostLab, away: tuple[str, ...]
) -> None:
    async with trading(lab) as scene:
        writer, standby = await scene.hosts()
        [before] = scene.epochs
        for host in away:
            scene.cut(writer, host)
        await until(lambda: min(scene.epochs) > before, _PATIENCE)
        assert "Standby: session" in lab.programs[standby].text
        for host in away:
            scene.mend(writer, host)
        assert await scene.hosts() == (standby, writer)  # it has come back, to stand by
        assert "was taken over by process" in lab.programs[writer].text


async def test_a_writer_without_its_broker_keeps_the_session_and_participants_are_paused(
    lab: HostLab,
) -> None:
    async with trading(lab) as scene:
        writer, standby = await scene.hosts()
        before = scene.epochs
        scene.cut(writer, "broker")
        await scene.everybody_reads("paused")
        scene.mend(writer, "broker")
        await scene.everybody_reads("running")
        await scene.everybody_goes_on()
        assert scene.epochs == before
        assert await scene.hosts() == (writer, standby)


async def test_a_standby_without_its_database_takes_nothing_and_stands_by_after_it(
    lab: HostLab,
) -> None:
    async with trading(lab) as scene:
        writer, standby = await scene.hosts()
        before = scene.epochs
        scene.cut(standby, "database")
        for _ in range(6):  # longer than a lease: each waits for two answers of everybody
            await scene.everybody_goes_on()
        assert scene.epochs == before
        assert not any("paused" in one.states for one in scene.traders.all)
        scene.mend(standby, "database")
        lab.take_away(writer)
        await until(lambda: min(scene.epochs) > max(before), _PATIENCE)
        await asyncio.to_thread(lab.start, writer)
        assert await scene.hosts() == (standby, writer)


async def test_participants_of_a_gateway_without_its_broker_are_paused_and_miss_nothing(
    lab: HostLab,
) -> None:
    async with trading(lab) as scene:
        before = scene.epochs
        scene.cut("gateway-1", "broker")
        await scene.somebody_reads("paused")
        others = [one for one in scene.traders.all if one.state == "running"]
        assert others  # the other gateway's participants trade on
        wanted = {one.name: len(one.answers) + 2 for one in others}
        await until(lambda: all(len(o.answers) >= wanted[o.name] for o in others), _PATIENCE)
        assert not any("paused" in one.states for one in others)
        scene.mend("gateway-1", "broker")
        await scene.everybody_reads("running")
        assert scene.epochs == before
