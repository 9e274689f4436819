"""attach in a kernel of its own: a notebook that watches and steers what another process serves."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.notebook.attached.elsewhere import elsewhere
from uproot_nb import Page


class Task(Page):
    """A task."""


class Thanks(Page):
    """Thank you."""


def run_notebook(folder: Path, *cells: str) -> list[str]:
    """Run cells in a new kernel, and return what each has printed."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return ["".join(out.get("text", "") for out in cell.outputs) for cell in notebook.cells]


@pytest.mark.long
@pytest.mark.slow
def test_a_notebook_in_a_second_kernel_looks_steers_and_freezes_through_a_restart(
    tmp_path: Path,
) -> None:
    db = tmp_path / "session.sqlite3"
    begin = "from uproot_nb import attach\nrun = attach({url!r}, {token!r})"
    with elsewhere(Task, Thanks, db=db) as there:
        name = there.run.players[0].name
        first = begin.format(url=there.url, token=there.tokens.token("steward"))
        shown = run_notebook(
            tmp_path, first, "print(list(run.state.index))",
            "print(run.set(run.players[0], cash=7))",
            "print(run.state['cash'].tolist()[0])", "print(run.advance(run.state[:1]))",
            "print(run.freeze())",
        )  # fmt: skip
        assert name in shown[1]
        assert shown[2:] == [
            "set: 1 of 1 players.\n", "7\n", "advance: 1 of 1 players.\n",
            "Frozen: no page can be redefined.\n",
        ]  # fmt: skip
        assert there.run.players[0].page == "Task"
        assert there.run.frozen
    with elsewhere(Task, Thanks, db=db) as again:
        assert again.run.frozen, "it lasts through a restart"
        second = begin.format(url=again.url, token=again.tokens.token("steward"))
        shown = run_notebook(
            tmp_path, second, "print(run.facts['frozen'], run.thaw(), run.facts['frozen'])",
            "print(run.state['cash'].tolist()[0])",
        )  # fmt: skip
        assert shown[1:] == ["True Thawed: pages can be redefined. False\n", "7\n"]
        assert not again.run.frozen
