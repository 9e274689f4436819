"""A module that is reloaded changes its pages in place: frozen code stays, live code is noted."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import Browser
from uproot_nb import Page, Run, live
from uproot_nb.flow.frozen_code import Seal

MODULE = "an_experiment_that_is_reloaded"
TEXT = '''\
from uproot_nb import *

class A(Page):
    """# Title one"""

    @live
    def hi(page, player):
        return "one"

    def templatevars(page, player):
        return dict(said="one")

    def before_always_once(page, player):
        player.seen = "one"

class B(Page):
    """# B"""
'''


class Reloaded:
    """A notebook with autoreload, and the module beside it."""

    def __init__(self, shell: Any, folder: Path) -> None:
        self.shell, self.file = shell, folder / f"{MODULE}.py"
        self._time = 1_000_000_000
        self.write(TEXT)

    def write(self, text: str) -> None:
        """Save the module, later than before."""
        self.file.write_text(text)
        self._time += 10
        os.utime(self.file, (self._time, self._time))

    def cell(self, code: str) -> None:
        """Run a cell; autoreload looks before it."""
        result = self.shell.run_cell(code, store_history=True)
        result.raise_error()

    def serve(self, code: str) -> Run:
        """Serve the module's pages."""
        self.cell("%load_ext autoreload\n%autoreload 2")
        self.cell(f"from {MODULE} import *\nimport {MODULE}")
        self.cell(f"run = serve([A, B], players=2, name='m', code={code!r}, embedded=True, port=0)")
        run: Run = self.shell.user_ns["run"]
        return run


@pytest.fixture
def reloaded(shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reloaded]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield Reloaded(shell, tmp_path)
    shell.run_cell("%autoreload 0")
    sys.modules.pop(MODULE, None)


def _hashes(run: Run) -> list[str]:
    code = run.events.query("kind == 'code' and field == 'A'")
    return [value["hash"] for value in code["value"]]


@pytest.mark.long
async def test_frozen_code_stays_whatever_is_reloaded(
    reloaded: Reloaded, capsys: pytest.CaptureFixture[str]
) -> None:
    """Live methods, hooks and the text; and the cell shows it."""
    run = reloaded.serve("frozen")
    ann = await Browser.open(run)
    assert await ann.call("hi") == "one"
    for number in range(2):
        reloaded.write(TEXT.replace("one", f"two{number}") + "\n\nclass C(Page):\n    '''C'''\n")
        reloaded.cell("1 + 1")
        assert await ann.call("hi") == "one"
    bob = await Browser.open(run, 1)
    assert run.players[1].seen == "one"
    assert "Title one" in bob.html
    assert len(_hashes(run)) == 1
    said = capsys.readouterr()
    assert "run.thaw()" in said.out + said.err
    assert set(run.calls["code"]) == set(_hashes(run))


@pytest.mark.long
async def test_frozen_code_is_compared_where_it_is_called(reloaded: Reloaded) -> None:
    """A call that comes between the reload and the end of the cell."""
    run = reloaded.serve("frozen")
    ann = await Browser.open(run)
    reloaded.write(TEXT.replace("one", "two"))
    _reload(reloaded)
    assert reloaded.shell.user_ns["A"].live_methods["hi"].function(None, None) == "two"
    assert await ann.call("hi") == "one"


@pytest.mark.long
async def test_live_code_that_was_reloaded_runs_under_its_own_hash(reloaded: Reloaded) -> None:
    """And a page that looks different is loaded again."""
    run = reloaded.serve("live")
    ann = await Browser.open(run)
    assert await ann.call("hi") == "one"
    reloaded.write(TEXT.replace('return "one"', 'return "two"'))
    _reload(reloaded)
    assert await ann.call("hi") == "two"
    before, after = _hashes(run)
    assert list(run.calls["code"]) == [before, after]
    assert reloaded.shell.user_ns["A"].source.hash == after
    reloaded.write(TEXT.replace("one", "three"))
    reloaded.cell("1 + 1")
    assert (await ann.action())["action"] == "reload"
    assert len(_hashes(run)) == 3
    reloaded.cell("run = serve([A, B], players=2, name='m', embedded=True, port=0)")
    again = await Browser.open(run)
    assert await again.call("hi") == "three"


@pytest.mark.long
async def test_a_text_that_autoreload_passes_over_is_shown_once_imported(
    reloaded: Reloaded,
) -> None:
    """IPython takes a class whose docstring alone was edited for unchanged."""
    run = reloaded.serve("live")
    reloaded.write(TEXT.replace("Title one", "Title two"))
    reloaded.cell(f"import importlib; importlib.reload({MODULE})\nfrom {MODULE} import *")
    ann = await Browser.open(run)
    assert "Title two" in ann.html
    assert len(set(_hashes(run))) == 2  # IPython before 9.18 reloads it once more


def _reload(reloaded: Reloaded) -> None:
    """Reload as autoreload does before a cell, and end no cell after it."""
    reloader = next(
        callback.__self__
        for callback in reloaded.shell.events.callbacks["pre_run_cell"]
        if "autoreload" in getattr(callback, "__module__", "")
    )
    reloader.pre_run_cell(None)


def test_a_seal_gives_back_what_was_changed_added_and_deleted() -> None:
    class Market(Page):
        """A market."""

        @live
        def bid(page, player):  # noqa: ANN001, ANN202
            return 1

        def templatevars(page, player):  # noqa: ANN001, ANN202
            return {"a": 1}

    seal = Seal(Market)
    assert seal.is_untouched
    before = dict(vars(Market))
    Market.templatevars.__func__.__code__ = (lambda page, player: {"a": 2}).__code__
    Market.extra = 5  # type: ignore[attr-defined]
    Market.live_methods = {}
    del Market.bid
    assert not seal.fits
    seal.restore()
    assert dict(vars(Market)) == before
    assert Market.templatevars(None) == {"a": 1}
    assert seal.is_untouched
