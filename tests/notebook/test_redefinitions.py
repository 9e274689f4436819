"""Redefinitions: what a cell that redefines a page says, and what a frozen session refuses."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.running import Browser, Rejected, serving, until
from uproot_nb import GroupCreatingWait, Page, live, open_log, rerun, serve
from uproot_nb.errors import ClosedRun, FrozenCode
from uproot_nb.notebook.redefinitions import describe_redefinition

OFFER = """
class Offer(Page):
    '''An offer.'''

    @live
    def bid(page, player):
        return "old"
"""
NEW_METHOD, NEW_TEXT = OFFER.replace('"old"', '"new"'), OFFER.replace("An offer", "The offer")
SERVE = 'run = serve([Offer], players=3, name="m", embedded=True, port=0)'

Cell = Callable[[str], Any]


@pytest.fixture
def cell(shell: Any) -> Cell:
    """Run a cell, which must succeed; the page is served before."""

    def run_cell(text: str) -> Any:
        result = shell.run_cell(text, store_history=True)
        result.raise_error()
        return result.result

    run_cell(OFFER)
    run_cell(SERVE)
    return run_cell


def refused(shell: Any, text: str) -> str:
    """Run a cell that a frozen session refuses; return why."""
    error = shell.run_cell(text, store_history=True).error_in_exec
    assert isinstance(error, FrozenCode), error
    return str(error)


# ---- what it says ----


@pytest.mark.long
async def test_who_redefines_a_page_reads_who_is_on_it_and_what_they_keep(
    shell: Any, cell: Cell, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new method, a new text; nothing if nothing is new, or nobody there."""
    run = shell.user_ns["run"]
    cell(NEW_METHOD)
    assert "redefined" not in capsys.readouterr().err
    ann, bob = await Browser.open(run), await Browser.open(run, 1)
    await bob.disconnect()
    await until(lambda: not run.players[1].online)
    names = ", ".join(player.name for player in run.players[:2])
    cell(NEW_METHOD)
    assert "redefined" not in capsys.readouterr().err
    cell(OFFER)
    said = capsys.readouterr().err
    assert f"Offer was redefined while 2 players are on it ({names}). Open pages stay" in said
    cell(NEW_TEXT)
    assert (await ann.action())["action"] == "reload"
    assert "Browsers show the new page at once" in capsys.readouterr().err
    cell("%%template Offer\n<p>Mine.</p>")
    assert f"2 players are on it ({names}). Browsers show" in capsys.readouterr().err
    run.free(run.players[:2])
    cell(OFFER)
    assert "redefined" not in capsys.readouterr().err


