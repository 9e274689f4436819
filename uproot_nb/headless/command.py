"""The command `uproot-nb run`: serve a notebook from a terminal, without JupyterLab."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from uproot_nb.headless.notebook_file import CannotStart, NotebookFile
from uproot_nb.headless.participant_endpoint import ParticipantEndpoint
from uproot_nb.headless.screens import LiveScreen, PlainScreen, Screen
from uproot_nb.headless.service import Service
from uproot_nb.notebook.options import remedy
from uproot_nb.notebook.overrides import Overrides
from uproot_nb.notebook.serve import fresh_name
from uproot_nb.server.settings import ServerSettings

__all__ = ["add_options", "run_notebook"]


def add_options(run: argparse.ArgumentParser) -> None:
    """Tell the parser what `uproot-nb run` takes."""
    run.add_argument("notebook", metavar="NOTEBOOK", help="its cells are run from top to bottom")
    run.add_argument(
        "--players", type=_taken("players", int), metavar="N", help="at least so many places"
    )
    run.add_argument(
        "--port", type=_taken("port", int), default=8600, metavar="P", help="8600; 0 takes any"
    )
    run.add_argument(
        "--host", type=_taken("address"), default="127.0.0.1",
        help="the address to listen on; 0.0.0.0 for all",
    )  # fmt: skip
    run.add_argument(
        "--public-url", type=_taken("public_url"), default="", metavar="URL",
        help="as browsers see it, by a proxy",
    )  # fmt: skip
    run.add_argument(
        "--name", type=_taken("name"), help="the session's name, instead of the notebook's"
    )
    run.add_argument("--db", help="the database, instead of the notebook's")
    run.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
        help="a limit or another setting of the server, as max_frame_bytes=1000000; repeatable",
    )  # fmt: skip
    run.add_argument("--frozen", action="store_true", help="no page may be redefined")
    run.add_argument("--plain", action="store_true", help="lines instead of a picture")
    run.set_defaults(do=run_notebook)


def run_notebook(told: argparse.Namespace) -> int:
    """Serve a notebook until Ctrl-C; return the exit code: 1 if it failed, 2 if it cannot start."""
    screen = _screen(told.plain)
    try:
        notebook = NotebookFile.read(told.notebook)
        overrides = Overrides(
            players=told.players, name=told.name, code="frozen" if told.frozen else None,
            db=None if told.db is None else str(Path(told.db).absolute()),
            fresh=fresh_name_of(notebook),
        )  # fmt: skip
        endpoint = ParticipantEndpoint(
            told.host, told.port, told.public_url, _settings(told.settings)
        )
        return asyncio.run(_serve(notebook, endpoint, overrides, screen))
    except CannotStart as refusal:
        print(f"uproot-nb: {refusal}", file=sys.stderr)
        return 2


async def _serve(
    notebook: NotebookFile, endpoint: ParticipantEndpoint, overrides: Overrides, screen: Screen
) -> int:
    return await Service(notebook, endpoint, overrides, screen).run()


def _settings(assignments: list[str]) -> ServerSettings:
    try:
        return ServerSettings.parse(assignments)
    except ValueError as error:
        raise CannotStart(f"--set: {error}.") from error


def fresh_name_of(notebook: NotebookFile) -> str:
    """Return a name for a session that the notebook does not name."""
    return fresh_name(notebook.path.name)


def _screen(plain: bool) -> Screen:
    console = Console()
    if plain or not console.is_terminal:
        return PlainScreen(lambda line: print(line, flush=True))
    return LiveScreen(console)


def _taken(name: str, kind: Callable[[str], Any] = str) -> Callable[[str], Any]:
    """Return what takes an option's text as `serve` takes the argument *name*."""

    def take(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = text
        advice = remedy(name, value)
        if advice:
            raise argparse.ArgumentTypeError(f"{text!r}: {advice}")
        return value

    return take
