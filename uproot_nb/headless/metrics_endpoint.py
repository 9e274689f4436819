"""MetricsEndpoint: where Prometheus reads a headless server's metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from uproot_nb.headless.notebook_file import CannotStart
from uproot_nb.server.metrics.health import Health
from uproot_nb.server.metrics.timings import ServerTimings
from uproot_nb.server.networks import is_loopback_host
from uproot_nb.server.participants import ParticipantServer

if TYPE_CHECKING:
    from uproot_nb.server.metrics.own_address import MetricsServer

__all__ = ["METRICS_VARIABLE", "MetricsEndpoint"]

METRICS_VARIABLE = "UPROOT_NB_METRICS_TOKEN"
"""The environment variable with the token that Prometheus must send."""
_SHORTEST = 20


class MetricsEndpoint:
    """Serves `/metrics` and `/healthz` at an address of their own.

    Args:
        place: host and port.
        environment: may have the token.

    Raises:
        CannotStart: the token is too short, or has other characters than ASCII's.
    """

    def __init__(self, place: tuple[str, int], environment: Mapping[str, str]) -> None:
        self._host, self._port = place
        self._token = environment.get(METRICS_VARIABLE, "")
        if self._token and (len(self._token) < _SHORTEST or not self._token.isascii()):
            raise CannotStart(
                f"{METRICS_VARIABLE}: give at least {_SHORTEST} characters, all of them ASCII."
            )
        self._server: MetricsServer | None = None

    def open(self, health: Health, participants: ParticipantServer | None = None) -> None:
        """Open this port and no other, and let the server measure how long calls take.

        Raises:
            CannotStart: the port is in use, or this machine has no such address.
        """
        # lazy: whoever asks for no metrics need not load Prometheus' client
        from uproot_nb.server.metrics.own_address import MetricsServer

        if participants is not None:
            participants.measure(ServerTimings())
        server = MetricsServer(health, participants, self._token)
        try:
            server.start(self._port, self._host)
        except OSError as error:
            raise CannotStart(
                f"Port {self._port} of {self._host} cannot be opened for metrics: "
                f"{error.strerror or error}.\n"
                "Give another one with --metrics, or end the program that uses it."
            ) from error
        self._server = server

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    @property
    def notes(self) -> list[str]:
        """Sentences for whoever has started the server."""
        if self._server is None:
            return []
        host = f"[{self._host}]" if ":" in self._host else self._host
        note = f"Prometheus reads http://{host}:{self._server.port}/metrics"
        return [note] if self._token or is_loopback_host(self._host) else [note, _OPEN]


_OPEN = (
    "Whoever reaches that address reads the names of sessions and how many take part. Let only "
    f"Prometheus reach it, or put a token into {METRICS_VARIABLE}."
)