@given(
    st.lists(st.tuples(st.text("abc", min_size=1), st.booleans()), min_size=1, max_size=60),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_it_is_one_line_with_how_many_there_are_however_many_they_are(
    there: list[tuple[str, bool]], reloads: bool, waits: bool
) -> None:
    line = describe_redefinition("Offer", there, reloads, waits)
    assert "\n" not in line
    assert len(line) < 420 + sum(len(name) for name, _ in there[:5])
    assert line.startswith(f"Offer was redefined while {len(there)} player")
    away = sum(not online for _, online in there)
    assert (f"offline ({away})" in line) == (away > 0)


def test_a_wait_page_goes_on_by_the_new_code() -> None:
    line = describe_redefinition("Meet", [("PC-01", True)], True, True)
    assert line == (
        "Meet was redefined while 1 player is on it (PC-01). "
        "Everybody goes on waiting there, with the new code."
    )


# ---- frozen ----


@pytest.mark.long
async def test_a_frozen_session_fails_the_cell_and_thawed_takes_it(shell: Any, cell: Cell) -> None:
    """The error names run.thaw(); the cell's reply is an error, so that none runs after it."""
    run = shell.user_ns["run"]
    ann = await Browser.open(run)
    run.freeze()
    assert run.frozen
    said = refused(shell, NEW_METHOD)
    assert "Offer was redefined, but the session 'm' is frozen" in said
    assert "run.thaw(), and run this cell again" in said
    assert await ann.call("bid") == "old"
    cell("run.thaw()")
    assert not run.frozen
    assert await ann.call("bid") == "old"
    cell(NEW_METHOD)
    assert await ann.call("bid") == "new"
    logged = run.events.query("kind == 'intervention' and subject == 'session'")
    assert logged["field"].tolist() == ["freeze", "thaw"]
    assert logged.iloc[0]["value"] == {"code": {"Offer": run.calls["code"].iloc[0]}}


@pytest.mark.long
def test_all_pages_of_a_refused_cell_are_refused_and_its_own_error_stays(
    shell: Any, cell: Cell, capsys: pytest.CaptureFixture[str]
) -> None:
    cell("class Other(Page):\n    'Another.'")
    cell(SERVE.replace("[Offer]", "[Offer, Other]"))
    run = shell.user_ns["run"]
    run.freeze()
    both = NEW_METHOD + "\nclass Other(Page):\n    'Quite another.'\n"
    refused(shell, both)
    cell("1 + 1")
    assert [page.__doc__ for page in run._runtime.flow.pages] == ["An offer.", "Another."]
    failed = shell.run_cell(both + "1 / 0", store_history=True)
    assert isinstance(failed.error_in_exec, ZeroDivisionError)
    assert "FrozenCode" in capsys.readouterr().out


@pytest.mark.long
async def test_a_cell_may_redefine_a_page_and_freeze_it(shell: Any, cell: Cell) -> None:
    """What it has defined before counts, what comes after does not."""
    run = shell.user_ns["run"]
    ann = await Browser.open(run)
    cell(NEW_METHOD + "\nrun.freeze()")
    assert await ann.call("bid") == "new"
    refused(shell, "run.freeze()\n" + OFFER)
    refused(shell, OFFER + "\nrun.freeze()")
    assert await ann.call("bid") == "new"
    cell("run.thaw()\n" + OFFER)
    assert await ann.call("bid") == "old"


@pytest.mark.long
def test_the_serving_cell_runs_again_with_what_is_frozen_and_can_freeze_and_thaw(
    shell: Any, cell: Cell
) -> None:
    """Pages that were redefined before it was frozen are those that were frozen."""
    run = shell.user_ns["run"]
    cell(NEW_METHOD)
    cell("run.freeze()")
    cell(SERVE.replace("players=3", "players=4"))
    assert (len(run.players), run.frozen) == (4, True)
    refused(shell, OFFER)
    assert "Offer" in refused(shell, SERVE)
    cell(SERVE.replace("port=0", 'port=0, code="live"'))
    assert not run.frozen
    assert run._runtime.flow.pages[0].source.text.strip() == OFFER.strip()
    cell(NEW_METHOD + SERVE.replace("port=0", 'port=0, code="frozen"'))
    assert run.frozen
    assert '"new"' in run._runtime.flow.pages[0].source.text


@pytest.mark.long
async def test_a_refused_template_is_forgotten(shell: Any, cell: Cell) -> None:
    """Thawed, and loaded again, the page is still the old one."""
    run = shell.user_ns["run"]
    ann = await Browser.open(run)
    run.freeze()
    said = refused(shell, "%%template Offer\n<p>Mine.</p>")
    assert said.startswith("The template of Offer was redefined")
    run.thaw()
    assert "An offer." in await ann.load()


class Market(Page):
    """A market."""

    @live
    def add(page, player):
        player.count = player.get("count", 0) + 1


class Pair(GroupCreatingWait):
    """Two."""

    group_size = 2


@pytest.mark.long
def test_a_session_stays_as_it_was_left_and_code_says_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Frozen through restarts; code="live" thaws, code="frozen" lasts."""
    db = tmp_path / "data.sqlite3"
    left = [(None, False), ("frozen", True), (None, True), ("live", False), (None, False)]
    for code, frozen in left:
        with serving(Market, db=db, code=code) as run:
            assert run.frozen == frozen
    with pytest.raises(ClosedRun):
        run.freeze()
    with open_log(db, "market") as log:
        steps = log.events.query("kind == 'intervention'")["field"].tolist()
    assert steps == ["freeze", "thaw"]
    assert "frozen" not in capsys.readouterr().err


@pytest.mark.long
def test_a_restart_with_other_code_says_so_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Other(Page):
        """Another."""

    db, said = tmp_path / "data.sqlite3", []
    for pages in ([Market], [Market, Other], [Market, Other]):
        with serving(*pages, db=db, code="frozen" if not said else None) as run:
            assert run.frozen
        said.append("was frozen with other code of Other" in capsys.readouterr().err)
    assert said == [False, True, False]


KILLED = """
import os, sys
from uproot_nb import *
class Market(Page):
    "A market."
run = serve([Market], players=1, name="market", db=sys.argv[1], embedded=True, port=0)
run.freeze()
run.events
os._exit(9)
"""


def test_a_killed_kernel_leaves_it_frozen(tmp_path: Path) -> None:
    db, script = tmp_path / "data.sqlite3", tmp_path / "killed.py"
    script.write_text(KILLED)
    assert subprocess.run([sys.executable, str(script), str(db)], check=False).returncode == 9
    with serving(Market, db=db) as run:
        assert run.frozen


async def test_a_script_that_serves_other_pages_is_refused_and_goes_on() -> None:
    names: dict[str, Any] = {}
    again = {"name": "market", "db": ":memory:", "embedded": True, "port": 0, "namespace": names}
    with serving(Market, names=names) as run:
        run.freeze()
        with pytest.raises(FrozenCode, match="Pair"):
            serve([Market, Pair], **again)
        ann = await Browser.open(run)
        with pytest.raises(Rejected):
            await ann.call("other")


async def test_a_frozen_session_comes_again_in_a_rerun() -> None:
    with serving(Market) as run:
        ann = await Browser.open(run)
        run.freeze()
        await ann.call("add")
        run.thaw()
        again = rerun(run, [Market], namespace={})
        assert again.same, again.differences
