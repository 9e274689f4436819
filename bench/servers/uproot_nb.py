"""uproot_nb, served from a real kernel under a real Jupyter server with the extension."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import BenchError
from servers.jupyter import JupyterServer, Kernel
from servers.system import System, fetch

__all__ = ["ARENA", "NotebookSystem", "enter", "start"]

ARENA = """
from uproot_nb import *

class Arena(Page):
    "Live methods, measured."

    @live
    def echo(page, player, x):
        return x

    @live
    def store(page, player, x):
        player.x = x
        return x

    @live
    def post(page, player, x):
        notify(player, players(player.session), x, event="Post")
"""

_SERVE = """
{run} = serve([Arena], players={players}, name={name!r}, db={database!r})
"""

QUESTION = """
class Question(Page):
    "Three questions, measured."

    template = "<p>Question number {{ player.round }}.</p>{{ fields() }}"
    fields = dict(
        age=IntegerField(label="How old are you?", min=18, max=99),
        colour=RadioField(label="Which one?", choices=["red", "green", "blue"]),
        reason=StringField(label="Why?"),
    )
"""

_SERVE_FORMS = """
{run} = serve([Rounds(Question, n=100)], players={players}, name={name!r}, db={database!r})
"""

_WAITS = """
class Ready(Page):
    "Ready?"

class Crowd{size}(GroupCreatingWait):
    group_size = {size}

class Play(Page):
    template = "<p>Play in {{{{ group.name }}}}.</p>"

{run} = serve([Ready, Crowd{size}, Play], players={players}, name={name!r}, db={database!r})
"""

_LINKS = """
import json
print(json.dumps(list({run}.links["url"])))
"""

_START = re.compile(r'<script[^>]*\bid="uproot-page"[^>]*>(.*?)</script>', re.DOTALL)


@dataclass(kw_only=True)
class NotebookSystem(System):
    """The system with what only a notebook has: a kernel that runs cells, and a log."""

    kernel: Kernel
    database: Path
    monitor: str = ""
    """The address of a monitor's web page's socket."""
    token: str = ""
    """What lets somebody into Jupyter."""
    sessions: int = 0

    def add(self, players: int, database: str = "") -> list[str]:
        """Serve a second session of *players* players and return their addresses."""
        return _serve(self.kernel, "more", players, database or self.database)

    def serve_forms(self, players: int) -> list[str]:
        """Serve one more session, of pages with a form, and return the links."""
        self.sessions += 1
        name = f"forms{self.sessions}"
        names = {"run": f"run_{name}", "name": name, "players": players}
        return self._serve(_SERVE_FORMS, names)

    def serve_waits(self, name: str, players: int, size: int) -> list[str]:
        """Serve one more session, which makes groups of *size*, and return the links."""
        names = {"run": f"run_{name}", "name": name, "players": players, "size": size}
        return self._serve(_WAITS, names)

    def _serve(self, cell: str, names: dict[str, Any]) -> list[str]:
        self.kernel.execute(cell.format(**names, database=str(self.database)))
        return list(json.loads(self.kernel.execute(_LINKS.format(**names))))


def start(folder: Path, players: int) -> NotebookSystem:
    """Serve a session of *players* players, all on the page, and leave the kernel idle."""
    home = Path(tempfile.mkdtemp(prefix="notebook-", dir=folder))
    database = home / "bench.sqlite3"
    jupyter = JupyterServer(home)
    try:
        kernel = jupyter.start_kernel()
        kernel.execute(ARENA)
        kernel.execute(QUESTION)
        urls = _serve(kernel, "bench", players, database)
    except BaseException:
        jupyter.close()
        raise
    pids = {"server": jupyter.process.pid, "kernel": kernel.pid}
    origin = "http" + "/".join(urls[0].split("/")[:3]).removeprefix("ws")
    system = NotebookSystem(
        "uproot_nb", origin, urls, pids, jupyter.close, kernel=kernel, database=database,
        monitor=jupyter.monitor("bench"), token=jupyter.token,
        open_forms=lambda players: system.serve_forms(players),
    )  # fmt: skip
    return system


def _serve(kernel: Kernel, name: str, players: int, database: Path | str) -> list[str]:
    """Serve a session from a cell, and open everybody's page."""
    names = {"run": f"run_{name}", "name": name, "players": players, "database": str(database)}
    kernel.execute(_SERVE.format(**names))
    return [enter(link) for link in json.loads(kernel.execute(_LINKS.format(**names)))]


def enter(link: str) -> str:
    """Open a player's page and return the address of the socket that its script opens."""
    url, html = fetch(link, b"_uproot_begin=1")
    found = _START.search(html)
    if found is None:
        raise BenchError("a page without its starting point")
    start_point = json.loads(found[1])
    root = url.split("?")[0].replace("http", "ws", 1)
    return f"{root}ws?page={start_point['page']}&since={start_point['since']}"
