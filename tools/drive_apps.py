"""Walk apps written for the `uproot` framework in Chromium, and say how each of them fares.

    python tools/drive_apps.py project            # each app of the folder
    python tools/drive_apps.py project quiz game  # these apps of it

One line an app: `complete` (everybody reached the end), `stays up` (somebody did not, and nothing
went wrong) or `fails`, with the messages that a researcher sees in the notebook; then the totals.
Pages fill themselves in by the app's simulate.js; a plain hand answers all others. Needs Playwright
and a Chromium: `pip install playwright`, and `playwright install chromium` where there is none.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Response, sync_playwright

from uproot_nb import Run, load_app, serve
from uproot_nb.engine.watchdog import Watchdog
from uproot_nb.experiment.pages import GroupCreatingWait
from uproot_nb.experiment.setup import App

__all__ = ["COMPLETE", "FAILS", "STAYS_UP", "Outcome", "apps_in", "drive"]

COMPLETE, STAYS_UP, FAILS = "complete", "stays up", "fails"

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

PATIENCE = 40.0
"""Seconds for one app, at most."""
STILL = 10.0
"""Seconds without anybody moving, after which an app counts as one that stays up."""
GRACE = 4.0
"""Seconds for a page of an app with a simulate.js, before the hand takes over."""
SOON = 0.3
"""Seconds before the hand answers another page."""
LOOK_EVERY = 100
"""Milliseconds between two looks at the tabs."""
MOST_PLAYERS = 6

BOOT = """() => {
    const boot = document.getElementById("uproot-page");
    return boot ? JSON.parse(boot.textContent) : null;
}"""

ANSWER = """(tries) => {
    const seen = (one) => one.getClientRects().length > 0 && !one.disabled && !one.readOnly;
    const form = document.getElementById("uproot-form");
    const told = (one) => ["input", "change"].forEach((kind) => one.dispatchEvent(new Event(kind, { bubbles: true })));
    const within = (one) => {
        const bound = (name, other) => (one.hasAttribute(name) ? Number(one.getAttribute(name)) : other);
        const low = bound("min", 0), high = bound("max", low + 10), step = bound("step", 1) || 1;
        // The middle; if the page refuses it, the smallest value, then the numbers near the middle.
        const middle = Math.floor((high - low) / step / 2 + 1e-9);
        const steps = tries === 1 ? 0 : middle + tries;
        return String(Number(Math.min(high, low + steps * step).toFixed(6)));
    };
    const TEXTS = {
        email: "someone@example.org", date: "2026-05-04", time: "12:00", month: "2026-05", week: "2026-W20",
        "datetime-local": "2026-05-04T12:00", url: "https://example.org", tel: "0301234567", color: "#336699",
    };
    const done = new Set();
    for (const one of form ? form.elements : []) {
        if (!one.name || one.name.startsWith("_uproot") || one.type === "hidden" || one.type === "file") continue;
        const isNumber = ["number", "range"].includes(one.type) || "decimalSign" in one.dataset;
        if (one.type === "radio") {
            const group = [...form.elements].filter((other) => other.name === one.name && !other.disabled);
            if (!done.has(one.name) && group.length && !group.some((other) => other.checked)) group[tries % group.length].click();
            done.add(one.name);
        } else if (one.type === "checkbox") {
            const group = one.closest("[data-many]");
            const isFull = group && group.querySelectorAll("input:checked").length >= Number(group.dataset.many);
            if (!one.checked && !isFull && seen(one)) one.click();
        } else if (one.tagName === "SELECT") {
            const all = [...one.options].filter((option) => option.value !== "" && !option.disabled);
            if (all.length) { one.value = all[(tries + 1) % all.length].value; told(one); }
        } else if (isNumber) {
            if (one.value === "" || one.type === "range" || tries) { one.value = within(one); told(one); }
        } else if (one.type !== "submit" && one.type !== "button" && seen(one) && (one.value === "" || tries)) {
            one.value = TEXTS[one.type] ?? "An answer";
            told(one);
        }
    }
    const next = document.getElementById("uproot-next");
    const others = form ? [...form.querySelectorAll("button:not([type=button]):not(#uproot-back), input[type=submit]")] : [];
    const button = next && seen(next) ? next : others.find((one) => seen(one) && one.name !== "_uproot_back");
    if (button) button.click();
    return Boolean(button);
}"""  # noqa: E501


@dataclass
class Outcome:
    """How one app fared: `kind` is COMPLETE, STAYS_UP or FAILS."""

    app: str
    kind: str
    messages: list[str] = field(default_factory=list)
    """What went wrong, or where everybody is."""
    seconds: float = 0.0

    def __str__(self) -> str:
        lines = "\n".join(self.messages).splitlines()
        told = "".join(f"\n{'':12}{line}" for line in lines)
        return f"{self.kind:10}  {self.app} ({self.seconds:.0f} s){told}"


class Tab:
    """One participant's browser, answered by its page or by a plain hand."""

    def __init__(self, page: Page, number: int, problems: list[str], grace: float) -> None:
        self.page, self._number, self._problems, self._grace = page, number, problems, grace
        self._visit: Any = None
        self._since, self._tries = 0.0, 0
        page.on("pageerror", lambda error: self._complain(str(error)))
        page.on("console", self._listen)
        page.on("response", self._look_at)
        page.on("dialog", lambda dialog: dialog.accept())

    def tend(self, now: float) -> bool:
        """Answer the page if it is time to; return whether it is another than before."""
        try:
            boot = self.page.evaluate(BOOT)
            if boot is None or boot["end"]:
                return False
            visit = (boot.get("visit"), boot.get("page"))
            if visit != self._visit:
                self._visit, self._since, self._tries = visit, now, 0
                return True
            if not boot.get("wait") and now - self._since > self._rest():
                self._answer(now)
        except Error:
            pass  # the page is being left
        return False

    def shows_end(self) -> bool:
        """Return whether the tab shows what comes after the last page."""
        try:
            boot = self.page.evaluate(BOOT)
        except Error:
            return False
        return boot is not None and bool(boot["end"])

    def _rest(self) -> float:
        return 1.5 if self._tries else self._grace

    def _answer(self, now: float) -> None:
        for control in self.page.query_selector_all("#uproot-form input[type=file]"):
            text = {"name": "answer.txt", "mimeType": "text/plain", "buffer": b"An answer\n"}
            control.set_input_files(text)  # type: ignore[arg-type]
        self.page.evaluate(ANSWER, self._tries)
        self._since, self._tries = now, self._tries + 1

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "the server responded with a status" not in message.text:
            self._complain(message.text)

    def _look_at(self, response: Response) -> None:
        if response.status >= 400 and response.status != 422 and "favicon" not in response.url:
            self._complain(f"HTTP {response.status} from {_hidden(response.url)}")

    def _complain(self, text: str) -> None:
        self._problems.append(f"tab {self._number}: {text}")


