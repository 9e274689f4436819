"""Files that participants send: from the browser through the server to the kernel."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tornado.simple_httpclient import HTTPStreamClosedError

from tests.server.worlds import SECRET, Limited, World, until
from uproot_nb.bridge.messages import CloseSession, HttpReply, HttpRequest, Misuse

pytestmark = pytest.mark.asyncio

ANN = "p/token-of-ann-0123456789/"
PARTS = {"Content-Type": "multipart/form-data; boundary=b"}
END = b"--b--\r\n"


@pytest.fixture(autouse=True)
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def part(name: str, content: bytes, filename: str = "") -> bytes:
    named = f'; filename="{filename}"' if filename else ""
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def left(disk: Path) -> list[Path]:
    return [path for path in disk.rglob("*") if path.is_file()]


async def begin(
    world: World, body: bytes, *, length: int | None = None, token: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send the head of a form and the first bytes of its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    size = f"Content-Length: {length}" if length is not None else "Transfer-Encoding: chunked"
    path = f"/p/{token}/" if token else f"/{ANN}"
    kind = PARTS["Content-Type"]
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: {kind}\r\n{size}\r\n\r\n".encode()
    )
    writer.write(body)
    return reader, writer


async def test_a_file_reaches_the_kernel_on_disk_and_is_gone_after_the_answer(
    world: World, disk: Path
) -> None:
    kernel = await world.kernel()
    kernel.answers = False
    await kernel.serve()
    photo = bytes(range(256)) * 12_000  # 3 MB
    body = part("age", b"33") + part("photo", photo, "C:\\x\\me.png") + END
    posting = asyncio.ensure_future(world.fetch(ANN, body=body, headers=PARTS))
    request = await kernel.expect(HttpRequest)
    assert (request.action, request.form) == ("submit", [("age", "33")])
    ((name, filename, kind, path, size),) = request.files
    assert (name, filename, kind, size) == (
        "photo", "me.png", "application/octet-stream", len(photo),
    )  # fmt: skip
    assert Path(path).read_bytes() == photo
    assert Path(path).is_relative_to(disk)
    kernel.send(HttpReply(request.request, 303, [("Location", "./")], b""))
    assert (await posting).code == 303
    assert not left(disk)


async def test_too_large_a_form_is_read_to_its_end_and_refused_calmly(
    limited: Limited, disk: Path
) -> None:
    world = await limited(max_upload_bytes=300_000, max_file_bytes=300_000)
    kernel = await world.kernel()
    await kernel.serve()
    body = part("photo", b"x" * 5_000_000, "me.png") + END
    answer = await world.fetch(ANN, body=body, headers=PARTS)
    assert answer.code == 413
    assert b"That was too large" in answer.body
    assert (await kernel.expect(Misuse)).what.startswith("too large: a form of 5,000,081 bytes")
    assert not kernel.heard
    assert not left(disk)
    assert (await world.fetch(ANN)).code == 200


@pytest.mark.parametrize(
    ("files", "fields", "code"), [(20, 980, 200), (21, 1, 413), (1, 1000, 413)]
)
async def test_the_numbers_of_files_and_fields_are_limited(
    world: World, disk: Path, files: int, fields: int, code: int
) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    body = part("f", b"1", "f.txt") * files + part("a", b"1") * fields + END
    assert (await world.fetch(ANN, body=body, headers=PARTS)).code == code
    assert not left(disk)


async def test_a_malformed_form_is_refused_and_the_kernel_hears_nothing(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    assert (await world.fetch(ANN, "hello", headers=PARTS)).code == 400
    assert (await kernel.expect(Misuse)).what == "malformed form"
    assert not kernel.heard


async def test_a_browser_that_goes_away_leaves_no_file(world: World, disk: Path) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    ann = world.server.sessions.player("token-of-ann-0123456789")
    assert ann is not None
    for length in (1_000_000, None):
        first = part("photo", b"x" * 100_000, "me.png")[:-2]
        chunk = first if length else b"%x\r\n%b\r\n" % (len(first), first)
        _, writer = await begin(world, chunk, length=length)
        await until(lambda: left(disk))
        assert ann.uploads == 1
        writer.close()
        await until(lambda: not left(disk))
        assert ann.uploads == 0
    assert not kernel.heard


@pytest.mark.long
async def test_a_form_that_stalls_is_cut_off(limited: Limited, disk: Path) -> None:
    world = await limited(idle_timeout=0.3)
    kernel = await world.kernel()
    await kernel.serve()
    reader, writer = await begin(world, part("photo", b"x", "me.png")[:-2], length=1000)
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    await until(lambda: not left(disk))
    writer.close()


async def test_one_player_sends_only_so_many_forms_at_once(limited: Limited, disk: Path) -> None:
    world = await limited(max_uploads_per_player=2)
    kernel = await world.kernel()
    await kernel.serve()
    ann = world.server.sessions.player("token-of-ann-0123456789")
    assert ann is not None
    held = [await begin(world, b"--b\r\n", length=100_000) for _ in range(2)]
    await until(lambda: ann.uploads == 2)
    assert (await world.fetch(ANN, "a=1")).code == 429
    for _, writer in held:
        writer.close()
    await until(lambda: ann.uploads == 0)
    assert (await world.fetch(ANN, "a=1")).code == 200


async def test_a_strangers_form_is_not_kept(world: World, disk: Path) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    body = part("photo", b"x" * 10_000, "me.png") + END
    for path in ("p/unknown/", f"join/market/{SECRET}x/", "room/none/"):
        answer = await world.fetch(path, body=body, headers=PARTS)
        assert answer.code == 404
    _, writer = await begin(world, body, length=10_000_000, token="unknown")
    writer.close()
    kernel.send(CloseSession("key-market"))
    await until(lambda: not kernel.serves())
    assert (await world.fetch(ANN, body=body, headers=PARTS)).code == 410
    assert not left(disk)


async def test_the_files_of_a_form_whose_kernel_dies_reach_the_next(
    world: World, disk: Path
) -> None:
    first = await world.kernel()
    first.answers = False
    await first.serve()
    body = part("photo", b"picture", "me.png") + END
    posting = asyncio.ensure_future(world.fetch(ANN, body=body, headers=PARTS))
    await first.expect(HttpRequest)
    await first.die()
    second = await world.kernel()
    second.answers = False
    await second.serve()
    request = await second.expect(HttpRequest)
    assert Path(request.files[0][3]).read_bytes() == b"picture"
    second.send(HttpReply(request.request, 303, [("Location", "./")], b""))
    assert (await posting).code == 303
    assert not left(disk)


@pytest.mark.long
async def test_a_slow_kernel_may_still_read_the_files(limited: Limited, disk: Path) -> None:
    world = await limited(form_patience=0.1, kept_unanswered=0.3)
    kernel = await world.kernel()
    kernel.answers = False
    await kernel.serve()
    body = part("photo", b"picture", "me.png") + END
    answer = await world.fetch(ANN, body=body, headers=PARTS)
    assert answer.code == 503
    request = await kernel.expect(HttpRequest)
    assert len(request.files) == 1
    await until(lambda: not left(disk))


async def test_stopping_removes_what_is_left(world: World, disk: Path) -> None:
    kernel = await world.kernel()
    kernel.answers = False
    await kernel.serve()
    body = part("photo", b"x", "me.png") + END
    posting = asyncio.ensure_future(world.fetch(ANN, body=body, headers=PARTS))
    await kernel.expect(HttpRequest)
    assert left(disk)
    await world.server.stop()
    assert not list(disk.iterdir())
    with pytest.raises(HTTPStreamClosedError):
        await posting


async def test_a_kernel_hears_of_the_browser_but_of_no_secret(world: World) -> None:
    kernel = await world.kernel()
    await kernel.serve()
    own = f"http://u:pw@h.example:80/base/{ANN}?token=jupyter#x"
    told = {
        "User-Agent": "Phone " + "x" * 2000,
        "Accept-Language": "de",
        "Cookie": "a=b",
        "Authorization": "token abc",
        "X-Forwarded-For": "192.0.2.1",
        "Referer": own,
    }
    await world.fetch(ANN, headers=told)
    headers = (await kernel.expect(HttpRequest)).headers
    assert set(headers) == {"user-agent", "accept-language", "referer"}
    assert headers["referer"] == "http://h.example/base/p/…/"
    assert len(headers["user-agent"]) == 1000
    for odd in ("javascript:x", "http://[", "x", "http://"):
        await world.fetch(ANN, headers={"Referer": odd})
        assert "referer" not in (await kernel.expect(HttpRequest)).headers
