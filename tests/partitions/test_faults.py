"""Faults: a seed gives the same ones again, and all kinds of them."""

from __future__ import annotations

from collections import Counter

from hosts.faults import Fault, draw_faults
from hosts.lab import HOSTS
from hosts.networks import PEOPLE
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(), st.integers(1, 60))
def test_a_seed_gives_so_many_faults_and_the_same_again(seed: int, count: int) -> None:
    rounds = draw_faults(seed, count)
    assert rounds == draw_faults(seed, count)
    assert sum(map(len, rounds)) == count
    assert {len(faults) for faults in rounds} <= {1, 2}


@given(st.integers())
def test_a_round_begins_with_its_first_fault(seed: int) -> None:
    for first, *others in draw_faults(seed, 30):
        assert first.begins == 0
        assert all(other.begins > 0 for other in others)


def test_every_host_and_every_kind_comes_up() -> None:
    drawn = [fault for faults in draw_faults(1, 200) for fault in faults]
    kinds = Counter(fault.kind for fault in drawn)
    assert set(kinds) == {"kill", "partition", "pause", "restart"}
    assert min(kinds.values()) > 5
    assert {host for fault in drawn for host in fault.where} == {*HOSTS, PEOPLE}


def test_a_fault_is_described_in_words() -> None:
    fault = Fault("partition", ("kernel", "database"), "one way", 2.04, 0.5)
    assert str(fault) == "partition kernel and database (one way) 2.0 s, 0.5 s after it"
