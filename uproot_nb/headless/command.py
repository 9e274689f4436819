"""The command `uproot-nb run`: serve a notebook from a terminal, without JupyterLab."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from uproot_nb.bridge.nats.broker_address import is_broker
from uproot_nb.headless.endpoint import BrokerEndpoint, Endpoint
from uproot_nb.headless.metrics_endpoint import MetricsEndpoint
from uproot_nb.headless.notebook_file import CannotStart, NotebookFile
from uproot_nb.headless.participant_endpoint import ParticipantEndpoint
from uproot_nb.headless.screens import LiveScreen, PlainScreen, Screen
from uproot_nb.headless.service import Service
from uproot_nb.headless.standby import StandbyRole
from uproot_nb.headless.steward_endpoint import StewardEndpoint, parse_place
from uproot_nb.log.postgres.address import is_database
from uproot_nb.notebook.connection_choice import BROKER
from uproot_nb.notebook.options import remedy
from uproot_nb.notebook.overrides import Overrides
from uproot_nb.notebook.serve import fresh_name
from uproot_nb.server.settings import ServerSettings
from uproot_nb.server.site import Site, check_path

__all__ = [
    "add_options", "add_server_options", "metrics_of", "parse_settings",
    "run_notebook", "settings_of", "steward_of",
]  # fmt: skip


def add_options(run: argparse.ArgumentParser) -> None:
    """Add the options of `uproot-nb run` to the parser."""
    run.add_argument(
        "notebook", metavar="NOTEBOOK", help="the notebook; its cells run from top to bottom"
    )
    run.add_argument(
        "--players", type=_argument("players", int), metavar="N", help="open at least N places"
    )
    add_server_options(run)
    run.add_argument(
        "--name", type=_argument("name"), help="the session's name, instead of the notebook's"
    )
    run.add_argument("--db", help="the database, instead of the notebook's")
    run.add_argument(
        "--bridge", metavar="URL",
        help="let participants use the gateways at these NATS servers (nats://…); by default "
        f"{BROKER}, else a server of its own",
    )  # fmt: skip
    run.add_argument(
        "--standby", action="store_true",
        help="wait until no other kernel serves the session, then take it over; needs --db "
        "postgresql://… and --bridge",
    )  # fmt: skip
    code = run.add_mutually_exclusive_group()
    code.add_argument(
        "--editable", action="store_true",
        help="let cells redefine pages while they are served; by default they cannot",
    )  # fmt: skip
    code.add_argument("--frozen", action="store_true", help=argparse.SUPPRESS)  # as without it
    run.add_argument(
        "--plain", action="store_true", help="print a line for each event instead of a live table"
    )
    run.set_defaults(do=run_notebook)


def add_server_options(command: argparse.ArgumentParser) -> None:
    """Add the options of a participant server of its own to the parser."""
    command.add_argument(
        "--port",
        type=_argument("port", int),
        default=8600,
        metavar="P",
        help="the participants' port, by default 8600; 0 takes any",
    )
    command.add_argument(
        "--address", "--host", dest="host", type=_argument("address"), default="127.0.0.1",
        help="the address to listen on, by default 127.0.0.1; 0.0.0.0 for all",
    )  # fmt: skip
    command.add_argument(
        "--public-url", type=_argument("public_url"), default="", metavar="URL",
        help="the address that browsers use, for example behind a proxy",
    )  # fmt: skip
    command.add_argument(
        "--base-path", type=_path, default="", metavar="PATH",
        help="the path that a proxy passes on without removing it, such as /study",
    )  # fmt: skip
    command.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
        help="a setting of the server, such as max_frame_bytes=1000000; repeatable",
    )  # fmt: skip
    command.add_argument(
        "--metrics", type=_place, metavar="HOST:PORT",
        help="serve /metrics for Prometheus and /healthz at an address of their own, such as "
        "127.0.0.1:9100",
    )  # fmt: skip
    command.add_argument(
        "--monitor", type=_place, metavar="HOST:PORT",
        help="serve the monitor and the API at an address of their own, such as 127.0.0.1:8610",
    )  # fmt: skip
    command.add_argument(
        "--monitor-url", type=_argument("public_url"), default="", metavar="URL",
        help="the monitor's address that browsers use, for example behind a proxy",
    )  # fmt: skip


_OF_SERVERS = {"--monitor": "monitor", "--set": "settings", "--base-path": "base_path"}
"""Options that only a participant server can follow."""


def run_notebook(options: argparse.Namespace) -> int:
    """Serve a notebook until Ctrl-C; return the exit code: see `docs/headless.md`."""
    screen = _screen(options.plain)
    try:
        notebook = NotebookFile.read(options.notebook)
        endpoint, standby = _endpoint(options), _standby(options, notebook)
        overrides = Overrides(
            players=options.players, name=standby.session if standby else options.name,
            code="live" if options.editable else "frozen",
            db=standby.db if standby else _database(options.db),
            public_url=endpoint.public_url, fresh=fresh_name_of(notebook),
        )  # fmt: skip
        service = Service(notebook, endpoint, overrides, screen, standby)
        return asyncio.run(_serve(service, metrics_of(options)))
    except CannotStart as refusal:
        print(f"uproot-nb: {refusal}", file=sys.stderr)
        return 2


async def _serve(service: Service, metrics: MetricsEndpoint | None) -> int:
    if metrics is None:
        return await service.run()
    try:
        service.be_watched(metrics)
        return await service.run()
    finally:
        await metrics.close()


def _endpoint(options: argparse.Namespace) -> Endpoint:
    """Return the way to the participants: gateways, or a server of the run's own."""
    bridge = options.bridge or os.environ.get(BROKER, "")
    if not options.bridge and not is_broker(bridge):
        return ParticipantEndpoint(
            options.host, options.port, options.public_url, settings_of(options),
            steward_of(options),
        )  # fmt: skip
    given = next((name for name in _OF_SERVERS if getattr(options, _OF_SERVERS[name])), "")
    if given:
        raise CannotStart(f"{given}: with --bridge, give it to the gateways (uproot-nb gateway).")
    return BrokerEndpoint(bridge, options.public_url)


