"""Driving: participants' browsers that walk an app from its first page to its end by themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page

from tests.apps.looking import Looks, boot_of
from uproot_nb import Run, serve
from uproot_nb.engine.watchdog import Watchdog

__all__ = ["APPS", "Walk", "finished", "walk", "walking"]

APPS = Path(__file__).resolve().parent
"""The folder of the apps."""

PATIENCE = 120.0
"""Seconds after which participants who have not reached the end count as stuck."""

LOOK_EVERY = 50
"""Milliseconds between two looks at who is where."""

DESK, PHONE = {"width": 1200, "height": 800}, {"width": 360, "height": 740}
"""The windows of tabs with even numbers, and of those with odd ones."""


class Walk:
    """A run in which every player has a browser, and pages fill themselves in.

    `run` is the run, `pages` are the players' tabs in the order of player.id, and `complaints`
    collects what browsers' consoles and axe-core had to complain about. Forms go off only in
    `until` and `until_all_ended`, when their pages were looked at.
    """

    def __init__(self, run: Run, browser: Browser) -> None:
        self.run, self._browser = run, browser
        self.contexts: list[BrowserContext] = []
        self.pages: list[Page] = []
        self.complaints: list[str] = []
        """Errors of the pages' scripts, and what keeps people from using them, by tab."""
        self._looks = Looks(self._complain)

    @property
    def seen(self) -> set[str]:
        """The pages that axe-core has looked at, as "app/Name"; what comes last is "app/End"."""
        return self._looks.seen

    @property
    def unseen(self) -> set[str]:
        """The pages of all apps that can be shown, and that nobody has looked at yet."""
        pages = {page.key for page in self.run._runtime.flow.pages if page.shown}
        return pages - self.seen

    def open(self, **options: Any) -> None:
        """Open a browser for every player who has none; *options* are those of a new context."""
        for number in range(len(self.pages), len(self.run.players)):
            self.enter(self.run.link(self.run.players[number]), **options)

    def enter(self, address: str, **options: Any) -> Page:
        """Open an address in a browser of its own: a player's link, or a room."""
        number = len(self.pages)
        context = self._browser.new_context(**{"viewport": PHONE if number % 2 else DESK} | options)
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        page.on("pageerror", lambda error: self._complain(number, str(error)))
        page.on("console", lambda message: self._listen(number, message))
        self.contexts.append(context)
        self.pages.append(page)
        self._looks.watch(page)
        page.goto(address)
        self._looks.look_at_waits()
        return page

    def until(self, condition: Any, patience: float = PATIENCE) -> None:
        """Let the browsers go on until *condition()* holds.

        Raises:
            AssertionError: it does not in time; says where everybody is and what went wrong.
        """
        end = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < end, self.report()
            self._looks.tend()
            self._rest()

    def until_all_ended(self, patience: float = PATIENCE) -> None:
        """Wait until every player is past the last page, and sees so."""
        self.until(lambda: all(map(finished, self.run.players)), patience)
        self.until(lambda: all(map(_shows_end, self.pages)), patience)
        self._looks.look_at_all()

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

    def _rest(self) -> None:
        """Let the browsers tell what has happened there."""
        tab = next(page for page in self.pages if not page.is_closed())
        tab.wait_for_timeout(LOOK_EVERY)

    def _listen(self, number: int, message: ConsoleMessage) -> None:
        if message.type != "error" or "favicon" in message.text:
            return
        if "status of 422" not in message.text:  # how a form with a mistake in it is answered
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
        with patch.object(Watchdog, "start"):  # that a machine is slow is no fault of an app
            run = serve(app=[APPS / name for name in names], players=players, **usual | options)
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
        # The watchdog's words on a slow machine are nobody's fault.
        assert set(walk.run.errors["type"]) <= {"Warning"}, walk.report()
        return walk.run.state


def finished(player: Any) -> bool:
    """Tell whether a player is past the last page."""
    return player.page is None and player.position > 0


def _shows_end(page: Page) -> bool:
    boot = boot_of(page)
    return boot is not None and bool(boot["end"])


def _shown(page: Page) -> str:
    try:
        return f"'{page.title()}' at {page.url}"
    except Error:
        return "a page that is being left"