class Drive:
    """One app in a session of its own, with a tab for each player."""

    def __init__(self, run: Run, browser: Browser, problems: list[str], grace: float) -> None:
        self.run, self._browser, self._problems, self._grace = run, browser, problems, grace
        self.tabs: list[Tab] = []

    def open(self, stack: ExitStack) -> None:
        """Open a tab for each player."""
        for number, player in enumerate(self.run.players):
            context = self._browser.new_context(viewport={"width": 1200, "height": 800})
            stack.callback(context.close)
            tab = Tab(context.new_page(), number, self._problems, self._grace)
            self.tabs.append(tab)
            tab.page.goto(self.run.link(player))

    def go(self, patience: float, still: float) -> bool:
        """Let the tabs go on; return whether everybody reached the end."""
        start = moved = time.monotonic()
        while (now := time.monotonic()) - start < patience and now - moved < still:
            if all(tab.shows_end() for tab in self.tabs):
                return True
            moves = [tab.tend(now) for tab in self.tabs]  # each tab has its turn
            if any(moves):
                moved = now
            if self._problems and now - moved > GRACE:
                return False
            self.tabs[0].page.wait_for_timeout(LOOK_EVERY)
        return False

    def places(self) -> str:
        """Return where everybody is, in one line."""
        pages = Counter(player.page or _nowhere(player.position) for player in self.run.players)
        return ", ".join(f"{count} on {page}" for page, count in pages.items())

    def errors(self) -> list[str]:
        """Return what the notebook has of errors, save what is said of a slow machine."""
        frame = self.run.errors
        rows = zip(frame["type"], frame["message"], frame["traceback"], strict=True)
        return [_told(message, trace) for kind, message, trace in rows if kind != "Warning"]


def _nowhere(position: int) -> str:
    return "no page yet" if position < 0 else "the end"


