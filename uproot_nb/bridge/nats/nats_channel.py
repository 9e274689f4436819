"""NatsChannel: a channel between a kernel and a gateway; Inbox: all channels of one process."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

import msgspec

from uproot_nb.bridge.channel import MOST_UNSENT_BYTES, Gone, Receive
from uproot_nb.bridge.messages import BridgeMessage
from uproot_nb.bridge.nats.broker import Broker
from uproot_nb.bridge.nats.envelopes import HEADER_BYTES, Envelope, Kind, unpack
from uproot_nb.bridge.nats.virtual_stream import StreamBroken, VirtualStream

__all__ = ["SILENCE_SECONDS", "Inbox", "NatsChannel", "encode_message"]

BEAT_SECONDS = 1.0
"""How often each end gives a sign of life."""
SILENCE_SECONDS = 3.0
"""Without a sign of life for so long a channel is gone."""
_LOOK_SECONDS = 0.25
_UNSENT_BYTES = 1024 * 1024
"""Bytes beyond the credit before `drain` waits."""
_LARGEST_BODY = 512 * 1024
_MARGIN = 1024

_log = logging.getLogger("uproot_nb.bridge")
_encoder = msgspec.msgpack.Encoder()


def encode_message(message: BridgeMessage) -> bytes:
    """Return a message for `NatsChannel.send_encoded`; b"" if it cannot be encoded."""
    try:
        return _encoder.encode(message)
    except (ValueError, TypeError, OverflowError) as error:  # half an emoji, an int too large
        _log.error("A %s could not be sent: %s.", type(message).__name__, error)
        return b""


def _array_of(encoded: list[bytes]) -> bytes:
    """Return a msgpack array of messages that are encoded already."""
    count = len(encoded)
    head = bytes((0x90 | count,)) if count < 16 else b"\xdd" + count.to_bytes(4, "big")
    return head + b"".join(encoded)


class NatsChannel:
    """One end of a virtual stream; made by `Inbox`.

    What one turn of the loop sends is one message over NATS.
    """

    def __init__(
        self, inbox: Inbox, stream: VirtualStream, peer: str, incoming: Any, clock: float
    ) -> None:
        self._inbox, self._stream, self._peer = inbox, stream, peer
        self._decoder: msgspec.msgpack.Decoder[list[BridgeMessage]]
        self._decoder = msgspec.msgpack.Decoder(list[incoming])
        self._receive: Receive = _ignore
        self._gone: Gone | None = None
        self._outgoing: list[bytes] = []
        self._outgoing_bytes = 0
        self._longest = 0
        """Bytes of the longest array since the other side was last up to date."""
        self._room = asyncio.Event()
        self._room.set()
        self._ending = False
        self._heard = self._beaten = clock
        self.closed = False

    def open(self, receive: Receive, gone: Gone) -> None:
        """Let *receive* have all messages, and *gone* the end of the channel."""
        self._receive, self._gone = receive, gone

    # ---- sending --------------------------------------------------------------------------

    @property
    def unsent(self) -> int:
        return self._stream.unsent + self._outgoing_bytes

    def send(self, message: BridgeMessage) -> None:
        self.send_encoded(encode_message(message))

    def send_encoded(self, encoded: bytes) -> None:
        """Send a message as `encode_message` returns it; several channels may share it."""
        if self.closed or not encoded:
            return
        if not self._outgoing:
            self._inbox.flush_soon(self)
        self._outgoing.append(encoded)
        self._outgoing_bytes += len(encoded)

    def flush(self) -> None:
        """Send what waits for the end of the turn."""
        outgoing, self._outgoing = self._outgoing, []
        self._outgoing_bytes = 0
        if outgoing and not self._stream_is_over():
            if self._stream.unsent > MOST_UNSENT_BYTES + self._longest:
                self._break("the other side is too slow")
                return
            body = _array_of(outgoing)
            self._longest = max(self._longest, len(body))
            self._stream.put(body)
            self._publish_due()

    def _stream_is_over(self) -> bool:
        return self.closed and not self._ending

    def _publish_due(self) -> None:
        if not self._inbox.connected:
            return
        for envelope in self._stream.due():
            self._publish(envelope)
        if self._stream.unsent <= _UNSENT_BYTES:
            self._longest = 0
            self._room.set()
        else:
            self._room.clear()
        if self._ending and not self._stream.unsent:
            self._ending = False
            self._inbox.forget(self._stream.number)

    def _publish(self, envelope: Envelope) -> None:
        self._beaten = self._inbox.now
        self._inbox.publish(self._peer, envelope)

    async def drain(self, number: int = 0) -> None:
        self.flush()
        if not self.closed:
            await self._room.wait()

    def close(self) -> None:
        if self.closed:
            return
        self._gone = None
        self.flush()
        if self.closed:  # flushing has shown that the other side is too slow
            return
        self.closed = self._ending = True
        self._room.set()
        self._stream.put_end()
        self._publish_due()

    # ---- receiving ------------------------------------------------------------------------

    def take(self, envelope: Envelope) -> None:
        """Receive what has come from the other end."""
        self._heard = self._inbox.now
        try:
            body = self._stream.take(envelope)
            messages = self._decoder.decode(body) if body is not None else []
        except (StreamBroken, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._break(str(error))
            return
        if messages and not self.closed:
            self._receive(messages)
        if self._stream.ended:
            self._leave()
        elif self._stream.note_taken() and self._inbox.connected:
            self._publish(self._stream.beat())
        self._publish_due()

    def note_broken(self) -> None:
        """The other side does not know the stream any more."""
        self._leave()

    def beat(self, now: float) -> None:
        """Give a sign of life if one is due, and miss the other side's."""
        if now - self._heard > SILENCE_SECONDS:
            self._break(f"no sign of life for {SILENCE_SECONDS:g} s")
        elif now - self._beaten >= BEAT_SECONDS and self._inbox.connected:
            self._publish(self._stream.beat())

    def excuse(self, seconds: float) -> None:
        """Expect no sign of life for the time in which this process itself stood still."""
        self._heard += seconds

    def resume(self) -> None:
        """Go on after the connection to the broker was lost for a moment."""
        self._publish_due()

    def _break(self, reason: str) -> None:
        if not self.closed:
            _log.warning("The bridge left a stream over NATS: %s.", reason)
        self._inbox.publish(self._peer, Envelope(Kind.BROKEN, self._stream.number))
        self._leave()

    def _leave(self) -> None:
        """Be gone: the other side has closed or is lost."""
        self._inbox.forget(self._stream.number)
        gone, self._gone = self._gone, None
        self.closed, self._ending = True, False
        self._room.set()
        if gone is not None:
            gone()


