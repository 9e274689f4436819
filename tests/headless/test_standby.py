"""`uproot-nb run --standby`: machines die, stand still or hand over, and participants go on."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.components.balancer import Balancer
from tests.components.gateway_process import GatewayProcess
from tests.components.nats_server import NatsServer, own_nats_server
from tests.components.run_process import RunProcess, write_notebook
from tests.running import until
from uproot_nb import open_log
from uproot_nb.bots.client import Client
from uproot_nb.cli import main

__all__ = ["own_nats_server"]

PAGES = """\
from uproot_nb import *


class Market(Page):
    "A price that everybody may overbid."

    @live
    async def bid(page, player, number: int):
        session = player.session
        session.bids = [*session.get("bids", []), number]
        notify(player, players(session), number, event="Bid")
        return number
"""
SERVE = 'run = serve([Market], players=6, name="market")'


class Lab:
    """Machines that serve one session, one after the other."""

    def __init__(self, notebook: Path, db: str, bridge: str) -> None:
        self.notebook, self.db = notebook, db
        self._options = ("--db", db, "--bridge", bridge, "--standby")
        self._machines = ExitStack()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self._machines.close()

    async def serves(self, *options: str) -> RunProcess:
        """Start a machine that serves at once."""
        return await self._start("Session market in", *options)

    async def waits(self, *options: str) -> RunProcess:
        """Start a machine that waits."""
        return await self._start("Standby: session market", *options)

    async def _start(self, words: str, *options: str) -> RunProcess:
        machine = self._machines.enter_context(RunProcess(self.notebook, *self._options, *options))
        await asyncio.to_thread(machine.wait_for, words)
        return machine

    async def hand_over(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "uproot_nb.cli", "handover", "market", "--db", self.db]
        return await asyncio.to_thread(
            subprocess.run, [*command, *options], capture_output=True, text=True
        )


class Bidders:
    """Bots that bid all the time, and note what they are told."""

    def __init__(self, links: list[str]) -> None:
        self.clients = [Client(link) for link in links]
        self.answers: list[int] = []
        self._numbers = iter(range(1_000_000))
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        await asyncio.gather(*(client.open() for client in self.clients))
        self._tasks = [asyncio.create_task(self._bid(client)) for client in self.clients]

    async def _bid(self, client: Client) -> None:
        while self._tasks:
            number = next(self._numbers)
            assert await client.call("bid", number) == number
            self.answers.append(number)
            await asyncio.sleep(0.02)

    async def go_on(self) -> None:
        """Wait until everybody has had three more answers or so."""
        count = len(self.answers) + 3 * len(self.clients)
        await until(lambda: len(self.answers) >= count or self._failed(), 120.0)
        assert not self._failed()

    def _failed(self) -> list[BaseException | None]:
        return [task.exception() for task in self._tasks if task.done()]

    async def stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        await asyncio.gather(*tasks)

    async def check(self, bids: list[int]) -> None:
        """Everything was done once, and everybody has seen all of it once, in one order."""
        assert sorted(bids) == sorted(self.answers)
        for client in self.clients:
            seen = [(await client.next_note("Bid", timeout=60)).data for _ in bids]
            assert seen == bids
        await asyncio.gather(*(client.close() for client in self.clients))


@pytest.fixture
def lab(tmp_path: Path, postgres: str, own_nats_server: NatsServer) -> Iterator[Lab]:
    notebook = write_notebook(tmp_path / "market.ipynb", PAGES, SERVE)
    with Lab(notebook, postgres, own_nats_server.url) as made:
        yield made


def links_of(run: RunProcess, url: str) -> list[str]:
    """Return players' links, by way of the balancer."""
    found = re.findall(r"^player +\S+ +\S+?(p/\S+)$", run.text, re.MULTILINE)
    return [url + path for path in found]


def condition_of(run: RunProcess) -> str:
    """Return what `/healthz` says at the address that the command has shown."""
    [address] = re.findall(r"Prometheus reads (\S+)/metrics$", run.text, re.MULTILINE)
    with urllib.request.urlopen(f"{address}/healthz", timeout=60) as answer:
        return str(json.load(answer)["status"])


async def ends(run: RunProcess) -> int:
    return await asyncio.to_thread(run.wait)


@pytest.mark.slow
@pytest.mark.asyncio
async def test_no_bid_is_lost_or_made_twice_whatever_becomes_of_the_machines(
    lab: Lab, own_nats_server: NatsServer
) -> None:
    async with Balancer() as balancer:
        with (
            GatewayProcess(own_nats_server.url, "--public-url", balancer.url) as one,
            GatewayProcess(own_nats_server.url, "--public-url", balancer.url) as two,
        ):
            balancer.ports = [one.port, two.port]
            first = await lab.serves()
            second = await lab.waits()
            bidders = Bidders(links_of(first, balancer.url))
            await bidders.open()
            await bidders.go_on()

            first.kill()
            await bidders.go_on()
            third = await lab.waits()

            second.stop()  # it is cut off, and does not know
            await bidders.go_on()
            second.go_on()
            assert await ends(second) == 3
            assert "was taken over by process" in second.text
            await bidders.go_on()

            fourth = await lab.waits()
            done = await lab.hand_over()
            assert done.returncode == 0, done.stderr
            assert await ends(third) == 0
            assert "is handed over to another kernel" in third.text
            await bidders.go_on()

            await bidders.stop()
            with open_log(lab.db, "market") as log:
                bids = list(log.session_state["bids"].iloc[0])
            await bidders.check(bids)
            fourth.terminate()
            assert await ends(fourth) == 0
            assert "released for another kernel" in fourth.text