def apps_in(folder: Path) -> list[str]:
    """Return the names of the apps in a folder."""
    files = sorted(folder.glob("*/__init__.py"))
    return [path.parent.name for path in files if "page_order" in path.read_text("utf-8")]


def drive(
    folder: Path, name: str, browser: Browser, players: int = 0, patience: float = PATIENCE,
    still: float = STILL,
) -> Outcome:  # fmt: skip
    """Walk one app of a folder from its first page to its end.

    Args:
        players: how many; 0 finds out by the groups that the app makes.
        patience: seconds that it may take.
        still: seconds without anybody moving after which the walk ends.
    """
    start = time.monotonic()
    kind, messages = _driven(folder / name, browser, players, patience, still)
    return Outcome(name, kind, messages, time.monotonic() - start)


def _driven(
    path: Path, browser: Browser, players: int, patience: float, still: float
) -> tuple[str, list[str]]:
    problems: list[str] = []
    with ExitStack() as stack:
        stack.enter_context(patch.object(Watchdog, "start"))  # a slow machine is no app's fault
        try:
            app = load_app(path)
            run = _served(app, players or players_of(app))
            stack.callback(run.close)
            fills_itself_in = (path / "simulate.js").is_file()
            walk = Drive(run, browser, problems, GRACE if fills_itself_in else SOON)
            walk.open(stack)
            complete = walk.go(patience, still)
            errors = walk.errors()
        except Exception as error:  # the border around authors' code, which may raise anything
            return FAILS, [f"{type(error).__name__}: {error}", *problems]
        if errors or problems:
            return FAILS, list(dict.fromkeys([*errors, *problems]))
        return (COMPLETE, []) if complete else (STAYS_UP, [walk.places()])


def _served(app: App, players: int) -> Run:
    return serve(
        app=app, players=players, db=":memory:", embedded=True, port=0, seed=1, simulate=True,
        effects=False, namespace={},
    )  # fmt: skip


def players_of(app: App) -> int:
    """Return how many players an app needs: as many as fill groups of each size that it makes."""
    kinds = [page for page in app.pages.values() if issubclass(page, GroupCreatingWait)]
    needed = math.lcm(app.suggested_multiple, *(page.group_size for page in kinds))
    most = max([needed if needed <= MOST_PLAYERS else 0, *(page.group_size for page in kinds)])
    return most if most > 1 else 2


def _told(message: Any, trace: Any) -> str:
    """Return an error as the notebook shows it, without what repeats it."""
    lines = str(trace).splitlines() if isinstance(trace, str) else []
    calls = [line for line in lines if line.startswith("  ")]
    return "\n".join([str(message), *calls[-4:]])


def _hidden(address: str) -> str:
    """Return an address without its secret."""
    parts = address.split("/")
    return "/".join(part if len(part) < 20 else "…" for part in parts)


def _chromium() -> str | None:
    """Return the path of a Chromium; None leaves the choice to Playwright."""
    named = os.environ.get("UPROOT_NB_CHROMIUM")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


def outcomes(
    folder: Path, names: Iterable[str], players: int, patience: float
) -> Iterator[Outcome]:
    """Drive apps one after the other, in one Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
        for name in names:
            yield drive(folder, name, browser, players, patience)
        browser.close()


def main() -> int:
    """Print a line for each app, and the totals; return 1 if one fails."""
    parser = argparse.ArgumentParser(description="Walk a folder's apps in Chromium.")
    parser.add_argument("folder", type=Path, help="the folder of the apps")
    parser.add_argument("apps", nargs="*", help="some of them; by default all")
    parser.add_argument("--without", nargs="*", default=[], help="apps to leave out")
    parser.add_argument("--players", type=int, default=0, help="how many; by default by app")
    parser.add_argument("--patience", type=float, default=PATIENCE, help="seconds for one app")
    given = parser.parse_args()
    given.folder = given.folder.resolve()
    os.chdir(given.folder)  # as the framework does: apps may open files by paths below it
    names = [name for name in given.apps or apps_in(given.folder) if name not in given.without]
    totals: Counter[str] = Counter()
    for outcome in outcomes(given.folder, names, given.players, given.patience):
        print(outcome, flush=True)
        totals[outcome.kind] += 1
    print(", ".join(f"{totals[kind]} {kind}" for kind in (COMPLETE, STAYS_UP, FAILS)))
    return 1 if totals[FAILS] else 0


if __name__ == "__main__":
    sys.exit(main())
