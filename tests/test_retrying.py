"""A failed test of a browser or a Jupyter server is run once more; no other test is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

INI = """
[pytest]
addopts = -ra --rerun-show-tracebacks --import-mode=importlib -p no:schemathesis
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""

CONFTEST = """
import subprocess, sys
from pathlib import Path
import pytest
from tests.retrying import retry_once

def pytest_collection_modifyitems(items):
    retry_once(items, Path(__file__).parent)

@pytest.fixture(scope="module")
def server():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.communicate(b"\\n")
"""

TESTS = """
import warnings
pids, tries = set(), set()

def fails_once(name, server):
    assert server.poll() is None
    pids.add(server.pid)
    again = name in tries
    tries.add(name)
    assert again, "too slow"

def test_second_attempt(server):
    fails_once("second attempt", server)

async def test_coroutine(server):
    fails_once("coroutine", server)

def test_same_server(server):
    assert pids == {server.pid}

def test_warning(server):
    warnings.warn("strict", UserWarning)

def test_values():
    assert "no process" == "no retry"

def test_last_of_its_file(server):
    fails_once("last", server)
"""

ELSEWHERE = """
def test_elsewhere(request):
    import subprocess, sys
    assert subprocess.call([sys.executable, "-c", "pass"]) == 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two folders of tests, of which the first has a retry."""
    for name, text in {
        "driven/conftest.py": CONFTEST,
        "driven/test_driven.py": TESTS,
        "other/test_other.py": ELSEWHERE,
        "pytest.ini": INI,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "workers",
    [pytest.param([], marks=pytest.mark.slow), ["-n", "2", "--dist", "loadfile"]],
    ids=["one", "two"],
)
def test_the_summary_names_what_was_run_twice(folder: Path, workers: list[str]) -> None:
    command = [
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", f"pythonpath={REPOSITORY}",
        *workers,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    summary = done.stdout.partition("rerun test summary info")[2]
    driven = r"driven/test_driven\.py::test_(\w+)"
    assert set(re.findall(f"^RERUN {driven}", summary, re.MULTILINE)) == {
        "second_attempt", "coroutine", "warning", "last_of_its_file",
    }  # fmt: skip
    assert "AssertionError: too slow" in summary
    assert set(re.findall(f"^FAILED {driven}", summary, re.MULTILINE)) == {"warning", "values"}
    assert "FAILED other/test_other.py::test_elsewhere" in summary
    assert "3 failed, 4 passed, 4 rerun" in summary
