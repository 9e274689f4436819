"""Desks to test at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.server.steward.desks import Desk


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A participant server with the monitor's own address, and a kernel that serves a market."""
    made = Desk(tmp_path)
    await made.start()
    yield made
    await made.stop()
