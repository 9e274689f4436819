"""A short trial: participants trade while hosts are killed, paused, restarted and cut off."""

from __future__ import annotations

import pytest
from hosts.lab import HOSTS
from hosts.networks import Network, Relays, open_network
from hosts.trial import Trial, run_trial


@pytest.mark.slow
@pytest.mark.parametrize("make", [open_network, Relays], ids=["namespaces", "relays"])
def test_nothing_is_lost_doubled_or_stuck_whatever_happens_to_six_hosts(make: object) -> None:
    said: list[str] = []
    assert callable(make)
    network: Network = make(HOSTS)
    verdict = run_trial(Trial(seed=3, faults=10, players=6, say=said.append), network)
    assert verdict.faults == 0, "\n".join([*verdict.examples, *said])