def _standby(options: argparse.Namespace, notebook: NotebookFile) -> StandbyRole | None:
    if not options.standby:
        return None
    if not (options.bridge or is_broker(os.environ.get(BROKER, ""))):
        raise CannotStart(
            "--standby: participants must be able to reach every kernel: give --bridge nats://… "
            "to all kernels, and let participants connect to gateways (uproot-nb gateway)."
        )
    return StandbyRole.of(
        notebook, options.name, options.db or os.environ.get("UPROOT_NB_DATABASE", "")
    )


def _database(db: str | None) -> str | None:
    """Return a database's address as it is, and a file's path from the root."""
    return db if db is None or is_database(db) else str(Path(db).absolute())


def settings_of(options: argparse.Namespace) -> ServerSettings:
    """Return the settings of --set and --base-path.

    Raises:
        CannotStart: one is not valid.
    """
    settings = parse_settings(options.settings)
    if options.base_path:
        settings = replace(settings, base_path=options.base_path)
    try:
        Site(options.public_url, base_path=settings.base_path)
    except ValueError as error:
        raise CannotStart(f"{error}.") from error
    return settings


def parse_settings(assignments: list[str]) -> ServerSettings:
    """Return the settings of "NAME=VALUE" after --set.

    Raises:
        CannotStart: one is not valid.
    """
    try:
        return ServerSettings.parse(assignments)
    except ValueError as error:
        raise CannotStart(f"--set: {error}.") from error


def steward_of(options: argparse.Namespace) -> StewardEndpoint | None:
    """Return the monitor's address of --monitor; None without one.

    Raises:
        CannotStart: there is only a --monitor-url.
    """
    if options.monitor is not None:
        return StewardEndpoint(options.monitor, options.monitor_url, os.environ)
    if options.monitor_url:
        raise CannotStart("--monitor-url: also give --monitor, such as --monitor 127.0.0.1:8610.")
    return None


def metrics_of(options: argparse.Namespace) -> MetricsEndpoint | None:
    """Return the address of --metrics; None without one.

    Raises:
        CannotStart: the token in the environment is not fit to be one.
    """
    return None if options.metrics is None else MetricsEndpoint(options.metrics, os.environ)


def fresh_name_of(notebook: NotebookFile) -> str:
    """Return a name for a session that the notebook does not name."""
    return fresh_name(notebook.path.name)


def _screen(plain: bool) -> Screen:
    console = Console()
    if plain or not console.is_terminal:
        return PlainScreen(lambda line: print(line, flush=True))
    return LiveScreen(console)


def _place(text: str) -> tuple[str, int]:
    try:
        return parse_place(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def _path(text: str) -> str:
    try:
        return check_path(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


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
