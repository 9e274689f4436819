"""What surprises later is said when a session is served: moved files, and kernels that end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tests.running import serving
from uproot_nb import Page
from uproot_nb.notebook.surroundings import runner_of, session_elsewhere

CELL = "run = serve([A], name='study', embedded=True, port=0)"


class A(Page):
    """A."""


@pytest.mark.parametrize(
    ("command", "runner"),
    [
        (["/usr/bin/python3", "/usr/bin/jupyter-nbconvert", "--execute", "x.ipynb"], "nbconvert"),
        (["python", "-m", "nbconvert", "--execute"], "nbconvert"),
        (["python", "/usr/bin/papermill", "x.ipynb", "y.ipynb"], "papermill"),
        (["python", "/usr/bin/jupyter-execute", "x.ipynb"], "jupyter-execute"),
        (["python", "/usr/bin/jupyter-lab"], ""),
        ([], ""),
    ],
)
def test_a_program_that_executes_the_notebook_is_known(command: list[str], runner: str) -> None:
    parent: Any = SimpleNamespace(cmdline=lambda: command)
    assert runner_of(parent) == runner


@pytest.mark.long
def test_a_notebook_that_nbconvert_executes_warns_that_its_links_end(
    shell: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parent = SimpleNamespace(cmdline=lambda: ["python", "-m", "nbconvert"])
    monkeypatch.setattr(psutil, "Process", lambda pid: parent)
    shell.run_cell("class A(Page):\n    '''A.'''", store_history=True).raise_error()
    shell.run_cell(CELL, store_history=True).raise_error()
    said = capsys.readouterr()
    assert "executed by nbconvert" in said.out + said.err
    assert "uproot-nb run" in said.out + said.err


@pytest.mark.long
def test_a_moved_notebook_reads_where_its_session_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "drafts", tmp_path / "final"
    old.mkdir()
    new.mkdir()
    with serving(A, name="study", db=old / "uproot_nb.sqlite3"):
        pass
    capsys.readouterr()
    with serving(A, name="study", db=new / "uproot_nb.sqlite3"):
        pass
    said = capsys.readouterr()
    assert f"db='{old / 'uproot_nb.sqlite3'}'" in said.out + said.err
    with serving(A, name="study", db=new / "uproot_nb.sqlite3"):
        pass
    with serving(A, name="another", db=new / "uproot_nb.sqlite3"):
        pass
    said = capsys.readouterr()
    assert "as if the notebook had been moved" not in said.out + said.err


def test_other_files_of_that_name_are_passed_over(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "down" / "here"  # other tests' files are higher than it looks
    (home / "a").mkdir(parents=True)
    (home / "b").mkdir()
    (home / "a" / "uproot_nb.sqlite3").write_text("not a database")
    assert session_elsewhere(home / "b" / "uproot_nb.sqlite3", "study") is None


@pytest.mark.long
def test_a_renamed_notebook_is_found_by_its_cell(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kernel knows the old name; the cell warns if nothing of that name is there."""
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "old.ipynb"))
    shell.run_cell("class A(Page):\n    '''A.'''", store_history=True).raise_error()
    shell.run_cell(CELL, store_history=True).raise_error()
    said = capsys.readouterr()
    assert "old.ipynb is not there" in said.out + said.err
    cells = [{"cell_type": "code", "source": [CELL], "outputs": [], "metadata": {}}]
    (tmp_path / "new.ipynb").write_text(json.dumps({"cells": cells}))
    shell.run_cell(CELL, store_history=True).raise_error()
    events = shell.user_ns["run"].events
    stored = events[(events.kind == "code") & (events.field == "new.ipynb")]
    assert len(stored) == 1


def test_what_a_cell_shows_of_the_links_has_no_keys() -> None:
    """It is saved with the notebook; the column itself has them."""
    with serving(A) as run:
        links = run.links
        keys = [url.rstrip("/").rpartition("/")[2] for url in links["url"]]
        assert run.link(run.players[0]) == links["url"].iloc[0]
        for table in (links, links[["player", "url"]], links[links["online"] == False]):  # noqa: E712
            shown = repr(table) + table._repr_html_()
            assert not [key for key in keys if key[:8] in shown]
            assert "/p/…" in shown
        assert keys[0] in links.to_csv()


@pytest.mark.parametrize(
    "part",
    [
        lambda links: links["url"],
        lambda links: links.url.head(1),
        lambda links: links.iloc[0],
        lambda links: links.set_index("url"),
        lambda links: links.set_index("player")["url"],
        lambda links: links.rename(columns={"url": "link"}),
        lambda links: links["url"].to_frame(),
    ],
)
def test_parts_of_the_links_are_shown_without_keys_too(part: Callable[[Any], Any]) -> None:
    """`run.links["url"]` at the end of a cell is saved with the notebook as well."""
    with serving(A) as run:
        link = run.link(run.players[0])
        shown = part(run.links)
        texts = [repr(shown), getattr(shown, "_repr_html_", str)() or ""]
        assert not [text for text in texts if link.rstrip("/")[-32:-24] in text]
        assert "/p/…" in texts[0]
        assert link in list(run.links["url"])
