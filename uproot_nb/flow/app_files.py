"""AppFiles: the files of an app that browsers may read, and their addresses."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from uproot_nb.experiment.setup import App
from uproot_nb.session.world import World

__all__ = ["FOLDERS", "AppFiles"]

FOLDERS = ("static", "_static")
"""The names that a static folder may have."""
OURS = Path(__file__).parent.parent / "static"
SCRIPT = "simulate.js"


class AppFiles:
    """Offers an app's static folder, its project's, and its simulate.js if pages are simulated.

    It offers no other file of an app's folder: they would show how the experiment works.
    """

    def __init__(self, world: World, simulate: bool) -> None:
        self._world, self._simulate = world, simulate
        self._copies: dict[str, Path] = {}

    def address(self, app: App, path: str) -> str:
        """Return the address of a file, relative to a player's page.

        Args:
            path: a path in the app's static folder, or in its project's if it begins with "../";
                "/simulate.js" for the app's script.
        """
        part, rest = _part_of(path)
        return f"../../files/{self._key(app, part)}/{quote(rest)}"

    def search(self, app: App, path: str) -> str | None:
        """Return the address of a file in the app's static folder, or else in its project's.

        None: neither has it, but the package has. What nobody has is addressed in the app's.
        """
        for part, folder in self._folders(app):
            if (folder / path.lstrip("/")).is_file():
                return f"../../files/{self._key(app, part)}/{quote(path.lstrip('/'))}"
        return None if (OURS / path.lstrip("/")).is_file() else self.address(app, path)

    def offered(self, app: App) -> Iterator[tuple[str, Path]]:
        """Yield (key, folder) for each folder that browsers may read."""
        for part, folder in self._folders(app):
            yield self._key(app, part), folder
        if self._simulate and app.folder is not None and (app.folder / SCRIPT).is_file():
            yield self._key(app, "script"), self._copy_of_script(app.folder, app.name)

    def _folders(self, app: App) -> Iterator[tuple[str, Path]]:
        """Yield the static folders of an app and of its project, if there are."""
        if app.folder is None:
            return
        project = app.folder.parent if app.name else app.folder
        for part, folder in (("static", app.folder), ("project", project)):
            found = next((folder / name for name in FOLDERS if (folder / name).is_dir()), None)
            if found is not None:
                yield part, found

    def close(self) -> None:
        """Delete the copies of scripts."""
        for folder in self._copies.values():
            shutil.rmtree(folder, ignore_errors=True)
        self._copies.clear()

    def _copy_of_script(self, folder: Path, name: str) -> Path:
        if name not in self._copies:
            self._copies[name] = Path(tempfile.mkdtemp(prefix="uproot_nb-"))
        shutil.copyfile(folder / SCRIPT, self._copies[name] / SCRIPT)
        return self._copies[name]

    def _key(self, app: App, part: str) -> str:
        return self._world.files_key(f"{part}:{app.name}")


def _part_of(path: str) -> tuple[str, str]:
    for part, start in (("script", "/"), ("project", "../")):
        if path.startswith(start):
            return part, path.removeprefix(start)
    return "static", path
