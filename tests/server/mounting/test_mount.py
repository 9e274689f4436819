"""Behind a Hub the extension mounts itself, and learns its address from logged-in browsers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.components.nats_server import NatsServer, own_nats_server
from tests.running import until
from tests.server.labs import LOGIN, Lab
from uproot_nb import Page, Run, serve
from uproot_nb.bridge.discovery import find_server
from uproot_nb.bridge.messages import SiteMoved

__all__ = ["own_nats_server"]

pytestmark = pytest.mark.asyncio

Start = Callable[..., Any]
MOUNT = "/base/uproot_nb/participant/"
STATUS = "base/api/status"
BROWSER = {"User-Agent": "Mozilla/5.0", "Host": "hub.example.org", "X-Forwarded-Proto": "https"}
PUBLIC = "https://hub.example.org"


@pytest.fixture
def hub(start: Start, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start a lab as a Hub does."""

    async def make(hub_url: str = "", **traits: Any) -> Lab:
        monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/base/")
        monkeypatch.setenv("JUPYTERHUB_PUBLIC_URL", hub_url)
        lab = await start(**traits)
        lab.app.trust_xheaders = True
        lab.app.web_app.settings["allow_remote_access"] = True
        return lab

    return make


@pytest.mark.long
async def test_behind_a_hub_the_extension_mounts_itself(hub: Start) -> None:
    lab = await hub()
    assert lab.extension.mount
    await lab.serve()
    assert (await lab.fetch(MOUNT[1:] + "p/token-of-ann-0123456789/")).code == 200


async def test_elsewhere_it_does_not(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ann/")  # another server's environment
    lab = await start()
    assert not lab.extension.mount
    assert (await lab.fetch(MOUNT[1:], headers=LOGIN)).code != 200


async def test_a_setting_prevents_the_mount(hub: Start) -> None:
    lab = await hub(mount=False)
    assert (await lab.fetch(MOUNT[1:], headers=LOGIN)).code != 200


async def test_links_carry_the_hubs_public_url(hub: Start) -> None:
    lab = await hub(f"{PUBLIC}/base/")
    assert (await lab.serve()).welcome.url == PUBLIC + MOUNT
    await lab.fetch(STATUS, headers={**LOGIN, **BROWSER, "Host": "other.example.org"})
    assert lab.extension.participants.url == PUBLIC + MOUNT


async def test_a_configured_public_url_comes_first(hub: Start) -> None:
    lab = await hub(f"{PUBLIC}/base/", public_url="https://lab.example.org/")
    assert (await lab.serve()).welcome.url == "https://lab.example.org/"


async def test_links_carry_the_address_of_the_researchers_browser(hub: Start) -> None:
    lab = await hub()
    channel = await lab.serve()
    (note,) = [one for one in channel.welcome.notes if "No browser" in one]
    assert channel.welcome.url in note
    await lab.fetch(STATUS, headers={**LOGIN, **BROWSER})
    await until(lambda: SiteMoved(PUBLIC + MOUNT) in lab.heard)
    found = find_server(folder=Path(lab.app.runtime_dir))
    assert found is not None
    assert found.url == PUBLIC + MOUNT
    later = await lab.serve()
    assert later.welcome.url == PUBLIC + MOUNT
    assert not [one for one in later.welcome.notes if "No browser" in one]


async def test_links_of_a_run_at_a_broker_follow_the_researchers_browser(
    hub: Start, own_nats_server: NatsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = await hub(bridge=own_nats_server.url)
    own = {"bridge": own_nats_server.url, "embedded": None}
    run = await asyncio.to_thread(_served, **own)
    given = await asyncio.to_thread(_served, name="given", public_url=PUBLIC, **own)
    assert run.url == lab.extension.participants.url
    shown = capsys.readouterr()
    assert (shown.out + shown.err).count("No browser has opened") == 1
    await lab.fetch(STATUS, headers={**LOGIN, **BROWSER})
    await until(lambda: run.url == PUBLIC + MOUNT)
    assert run.link(run.players[0]).startswith(PUBLIC + MOUNT)
    assert given.url == f"{PUBLIC}/"
    channel = run._runtime.line._channel
    own_nats_server.kill()
    await until(lambda: run._runtime.line._channel is None)
    own_nats_server.start()
    await until(lambda: run._runtime.line._channel not in (None, channel))
    assert run.url == PUBLIC + MOUNT
    for one in (run, given):
        await asyncio.to_thread(one.close)


class Hello(Page):
    """A page."""


def _served(**options: Any) -> Run:
    return serve([Hello], players=1, db=":memory:", namespace={}, **options)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (STATUS, BROWSER),  # nobody is logged in
        (STATUS, {**BROWSER, "Authorization": "token guessed"}),
        (MOUNT[1:], BROWSER),
        (MOUNT[1:] + "p/token-of-ann-0123456789/", {**LOGIN, **BROWSER}),
        ("base/nothing-here", {**LOGIN, **BROWSER}),
        (STATUS, {**LOGIN, **BROWSER, "User-Agent": "curl/8"}),
    ],
)
async def test_strangers_and_programs_change_no_links(
    hub: Start, path: str, headers: dict[str, str]
) -> None:
    lab = await hub()
    await lab.serve()
    before = lab.extension.participants.url
    await lab.fetch(path, headers=headers)
    assert lab.extension.participants.url == before
    assert not [one for one in lab.heard if isinstance(one, SiteMoved)]


async def test_a_tunnel_to_this_machine_replaces_no_address(hub: Start) -> None:
    lab = await hub()
    mine = {**LOGIN, "User-Agent": "Mozilla/5.0"}
    await lab.fetch(STATUS, headers={**mine, "Host": "localhost:9999"})
    assert lab.extension.participants.url == f"http://localhost:9999{MOUNT}"
    await lab.fetch(STATUS, headers={**LOGIN, **BROWSER})
    await lab.fetch(STATUS, headers={**mine, "Host": "localhost:9999"})
    assert lab.extension.participants.url == PUBLIC + MOUNT
    await lab.fetch(STATUS, headers={**LOGIN, **BROWSER, "Host": "new.example.org"})
    assert lab.extension.participants.url == f"https://new.example.org{MOUNT}"


@pytest.mark.long
async def test_stopping_leaves_jupyters_log_as_it_was(hub: Start) -> None:
    lab = await hub()
    settings = lab.app.web_app.settings
    learning = settings["log_function"]
    await lab.extension.stop_extension()
    assert settings["log_function"] != learning
    await lab.fetch(STATUS, headers=LOGIN)
