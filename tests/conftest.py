"""What tests in several folders need: a Jupyter server, a browser, worlds at rest, a shell."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from IPython.core.interactiveshell import InteractiveShell
from live_jupyter import LiveJupyter
from playwright.sync_api import Browser, sync_playwright
from traitlets.config import Config

from tests.components.log_places import place  # noqa: F401
from tests.components.postgres import postgres, postgres_cluster  # noqa: F401
from tests.examples import THOROUGH, USUAL
from tests.starting import starts_a_process
from tests.worlds_at_rest import Worlds, events_of
from uproot_nb.engine.watchdog import Watchdog
from uproot_nb.log.events import Event
from uproot_nb.session.world import World

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The shell comes first: of the whole browser a context, once in a hundred, never closes."""

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
# jsonschema's grammar of addresses in all alphabets, which it can do without, takes two seconds to
# load. No test checks such an address.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

# A busy machine is slow, and its code no worse for that.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(THOROUGH, PATIENT)
settings.register_profile(USUAL, PATIENT, max_examples=20)
settings.load_profile(USUAL)

MISSING = "There is no Chromium: install it, or set UPROOT_NB_CHROMIUM to a browser's path."


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow or starts processes, and let the files that take longest come first.

    Of a test with the mark `sample(n)`, all cases but the first *n* are slow. First come files
    that ask for more than the usual time, and then those with most of the marked tests, which
    `make quick` leaves out. Begun last, one of their files would keep one worker busy while all
    others have nothing left to do.
    """
    cases: Counter[str] = Counter()
    starting: Counter[Path] = Counter()
    seconds: Counter[Path] = Counter()
    for item in items:
        sample = item.get_closest_marker("sample")
        if sample is not None:
            function = item.nodeid.partition("[")[0]
            cases[function] += 1
            if cases[function] > sample.args[0]:
                item.add_marker("slow")
        if isinstance(item, pytest.Function) and starts_a_process(item):
            item.add_marker("processes")
            starting[item.path] += 1
        asked = item.get_closest_marker("timeout")
        seconds[item.path] = max(seconds[item.path], asked.args[0] if asked else 0)
    items.sort(key=lambda item: (-seconds[item.path], -starting[item.path]))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Collect no garbage among tests and modules, now or later: they stay to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True, scope="module")
def every_run_is_closed() -> Iterator[None]:
    """A file's tests close what they serve: an open run shortens the interpreter's intervals."""
    before = sys.getswitchinterval()
    yield
    assert sys.getswitchinterval() == before


@pytest.fixture(autouse=True)
def no_warning_of_a_busy_machine(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the watchdog wait where no mark `watchdog` stands: other processes delay a loop, too."""
    if request.node.get_closest_marker("watchdog") is None:
        monkeypatch.setattr(Watchdog, "patience", 60.0)


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveJupyter]:
    """A Jupyter server with the extension, in a folder of its own; its kernels end with it."""
    with LiveJupyter(tmp_path_factory.mktemp("jupyter"), participant_port=0) as jupyter:
        yield jupyter


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; where there is none, CI fails and a person's machine skips."""
    named = os.environ.get("UPROOT_NB_CHROMIUM")
    path = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def worlds() -> Iterator[Worlds]:
    made = Worlds()
    yield made
    made.close()


@pytest.fixture
def world(worlds: Worlds) -> World:
    return worlds.open()


@pytest.fixture
def market(world: World) -> World:
    """A session with four players."""
    for _ in range(4):
        world.add_player()
    world.journal.commit()
    return world


@pytest.fixture
def logged(world: World) -> Callable[[], list[Event]]:
    """Return what was logged since the last time."""
    seen = 0

    def since() -> list[Event]:
        nonlocal seen
        events = events_of(world)
        new, seen = events[seen:], len(events)
        return new

    return since


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """IPython's shell; cells are run by `shell.run_cell(text, store_history=True)`."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("UPROOT_NB_DATABASE", str(tmp_path / "log.sqlite3"))
    hooks = sys.displayhook, sys.excepthook
    main = sys.modules["__main__"]
    config = Config()
    config.HistoryManager.enabled = False
    made = InteractiveShell.instance(config=config)
    made.run_cell("from uproot_nb import *", store_history=True)
    yield made
    for serving in list(made.user_ns.get("_uproot_nb_open_runs", {}).values()):
        serving.run.close()
    made.atexit_operations()
    atexit.unregister(made.atexit_operations)
    InteractiveShell.clear_instance()
    sys.displayhook, sys.excepthook = hooks
    sys.modules["__main__"] = main
