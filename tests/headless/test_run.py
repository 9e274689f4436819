"""`uproot-nb run`: a real process, a real kernel, and what becomes of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from live_jupyter import free_port
from waiting import wait_until

from tests.running import BEGIN_FORM
from uproot_nb import open_log
from uproot_nb.cli import main

EXPERIMENT = """\
from uproot_nb import *


class Question(Page):
    "Your age, please."

    fields = dict(age=IntegerField(label="Age"))


class Thanks(Page):
    "Thank you very much."


run = serve([Question, Thanks], players=2, name="study")
print("the notebook says hello")
"""


def notebook(folder: Path, *cells: str) -> Path:
    """Write a notebook."""
    made = [
        {"cell_type": "code", "id": f"c{at}", "metadata": {}, "execution_count": None,
         "outputs": [], "source": text}
        for at, text in enumerate(cells)
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = folder / "study.ipynb"
    told = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": made}
    path.write_text(json.dumps(told), "utf-8")
    return path


class Headless:
    """The command in a process of its own, and what it has said so far."""

    def __init__(self, path: Path, *options: str) -> None:
        self.said = path.with_suffix(".txt")
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "uproot_nb.cli", "run", str(path), "--plain", *options],
                stdout=said, stderr=subprocess.STDOUT, cwd=path.parent,
                env={**os.environ, "JUPYTER_RUNTIME_DIR": str(path.parent / "runtime")},
            )  # fmt: skip

    @property
    def text(self) -> str:
        return self.said.read_text("utf-8", "replace")

    def says(self, words: str, seconds: float = 60.0) -> str:
        """Wait until it has said *words*; return all that it has said."""

        def there() -> bool:
            if self.process.poll() is not None and words not in self.text:
                raise AssertionError(f"it ended:\n{self.text}")
            return words in self.text

        wait_until(there, seconds, f"it to say {words!r}")
        return self.text

    def ends(self, seconds: float = 40.0) -> int:
        return self.process.wait(seconds)

    def tells_links(self, count: int) -> list[str]:
        """Wait until it has told so many links, and return them."""
        wait_until(lambda: len(self.links) >= count, 60.0, f"{count} links")
        return self.links

    @property
    def links(self) -> list[str]:
        return re.findall(r"^player +\S+ +(\S+)$", self.text, re.MULTILINE)

    @property
    def kernel(self) -> psutil.Process:
        children = psutil.Process(self.process.pid).children(recursive=True)
        return next(child for child in children if "ipykernel" in " ".join(child.cmdline()))

    def close(self) -> None:
        """End it and its kernel, whatever it does."""
        family = []
        if self.process.poll() is None:
            family = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
        for one in family:
            one.kill()
        self.process.wait()


@pytest.fixture
def headless(tmp_path: Path) -> Iterator[Any]:
    started: list[Headless] = []

    def start(*cells: str, options: tuple[str, ...] = ()) -> Headless:
        port = () if "--port" in options else ("--port", "0")
        started.append(Headless(notebook(tmp_path, *cells), *port, *options))
        return started[-1]

    yield start
    for one in started:
        one.close()


def page(link: str) -> str:
    """Return what is at a link, for somebody who begins if need be."""
    with urllib.request.urlopen(link, timeout=20) as response:
        html = str(response.read().decode())
    if 'name="_uproot_begin"' in html:
        with urllib.request.urlopen(link, BEGIN_FORM, timeout=20) as response:
            html = str(response.read().decode())
    return html


@pytest.mark.slow
def test_whoever_comes_while_it_starts_waits_for_the_notebook(
    headless: Any, tmp_path: Path
) -> None:
    """The server is there first: links that were handed out before never say 404."""
    go = tmp_path / "go"
    wait = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)"
    run = headless(wait, EXPERIMENT)
    root = re.search(r"Starting: (\S+) is open", run.says("Starting: "))
    assert root is not None
    for path in ("p/a-token-of-before/", "join/study/a-secret/", "room/lab/"):
        with pytest.raises(urllib.error.HTTPError) as early:
            page(root[1] + path)
        assert early.value.code == 503
        assert "One moment" in early.value.read().decode()
    go.write_text("")
    assert "Your age, please." in page(run.tells_links(2)[0])


def test_it_serves_until_it_is_interrupted(headless: Any, tmp_path: Path) -> None:
    run = headless(EXPERIMENT, options=("--players", "3"))
    run.says("the notebook says hello")
    assert len(links := run.tells_links(3)) == 3
    assert "Your age, please." in page(links[0])
    run.says("enters Question")
    run.process.send_signal(signal.SIGINT)
    assert run.ends() == 0
    assert "Closed. Everything is in the database." in run.text
    copied = shutil.copy(tmp_path / "uproot_nb.sqlite3", tmp_path / "copy.sqlite3")
    with open_log(copied, "study") as log:
        assert list(log.state["page"].dropna()) == ["Question"]
    assert not list((tmp_path / "runtime").glob("uproot_nb-*"))


def test_a_killed_kernel_is_followed_by_another(headless: Any, tmp_path: Path) -> None:
    """The links stay, and so does what was answered."""
    run = headless(EXPERIMENT)
    run.says("the notebook says hello")
    link = run.tells_links(2)[0]
    shown = page(link)
    hidden = dict(re.findall(r'name="(_uproot_\w+)" value="([^"]*)"', shown))
    form = urllib.parse.urlencode({**hidden, "age": "41"}).encode()
    with urllib.request.urlopen(link, form, timeout=20) as answer:
        assert "Thank you very much." in answer.read().decode()
    run.kernel.kill()
    run.says("The kernel died")
    wait_until(lambda: run.text.count("says hello") == 2, 60.0, "the notebook to run again")
    assert "Thank you very much." in page(link)
    assert len(run.links) == 2
    run.process.send_signal(signal.SIGTERM)
    assert run.ends() == 0
    with open_log(tmp_path / "uproot_nb.sqlite3", "study") as log:
        assert 41 in list(log.state["age"])


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        pytest.param(("x = 1\n1 / 0",), "Cell 1 failed: x = 1", marks=pytest.mark.slow),
        (("x = 1",), "No cell of this notebook has called serve()"),
        pytest.param(
            (EXPERIMENT, "import os\nraise SystemExit"), "Cell 2 failed", marks=pytest.mark.slow
        ),
    ],
)
@pytest.mark.slow
def test_what_fails_ends_it_with_one(headless: Any, cells: tuple[str, ...], words: str) -> None:
    run = headless(*cells)
    assert run.ends(60.0) == 1
    assert words in run.text


@pytest.mark.slow
def test_a_cells_traceback_is_shown(headless: Any) -> None:
    run = headless("x = 1\n1 / 0")
    assert run.ends(60.0) == 1
    assert "ZeroDivisionError" in run.text
    assert "\x1b" not in run.text


@pytest.mark.slow
def test_what_cannot_even_begin_ends_with_two(headless: Any, tmp_path: Path) -> None:
    missing = Headless(tmp_path / "nowhere.ipynb")
    assert missing.ends() == 2
    assert "cannot be read" in missing.text
    (tmp_path / "text.ipynb").write_text("not a notebook", "utf-8")
    other = Headless(tmp_path / "text.ipynb")
    assert other.ends() == 2
    assert "not a Jupyter notebook" in other.text


@pytest.mark.parametrize(
    ("option", "text", "advice"),
    [
        ("--port", "70000", "give a port from 0 (any free one) to 65535"),
        ("--port", "http", "give a port from 0 (any free one) to 65535"),
        ("--port", "-1", "give a port from 0 (any free one) to 65535"),
        ("--players", "-2", "give a whole number of places, 0 or more"),
        ("--players", "two", "give a whole number of places, 0 or more"),
        ("--public-url", "nonsense", 'give an address that begins with "http://" or "https://"'),
        ("--public-url", "https://", 'give an address that begins with "http://" or "https://"'),
        ("--public-url", "http://[", 'give an address that begins with "http://" or "https://"'),
        ("--name", "a b", "a session's name has 1 to 100 letters"),
        ("--host", "not an address", "give an address of this machine"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_with_what_may_stand_there(
    option: str, text: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "study.ipynb", option, text])
    assert ended.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"{option}: {text!r}: {advice}" in said


@pytest.mark.slow
def test_what_a_cell_has_closed_is_served_no_more(headless: Any, tmp_path: Path) -> None:
    """It says so, and ends by itself once nothing is left."""
    second = EXPERIMENT.replace('"study"', '"second"').replace("run =", "other =")
    run = headless(
        EXPERIMENT, second, "run.close()",
        "import threading\nthreading.Timer(1.0, other.close).start()",
    )  # fmt: skip
    run.says("The notebook has closed session study")
    run.says("The notebook has closed session second")
    assert run.ends() == 0
    ended = "The notebook has closed all its sessions. Everything is in the database."
    assert ended in run.text


@pytest.mark.parametrize(
    ("cells", "shown", "words"),
    [
        ([EXPERIMENT.replace('name="study"', 'db=":memory:"')], "hello", "Nothing was stored"),
        pytest.param(
            ["import time\nprint('waits')\ntime.sleep(60)"], "waits", "Nothing was served.",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            [EXPERIMENT, EXPERIMENT.replace('name="study"', 'name="brief", db=":memory:"')],
            "Session brief", "in the database, except for brief.", marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_it_does_not_say_that_it_keeps_what_it_does_not(
    headless: Any, cells: list[str], shown: str, words: str
) -> None:
    run = headless(*cells)
    run.says(shown)
    if "serve" in cells[0]:
        run.says("player")
        run.tells_links(2 * len(cells))
    run.process.send_signal(signal.SIGINT)
    assert run.ends(60.0) == 0
    assert words in run.text


@pytest.mark.slow
def test_a_port_that_somebody_has_is_named(headless: Any) -> None:
    port = free_port()
    first = headless(EXPERIMENT, options=("--port", str(port)))
    first.says("the notebook says hello")
    second = headless(EXPERIMENT, options=("--port", str(port)))
    assert second.ends() == 2
    assert f"Port {port}" in second.text


REDEFINITION = """\
class Thanks(Page):
    "Thanks."


