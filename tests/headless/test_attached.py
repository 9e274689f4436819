"""A session without a notebook, steered by `attach` from another process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import wait_until

from tests.headless.test_run import Headless, notebook
from tests.running import Browser
from uproot_nb import AttachedRun, attach
from uproot_nb.errors import AttachFailed

STEWARD, VIEWER = "the-token-of-a-steward-0123456789", "the-token-of-a-viewer-0123456789"
EXPERIMENT = """\
from uproot_nb import *


class Meet(SynchronizingWait):
    "All meet."

    synchronize = "session"


class Task(Page):
    "A task with a time."

    timeout = 600


class Thanks(Page):
    "Thank you very much."


run = serve(
    [Meet, Task, Thanks], players=2, name="study", rooms=[room("lab", ["PC-1"], open=False)]
)
print("the notebook says hello")
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Headless]:
    monkeypatch.setenv("UPROOT_NB_STEWARD_TOKEN", STEWARD)
    monkeypatch.setenv("UPROOT_NB_VIEWER_TOKEN", VIEWER)
    path = notebook(tmp_path, EXPERIMENT)
    started = Headless(path, "--port", "0", "--monitor", "127.0.0.1:0")
    yield started
    started.close()


def root_of(run: Headless) -> str:
    said = run.says("the notebook says hello")
    line = next(line for line in said.splitlines() if line.lstrip().startswith("steward"))
    return line.split()[1]


@pytest.mark.slow
async def test_a_session_without_a_notebook_is_steered_from_another_kernel(run: Headless) -> None:
    """A stuck player is moved, a room opened, a timeout extended, a thread answered."""
    url = await asyncio.to_thread(root_of, run)
    attached = await asyncio.to_thread(attach, url, STEWARD)
    ann = Browser((await asyncio.to_thread(run.tells_links, 2))[0])
    await ann.load()
    await ann.connect()
    await asyncio.to_thread(move_who_is_stuck, attached)
    assert "A task with a time" in await ann.load()
    await asyncio.to_thread(give_more_time, attached)
    await asyncio.to_thread(answer_and_open, attached)
    assert "Press Next." in await ann.load()
    await asyncio.to_thread(look_only, url)
    await survive(run, attached, ann)
    run.process.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(run.ends) == 0
    with pytest.raises(AttachFailed, match="gave no complete answer"):
        _ = attached.state


def move_who_is_stuck(attached: AttachedRun) -> None:
    [line] = attached.overview.to_dict("records")
    assert (line["page"], line["waiting"]) == ("Meet", 1)
    ann, bob = attached.players
    assert bob.name in line["sentence"]
    assert attached.advance(ann) == "advance: 1 of 1 players."
    assert attached.players[0].page == "Task"


def give_more_time(attached: AttachedRun) -> None:
    def deadline() -> float:
        name = attached.players[0].name
        found = attached._replica.state.players[name].deadline
        assert found is not None
        return found

    before = deadline()
    assert attached.extend(attached.players[0], 60) == "extend: 1 of 1 players."
    assert deadline() == before + 60


def answer_and_open(attached: AttachedRun) -> None:
    attached.answer(attached.players[0], "Press Next.")
    assert attached.chats["text"].tolist() == ["Press Next."]
    assert attached.rooms["open"].tolist() == [False]
    assert attached.open_room("lab") == "The room 'lab' is open."
    assert attached.rooms["open"].tolist() == [True]


def look_only(url: str) -> None:
    viewer = attach(url, VIEWER)
    assert viewer.chats["text"].tolist() == ["Press Next."]
    assert "url" not in viewer.rooms.columns
    with pytest.raises(AttachFailed, match="Viewers cannot steer"):
        viewer.pause()
    assert viewer.facts["state"] == "running"


async def survive(run: Headless, attached: AttachedRun, ann: Browser) -> None:
    """Look on after the death of the kernel, and miss nothing."""
    before = await asyncio.to_thread(lambda: list(attached.events["seq"]))
    os.kill(run.kernel.pid, signal.SIGKILL)

    def steers() -> bool:
        try:
            return bool(attached.set(attached.players, cash=3))
        except AttachFailed as error:
            if error.status != 503:
                raise
            return False

    await asyncio.to_thread(wait_until, steers, 60.0, "the kernel to be back")
    seqs = await asyncio.to_thread(lambda: list(attached.events["seq"]))
    assert seqs[: len(before)] == before
    assert seqs == list(range(1, len(seqs) + 1))
    assert (await asyncio.to_thread(lambda: attached.state))["cash"].tolist() == [3, 3]
