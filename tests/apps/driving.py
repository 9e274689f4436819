"""Driving: participants' browsers that walk an app from its first page to its end by themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pandas
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page

from uproot_nb import Run, serve

__all__ = ["APPS", "Walk", "finished", "walk", "walking"]

APPS = Path(__file__).resolve().parent
"""The folder of the apps."""

PATIENCE = 60.0
"""Seconds after which participants who have not reached the end count as stuck."""

LOOK_EVERY = 50
"""Milliseconds between two looks at who is where."""


class Walk:
    """A run in which every player has a browser, and pages fill themselves in.

    `run` is the run, `pages` are the players' tabs in the order of player.id, and `complaints`
    collects what browsers' consoles and the authors' code had to complain about.
    """

    def __init__(self, run: Run, browser: Browser) -> None:
        self.run, self._browser = run, browser
        self.contexts: list[BrowserContext] = []
        self.pages: list[Page] = []
        self.complaints: list[str] = []
        """Errors of the pages' scripts, with the player's number."""

    def open(self, **options: Any) -> None:
        """Open a browser for every player who has none; *options* are those of a new context."""
        for number in range(len(self.pages), len(self.run.players)):
            self.enter(self.run.link(self.run.players[number]), **options)

    def enter(self, address: str, **options: Any) -> Page:
        """Open an address in a browser of its own: a player's link, or a room."""
        number = len(self.pages)
        context = self._browser.new_context(**options)
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        page.on("pageerror", lambda error: self._complain(number, str(error)))
        page.on("console", lambda message: self._listen(number, message))
        self.contexts.append(context)
        self.pages.append(page)
        page.goto(address)
        return page

    def until(self, condition: Any, patience: float = PATIENCE) -> None:
        """Let the browsers go on until *condition()* holds.

        Raises:
            AssertionError: it does not in time; says where everybody is and what went wrong.
        """
        end = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < end, self.report()
            self.pages[0].wait_for_timeout(LOOK_EVERY)

    def until_all_ended(self, patience: float = PATIENCE) -> None:
        """Wait until every player is past the last page, and sees so."""
        self.until(lambda: all(map(finished, self.run.players)), patience)
        self.until(lambda: all(map(_shows_end, self.pages)), patience)

    def close(self) -> None:
        """Close the browsers."""
        for context in self.contexts:
            context.close()

    def report(self) -> str:
        """Tell where everybody is, what the consoles said and what the authors' code raised."""
        where = [f"player {p.id} is on {p.page} (online: {p.online})" for p in self.run.players]
        tabs = [f"tab {n} shows {_shown(page)}" for n, page in enumerate(self.pages)]
        errors = [str(value) for value in self.run.errors["value"].tolist()]
        return "\n".join(["", *where, *tabs, *self.complaints, *errors])

    def _listen(self, number: int, message: ConsoleMessage) -> None:
        if message.type == "error" and "favicon" not in message.text:
            self._complain(number, f"{message.text} ({message.location.get('url', '')})")

    def _complain(self, number: int, text: str) -> None:
        self.complaints.append(f"browser {number}: {text}")


@contextmanager
def walking(
    browser: Browser, apps: str | Path | Sequence[str | Path], players: int, **options: Any
) -> Iterator[Walk]:
    """Serve apps (by name in tests/apps, or by path) and open a browser for each player.

    *options* are those of serve(); everything is in memory unless they say otherwise.
    """
    names = [apps] if isinstance(apps, (str, Path)) else list(apps)
    usual: dict[str, Any] = {
        "db": ":memory:", "name": "walk", "embedded": True, "port": 0, "seed": 1, "simulate": True,
        "namespace": {},
    }  # fmt: skip
    with ExitStack() as stack:
        run = serve(app=[APPS / name for name in names], players=players, **{**usual, **options})
        stack.callback(run.close)
        walk = Walk(run, browser)
        stack.callback(walk.close)
        walk.open()
        yield walk


def walk(
    browser: Browser,
    apps: str | Path | Sequence[str | Path],
    players: int,
    patience: float = PATIENCE,
    **options: Any,
) -> pandas.DataFrame:
    """Walk apps from start to end with *players* browsers; return the run's state.

    Raises:
        AssertionError: somebody is stuck, a script failed, or an author's hook raised.
    """
    with walking(browser, apps, players, **options) as walk:
        walk.until_all_ended(patience)
        assert not walk.complaints, walk.report()
        assert walk.run.errors.empty, walk.report()
        return walk.run.state


def finished(player: Any) -> bool:
    """Tell whether a player is past the last page."""
    return player.page is None and player.position > 0


def _shows_end(page: Page) -> bool:
    try:
        return bool(page.evaluate(_IS_THE_END))
    except Error:
        return False  # the tab is on its way to another page


_IS_THE_END = """() => {
    const boot = document.getElementById("uproot-page");
    return boot !== null && JSON.parse(boot.textContent).end;
}"""


def _shown(page: Page) -> str:
    try:
        return f"'{page.title()}' at {page.url}"
    except Error:
        return "a page that is being left"
