"""SessionTasks, alone: errors are reported once, endless tasks are not waited for, closing ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from uproot_nb.engine.session_tasks import SessionTasks
from uproot_nb.errors import ClosedRun
from uproot_nb.session.steps import Cause, StepLock

CELL = Cause("researcher", "", "cell", "")


@dataclass
class Session:
    """A session of nothing but a loop and a lock."""

    loop: asyncio.AbstractEventLoop
    name: str = "lab"
    closing: bool = False
    lock: StepLock = field(default_factory=StepLock)


async def fails() -> None:
    raise ValueError("broken")


@pytest.fixture
def reported() -> list[tuple[str, str]]:
    """What was reported: each error, and its cause."""
    return []


def tasks_of(session: Session, reported: list[tuple[str, str]]) -> SessionTasks:
    return SessionTasks(
        session, lambda error, cause: reported.append((str(error), cause.cause)), lambda: CELL
    )


async def test_an_error_is_reported_with_its_cause(reported: list[tuple[str, str]]) -> None:
    tasks = tasks_of(Session(asyncio.get_running_loop()), reported)
    ours = tasks.start(fails())
    theirs = tasks.start(fails(), Cause("ann", "Desk", "page", ""))
    await asyncio.wait([ours, theirs])
    await asyncio.sleep(0)
    assert reported == [("broken", "uproot_nb"), ("broken", "page")]


async def test_only_tasks_that_end_by_themselves_are_waited_for(
    reported: list[tuple[str, str]],
) -> None:
    tasks = tasks_of(Session(asyncio.get_running_loop()), reported)
    ending, endless = tasks.start(asyncio.sleep(60)), tasks.beside(asyncio.sleep(60))
    assert endless is not None
    assert tasks.ending() == [ending]
    await tasks.cancel_all()
    assert ending.cancelled()
    assert endless.cancelled()
    assert reported == []


async def test_nothing_starts_while_the_run_ends(reported: list[tuple[str, str]]) -> None:
    tasks = tasks_of(Session(asyncio.get_running_loop(), closing=True), reported)
    assert tasks.beside(asyncio.sleep(0)) is None
    with pytest.raises(ClosedRun):
        tasks.spawn_from_cell(asyncio.sleep(0))
