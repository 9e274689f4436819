"""Runs Autobahn's test suite against the WebSocket of the participant server.

    make conformance

The suite needs Python 2.7; where there is none this says so and ends. `UPROOT_NB_PYTHON2` names
one. The same cases, written anew, are in `tests/server/test_conformance.py` and always run.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application

from uproot_nb.server.participants import ParticipantServer
from uproot_nb.server.socket_handlers import SocketHandler
from uproot_nb.server.websocket import WebSocket, text_frame

PACKAGE = "autobahntestsuite==25.10.1"
GROUPS = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")
GOOD = ("OK", "INFORMATIONAL")
BINARY = ("1.2.",)
"""Cases of binary messages, which this server refuses with 1003 as RFC 6455 has it."""
LONGEST, UNSENT = 1 << 20, 16 << 20
RUN = """
import site, sys
site.addsitedir(sys.argv.pop(1))
from autobahntestsuite.wstest import run
run()
"""


class Echo(WebSocket):
    """Sends every text back."""

    def on_text(self, payload: bytes) -> None:
        self.write(text_frame(payload))


class EchoHandler(SocketHandler):
    """The server's own handshake, with an echo behind it."""

    route = "echo"
    longest, unsent = LONGEST, UNSENT

    async def get(self) -> None:
        await self.enter(None, lambda: Echo(self.longest, self.unsent))


def python2() -> tuple[str, dict[str, str]] | None:
    """Return a Python 2.7 that has pip, and the environment to run it in."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    installed = [str(path) for path in sorted(pyenv.glob("2.7.*/bin/python2.7"))]
    for name in (os.environ.get("UPROOT_NB_PYTHON2", ""), "python2.7", "python2", *installed):
        found = shutil.which(name) if name else None
        if found and subprocess.run([found, "-m", "pip", "--version"], capture_output=True).stdout:
            environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
            return found, environment
    return None


def install(python: str, environment: dict[str, str], folder: Path) -> bool:
    """Install the suite into *folder*, once."""
    if (folder / "autobahntestsuite").exists():
        return True
    command = [python, "-m", "pip", "install", "--quiet", "--target", str(folder), PACKAGE]
    return subprocess.run(command, env=environment).returncode == 0


async def run_suite(python: str, environment: dict[str, str], suite: Path) -> dict[str, Any]:
    """Return Autobahn's verdicts by case."""
    arguments = {"parts": ParticipantServer().socket_parts()}
    server = HTTPServer(Application([(r"/.*", EchoHandler, arguments)]))
    server.listen(0, "127.0.0.1")
    (opened,) = server._sockets.values()
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "spec.json"
        spec.write_text(
            json.dumps({
                "outdir": folder,
                "servers": [
                    {"agent": "uproot_nb", "url": f"ws://127.0.0.1:{opened.getsockname()[1]}"}
                ],
                "cases": list(GROUPS), "exclude-cases": [], "exclude-agent-cases": {},
            })
        )  # fmt: skip
        command = [python, "-c", RUN, str(suite), "-m", "fuzzingclient", "-s", str(spec)]
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, cwd=folder, stdout=subprocess.DEVNULL
        )
        await process.wait()
        server.stop()
        found: dict[str, Any] = json.loads((Path(folder) / "index.json").read_text())["uproot_nb"]
        return found


def judge(case: str, verdict: dict[str, Any]) -> str:
    """Return what to show of one case."""
    refused = verdict.get("remoteCloseCode") == 1003
    if case.startswith(BINARY) and refused:
        return "refused with 1003"
    behavior, closing = verdict["behavior"], verdict["behaviorClose"]
    return str(behavior if closing in GOOD or behavior not in GOOD else f"closing: {closing}")


def main() -> int:
    """Print a line a group, and each case that did not pass; return 1 if there is one."""
    found = python2()
    if found is None:
        print(
            "Autobahn's suite needs Python 2.7 with pip, and there is none here: nothing was run."
        )
        print("Name one with UPROOT_NB_PYTHON2. Our cases: pytest tests/server/test_conformance.py")
        return 0
    python, environment = found
    suite = Path(__file__).parent.parent / "build" / "autobahn"
    if not install(python, environment, suite):
        print(f"{PACKAGE} could not be installed by {python}: nothing was run.")
        return 0
    verdicts = asyncio.run(run_suite(python, environment, suite))
    shown = {case: judge(case, verdict) for case, verdict in verdicts.items()}
    for group in sorted({case.split(".")[0] for case in shown}, key=int):
        counts = Counter(shown[case] for case in shown if case.split(".")[0] == group)
        print(f"group {group:>2}: {', '.join(f'{count} {what}' for what, count in counts.items())}")
    bad = [case for case, what in shown.items() if what not in (*GOOD, "refused with 1003")]
    for case in bad:
        print(f"case {case}: {shown[case]} {verdicts[case]}")
    return 1 if bad or not shown else 0


if __name__ == "__main__":
    sys.exit(main())
