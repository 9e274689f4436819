"""NotebookKernel: what is waited for, and who ends it."""

from __future__ import annotations

import asyncio

import pytest

from uproot_nb.headless.kernel import NotebookKernel


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
