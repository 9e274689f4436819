"""The documentation: it builds, every snippet on it runs, and it covers what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import yaml
from playwright.sync_api import Browser

import uproot_nb
from tests.components.postgres import PostgresCluster
from tests.docs.fences import LANGUAGES, Fence, fences_of
from tests.docs.participant import Participant
from tests.docs.reader import Reader

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*DOCS, ROOT / "README.md"]

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@pytest.fixture(autouse=True)
def no_database_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPROOT_NB_DATABASE", raising=False)


@pytest.fixture
def administer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], object]]:
    """Runs SQL on a server of its own, which any host's name in an address leads to."""
    with PostgresCluster("postgres") as cluster:
        monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
        monkeypatch.setenv("PGPORT", str(cluster.port))

        def execute(statement: str) -> None:
            # Roles and databases belong to the server, all else to the database of the page.
            database = "experiments" if "uproot_nb" in statement else "postgres"
            address = cluster.address("postgres", database)
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute(statement.encode())

        yield execute


@every_page
def test_every_snippet_on_a_page_is_of_a_kind_that_is_tried_out(page: Path) -> None:
    text = page.read_text("utf-8")
    fences = fences_of(page)
    assert len(re.findall(r"^ *```", text, re.MULTILINE)) == 2 * len(fences)
    assert len(re.findall(r"^<!--", text, re.MULTILINE)) == sum(map(marked, fences))
    assert {fence.language for fence in fences} <= LANGUAGES


def marked(fence: Fence) -> bool:
    return any((fence.raises, fence.file, fence.script))


LONG = {
    "bots", "chat", "consent", "forms", "groups", "market_studies", "markets", "pages",
    "robots", "simulations", "study", "timeouts",
}  # fmt: skip
"""The pools and clusters of simulations take minutes, and the others some seconds."""


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.slow if page.stem in LONG else ()) for page in PAGES],
    ids=lambda page: page.stem,
)
@pytest.mark.flaky(reruns=1)  # as of all that drives a browser
def test_every_snippet_runs_after_those_before_it_and_its_pages_can_be_used(
    page: Path, tmp_path: Path, browser: Browser, request: pytest.FixtureRequest
) -> None:
    """A browser opens each page that they make, answers, chats and trades, and goes on."""
    has_database = any(fence.language == "sql" for fence in fences_of(page))
    administer = request.getfixturevalue("administer") if has_database else None
    context = browser.new_context()
    context.set_default_timeout(10_000)
    participant = Participant(context)
    with Reader(page.stem, tmp_path, participant.look, administer) as reader:
        reader.follow(fences_of(page))
    context.close()
    assert participant.failures == []
    templates = {Path(f.file).stem for f in fences_of(page) if f.language == "html" and f.file}
    scripts = {f.script for f in fences_of(page) if f.script}
    assert templates | scripts <= {*reader.visited, "Base", "Layout"}


@pytest.mark.slow
def test_the_site_builds_strictly_and_asks_no_other_site_for_anything(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    loads = re.compile(r"<(?:script|img|link)[^>]*(?:src|href)=\"?(?:https?:)?//[^>]*")
    for path in tmp_path.rglob("*.html"):
        found = [load for load in loads.findall(path.read_text("utf-8")) if "canonical" not in load]
        assert found == [], path.name


def test_every_page_is_in_the_navigation() -> None:
    told = (ROOT / "mkdocs.yml").read_text("utf-8")
    listed = set(re.findall(r"[\w-]+\.md", told.split("nav:")[1]))
    assert listed == {path.name for path in DOCS}
    assert yaml.safe_load(told)["plugins"]


def test_the_reference_has_every_name() -> None:
    text = (ROOT / "docs" / "reference.md").read_text("utf-8")
    told = re.findall(r"^::: uproot_nb\.(\w+)$", text, re.MULTILINE)
    assert sorted(told) == sorted(uproot_nb.__all__)


def test_the_reference_has_everything_that_scripts_see(browser: Browser, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "javascript.md").read_text("utf-8")
    rows = re.findall(r"^\| (`uproot\..*?) \|", text, re.MULTILINE)
    told = set(re.findall(r"`uproot\.(\w+)", "".join(rows)))
    names: list[str] = []

    def look(url: str) -> None:
        tab = browser.new_page()
        tab.goto(url)
        tab.wait_for_selector("#uproot-page", state="attached")  # after the one that begins
        tab.wait_for_function("typeof uproot === 'object' && uproot.inner")
        names.extend(tab.evaluate("Object.keys(uproot)"))
        tab.close()

    with Reader("scripts", tmp_path, look) as reader:
        page = type("Empty", (uproot_nb.Page,), {"__doc__": "Empty."})
        vars(reader.module)["run"] = uproot_nb.serve(
            [page], players=1, db=":memory:", namespace=vars(reader.module)
        )
    assert told == set(names) - {"inner"}
