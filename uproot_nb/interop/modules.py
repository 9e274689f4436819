"""Modules: the framework's modules as one app sees them, made of our own names."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from uproot_nb.interop.names import EARLIER, LAZY, NAMES
from uproot_nb.interop.project import ProjectFile
from uproot_nb.interop.subscriptions import event_names

__all__ = ["Facade", "framework_modules"]

FRAMEWORK = "uproot"
SMITHEREENS = f"{FRAMEWORK}.smithereens"


class Facade(ModuleType):
    """One of the framework's modules."""

    def __init__(self, name: str, names: Mapping[str, Any]) -> None:
        super().__init__(name, f"What uproot_nb offers as {name}.")
        self.__package__ = FRAMEWORK
        self.__path__: list[str]
        if name == FRAMEWORK:
            self.__path__ = []
        self.__dict__.update(names, __all__=[*(names or LAZY.get(name, {}))])
        self.__earlier__ = EARLIER if name == SMITHEREENS else {}

    def __getattr__(self, name: str) -> Any:
        home = LAZY.get(self.__name__, {}).get(name)
        if home is not None:
            return getattr(import_module(home), name)
        raise AttributeError(
            f"uproot_nb has no '{self.__name__}.{name}'.\n"
            "Write what it does in the app. docs/from_uproot.md says what is different here."
        )


def framework_modules(project: Path) -> tuple[dict[str, ModuleType], ProjectFile]:
    """Return fresh modules for an app of a project, and what its code registers with them."""
    registered = ProjectFile(project)
    offered = {**NAMES, **registered.names, f"{FRAMEWORK}.events": event_names()}
    modules: dict[str, ModuleType] = {name: Facade(name, offered[name]) for name in offered}
    modules[SMITHEREENS].chat = modules[f"{FRAMEWORK}.chat"]  # type: ignore[attr-defined]
    modules[SMITHEREENS].__all__.append("chat")
    for name, module in modules.items():
        if name != FRAMEWORK:
            setattr(modules[FRAMEWORK], name.rpartition(".")[2], module)
    return modules, registered
