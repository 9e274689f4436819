"""Framework: the `uproot` framework itself, in a Python of its own, serving a project."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Any, Self

import pytest

__all__ = ["Framework", "install_framework", "place_of_framework", "tracebacks"]

REQUIREMENT = "uproot-science==0.10.*"
PYTHONS = ("python3.13", "python3.14")
PATIENCE = 60.0

MAIN = """
import uproot.deployment as upd
from uproot.cli import cli
from uproot.server import load_config, uproot_server

load_config(uproot_server, config="{app}", apps=["{app}"])
upd.ADMINS["admin"] = upd.auto_login()
upd.API_KEYS.add("{key}")
upd.UPSTREAM = False

if __name__ == "__main__":
    cli()
"""
KEY = "a-key-of-the-tests"


LEFT = "live_method = getattr(page, mname)"
"""The line that fails in the framework itself, in a call that came just after the page was left."""


def tracebacks(printed: str) -> list[str]:
    """Return the tracebacks in what the framework printed, save those of calls that came late."""
    found = printed.split("Traceback (most recent call last):\n")[1:]
    return [text for text in found if _failing_line(text) != LEFT]


def _failing_line(traceback: str) -> str:
    """Return the source line of a traceback's last frame, without the markers below it."""
    indented = itertools.takewhile(lambda line: line.startswith("  "), traceback.splitlines())
    return next((line.strip() for line in reversed([*indented]) if line.strip(" ^~")), "")


def install_framework(folder: Path) -> Path:
    """Return the folder of the framework's programs; skip the test if it is not available.

    UPROOT_NB_FRAMEWORK may name a virtual environment that has it already.
    """
    named = os.environ.get("UPROOT_NB_FRAMEWORK")
    if named:
        return Path(named) / "bin"
    venv = folder / "framework"
    if not (venv / "installed").exists():
        shutil.rmtree(venv, ignore_errors=True)
        _run([_python(), "-m", "venv", str(venv)], "a virtual environment cannot be made")
        pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", REQUIREMENT]
        _run(pip, f"{REQUIREMENT} cannot be installed")
        (venv / "installed").touch()
    return venv / "bin"


def place_of_framework(config: Any) -> Path:
    """Return the folder in which pytest keeps the framework from run to run; without one a new."""
    cache = getattr(config, "cache", None)
    return Path(mkdtemp() if cache is None else cache.mkdir("uproot_nb"))


def _python() -> str:
    for name in PYTHONS:
        found = shutil.which(name)
        if found is None:
            continue
        # Where a version manager stands in front, the name alone starts nothing.
        environment = {**os.environ, "PYENV_VERSION": name.removeprefix("python")}
        asked = subprocess.run(
            [found, "-c", "import sys; print(sys.executable)"],
            capture_output=True, text=True, env=environment, check=False,
        )  # fmt: skip
        if asked.returncode == 0:
            return asked.stdout.strip()
    pytest.skip(f"none of the Pythons that the framework runs on is here: {', '.join(PYTHONS)}")


def _run(command: list[str], problem: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"{problem}: {error}")
    if done.returncode:
        pytest.skip(f"{problem}: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")


class Framework:
    """A project with one app, served by the framework until the block ends.

    with Framework(programs, project, "game") as framework:
        links = framework.open_session(players=2)
    """

    def __init__(self, programs: Path, project: Path, app: str) -> None:
        self._project, self._app = project, app
        (project / "main.py").write_text(MAIN.format(app=app, key=KEY), "utf-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.origin = f"http://127.0.0.1:{free.getsockname()[1]}"
        self._output = (project / "output.txt").open("w+")
        port = self.origin.rpartition(":")[2]
        self._server = subprocess.Popen(
            [str(programs / "uproot"), "run", "--port", port], cwd=project,
            stdout=self._output, stderr=subprocess.STDOUT, env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        self._session = ""

    def __enter__(self) -> Self:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self._ask("configs/")
                return self
            except OSError as error:
                if time.monotonic() > end or self._server.poll() is not None:
                    self._close()
                    raise AssertionError(f"the framework does not serve: {self.said()}") from error
                time.sleep(0.05)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def open_session(self, players: int) -> list[str]:
        """Open a session whose pages fill themselves in; return the players' links."""
        asked = {"config": self._app, "n_players": players, "simulate": True}
        self._session = self._ask("sessions/", asked)["sname"]
        return [f"{self.origin}/p/{self._session}/{name}/" for name in self.fields("id")]

    def fields(self, *names: str) -> dict[str, Any]:
        """Return fields of all players, by the player's name."""
        query = "&".join(f"fields={name}" for name in names)
        found: dict[str, Any] = self._ask(f"sessions/{self._session}/players/?{query}")
        return found

    def said(self) -> str:
        """Return what the server has printed."""
        self._output.flush()
        return (self._project / "output.txt").read_text("utf-8")[-4000:]

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"{self.origin}/admin/api/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
            return json.load(reply)

    def _close(self) -> None:
        self._server.terminate()
        self._server.wait(PATIENCE)
        self._output.close()
