"""Worlds without WebSockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.server.worlds import Limited, World


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A running server with the usual limits, and browsers that connect by long polling."""
    made = World("polling", tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture
async def limited(tmp_path: Path) -> AsyncIterator[Limited]:
    """Make such a world with limits of one's own."""
    made: list[World] = []

    async def make(**limits: object) -> World:
        made.append(World("polling", tmp_path))
        await made[-1].start(**limits)
        return made[-1]

    yield make
    for one in made:
        await one.stop()
