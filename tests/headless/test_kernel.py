"""NotebookKernel: what is waited for, and who ends it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from uproot_nb.headless import kernel as kernels
from uproot_nb.headless.kernel import KernelDied, NotebookKernel


async def test_who_ends_a_wait_is_heard_at_every_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also just after the answer has come: else Ctrl-C would be lost, and nothing would end."""
    ending, let_go = asyncio.Event(), asyncio.Event()

    async def die_slowly(kernel: NotebookKernel) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await let_go.wait()

    async def answer() -> int:
        await asyncio.sleep(0)
        return 1

    monkeypatch.setattr(NotebookKernel, "wait_for_death", die_slowly)
    waiting = asyncio.ensure_future(NotebookKernel.__new__(NotebookKernel)._while_alive(answer()))
    await ending.wait()
    waiting.cancel()
    let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def make_kernel(folder: Path) -> NotebookKernel:
    return NotebookKernel(folder, os.environ, lambda text: None)


@pytest.mark.long
async def test_a_kernel_answers_that_works_in_another_folder_and_leaves_nothing_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    kernel = make_kernel(tmp_path / "notebooks")
    try:
        await kernel.start()
        folder = await kernel.evaluate("__import__('os').getcwd()")
        assert Path(folder).samefile(tmp_path / "notebooks")
        assert not [*(tmp_path / "here").iterdir(), *(tmp_path / "notebooks").iterdir()]
        sockets = Path(kernel._sockets)
        assert sockets.stat().st_mode & 0o077 == 0
    finally:
        await kernel.end()
    assert not sockets.exists()


@pytest.mark.long
async def test_a_kernel_that_does_not_answer_is_given_up_like_one_that_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "_READY_SECONDS", 0.001)
    (tmp_path / "sitecustomize.py").write_text("import threading\nthreading.Event().wait()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    kernel = make_kernel(tmp_path)
    try:
        with pytest.raises(KernelDied, match="has not answered for"):
            await kernel.start()
    finally:
        await kernel.end()
