"""MetricsServer: metrics for Prometheus on a port of their own, which no participant can reach."""

from __future__ import annotations

import hmac

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from uproot_nb.bridge.forks import leave_to_parent, take_back
from uproot_nb.server.listening import bind_port
from uproot_nb.server.metrics.collector import make_registry
from uproot_nb.server.metrics.health import Health
from uproot_nb.server.participants import ParticipantServer
from uproot_nb.server.steward.tokens import token_in

__all__ = ["MetricsServer"]

_LONGEST_BODY = 1024
_IDLE_SECONDS = 60.0


class MetricsServer:
    """Serves `/metrics` and `/healthz`.

        server = MetricsServer(participants.health, participants, token="")
        server.start(9100)
        await server.stop()

    Args:
        token: who asks for metrics must send it, as in "Authorization: Bearer …"; "" asks for none.
    """

    def __init__(
        self, health: Health, participants: ParticipantServer | None = None, token: str = ""
    ) -> None:
        shared = {"health": health}
        figures = {"registry": make_registry(health, participants), "token": token}
        application = Application(
            [(r"/metrics", _Figures, figures), (r"/healthz", _OwnHealth, shared)],
            log_function=_log_nothing,
        )
        self._http = HTTPServer(
            application, max_body_size=_LONGEST_BODY, idle_connection_timeout=_IDLE_SECONDS
        )
        self._descriptors: list[int] = []
        self.port = 0

    def start(self, port: int, address: str = "127.0.0.1") -> None:
        """Listen on *port* and on no other; 0 takes any.

        Raises:
            OSError: the port is in use, or this machine has no such address.
        """
        sockets = bind_port(port, address, 1)
        self.port = sockets[0].getsockname()[1]
        self._http.add_sockets(sockets)
        self._descriptors = [opened.fileno() for opened in sockets]
        for descriptor in self._descriptors:
            leave_to_parent(descriptor)

    async def stop(self) -> None:
        """Close every connection, and stop listening. Idempotent."""
        for descriptor in self._descriptors:
            take_back(descriptor)
        self._descriptors.clear()
        self._http.stop()
        await self._http.close_all_connections()


class _Figures(RequestHandler):
    def initialize(self, registry: CollectorRegistry, token: str) -> None:
        self._registry, self._token = registry, token

    def get(self) -> None:
        if not self._may_read():
            self.set_status(401)
            self.set_header("WWW-Authenticate", "Bearer")
            self.finish("Send the token, as in 'Authorization: Bearer …'.\n")
            return
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(generate_latest(self._registry))

    def _may_read(self) -> bool:
        shown = token_in(self.request.headers.get("Authorization", ""))
        return not self._token or hmac.compare_digest(
            shown.encode(errors="replace"), self._token.encode()
        )


class _OwnHealth(RequestHandler):
    def initialize(self, health: Health) -> None:
        self._health = health

    def get(self) -> None:
        self.finish({"status": self._health.condition()})


def _log_nothing(handler: RequestHandler) -> None:
    """Prometheus asks every few seconds."""
