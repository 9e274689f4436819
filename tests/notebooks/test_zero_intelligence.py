"""Zero intelligence: what the notebook simulates, and that it hides nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parent.parent.parent / "notebooks" / "zero_intelligence.ipynb"
pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.slow,
]  # the notebook takes a minute; on a busy machine, several
MARKETS = ["1", "2", "3", "4", "5"]
ASKED = """
import json
print(json.dumps({
    "columns": ["/".join(column) for column in comparison.columns],
    "rows": list(comparison.index),
    "measured": {kind: comparison[kind].to_dict() for kind in ("ZI-C", "ZI-U")},
    "seeds": {"ZI-C": len(constrained), "ZI-U": len(unconstrained)},
    "periods": len(simulated(ZIC, 1, 0).periods),
    "all traded": designs["efficiency if all is traded"].to_dict(),
    "by length": by_length["ZI-C"].T.to_dict(),
    "axes": len(figure.axes),
    "traders": {m: [len(v.values), len(v.costs)] for m, v in MARKETS.items()},
}))
"""


WHOLE = 40
"""The notebook's number of seeds."""


@pytest.fixture(scope="module", params=[8, WHOLE])
def told(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Any:
    """What the notebook has computed with so many seeds, in a fresh kernel as Jupyter does it."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    line = f"SEEDS = {WHOLE} "
    assert line in notebook.cells[1].source
    notebook.cells[1].source = notebook.cells[1].source.replace(line, f"SEEDS = {request.param} ")
    notebook.cells.append(nbformat.v4.new_code_cell(ASKED))
    folder = str(tmp_path_factory.mktemp("zero_intelligence"))
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    return {**json.loads(notebook.cells[-1].outputs[0].text), "asked": request.param}


def test_the_budget_makes_every_market_more_efficient(told: dict[str, Any]) -> None:
    constrained, unconstrained = (told["measured"][kind]["mean"] for kind in ("ZI-C", "ZI-U"))
    for market in MARKETS:
        assert constrained[market] > unconstrained[market]
        assert constrained[market] <= 100


def test_each_mean_has_its_spread_and_its_distance_beside_it(told: dict[str, Any]) -> None:
    assert told["rows"] == [1, 2, 3, 4, 5]
    for kind in ("ZI-C", "ZI-U"):
        for name in ("mean", "sd", "standard error", "published", "distance", "distance / sd"):
            assert f"{kind}/{name}" in told["columns"]
        measured, seeds = told["measured"][kind], told["seeds"][kind]
        assert seeds == told["asked"]
        for market in MARKETS:
            gap = measured["mean"][market] - measured["published"][market]
            assert measured["distance"][market] == pytest.approx(gap)
            error = measured["sd"][market] / seeds**0.5
            assert measured["standard error"][market] == pytest.approx(error)
    assert {"humans/published", "equilibrium/price, low", "equilibrium/quantity, high"} < set(
        told["columns"]
    )


def test_the_markets_are_of_the_papers_size(told: dict[str, Any]) -> None:
    assert told["periods"] == 6
    assert set(map(tuple, told["traders"].values())) == {(6, 6)}


def test_without_a_budget_everything_is_traded(told: dict[str, Any]) -> None:
    """So that the efficiency follows from the schedules alone, as the notebook says."""
    for market in MARKETS:
        measured = told["measured"]["ZI-U"]
        assert measured["mean"][market] == pytest.approx(told["all traded"][market])
        assert measured["sd"][market] == pytest.approx(0, abs=1e-9)


def test_a_longer_period_is_more_efficient(told: dict[str, Any]) -> None:
    lengths = sorted(told["by length"], key=int)
    for market in MARKETS:
        short, long = (told["by length"][length][market] for length in (lengths[0], lengths[-1]))
        assert short < long


def test_prices_are_drawn_for_both_kinds_in_every_market(told: dict[str, Any]) -> None:
    assert told["axes"] == 2 * len(MARKETS)
