"""Showing: what a page is made from, and the HTML that a participant gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from uproot_nb.bridge.messages import HttpReply, HttpRequest
from uproot_nb.errors import BadPage, UprootError
from uproot_nb.experiment.declarations import check_fields
from uproot_nb.experiment.field_descriptions import told_of_fields
from uproot_nb.experiment.numbers import POINT, decimal_sign
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.setup import App, public_constants
from uproot_nb.flow.hooks import attempt_for, run_hook, value_of
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.submitting import Submissions, visit_token
from uproot_nb.flow.timeouts import Timeouts
from uproot_nb.flow.waits import Waits
from uproot_nb.forms.form import Form, make_form, save_values, template_functions
from uproot_nb.forms.translation import SpokenFields
from uproot_nb.forms.uploads import Upload
from uproot_nb.languages.choice import choose
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
MakeTemplates = Callable[[App], "Templates"]


class Showing:
    """Renders pages for players.

    Args:
        templates: makes an app's templates.
        files: tells under which address an app's static files are served.
        language: the session's language, or "" to go by the app and the browser.
        simulate: whether pages fill themselves in, by the apps' simulate.js.
    """

    def __init__(
        self,
        world: World,
        journeys: Journeys,
        submissions: Submissions,
        timeouts: Timeouts,
        waits: Waits,
        templates: MakeTemplates,
        files: Callable[[App, str], str],
        language: str = "",
        simulate: bool = False,
    ) -> None:
        self._world, self._journeys = world, journeys
        self._submissions, self._timeouts, self._waits = submissions, timeouts, waits
        self._make_templates, self._files = templates, files
        self._language, self._simulate = language, simulate
        self._templates: dict[str, Templates] = {}
        self._fields = SpokenFields()
        self._asked: dict[tuple[str, str], dict[str, Any]] = {}
        self._constants: dict[str, tuple[Any, dict[str, Any]]] = {}
        self.state = "running"

    # ---- what belongs to an app ----

    def app_of(self, page: type[Page] | None) -> App:
        """Return the app of a page; the last one for the end."""
        apps = self._journeys.setup.apps
        if page is None:
            return apps[-1]
        return next((app for app in apps if app.name == page.app), apps[-1])

    def templates(self, app: App) -> Templates:
        """Return an app's templates, made when first needed."""
        known = self._templates.get(app.name)
        if known is None:
            known = self._templates[app.name] = self._make_templates(app)
        return known

    def forget(self) -> None:
        """Look at templates' folders and constants anew."""
        self._templates.clear()
        self._constants.clear()

    def make_form(
        self,
        player: Player,
        page: type[Page],
        fields: Any,
        request: HttpRequest | None = None,
        accepted: str = "",
    ) -> Form:
        """Return a page's form, filled with what was posted, or with what the player has."""
        fields = check_fields(fields, f"{page.__name__}.fields")
        if not isinstance(getattr(page, "fields", None), Mapping):
            self._note_fields(player, page, fields)
        values = {name: player.get(name) for name in fields} if page.keep_values else None
        language = self.language(player, page, request.languages if request else accepted)
        catalogues = self.templates(self.app_of(page)).catalogues
        fields = self._fields.speak(fields, language, catalogues)
        translate = catalogues.translator(language)
        if request is None:
            return make_form(fields, values=values, translate=translate, language=language)
        return make_form(
            fields,
            values=values,
            pairs=request.form,
            files=[Upload(*file) for file in request.files],
            translate=translate,
            language=language,
        )

    def fields_of(self, page: type[Page]) -> Mapping[str, Any]:
        """Return what a page asks; of a hook, all that it has asked so far."""
        fields = getattr(page, "fields", None)
        if isinstance(fields, Mapping):
            return fields
        return self._asked.get((page.key, page.source.hash), {})

    def _note_fields(self, player: Player, page: type[Page], fields: Mapping[str, Any]) -> None:
        """Keep in the log what the hook `fields` asks; the first label of each field stands."""
        known = self._asked.setdefault((page.key, page.source.hash), {})
        new = {name: field for name, field in fields.items() if name not in known}
        if not new:
            return
        known.update(new)
        value = {"page": page.key, "fields": told_of_fields(new, page.key)}
        cause = Cause(player.name, page.key, f"{page.__name__}.fields", page.source.hash)
        with self._world.lock:
            text = self._world.codec.encode(value)
            self._world.journal.write_for(cause, "code", "session", page.key, text)

    def language(self, player: Player, page: type[Page] | None, accepted: str) -> str:
        """Return the language in which a player reads a page."""
        app = self.app_of(page)
        wanted = app.language(player) if app.language is not None else None
        available = self.templates(app).catalogues.languages
        return choose(wanted or self._language, accepted, available)

    # ---- pages ----

    async def show(
        self, player: Player, page: type[Page] | None, request: HttpRequest, form: Form | None
    ) -> HttpReply:
        """Render the page that a player is on; *form* is shown again with what is wrong in it."""
        wrong = form is not None
        variables: Any = {}
        told: Any = {}
        if page is not None:
            tried = attempt_for(player, page, "fields")
            if form is None and not page.waits:
                fields = await value_of(page, "fields", player, tried)
                accepted = request.languages
                form = self.make_form(player, page, fields, None, accepted) if fields else None
            told = await run_hook(page, "templatevars", player, tried, default={})
            variables = await run_hook(page, "jsvars", player, tried, default={})
            _check_mapping(page, "templatevars", told)
            _check_mapping(page, "jsvars", variables)
        with self._world.lock:
            if page is not None and f"shown@{player.position}" not in player._state.done:
                self._note_shown(player, page)
            render = partial(self._render, player, page, request, form, told, variables)
            html = perform(render)
        return HttpReply(request.request, 422 if wrong else 200, HTML, html.encode())

    def trouble(self, player: Player | None, request: HttpRequest) -> HttpReply:
        """Render the calm page for when an author's code failed."""
        templates = self.templates(self._journeys.setup.apps[0])
        language = choose(self._language, request.languages, templates.catalogues.languages)
        boot = None if player is None else self._boot(player, None, {}, language)
        html = templates.render_trouble(boot, self._common(language))
        return HttpReply(request.request, 500, HTML, html.encode())

    def full(self, request: HttpRequest) -> HttpReply:
        """Render the page for whom there is no place."""
        html = self.own_page("Full", {}, request.languages)
        return HttpReply(request.request, 409, HTML, html.encode())

    def own_page(self, name: str, variables: Mapping[str, Any], accepted: str) -> str:
        """Render one of our own pages for somebody who is no player yet."""
        templates = self.templates(self._journeys.setup.apps[0])
        language = choose(self._language, accepted, templates.catalogues.languages)
        return templates.render_own(name, {**self._common(language), **variables})

    def _render(
        self,
        player: Player,
        page: type[Page] | None,
        request: HttpRequest,
        form: Form | None,
        told: Mapping[str, Any],
        variables: Mapping[str, Any],
    ) -> str:
        app = self.app_of(page)
        templates = self.templates(app)
        language = self.language(player, page, request.languages)
        boot = self._boot(player, page, variables, language)
        context = {**self._context(player, page, app, form), **self._common(language)}
        if page is None:
            return templates.render_end(boot, context)
        if page.waits:
            context |= {"waiting": self._waits.progress(player)}
        return templates.render(page, {**context, **told}, boot)

    def _context(
        self, player: Player, page: type[Page] | None, app: App, form: Form | None
    ) -> dict[str, Any]:
        functions = {"fields": Markup} if form is None else template_functions(form)
        multipart = form is not None and len(save_values(form)) < len(form)
        return {
            "player": player, "session": player.session, "group": player.group, "page": page,
            "C": app.constants, "app": app, "form": form, "multipart": multipart,
            "appstatic": lambda path: self._files(app, path),
            "projectstatic": lambda path: self._files(app, f"../{path}"),
            "simulate_scripts": self._scripts(app), **functions,
            **chat_functions(self._world, player),
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
        left = self._timeouts.remaining(player)
        app = self.app_of(page)
        catalogues = self.templates(app).catalogues
        boot = {
            "page": player.position, "entered": player._state.entered,
            "since": self._world.journal.seq, "end": player.page is None,
            "state": self.state, "vars": variables, "C": self._public(app),
            "visit": visit_token(self._world, player), "language": language,
            "timeout": None if left is None else round(left * 1000),
            "simulate": self._simulate, "app": app.name, "name": page.__name__ if page else "",
            "back": self._submissions.position_before(player) is not None,
            "wait": bool(page and page.waits), "kind": page._kind if page else "",
            "api": "api/" if app.api else None,
        }  # fmt: skip
        if decimal_sign(language) != POINT:
            boot["decimal"] = decimal_sign(language)
        if language.partition("-")[0] != "en":
            boot["texts"] = {
                text: catalogues.translate(text, language) for text in (*SCRIPT_TEXTS, *CALL_TEXTS)
            }
        to_json(variables)  # what a script cannot read is the author's mistake: say so here
        return boot

    def _public(self, app: App) -> dict[str, Any]:
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

    def _note_shown(self, player: Player, page: type[Page]) -> None:
        """Remember that a page was shown, if a later page may lead back to it."""
        if any(p.allow_back for p in self._journeys.pages.values()):
            world, what = self._world, f"shown@{player.position}"
            cause = attempt_for(player, page, "show")
            world.journal.fold_for(cause, "once", player.subject, what, "null")


def _check_mapping(page: type[Page], hook: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise BadPage(
            page.__name__, f"its {hook} returned {value!r}.", "Return a dict of names and values."
        )
