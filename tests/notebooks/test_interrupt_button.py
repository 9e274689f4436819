"""Jupyter's interrupt button ends a step of the experiment that does not come to its end."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from live_jupyter import LiveJupyter
from live_kernel import Kernel
from waiting import wait_until

from tests.driving.clients import Clients

STUCK = """
from threading import Event

from uproot_nb import *

looping = Event()

class Stuck(Page):
    @live
    def loop(page, player):
        looping.set()
        while True:
            pass

    @live
    def echo(page, player, x):
        return x

run = serve([Stuck], players=2, db=":memory:")
"""


@pytest.fixture
def kernel(jupyter: LiveJupyter) -> Iterator[Kernel]:
    kernel = jupyter.start_kernel()
    kernel.run(STUCK)
    yield kernel
    kernel.shut_down()


CELL = "looping.wait()\nrun.session.reached = True"


@pytest.mark.parametrize(
    "cell", [pytest.param("", marks=pytest.mark.slow), CELL], ids=["idle", "in a cell"]
)
def test_the_button_ends_a_loop_without_an_end(kernel: Kernel, cell: str) -> None:
    """Also while no cell runs, when ipykernel ignores it, and while a cell waits for the loop."""
    ann, bob = kernel.value("list(run.links['url'])")
    with Clients([ann]) as looping, Clients([bob]) as waiting:
        loop, echo = looping.begin("loop"), waiting.begin("echo", 1)
        begun = kernel.begin(cell) if cell else None
        if begun is not None:
            wait_until(kernel.is_busy, 60.0, "the cell to begin")

        pressed = 0.0

        def is_ended() -> bool:
            """Press once a second: a press in the middle of the cell's reply would break that."""
            nonlocal pressed
            if loop.done() and echo.done():
                return True
            if time.monotonic() - pressed > 1:
                pressed = time.monotonic()
                kernel.interrupt()
            return False

        wait_until(is_ended, 60.0, "the loop to end")
        assert "interrupted" in str(loop.exception())
        assert waiting.finish(echo) == [1]
        if begun is not None:
            assert "KeyboardInterrupt" in kernel.finish(begun).error
    kernel.run("assert run.session.get('reached') is None")
    errors = kernel.value("run.errors['message'].tolist()")
    assert any("interrupt" in message for message in errors), errors
