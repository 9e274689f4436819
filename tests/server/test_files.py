"""The static files of apps, for whoever knows the folder's key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.server.worlds import World, until
from uproot_nb.bridge.messages import CloseSession, OpenSession, ServeFiles

pytestmark = pytest.mark.asyncio

KEY = "folder-key-0123456789"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An app's folder, and a secret beside it."""
    made = tmp_path / "app" / "_static"
    (made / "deep").mkdir(parents=True)
    (made / "deep" / "a b.js").write_text("let a;")
    (made / "page.html").write_text("<p>ä</p>", "utf-8")
    (made / "photo.webp").write_bytes(b"webp")
    (made / "odd").write_bytes(b"\x00")
    (made / ".hidden").write_text("hidden")
    (made / ".git").mkdir()
    (made / ".git" / "config").write_text("hidden")
    (made.parent / "app.py").write_text("secret")
    os.symlink(made.parent / "app.py", made / "link.py")
    os.symlink(made.parent, made / "up")
    os.symlink(made / "deep", made / "within")
    os.symlink(made / "loop", made / "loop")
    return made


async def serve(world: World, folder: Path) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    kernel.send(ServeFiles("key-market", KEY, str(folder)))
    await until(lambda: world.server.sessions.folder(KEY))


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("deep/a%20b.js", "text/javascript; charset=UTF-8", "let a;"),
        ("within/a%20b.js", "text/javascript; charset=UTF-8", "let a;"),
        ("page.html", "text/html; charset=UTF-8", "<p>ä</p>"),
        ("photo.webp", "image/webp", "webp"),
        ("odd", "application/octet-stream", "\x00"),
    ],
)
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


@pytest.mark.parametrize(
    "path",
    [
        "none.js", "deep", "deep/", "", ".hidden", ".git/config", "link.py", "up/app.py",
        "../app.py", "%2e%2e/app.py", "..%2fapp.py", "deep/..%2f..%2f..%2fapp.py", "..%5capp.py",
        "%2fetc%2fpasswd", "/etc/passwd", "deep//a%20b.js", "a%00b", "x" * 300, "%ff", "loop",
        "./page.html", "C:%5cx",
    ],
)  # fmt: skip
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
