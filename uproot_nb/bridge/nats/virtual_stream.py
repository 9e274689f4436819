"""VirtualStream: numbers, credit and parts; it decides what is sent, and never waits."""

from __future__ import annotations

from collections import deque

from uproot_nb.bridge.nats.envelopes import Envelope, Kind

__all__ = ["LARGEST_BODY", "WINDOW", "StreamBroken", "VirtualStream"]

WINDOW = 4 * 1024 * 1024
"""Bytes that may be on their way before the other side has taken them."""
LARGEST_BODY = 1024 * 1024 * 1024
"""Bytes; the other side sends no longer array of messages."""


class StreamBroken(Exception):
    """Something is missing, or makes no sense: the stream cannot go on."""


class VirtualStream:
    """One end of a stream of arrays over a broker that keeps the order and may lose messages.

        stream.put(body)
        for envelope in stream.due():
            publish(envelope.pack())
        body = stream.take(envelope)       # of the other end; None if more of it follows

    Args:
        number: the stream's random id.
        largest: the most bytes of a body in one envelope; longer ones are cut.
        window: the most bytes on their way; both ends have the same.
    """

    def __init__(self, number: int, largest: int, window: int = WINDOW) -> None:
        self.number = number
        self._largest, self._window = min(largest, window), window
        self._waiting: deque[tuple[Kind, bytes]] = deque()
        self._sent = self._credited = self._numbered = 0
        self._heard = self._taken = self._reported = self._untaken = 0
        self._begun = bytearray()
        """The parts so far of an array that continues."""
        self.unsent = 0
        """Bytes that wait for credit."""
        self.ended = False
        """Whether the other end has closed."""

    # ---- sending --------------------------------------------------------------------------

    def put(self, body: bytes) -> None:
        """Send *body* after those before, as soon as there is credit."""
        self.unsent += len(body)
        while len(body) > self._largest:
            self._waiting.append((Kind.PART, body[: self._largest]))
            body = body[self._largest :]
        self._waiting.append((Kind.WHOLE, body))

    def put_end(self) -> None:
        """Close after all that was put."""
        self._waiting.append((Kind.END, b""))

    def due(self) -> list[Envelope]:
        """Return what is to be sent now, and only once."""
        found = []
        while self._waiting and self._has_credit(len(self._waiting[0][1])):
            kind, body = self._waiting.popleft()
            self.unsent -= len(body)
            self._sent += len(body)
            found.append(self._next(kind, body))
        return found

    def beat(self) -> Envelope:
        """Return a sign of life, which needs no credit."""
        return self._next(Kind.BEAT)

    def _next(self, kind: Kind, body: bytes = b"") -> Envelope:
        self._numbered += 1
        self._reported = self._taken
        return Envelope(kind, self.number, self._numbered, self._taken, body)

    def _has_credit(self, size: int) -> bool:
        return self._sent + size - self._credited <= self._window

    # ---- receiving ------------------------------------------------------------------------

    def take(self, envelope: Envelope) -> bytes | None:
        """Return a whole body; None if more of it follows, or nothing has come.

        Raises:
            StreamBroken: an envelope is missing, or the other end sends what it may not.
        """
        if envelope.number <= self._heard:
            return None  # repeated
        if envelope.number != self._heard + 1:
            raise StreamBroken(f"{envelope.number - self._heard - 1} messages were lost")
        if not self._credited <= envelope.taken <= self._sent:
            raise StreamBroken("it has taken what was not sent")
        self._heard, self._credited = envelope.number, envelope.taken
        self._untaken += len(envelope.body)
        return self._join(envelope)

    def _join(self, envelope: Envelope) -> bytes | None:
        if envelope.kind == Kind.BEAT:
            return None
        if envelope.kind == Kind.END:
            self.ended = True
            return None
        if len(self._begun) + len(envelope.body) > LARGEST_BODY:
            raise StreamBroken(f"an array has more than {LARGEST_BODY} bytes")
        if envelope.kind == Kind.WHOLE and not self._begun:
            return envelope.body
        self._begun += envelope.body
        if envelope.kind == Kind.PART:
            return None
        whole, self._begun = bytes(self._begun), bytearray()
        return whole

    def note_taken(self) -> bool:
        """Note that what came was dealt with; return whether the other end should know soon."""
        self._taken, self._untaken = self._taken + self._untaken, 0
        return self._taken - self._reported >= self._window // 4
