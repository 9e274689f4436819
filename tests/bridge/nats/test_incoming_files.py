"""Files from gateways come in pieces, and are removed whoever goes."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from uproot_nb.bridge.messages import (
    FAMILY_BITS,
    FilePiece,
    FileWanted,
    HttpReply,
    HttpRequest,
)
from uproot_nb.bridge.nats.incoming_files import PIECE_BYTES, IncomingFiles

pytestmark = pytest.mark.asyncio

NUMBER = 7 << FAMILY_BITS | 1
SIZE = 2 * PIECE_BYTES + 10
FILES = [("photo", "a.png", "image/png", "/gateway/x", SIZE), ("b", "b.txt", "text/plain", "/y", 3)]
REQUEST = HttpRequest(NUMBER, "market", "ann", "submit", [("a", "1")], [], "", FILES)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def until(truth: Any) -> None:
    async with asyncio.timeout(10):
        while not truth():
            await asyncio.sleep(0.001)


def left(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def fetched(files: IncomingFiles, sent: list[Any], got: list[HttpRequest]) -> None:
    """Answer what is wanted, piece by piece."""
    files.fetch(REQUEST, got.append)
    answered = 0
    async with asyncio.timeout(10):
        while not got:
            await asyncio.sleep(0.001)
            assert len(sent) - answered <= 1  # one piece at a time
            for wanted in sent[answered:]:
                assert wanted.size <= PIECE_BYTES
                data = bytes([wanted.index]) * wanted.size
                files.take(FilePiece(wanted.request, wanted.index, data))
                answered += 1


async def test_the_request_follows_with_paths_of_this_machine(folder: Path) -> None:
    sent: list[Any] = []
    got: list[HttpRequest] = []
    files = IncomingFiles(sent.append)
    await fetched(files, sent, got)
    (request,) = got
    assert (request.form, request.player) == (REQUEST.form, "ann")
    assert [one[:3] + one[4:] for one in request.files] == [one[:3] + one[4:] for one in FILES]
    assert [Path(one[3]).read_bytes() for one in request.files] == [bytes(SIZE), b"\1\1\1"]
    assert [Path(one[3]).stat().st_mode & 0o777 for one in request.files] == [0o600, 0o600]
    files.note_answered(NUMBER)
    assert left(folder) == []
    files.close()
    assert list(folder.iterdir()) == []


async def test_of_a_gateway_that_dies_amid_a_file_nothing_is_left(folder: Path) -> None:
    sent: list[Any] = []
    got: list[HttpRequest] = []
    files = IncomingFiles(sent.append)
    files.fetch(REQUEST, got.append)
    await until(lambda: sent)
    files.take(FilePiece(NUMBER, 0, bytes(PIECE_BYTES)))
    await until(lambda: len(sent) == 2)
    files.drop(8)
    assert left(folder)
    files.drop(NUMBER >> FAMILY_BITS)
    await until(lambda: not left(folder))
    files.take(FilePiece(NUMBER, 0, bytes(PIECE_BYTES)))
    assert got == []
    files.close()


async def test_a_file_that_the_gateway_has_no_more_is_answered_by_503(folder: Path) -> None:
    sent: list[Any] = []
    got: list[HttpRequest] = []
    files = IncomingFiles(sent.append)
    files.fetch(REQUEST, got.append)
    await until(lambda: sent)
    files.take(FilePiece(NUMBER, 0, b""))
    await until(lambda: len(sent) == 2)
    assert sent == [
        FileWanted(NUMBER, 0, 0, PIECE_BYTES), HttpReply(NUMBER, 503, [("Retry-After", "5")], b"")
    ]  # fmt: skip
    await until(lambda: not left(folder))
    assert got == []
    files.close()


async def test_a_kernel_that_closes_amid_a_file_leaves_nothing(folder: Path) -> None:
    sent: list[Any] = []
    files = IncomingFiles(sent.append)
    files.fetch(REQUEST, lambda request: None)
    await until(lambda: sent)
    files.close()
    await asyncio.sleep(0)
    assert list(folder.iterdir()) == []
