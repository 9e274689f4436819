"""NatsConnection: how a run reaches its gateways, through a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uproot_nb.bridge.channel import Channel
from uproot_nb.bridge.messages import VERSION, Hello
from uproot_nb.bridge.nats.broker import open_broker
from uproot_nb.bridge.nats.broker_address import BrokerAddress
from uproot_nb.bridge.nats.hub import GatewayHub
from uproot_nb.bridge.nats.learned_site import LearnedSite
from uproot_nb.errors import BridgeRefused, SessionElsewhere

__all__ = ["NatsConnection"]

Receive = Callable[[list[Any]], None]
Gone = Callable[[], None]

_PATIENCE_SECONDS = 3.0
"""How long a run waits for the first gateway before it says so."""


class NatsConnection:
    """Connects a run to all gateways at a broker, and again if the broker was lost.

    Args:
        public_url: the root of participants' links; by default the first gateway's address, also
            if that changes.
    """

    has_lasting_links = True

    def __init__(self, address: BrokerAddress, name: str, public_url: str = "") -> None:
        self._address, self._name = address, name
        self._site = LearnedSite(f"{public_url.rstrip('/')}/" if public_url else "")
        self._hub: GatewayHub | None = None
        self.session = self.origin = ""
        self.take_over, self.epoch = False, 0
        self.show: Callable[[str], None] = lambda text: None

    async def connect(self, receive: Receive, gone: Gone) -> tuple[Channel, str]:
        """Return the run's channel to all gateways, and the root of the participants' site.

        Raises:
            BridgeRefused: the broker is not there, or a gateway refuses this kernel.
        """
        await self.disconnect()
        broker = await open_broker(self._address, f"uproot_nb kernel {self._name}")
        hello = Hello(
            "", VERSION, "", self.session, self.origin, self.take_over, self.epoch,
        )  # fmt: skip
        self._hub = hub = GatewayHub(broker, hello, self._name, receive, gone, self._site)
        hub.show = self.show
        try:
            await hub.start()
            await self._meet_some(hub)
        except BaseException:
            await self.disconnect()
            raise
        return hub, self._site.url

    async def _meet_some(self, hub: GatewayHub) -> None:
        """Wait for a gateway; a run that knows its address goes on without one."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._meet(hub)
        except TimeoutError:
            self.show(_NOBODY.format(broker=self._address.shown))
            if not self._site.url:
                await self._meet(hub)

    async def _meet(self, hub: GatewayHub) -> None:
        refusal = await hub.meet()
        if refusal is None:
            return
        if refusal.origin:
            raise SessionElsewhere(refusal.origin, refusal.reason)
        raise BridgeRefused(self._address.shown, refusal.reason)

    async def disconnect(self) -> None:
        """Send what is left, and disconnect from the broker. Idempotent."""
        hub, self._hub = self._hub, None
        if hub is not None:
            await hub.close_all()


_NOBODY = (
    "No gateway is connected to {broker} yet. Participants come when one is: "
    "uproot-nb gateway --bridge …, of this version of uproot_nb."
)
