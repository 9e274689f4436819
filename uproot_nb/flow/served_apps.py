"""ServedApps: the apps of a session, with their templates, constants and languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from uproot_nb.errors import UprootError
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.setup import App, public_constants
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.participation.consents import languages_of, texts_in
from uproot_nb.languages.choice import choose
from uproot_nb.session.browser_json import to_json
from uproot_nb.session.entities import Player

if TYPE_CHECKING:
    from uproot_nb.templating.templates import Templates

__all__ = ["MakeTemplates", "ServedApps"]

MakeTemplates = Callable[[App], "Templates"]


class ServedApps:
    """Finds the app of a page, and what participants see of that app.

    Args:
        make_templates: makes an app's templates when they are first needed.
        language: the session's language; "" for the app's or the browser's.
    """

    def __init__(self, journeys: Journeys, make_templates: MakeTemplates, language: str) -> None:
        self._journeys, self._make_templates = journeys, make_templates
        self.session_language = language
        self._templates: dict[str, Templates] = {}
        self._constants: dict[str, tuple[Any, dict[str, Any]]] = {}

    @property
    def first(self) -> App:
        """The app in which players begin."""
        return self._journeys.setup.apps[0]

    def named(self, name: str) -> App | None:
        """Return the app of that name; None without one."""
        return next((app for app in self._journeys.setup.apps if app.name == name), None)

    def app_of(self, page: type[Page] | None) -> App:
        """Return the app of a page; the last app for the end."""
        apps = self._journeys.setup.apps
        if page is None:
            return apps[-1]
        return next((app for app in apps if app.name == page.app), apps[-1])

    def templates(self, app: App) -> Templates:
        """Return an app's templates."""
        known = self._templates.get(app.name)
        if known is None:
            known = self._templates[app.name] = self._make_templates(app)
        return known

    def language(self, player: Player, page: type[Page] | None, accepted: str) -> str:
        """Return the language in which a player reads a page.

        Args:
            accepted: the browser's header Accept-Language.
        """
        app = self.app_of(page)
        wanted = app.language(player) if app.language is not None else None
        available = languages_of(page) or self.templates(app).catalogues.languages
        return choose(wanted or self.session_language, accepted, available)

    def language_before(self, accepted: str) -> str:
        """Return the language for somebody who is not a player yet, or whose page has failed."""
        available = self.templates(self.first).catalogues.languages
        return choose(self.session_language, accepted, available)

    def constants(self, app: App) -> dict[str, Any]:
        """Return the constants of an app that scripts may read."""
        known = self._constants.get(app.name)
        if known is None or known[0] is not app.constants:
            readable = {}
            for name, value in public_constants(app).items():
                try:
                    to_json(value)
                except UprootError:
                    continue  # a constant that no script could read stays on the server
                readable[name] = value
            known = self._constants[app.name] = (app.constants, readable)
        return known[1]

    def view_of(self, page: type[Page]) -> tuple[Any, ...]:
        """Return what determines how a browser shows a page, to compare two versions of it."""
        templates = self.templates(self.app_of(page))
        fields = getattr(page, "fields", None)
        hooks = [_code_of(page, hook) for hook in ("templatevars", "jsvars", "fields")]
        shown = templates.page_source(page, templates.cells)
        return shown, hooks, None if callable(fields) else fields, texts_in(page)

    @property
    def pages(self) -> Mapping[str, type[Page]]:
        """The session's pages by key."""
        return self._journeys.pages

    @property
    def allow_back(self) -> bool:
        """Whether any page of the session has a Back button."""
        return any(page.allow_back for page in self._journeys.pages.values())

    def forget(self) -> None:
        """Read the templates' folders and the constants again when they are needed next."""
        self._templates.clear()
        self._constants.clear()


def _code_of(page: type[Page], hook: str) -> Any:
    code = getattr(getattr(page, hook, None), "__code__", None)
    return code and (code.co_code, code.co_consts, code.co_names)
