"""GatewayKernels: how a gateway finds the kernels, and opens a channel to each."""

from __future__ import annotations

import asyncio
import fnmatch
import logging
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from uproot_nb.bridge.channel import Gone, Receive
from uproot_nb.bridge.messages import (
    VERSION,
    BridgeMessage,
    FromKernel,
    Hello,
    Refusal,
    Welcome,
)
from uproot_nb.bridge.nats.broker import Broker
from uproot_nb.bridge.nats.envelopes import Envelope, Kind
from uproot_nb.bridge.nats.nats_channel import Inbox, NatsChannel
from uproot_nb.bridge.nats.subjects import Beacon, Opening, Subjects, new_id

__all__ = ["GatewayKernels"]

_log = logging.getLogger("uproot_nb.bridge")

AcceptHello = Callable[[NatsChannel, Hello], tuple[Receive, Gone]]
"""Takes the channel of a kernel that was let in; returns who receives from it."""


class GatewayKernels:
    """Opens a channel to each kernel that announces a session, again if it was lost.

        kernels = GatewayKernels(broker, family, accept, find_rival, url)
        await kernels.start()

    Args:
        family: the upper bits of the gateway's numbers.
        find_rival: returns the file from which another kernel serves a kernel's session, or "".
        url: returns the root of participants' links.
        sessions: patterns of the names of the sessions to serve, such as "pilot-*"; all without.
        notes: returns sentences for researchers about that root.
    """

    def __init__(
        self,
        broker: Broker,
        family: int,
        accept: AcceptHello,
        find_rival: Callable[[Hello], str],
        url: Callable[[], str],
        sessions: Sequence[str] = (),
        notes: Callable[[], list[str]] = list,
    ) -> None:
        self._broker, self._family, self._url, self._notes = broker, family, url, notes
        self._accept, self._find_rival = accept, find_rival
        self._patterns = tuple(sessions)
        self._subjects = Subjects(broker.address.prefix)
        self._id = new_id()
        self._inbox = Inbox(broker, _refuse_opening)
        self._channels: dict[str, NatsChannel] = {}
        """The channels to kernels, by their ids."""

    @property
    def connected(self) -> bool:
        """Whether the broker is connected."""
        return self._broker.connected

    async def start(self) -> None:
        """Begin to listen for kernels, and ask those that are there."""
        self._broker.on_change = self._note_broker
        await self._inbox.listen(self._subjects.gateway(self._id))
        await self._broker.subscribe(self._subjects.gateways, self._note_beacon)
        self._ask()

    def _ask(self) -> None:
        self._broker.publish(self._subjects.kernels, b"")

    def _note_broker(self, connected: bool) -> None:
        if connected:
            self._inbox.resume()
            self._ask()

    def _note_beacon(self, data: bytes) -> None:
        beacon = msgspec.msgpack.decode(data, type=Beacon)
        if beacon.kernel not in self._channels and self._serves(beacon.name):
            self._open(beacon.kernel)

    def _serves(self, name: str) -> bool:
        patterns = self._patterns
        return not patterns or any(fnmatch.fnmatchcase(name, one) for one in patterns)

    def _open(self, kernel: str) -> None:
        peer = self._subjects.kernel(kernel)
        channel, number = self._inbox.channel(peer, FromKernel)
        self._channels[kernel] = channel
        channel.open(partial(self._greet, channel, kernel), partial(self._lost, kernel, _nothing))
        opening = msgspec.msgpack.encode(Opening(self._id, self._family))
        self._inbox.publish(peer, Envelope(Kind.OPEN, number, body=opening))

    def _greet(self, channel: NatsChannel, kernel: str, messages: list[BridgeMessage]) -> None:
        """Let a kernel in, or refuse it: its first message says who it is."""
        hello = messages[0]
        reason, origin = self._objection(hello)
        if reason or not isinstance(hello, Hello):
            channel.send(Refusal(reason, origin))
            channel.close()
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._forget, kernel, channel)
            return
        channel.send(Welcome(self._url(), VERSION, self._notes()))
        receive, gone = self._accept(channel, hello)
        channel.open(receive, partial(self._lost, kernel, gone))
        if messages[1:]:
            receive(messages[1:])

    def _objection(self, hello: BridgeMessage) -> tuple[str, str]:
        if not isinstance(hello, Hello):
            return "its first message is no greeting.", ""
        if hello.version != VERSION:
            return f"it has version {hello.version}, the gateway {VERSION}.", ""
        rival = self._find_rival(hello)
        return ("another kernel serves the session.", rival) if rival else ("", "")

    def _lost(self, kernel: str, gone: Gone) -> None:
        self._channels.pop(kernel, None)
        gone()

    def _forget(self, kernel: str, channel: NatsChannel) -> None:
        """Let a kernel that was refused try again."""
        if self._channels.get(kernel) is channel:
            del self._channels[kernel]

    async def close(self) -> None:
        """Close all channels, and disconnect from the broker. Idempotent."""
        for channel in list(self._channels.values()):
            channel.close()
        self._channels.clear()
        self._inbox.close()
        await self._broker.close()


_AGAIN_SECONDS = 2.0


def _refuse_opening(envelope: Envelope) -> None:
    _log.warning("A stream was opened to a gateway, which opens streams itself.")


def _nothing() -> None:
    return
