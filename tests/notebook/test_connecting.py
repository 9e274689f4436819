"""Connecting: a run finds the Jupyter server's participants, or brings a server of its own."""
# ruff: noqa: ANN001, ANN201  (authors' code is written as authors write it)

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.running import Browser, serving, until
from uproot_nb import Page, live, send_to, serve
from uproot_nb.bridge import stream
from uproot_nb.bridge.discovery import Discovery, find_server, publish, republish, withdraw
from uproot_nb.bridge.stream import Listener, listen
from uproot_nb.engine.connection import registration
from uproot_nb.errors import BridgeRefused
from uproot_nb.notebook import connecting
from uproot_nb.notebook.connecting import ServerConnection, kernel_id
from uproot_nb.server.participants import ParticipantServer


class Market(Page):
    """A market."""

    @live
    def echo(page, player, x):
        return x

    @live
    def add(page, player):
        player.count = player.get("count", 0) + 1
        return player.count


@pytest.fixture(autouse=True)
def _no_server_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let no Jupyter server of this machine be found."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.delenv("UPROOT_NB_BRIDGE_FILE", raising=False)
    return tmp_path / "runtime"


def test_where_no_server_runs_a_run_brings_its_own() -> None:
    """A script, a test, VS Code: the links work at once."""
    with serving(Market, embedded=None) as run:
        assert run.url.startswith("http://127.0.0.1:")


def test_without_embedding_a_missing_server_is_an_error() -> None:
    """embedded=False."""
    with pytest.raises(BridgeRefused, match="Jupyter server"):
        serve([Market], db=":memory:", namespace={}, embedded=False)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"address": 5}', "null"])
