"""Watch: what a headless run shows of its sessions, also while a database is away."""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.components.postgres import PostgresCluster
from tests.components.run_process import write_notebook
from uproot_nb.headless.notebook_file import NotebookFile
from uproot_nb.headless.service import Service
from uproot_nb.headless.watch import Watch
from uproot_nb.log.events import Event
from uproot_nb.log.postgres.postgres_log import PostgresLog
from uproot_nb.notebook.overrides import Overrides


def test_a_database_that_is_away_from_the_start_is_read_when_it_is_there() -> None:
    """A kernel that has just taken a session over may lose its database before it is watched."""
    with PostgresCluster() as cluster:
        with closing(PostgresLog(cluster.address())) as log:
            log.claim("study")
            log.append([Event(1, 1.0, "study", "set", "session", "price", "12", "", "", "", "")])
        cluster.stop()
        watch = Watch(cluster.address(), "study")
        assert watch.look() == []
        assert watch.events == 0
        cluster.start()
        watch.look()
        assert watch.events == 1
        watch.close()


async def test_who_waits_for_a_database_does_not_hold_up_participants(tmp_path: Path) -> None:
    """Their server may be in the same process."""
    reading, may_go_on = threading.Event(), threading.Event()

    def look() -> list[Event]:
        reading.set()
        assert may_go_on.wait(60)
        return []

    shown: list[Any] = []
    screen: Any = SimpleNamespace(show=lambda watches, new: shown.append(watches))
    endpoint: Any = None
    notebook = NotebookFile.read(str(write_notebook(tmp_path / "study.ipynb", "")))
    service = Service(notebook, endpoint, Overrides(), screen)
    watch: Any = SimpleNamespace(look=look)
    service._watches["db", "study"] = watch
    looking = asyncio.create_task(service._look())
    await asyncio.to_thread(reading.wait, 60)
    assert not shown  # and here we are
    may_go_on.set()
    await looking
    assert shown == [[watch]]
