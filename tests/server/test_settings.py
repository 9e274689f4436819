"""Every limit can be raised, wherever the server runs, and says where."""

from __future__ import annotations

import asyncio
import resource
from dataclasses import fields
from typing import Any

import pytest
from traitlets.config import Config

from tests.running import Browser, serving, until
from tests.server.worlds import Limited
from uproot_nb import Page, UprootError, live
from uproot_nb.bridge.messages import Misuse
from uproot_nb.headless.command import parse_settings
from uproot_nb.headless.notebook_file import CannotStart
from uproot_nb.notebook.options import remedy
from uproot_nb.server import connections
from uproot_nb.server.app import UprootNB
from uproot_nb.server.limits import Limits, how_to_change
from uproot_nb.server.settings import ServerSettings


class Desk(Page):
    """A desk."""

    @live
    def measure(page: Any, player: Any, text: str) -> int:
        return len(text)


@pytest.mark.asyncio
async def test_a_run_of_its_own_takes_what_serve_says() -> None:
    text = "x" * 200_000
    with serving(Desk, server={"max_frame_bytes": 300_000}) as run:
        ann = await Browser.open(run)
        assert await ann.call("measure", text) == 200_000


@pytest.mark.long
@pytest.mark.asyncio
async def test_an_author_reads_which_call_was_too_large_and_where_to_raise_the_limit() -> None:
    with serving(Desk) as run:
        ann = await Browser.open(run)
        await ann.ask("measure", "x" * 100_000)
        assert await ann.closed() == 4413
        await until(lambda: not run.errors.empty)
        message = run.errors.iloc[0]["value"]["message"]
        assert "the call of measure has 100,0" in message
        assert "max_frame_bytes allows 65,536" in message
        for place in ("c.UprootNB.max_frame_bytes", "serve(server={", "uproot-nb run --set"):
            assert place in message


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"max_frames": 1}, "there is no setting 'max_frames'"),
        ({"max_frame_bytes": "many"}, "max_frame_bytes='many': give a whole number"),
        ({"max_frame_bytes": 10}, "at least 1024"),
        ({"max_frame_bytes": 1e6}, "give a whole number"),
        ({"max_connections": 0}, "at least 1"),
        ({"max_connections": True}, "give a whole number"),
        ({"page_patience": float("nan")}, "give a number"),
        ({"trusted_proxies": "127.0.0.1"}, "give a list"),
        ({"trusted_proxies": ["nginx"]}, "'nginx' is not an address"),
        ({"frame_ancestors": ["x; y"]}, "'x; y' is not an origin"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=r"there is|give|is no") as refused:
        ServerSettings.of(given)
    assert reason in str(refused.value)
    assert reason in remedy("server", given)
    with pytest.raises(UprootError, match=r"serve\(server="), serving(Desk, server=given):
        pass


def test_every_limit_can_be_set_in_all_three_ways() -> None:
    for limit in fields(Limits):
        value = type(limit.default)(limit.default + 5000)
        assert getattr(ServerSettings.of({limit.name: value}).limits, limit.name) == value
        parsed = ServerSettings.parse([f"{limit.name}={value}"])
        assert getattr(parsed.limits, limit.name) == value
        own = UprootNB().has_trait(limit.name)
        config = {limit.name: value} if own else {"limits": {limit.name: value}}
        app = UprootNB(config=Config(UprootNB=config))
        app.initialize_settings()
        assert getattr(app.participants.limits, limit.name) == value
        assert limit.name in how_to_change(limit.name)


def test_a_command_line_sets_numbers_and_lists() -> None:
    settings = parse_settings([
        "max_frame_bytes=1_000_000", "page_patience=2.5", "trusted_proxies=127.0.0.1, 10.0.0.0/8",
        "frame_ancestors=https://hub.example.org",
    ])  # fmt: skip
    assert (settings.limits.max_frame_bytes, settings.limits.page_patience) == (1_000_000, 2.5)
    assert settings.trusted_proxies == ("127.0.0.1", "10.0.0.0/8")
    assert settings.frame_ancestors == ("https://hub.example.org",)
    for wrong in ("max_frame_bytes", "max_frame_bytes=x", "nonsense=1"):
        with pytest.raises(CannotStart, match="--set: "):
            parse_settings([wrong])


def test_the_command_raises_the_number_of_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(resource, "getrlimit", lambda what: (1024, 3000))
    monkeypatch.setattr(resource, "setrlimit", lambda what, limits: asked.append(limits))
    connections.allow_open_files(4000)
    connections.allow_open_files(500)
    assert asked == [(3000, 3000)]


@pytest.mark.asyncio
async def test_a_large_upload_is_refused_when_it_is_announced(limited: Limited) -> None:
    """Not when all of it has come: that may take minutes."""
    world = await limited(max_form_bytes=10_000, max_upload_bytes=50_000)
    kernel = await world.kernel()
    await kernel.serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    writer.write(
        b"POST /p/token-of-ann-0123456789/ HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    )
    told = await kernel.expect(Misuse)
    assert told.player == "ann"
    assert told.what.startswith(
        "too large: a form of 60,000 bytes; max_upload_bytes allows 50,000 with files"
    )
    assert "serve(server={'max_upload_bytes': …})" in told.what
    writer.write(bytes(60_000 - 5))
    assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.close()


def test_what_a_jupyter_configuration_cannot_say_is_named() -> None:
    with pytest.raises(Exception, match=r"set c\.UprootNB\.max_frame_bytes itself"):
        UprootNB(config=Config(UprootNB={"limits": {"max_frame_bytes": 5000}}))
    with pytest.raises(Exception, match="'nginx' is not an address"):
        UprootNB(config=Config(UprootNB={"trusted_proxies": ["nginx"]}))
