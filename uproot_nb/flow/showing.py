"""Showing: renders the HTML of a page for a participant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from uproot_nb.bridge.messages import HttpReply, HttpRequest
from uproot_nb.errors import BadPage
from uproot_nb.experiment.numbers import POINT, decimal_sign
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.setup import App
from uproot_nb.flow.hooks import attempt_for, run_hook, value_of
from uproot_nb.flow.page_forms import PageForms
from uproot_nb.flow.pause import Pause
from uproot_nb.flow.served_apps import ServedApps
from uproot_nb.flow.submitting import visit_token
from uproot_nb.flow.waits import Progress
from uproot_nb.forms.form import Form, save_values, template_functions
from uproot_nb.forms.navigation import Navigation
from uproot_nb.languages.codes import direction
from uproot_nb.realtime.chat import chat_functions
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause, perform
from uproot_nb.session.wire import to_json
from uproot_nb.session.world import World
from uproot_nb.templating.texts import CALL_TEXTS, SCRIPT_TEXTS

if TYPE_CHECKING:
    from uproot_nb.templating.templates import Templates

__all__ = ["HTML", "Showing"]

HTML = [("Content-Type", "text/html; charset=UTF-8")]


class Showing:
    """Renders pages for players.

    Args:
        files: (app, path) → the address of an app's static file.
        remaining: returns the seconds left of a player's timeout; None without one.
        progress: returns how many are here for a player who waits.
        position_before: returns where Back leads a player; None if nowhere.
        warn: shows a warning to the researcher.
        simulate: whether pages fill themselves in, with the apps' simulate.js.
    """

    def __init__(
        self,
        world: World,
        apps: ServedApps,
        forms: PageForms,
        pause: Pause,
        files: Callable[[App, str], str],
        remaining: Callable[[Player], float | None],
        progress: Callable[[Player], Progress],
        position_before: Callable[[Player], int | None],
        warn: Callable[[str, Cause], None],
        simulate: bool = False,
    ) -> None:
        self._world, self._apps, self._forms, self._pause = world, apps, forms, pause
        self._files, self._simulate = files, simulate
        world.simulated = simulate
        self._remaining, self._progress = remaining, progress
        self._position_before, self._warn = position_before, warn
        self._warned: set[str] = set()
        """The warnings about unknown names, each of which is shown once."""

    async def show(
        self, player: Player, page: type[Page] | None, request: HttpRequest, form: Form | None
    ) -> HttpReply:
        """Render a player's page.

        Args:
            form: a form to show again with its errors; None for a new one.
        """
        wrong = form is not None
        variables: Any = {}
        added: Any = {}
        if page is not None:
            tried = attempt_for(player, page, "fields")
            if form is None and not page.waits:
                fields = await value_of(page, "fields", player, tried)
                accepted = request.languages
                form = self._forms.make(player, page, fields, None, accepted) if fields else None
            added = await run_hook(page, "templatevars", player, tried, default={})
            variables = await run_hook(page, "jsvars", player, tried, default={})
            _check_mapping(page, "templatevars", added)
            _check_mapping(page, "jsvars", variables)
        with self._world.lock:
            if page is not None and f"shown@{player.position}" not in player._state.done:
                self._note_shown(player, page)
            render = partial(self._render, player, page, request, form, added, variables)
            html = perform(render)
        return HttpReply(request.request, 422 if wrong else 200, HTML, html.encode())

    def failure(self, player: Player | None, request: HttpRequest) -> HttpReply:
        """Render the page that participants see when an author's code has failed."""
        templates = self._apps.templates(self._apps.first)
        language = self._apps.language_before(request.languages)
        boot = None if player is None else self._boot(player, None, {}, language)
        html = templates.render_failure(boot, self._common(language))
        return HttpReply(request.request, 500, HTML, html.encode())

    def own_page(self, name: str, variables: Mapping[str, Any], accepted: str) -> str:
        """Render one of the package's pages for somebody who is not a player yet."""
        templates = self._apps.templates(self._apps.first)
        language = self._apps.language_before(accepted)
        return templates.render_own(name, {**self._common(language), **variables})

    def _render(
        self,
        player: Player,
        page: type[Page] | None,
        request: HttpRequest,
        form: Form | None,
        added: Mapping[str, Any],
        variables: Mapping[str, Any],
    ) -> str:
        app = self._apps.app_of(page)
        templates = self._apps.templates(app)
        language = self._apps.language(player, page, request.languages)
        boot = self._boot(player, page, variables, language)
        catalogues = templates.catalogues
        navigation = Navigation(lambda text: catalogues.translate(text, language), boot["back"])
        context = {
            **app.defaults, **self._context(player, page, app, form), **self._common(language),
            **navigation.functions(),
        }  # fmt: skip
        if page is None:
            return templates.render_end(boot, context)
        if page.waits:
            context |= {"waiting": self._progress(player)}
        html = templates.render(page, {**context, **added}, boot)
        self._warn_of_empty_names(page, templates)
        return html

    def _warn_of_empty_names(self, page: type[Page], templates: Templates) -> None:
        for name in templates.empty:
            warning = (
                f"{page.key} ({name.file}, line {name.line}): the template shows nothing for "
                f"a name that is not defined: {name.message}.\n"
                "Return it from templatevars(page, player), or write {% if x is defined %}."
            )
            if warning not in self._warned:
                self._warned.add(warning)
                self._warn(warning, Cause("", page.key, f"{page.__name__}.template", ""))
        templates.empty.clear()

    def _context(
        self, player: Player, page: type[Page] | None, app: App, form: Form | None
    ) -> dict[str, Any]:
        functions = {"fields": Markup} if form is None else template_functions(form)
        multipart = form is not None and len(save_values(form)) < len(form)
        return {
            "player": player, "session": player.session, "group": player.group, "page": page,
            "C": app.constants, "app": app.module or app, "form": form, "multipart": multipart,
            "appstatic": lambda path: self._files(app, path),
            "projectstatic": lambda path: self._files(app, f"../{path}"),
            "simulate_scripts": self._scripts(app), **functions, **self._of_framework(form),
            **chat_functions(self._world, player),
        }  # fmt: skip

    def _of_framework(self, form: Form | None) -> dict[str, Any]:
        """Return what templates of the framework's apps read by its names."""
        return {
            "safe": Markup, "_uproot_simulate": self._simulate,
            "_uproot_errors": [] if form is None else form.form_errors,
            "_uproot_field_errors": {} if form is None else form.errors,
        }  # fmt: skip

    def _common(self, language: str) -> dict[str, Any]:
        return {
            "language": language, "direction": direction(language),
            "get_setting": self._setting,
        }  # fmt: skip

    def _setting(self, *args: Any) -> Any:
        """Return a setting of the session: get_setting("rounds", 3), or with the session first."""
        names = args[1:] if args and not isinstance(args[0], str) else args
        return self._world.settings.get(*names)

    def _scripts(self, app: App) -> list[str]:
        has_one = app.folder is not None and (app.folder / "simulate.js").is_file()
        return [self._files(app, "/simulate.js")] if self._simulate and has_one else []

    def _boot(
        self, player: Player, page: type[Page] | None, variables: Mapping[str, Any], language: str
    ) -> dict[str, Any]:
        left = self._remaining(player)
        app = self._apps.app_of(page)
        boot = {
            "page": player.position, "entered": player._state.entered,
            "since": self._world.journal.seq, "end": player.page is None,
            "state": self._pause.state, "vars": variables, "C": self._apps.constants(app),
            "visit": visit_token(self._world, player), "language": language,
            "timeout": None if left is None else round(left * 1000),
            "simulate": self._simulate, "app": app.name, "name": page.__name__ if page else "",
            "back": self._position_before(player) is not None,
            "wait": bool(page and page.waits), "kind": page._kind if page else "",
            "api": "api/" if app.api else None, "session": self._world.name,
            "player": player.name,
        }  # fmt: skip
        if decimal_sign(language) != POINT:
            boot["decimal"] = decimal_sign(language)
        if language.partition("-")[0] != "en":
            catalogues = self._apps.templates(app).catalogues
            boot["texts"] = {
                text: catalogues.translate(text, language) for text in (*SCRIPT_TEXTS, *CALL_TEXTS)
            }
        to_json(variables)  # raises for what JSON cannot hold, which is the author's mistake
        return boot

    def _note_shown(self, player: Player, page: type[Page]) -> None:
        """Log that a page was shown, if Back on a later page may lead to it."""
        if self._apps.allow_back:
            world, what = self._world, f"shown@{player.position}"
            cause = attempt_for(player, page, "show")
            world.journal.fold_for(cause, "once", player.subject, what, "null")


def _check_mapping(page: type[Page], hook: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise BadPage(
            page.__name__, f"its {hook} returned {value!r}.", "Return a dict of names and values."
        )
