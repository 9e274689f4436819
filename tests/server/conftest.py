"""Worlds to test in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from jupyter_server.serverapp import ServerApp
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from traitlets.config import Config

from tests.server.labs import Lab
from tests.server.worlds import Limited, World
from uproot_nb.bridge.discovery import VARIABLE

Start = Callable[..., Any]


@pytest_asyncio.fixture(params=["memory", "stream", "polling"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """A running server with the usual limits, a kernel's line in memory or by stream, and browsers
    that connect by WebSockets or by long polling."""
    made = World(request.param, tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture(params=["memory", "polling"])
async def limited(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Limited]:
    """Make a world with limits of one's own, and browsers of both kinds."""
    made: list[World] = []

    async def make(**limits: object) -> World:
        made.append(World(request.param, tmp_path))
        await made[-1].start(**limits)
        return made[-1]

    yield make
    for one in made:
        await one.stop()


@pytest_asyncio.fixture
async def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Start a lab with traits of one's own."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("JUPYTER_NO_CONFIG", "1")
    monkeypatch.setenv("JUPYTER_TOKEN", "jupyter-token")
    labs: list[Lab] = []

    async def make(**traits: Any) -> Lab:
        folder = tmp_path / str(len(labs))
        config = Config()
        config.UprootNB.update({"participant_port": 0, **traits})
        app = ServerApp(
            config=config,
            root_dir=str(tmp_path),
            runtime_dir=str(folder / "runtime"),
            config_dir=str(folder / "config"),
            data_dir=str(folder / "data"),
            base_url="/base/",
            allow_root=True,
            open_browser=False,
        )
        monkeypatch.setattr(app, "init_signal", lambda: None)
        for made in ("runtime", "config", "data"):
            (folder / made).mkdir(parents=True, exist_ok=True)
        app.initialize(argv=[], new_httpserver=False, find_extensions=False)
        app.log.propagate = True
        sockets = bind_sockets(0, "127.0.0.1")
        http = HTTPServer(app.web_app)
        http.add_sockets(sockets)
        lab = Lab(app, sockets[0].getsockname()[1])
        app.port = lab.port
        labs.append(lab)
        await lab.start()
        lab.http = http  # type: ignore[attr-defined]
        return lab

    yield make
    for lab in labs:
        await lab.extension.stop_extension()
        if lab.channel is not None:
            lab.channel.close()
        lab.http.stop()  # type: ignore[attr-defined]
        await lab.app.kernel_manager.shutdown_all()  # type: ignore[misc] # it is a coroutine
        lab.client.close()
