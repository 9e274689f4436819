"""nbconvert, papermill and Voila execute a notebook that serves, and take no session over."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from live_jupyter import REPOSITORY, end_family, free_port, wait_until

from tests.running import serving
from uproot_nb import Page, open_log

pytestmark = pytest.mark.timeout(300)

CELL = """
from uproot_nb import *

class Hello(Page):
    "Hello."

run = serve([Hello], players=1, name="study", embedded=True, port=0)
"""
PAPERMILL = [sys.executable, "-m", "papermill", "notebook.ipynb", "done.ipynb", "-k", "python3"]
NBCONVERT = [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", "notebook.ipynb"]
EXECUTE = [sys.executable, "-m", "jupyter", "execute", "notebook.ipynb"]
ALL = [NBCONVERT, *(pytest.param(each, marks=pytest.mark.slow) for each in (PAPERMILL, EXECUTE))]
"""Each brings a kernel of its own: one stands for all in `make test`."""


class Hello(Page):
    """Hello."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a notebook that serves the session "study"."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(made, tmp_path / "notebook.ipynb")
    return tmp_path


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    """The environment of a program that knows nothing of this machine's Jupyter servers."""
    return {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "IPYTHONDIR": str(folder / "ipython"),
    }


@pytest.fixture
def served_once(folder: Path) -> Path:
    """The database of a session that nobody serves now; its participants wait."""
    database = folder / "uproot_nb.sqlite3"
    with serving(Hello, name="study", db=database):
        pass
    return database


def executed(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Execute the notebook; return the exit code, and what was printed."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )
    return done.returncode, done.stdout + done.stderr


def last_seq(database: Path) -> int:
    return int(open_log(database, "study").events["seq"].max())


@pytest.mark.parametrize("command", ALL)
@pytest.mark.slow
def test_a_session_that_waits_is_not_taken_over(
    command: list[str], folder: Path, environment: dict[str, str], served_once: Path
) -> None:
    before = last_seq(served_once)
    code, said = executed(command, folder, environment)
    assert code != 0
    assert "SessionExists" in said
    assert "open_log(" in said
    assert last_seq(served_once) == before


@pytest.mark.slow
@pytest.mark.parametrize("command", [PAPERMILL, NBCONVERT])
def test_a_session_that_is_served_is_not_taken_over(
    command: list[str], folder: Path, environment: dict[str, str]
) -> None:
    with serving(Hello, name="study", db=folder / "uproot_nb.sqlite3") as run:
        code, said = executed(command, folder, environment)
        assert code != 0
        assert "SessionTaken" in said
        run.message(run.players, "Still here.")


@pytest.mark.slow
def test_a_new_session_is_served_until_the_last_cell(
    folder: Path, environment: dict[str, str]
) -> None:
    code, said = executed(PAPERMILL, folder, environment)
    assert code == 0, said
    assert "executed by papermill" in (folder / "done.ipynb").read_text("utf-8")
    assert last_seq(folder / "uproot_nb.sqlite3") > 0


@pytest.mark.slow
def test_who_asks_for_it_goes_on_with_a_session(
    folder: Path, environment: dict[str, str], served_once: Path
) -> None:
    before = last_seq(served_once)
    notebook = folder / "notebook.ipynb"
    text = notebook.read_text("utf-8").replace("embedded=True", "take_over=True, embedded=True")
    notebook.write_text(text, "utf-8")
    code, said = executed(PAPERMILL, folder, environment)
    assert code == 0, said
    assert last_seq(served_once) > before


@pytest.fixture
def voila(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """The address of a Voila that shows the notebook."""
    port = free_port()
    command = [sys.executable, "-m", "voila", "notebook.ipynb", f"--port={port}", "--no-browser"]
    command += ["--show_tracebacks=True", "--ServerApp.allow_root=True"]
    with (folder / "voila.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until(lambda: _answers(port), 120.0, "Voila to answer")
        yield f"http://127.0.0.1:{port}/"
    finally:
        end_family(process)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=60):
        return True
    return False


@pytest.mark.slow
def test_a_visitor_of_voila_takes_no_session_over(voila: str, served_once: Path) -> None:
    before = last_seq(served_once)
    with urllib.request.urlopen(voila, timeout=120) as answer:
        shown = answer.read().decode()
    assert "executed by voila" in shown
    assert "SessionExists" in shown
    assert last_seq(served_once) == before
