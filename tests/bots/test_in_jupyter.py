"""Bots in a real kernel, whose participants come through the Jupyter server's extension."""

from __future__ import annotations

import asyncio

import pytest
from live_jupyter import LiveJupyter

from tests.driving.notebooks import OpenNotebook
from tests.running import until
from uproot_nb.bots.client import Client


@pytest.mark.slow
def test_bots_play_a_notebook_to_its_end_while_its_kernel_runs_a_cell(
    jupyter: LiveJupyter,
) -> None:
    """Through the server's own participant port; the places of the notebook first."""
    notebook = OpenNotebook(jupyter, "prisoners_dilemma", "bots")
    try:
        assert notebook.kernel.value("run.url") == jupyter.participant_url
        ended = "bots = run.bots(6, seed=1)\nwhile bots.running: pass\nprint(len(run.players))"
        assert notebook.kernel.run(ended).strip() == "6"
        assert notebook.kernel.value("bots.status['state'].tolist()") == ["done"] * 6
        assert notebook.raised == []
        report = notebook.kernel.value("str(rehearse([Pair, Choose, Compare, Results], players=4))")
        assert "4 done" in report
    finally:
        notebook.close()


CELLS = """
from uproot_nb import *

class Offer(Page):
    "Offer."
    fields = dict(amount=IntegerField(min=0, max=10))

class Market(Page):
    "Bid."

    @live
    def bid(page, player):
        player.bids = player.get("bids", 0) + 1
        return player.bids

class Thanks(Page):
    "Thank you."

run = serve([Offer, Market, Thanks], players=1, name="restarted")
"""


@pytest.mark.slow
async def test_a_client_goes_on_when_the_kernel_was_killed_and_comes_back(
    jupyter: LiveJupyter,
) -> None:
    """Its calls wait meanwhile, and each is run once."""
    kernel = jupyter.start_kernel("restarted.ipynb")
    await asyncio.to_thread(kernel.run, CELLS)
    async with Client(kernel.value("run.link(run.players[0])")) as ann:
        assert await ann.submit(amount=3) == "Market"
        assert await ann.call("bid") == 1
        kernel.sigkill()
        await until(lambda: ann.state == "paused")
        call = asyncio.create_task(ann.call("bid"))
        await asyncio.to_thread(kernel.restart)
        await asyncio.to_thread(kernel.run, CELLS)
        assert await asyncio.wait_for(call, 30) == 2
        assert await ann.submit() == "Thanks"
    assert kernel.value("[run.players[0].amount, run.players[0].bids]") == [3, 2]
    kernel.shut_down()