@pytest.mark.slow
@pytest.mark.asyncio
async def test_one_of_several_standbys_takes_over_and_the_others_wait_on(
    lab: Lab, own_nats_server: NatsServer, tmp_path: Path
) -> None:
    write_notebook(lab.notebook, PAGES, "open('ran', 'a').write('once ')", SERVE)
    with GatewayProcess(own_nats_server.url):
        first = await lab.serves()
        others = [await lab.waits(), await lab.waits()]
        assert (tmp_path / "ran").read_text() == "once "
        first.kill()
        await until(lambda: any("Session market in" in one.text for one in others), 120.0)
        [waiting] = [one for one in others if "Session market in" not in one.text]
        assert (tmp_path / "ran").read_text() == "once once "
        assert waiting.process.poll() is None


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_service_manager_reads_what_a_machine_does(
    lab: Lab, own_nats_server: NatsServer
) -> None:
    """Neither has a port for participants: they come by the gateway."""
    with GatewayProcess(own_nats_server.url):
        first = await lab.serves("--metrics", "127.0.0.1:0")
        second = await lab.waits("--metrics", "127.0.0.1:0")
        assert await asyncio.to_thread(condition_of, first) == "serving"
        assert await asyncio.to_thread(condition_of, second) == "standby"
        first.kill()
        while await asyncio.to_thread(condition_of, second) != "serving":
            await asyncio.sleep(0.05)
        assert "Session market in" in second.text


@pytest.mark.slow
@pytest.mark.asyncio
async def test_standbys_end_when_the_session_is_closed(
    lab: Lab, own_nats_server: NatsServer, tmp_path: Path
) -> None:
    wait = "import os, time\nwhile not os.path.exists('close'): time.sleep(0.05)\nrun.close()"
    write_notebook(lab.notebook, PAGES, SERVE, wait)
    with GatewayProcess(own_nats_server.url):
        first, second = await lab.serves(), await lab.waits()
        (tmp_path / "close").touch()
        assert [await ends(first), await ends(second)] == [0, 0]
        assert "There is nothing to take over" in second.text


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_session_is_not_handed_over_to_nobody(
    lab: Lab, own_nats_server: NatsServer
) -> None:
    nobody = await lab.hand_over()
    assert nobody.returncode == 1
    assert "has no session 'market'" in nobody.stderr
    with GatewayProcess(own_nats_server.url):
        first = await lab.serves()
        refused = await lab.hand_over()
        assert refused.returncode == 1
        assert "No standby waits" in refused.stderr
        done = await lab.hand_over("--anyway")
        assert done.returncode == 0
        assert "Participants wait" in done.stdout
        assert await ends(first) == 0


@pytest.mark.slow
@pytest.mark.asyncio
async def test_code_that_runs_is_waited_for(
    lab: Lab, own_nats_server: NatsServer, tmp_path: Path
) -> None:
    hold = (
        "import os, time\nwith run.lock:\n    open('holds', 'w')\n"
        "    while not os.path.exists('end'): time.sleep(0.05)"
    )
    write_notebook(lab.notebook, PAGES, SERVE, hold)
    with GatewayProcess(own_nats_server.url):
        first, second = await lab.serves(), await lab.waits()
        await until((tmp_path / "holds").exists)
        refused = await lab.hand_over("--patience", "0.5")
        assert refused.returncode == 1
        assert "the request is withdrawn" in refused.stderr
        assert "Session market in" not in second.text
        asking = asyncio.create_task(lab.hand_over())
        (tmp_path / "end").touch()
        assert (await asking).returncode == 0
        await asyncio.to_thread(second.wait_for, "Session market in")
        assert await ends(first) == 0


NATS = ("--bridge", "nats://127.0.0.1:4222")
DATABASE = ("--db", "postgresql://lab@127.0.0.1/lab")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--standby", *NATS), "kernels on several machines need one database"),
        (("--standby", *NATS, "--db", "study.sqlite3"), "needs no standby"),
        (("--standby", *DATABASE), "give --bridge nats://…"),
        (("--bridge", "http://broker"), "--bridge: "),
        ((*NATS, "--monitor", "127.0.0.1:8610"), "--monitor: with --bridge"),
        ((*NATS, "--set", "max_frame_bytes=9"), "--set: with --bridge"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    options: tuple[str, ...], words: str, tmp_path: Path, capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name in ("UPROOT_NB_DATABASE", "UPROOT_NB_BRIDGE"):
        monkeypatch.delenv(name, raising=False)
    notebook = write_notebook(tmp_path / "market.ipynb", PAGES, SERVE)
    assert main(["run", str(notebook), *options]) == 2
    assert words in capsys.readouterr().err


def test_a_standby_takes_over_one_session(tmp_path: Path, capsys: Any) -> None:
    notebook = write_notebook(tmp_path / "market.ipynb", SERVE, SERVE.replace("market", "other"))
    assert main(["run", str(notebook), "--standby", *NATS, *DATABASE]) == 2
    assert "serves several sessions (market, other)" in capsys.readouterr().err


def test_only_sessions_in_a_database_are_handed_over(tmp_path: Path, capsys: Any) -> None:
    assert main(["handover", "market", "--db", str(tmp_path / "study.sqlite3")]) == 1
    assert "end its kernel and start the next one" in capsys.readouterr().err
