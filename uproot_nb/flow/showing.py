"""Showing: renders the HTML of a page for a participant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from uproot_nb.bridge.messages import BEGIN, HttpReply, HttpRequest
from uproot_nb.errors import BadPage
from uproot_nb.experiment.numbers import POINT, decimal_sign
from uproot_nb.experiment.pages import GroupCreatingWait, Page, SynchronizingWait
from uproot_nb.experiment.participation.farewells import Farewell
from uproot_nb.experiment.setup import App
from uproot_nb.flow.app_files import AppFiles
from uproot_nb.flow.hooks import attempt_for, run_hook, value_of
from uproot_nb.flow.page_forms import PageForms
from uproot_nb.flow.participation.consents import Consents
from uproot_nb.flow.participation.requirements import Requirements
from uproot_nb.flow.pause import Pause
from uproot_nb.flow.served_apps import ServedApps
from uproot_nb.forms.form import Form, save_values, template_functions
from uproot_nb.forms.navigation import Navigation
from uproot_nb.languages.codes import direction
from uproot_nb.realtime.chat import chat_functions
from uproot_nb.realtime.hands import hand_functions
from uproot_nb.session.browser_json import to_json
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause, perform
from uproot_nb.session.visits import draft_token, visit_token
from uproot_nb.session.world import World
from uproot_nb.templating.texts import CALL_TEXTS, REQUIREMENT_TEXTS, SCRIPT_TEXTS

if TYPE_CHECKING:
    from uproot_nb.templating.templates import Templates

__all__ = ["HTML", "Showing"]

HTML = [("Content-Type", "text/html; charset=UTF-8")]


class Showing:
    """Renders pages for players.

    Args:
        files: the static files of apps.
        clock: returns the seconds left of a player's timeout, and whether they stand still; None
            without one.
        waiting: returns what the page of a player who waits shows of the wait.
        position_before: returns where Back leads a player; None if nowhere.
        consents: returns the text of a consent page.
        requirements: knows whether a page's browser has what the page requires.
        warn: shows a warning to the researcher.
        farewell_to: returns what a player finds after the last page.
        simulate: whether pages fill themselves in, with the apps' simulate.js.
    """

    def __init__(
        self,
        world: World,
        apps: ServedApps,
        forms: PageForms,
        pause: Pause,
        files: AppFiles,
        clock: Callable[[Player], tuple[float, bool] | None],
        waiting: Callable[[Player], dict[str, Any]],
        position_before: Callable[[Player], int | None],
        consents: Consents,
        requirements: Requirements,
        warn: Callable[[str, Cause], None],
        farewell_to: Callable[[Player], Farewell],
        simulate: bool = False,
    ) -> None:
        self._world, self._apps, self._forms, self._pause = world, apps, forms, pause
        self._files, self._simulate = files, simulate
        world.simulated = simulate
        self._clock, self._waiting = clock, waiting
        self._position_before, self._warn = position_before, warn
        self._farewell_to = farewell_to
        self._consents, self._requirements = consents, requirements
        self._warned: set[str] = set()
        """The warnings about unknown names, each of which is shown once."""

    async def show(
        self, player: Player, page: type[Page] | None, request: HttpRequest, form: Form | None
    ) -> HttpReply:
        """Render a player's page.

        Args:
            form: a form to show again with its errors; None for a new one.
        """
        if page is not None and self._requirements.block(player, page):
            return self._entrance(player, page, request)
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

    def _entrance(self, player: Player, page: type[Page], request: HttpRequest) -> HttpReply:
        """Render what is shown before a page, until the browser has what the page requires."""
        app = self._apps.app_of(page)
        language = self._apps.language(player, page, request.languages)
        templates = self._apps.templates(app)
        boot = self._boot(player, page, {}, language)
        for name in ("focus", "fullscreen"):
            boot.pop(name, None)
        assert page.requires is not None
        boot["requires"] = page.requires.needs()
        with self._world.lock:
            html = templates.render_own("Requirements", self._common(language), boot)
        return HttpReply(request.request, 200, HTML, html.encode())

    def failure(self, player: Player | None, request: HttpRequest) -> HttpReply:
        """Render the page that participants see when an author's code has failed."""
        templates = self._apps.templates(self._apps.first)
        language = self._apps.language_before(request.languages)
        boot = None if player is None else self._boot(player, None, {}, language)
        html = templates.render_failure(boot, self._common(language))
        return HttpReply(request.request, 500, HTML, html.encode())

    def beginning(self, request: HttpRequest) -> HttpReply:
        """Render the page of a personal link by which somebody begins."""
        html = self.own_page("Begin", {"begin": BEGIN}, request.languages)
        return HttpReply(request.request, 200, HTML, html.encode())

    def preview(self, request: HttpRequest) -> HttpReply:
        """Render what a recruiter shows to those who have not accepted the study."""
        html = self.room_page({"part": "preview"}, request.languages)
        return HttpReply(request.request, 200, HTML, html.encode())

    def room_page(self, variables: Mapping[str, Any], accepted: str) -> str:
        """Render a part of Room.html, for somebody before a door."""
        return self.own_page("Room", variables, accepted)

    async def freed(self, player: Player, request: HttpRequest) -> HttpReply:
        """Render what players see whose place was given to another."""
        if player._state.has_come and not player._state.erased:
            return await self.show(player, None, request, None)
        html = self.own_page("Freed", {"erased": player._state.erased}, request.languages)
        return HttpReply(request.request, 200, HTML, html.encode())

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
            "consent_copies": partial(self._consents.copies, player, self._apps.pages),
            **app.defaults, **self._context(player, page, app, form), **self._common(language),
            **navigation.functions(),
        }  # fmt: skip
        if page is None:
            return templates.render_end(boot, context | self._ending(player))
        if page.waits:
            kind = GroupCreatingWait if issubclass(page, GroupCreatingWait) else SynchronizingWait
            info = f"{kind.__name__}Info.html"
            context |= {"waiting": boot["waiting"], "waiting_info": info}
        consent = self._consents.shown(page, language)
        context |= {} if consent is None else {"consent": consent}
        html = templates.render(page, {**context, **added}, boot)
        self._warn_of_empty_names(page, templates)
        return html

    def _ending(self, player: Player) -> dict[str, Any]:
        if player._state.freed:
            return {"ended_as": "freed", "farewell": Farewell()}
        return {"ended_as": player.ended_as, "farewell": self._farewell_to(player)}

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
        home = None if page is None else page.home_module
        return {
            "player": player, "session": player.session, "group": player.group, "page": page,
            "C": getattr(home, "C", app.constants), "app": home or app.module or app,
            "form": form, "multipart": multipart,
            "appstatic": lambda path: self._files.address(app, path),
            "projectstatic": lambda path: self._files.address(app, f"../{path}"),
            "static": partial(self._static, app),
            "simulate_scripts": self._scripts(app), **functions, **self._of_framework(player, form),
            **chat_functions(self._world, player), **hand_functions(self._world, player),
        }  # fmt: skip

    def _static(self, app: App, path: str) -> str:
        """Return the address of a file of the app, its project or the package."""
        return self._files.search(app, path) or self._apps.templates(app).static(path)

    def _of_framework(self, player: Player, form: Form | None) -> dict[str, Any]:
        """Return what templates of the framework's apps read by its names."""
        return {
            "safe": Markup, "part": _part_of(player), "show2path": _path_at,
            "_uproot_simulate": self._simulate,
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
        return [self._files.address(app, "/simulate.js")] if self._simulate and has_one else []

    def _boot(
        self, player: Player, page: type[Page] | None, variables: Mapping[str, Any], language: str
    ) -> dict[str, Any]:
        clock = self._clock(player)
        app = self._apps.app_of(page)
        boot = {
            "page": player.position, "entered": player._state.entered,
            "since": self._world.journal.seq, "end": player.page is None,
            "state": self._pause.state, "vars": variables, "C": self._apps.constants(app),
            "visit": visit_token(self._world, player), "language": language,
            "timeout": None if clock is None else round(clock[0] * 1000),
            "simulate": self._simulate, "app": _app_in(page) if page else app.name,
            "name": page.__name__ if page else "",
            "back": self._position_before(player) is not None,
            "wait": bool(page and page.waits), "kind": page._kind if page else "",
            "api": "api/" if app.api else None, "session": self._world.name,
            "player": player.name, "draft": self._draft(player, page),
        }  # fmt: skip
        if page is not None and page.waits:
            boot["waiting"] = self._waiting(player)
        if page is not None and page.log_focus:
            boot["focus"] = True
        requires = page.requires if page is not None else None
        if requires is not None and requires.fullscreen:
            boot["fullscreen"] = True
        if clock is not None and clock[1]:
            boot["stopped"] = True
        if decimal_sign(language) != POINT:
            boot["decimal"] = decimal_sign(language)
        if language.partition("-")[0] != "en":
            catalogues = self._apps.templates(app).catalogues
            texts = (*SCRIPT_TEXTS, *CALL_TEXTS, *(REQUIREMENT_TEXTS if requires else ()))
            boot["texts"] = {text: catalogues.translate(text, language) for text in texts}
        to_json(variables)  # raises for what JSON cannot hold, which is the author's mistake
        return boot

    def _draft(self, player: Player, page: type[Page] | None) -> dict[str, Any]:
        """Return what the page's script needs to store what is entered until it is sent.

        The keys can be guessed by nobody else, so that a draft is shown to its player alone.
        """
        draft: dict[str, Any] = {"owner": draft_token(self._world, player)}
        stealthy = getattr(page, "stealth_fields", None) or ()
        if page is None or page.waits or self._simulate or callable(stealthy):
            return draft
        place = f"{player.position}/{page.key}"
        return {**draft, "key": draft_token(self._world, player, place), "without": [*stealthy]}

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


def _app_in(page: type[Page]) -> str:
    """Return the name of the app that defines a page, or ""."""
    return page.key.rpartition("/")[0]


def _part_of(player: Player) -> int:
    """Return how many apps with a landing page a player has begun."""
    steps = (player._state.journey or [])[: player.position + 1]
    return sum(isinstance(step, str) and step.endswith("/Landing") for step in steps)


def _path_at(page_order: Sequence[str], number: int) -> str:
    """Return the page at a number in a page order, as "app/Page"."""
    return page_order[number] if 0 <= number < len(page_order) else "End.html"
