"""Everything is below a base path, for proxies that cannot remove one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from traitlets import TraitError

from tests.running import Browser, serving
from tests.server.worlds import World, upgrade
from uproot_nb import IntegerField, Page, UprootError, live
from uproot_nb.cli import main
from uproot_nb.server.app import UprootNB
from uproot_nb.server.settings import ServerSettings
from uproot_nb.server.site import Site, check_path


class Question(Page):
    """Your age?"""

    fields = dict(age=IntegerField(label="Age"))  # noqa: C408, RUF012

    @live
    def double(page: Any, player: Any, number: int) -> int:
        return 2 * number


class Thanks(Page):
    """Thanks."""


async def fetch(address: str, **options: Any) -> HTTPResponse:
    return await AsyncHTTPClient().fetch(address, raise_error=False, **options)


@pytest.mark.parametrize("given", ["study", "/study", "/study/", "study/"])
def test_slashes_around_a_path_make_no_difference(given: str) -> None:
    assert check_path(given) == "/study"


@pytest.mark.parametrize("given", ["", "/", "//"])
def test_the_top_is_no_path(given: str) -> None:
    assert check_path(given) == ""


@pytest.mark.parametrize(
    "given",
    ["a b", "/a//b", "/../etc", "/a/./b", "/a?b", "/a#b", "/ä", "http://x/a", "/a%2f", "/x\n"],
)
def test_what_is_no_plain_path_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="such as /study"):
        check_path(given)


@given(st.text())
def test_a_path_is_as_checked_or_refused(text: str) -> None:
    try:
        path = check_path(text)
    except ValueError:
        return
    assert check_path(path) == path
    assert re.fullmatch(r"(/[A-Za-z0-9_.~-]+)*", path)


@pytest.mark.parametrize("public", ["https://h.org/", "https://h.org", "https://h.org/study/"])
def test_the_public_url_has_the_path_once(public: str) -> None:
    site = Site(public, base_path="study")
    assert site.url == "https://h.org/study/"
    assert site.root == "/study"


def test_two_different_paths_are_refused() -> None:
    with pytest.raises(ValueError, match="base_path='/study' differ"):
        Site("https://h.org/exp/", base_path="/study")


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World("memory", tmp_path)
    made.options = {"base_path": "/study"}
    await made.start()
    await (await made.kernel()).serve()
    yield made
    await made.stop()


async def test_pages_and_sockets_are_below_the_path(world: World) -> None:
    server = world.server
    assert server.url == f"http://127.0.0.1:{server.port}/study/"
    page = await fetch(f"{server.url}p/token-of-ann-0123456789/")
    assert page.code == 200
    raw = await upgrade(server.port, "/study/p/token-of-ann-0123456789/ws?page=0")
    assert (await raw.read())[0] == 1
    raw.writer.close()


async def test_a_missing_slash_is_added_below_the_path(world: World) -> None:
    address = f"{world.server.url}p/token-of-ann-0123456789"
    answer = await fetch(address, follow_redirects=False)
    assert answer.code in (301, 302, 303, 307, 308)
    led = await fetch(address)
    assert led.effective_url == f"{address}/"


@pytest.mark.long
async def test_a_run_has_all_its_addresses_below_the_path() -> None:
    with serving(Question, Thanks, players=2, server={"base_path": "/study"}) as run:
        root = run.url
        assert root.endswith("/study/")
        links = [*run.links["url"], run.join_link, run.room("lab").url]
        assert all(link.startswith(root) for link in links)
        for link in links:
            answer = await fetch(link)
            assert answer.code == 200
            text = answer.body.decode()
            assert not re.search(r"""(?:src|href|action)=["']/(?!/)""", text)
            for cookie in answer.headers.get_list("Set-Cookie"):
                assert not re.search(r"path=/(;|$)", cookie, re.IGNORECASE)


@pytest.mark.long
async def test_files_of_a_page_load_below_the_path() -> None:
    with serving(Question, Thanks, server={"base_path": "/study"}) as run:
        link = next(iter(run.links["url"]))
        page = (await fetch(link)).body.decode()
        files = set(re.findall(r"""(?:src|href)=["']((?:\.\./)+static/[^"']+)""", page))
        assert files
        for file in files:
            depth = file.count("../")
            assert depth == 2  # from p/TOKEN/ to the base path, and not above it
            assert (await fetch(f"{run.url}{file.removeprefix('../../')}")).code == 200


@pytest.mark.long
async def test_calls_and_forms_pass_below_the_path() -> None:
    with serving(Question, Thanks, server={"base_path": "/study"}) as run:
        ann = await Browser.open(run)
        assert await ann.call("double", 4) == 8
        moved = await ann.submit(age=44)
        assert moved.code == 303
        assert urljoin(ann.url, moved.headers["Location"]) == ann.url
        assert "Thanks" in await ann.load()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--base-path", "a b"], "such as /study"),
        (["--base-path", "/study", "--public-url", "https://h.org/exp/"], "differ"),
        (["--set", "base_path=a b"], "such as /study"),
    ],
)
def test_the_command_refuses_a_wrong_path(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = tmp_path / "study.ipynb"
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    try:
        code = main(["run", str(notebook), "--port", "0", *options])
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code == 2
    assert message in capsys.readouterr().err


def test_settings_and_traits_name_what_is_wrong() -> None:
    assert ServerSettings.parse(["base_path= /study/"]).base_path == "/study"
    with pytest.raises(ValueError, match="give a text"):
        ServerSettings.of({"base_path": 5})
    with pytest.raises(TraitError, match=r"UprootNB\.base_path"):
        UprootNB(base_path="a b")
    assert UprootNB(base_path="study/").base_path == "/study"
    with pytest.raises(UprootError, match="such as /study"):
        serving(Question, server={"base_path": "a b"}).__enter__()
