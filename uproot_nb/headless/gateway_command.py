"""The command `uproot-nb gateway`: admit participants to sessions on other machines."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys

from uproot_nb.bridge.nats.broker_address import BrokerAddress
from uproot_nb.errors import UprootError
from uproot_nb.headless.command import (
    add_server_options,
    metrics_of,
    settings_of,
    steward_of,
)
from uproot_nb.headless.metrics_endpoint import MetricsEndpoint
from uproot_nb.headless.notebook_file import CannotStart
from uproot_nb.headless.steward_endpoint import StewardEndpoint
from uproot_nb.notebook.connection_choice import BROKER
from uproot_nb.server.connections import allow_open_files
from uproot_nb.server.gateways.gateway import Gateway, draw_family
from uproot_nb.server.participants import ParticipantServer
from uproot_nb.server.settings import ServerSettings

__all__ = ["add_gateway_options", "run_gateway"]


def add_gateway_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `uproot-nb gateway` to the parser."""
    command.add_argument(
        "--bridge", metavar="URL",
        help=f"the NATS servers, such as nats://broker:4222; by default {BROKER}",
    )  # fmt: skip
    command.add_argument(
        "--sessions", nargs="+", default=[], metavar="PATTERN",
        help="serve only sessions with such names, as in --sessions 'pilot-*'",
    )  # fmt: skip
    add_server_options(command)
    command.set_defaults(do=run_gateway)


def run_gateway(options: argparse.Namespace) -> int:
    """Admit participants until Ctrl-C or SIGTERM; return the exit code, 2 if it cannot start."""
    try:
        endpoint = GatewayEndpoint(
            _address(options.bridge or os.environ.get(BROKER, "")), options.host, options.port,
            options.public_url, settings_of(options), steward_of(options), options.sessions,
            metrics_of(options),
        )  # fmt: skip
        return asyncio.run(_serve(endpoint))
    except CannotStart as refusal:
        print(f"uproot-nb: {refusal}", file=sys.stderr)
        return 2


def _address(bridge: str) -> BrokerAddress:
    try:
        return BrokerAddress.parse(bridge)
    except ValueError as error:
        raise CannotStart(f"--bridge: {error}.") from error


async def _serve(endpoint: GatewayEndpoint) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving = asyncio.create_task(endpoint.serve())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        return 0
    finally:
        serving.cancel()
        stopping.cancel()
        await asyncio.gather(serving, stopping, return_exceptions=True)
        await endpoint.close()


class GatewayEndpoint:
    """A participant server whose kernels are found over NATS, and the monitor's address beside it.

    Args:
        sessions: patterns of the names of the sessions to serve; all without.
        steward: the monitor's address, if there is one.
        metrics: the address for Prometheus, if there is one.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        host: str,
        port: int,
        public_url: str,
        settings: ServerSettings,
        steward: StewardEndpoint | None,
        sessions: list[str],
        metrics: MetricsEndpoint | None = None,
    ) -> None:
        self._broker, self._host, self._port, self._steward = broker, host, port, steward
        allow_open_files(settings.limits.max_connections)
        self._server = ParticipantServer(
            public_url=public_url, family=draw_family(), **settings.arguments()
        )
        self._gateway = Gateway(self._server, broker, sessions)
        self._server.health.condition = self._gateway.condition
        self._metrics = metrics

    async def serve(self) -> None:
        """Open the port, and serve the kernels at the broker until this is cancelled.

        Raises:
            CannotStart: the port cannot be opened, or the broker does not admit us.
        """
        try:
            self._server.expected.extend()
            self._server.start(self._port, self._host, tries=1)
        except OSError as error:
            raise CannotStart(
                f"Port {self._port} of {self._host} cannot be opened: {error.strerror or error}.\n"
                "Give another one with --port, or end the program that uses it."
            ) from error
        if self._steward is not None:
            self._steward.open(self._server)
        if self._metrics is not None:
            self._metrics.open(self._server.health, self._server)
        _write(f"This gateway listens on port {self._server.port}.")
        _write(f"Participants reach this gateway at {self._server.url}")
        for note in self._notes:
            _write(note)
        try:
            await self._gateway.stay_open(_write)
        except (OSError, UprootError) as refusal:
            raise CannotStart(str(refusal)) from refusal

    @property
    def _notes(self) -> list[str]:
        beside = (self._steward, self._metrics)
        return self._server.notes + [note for one in beside if one for note in one.notes]

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        await self._server.stop()
        await self._gateway.close()
        if self._steward is not None:
            await self._steward.close()
        if self._metrics is not None:
            await self._metrics.close()


def _write(text: str) -> None:
    print(text, flush=True)
