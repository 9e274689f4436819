"""LocalGateway: a gateway in a thread of the test, whose cable to the broker a test can cut."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self

from tests.components.balancer import Balancer
from uproot_nb.bridge.nats.broker_address import BrokerAddress
from uproot_nb.server.gateways.gateway import Gateway, draw_family
from uproot_nb.server.participants import ParticipantServer

__all__ = ["LocalGateway"]


class LocalGateway:
    """A participant server that finds kernels over NATS.

    with LocalGateway(nats.port, "http://127.0.0.1:8600/") as gateway:
        gateway.cut_off()       # nothing passes to the broker or from it
        gateway.join_again()

    Args:
        sessions: patterns of the sessions that it serves.
        settings: arguments of `ParticipantServer`.
    """

    def __init__(
        self, nats_port: int, public_url: str = "", sessions: tuple[str, ...] = (), **settings: Any
    ) -> None:
        self._nats_port, self._sessions = nats_port, sessions
        self.family = draw_family()
        self._settings = {**settings, "public_url": public_url, "family": self.family}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.server: ParticipantServer
        self.reports: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self.do(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def bridge(self) -> str:
        """The broker's address at this end of the cable."""
        return f"nats://127.0.0.1:{self._cable.port}"

    @property
    def port(self) -> int:
        """Where participants come in."""
        return self.server.port

    def do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the gateway's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    async def _open(self) -> None:
        self._cable = Balancer()
        self._cable.ports = [self._nats_port]
        await self._cable.__aenter__()
        self.server = ParticipantServer(**self._settings)
        self.server.expected.extend()
        self.server.start(port=0)
        self._gateway = Gateway(self.server, BrokerAddress.parse(self.bridge), self._sessions)
        self._serving = asyncio.create_task(self._gateway.stay_open(self.reports.append))

    async def _close(self) -> None:
        self._cable.flows.set()
        self._serving.cancel()
        with suppress(asyncio.CancelledError):
            await self._serving
        await self.server.stop()
        await self._gateway.close()
        await self._cable.__aexit__()

    def cut_off(self) -> None:
        """Let nothing pass between the gateway and the broker; neither is told."""
        self._loop.call_soon_threadsafe(self._cable.flows.clear)

    def join_again(self) -> None:
        """Let everything pass again."""
        self._loop.call_soon_threadsafe(self._cable.flows.set)

    def states(self) -> list[str]:
        """Return the states of the sessions that it knows, as participants see them."""
        return [session.state for session in list(self.server.sessions)]
