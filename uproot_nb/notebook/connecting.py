"""Connecting: how a run finds a participant server, or brings its own."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from uproot_nb.bridge.channel import Channel
from uproot_nb.bridge.discovery import find_server
from uproot_nb.bridge.stream import dial
from uproot_nb.errors import BridgeRefused, UprootError

if TYPE_CHECKING:
    from uproot_nb.server.participants import ParticipantServer

__all__ = ["Line", "kernel_id"]

Receive = Callable[[list[Any]], None]
Gone = Callable[[], None]


class Line:
    """Makes a run's line to a participant server, again if it was lost.

    Order: the discovery file that *bridge* names, the one of the environment, the newest living
    one, else a participant server of the run's own (embedded).
    """

    def __init__(
        self,
        bridge: str | None = None,
        embedded: bool | None = None,
        port: int = 8600,
        address: str = "127.0.0.1",
        public_url: str = "",
    ) -> None:
        self._bridge, self._embedded = bridge, embedded
        self._port, self._address, self._public_url = port, address, public_url
        self.server: ParticipantServer | None = None

    async def connect(self, receive: Receive, gone: Gone) -> tuple[Channel, str]:
        """Return the kernel's end of the line and the participant root."""
        found = None if self._embedded else find_server(self._bridge)
        if found is not None:
            try:
                channel = await dial(found, receive, gone, kernel=kernel_id())
            except BridgeRefused:
                if self._bridge is not None or self._embedded is False or self.server is not None:
                    raise
            else:
                welcome = channel.welcome
                return channel, welcome.url if welcome is not None else found.url
        if self._embedded is False:
            raise BridgeRefused("this machine", "no Jupyter server with uproot_nb is running.")
        return await self._embed(receive, gone)

    async def _embed(self, receive: Receive, gone: Gone) -> tuple[Channel, str]:
        # lazy: beside a Jupyter server with the extension, a kernel never needs the server's parts
        from uproot_nb.server.participants import start_embedded

        await self.disconnect()
        try:
            self.server, channel, url = await start_embedded(
                receive, gone, port=self._port, address=self._address, public_url=self._public_url
            )
        except socket.gaierror as error:
            raise UprootError(
                f"serve(address={self._address!r}): this machine has no such address ({error})."
            ) from error
        return channel, url

    async def disconnect(self) -> None:
        """Stop the run's own participant server, if it brought one."""
        if self.server is not None:
            await self.server.stop()
            self.server = None


def kernel_id() -> str:
    """Return the id of this Jupyter kernel, or "" where there is none."""
    try:
        from ipykernel.connect import get_connection_file  # lazy: a script needs no kernel

        match = re.search(r"kernel-(.+)\.json$", get_connection_file())
    except (ImportError, RuntimeError):
        return ""
    return match.group(1) if match else ""
