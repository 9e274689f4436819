"""Reader: somebody who tries out, on one page of the documentation, everything that it shows."""

from __future__ import annotations

import builtins
import linecache
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType, TracebackType
from typing import Any, Self

import cloudpickle
import pytest
import yaml

import uproot_nb
from tests.docs.fences import Fence
from tests.running import BEGIN_FORM
from tests.silence import without_warning
from uproot_nb import Page, Run, create_group, move_to_page
from uproot_nb.experiment.order import Step
from uproot_nb.notebook.serve import OPEN_RUNS
from uproot_nb.testing.memory_server import ROOT

__all__ = ["Reader"]

PATIENCE = 30.0
SCRIPT = (
    '{% extends "Base.html" %}\n{% block main %}{{ player.page }} {{ fields() if form }}'
    "{% endblock %}\n{% block late %}<script>\n%s</script>{% endblock %}\n"
)


async def _arrivals(run: Run) -> None:
    """Wait until those whom a cell has moved are on their pages, as between two cells."""
    for player in run.players:
        async with run._runtime.flow._turn(player.name):
            pass


class Reader:
    """Runs the fences of a page in order, as a notebook in the folder would.

    with Reader("forms", folder) as reader:
        reader.follow(fences_of(page))

    They run in a thread of their own, where no loop runs yet: Playwright has one in this thread.
    """

    def __init__(
        self, name: str, folder: Path, look: Callable[[str], None] | None = None,
        administer: Callable[[str], object] | None = None,
    ) -> None:  # fmt: skip
        self.module = ModuleType(f"documentation_{name}")
        self.folder, self.look = folder, look or _fetch
        self._administer = administer
        """Runs an SQL statement as the administrator of the page's database."""
        self._notebook = ThreadPoolExecutor(1)
        self._asked: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        """What the notebook's thread wants this one to do; None when it has done its own part."""
        self.visited: list[str] = []
        """The pages that were rendered."""

    def __enter__(self) -> Self:
        sys.modules[self.module.__name__] = self.module
        self.patch = pytest.MonkeyPatch()
        self.patch.chdir(self.folder)
        # As a notebook's classes, which other processes cannot import.
        cloudpickle.register_pickle_by_value(self.module)
        close = Run.close

        def look_and_close(run: Run) -> None:
            if not run.closed:
                try:
                    self.visit(run)
                finally:
                    close(run)

        self.patch.setattr(Run, "close", look_and_close)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        try:
            with ExitStack() as closing:  # all of them, also after one whose pages fail
                for serving in [*vars(self.module).get(OPEN_RUNS, {}).values()]:
                    closing.callback(self._do, serving.run.close)
        finally:
            self._notebook.shutdown()
            self.patch.undo()
            cloudpickle.unregister_pickle_by_value(self.module)
            del sys.modules[self.module.__name__]

    def follow(self, fences: list[Fence]) -> None:
        """Do what the page shows, from top to bottom."""
        for fence in fences:
            getattr(self, f"_{fence.language}")(fence)

    def visit(self, run: Run) -> None:
        """Look at every page of the run as its first player, in whose browser nothing may fail."""
        if not len(run.players) or run.url == ROOT:  # the latter has no network
            return
        before = len(run.errors)
        run.resume()
        if run.players[0].group is None and any(p.waits for p in run._runtime.setup.pages):
            create_group(run.session, run.players)
        for page in run._runtime.setup.pages:
            if page.shown and not page.waits and self._is_on_the_way(run, page):
                move_to_page(run.players[0], page)
                self._look_at(run.link(run.players[0]))
                self.visited.append(page.__name__)
        told = run.errors
        assert len(told) == before, told.iloc[before:].to_dict("records")

    def _is_on_the_way(self, run: Run, page: type[Page]) -> bool:
        """A page order that is a function may lead the first player past the page."""
        kept = run._runtime.flow.journeys.steps(run.players[0])
        return page.key in {Step.load(step).page for step in kept if _names_a_page(step)}

    # ---- one kind of fence each ----

    def _python(self, fence: Fence) -> None:
        if fence.file is not None:
            self._write(fence)
            return
        file = f"<{fence}>"
        lines = fence.text.splitlines(keepends=True)
        linecache.cache[file] = (len(fence.text), None, lines, file)
        with without_warning():
            if fence.raises is None:
                self._execute(fence, file)
                return
            expected: Any = getattr(uproot_nb.errors, fence.raises, None) or getattr(
                builtins, fence.raises, None
            )
            assert expected is not None, f"{fence}: there is no {fence.raises}"
            with pytest.raises(expected):
                self._execute(fence, file)

    def _execute(self, fence: Fence, file: str) -> None:
        self._do(partial(exec, compile(fence.text, file, "exec"), vars(self.module)))
        for serving in [*vars(self.module).get(OPEN_RUNS, {}).values()]:
            if not serving.run.closed:
                self._do(partial(serving.run._runtime.wait_for, _arrivals(serving.run)))

    def _do(self, act: Callable[[], object]) -> None:
        """Do something in the notebook's thread, and meanwhile what that asks for in this one."""
        done = self._notebook.submit(act)
        done.add_done_callback(lambda _: self._asked.put(None))
        while (asked := self._asked.get()) is not None:
            asked()
        done.result()

    def _look_at(self, url: str) -> None:
        """Let the browser's thread look at a page; called in the notebook's."""
        seen: Future[None] = Future()

        def look() -> None:
            try:
                seen.set_result(self.look(url))
            except BaseException as error:  # the notebook's thread raises it
                seen.set_exception(error)

        self._asked.put(look)
        seen.result()

    def _html(self, fence: Fence) -> None:
        self._write(fence)

    def _yaml(self, fence: Fence) -> None:
        yaml.safe_load(fence.text)
        self._write(fence)

    def _css(self, fence: Fence) -> None:
        self._write(fence)

    def _js(self, fence: Fence) -> None:
        if fence.script is None:
            self._write(fence)
            return
        text = SCRIPT.replace("%s", fence.text)
        (self.folder / f"{fence.script}.html").write_text(text, "utf-8")

    def _write(self, fence: Fence) -> None:
        assert fence.file is not None, f"{fence}: say which file it is, <!-- file: … -->"
        path = self.folder / fence.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(fence.text, "utf-8")

    def _bash(self, fence: Fence) -> None:
        subprocess.run(["bash", "-n"], input=fence.text, text=True, check=True)

    def _sql(self, fence: Fence) -> None:
        """Run what an administrator of the database does, statement by statement."""
        assert self._administer is not None, f"{fence}: this page has no database"
        for statement in filter(None, map(str.strip, fence.text.split(";"))):
            self._administer(statement)

    def _text(self, fence: Fence) -> None:
        """What is shown as the outcome of something is only to be read."""


def _names_a_page(step: Any) -> bool:
    """The places where a `Repeat` decides, and where an app begins, have no page."""
    return isinstance(step, str) or "page" in step


def _fetch(url: str) -> None:
    begin = BEGIN_FORM if "/p/" in url else None
    with urllib.request.urlopen(url, begin, timeout=PATIENCE) as answer:
        assert answer.status == 200, url
