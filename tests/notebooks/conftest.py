"""Open notebooks, and people with browsers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live_jupyter import LiveJupyter
from playwright.sync_api import Browser, BrowserContext

from tests.driving.desk import SIZE, Desk, write_settings
from tests.driving.notebooks import OpenNotebook
from tests.driving.participant import Participant
from tests.driving.wire import Wire
from tests.retrying import retry_once

_FOLDERS = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    retry_once(items, Path(__file__).parent)


@pytest.fixture
def open_notebook(jupyter: LiveJupyter) -> Iterator[Callable[..., OpenNotebook]]:
    """Open a notebook by name: `open_notebook("double_auction")`."""
    opened: list[OpenNotebook] = []

    def open_one(name: str, **constants: int) -> OpenNotebook:
        opened.append(OpenNotebook(jupyter, name, f"folder-{next(_FOLDERS)}", constants))
        return opened[-1]

    yield open_one
    for notebook in opened:
        notebook.close()


@pytest.fixture
def auction(open_notebook: Callable[[str], OpenNotebook]) -> OpenNotebook:
    """The double auction that is written by hand, with nobody there yet."""
    return open_notebook("real_time_by_hand")


@pytest.fixture
def diary(open_notebook: Callable[[str], OpenNotebook]) -> OpenNotebook:
    """The observed diary, with nobody there yet."""
    return open_notebook("observed_diary")


@pytest.fixture
def board(open_notebook: Callable[[str], OpenNotebook]) -> OpenNotebook:
    """The drawing board, with nobody there yet."""
    return open_notebook("drawing_board")


@pytest.fixture
def dilemma(open_notebook: Callable[[str], OpenNotebook]) -> OpenNotebook:
    """The prisoner's dilemma, with nobody there yet."""
    return open_notebook("prisoners_dilemma")


@pytest.fixture
def goods(open_notebook: Callable[[str], OpenNotebook]) -> OpenNotebook:
    """The public-goods game, with nobody there yet."""
    return open_notebook("public_goods")


@pytest.fixture
def survey(open_notebook: Callable[[str], OpenNotebook]) -> OpenNotebook:
    """The survey, with nobody there yet."""
    return open_notebook("survey")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile."""
    context = browser.new_context()
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def person(context: BrowserContext) -> Iterator[Callable[[str], Participant]]:
    """Give a participant a window: `person(link)`; no script may have failed in it at the end."""
    people: list[Participant] = []

    def come(link: str) -> Participant:
        people.append(Participant(context, link))
        return people[-1]

    yield come
    assert [error for one in people for error in one.errors] == []


@pytest.fixture
def wire(auction: OpenNotebook) -> Iterator[Wire]:
    """A network between browsers and the double auction that tests can cut."""
    wire = Wire(auction.links[0])
    yield wire
    wire.close()


@pytest.fixture(scope="module", params=["lab", pytest.param("notebook", marks=pytest.mark.slow)])
def app(request: pytest.FixtureRequest) -> str:
    """Which of Jupyter's two programs."""
    return str(request.param)


@pytest.fixture(scope="module")
def desk_jupyter(app: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveJupyter]:
    """A Jupyter server that people look at."""
    folder = tmp_path_factory.mktemp(app)
    write_settings(folder / ".jupyter" / "config" / "labconfig", dark=app == "notebook")
    with LiveJupyter(folder, app=app) as jupyter:
        yield jupyter


@pytest.fixture
def desk(desk_jupyter: LiveJupyter, app: str, browser: Browser) -> Iterator[Callable[..., Desk]]:
    """Open a notebook: `desk("market", MARKET, BUSY)`."""
    contexts: list[BrowserContext] = []

    def open_desk(name: str, *cells: str) -> Desk:
        context = browser.new_context(viewport=SIZE)
        contexts.append(context)
        return Desk(desk_jupyter, context.new_page(), app, name, *cells)

    yield open_desk
    for context in contexts:
        context.close()
    for session in desk_jupyter.request("GET", "api/sessions"):
        desk_jupyter.request("DELETE", f"api/sessions/{session['id']}")