class Inbox:
    """Receives for all channels of one process, and watches that each gives signs of life.

        inbox = Inbox(broker, lambda envelope: ...)
        await inbox.listen("uproot_nb.v8.to.kernel.1f…")
        channel = inbox.channel(number, peer="uproot_nb.v8.to.gateway.2e…", incoming=FromServer)

    Args:
        opening: takes an envelope by which somebody opens a stream to us.
    """

    def __init__(
        self,
        broker: Broker,
        opening: Callable[[Envelope], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._broker, self._opening, self._clock = broker, opening, clock
        self._channels: dict[int, NatsChannel] = {}
        self._unflushed: list[NatsChannel] = []
        """The channels that send something in this turn of the loop."""
        self._timer: asyncio.TimerHandle | None = None
        self._looked = self.now = clock()
        """When the inbox was last active (monotonic seconds)."""

    @property
    def connected(self) -> bool:
        """Whether what is published leaves this machine."""
        return self._broker.connected

    async def listen(self, subject: str) -> None:
        """Receive what is sent to *subject*."""
        self._looked = self.now = self._clock()
        await self._broker.subscribe(subject, self.take)
        self._look()

    def channel(
        self, peer: str, incoming: Any, number: int | None = None
    ) -> tuple[NatsChannel, int]:
        """Return a new channel to the subject *peer*, and its stream's id."""
        number = secrets.randbits(63) if number is None else number
        largest = min(_LARGEST_BODY, self._broker.largest - HEADER_BYTES - _MARGIN)
        stream = VirtualStream(number, largest)
        channel = NatsChannel(self, stream, peer, incoming, self._clock())
        self._channels[number] = channel
        return channel, number

    def flush_soon(self, channel: NatsChannel) -> None:
        """Let *channel* send at the end of this turn of the loop, together with the others."""
        if not self._unflushed:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unflushed.append(channel)

    def _flush(self) -> None:
        channels, self._unflushed = self._unflushed, []
        with self._broker.together():
            for channel in channels:
                channel.flush()

    def publish(self, subject: str, envelope: Envelope) -> None:
        """Send one envelope."""
        self._broker.publish(subject, envelope.pack())

    def take(self, data: bytes) -> None:
        """Receive one message; what belongs to no channel is ignored."""
        envelope = unpack(data)
        if envelope is None:
            return
        self.now = self._clock()
        channel = self._channels.get(envelope.stream)
        if envelope.kind == Kind.OPEN:
            self._opening(envelope)
        elif channel is None:
            return
        elif envelope.kind == Kind.BROKEN:
            channel.note_broken()
        else:
            channel.take(envelope)

    def forget(self, number: int) -> None:
        """Forget a channel that is gone."""
        self._channels.pop(number, None)

    def resume(self) -> None:
        """Send what has waited while the connection to the broker was lost."""
        for channel in list(self._channels.values()):
            channel.resume()

    def _look(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)
        now = self._clock()
        late = now - self._looked - 2 * _LOOK_SECONDS
        self._looked = self.now = now
        for channel in list(self._channels.values()):
            if late > 0:
                channel.excuse(late)
            channel.beat(now)

    def close(self) -> None:
        """Watch no more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _ignore(messages: list[BridgeMessage]) -> None:
    return
