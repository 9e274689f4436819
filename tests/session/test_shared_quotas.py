"""Shared quotas: kernels that deal treatments of one study at the same time, and are killed."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.components.log_places import LogPlace
from tests.running import Browser, serving, until
from uproot_nb import Page, balanced
from uproot_nb.analysis.past_states import read_codec
from uproot_nb.log.postgres.address import DatabaseAddress
from uproot_nb.log.postgres.writer import key_of
from uproot_nb.log.state import State

ROOT = Path(__file__).parents[2]
ARMS = ["control", "nudge"]
PLAYERS = 40
KERNEL = f"""
import os, sys
from uproot_nb import ArmsFull, Page, balanced, serve

class Task(Page):
    pass

def new_player(player):
    player.treatment = balanced(player, {ARMS}, count="arrived", cap={PLAYERS}, across=True)
    os.write(1, b".")

run = serve([Task], players={PLAYERS}, db=sys.argv[1], name=sys.argv[2], embedded=True, port=0,
            namespace={{"new_player": new_player}})
os.write(1, b"!")
run.close()
"""


def start(place: LogPlace, name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", KERNEL, str(place), name], cwd=ROOT, stdout=subprocess.PIPE
    )


def read(kernel: subprocess.Popen[bytes], draws: int) -> bytes:
    """Wait until a kernel has made so many draws, or has ended."""
    assert kernel.stdout is not None
    return kernel.stdout.read(draws)


def given(place: LogPlace, name: str) -> list[Any]:
    """Return the arms that the log of a session has given, one for each player who has one."""
    with closing(place.open(readonly=True)) as log:
        state = State(read_codec()).apply_all(log.read(name))
    fields = [state.values(f"player/{one}") for one in state.players]
    draws = state.values("session")["counted_treatment"]
    arms = [values["treatment"] for values in fields if "treatment" in values]
    assert Counter(json.loads(arm) for _, arm, _ in draws) == Counter(arms)
    assert len({subject for _, _, subject in draws}) == len(draws), "nobody is dealt twice"
    return arms


def counted(place: LogPlace) -> dict[str, int]:
    return dict(place.execute("SELECT session, sum(count) FROM quotas GROUP BY session"))


@contextmanager
def drawing_elsewhere(place: LogPlace) -> Iterator[None]:
    """Another kernel is about to draw until the block ends."""
    if place.is_file:
        with closing(sqlite3.connect(place.address, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    address = DatabaseAddress.of(place.address)
    with psycopg.connect(address.conninfo) as connection:
        key = key_of(address.schema, "\0quotas")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (key,))
        yield


@pytest.mark.parametrize("killed_after", [3, pytest.param(17, marks=pytest.mark.slow)])
@pytest.mark.sample(1)
def test_two_kernels_that_are_killed_deal_each_place_once(
    place: LogPlace, killed_after: int
) -> None:
    one, two = start(place, "one"), start(place, "two")
    read(one, killed_after)
    one.kill()
    read(two, killed_after)
    two.kill()
    assert [one.wait(), two.wait()] == [-9, -9]
    one, two = start(place, "one"), start(place, "two")
    assert one.communicate()[0].endswith(b"!")
    assert two.communicate()[0].endswith(b"!")
    arms = Counter(given(place, "one") + given(place, "two"))
    assert arms == {"control": PLAYERS, "nudge": PLAYERS}
    assert counted(place) == {"one": PLAYERS, "two": PLAYERS}


TRIED: list[str] = []
"""The players for whom a hook has begun to draw."""


class Task(Page):
    """# A task"""


class Deal(Page):
    """Its hook draws."""

    def before_once(page, player):
        TRIED.append(player.name)
        player.tries = player.get("tries", 0) + 1
        player.treatment = balanced(player, ARMS, count="arrived", across=True)


@pytest.mark.long
async def test_a_draw_that_finds_the_file_locked_holds_up_nobody_and_is_made_later(
    place: LogPlace,
) -> None:
    TRIED.clear()
    with serving(Task, Deal, db=place.address, players=2) as run:
        browsers = [await Browser.open(run, number) for number in (0, 1)]
        for one in browsers:
            await one.submit()
        journal = run._runtime.world.journal
        await until(lambda: journal.committed == journal.seq)
        with drawing_elsewhere(place):
            loading = [asyncio.create_task(one.load()) for one in browsers]
            await until(lambda: all(TRIED.count(player.name) > 1 for player in run.players))
            run._runtime.wait_for(asyncio.sleep(0))
        for load in loading:
            await load
        assert sorted(player.treatment for player in run.players) == sorted(ARMS)
        assert [player.tries for player in run.players] == [1, 1]
        assert run.errors.empty


async def test_a_cell_waits_for_a_locked_file_without_the_runs_lock(place: LogPlace) -> None:
    with serving(Task, db=place.address, players=1) as run:
        journal = run._runtime.world.journal
        await until(lambda: journal.committed == journal.seq)
        with drawing_elsewhere(place):
            drawing = asyncio.create_task(
                asyncio.to_thread(balanced, run.players[0], ARMS, count="arrived", across=True)
            )
            await asyncio.to_thread(run._runtime.wait_for, asyncio.sleep(0))
        assert await drawing in ARMS
