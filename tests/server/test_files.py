"""The static files of apps, for whoever knows the folder's key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.app_folders import HIDDEN, KEY, SHOWN, make_folder
from tests.server.worlds import World, until
from uproot_nb.bridge.messages import CloseSession, OpenSession, ServeFiles

pytestmark = pytest.mark.asyncio


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An app's folder, and a secret beside it."""
    return make_folder(tmp_path)


async def serve(world: World, folder: Path) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    kernel.send(ServeFiles("key-market", KEY, str(folder)))
    await until(lambda: world.server.sessions.folder(KEY))


@pytest.mark.parametrize(("path", "kind", "body"), SHOWN)
async def test_a_file_comes_with_its_type(
    world: World, folder: Path, path: str, kind: str, body: str
) -> None:
    await serve(world, folder)
    answer = await world.fetch(f"files/{KEY}/{path}")
    assert (answer.code, answer.headers["Content-Type"]) == (200, kind)
    assert answer.body.decode() == body
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "private, max-age=60"
    head = await world.fetch(f"files/{KEY}/{path}", method="HEAD")
    assert (head.code, head.body) == (200, b"")
    part = await world.fetch(f"files/{KEY}/{path}", headers={"Range": "bytes=0-0"})
    assert part.body == answer.body[:1]


@pytest.mark.long
@pytest.mark.parametrize("path", HIDDEN)
async def test_nothing_else_is_ever_shown(world: World, folder: Path, path: str) -> None:
    await serve(world, folder)
    answer = await world.fetch(f"files/{KEY}/{path}")
    assert answer.code == 404
    assert answer.body == (await world.fetch("nowhere")).body


async def test_a_changed_file_is_sent_anew(world: World, folder: Path) -> None:
    await serve(world, folder)
    first = await world.fetch(f"files/{KEY}/page.html")
    kept = {"If-None-Match": first.headers["Etag"]}
    assert (await world.fetch(f"files/{KEY}/page.html", headers=kept)).code == 304
    (folder / "page.html").write_text("<p>changed</p>")
    again = await world.fetch(f"files/{KEY}/page.html", headers=kept)
    assert (again.code, again.body) == (200, b"<p>changed</p>")


async def test_of_a_file_that_has_changed_no_part_is_sent_for_an_earlier_one(
    world: World, folder: Path
) -> None:
    await serve(world, folder)
    first = await world.fetch(f"files/{KEY}/page.html")
    rest = {"Range": "bytes=3-", "If-Range": first.headers["Etag"]}
    assert (await world.fetch(f"files/{KEY}/page.html", headers=rest)).code == 206
    (folder / "page.html").write_text("<p>changed</p>")
    whole = await world.fetch(f"files/{KEY}/page.html", headers=rest)
    assert (whole.code, whole.body) == (200, b"<p>changed</p>")


async def test_a_file_of_a_session_that_is_expected_can_be_had_later(
    world: World, folder: Path
) -> None:
    world.server.expected.extend()
    early = await world.fetch(f"files/{KEY}/page.html")
    assert (early.code, early.headers["Retry-After"]) == (503, "5")
    await serve(world, folder)
    assert (await world.fetch(f"files/{KEY}/page.html")).code == 200


async def test_a_wrong_key_opens_nothing_and_the_key_ends_with_the_session(
    world: World, folder: Path
) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    kernel.send(ServeFiles("key-market", KEY, str(folder)))
    kernel.send(ServeFiles("key-other", KEY, "/"))
    await until(lambda: world.server.sessions.folder(KEY))
    assert (await world.fetch("files/another-key-0123456789/page.html")).code == 404
    await kernel.serve("key-diary", {})
    kernel.send(ServeFiles("key-diary", KEY, "/"))  # another session's key is not taken over
    kernel.send(CloseSession("key-diary"))
    await until(lambda: not kernel.serves("key-diary"))
    assert (await world.fetch(f"files/{KEY}/page.html")).code == 200
    await kernel.die()
    assert (await world.fetch(f"files/{KEY}/page.html")).code == 200
    back = await world.kernel()
    await back.serve()
    back.send(CloseSession("key-market"))
    await until(lambda: world.server.sessions.folder(KEY) is None)
    assert (await world.fetch(f"files/{KEY}/page.html")).code == 404
    back.send(OpenSession("key-market", "market", "s", "running", {}))
    await until(lambda: world.server.sessions.folder(KEY))
