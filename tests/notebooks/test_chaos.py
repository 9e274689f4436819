"""A very short chaos: each kind of harm once, and nothing lost, doubled, half done or stuck."""

from __future__ import annotations

from pathlib import Path

import pytest
from chaos import Chaos


@pytest.mark.slow
def test_participants_calls_survive_whatever_happens_to_kernel_server_and_file(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    chaos = Chaos(tmp_path, seed=7, say=said.append)
    try:
        outcome = chaos.run(1.0)
    finally:
        chaos.close()
    assert outcome.faults == 0, (outcome, said)
    assert len(outcome.harms) == 5
    assert outcome.answered > 100
