"""Kernel, server, both, or `uproot-nb run` are killed; each time everybody comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from live_jupyter import LiveJupyter, end_family, free_port
from live_kernel import Kernel
from playwright.sync_api import BrowserContext, Page
from waiting import wait_until

from tests.driving.clients import Clients

BACK_SECONDS = 15.0
"""From the moment that the session is served again."""
CLIENTS = 20

CELLS = f"""
from uproot_nb import *

class Market(Page):
    '''Bid.'''

    @live
    def bid(page, player):
        player.bids = player.get("bids", 0) + 1
        return player.bids

run = serve([Market], players={CLIENTS + 1}, name="killed", rooms=[room("hall")])
"""
IS_BACK = """() => {
    const store = window.Alpine && Alpine.store('uproot');
    return Boolean(store && store.connected && store.state === 'running');
}"""
COUNT = "uproot.invoke('bid')"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LiveJupyter]:
    """A Jupyter server whose participants have one address, whatever happens to it."""
    with LiveJupyter(tmp_path, participant_port=free_port()) as lab:
        yield lab


def _serve(lab: LiveJupyter) -> Kernel:
    kernel = lab.start_kernel("killed.ipynb")
    kernel.run(CELLS)
    return kernel


def _end_of(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_everybody_is_back_after_the_death_of_kernel_server_and_both(
    lab: LiveJupyter, context: BrowserContext
) -> None:
    """Also those who come, or reload, while the server is back and the kernel is not."""
    kernel = _serve(lab)
    links = kernel.value("[run.link(player) for player in run.players]")
    doors = kernel.value("[run.join_link, run.url + 'room/hall/']")
    ann, late = context.new_page(), [context.new_page() for _ in (*doors, links[-1])]
    ann.goto(links[-1])
    with Clients(links[:CLIENTS]) as clients:
        assert clients.finish(clients.begin("bid")) == [1] * CLIENTS
        for number, death in enumerate(("kernel", "server", "both"), 2):
            if death != "server":
                kernel.sigkill()
            waiting = clients.begin("bid")
            if death == "kernel":
                kernel.restart()
                kernel.run(CELLS)
            else:
                lab.sigkill()
                wait_until(lambda pid=kernel.pid: _end_of(pid), 20.0, "the orphan to end")
                lab.start_again()
                for page, link in zip(late, [*doors, links[-1]], strict=True):
                    answer = page.goto(link)
                    assert answer is not None
                    assert answer.status == 503
                kernel = _serve(lab)
                _are_shown(late)
            ann.wait_for_function(IS_BACK, timeout=1000 * BACK_SECONDS)
            assert clients.finish(waiting, BACK_SECONDS) == [number] * CLIENTS
            assert ann.evaluate(COUNT) == number - 1


def _are_shown(late: list[Page]) -> None:
    join, hall, page = late
    join.get_by_role("button").wait_for(timeout=1000 * BACK_SECONDS)
    hall.get_by_role("button").wait_for(timeout=1000 * BACK_SECONDS)
    page.wait_for_function(IS_BACK, timeout=1000 * BACK_SECONDS)


# ---- uproot-nb run ----


class Command:
    """`uproot-nb run` on one port, in a process of its own; it may be killed and begun again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        cell = {
            "cell_type": "code", "id": "one", "metadata": {}, "execution_count": None,
            "outputs": [], "source": CELLS,
        }  # fmt: skip
        told = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
        (folder / "killed.ipynb").write_text(json.dumps(told), "utf-8")
        self.begin()

    def begin(self) -> None:
        """Start it."""
        self.said = self.folder / "said.txt"
        with self.said.open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "uproot_nb.cli", "run", "killed.ipynb", "--plain",
                 "--port", str(self.port)],
                stdout=said, stderr=subprocess.STDOUT, cwd=self.folder, start_new_session=True,
                env={**os.environ, "JUPYTER_RUNTIME_DIR": str(self.folder / "runtime")},
            )  # fmt: skip

    def links(self) -> list[str]:
        """Wait until the notebook serves; return the players' links."""

        def found() -> list[str]:
            lines = [line.split() for line in self.said.read_text("utf-8").splitlines()]
            return [words[2] for words in lines if len(words) == 3 and words[0] == "player"]

        wait_until(lambda: len(found()) > CLIENTS, 90.0, "the links")
        return found()

    def kill_parent(self) -> None:
        """Kill the command itself; its kernel finds out."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it and its kernels."""
        end_family(self._process)


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    """A running `uproot-nb run`."""
    made = Command(tmp_path)
    yield made
    made.close()


@pytest.mark.slow
def test_everybody_is_back_after_the_death_of_uproot_nb_run(
    command: Command, context: BrowserContext
) -> None:
    """It is begun again, by hand or by systemd."""
    links = command.links()
    ann = context.new_page()
    ann.goto(links[-1])
    with Clients(links[:CLIENTS]) as clients:
        assert clients.finish(clients.begin("bid")) == [1] * CLIENTS
        command.kill_parent()
        waiting = clients.begin("bid")
        command.begin()
        assert command.links() == links
        ann.wait_for_function(IS_BACK, timeout=1000 * BACK_SECONDS)
        assert clients.finish(waiting, BACK_SECONDS) == [2] * CLIENTS
        assert ann.evaluate(COUNT) == 1
