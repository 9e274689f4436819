"""The virtual stream: whatever the broker loses or repeats, nothing passes that has a gap."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from uproot_nb.bridge.nats.envelopes import Envelope, Kind, unpack
from uproot_nb.bridge.nats.virtual_stream import StreamBroken, VirtualStream

BODIES = st.binary(min_size=1, max_size=60)


class Side:
    """One end, what it has put, and what has come out of it."""

    def __init__(self, number: int) -> None:
        self.stream = VirtualStream(number, largest=10, window=25)
        self.put: list[bytes] = []
        self.got: list[bytes] = []
        self.broken = False


class Network(RuleBasedStateMachine):
    """Two ends and a broker that keeps the order, loses, and repeats."""

    @initialize()
    def connect(self) -> None:
        self.lives = 0
        self.restart()

    @rule()
    def restart(self) -> None:
        """Begin a new stream; what is on its way of the last one arrives all the same."""
        self.lives += 1
        self.sides = [Side(self.lives), Side(self.lives)]
        self.ways: list[deque[bytes]] = getattr(self, "ways", [deque(), deque()])

    def _publish(self, end: int, envelopes: list[Envelope]) -> None:
        self.ways[end].extend(envelope.pack() for envelope in envelopes)

    @rule(end=st.sampled_from([0, 1]), body=BODIES)
    def put(self, end: int, body: bytes) -> None:
        side = self.sides[end]
        if not side.broken:
            side.put.append(body)
            side.stream.put(body)
            self._publish(end, side.stream.due())

    @rule(end=st.sampled_from([0, 1]))
    def beat(self, end: int) -> None:
        if not self.sides[end].broken:
            self._publish(end, [self.sides[end].stream.beat()])

    @rule(end=st.sampled_from([0, 1]), twice=st.booleans())
    def deliver(self, end: int, twice: bool) -> None:
        if self.ways[end]:
            data = self.ways[end].popleft()
            for _ in range(1 + twice):
                self._take(1 - end, data)

    @precondition(lambda self: any(self.ways))
    @rule(end=st.sampled_from([0, 1]))
    def lose(self, end: int) -> None:
        if self.ways[end]:
            self.ways[end].popleft()

    def _take(self, end: int, data: bytes) -> None:
        side, envelope = self.sides[end], unpack(data)
        assert envelope is not None
        if side.broken or envelope.stream != side.stream.number:
            return
        try:
            body = side.stream.take(envelope)
        except StreamBroken:
            side.broken = True
            return
        if body is not None:
            side.got.append(body)
        if side.stream.note_taken():
            self._publish(end, [side.stream.beat()])
        self._publish(end, side.stream.due())

    @invariant()
    def what_came_is_a_beginning_of_what_was_put(self) -> None:
        for near, far in ((0, 1), (1, 0)):
            put, got = self.sides[near].put, self.sides[far].got
            assert got == put[: len(got)]

    @invariant()
    def what_is_on_its_way_is_bounded(self) -> None:
        for end, way in enumerate(self.ways):
            mine = [unpack(data) for data in way]
            number = self.sides[end].stream.number
            assert sum(len(e.body) for e in mine if e and e.stream == number) <= 25


TestNetwork = Network.TestCase


@given(st.lists(BODIES, max_size=30))
def test_without_losses_everything_arrives_however_small_the_window(bodies: list[bytes]) -> None:
    network = Network()
    network.connect()
    for body in bodies:
        network.put(0, body)
    while any(network.ways):
        network.deliver(0, False)
        network.deliver(1, False)
    assert network.sides[1].got == bodies
    assert network.sides[0].stream.unsent == 0


def test_a_lost_message_is_noticed_by_the_next_sign_of_life() -> None:
    near, far = VirtualStream(1, 100), VirtualStream(1, 100)
    near.put(b"lost")
    near.due()
    with pytest.raises(StreamBroken, match="1 messages were lost"):
        far.take(near.beat())


def test_a_message_that_comes_twice_is_taken_once() -> None:
    near, far = VirtualStream(1, 100), VirtualStream(1, 100)
    near.put(b"once")
    (envelope,) = near.due()
    assert far.take(envelope) == b"once"
    assert far.take(envelope) is None


def test_what_lies_beyond_the_window_waits_until_the_other_end_has_taken_enough() -> None:
    near, far = VirtualStream(1, 10, window=20), VirtualStream(1, 10, window=20)
    near.put(b"x" * 50)
    first = near.due()
    assert (len(first), near.unsent) == (2, 30)
    assert near.due() == []
    for envelope in first:
        assert far.take(envelope) is None
        far.note_taken()
    assert near.take(far.beat()) is None
    assert len(near.due()) == 2
    assert near.unsent == 10


def test_a_sign_of_life_passes_though_there_is_no_credit() -> None:
    near, far = VirtualStream(1, 10, window=10), VirtualStream(1, 10, window=10)
    near.put(b"x" * 25)
    (part,) = near.due()
    far.take(part)
    assert far.take(near.beat()) is None
    far.note_taken()
    near.take(far.beat())
    for envelope in near.due():
        far.take(envelope)


def test_nobody_can_claim_to_have_taken_what_was_not_sent() -> None:
    near = VirtualStream(1, 100)
    with pytest.raises(StreamBroken, match="not sent"):
        near.take(Envelope(Kind.BEAT, 1, 1, taken=5))


def test_the_end_comes_after_all_that_was_put() -> None:
    near, far = VirtualStream(1, 100), VirtualStream(1, 100)
    near.put(b"last words")
    near.put_end()
    words, end = near.due()
    assert far.take(words) == b"last words"
    assert not far.ended
    assert far.take(end) is None
    assert far.ended


@given(st.binary(max_size=40))
def test_any_bytes_are_an_envelope_or_none(data: bytes) -> None:
    envelope = unpack(data)
    assert envelope is None or envelope.pack() == data


def test_a_repeated_message_gives_no_credit() -> None:
    near, far = VirtualStream(1, 10, window=20), VirtualStream(1, 10, window=20)
    near.put(b"x" * 40)
    first, _ = near.due()
    for _ in range(2):
        far.take(first)
        far.note_taken()
    assert near.take(far.beat()) is None
    assert len(near.due()) == 1
