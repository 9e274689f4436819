"""UploadedFile: a file that a participant has sent, for as long as its page is being handled."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from uproot_nb.errors import UprootError

__all__ = ["Upload", "UploadedFile"]


@dataclass(frozen=True)
class Upload:
    """A file as the participant server hands it over: its field, its names and its path."""

    name: str
    filename: str
    content_type: str
    path: str
    size: int


class UploadedFile:
    """A file from a participant, given to `handle_stealth_fields`.

        async def handle_stealth_fields(page, player, data):
            photo = data["photo"]
            if photo.size > 0:
                await photo.save(f"photos/{player.name}.png")

    `filename` is what the participant called it (never with a folder), `content_type` what the
    browser took it for, `size` its bytes. If nothing was chosen, `size` is 0 and `filename` "".
    The file is gone when the hook has returned.
    """

    def __init__(self, upload: Upload | None = None) -> None:
        filename = "" if upload is None else upload.filename
        self.filename: str = PurePosixPath(filename.replace("\\", "/")).name
        self.content_type: str = "" if upload is None else upload.content_type
        self.size: int = 0 if upload is None else upload.size
        self._path = Path(upload.path) if upload and upload.path else None
        self._position = 0

    def __bool__(self) -> bool:
        return bool(self.filename)

    def __repr__(self) -> str:
        return f"UploadedFile({self.filename!r}, {self.size} bytes)"

    async def read(self, size: int = -1) -> bytes:
        """Return the next *size* bytes; without a size, all that is left.

        Raises:
            UprootError: the file is gone, since its page has been handled.
        """
        data = await asyncio.to_thread(self._read, size)
        self._position += len(data)
        return data

    async def seek(self, position: int) -> None:
        """Go on reading from *position*."""
        self._position = position

    async def close(self) -> None:
        """Do nothing: the file is opened for each read."""

    async def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Copy the file to *path*, making its folder; return where it lies.

        Raises:
            FileExistsError: there is a file already, and *overwrite* was not given.
            UprootError: the file is gone, since its page has been handled.
        """
        target = Path(path)
        await asyncio.to_thread(self._save, target, overwrite)
        return target

    def _read(self, size: int) -> bytes:
        if self._path is None:
            return b""
        try:
            with self._path.open("rb") as file:
                file.seek(self._position)
                return file.read(size)
        except FileNotFoundError:
            raise self._gone() from None

    def _save(self, target: Path, overwrite: bool) -> None:
        if self._path is not None and not self._path.is_file():
            raise self._gone()
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("wb" if overwrite else "xb") as copy:
                if self._path is not None:
                    with self._path.open("rb") as file:
                        shutil.copyfileobj(file, copy)
        except FileExistsError:
            raise FileExistsError(
                f"There is a file {target} already; the upload '{self.filename}' was not saved.\n"
                "Save it under another name, or pass overwrite=True."
            ) from None

    def _gone(self) -> UprootError:
        return UprootError(
            f"The upload '{self.filename}' is gone: its page has been handled.\n"
            "Read or save it within handle_stealth_fields."
        )
