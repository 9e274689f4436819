"""Uploads: the folder where posted files lie until the kernel has read them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["Uploads"]


class Uploads:
    """A server's posted files: its owner's alone, under names that tell nothing.

    uploads = Uploads()
    descriptor, path = uploads.create()
    ...
    uploads.remove(path)
    uploads.close()
    """

    def __init__(self) -> None:
        self._folder: Path | None = None

    def create(self) -> tuple[int, str]:
        """Make an empty file of mode 0600; return its open descriptor and its path."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="uproot_nb-uploads-"))  # mode 0700
        return tempfile.mkstemp(dir=self._folder)

    def remove(self, path: str) -> None:
        """Remove one file. Idempotent."""
        with contextlib.suppress(OSError):
            os.unlink(path)

    def remove_later(self, paths: list[str], seconds: float) -> None:
        """Remove files after so many seconds, or when the folder is closed."""
        loop = asyncio.get_running_loop()
        for path in paths:
            loop.call_later(seconds, self.remove, path)

    def close(self) -> None:
        """Remove the folder and whatever is left in it. Idempotent."""
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
