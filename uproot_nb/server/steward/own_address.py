"""StewardServer: the monitor and the API on a port of their own."""

from __future__ import annotations

import re
import socket
from typing import Any
from urllib.parse import urlsplit

from tornado.web import Application, RequestHandler

from uproot_nb.bridge.forks import leave_to_parent, take_back
from uproot_nb.bridge.messages import Role
from uproot_nb.server.limits import Visitors
from uproot_nb.server.listening import BoundedServer, Entrance, bind_port
from uproot_nb.server.participants import ParticipantServer
from uproot_nb.server.redaction import hide_secrets, stop_hiding
from uproot_nb.server.site import Site
from uproot_nb.server.status import describe
from uproot_nb.server.steward.handlers import StewardHandler, steward_routes
from uproot_nb.server.steward.status_address import StatusAddress
from uproot_nb.server.steward.token_access import (
    LoginAddress,
    NothingHere,
    OwnAddress,
    TokenAccess,
)
from uproot_nb.server.steward.tokens import StewardTokens

__all__ = ["StewardServer"]

_PING_SECONDS = 25.0
_LONGEST_BODY = 64 * 1024
_LONGEST_HEADERS = 64 * 1024


class StewardServer:
    """Serves the monitor and the API beside a participant server, for whoever has a token.

        server = StewardServer(participants, StewardTokens())
        server.start(8610)
        server.link("viewer")    # http://127.0.0.1:8610/monitor/#token=…
        await server.stop()

    Args:
        public_url: the address that browsers use, for example behind a proxy.
    """

    def __init__(
        self, participants: ParticipantServer, tokens: StewardTokens, public_url: str = ""
    ) -> None:
        self._participants, self.tokens = participants, tokens
        self.site = Site(public_url)
        self.site.proxies = participants.site.proxies
        self.port = 0
        self._http: BoundedServer | None = None
        self._descriptors: list[int] = []

    @property
    def url(self) -> str:
        """The root of the monitor's addresses."""
        return self.site.url

    def link(self, role: Role) -> str:
        """Return the link that lets a browser in; what follows "#" is sent to no proxy."""
        return f"{self.url}monitor/#token={self.tokens.token(role)}"

    def start(self, port: int, address: str = "127.0.0.1") -> None:
        """Listen on *port* and on no other; 0 takes any.

        Raises:
            OSError: the port is in use, or this machine has no such address.
        """
        sockets = bind_port(port, address, 1)
        hide_secrets()
        self.port = sockets[0].getsockname()[1]
        self.site.listen_at(address, self.port, port)
        self._http = self._make_http(address)
        self._http.add_sockets(sockets)
        self._descriptors = [opened.fileno() for opened in sockets]
        for descriptor in self._descriptors:
            leave_to_parent(descriptor)

    async def stop(self) -> None:
        """Close every page's connection, and stop listening. Idempotent."""
        if self._http is None:
            return
        http, self._http = self._http, None
        for descriptor in self._descriptors:
            take_back(descriptor)
        self._participants.watchers.stop()
        http.stop()
        stop_hiding()
        await http.close_all_connections()

    def _make_http(self, address: str) -> BoundedServer:
        server = self._participants
        own = OwnAddress(
            self.tokens, self.site, Visitors(server.limits), self._names(address),
            f"uproot-nb-monitor-{self.port}",
        )  # fmt: skip

        def join(handler: type[StewardHandler]) -> type[RequestHandler]:
            return type(f"Own{handler.__name__}", (TokenAccess, handler), {"own": own})

        parts = server.steward_parts()
        shown: dict[str, Any] = {"parts": parts, "describe": lambda: describe(server)}
        prefixes = ["/"] + ([re.escape(f"{self.site.root}/")] if self.site.root else [])
        routes = [
            route
            for prefix in prefixes
            for route in (
                (rf"{prefix}monitor/~login", join(LoginAddress), {"parts": parts}),
                (rf"{prefix}monitor/~status((?:\.json)?)", join(StatusAddress), shown),
                *steward_routes(prefix, join, parts),
            )
        ]
        application = Application(
            routes, default_handler_class=join(NothingHere), default_handler_args={"parts": parts},
            websocket_ping_interval=_PING_SECONDS,
        )  # fmt: skip
        http = BoundedServer(
            application, max_header_size=_LONGEST_HEADERS, max_body_size=_LONGEST_BODY,
            idle_connection_timeout=server.limits.idle_timeout,
            body_timeout=server.limits.idle_timeout,
        )  # fmt: skip
        http.entrance = _StewardEntrance(
            server.connections, server.sessions, self.site, server.reports, server.expected,
            server.limits,
        )  # fmt: skip
        return http

    def _names(self, address: str) -> frozenset[str]:
        """Return what this machine may be called in a browser's address bar."""
        public = urlsplit(self.site.public_url).hostname or ""
        return frozenset({public, address.lower(), socket.gethostname().lower()} - {""})


class _StewardEntrance(Entrance):
    """No participant comes by this port."""

    def is_players(self, path: str) -> bool:
        return False

    def longest_body(self, path: str) -> int:
        return _LONGEST_BODY