print("the new page is there")
"""


@pytest.mark.slow
def test_pages_are_frozen_unless_it_is_told_otherwise(headless: Any) -> None:
    """A cell that redefines one fails, and says which option lets it."""
    run = headless(EXPERIMENT, REDEFINITION)
    assert run.ends() == 1
    assert "Thanks was redefined, but the session 'study' is frozen" in run.text
    assert "uproot-nb run --editable" in run.text
    assert "Cell 2 failed: class Thanks(Page):" in run.text
    again = headless(EXPERIMENT, REDEFINITION, "print(run.frozen)", options=("--editable",))
    again.says("False")


def test_it_cannot_be_frozen_and_editable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "study.ipynb", "--frozen", "--editable"])
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.slow
def test_another_name_and_database_and_the_option_of_before(headless: Any, tmp_path: Path) -> None:
    run = headless(
        EXPERIMENT, "print(run.frozen)",
        options=("--frozen", "--name", "monday", "--db", "data.sqlite3"),
    )  # fmt: skip
    run.says("Session monday")
    run.says("True")
    run.process.send_signal(signal.SIGINT)
    assert run.ends() == 0
    with open_log(tmp_path / "data.sqlite3", "monday") as log:
        assert len(log.state) == 2


@pytest.mark.slow
def test_a_blocking_cell_does_not_keep_participants_out(headless: Any) -> None:
    run = headless(EXPERIMENT, "import time\nwhile True: time.sleep(0.1)")
    run.says("the notebook says hello")
    assert "Your age, please." in page(run.tells_links(2)[1])
    run.process.send_signal(signal.SIGINT)
    assert run.ends() == 0
