"""Pools: a killed process costs nothing but time, and only what kills its process has an error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.market.simulations.market_designs import DESIGNS, VALUES, mixed
from uproot_nb.market import Design, simulate_markets
from uproot_nb.market.simulations.pools import cores
from uproot_nb.market.traders import ZIC

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.processes


class Deadly(ZIC):
    """Kills its process, as one that takes too much memory does."""

    def quote(self, view: Any, chance: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


class DeadlyOnce(Deadly):
    """Kills its process if nobody has before."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def quote(self, view: Any, chance: Any) -> Any:
        if not self.mark.exists():
            self.mark.touch()
            super().quote(view, chance)
        return ZIC.quote(self, view, chance)


@pytest.mark.slow
def test_what_a_killed_process_had_is_tried_again(tmp_path: Path) -> None:
    deadly = Design(VALUES, lambda: DeadlyOnce(tmp_path / "killed"), steps=40)
    calm = Design(VALUES, ZIC, steps=40)
    found = simulate_markets({"mixed": mixed(), "deadly": deadly}, range(4), progress=False)
    assert (tmp_path / "killed").exists()
    assert found["error"].isna().all()
    again = simulate_markets({"mixed": mixed(), "deadly": calm}, range(4), progress=False)
    assert found.equals(again)


@pytest.mark.slow
def test_only_what_kills_its_process_has_an_error() -> None:
    designs = {"mixed": mixed(), "deadly": Design(VALUES, Deadly)}
    found = simulate_markets(designs, [1, 2], progress=False, chunk=2)
    assert list(found["error"].isna()) == [True, True, False, False]
    assert found["message"].str.contains("terminated").sum() == 2


SCRIPT = """
import os, sys
from uproot_nb.market import Design, InducedValues, simulate_markets
from uproot_nb.market.traders import ZIC

values = InducedValues.symmetric(["b1", "b2"], ["s1", "s2"], highest=90, lowest=10, step=10)

class Mine(ZIC):
    def quote(self, view, chance):
        return offer(view)

def offer(view):
    return view.limit if RUNS == 1 else None

RUNS = 1
print("begins", flush=True)
"""
"""Without `if __name__ == "__main__"`, and with a class and a function of its own, as notebooks."""


def begun(folder: Path, rest: str) -> subprocess.Popen[str]:
    script = folder / "study.py"
    script.write_text(SCRIPT + rest, "utf-8")
    return subprocess.Popen(
        [sys.executable, str(script)], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
    )  # fmt: skip


@pytest.mark.slow
def test_a_script_needs_no_guard_and_its_classes_go_along(tmp_path: Path) -> None:
    script = begun(tmp_path, """
found = simulate_markets({"mine": Design(values, Mine, steps=9)}, range(3), progress=False)
assert found["error"].isna().all(), found
print(found["trades"].sum())
""")  # fmt: skip
    out, err = script.communicate()
    assert script.returncode == 0, err
    assert out.splitlines()[0] == "begins"
    assert len(out.splitlines()) == 2
    assert int(out.splitlines()[1]) > 0


FOREVER = """
class Waiting(ZIC):
    def quote(self, view, chance):
        print("a market has begun", os.getpid(), file=open(f"began-{os.getpid()}", "a"))
        import time
        while True:
            time.sleep(0.01)

designs = {"mine": Design(values, Mine, steps=9), "waiting": Design(values, Waiting)}
simulate_markets(designs, range(4), chunk=1, folder="markets")
"""


def workers_that_wait(script: subprocess.Popen[str], folder: Path) -> list[psutil.Process]:
    """Wait until all cores wait in a market that never ends; return their processes."""
    pids: list[int] = []
    while len(pids) < min(cores(), 4):
        assert script.poll() is None, script.communicate()
        pids = [int(path.name.removeprefix("began-")) for path in folder.glob("began-*")]
    return [psutil.Process(pid) for pid in pids]


@pytest.mark.slow
def test_an_interrupt_ends_quickly_and_keeps_what_is_done(tmp_path: Path) -> None:
    """Jupyter and terminals interrupt the workers, too."""
    script = begun(tmp_path, FOREVER)
    workers = workers_that_wait(script, tmp_path)
    stored = tmp_path / "markets" / "markets"
    while len(list(stored.glob("*.parquet"))) < 4:
        assert script.poll() is None, script.communicate()
    os.killpg(script.pid, signal.SIGINT)
    _, err = script.communicate()
    assert script.returncode != 0
    assert "SimulationsInterrupted: 4 of 8 markets are done. The same call goes on" in err
    assert err.count("Traceback") <= 2  # none of the workers
    psutil.wait_procs(workers)


@pytest.mark.slow
def test_workers_do_not_outlive_a_killed_script(tmp_path: Path) -> None:
    script = begun(tmp_path, FOREVER)
    workers = workers_that_wait(script, tmp_path)
    script.kill()
    script.communicate()
    _, alive = psutil.wait_procs(workers, timeout=120)
    assert alive == []


@pytest.mark.slow
def test_designs_of_the_tests_are_simulated_as_elsewhere() -> None:
    found = simulate_markets(DESIGNS, [9], progress=False)
    assert found["efficiency"].iloc[0] == pytest.approx(
        DESIGNS["mixed"].simulate(9).periods["surplus"].sum()
        / DESIGNS["mixed"].simulate(9).periods["maximum_surplus"].sum(), abs=0
    )  # fmt: skip
