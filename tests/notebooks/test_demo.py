"""The demo and the lab, started as `make` starts them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def family_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the processes that a program has started, and theirs."""
    return psutil.Process(process.pid).children(recursive=True)


def start(script: str, folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start a tool; its temporary files, and Jupyter's, go into *folder*."""
    own = {"TMPDIR": folder, "JUPYTER_RUNTIME_DIR": folder / "runtime"}
    return subprocess.Popen(
        [sys.executable, str(TOOLS / script), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **{name: str(value) for name, value in own.items()}},
    )


def read_until(process: subprocess.Popen[str], pattern: str) -> str:
    """Return what the program said, up to a line with *pattern*."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if re.search(pattern, line):
            return said
    raise AssertionError(f"it ended without {pattern!r}:\n{said}")


def test_the_demo_trades_and_ends_by_itself(tmp_path: Path) -> None:
    demo = start("demo.py", tmp_path, "--seconds", "4")
    said, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, said
    assert len(re.findall(r"http://127\.0\.0\.1:\d+/p/\w+/", said)) == 8
    assert re.search(r"trade +price +quantity +buyer +seller", said)
    assert re.search(r"┤.*●", said)
    assert re.search(r"efficiency  [01]\.[0-9]{3}", said)
    assert re.search(r"alpha  [0-9]+\.[0-9]{3}", said)
    database = re.search(r"events in (.+)", said)
    assert database is not None
    assert Path(database[1]).stat().st_size > 10_000


@pytest.mark.slow
def test_a_demo_in_which_nobody_trades_fails(tmp_path: Path) -> None:
    demo = start("demo.py", tmp_path, "--seconds", "0")
    said, _ = demo.communicate(timeout=120)
    assert demo.returncode == 1
    assert "Nobody traded" in said


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_an_interrupted_demo_leaves_no_process_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    demo = start("demo.py", tmp_path, "--seconds", "60")
    read_until(demo, r"notebook's cells: 100%")
    family = family_of(demo)
    assert len(family) >= 2  # the server and the kernel
    demo.send_signal(number)
    demo.communicate(timeout=60)
    assert demo.returncode in (130, 143)
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.slow
def test_the_lab_prints_the_participants_address(tmp_path: Path) -> None:
    lab = start("lab.py", tmp_path, "--no-browser", f"--folder={tmp_path / 'experiments'}")
    try:
        said = read_until(lab, r"Participants' address: http://127\.0\.0\.1:\d+/")
        assert (tmp_path / "experiments" / "double_auction.ipynb").exists(), said
        family = family_of(lab)
    finally:
        lab.terminate()
        lab.communicate(timeout=60)
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
