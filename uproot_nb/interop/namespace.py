"""What a notebook's namespace, or an app's, defines: its experiment, its templates, its classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from uproot_nb.errors import UprootError
from uproot_nb.experiment.exits import spelt_well
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.participation.consent import Consent
from uproot_nb.experiment.participation.farewells import read_exits
from uproot_nb.experiment.setup import App, Setup, collect_app
from uproot_nb.interop.apps import app_class, language_folders, load_app
from uproot_nb.log.encoding.classes import find_loaded_class
from uproot_nb.log.paths import notebook_folder
from uproot_nb.session.browser_json import to_json
from uproot_nb.version import VERSION

if TYPE_CHECKING:
    from uproot_nb.templating.templates import Templates

__all__ = ["CELL_TEMPLATES", "resolver", "setup_of", "templates_for"]

CELL_TEMPLATES = "_uproot_nb_cell_templates"
"""The name in a notebook's namespace of its `%%template` cells' texts, by page name."""


def setup_of(
    page_order: Any, app: Any, names: Mapping[str, Any], exits: Mapping[str, Any] | None = None
) -> Setup:
    """Return the experiment: the apps that are given, or that of the notebook.

    Args:
        exits: exits besides those of the notebook, or in their place.
    """
    ways_out = read_exits(names.get("exits") or {}) | read_exits(exits or {})
    if app is None:
        alone = collect_app(names, folder=notebook_folder(), page_order=page_order)
        return _checked(Setup((alone,), ways_out))
    if page_order is not None:
        raise UprootError(
            "serve() was given a page order and an app.\nGive one of them: an app has its own."
        )
    apps = tuple(app) if isinstance(app, (list, tuple)) else (app,)
    loaded = tuple(a if isinstance(a, App) else load_app(a) for a in apps)
    twice = [a.name for n, a in enumerate(loaded) if a.name in [b.name for b in loaded[:n]]]
    if twice or not loaded:
        what = f"the app '{twice[0]}' twice" if twice else "no app"
        raise UprootError(f"serve(app=...) was given {what}.\nGive each app once.")
    return _checked(Setup(loaded, ways_out))


def _checked(setup: Setup) -> Setup:
    """Return the experiment, whose pages name exits that are spelt well."""
    for page in setup.pages:
        for exit in _exits_of(page):
            spelt_well(exit, setup.exits)
    return setup


def _exits_of(page: type[Page]) -> list[Any]:
    """Return the exits that a page names."""
    named = [page.timeout_exit, None if page.requires is None else page.requires.exit]
    named += [page.decline] if issubclass(page, Consent) else []
    return [exit for exit in named if exit is not None]


def templates_for(app: App, cells: dict[str, str]) -> Templates:
    """Return the templates of an app, or of the notebook with its %%template cells."""
    # lazy: Jinja2 and Mistune would make up a third of what `import uproot_nb` takes
    from uproot_nb.languages.catalogs import WatchedCatalogues
    from uproot_nb.templating.templates import Templates

    if app.name and app.folder is not None:
        folders = [app.folder, app.folder.parent]
        watched = WatchedCatalogues(app.folder, *language_folders(app), app.folder.parent)
        return Templates(folders, VERSION, {}, to_json, watched, app.filters, app.lenient)
    return Templates([notebook_folder()], VERSION, cells, to_json)


def resolver(names: Mapping[str, Any], setup: Setup) -> Any:
    """Return what finds a class by name: those of the notebook and its apps come first."""

    def resolve(module: str, qualname: str) -> type | None:
        own = [names, *(app.namespace for app in setup.apps)]
        found = find_loaded_class(module, qualname, own)
        if found is not None:
            return found
        beside = (app_class(app, module, qualname) for app in setup.apps)  # an app's other files
        return next((known for known in beside if known is not None), None)

    return resolve
