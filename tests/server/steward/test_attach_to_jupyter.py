"""A run of a Jupyter server's kernel, attached to from elsewhere with a token of Jupyter's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.server.labs import Lab
from uproot_nb import Page, Run, attach, serve
from uproot_nb.errors import AttachFailed

pytestmark = pytest.mark.asyncio

Start = Callable[..., Any]


class Task(Page):
    """A task."""


def serve_at(lab: Lab) -> Run:
    [bridge] = Path(lab.app.runtime_dir).glob("uproot_nb-*.json")
    return serve(
        [Task], players=2, name="pilot", db=":memory:", bridge=str(bridge), namespace={}
    )  # fmt: skip


@pytest.mark.long
async def test_a_run_behind_jupyters_login_is_watched_and_steered(start: Start) -> None:
    lab = await start()
    run = await asyncio.to_thread(serve_at, lab)

    def steer() -> None:
        root = f"http://127.0.0.1:{lab.port}/base/"
        for url in (root, f"{root}lab?token=jupyter-token", f"{root}uproot_nb/monitor/pilot/"):
            attached = attach(url, "jupyter-token")
            assert attached.name == "pilot"
        attached.set(attached.players, cash=3)
        assert attached.state["cash"].tolist() == [3, 3]
        assert attached.join_link == run.join_link
        with pytest.raises(AttachFailed) as refused:
            attach(root, "wrong-token")
        assert refused.value.status in (401, 403)
        assert "wrong-token" not in str(refused.value)

    await asyncio.to_thread(steer)
    await asyncio.to_thread(run.close)
