"""A real Jupyter server, and a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from live_jupyter import LiveJupyter
from playwright.sync_api import Browser, sync_playwright

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The shell comes first: of the whole browser a context, once in a hundred, never closes."""

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
MISSING = "There is no Chromium: install it, or set UPROOT_NB_CHROMIUM to a browser's path."


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
