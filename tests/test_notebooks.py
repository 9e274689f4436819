"""Our notebooks, executed as Jupyter does it, and held to their form."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from hypothesis import settings
from live_jupyter import LiveJupyter
from nbclient import NotebookClient

from tests.examples import THOROUGH

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
FUNCTION_FORMS = {
    "asset_market": ["AssetMarketPage", "simulate_asset_market(", ".mispricing"],
    "call_market": ["CallMarketPage", "Rules(call=True", "run.bots(", "run.market()"],
    "double_auction": ["MarketPage", "InducedValues.symmetric(", "run.market()"],
    "real_time_by_hand": ["players(session)", "others_in_session(player)", "players(session).get("],
    "observed_diary": ["create_group(", "other_in_group(player)", "others_in_group(player)"],
    "drawing_board": ["others_in_session(player)", "send_to("],
    "prisoners_dilemma": ["GroupCreatingWait", "SynchronizingWait", "fields = dict("],
    "public_goods": ["Rounds(", "watch_for_dropout(", "timeout = "],
    "tutorial": ["GroupCreatingWait", "SynchronizingWait", "group.players.assign("],
    "market_study": ["Design(", "simulate_markets(study", "arm.pages(", "plots.", "study_tables("],
    "live_monitor": ["run.monitor(", "run.bots(", "run.message(", "run.view("],
    "analysis": ["open_log(", ".panel(", ".export(", "IntSlider(", ".at(seq)"],
    "study": ["Consent(", "Payment(", "balanced(", "run.funnel", "run.payments"],
    "survey": ["def language(player)", "Field(", "validate(page, player, data)"],
    "sealed_bids": ["SealedBidAuction(", "CommonValue(", "EquilibriumStrategy", "run.institution("],
    "posted_prices": ["PostedOffer(", "BertrandMarket(", "CournotMarket(", "BestReply("],
    "clock_auctions": ["EnglishClock(", "DutchClock(", "simulate_institution("],
    "multi_unit_auctions": ['MultiUnitAuction("uniform"', 'MultiUnitAuction("discriminatory"'],
    "prediction_market": ["PredictionMarket(", "institution_bot(", "run.institution("],
    "replications": ["replicate(", "published_figures(", "REPLICATIONS", "plots."],
    "zero_intelligence": [
        "Design.gode_sunder(",
        "simulate_market(",
        '.periods["efficiency"]',
        "equilibrium(",
    ],
}
ALONE = {"replications", "zero_intelligence"}
"""They compute, and serve nobody; each has a test of its own that runs it."""

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
LONG = {
    "asset_market", "analysis", "call_market", "clock_auctions", "live_monitor", "market_study",
    "multi_unit_auctions", "posted_prices", "prediction_market",
}  # fmt: skip
"""They take a minute to run, or show what another one shows."""
PLAYED = {"double_auction", "real_time_by_hand"}
"""They are run in JupyterLab, and played, by tests of their own that are not slow."""

TWICE = {"public_goods", "tutorial"}
"""They are run again without `make test-all`, too."""

every_serving_notebook = pytest.mark.parametrize(
    "path", [path for path in NOTEBOOKS if path.stem not in ALONE], ids=lambda path: path.stem
)


def read(path: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def test_every_notebook_is_looked_at() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(FUNCTION_FORMS)


@pytest.mark.long
@every_notebook
def test_it_opens_with_its_title_and_ends_with_what_to_expect(path: Path) -> None:
    cells = read(path).cells
    assert cells[0].cell_type == cells[-1].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert cells[-1].source.startswith("## What you should see")


@every_notebook
def test_it_carries_no_outputs_and_names_its_kernel(path: Path) -> None:
    notebook = read(path)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@every_serving_notebook
def test_how_many_players_there_are_stands_in_the_first_code_cell(path: Path) -> None:
    codes = [cell.source for cell in read(path).cells if cell.cell_type == "code"]
    name = next(line for line in "\n".join(codes).splitlines() if "serve([" in line)
    variable = name.split("players=")[1].split(",")[0]
    assert f"\n{variable} = " in codes[0]
    assert f'name="{path.stem}"' in name


@every_notebook
def test_it_uses_the_function_forms(path: Path) -> None:
    text = "\n".join(cell.source for cell in read(path).cells)
    assert [form for form in FUNCTION_FORMS[path.stem] if form not in text] == []


@every_notebook
def test_what_people_write_never_becomes_markup(path: Path) -> None:
    text = path.read_text("utf-8")
    for door in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "| safe"):
        assert door not in text


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=pytest.mark.slow if path.stem in LONG | PLAYED else ())
        for path in NOTEBOOKS
        if path.stem not in ALONE
    ],
    ids=lambda path: path.stem,
)
def test_it_runs_from_top_to_bottom(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jupyter: LiveJupyter
) -> None:
    """In a fresh kernel; then in one more, as after a restart: it finds its session."""
    monkeypatch.setenv("UPROOT_NB_BRIDGE_FILE", str(jupyter.discovery_file))
    shutil.copy(path, tmp_path)
    first = run_all(tmp_path / path.name)
    if path.stem in TWICE or settings.get_current_profile_name() == THOROUGH:
        assert run_all(tmp_path / path.name) == first
    assert first[0].startswith(f"{jupyter.participant_url}join/{path.stem}/")
    assert len(first) == 1 + players_of(path)


def run_all(path: Path) -> list[str]:
    """Execute a notebook; return the join link and the players' links that it made."""
    notebook = read(path)
    asked = nbformat.v4.new_code_cell("print(run.join_link, *run.links['url'], sep='\\n')")
    notebook.cells.append(asked)
    client = NotebookClient(notebook, timeout=60, resources={"metadata": {"path": path.parent}})
    client.execute()
    shown = notebook.cells[-1].outputs[0].text
    return [str(link) for link in shown.split()]


def players_of(path: Path) -> int:
    first = next(cell.source for cell in read(path).cells if cell.cell_type == "code")
    found = re.search(r"^[A-Z]+ = ([0-9]+)  # players to create", first, re.MULTILINE)
    assert found is not None
    return int(found[1])
