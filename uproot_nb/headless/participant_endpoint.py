"""Doors: the participant server of a headless run; it outlives the kernels."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from uproot_nb.bridge.discovery import Discovery, publish, withdraw
from uproot_nb.bridge.stream import Listener, listen
from uproot_nb.headless.notebook_file import CannotStart
from uproot_nb.server.connections import allow_open_files
from uproot_nb.server.participants import ParticipantServer
from uproot_nb.server.settings import ServerSettings

__all__ = ["Doors"]


class Doors:
    """Lets participants in, and kernels find it by a file that only their owner can read.

    doors = Doors("0.0.0.0", 8600, "https://lab.example.org/")
    await doors.open()
    doors.file      # for UPROOT_NB_BRIDGE_FILE
    """

    def __init__(
        self, host: str, port: int, public_url: str = "", settings: ServerSettings | None = None
    ) -> None:
        self._host, self._port = host, port
        chosen = settings or ServerSettings()
        allow_open_files(chosen.limits.max_connections)
        self._server = ParticipantServer(public_url=public_url, **chosen.arguments())
        self._listener: Listener | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.file = Path()

    @property
    def url(self) -> str:
        """The root of the participants' site."""
        return self._server.url

    @property
    def notes(self) -> list[str]:
        """What the researcher should know of the address, a sentence each."""
        return self._server.notes

    async def open(self) -> None:
        """Open the port, and nothing but this port; who comes before a kernel waits.

        Raises:
            CannotStart: somebody else has it, or this machine has no such address.
        """
        try:
            self.expect_kernel()
            self._server.start(self._port, self._host, tries=1)
        except OSError as error:
            raise CannotStart(
                f"Port {self._port} of {self._host} cannot be opened: {error.strerror or error}.\n"
                "Give another one with --port, or end the program that uses it."
            ) from error
        token = secrets.token_urlsafe(32)
        self._folder = tempfile.TemporaryDirectory(prefix="uproot_nb-run-")
        folder = Path(self._folder.name)
        self._listener = await listen(
            folder,
            token,
            self._server.attach,
            url=self._server.url,
            find_rival=self._server.find_rival,
        )
        self.file = publish(
            Discovery(self._listener.address, token, self._server.url, os.getpid()), folder
        )

    def expect_kernel(self) -> None:
        """Let browsers whose session is unknown wait for some minutes."""
        self._server.expected.extend()

    async def close(self) -> None:
        """Let everyone go, and leave nothing behind. Idempotent."""
        if self._listener is not None:
            withdraw(self.file)
            self._listener.close()
            self._listener = None
            await self._server.stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
