"""A notebook's experiment, exported, loaded here and run by the framework itself."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.apps.driving import Walk
from tests.interop.framework import (
    Framework,
    install_framework,
    place_of_framework,
    tracebacks,
)
from tests.interop.notebooks import Notebook, notebook_in
from tests.interop.projects import write_files
from uproot_nb import Run, export_app, serve

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
BOTS = """
uproot.simulate.on("Choose", (sim) => {
    sim.choose("cooperate", "True").submit();
});

uproot.simulate.on("Results", (sim) => {
    sim.submit();
});
"""


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """The prisoner's dilemma of our notebooks, with bots who cooperate."""
    folder = tmp_path / "notebook"
    write_files(folder, {"simulate.js": BOTS})
    notebook_in(folder, monkeypatch)
    return Notebook(*cells("prisoners_dilemma"), serve=lambda *args, **options: None)


@pytest.fixture
def app(notebook: Notebook, tmp_path: Path) -> Path:
    """The same, exported."""
    return export_app(notebook.names, tmp_path / "project" / "dilemma")


def cells(name: str) -> list[str]:
    """Return a notebook's cells up to the one that serves it."""
    text = (NOTEBOOKS / f"{name}.ipynb").read_text("utf-8")
    codes = ["".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
    last = next(number for number, code in enumerate(codes) if "serve(" in code)
    head = "%load_ext uproot_nb\n\nfrom uproot_nb import *\n"  # Notebook has run this already
    return [code.replace(head, "") for code in codes[: last + 1]]


def story(run: Run) -> dict[int, list[tuple[str, ...]]]:
    """Return what happened to each player, by player.id: kinds of events, pages, fields, values.

    Of a form that came, without when that was.
    """
    told: dict[int, list[tuple[str, ...]]] = {player.id: [] for player in run.players}
    for event in run.events.itertuples():
        if event.kind in ("set", "enter", "leave", "submit", "once") and event.field != "app":
            for player in run.players:
                if event.subject == player.subject:
                    value = event.value["form"] if event.kind == "submit" else event.value
                    words = (event.kind, event.page, event.field, str(value), event.cause)
                    told[player.id].append(tuple(str(w).replace("dilemma/", "") for w in words))
    return told


def walked(browser: Browser, names: dict[str, Any], **options: Any) -> dict[int, Any]:
    run = serve(
        players=2, db=":memory:", name="dilemma", embedded=True, port=0, seed=1, simulate=True,
        namespace=names, **options,
    )  # fmt: skip
    with run, closing(Walk(run, browser)) as walk:
        walk.open()
        walk.until_all_ended()
        assert not walk.complaints, walk.report()
        assert run.players.each("payoff") == [10, 10]
        return story(run)


@pytest.mark.slow
def test_it_behaves_here_as_it_did_in_the_notebook(
    browser: Browser, notebook: Notebook, app: Path
) -> None:
    order = [notebook.names[name] for name in ("Pair", "Choose", "Compare", "Results")]
    before = walked(browser, notebook.names, page_order=order)
    after = walked(browser, {}, app=app)
    assert after == before


@pytest.mark.slow
def test_it_runs_in_the_framework(browser: Browser, app: Path, pytestconfig: Any) -> None:
    programs = install_framework(place_of_framework(pytestconfig))
    with ExitStack() as stack:
        framework = stack.enter_context(Framework(programs, app.parent, app.name))
        pages = []
        for link in framework.open_session(players=2):
            context = browser.new_context()
            stack.callback(context.close)
            pages.append(context.new_page())
            pages[-1].goto(link)
        for page in pages:
            end = page.get_by_text("You have reached the end of this study")
            expect(end, framework.said()).to_be_visible(timeout=60_000)
        payoffs = [given["payoff"] for given in framework.fields("payoff").values()]
        assert payoffs == [10, 10]
        assert tracebacks(framework.said()) == []


FAILED = """INFO: a page
Traceback (most recent call last):
  File "/python/uproot/server1.py", line 755, in ws
    {line}
    ~~~~~~~^^^^^^^^^^^^^
{error}
INFO: another page
"""


def test_only_calls_that_came_late_are_the_frameworks_own_fault() -> None:
    late = FAILED.format(line="live_method = getattr(page, mname)", error="AttributeError: x")
    ours = FAILED.format(line="await page.before_once(player)", error="NameError: y")
    assert tracebacks("INFO: a page\n" + late) == []
    assert len(tracebacks(late + ours + late)) == 1
    assert "NameError: y" in tracebacks(late + ours)[0]
