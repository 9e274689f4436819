"""load_app: loads an app folder that was written for the `uproot` framework."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from uproot_nb.errors import BadApp
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.setup import App, collect_app
from uproot_nb.interop.importing import FRAMEWORK, Imports
from uproot_nb.interop.main_file import read_main
from uproot_nb.interop.modules import framework_modules
from uproot_nb.interop.project import ProjectFile
from uproot_nb.interop.template_filters import FILTERS
from uproot_nb.interop.virtual_fields import VIRTUAL_FIELDS

__all__ = ["app_class", "language_folders", "load_app"]

IMPORTS = "__uproot_nb_imports__"
PROJECT = "__uproot_nb_project__"
"""The names in an app's namespace of its modules, and of what its code registered."""


def load_app(path: str | os.PathLike[str]) -> App:
    """Load an app folder that was written for the `uproot` framework, without changes.

        survey, game = load_app("project/survey"), load_app("project/game")
        run = serve(app=[survey, game], players=4)

    The app gets uproot_nb wherever it imports `uproot`, whichever package of that name is
    installed; Python's own modules are not affected. Each call executes the project's `main.py`,
    without starting a server, and then the app. Its keys, translations and template defaults are
    used; a warning names settings without an effect, such as ports and rooms.

    Raises:
        BadApp: there is no such folder, it is not an app, or a file is not valid Python.
        MissingPackage: the app needs a package that is not installed; the message names it.
        MissingName: it imports something that uproot_nb does not have.
        BadPage: one of its pages, or its page order, cannot be shown.
    """
    folder = _checked(Path(path))
    name, project = folder.name, folder.parent
    framework, registered = framework_modules(project)
    imports = Imports(name, project, framework)
    left_out = read_main(project, name, registered, framework, imports.blank)
    if left_out:
        warnings.warn(left_out, stacklevel=2)
    try:
        module = imports.load(name)
    except Exception as error:
        error.add_note(f"This happened while load_app executed the app '{name}' ({folder}).")
        raise
    namespace = vars(module)
    if "page_order" not in namespace:
        raise BadApp(
            name, "it has no page_order.", "End its __init__.py with page_order = [FirstPage, …].",
            f"{name}/__init__.py",
        )  # fmt: skip
    namespace.update({IMPORTS: imports, PROJECT: registered})
    _aim_templates(imports)
    return replace(
        collect_app(namespace, name, folder), filters=FILTERS, module=module,
        defaults=registered.template_defaults, api2=namespace.get("api2"),
        api_keys=registered.api_keys, lenient=True, virtual_fields=VIRTUAL_FIELDS,
    )  # fmt: skip


def language_folders(app: App) -> tuple[Path, ...]:
    """Return the folders with translations that an app's code has loaded beside its own."""
    registered = app.namespace.get(PROJECT)
    return tuple(registered.language_folders) if isinstance(registered, ProjectFile) else ()


def app_class(app: App, module: str, qualname: str) -> type | None:
    """Find a class that an app defines, so that its stored objects come back as such."""
    imports = app.namespace.get(IMPORTS)
    modules: Mapping[str, Any] = imports.modules if isinstance(imports, Imports) else {}
    found: Any = modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None


def _checked(path: Path) -> Path:
    """Return the app's folder, absolute, if it is one."""
    given = path.expanduser()
    folder = (given.parent if given.name == "__init__.py" else given).resolve()
    name = folder.name
    if not folder.is_dir():
        raise BadApp(
            name, f"there is no folder {folder}.", "Give the path of the app's own folder."
        )
    if not (folder / "__init__.py").is_file():
        apps = sorted(path.parent.name for path in folder.glob("*/__init__.py"))
        hint = f" It holds the apps {', '.join(apps)}: load one of these." if apps else ""
        raise BadApp(
            name, f"the folder {folder} has no __init__.py.",
            f"Give the path of the app's own folder.{hint}",
        )  # fmt: skip
    if not name.isidentifier() or name == FRAMEWORK:
        raise BadApp(
            name, "this name cannot be imported.",
            "Rename the folder: letters, digits and '_', no digit first, and not 'uproot'.",
        )  # fmt: skip
    return folder


def _aim_templates(imports: Imports) -> None:
    """Let pages imported from neighbouring apps use the templates and constants of those."""
    for name, module in imports.modules.items():
        home = name.partition(".")[0]
        if home == imports.app:
            continue
        for page in [value for value in vars(module).values() if _is_page_of(value, name)]:
            page.home_module = imports.modules[home]
            if page.template is None:
                page.template = _beside(imports.project, home, page.__name__)


def _is_page_of(value: Any, module: str) -> bool:
    return isinstance(value, type) and issubclass(value, Page) and value.__module__ == module


def _beside(project: Path, home: str, name: str) -> str | None:
    candidates = (f"{home}/{name}{suffix}" for suffix in (".html", ".md"))
    return next((path for path in candidates if (project / path).is_file()), None)
