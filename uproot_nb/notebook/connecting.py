"""ServerConnection: how a run finds a participant server, or starts one of its own."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from uproot_nb.bridge.channel import Channel
from uproot_nb.bridge.discovery import VARIABLE, Discovery, find_server, find_successor
from uproot_nb.bridge.messages import SiteMoved
from uproot_nb.bridge.stream import StreamChannel, dial
from uproot_nb.errors import BridgeRefused, BridgeSilent, SessionElsewhere, UprootError

if TYPE_CHECKING:
    from uproot_nb.server.participants import ParticipantServer

__all__ = ["Connection", "ServerConnection", "kernel_id"]

Receive = Callable[[list[Any]], None]
Gone = Callable[[], None]

RETRY_SECONDS = 1.0
"""Between two attempts to reach a server that does not answer."""


class Connection(Protocol):
    """What a run needs to reach a participant server."""

    session: str
    """The session's unguessable key."""
    origin: str
    """The file from which the session is served."""
    take_over: bool
    """Whether another kernel that serves the session from another file must give way."""
    epoch: int
    """Which writer of its database this kernel is: gateways serve the latest."""
    show: Callable[[str], None]
    """Shows a sentence to the researcher."""

    @property
    def has_lasting_links(self) -> bool:
        """Whether links that were handed out will work again: not those to a random port."""

    async def connect(self, receive: Receive, gone: Gone) -> tuple[Channel, str]:
        """Return the kernel's end of the connection, and the root of the participants' site."""

    async def disconnect(self) -> None:
        """Stop what `connect` has started."""


