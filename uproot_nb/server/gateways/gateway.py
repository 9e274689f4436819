"""Gateway: lets a participant server serve kernels on other machines, found over NATS."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence

from uproot_nb.bridge.channel import Gone, Receive
from uproot_nb.bridge.messages import Hello
from uproot_nb.bridge.nats.broker import Broker, open_broker
from uproot_nb.bridge.nats.broker_address import BrokerAddress
from uproot_nb.bridge.nats.gateway import GatewayKernels
from uproot_nb.bridge.nats.nats_channel import NatsChannel
from uproot_nb.errors import BrokerRefused, BrokerSilent, UprootError
from uproot_nb.server.metrics.health import Condition
from uproot_nb.server.participants import ParticipantServer

__all__ = ["Gateway", "draw_family"]

_RETRY_SECONDS = 1.0


def draw_family() -> int:
    """Return the upper bits of a gateway's numbers, at random."""
    return secrets.randbits(31) | 1


class Gateway:
    """Joins a participant server to the kernels at a broker.

    server = ParticipantServer(family=draw_family())
    gateway = Gateway(server, BrokerAddress.parse("nats://broker:4222"))
    await gateway.stay_open(print)

    Args:
        sessions: patterns of the names of the sessions to serve; all without.
        notes: returns sentences for researchers about the server's address.
    """

    def __init__(
        self,
        server: ParticipantServer,
        address: BrokerAddress,
        sessions: Sequence[str] = (),
        notes: Callable[[], list[str]] = list,
    ) -> None:
        self._server, self._address = server, address
        self._sessions, self._notes = sessions, notes
        self._kernels: GatewayKernels | None = None

    def condition(self) -> Condition:
        """Return "serving", or "cut off" while no broker is connected."""
        return "serving" if self._kernels is not None and self._kernels.connected else "cut off"

    async def stay_open(self, report: Callable[[str], None]) -> None:
        """Serve the kernels that are at the broker or come, until this is cancelled.

        A broker that does not answer is waited for; *report* gets a sentence about that.

        Raises:
            BrokerRefused: the broker has never admitted us.
        """
        admitted = False
        while True:
            broker = await self._connect(report, admitted)
            admitted = True
            report(f"Connected to {self._address.shown}.")
            await self._open(broker)
            await broker.ended.wait()
            await self.close()

    async def _connect(self, report: Callable[[str], None], admitted: bool) -> Broker:
        reported = False
        while True:
            try:
                return await open_broker(self._address, "uproot_nb gateway")
            except BrokerRefused as refusal:
                if not admitted:
                    raise
                failure: UprootError = refusal
            except BrokerSilent as silent:
                failure = silent
            if not reported:
                report(f"{failure}\nThis gateway tries again until it does.")
            reported = True
            await asyncio.sleep(_RETRY_SECONDS)

    async def _open(self, broker: Broker) -> None:
        server = self._server
        self._kernels = GatewayKernels(
            broker, server.family, self._attach, server.find_rival, lambda: server.url,
            self._sessions, self._notes,
        )  # fmt: skip
        await self._kernels.start()

    def _attach(self, channel: NatsChannel, hello: Hello) -> tuple[Receive, Gone]:
        return self._server.attach(channel, hello.kernel, hello.epoch, shared=True)

    async def close(self) -> None:
        """Let the kernels go, and disconnect from the broker. Idempotent."""
        kernels, self._kernels = self._kernels, None
        if kernels is not None:
            await kernels.close()
