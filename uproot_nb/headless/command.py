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
    """Add the options of `uproot-nb run` to the parser."""
    run.add_argument(
        "notebook", metavar="NOTEBOOK", help="the notebook; its cells run from top to bottom"
    )
    run.add_argument(
        "--players", type=_argument("players", int), metavar="N", help="open at least N places"
    )
    run.add_argument(
        "--port",
        type=_argument("port", int),
        default=8600,
        metavar="P",
        help="the participants' port, by default 8600; 0 takes any",
    )
    run.add_argument(
        "--host", type=_argument("address"), default="127.0.0.1",
        help="the address to listen on, by default 127.0.0.1; 0.0.0.0 for all",
    )  # fmt: skip
    run.add_argument(
        "--public-url", type=_argument("public_url"), default="", metavar="URL",
        help="the address that browsers use, for example behind a proxy",
    )  # fmt: skip
    run.add_argument(
        "--name", type=_argument("name"), help="the session's name, instead of the notebook's"
    )
    run.add_argument("--db", help="the database, instead of the notebook's")
    run.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
        help="a setting of the server, such as max_frame_bytes=1000000; repeatable",
    )  # fmt: skip
    run.add_argument("--frozen", action="store_true", help="do not let pages be redefined")
    run.add_argument(
        "--plain", action="store_true", help="print a line for each event instead of a live table"
    )
    run.set_defaults(do=run_notebook)


def run_notebook(options: argparse.Namespace) -> int:
    """Serve a notebook until Ctrl-C; return the exit code: 1 if it failed, 2 if it cannot start."""
    screen = _screen(options.plain)
    try:
        notebook = NotebookFile.read(options.notebook)
        overrides = Overrides(
            players=options.players, name=options.name, code="frozen" if options.frozen else None,
            db=None if options.db is None else str(Path(options.db).absolute()),
            fresh=fresh_name_of(notebook),
        )  # fmt: skip
        endpoint = ParticipantEndpoint(
            options.host, options.port, options.public_url, _settings(options.settings)
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


def _argument(name: str, kind: Callable[[str], Any] = str) -> Callable[[str], Any]:
    """Return a parser that checks an option as `serve` checks its argument *name*."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = text
        advice = remedy(name, value)
        if advice:
            raise argparse.ArgumentTypeError(f"{text!r}: {advice}")
        return value

    return parse
