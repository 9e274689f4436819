"""StewardEndpoint: the monitor's own address in a headless run, and the links to it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from uproot_nb.bridge.messages import Role
from uproot_nb.headless.notebook_file import CannotStart
from uproot_nb.server.participants import ParticipantServer
from uproot_nb.server.steward.own_address import StewardServer
from uproot_nb.server.steward.tokens import STEWARD_VARIABLE, VIEWER_VARIABLE, StewardTokens

__all__ = ["SECRET_VARIABLES", "StewardEndpoint", "parse_place"]

SECRET_VARIABLES = (STEWARD_VARIABLE, VIEWER_VARIABLE)
"""Environment variables that the kernel does not get: the notebook's code has no use for them."""
_MAY = {"steward": "steers", "viewer": "only looks"}


def parse_place(text: str) -> tuple[str, int]:
    """Return host and port of "127.0.0.1:8610", "[::1]:8610" or "8610".

    Raises:
        ValueError: it is not written in one of these ways.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if colon else "127.0.0.1"
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("give an address and a port, such as 127.0.0.1:8610")
    return host, int(port)


class StewardEndpoint:
    """Serves the monitor and the API beside a headless run's participant server.

    Args:
        place: host and port.
        public_url: the address that browsers use, for example behind a proxy.
        environment: may have the two tokens.

    Raises:
        CannotStart: a token in the environment is not fit to be one.
    """

    def __init__(
        self, place: tuple[str, int], public_url: str, environment: Mapping[str, str]
    ) -> None:
        self._host, self._port = place
        self._public_url = public_url
        try:
            self._tokens = StewardTokens.of(environment)
        except ValueError as error:
            raise CannotStart(f"{error}.") from error
        self._server: StewardServer | None = None

    def open(self, participants: ParticipantServer) -> None:
        """Open this port and no other.

        Raises:
            CannotStart: it is in use, or this machine has no such address.
        """
        server = StewardServer(participants, self._tokens, self._public_url)
        try:
            server.start(self._port, self._host)
        except OSError as error:
            raise CannotStart(
                f"Port {self._port} of {self._host} cannot be opened for the monitor: "
                f"{error.strerror or error}.\n"
                "Give another one with --monitor, or end the program that uses it."
            ) from error
        self._server = server

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        if self._server is not None:
            await self._server.stop()
            self._server = None

    @property
    def notes(self) -> list[str]:
        """Sentences for the researcher: the links, which have the tokens that were drawn."""
        server = self._server
        if server is None:
            return []
        roles: tuple[Role, ...] = ("steward", "viewer")
        links = [f"{role:>7}  {self._link(server, role)}  ({_MAY[role]})" for role in roles]
        open_to_all = [] if self._is_private(server.url) else [_UNENCRYPTED]
        return ["The monitor, for whoever has one of these links:", *links, *open_to_all]

    def _link(self, server: StewardServer, role: Role) -> str:
        if role in self._tokens.drawn:
            return server.link(role)
        variable = STEWARD_VARIABLE if role == "steward" else VIEWER_VARIABLE
        return f"{server.url}monitor/ and the token in {variable}"

    def _is_private(self, url: str) -> bool:
        """Return whether nobody on the way can read what is sent."""
        if urlsplit(url).scheme == "https" or self._host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self._host).is_loopback
        except ValueError:
            return False


_UNENCRYPTED = (
    "This address is not encrypted: whoever can read along in the network can steer, too. Listen "
    "on 127.0.0.1 instead, put a proxy with HTTPS in front, and give its address by --monitor-url."
)
