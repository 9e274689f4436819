"""ParticipantEndpoint: the participant server of a headless run, which outlives the kernels."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from uproot_nb.bridge.stream import Listener, publish_listener
from uproot_nb.headless.notebook_file import CannotStart
from uproot_nb.headless.steward_endpoint import StewardEndpoint
from uproot_nb.server.connections import allow_open_files
from uproot_nb.server.participants import ParticipantServer
from uproot_nb.server.settings import ServerSettings

__all__ = ["ParticipantEndpoint"]


class ParticipantEndpoint:
    """Admits participants, and lets kernels find it by a file that only their owner can read.

    endpoint = ParticipantEndpoint("0.0.0.0", 8600, "https://lab.example.org/")
    await endpoint.open()
    endpoint.bridge   # for serve(bridge=…)

    Args:
        steward: the monitor's address beside it, if there is one.
    """

    def __init__(
        self,
        host: str,
        port: int,
        public_url: str = "",
        settings: ServerSettings | None = None,
        steward: StewardEndpoint | None = None,
    ) -> None:
        self._host, self._port, self._steward = host, port, steward
        chosen = settings or ServerSettings()
        allow_open_files(chosen.limits.max_connections)
        self._server = ParticipantServer(public_url=public_url, **chosen.arguments())
        self._listener: Listener | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.bridge = ""
        """The file by which kernels find this server."""

    public_url = None
    """The server knows it; kernels need not."""

    @property
    def participants(self) -> ParticipantServer:
        """The server."""
        return self._server

    @property
    def url(self) -> str:
        """The root of the participants' site."""
        return self._server.url

    @property
    def greeting(self) -> str:
        """A sentence for the researcher at the start."""
        return (
            f'Starting: {self.url} is open. Participants see "One moment" until the notebook '
            "serves."
        )

    @property
    def notes(self) -> list[str]:
        """Sentences for the researcher about the addresses."""
        return self._server.notes + (self._steward.notes if self._steward is not None else [])

    async def open(self) -> None:
        """Open this port and no other; browsers that come before a kernel wait.

        Raises:
            CannotStart: it is in use, or this machine has no such address.
        """
        try:
            self.expect_kernel()
            self._server.start(self._port, self._host, tries=1)
        except OSError as error:
            raise CannotStart(
                f"Port {self._port} of {self._host} cannot be opened: {error.strerror or error}.\n"
                "Give another one with --port, or end the program that uses it."
            ) from error
        await self._open_steward()
        self._folder = tempfile.TemporaryDirectory(prefix="uproot_nb-run-")
        self._listener = await publish_listener(
            Path(self._folder.name),
            self._server.attach,
            url=self._server.url,
            find_rival=self._server.find_rival,
        )
        assert self._listener.file is not None
        self.bridge = str(self._listener.file)

    async def _open_steward(self) -> None:
        if self._steward is not None:
            try:
                self._steward.open(self._server)
            except CannotStart:
                await self._server.stop()
                raise

    def let_interrupt(self, interrupt: Callable[[], None]) -> None:
        """Let stewards end what a kernel that gives no sign of life runs."""
        self._server.watchers.interrupt = interrupt

    def expect_kernel(self) -> None:
        """Let browsers whose session is unknown wait for some minutes."""
        self._server.expected.extend()

    async def close(self) -> None:
        """Close all connections, and leave no files behind. Idempotent."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            if self._steward is not None:
                await self._steward.close()
            await self._server.stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
