"""ProjectFile: what a project's code registers with the framework's server."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from uproot_nb.errors import BadApp
from uproot_nb.interop.tokens import TOKEN_CHARS

__all__ = ["ProjectFile"]


class ProjectFile:
    """Collects languages, configurations and rooms, without acting on them.

    Sessions, rooms and accounts are the notebook's: serve(), run.room() and Jupyter's own login.
    """

    def __init__(self, project: Path) -> None:
        self.project = project
        self.language_folders: list[Path] = []
        """Folders with translations that the code loads."""
        self.configs: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {}
        """The apps and settings of each configuration."""
        self.template_defaults: dict[str, Any] = {}
        """Switches of all templates that the code has set, such as `disable_alpinejs`."""
        self.api_keys: set[str] = set()
        """Keys with which programs may ask the app's `api` and `api2`."""
        self.names: dict[str, dict[str, Any]] = {
            "uproot.i18n": {"load": self._load, "ISO639": str},
            "uproot.deployment": self._deployment(),
            "uproot.cli": {"cli": _nothing},
            "uproot.server": {"load_config": self._load_config, "uproot_server": None},
            "uproot.rooms": {
                "room": _room,
                "from_file": self._labels,
                "freejoin": _free,
                "validate": _admits,
                "constrain_label": _label,
                "RoomType": dict,
            },
        }
        """What the framework's modules offer for this."""

    def _deployment(self) -> dict[str, Any]:
        return {
            "ADMINS": {}, "API_KEYS": self.api_keys, "DEFAULT_ROOMS": [], "LANGUAGE": "en",
            "LOGGER": logging.getLogger("uproot"), "ORIGIN": None, "PATH": str(self.project),
            "PUBLIC_DEMO": False, "ROOT": "", "TEMPLATE_DEFAULTS": self.template_defaults,
            "TIMEOUT_TOLERANCE": 1.0, "UNSAFE": False, "UPSTREAM": False, "UVICORN_KWARGS": {},
            "HOST": "127.0.0.1", "PORT": 8000,
            "auto_login": _auto_login, "project_metadata": _nothing,
        }  # fmt: skip

    def _load(self, yaml_path: str) -> None:
        """Take the translations of a file or folder, relative to the project."""
        path = self.project / yaml_path
        if not path.exists():
            raise BadApp(
                self.project.name, f"there are no translations at '{yaml_path}'.",
                "Give a folder of YAML files, relative to the project's folder.",
            )  # fmt: skip
        folder = path if path.is_dir() else path.parent
        if folder not in self.language_folders:
            self.language_folders.append(folder)

    def _load_config(
        self,
        server: Any,
        config: str,
        apps: Sequence[str],
        *,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.configs[config] = (tuple(apps), dict(settings or {}))

    def _labels(self, filename: str) -> list[str]:
        lines = (self.project / filename).read_text("utf-8").splitlines()
        labels = (line.partition("#")[0].strip() for line in lines)
        return list(dict.fromkeys(filter(None, labels)))


def _room(
    name: str,
    config: str | None = None,
    labels: list[str] | None = None,
    capacity: int | None = None,
    open: bool = False,
    sname: str | None = None,
) -> dict[str, Any]:
    return {
        "name": name, "config": config, "labels": labels, "capacity": capacity, "open": open,
        "sname": sname,
    }  # fmt: skip


def _auto_login() -> Any:
    return ...


def _nothing(*arguments: Any, **keywords: Any) -> None:
    """What the framework's server would do is the notebook's to do."""


def _free(room: dict[str, Any]) -> bool:
    """Return whether a room admits anybody, and any number of them."""
    return not room["labels"] and room["capacity"] is None


def _admits(room: dict[str, Any], label: str) -> bool:
    """Return whether somebody with a label may enter a room."""
    if _free(room) or room["labels"] is None:
        return True
    return label != "" and (not room["labels"] or label in room["labels"])


def _label(label: Any) -> str:
    """Return a label without the characters that labels cannot have, of 128 characters at most."""
    return (
        "".join(sign for sign in label if sign in TOKEN_CHARS)[:128]
        if isinstance(label, str)
        else ""
    )
