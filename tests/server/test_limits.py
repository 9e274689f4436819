"""How often is too often."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from uproot_nb.server.limits import Limits, TokenBucket
from uproot_nb.server.reports import Refusals
from uproot_nb.server.sockets import DEEPEST, too_deep


def test_a_burst_passes_and_then_the_rate() -> None:
    bucket = TokenBucket(rate=10, burst=5, now=0.0)
    assert [bucket.take(0.0) for _ in range(6)] == [True] * 5 + [False]
    assert [bucket.take(0.1), bucket.take(0.1)] == [True, False]


def test_a_rest_never_gives_more_than_the_burst() -> None:
    bucket = TokenBucket(rate=10, burst=5, now=0.0)
    assert sum(bucket.take(1000.0) for _ in range(100)) == 5


@given(st.lists(st.floats(0, 10), max_size=200), st.floats(0.1, 100), st.integers(1, 50))
def test_no_more_passes_than_burst_and_rate_allow(
    waits: list[float], rate: float, burst: int
) -> None:
    bucket, now, passed = TokenBucket(rate, burst, 0.0), 0.0, 0
    for wait in waits:
        now += wait
        passed += bucket.take(now)
    assert passed <= burst + rate * now + 1e-6


def test_zero_is_no_limit() -> None:
    assert Limits(max_calls_per_second=0).bucket(0.0) is None


def test_a_thousand_at_once_pass_by_default() -> None:
    bucket = Limits().bucket(0.0)
    assert bucket is not None
    assert sum(bucket.take(0.0) for _ in range(2000)) == 1000


def test_refusals_are_reported_once_and_counted_for_ever() -> None:
    refusals = Refusals()
    for _ in range(3):
        refusals.count("malformed", "s", "ann")
    refusals.count("unknown token")
    assert refusals.take() == [("s", "ann", "malformed", 3)]
    assert refusals.take() == []
    assert refusals.counts == {"malformed": 3, "unknown token": 1}


def test_brackets_in_strings_do_not_nest() -> None:
    assert not too_deep(b'["' + b"[{" * 500 + b'"]')
    assert not too_deep(b'["\\"' + b"[" * 500 + b'"]')
    assert not too_deep(b"[" + b"[]," * 500 + b"0]")


def test_the_deepest_allowed_passes_and_one_more_does_not() -> None:
    assert not too_deep(b"[" * DEEPEST + b"]" * DEEPEST)
    assert too_deep(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1))


def test_what_is_beyond_the_burst_waits_for_its_turn() -> None:
    bucket = TokenBucket(rate=10, burst=2, now=0.0)
    pauses = [round(bucket.queue(0.0, longest=0.25), 6) for _ in range(6)]
    assert pauses == [0.0, 0.0, 0.1, 0.2, 0.25, 0.25]
    assert bucket.queue(10.0, longest=0.25) == 0.0


@given(st.lists(st.floats(0, 1), max_size=200), st.floats(0.1, 100), st.integers(1, 50))
def test_nobody_waits_longer_than_the_longest_turn(
    waits: list[float], rate: float, burst: int
) -> None:
    bucket, now = TokenBucket(rate, burst, 0.0), 0.0
    for wait in waits:
        now += wait
        assert 0.0 <= bucket.queue(now, longest=2.0) <= 2.0
    assert bucket.queue(now + 3.0 + 1.0 / rate, longest=2.0) == 0.0
