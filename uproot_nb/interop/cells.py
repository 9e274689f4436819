"""Framework names in cells: `from uproot.smithereens import send_to` where `uproot` is not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from uproot_nb.errors import MissingName
from uproot_nb.interop.importing import FRAMEWORK
from uproot_nb.interop.modules import Facade, framework_modules

__all__ = ["install_names", "remove_names"]


class FrameworkFinder(MetaPathFinder, Loader):
    """Finds `uproot` and what is below it, after everybody else has found nothing."""

    def __init__(self, folder: Path) -> None:
        self._modules, _ = framework_modules(folder)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Say that a module of the framework is here."""
        if fullname not in self._modules:
            return None
        if fullname != FRAMEWORK and not isinstance(sys.modules.get(FRAMEWORK), Facade):
            raise MissingName(fullname, "", "another package 'uproot' is installed here")
        return ModuleSpec(fullname, self, is_package=fullname == FRAMEWORK)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Give the module, which needs no making."""
        return self._modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Leave it as it is."""


def install_names(folder: Path | None = None) -> None:
    """Let cells import from `uproot` where no package of that name is installed. Idempotent.

    Args:
        folder: to which paths in calls such as `i18n.load("locales/")` are relative; by default
            the working folder.
    """
    if _finder() is None:
        sys.meta_path.append(FrameworkFinder(Path.cwd() if folder is None else folder))


def remove_names() -> None:
    """Take the names away again. Idempotent."""
    finder = _finder()
    if finder is not None:
        sys.meta_path.remove(finder)
    for name, module in list(sys.modules.items()):
        if isinstance(module, Facade):
            del sys.modules[name]


def _finder() -> FrameworkFinder | None:
    found = (finder for finder in sys.meta_path if isinstance(finder, FrameworkFinder))
    return next(found, None)