def test_an_unreadable_discovery_file_is_skipped(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that a dead server left half-written."""
    file = tmp_path / "bridge.json"
    file.write_text(content)
    monkeypatch.setenv("UPROOT_NB_BRIDGE_FILE", str(file))
    with serving(Market, embedded=None) as run:
        assert run.url.startswith("http://127.0.0.1:")


def test_a_bridge_that_was_asked_for_and_is_not_there_is_refused(tmp_path: Path) -> None:
    """Nobody is served elsewhere than the researcher said."""
    with pytest.raises(BridgeRefused):
        serve([Market], db=":memory:", namespace={}, bridge=str(tmp_path / "gone.json"))
    file = tmp_path / "dead.json"
    dead = {"address": f"unix:{tmp_path}/dead", "token": "x", "url": "http://x/", "pid": 1}
    file.write_text(json.dumps(dead))
    with pytest.raises(BridgeRefused):
        serve([Market], db=":memory:", namespace={}, bridge=str(file))


def test_outside_a_kernel_there_is_no_kernels_id() -> None:
    """So the server touches none."""
    assert kernel_id() == ""


# ---- a participant server as the extension runs it ----


class Beside:
    """A participant server with its bridge, in a thread of its own, as in another process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file: Path | None = None
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def start(self) -> None:
        """Listen for participants and kernels."""
        self._do(self._start())

    def stop(self) -> None:
        """Go away, as a Jupyter server that ends."""
        self._do(self._stop())

    def end(self) -> None:
        """Stop, and end the thread."""
        if self.file is not None:
            self.stop()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()

    def _do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    async def _start(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.server = ParticipantServer()
        self.server.start(0)
        self.listener = await listen(
            self.folder, "t" * 32, self.server.attach, url=self.server.url,
            find_rival=self.server.find_rival,
        )  # fmt: skip
        found = Discovery(self.listener.address, "t" * 32, self.server.url, os.getpid())
        self.file = publish(found, self.folder)

    def move(self, url: str) -> None:
        """Learn how browsers reach it."""
        self._do(self._move(url))

    def lose_kernels(self) -> None:
        """Lose the lines to all kernels."""
        self._do(self._lose_kernels())

    async def _move(self, url: str) -> None:
        self.server.site.mount_at(url)
        self.listener.move(self.server.url)
        self.listener.file = republish(
            Discovery(self.listener.address, "t" * 32, self.server.url, os.getpid()), self.file
        )
        self.server.announce_url()

    async def _lose_kernels(self) -> None:
        for link in list(self.server.links):
            link.close()
            link.gone()

    async def _stop(self) -> None:
        assert self.file is not None
        withdraw(self.file)
        self.file = None
        self.listener.close()
        await self.server.stop()


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Beside]:
    """A running participant server that no variable names yet."""
    made = Beside(tmp_path / "runtime")
    made.start()
    yield made
    made.end()


async def test_a_run_finds_the_server_of_the_environment(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its links lead there, and calls come through the bridge."""
    monkeypatch.setenv("UPROOT_NB_BRIDGE_FILE", str(beside.file))
    with serving(Market, embedded=None) as run:
        assert run.url == beside.server.url
        ann = await Browser.open(run)
        assert await ann.call("echo", [1]) == [1]


async def test_a_run_finds_the_server_by_argument_and_by_looking(beside: Beside) -> None:
    """The argument comes first; without a word, the newest living server."""
    for options in ({"bridge": str(beside.file), "embedded": None}, {"embedded": None}):
        with serving(Market, **options) as run:
            assert run.url == beside.server.url


@pytest.mark.long
async def test_two_runs_share_one_server(beside: Beside) -> None:
    """Sessions do not mix."""
    with (
        serving(Market, embedded=None, name="a") as a,
        serving(Market, embedded=None, name="b") as b,
    ):
        ann, bob = await Browser.open(a), await Browser.open(b)
        assert await ann.call("echo", 1) == 1
        assert await bob.call("echo", 2) == 2
        a.close()
        assert await bob.call("echo", 3) == 3


async def test_a_server_that_went_away_and_came_back_is_dialled_again(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session goes on there, with the same links."""
    monkeypatch.setattr(registration, "REDIAL_SECONDS", 0.02)
    with serving(Market, embedded=False) as run:
        ann = await Browser.open(run)
        assert await ann.call("echo", 1) == 1
        token = run.link(run.players[0]).rpartition("/p/")[2]
        beside.stop()
        await until(lambda: not run.players[0].online)
        beside.start()
        await until(lambda: run.url == beside.server.url and bool(beside.server.links))
        assert run.link(run.players[0]).rpartition("/p/")[2] == token
        again = await Browser.open(run)
        assert await again.call("echo", 2) == 2


async def test_a_server_that_learns_its_address_changes_the_links_and_is_dialled_again_there(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As behind a JupyterHub. The researcher is not told to hand out links anew after a loss."""
    monkeypatch.setattr(registration, "REDIAL_SECONDS", 0.02)
    with serving(Market, embedded=False) as run:
        beside.move("https://hub.test/user/ann/")
        await until(lambda: run.url == "https://hub.test/user/ann/")
        assert run.link(run.players[0]).startswith(f"{run.url}p/")
        assert run.join_link.startswith(f"{run.url}join/")
        channel = run._runtime.line._channel
        beside.lose_kernels()
        await until(lambda: run._runtime.line._channel not in (None, channel))
        assert run.url == "https://hub.test/user/ann/"
    said = capsys.readouterr()
    assert "another address" not in said.out + said.err


@pytest.mark.long
async def test_browsers_stay_connected_while_another_run_takes_the_session_over(
    beside: Beside, tmp_path: Path
) -> None:
    """As with a restarted kernel: paused, then on; waiting calls and missed pushes arrive."""
    path = tmp_path / "log.sqlite3"
    with serving(Market, embedded=None, db=path) as run:
        ann = await Browser.open(run)
        assert await ann.call("add", call_id="a-1") == 1
        line = run._runtime.line  # as a kernel's death
        run._runtime.loop.call_soon_threadsafe(line._channel.close)
        while await ann.status() != "paused":
            pass
        await ann.ask("add", call_id="a-2")
        await ann.ask("add", call_id="a-1")
    with serving(Market, embedded=None, db=path) as run:
        assert await ann.answer("a-2") == 2
        assert await ann.answer("a-1") == 1
        assert run.players[0].count == 2
        send_to(run.players, "after")
        assert await ann.settle() == ["after"]


# ---- a server that hangs, and one that comes back elsewhere ----


class Silent:
    """A server that hangs: whoever dials it is taken, and hears nothing."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(folder / "silent"))
        self.socket.listen(1)
        found = Discovery(f"unix:{folder}/silent", "t" * 32, "http://lab.test/", os.getpid())
        self.file = publish(found, folder)

    def end(self) -> None:
        """Answer nobody any more, as after a kill."""
        self.socket.close()
        withdraw(self.file)


def test_a_run_waits_for_a_server_that_hangs_and_the_cell_shows_it(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that brought a server of its own instead would change everybody's links."""
    beside.stop()
    silent = Silent(beside.folder)
    monkeypatch.setenv("UPROOT_NB_BRIDGE_FILE", str(silent.file))
    monkeypatch.setattr(stream, "GREETING_SECONDS", 0.02)
    monkeypatch.setattr(connecting, "RETRY_SECONDS", 0.02)
    said: list[str] = []

    def answer(line: ServerConnection, text: str) -> None:
        said.append(text)
        silent.end()
        beside.start()

    monkeypatch.setattr(
        connecting.ServerConnection, "show",
        property(lambda line: partial(answer, line), lambda line, to: None), raising=False,
    )  # fmt: skip
    with serving(Market, embedded=None) as run:
        assert run.url == beside.server.url
    assert len(said) == 1
    assert "http://lab.test/" in said[0]
    assert "embedded=True" in said[0]


def test_a_full_line_of_kernels_is_no_dead_server(tmp_path: Path) -> None:
    """A server that hangs for long takes no more connections at all."""
    silent = Silent(tmp_path / "full")
    dialled = []
    for _ in range(8):
        one = socket.socket(socket.AF_UNIX)
        one.setblocking(False)
        dialled.append(one)
        try:
            one.connect(str(silent.file.parent / "silent"))
        except BlockingIOError:
            break
    else:
        pytest.skip("this system queues without end")
    assert find_server(str(silent.file)) is not None
    for one in dialled:
        one.close()
    silent.end()


@pytest.mark.long
async def test_a_run_never_changes_to_another_lab_that_was_there_before(
    beside: Beside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two Jupyter servers of one person: the other one's address is not participants'."""
    monkeypatch.setattr(registration, "REDIAL_SECONDS", 0.02)
    other = Beside(beside.folder)
    other.start()
    assert other.file is not None
    os.utime(other.file, (1.0, 1.0))
    asked: list[object] = []
    look = connecting.find_successor
    monkeypatch.setattr(
        connecting, "find_successor", lambda *told: (asked.append(look(*told)), asked[-1])[1]
    )
    try:
        with serving(Market, embedded=None, bridge=str(beside.file)) as run:
            before = run.url
            beside.stop()
            await until(lambda: len(asked) > 2)
            assert asked == [None] * len(asked)
            assert run.url == before != other.server.url
            beside.start()
            await until(lambda: run.url == beside.server.url)  # named by another file now
            ann = await Browser.open(run)
            assert await ann.call("echo", 1) == 1
    finally:
        other.end()


async def test_the_cell_reads_that_the_server_is_gone_and_that_it_is_back(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new address is said too: old links lead nowhere then."""
    monkeypatch.setattr(registration, "REDIAL_SECONDS", 0.02)
    with serving(Market, embedded=None) as run:
        before = run.url
        beside.stop()
        beside.start()
        await until(lambda: run.url == beside.server.url)
        await until(lambda: run._runtime.line._channel is not None)
        after = run.url
    said = capsys.readouterr()
    told = said.out + said.err
    assert f"The participant server at {before} is gone" in told
    assert f"back at another address: {after}" in told
    assert "participants are coming back" in told


async def test_no_failure_ends_the_looking_for_the_server(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One unforeseen error at one try, and the next is made all the same."""
    monkeypatch.setattr(registration, "REDIAL_SECONDS", 0.02)
    look, tries = connecting.find_successor, [ValueError("unforeseen")]

    def fails_once(*told: Any) -> Any:
        if tries:
            raise tries.pop()
        return look(*told)

    monkeypatch.setattr(connecting, "find_successor", fails_once)
    with serving(Market, embedded=None) as run:
        beside.stop()
        beside.start()
        await until(lambda: run.url == beside.server.url)
        assert not tries


def test_a_server_of_another_version_that_started_this_kernel_is_not_passed_over(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uproot_nb was upgraded, and the kernel restarted without its Jupyter server."""
    monkeypatch.setenv("UPROOT_NB_BRIDGE_FILE", str(beside.file))
    monkeypatch.setattr(
        Listener, "_objection", lambda listener, hello: "it speaks version 999, the server 4."
    )
    with pytest.raises(BridgeRefused, match=r"(?s)version 999.*Restart the Jupyter server"):
        serve([Market], db=":memory:", namespace={}, name="market")


def test_what_the_server_has_to_say_is_read_in_the_cell(
    beside: Beside, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That another port was taken, or that idle kernels are ended."""
    monkeypatch.setattr(beside.listener, "_notes", lambda: ["Port 8600 is in use."])
    with serving(Market, embedded=None):
        pass
    said = capsys.readouterr()
    assert "Port 8600 is in use." in said.out + said.err


def test_a_run_with_its_own_server_warns_that_the_port_is_in_use(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with serving(Market, port=taken):
            pass
    said = capsys.readouterr()
    assert f"Port {taken} is in use" in said.out + said.err
