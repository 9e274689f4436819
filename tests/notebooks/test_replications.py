"""The notebook of replications: it runs, and shows both figures of each study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parent.parent.parent / "notebooks" / "replications.ipynb"
pytestmark = [pytest.mark.timeout(1_800), pytest.mark.slow]  # minutes, on a busy machine more
ASKED = """
import json
print(json.dumps({
    "example": example[["published", "ours"]].round(0).to_dict("list"),
    "rows": {"zero": len(zero), "beliefs": len(beliefs), "zip": len(zip_days), "smith": len(smith)},
    "axes": [len(one.axes) for one in (schedules, daily, alphas, apart)],
    "far": everything["distance"].abs().gt(3).sum().item(),
    "differ": len(differ),
}))
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the notebook has computed with two sessions of each design."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    line = "SESSIONS = 5 "
    assert line in notebook.cells[1].source
    notebook.cells[1].source = notebook.cells[1].source.replace(line, "SESSIONS = 2 ")
    notebook.cells.append(nbformat.v4.new_code_cell(ASKED))
    folder = str(tmp_path_factory.mktemp("replications"))
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": folder}}).execute()
    return json.loads(notebook.cells[-1].outputs[0].text)


def test_the_example_comes_out_to_the_cent(shown: dict[str, Any]) -> None:
    assert shown["example"]["ours"] == shown["example"]["published"]


def test_each_study_is_shown_with_all_its_figures(shown: dict[str, Any]) -> None:
    assert shown["rows"] == {"zero": 25, "beliefs": 12, "zip": 200, "smith": 98}
    assert shown["axes"] == [5, 6, 10, 1]


def test_what_differs_is_listed(shown: dict[str, Any]) -> None:
    assert shown["differ"] == shown["far"]
