"""ExportStreams: a session's export as a ZIP, made beside the run's loop and sent in parts."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from uproot_nb.errors import TooManyAtOnce
from uproot_nb.monitor.export_files import file_stem
from uproot_nb.steering.host import Host

__all__ = ["ExportStreams"]

PART_BYTES = 64 * 1024
PATIENCE = 30.0
"""Seconds within which an export that fails is answered with the reason; afterwards the answer has
begun, and is cut off."""
MOST = 2
"""Exports that are made at once."""


class ExportStreams:
    """Makes exports in a temporary folder of their own, which goes when they are sent.

    exports = ExportStreams("pilot", run)
    parts = await exports.open("csv", anonymous=False)
    """

    def __init__(self, session: str, host: Host) -> None:
        self._session, self._host = session, host
        self._making = 0

    async def open(self, format: str, anonymous: bool) -> AsyncIterator[bytes]:
        """Return the parts of an export that is ready, or soon will be.

        Raises:
            TooManyAtOnce: others are being made.
            UprootError, OSError: why it cannot be made.
        """
        if self._making >= MOST:
            raise TooManyAtOnce(f"{MOST} exports of this session are being made")
        self._making += 1
        folder = tempfile.TemporaryDirectory(prefix="uproot-nb-export-")
        making = asyncio.ensure_future(
            asyncio.to_thread(self._write, Path(folder.name), format, anonymous)
        )
        making.add_done_callback(self._made)
        done, _ = await asyncio.wait({making}, timeout=PATIENCE)
        if done and making.exception() is not None:
            await asyncio.to_thread(folder.cleanup)
        return _parts(making, folder) if not done else _parts_of(making.result(), folder)

    def _write(self, folder: Path, format: str, anonymous: bool) -> Path:
        options: dict[str, Any] = {"anonymous": True} if anonymous else {}
        written = self._host.export(
            folder / file_name(self._session, anonymous), format=format, progress=False, **options
        )  # fmt: skip
        return Path(written)

    def _made(self, making: asyncio.Future[Path]) -> None:
        self._making -= 1


def file_name(session: str, anonymous: bool) -> str:
    """Return what a browser calls the export of a session; an anonymous one says that it is."""
    return f"{file_stem(session)}{'-anonymous' if anonymous else ''}.zip"


async def _parts(
    making: asyncio.Future[Path], folder: tempfile.TemporaryDirectory[str]
) -> AsyncIterator[bytes]:
    try:
        path = await making
    except BaseException:
        folder.cleanup()
        raise
    async for part in _parts_of(path, folder):
        yield part


async def _parts_of(path: Path, folder: tempfile.TemporaryDirectory[str]) -> AsyncIterator[bytes]:
    try:
        with path.open("rb") as file:
            while part := await asyncio.to_thread(file.read, PART_BYTES):
                yield part
    finally:
        folder.cleanup()
