"""Endpoint: how participants reach a headless run; BrokerEndpoint: through gateways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from uproot_nb.bridge.nats.broker_address import BrokerAddress
from uproot_nb.headless.notebook_file import CannotStart
from uproot_nb.server.participants import ParticipantServer

__all__ = ["BrokerEndpoint", "Endpoint"]


class Endpoint(Protocol):
    """What a headless run needs of the way to its participants."""

    @property
    def bridge(self) -> str:
        """What kernels give as `serve(bridge=…)`."""

    @property
    def public_url(self) -> str | None:
        """What kernels give as `serve(public_url=…)`; None leaves the notebook's."""

    @property
    def greeting(self) -> str:
        """A sentence for the researcher at the start."""

    @property
    def notes(self) -> list[str]:
        """Sentences for the researcher about the addresses."""

    @property
    def participants(self) -> ParticipantServer | None:
        """The participant server in this process, if there is one."""

    async def open(self) -> None:
        """Admit participants.

        Raises:
            CannotStart: they cannot come by this way.
        """

    def let_interrupt(self, interrupt: Callable[[], None]) -> None:
        """Let stewards end what a kernel that gives no sign of life runs."""

    def expect_kernel(self) -> None:
        """Let browsers whose session is unknown wait for some minutes."""

    async def close(self) -> None:
        """Close what `open` has opened. Idempotent."""


class BrokerEndpoint:
    """Participants come by gateways, which the kernels find themselves: nothing is opened here.

        BrokerEndpoint("nats://broker:4222")

    Raises:
        CannotStart: this is no broker's address.
    """

    def __init__(self, bridge: str, public_url: str = "") -> None:
        self.bridge, self.public_url = bridge, public_url or None
        self.notes: list[str] = []
        self.participants = None
        try:
            self._shown = BrokerAddress.parse(bridge).shown
        except ValueError as error:
            raise CannotStart(f"--bridge: {error}.") from error

    @property
    def greeting(self) -> str:
        """A sentence for the researcher at the start."""
        return f"Starting: participants connect through the gateways at {self._shown}."

    async def open(self) -> None:
        """Do nothing."""

    def let_interrupt(self, interrupt: Callable[[], None]) -> None:
        """Do nothing: a gateway's monitor cannot reach this process."""

    def expect_kernel(self) -> None:
        """Do nothing: gateways let browsers wait."""

    async def close(self) -> None:
        """Do nothing."""
