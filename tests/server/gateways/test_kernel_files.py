"""A gateway fetches each piece of a file once, few at a time, and stores a bounded part."""

from __future__ import annotations

import asyncio
import itertools
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.worlds import until
from uproot_nb.bridge.messages import AppFileAsked, AppFileFound, AppPiece, AppPieceWanted
from uproot_nb.bridge.nats.file_versions import PIECE_BYTES
from uproot_nb.server.gateways.kernel_files import (
    FileLost,
    FileQuestions,
    KernelFile,
    KernelFiles,
)

pytestmark = pytest.mark.asyncio


class KernelWithFiles:
    """A kernel's end: answers at once, or when it is let."""

    def __init__(self, **contents: bytes) -> None:
        self.contents, self.asked = contents, list[Any]()
        self.files = FileQuestions(self.hear)
        self.answers = True

    def hear(self, question: Any) -> None:
        self.asked.append(question)
        if self.answers:
            self.answer(question)

    def answer(self, question: Any) -> None:
        data = self.contents.get(question.path)
        if isinstance(question, AppFileAsked):
            found = AppFileFound(question.request)
            if data is not None:
                version = f"v{hash(data)}"
                found = AppFileFound(question.request, version, question.path, len(data), 7)
            self.files.take(found)
        else:
            start = question.index * PIECE_BYTES
            same = data is not None and question.version == f"v{hash(data)}"
            piece = data[start : start + PIECE_BYTES] if data is not None and same else b""
            self.files.take(AppPiece(question.request, piece))

    @property
    def pieces(self) -> list[int]:
        """The pieces that were asked for."""
        return [one.index for one in self.asked if isinstance(one, AppPieceWanted)]


def kernel_files(most_bytes: int = 1 << 26, patience: float = 10.0) -> KernelFiles:
    return KernelFiles(itertools.count(1), patience, most_bytes)


async def content(file: KernelFile, start: int = 0, end: int | None = None) -> bytes:
    parts = file.parts(start, file.size if end is None else end)
    return b"".join([part async for part in parts])


async def found(files: KernelFiles, kernel: KernelWithFiles, path: str) -> KernelFile:
    file = await files.find(kernel, "key", path)
    assert file is not None
    return file


DATA = os.urandom(3 * PIECE_BYTES + 17)


@given(st.lists(st.integers(0, len(DATA)), min_size=2, max_size=2).map(sorted))
async def test_every_range_is_that_of_the_file(bounds: list[int]) -> None:
    start, end = bounds
    kernel, files = KernelWithFiles(film=DATA), kernel_files()
    assert await content(await found(files, kernel, "film"), start, end) == DATA[start:end]
    first, last = start // PIECE_BYTES, (end - 1) // PIECE_BYTES
    assert kernel.pieces == (list(range(first, last + 1)) if start < end else [])


async def test_what_is_stored_is_not_fetched_again_and_a_changed_file_is() -> None:
    kernel, files = KernelWithFiles(film=DATA), kernel_files()
    for _ in range(2):
        assert await content(await found(files, kernel, "film")) == DATA
    assert kernel.pieces == [0, 1, 2, 3]
    kernel.contents["film"] = b"new"
    assert await content(await found(files, kernel, "film")) == b"new"


async def test_two_at_once_fetch_once() -> None:
    kernel, files = KernelWithFiles(film=DATA), kernel_files()
    kernel.answers = False
    finding = [asyncio.create_task(found(files, kernel, "film")) for _ in range(2)]
    await until(lambda: kernel.asked)
    kernel.answers = True
    kernel.answer(kernel.asked[0])
    both = await asyncio.gather(*finding)
    assert len(kernel.asked) == 1
    assert await asyncio.gather(*(content(one) for one in both)) == [DATA, DATA]
    assert kernel.pieces == [0, 1, 2, 3]


async def test_whoever_leaves_takes_nothing_away_from_the_other() -> None:
    kernel, files = KernelWithFiles(film=DATA), kernel_files()
    file = await found(files, kernel, "film")
    kernel.answers = False
    reading = [asyncio.create_task(content(file)) for _ in range(2)]
    await until(lambda: kernel.pieces)
    reading[0].cancel()
    await asyncio.wait(reading[:1])
    kernel.answers = True
    kernel.answer(kernel.asked[-1])
    assert await reading[1] == DATA
    assert kernel.pieces == [0, 1, 2, 3]


async def test_few_pieces_are_on_their_way_however_many_download() -> None:
    contents = {str(number): bytes([number]) + DATA[1:] for number in range(50)}
    kernel, files = KernelWithFiles(**contents), kernel_files()
    every = [await found(files, kernel, str(number)) for number in range(50)]
    kernel.answers = False
    reading = [asyncio.create_task(content(one)) for one in every]
    answered = 0
    await until(lambda: kernel.pieces)
    while answered < 50 * 4:
        waiting = kernel.asked[50 + answered :]
        assert len(waiting) <= 4
        for question in waiting:
            kernel.answer(question)
            answered += 1
        await asyncio.sleep(0)
    assert await asyncio.gather(*reading) == [*contents.values()]


@pytest.mark.parametrize("gone", [True, False])
async def test_a_file_of_a_kernel_that_goes_or_stands_still_is_lost(gone: bool) -> None:
    kernel, files = KernelWithFiles(film=DATA), kernel_files(patience=60 if gone else 0.01)
    file = await found(files, kernel, "film")
    kernel.answers = False
    reading = asyncio.create_task(content(file))
    await until(lambda: kernel.pieces)
    if gone:
        kernel.files.drop()
    with pytest.raises(FileLost):
        await reading
    with pytest.raises(FileLost):
        await files.find(kernel, "key", "film")


async def test_a_file_that_changes_amid_a_download_is_lost() -> None:
    kernel, files = KernelWithFiles(film=DATA), kernel_files()
    parts = (await found(files, kernel, "film")).parts(0, len(DATA))
    assert await anext(parts) == DATA[:PIECE_BYTES]
    kernel.contents["film"] = bytes(len(DATA))
    with pytest.raises(FileLost):
        await anext(parts)


async def test_what_is_stored_stays_within_its_bound_and_the_latest_used_stays() -> None:
    contents = {str(number): bytes([number]) * PIECE_BYTES for number in range(4)}
    kernel, files = KernelWithFiles(**contents), kernel_files(3 * PIECE_BYTES)
    for path in ("0", "1", "2", "0", "3", "0"):
        await content(await found(files, kernel, path))
        assert files._bytes == sum(map(len, files._stored.values())) <= 3 * PIECE_BYTES
    fetched = [one.path for one in kernel.asked if isinstance(one, AppPieceWanted)]
    assert fetched == ["0", "1", "2", "3"]


async def test_a_film_takes_no_pictures_place() -> None:
    film = bytes(16 * 1024 * 1024 + 1)
    kernel, files = KernelWithFiles(picture=b"p", film=film), kernel_files()
    await content(await found(files, kernel, "picture"))
    assert await content(await found(files, kernel, "film")) == film
    assert [*files._stored.values()] == [b"p"]


async def test_a_file_that_is_not_there_is_none_and_an_empty_one_is_empty() -> None:
    kernel, files = KernelWithFiles(empty=b""), kernel_files()
    assert await files.find(kernel, "key", "missing") is None
    assert await content(await found(files, kernel, "empty")) == b""
    assert kernel.pieces == []
