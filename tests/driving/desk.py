"""Desk: a researcher's window on a notebook in JupyterLab or Notebook 7."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path
from typing import Any

from live_jupyter import LiveJupyter, wait_until
from playwright.sync_api import Page, TimeoutError, expect

__all__ = ["IDLE", "SIZE", "Desk", "is_of_jupyter", "write_settings"]

SIZE: Any = {"width": 1200, "height": 1000}
UNANSWERED = re.compile(r"Canceled future for \w+_request message before replies were done")
IDLE = ".jp-Notebook-ExecutionIndicator[data-status=idle]"
"""The kernel is there and waits for a cell."""


class Desk:
    """A researcher's window on a notebook: it runs cells and looks at what they show."""

    def __init__(self, jupyter: LiveJupyter, page: Page, app: str, name: str, *cells: str) -> None:
        self.jupyter, self.page, self.name = jupyter, page, name
        self.file = jupyter.folder / f"{name}.ipynb"
        self.file.write_text(json.dumps(notebook_of(cells)), "utf-8")
        # Each notebook in a workspace of its own: Lab would bring the last one's tabs back.
        place = f"lab/workspaces/{name}/tree" if app == "lab" else "notebooks"
        self.url = f"{jupyter.url}{place}/{name}.ipynb"
        self.errors: list[str] = []
        page.on("pageerror", self._note)
        page.goto(f"{self.url}?token={jupyter.token}")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        page.wait_for_selector(IDLE, timeout=60_000)

    def _note(self, error: Any) -> None:
        if not is_of_jupyter(error.message, error.stack or ""):
            self.errors.append(f"{error}")

    def run_cell(self, number: int) -> None:
        """Run a cell, and do not wait for its end: only until the kernel has it.

        A page that has just opened can lose the first request, before its kernel is there.
        """
        cell = self.page.locator(".jp-Cell").nth(number)
        prompt = cell.locator(".jp-InputPrompt")

        def begun() -> bool:
            self._answer_jupyter()
            try:
                cell.locator(".cm-line").first.click(timeout=5_000)
                self.page.keyboard.press("Control+Enter")
                expect(prompt).not_to_have_text("[ ]:", timeout=3_000)
            except (AssertionError, TimeoutError):
                return False
            return True

        wait_until(begun, 60.0, f"cell {number} to begin")

    def _answer_jupyter(self) -> None:
        """Jupyter asks something of its own now and then, as when a kernel is late: agree."""
        for button in self.page.locator(".jp-Dialog .jp-mod-accept").all():
            button.click(timeout=5_000)

    def tab(self, name: str) -> None:
        """Open one of the monitor's panels."""
        self.page.get_by_role("tab", name=name).click()

    def act(self, what: str, answer: str = "") -> None:
        """Ask for an action on those who are selected, and say yes."""
        self.page.locator(f"[data-action={what}]").click()
        question = self.page.get_by_role("alertdialog")
        if answer:
            question.get_by_role("textbox").fill(answer)
        question.get_by_role("button", name="Yes").click()
        expect(question).to_be_hidden()

    def save(self) -> dict[str, Any]:
        """Save the notebook, and return what is in the file."""
        before = self.file.stat().st_mtime_ns
        saved: dict[str, Any] = {}

        def is_whole() -> bool:
            if self.file.stat().st_mtime_ns == before:
                # Again, if need be: a page that is busy can lose a key.
                self.page.locator(".jp-Cell").nth(0).locator(".cm-content").click()
                self.page.keyboard.press("Control+s")
                self.page.wait_for_timeout(500)
                return False
            with contextlib.suppress(json.JSONDecodeError):  # half of it is written
                saved.update(json.loads(self.file.read_text("utf-8")))
            return bool(saved)

        wait_until(is_whole, 20.0, "the notebook to be saved")
        return saved

    def keep_picture(self, name: str, of: str = ".unb") -> None:
        """Keep a screenshot for the documentation, if a folder for them is named."""
        folder = os.environ.get("UPROOT_NB_SCREENSHOTS")
        if folder:
            shown = self.page.locator(of).first
            shown.screenshot(path=str(Path(folder) / f"{self.name}_{name}.png"))


def is_of_jupyter(message: str, stack: str) -> bool:
    """Return whether an error in a window is Jupyter's own, whatever a notebook shows.

    Notebook 7 has one whenever it opens. Both have one for each request that was on its way to a
    kernel that ends or restarts; the monitor sends comm messages, and no requests.
    """
    return "/static/notebook/notebook_core" in stack or bool(UNANSWERED.fullmatch(message))


def notebook_of(cells: tuple[str, ...]) -> dict[str, Any]:
    """Return a notebook as its file has it."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = [
        {"cell_type": "code", "id": f"cell{at}", "metadata": {}, "execution_count": None,
         "outputs": [], "source": text}
        for at, text in enumerate(cells)
    ]  # fmt: skip
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": made}


def write_settings(folder: Path, dark: bool) -> None:
    """Ask nobody about news; one of the two programs is dark, so that both themes are seen."""
    folder.mkdir(parents=True)
    settings: dict[str, Any] = {
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}
    }
    if dark:
        settings["@jupyterlab/apputils-extension:themes"] = {"theme": "JupyterLab Dark"}
    (folder / "default_setting_overrides.json").write_text(json.dumps(settings), "utf-8")