class ServerConnection:
    """Connects a run to a participant server, and again if the connection is lost.

    Order: the discovery file that *bridge* names, the one of the environment, the newest living
    one, else a participant server of the run's own (embedded).

    A server that is there and does not answer is waited for, and once a run has had a server it
    never starts one of its own: participants would need another address.
    """

    def __init__(
        self,
        bridge: str | None = None,
        embedded: bool | None = None,
        port: int = 8600,
        address: str = "127.0.0.1",
        public_url: str = "",
        server: Mapping[str, Any] | None = None,
    ) -> None:
        self._settings = server
        self._bridge, self._embedded = bridge, embedded
        self._port, self._address, self._public_url = port, address, public_url
        self._url, self._since = "", 0.0
        """Where participants reached the last server, and when it was connected."""
        self.server: ParticipantServer | None = None
        self.session = self.origin = ""
        self.take_over, self.epoch = False, 0
        self.show: Callable[[str], None] = lambda text: None

    @property
    def has_lasting_links(self) -> bool:
        """Whether links that were handed out will work again: not those to a random port."""
        return not (self._embedded and self._port == 0)

    async def connect(self, receive: Receive, gone: Gone) -> tuple[Channel, str]:
        """Return the kernel's end of the connection, and the root of the participants' site."""
        if self._embedded:
            return await self._embed(receive, gone)
        if self._url:
            return await self._connect_again(receive, gone)
        found = await self._find()
        if found is not None:
            channel = await self._connect_first(found, receive, gone)
            if channel is not None:
                if self._settings:
                    self.show(_NOT_OWN.format(names=", ".join(self._settings)))
                return channel, self._url
        if self._embedded is False:
            raise BridgeRefused("this machine", "no Jupyter server with uproot_nb is running.")
        return await self._embed(receive, gone)

    async def _find(self) -> Discovery | None:
        return await asyncio.to_thread(find_server, self._bridge)

    async def _connect_first(
        self, found: Discovery, receive: Receive, gone: Gone
    ) -> StreamChannel | None:
        """Return the connection; None if the server has another version and was not named."""
        waited = False
        while True:
            try:
                channel = await self._dial(found, receive, gone)
                for note in channel.welcome.notes:
                    self.show(note)
                return channel
            except BridgeSilent:
                if not waited:
                    self.show(_HANGS.format(url=found.url))
                waited = True
            except SessionElsewhere:
                raise
            except BridgeRefused as refusal:
                if self._bridge is not None or self._embedded is False:
                    raise
                if os.environ.get(VARIABLE):  # it has started this kernel: links lead there
                    raise BridgeRefused(found.address, f"{refusal.reason}\n{_RESTART}") from refusal
                self.show(f"{refusal}\n{_OWN_SERVER}")
                return None
            await asyncio.sleep(RETRY_SECONDS)
            found = await self._find() or found

    async def _connect_again(self, receive: Receive, gone: Gone) -> tuple[Channel, str]:
        """Return the connection to the server that has replaced the last one.

        Raises:
            BridgeRefused: there is none yet.
        """
        before = self._url
        found = await asyncio.to_thread(find_successor, before, self._since, self._bridge)
        if found is None:
            raise BridgeSilent(before, "it has not come back yet.")
        channel = await self._dial(found, receive, gone)
        if self._url != before:
            self.show(
                f"The participant server is back at another address: {self._url} "
                f"(before: {before}).\nHand the links out anew (run.links), or start it again on "
                "the old port."
            )
        return channel, self._url

    async def _dial(self, found: Discovery, receive: Receive, gone: Gone) -> StreamChannel:
        since = time.time()
        channel = await dial(
            found, self._following(receive), gone, kernel=kernel_id(), session=self.session,
            origin=self.origin,
            take_over=self.take_over,
        )  # fmt: skip
        self._url, self._since = channel.welcome.url or found.url, since
        return channel

    def _following(self, receive: Receive) -> Receive:
        """Return *receive*, for messages that also say where participants come from now on."""

        def take(messages: list[Any]) -> None:
            for message in messages:
                if isinstance(message, SiteMoved):
                    self._url = message.url
            receive(messages)

        return take

    async def _embed(self, receive: Receive, gone: Gone) -> tuple[Channel, str]:
        # lazy: beside a Jupyter server with the extension, a kernel never needs the server's parts
        from uproot_nb.server.participants import start_embedded
        from uproot_nb.server.settings import ServerSettings

        await self.disconnect()
        settings = ServerSettings.of(self._settings or {})
        try:
            self.server, channel, url = await start_embedded(
                receive, gone, port=self._port, address=self._address, public_url=self._public_url,
                settings=settings,
            )  # fmt: skip
        except socket.gaierror as error:
            raise UprootError(
                f"serve(address={self._address!r}): this machine has no such address ({error})."
            ) from error
        for note in self.server.notes:
            self.show(note)
        return channel, url

    async def disconnect(self) -> None:
        """Stop the run's own participant server, if it has one."""
        if self.server is not None:
            await self.server.stop()
            self.server = None


_NOT_OWN = (
    "serve(server=…) sets a participant server of the run's own, and this run uses another: set "
    "{names} there (c.UprootNB.… in jupyter_server_config.py, or uproot-nb run --set …)."
)
_HANGS = (
    "The Jupyter server, through which participants come ({url}), does not answer.\n"
    "This waits for it, so that their links stay as they are. To go on without it, interrupt the "
    "cell and give serve(embedded=True): the run then brings a server of its own, with other links."
)
_RESTART = (
    "Restart the Jupyter server, so that it has this version of uproot_nb; or give "
    "serve(embedded=True): the run then brings a server of its own, with other links."
)
_OWN_SERVER = (
    "This run brings a server of its own. To have the other one's links, restart that Jupyter "
    "server, so that it has this version of uproot_nb, and run the cell again."
)


def kernel_id() -> str:
    """Return the id of this Jupyter kernel, or "" where there is none."""
    try:
        from ipykernel.connect import get_connection_file  # lazy: a script needs no kernel

        match = re.search(r"kernel-(.+)\.json$", get_connection_file())
    except (ImportError, RuntimeError):
        return ""
    return match.group(1) if match else ""
