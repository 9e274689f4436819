"""rerun after a session has ended while something was due."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from uproot_nb import Page, open_log, rerun, serve, watch_for_dropout


class Ask(Page):
    """A page."""


def left(player):
    player.gone = True


def new_player(player):
    watch_for_dropout(player, left, tolerance=60)


NAMES = {"new_player": new_player, "left": left}


@pytest.mark.parametrize("end", ["_end", "_leave"])
@pytest.mark.parametrize("turns", [0, 1, 2])
def test_a_session_that_ends_between_a_dropout_and_its_handler_runs_the_handler(
    end: str, turns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is closed, or left to another kernel; a turn of the loop more or less."""
    path = tmp_path / "lab.sqlite3"
    run: Any = serve([Ask], players=1, db=path, name="lab", embedded=True, port=0, namespace=NAMES)
    runtime, player = run._runtime, run.players[0]
    ends = getattr(runtime, end)

    async def drop_and_end() -> None:
        runtime.dropouts.drop_as_recorded(player)
        for _ in range(turns):
            await asyncio.sleep(0)
        await ends()

    monkeypatch.setattr(runtime.dropouts, "is_recorded", lambda player: True)
    monkeypatch.setattr(runtime, end, drop_and_end)
    if end == "_end":
        run.close()
    else:
        runtime.hand_over()
    with open_log(path, "lab") as log:
        assert log.state["gone"].tolist() == [True]
        again = rerun(log, [Ask], namespace=NAMES)
        assert again.same, again
        assert again.repeated["dropped"] == 1
