"""jupyterhub-idle-culler at a real Hub: servers with participants stay, others end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from live_jupyter import wait_until
from playwright.sync_api import Browser, expect

from tests.components.jupyter_hub import LiveHub
from tests.hub.notebooks import serve_market

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

IDLE_SECONDS = 30
"""Several times as long as it takes until the Hub knows that participants are there."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LiveHub]:
    """A Hub that takes what passes its proxy for activity, too, as it does by default."""
    with LiveHub(tmp_path, proxy_seconds=1) as hub:
        yield hub


@pytest.fixture
def culler(hub: LiveHub) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Cullers of the Hub; a test starts one by `start_culler`."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def start_culler(hub: LiveHub) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={IDLE_SECONDS}"]
    command += ["--cull-every=1", f"--url={hub.url}hub/api"]
    with (hub.folder / "culler.log").open("wb") as log:
        return subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "JUPYTERHUB_API_TOKEN": hub.token}
        )


def test_a_session_with_people_in_it_is_spared_and_a_closed_one_is_not(
    hub: LiveHub, culler: list[subprocess.Popen[bytes]], browser: Browser
) -> None:
    """Both participants leave their pages open, and nobody works in either notebook."""
    ann, bob = hub.user("ann"), hub.user("bob")
    pages = {}
    for user in (ann, bob):
        kernel = user.start_kernel()
        context = browser.new_context()
        pages[user] = context.new_page()
        pages[user].goto(hub.url + urlsplit(serve_market(kernel)[0]).path[1:])
        expect(pages[user].get_by_role("button", name="Count")).to_be_visible(timeout=60_000)
        if user is ann:
            kernel.run("run.close()")
        user.hang_up()
    culler.append(start_culler(hub))
    wait_until(lambda: not ann.state, 400.0, "the server of a closed session to end")
    assert bob.runs
    pages[bob].get_by_role("button", name="Count").click()
    expect(pages[bob]).to_have_title("1", timeout=60_000)
    for page in pages.values():
        page.context.close()
