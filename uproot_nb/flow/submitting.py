"""Submissions: check and store a posted form, all of it or nothing."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

import orjson

from uproot_nb.bridge.messages import HttpRequest
from uproot_nb.errors import BadPage
from uproot_nb.experiment.pages import Page
from uproot_nb.flow.hooks import attempt_for, run_hook, undo, value_of
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.moves import Moves, mark_of
from uproot_nb.forms.form import Form, save_values
from uproot_nb.forms.parsing import HTML_WRITTEN
from uproot_nb.languages.codes import ENGLISH
from uproot_nb.session.entities import Player
from uproot_nb.session.journal import Attempt
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["BACK", "POSITION", "Submissions", "VISIT", "visit_token"]

POSITION, VISIT = "_uproot_page", "_uproot_visit"
BACK, TIMEOUT = "_uproot_back", "_uproot_timeout"

NOT_LOGGED: dict[str, Any] = {"form": None}
"""Stands for a form that is not in the log, as it may hold what is not to be stored."""

UNPROVEN = "Please check your answers and send them again."
"""Shown with a form that was not posted from the page as it was shown."""
TEXTS = (UNPROVEN,)

MakeForm = Callable[..., Form]


class Submissions:
    """Takes posted forms: stores them and moves on, or returns them with errors.

    Args:
        is_late: tells whether a player's deadline has passed.
        make_form: (player, page, fields, request) → the form that was posted.
    """

    def __init__(
        self,
        world: World,
        journeys: Journeys,
        moves: Moves,
        is_late: Callable[[Player], bool],
        make_form: MakeForm,
    ) -> None:
        self._world, self._journeys, self._moves = world, journeys, moves
        self._is_late, self._make_form = is_late, make_form
        self._open: dict[str, tuple[type[Page], Attempt]] = {}
        """By player: a form, or an end of time, that has no row in the log yet."""

    async def take(self, player: Player, request: HttpRequest) -> Form | None:
        """Take a posted form; return it to show it again, or None to show the player's page.

        Raises:
            Exception: a hook failed; nothing is stored, and the player stays.
        """
        posted = dict(request.form)
        page = self._journeys.page(player, player.position)
        if page is None or page.waits or posted.get(POSITION) != str(player.position):
            return None  # the player has left the page: a second click, or a sleeping tab
        if not self._moves.has_arrived(player):
            return None
        wanted = visit_token(self._world, player)
        if not hmac.compare_digest(posted.get(VISIT, "").encode(), wanted.encode()):
            return await self._unproven(player, page, request)
        if BACK in posted:
            self.go_back(player)
            return None
        if self._is_late(player):
            await self.time_up(player, request)
            return None
        return await self._submit(player, page, request)

    async def time_up(self, player: Player, request: HttpRequest | None = None) -> None:
        """Let a player go on whose time is up; valid answers in *request* are stored."""
        page = self._journeys.page(player, player.position)
        if page is None:
            return
        visit = player._state.entered
        tried = self._begin(player, page, "timeout_reached")
        await run_hook(page, "timeout_reached", player, tried)
        if request is not None and not page.waits and player._state.entered == visit:
            await self._store_valid(player, page, request, tried)
        await self._leave(player, page, tried, visit, "timeout")

    def conclude(self, player: Player, is_input: bool = True) -> None:
        """Log a form, or an end of time, after which the flow did not take the player on.

        The form was refused, or a hook has moved the player. It is not logged if nothing followed.

        Args:
            is_input: False if the time's end was noticed by a page load, which has a row itself.
        """
        page, tried = self._open.pop(player.name, (None, None))
        journal = self._world.journal
        if not is_input or page is None or tried is None or journal.closed:
            return
        with self._world.lock:
            if tried.begun is not None and journal.seq > tried.begun.seq:
                text = orjson.dumps({**(tried.posted or {}), **tried.begun.entry()}).decode()
                journal.write_for(Cause(*tried), "input", player.subject, page.key, text)

    def _begin(self, player: Player, page: type[Page], what: str) -> Attempt:
        """Return the cause of the hooks of a form or an end of time that begins now."""
        tried = attempt_for(player, page, what)
        tried.begun = self._world.journal.begin()
        self._open[player.name] = page, tried
        return tried

    # ---- a form ----

    async def _submit(self, player: Player, page: type[Page], request: HttpRequest) -> Form | None:
        visit, tried = player._state.entered, self._begin(player, page, "submit")
        tried.posted = NOT_LOGGED
        form = await self._form(player, page, request, tried)
        if not getattr(page, "stealth_fields", ()):
            tried.posted = _posted(request, form)
        if form is not None and not await self._is_valid(form, page, player, tried):
            return form
        if player._state.entered != visit:
            return None
        tried.posted = _posted(request, form)
        if form is not None and not await self._save(form, page, player, tried):
            undo(self._world, tried)
            return form
        if player._state.entered == visit:
            allowed = await self._hook(page, "may_proceed", player, tried, default=True)
            if not allowed:
                return None
        await self._leave(player, page, tried, visit, "submit")
        return None

    async def _unproven(
        self, player: Player, page: type[Page], request: HttpRequest
    ) -> Form | None:
        tried = attempt_for(player, page, "fields")
        form = await self._form(player, page, request, tried)
        if form is None:
            return None
        form.validate()
        form.add_errors(form.translate(UNPROVEN))
        return form

    async def _form(
        self, player: Player, page: type[Page], request: HttpRequest, tried: Attempt
    ) -> Form | None:
        fields = await value_of(page, "fields", player, tried)
        return self._make_form(player, page, fields, request) if fields else None

    async def _is_valid(self, form: Form, page: type[Page], player: Player, tried: Attempt) -> bool:
        if not form.validate():
            return False
        errors = await self._hook(page, "validate", player, tried, dict(form.data))
        return not form.add_errors(errors, f"{page.__name__}.validate")

    async def _save(self, form: Form, page: type[Page], player: Player, tried: Attempt) -> bool:
        """Store the form's values; return whether `handle_stealth_fields` accepts the others."""
        stealthy = await self._stealthy(page, player, tried)
        tried.posted = NOT_LOGGED if stealthy else tried.posted
        data = MappingProxyType(dict(form.data))
        await self._hook(page, "before_form_save", player, tried, data)
        values = save_values(form, stealthy)
        self._store(player, values, tried)
        hidden = {name: value for name, value in form.data.items() if name not in values}
        if not hidden:
            return True
        errors = await self._hook(page, "handle_stealth_fields", player, tried, hidden)
        return not form.add_errors(errors, f"{page.__name__}.handle_stealth_fields")

    async def _store_valid(
        self, player: Player, page: type[Page], request: HttpRequest, tried: Attempt
    ) -> None:
        """Store the valid answers of a form that was sent when time was up."""
        form = await self._form(player, page, request, tried)
        tried.posted = _posted(request, form)
        if form is None:
            return
        good = form.validate()
        stealthy = await self._stealthy(page, player, tried)
        tried.posted = NOT_LOGGED if stealthy else tried.posted
        values = save_values(form, stealthy)
        self._store(player, {n: v for n, v in values.items() if n not in form.errors}, tried)
        hidden = {name: value for name, value in form.data.items() if name not in values}
        if good and hidden:
            await self._hook(page, "handle_stealth_fields", player, tried, hidden)

    async def _stealthy(self, page: type[Page], player: Player, tried: Attempt) -> Collection[str]:
        named: Sequence[str] = await value_of(page, "stealth_fields", player, tried) or ()
        if isinstance(named, str) or not all(isinstance(name, str) for name in named):
            raise BadPage(
                page.__name__,
                f"its stealth_fields are {named!r}, which is not a list of names.",
                'Write stealth_fields = ["iban"], or return such a list from the hook.',
            )
        return set(named)

    def _store(self, player: Player, values: dict[str, Any], tried: Attempt) -> None:
        lock = self._world.lock
        before = lock.begin_step(tried.called(tried.cause))
        try:
            for name, value in values.items():
                setattr(player, name, value)
        except BaseException:
            undo(self._world, tried)
            raise
        finally:
            lock.end_step(before)

    # ---- leaving ----

    async def _leave(
        self, player: Player, page: type[Page], tried: Attempt, visit: int, why: str
    ) -> None:
        """Run the hooks after a page and go on, unless one of them has moved the player."""
        marks: list[str] = []
        for hook in ("after_once", "after_always_once"):
            what = mark_of(hook, page, player.position)
            here = player._state.entered == visit and not page.waits
            if here and hasattr(page, hook) and what not in player._state.done:
                await self._hook(page, hook, player, tried)
                marks.append(what)
        with self._world.lock:
            for what in marks:
                self._moves.mark(player, what)
            if player._state.entered != visit:
                return  # a hook has moved the player
            cause = self._moves.cause(player, why)
            self._world.journal.write_for(cause, why, player.subject, page.key, _left(why, tried))
            self._open.pop(player.name, None)
            self._moves.go(player, player.position + 1, why)

    def go_back(self, player: Player) -> None:
        """Put a player on the page shown before this one, if this one has a Back button."""
        position = self.position_before(player)
        if position is not None:
            with self._world.lock:
                cause, page = self._moves.cause(player, "back"), player.page or ""
                self._world.journal.write_for(cause, "back", player.subject, page, "null")
                self._moves.go(player, position, "back")

    def position_before(self, player: Player) -> int | None:
        """Return the position to which Back leads from the player's page; None if nowhere."""
        page = self._journeys.page(player, player.position)
        if page is None or not _allows_back(page, player):
            return None
        for position in range(player.position - 1, -1, -1):
            earlier = self._journeys.page(player, position)
            if earlier is not None and earlier.waits:
                return None  # the others have gone on
            if earlier is not None and f"shown@{position}" in player._state.done:
                return position
        return None

    async def _hook(
        self, page: type[Page], name: str, player: Player, tried: Attempt, *args: Any, **more: Any
    ) -> Any:
        return await run_hook(page, name, player, tried, *args, **more)


def _left(why: str, tried: Attempt) -> str:
    """Return how a page was left, as the log stores it; with the form, for a rerun."""
    value: dict[str, Any] = {"deadline": None, "reached": True} if why == "timeout" else {}
    value |= tried.posted or {}
    value |= tried.begun.entry() if tried.begun else {}
    return orjson.dumps(value).decode()


def _posted(request: HttpRequest, form: Form | None) -> dict[str, Any]:
    """Return what was posted, without our own fields, unless it includes files.

    The language is included if it is not English.
    """
    if request.files:
        return NOT_LOGGED
    sent: dict[str, Any] = {"form": [pair for pair in request.form if _is_asked(pair[0])]}
    if form is not None and form.language != ENGLISH:
        sent["language"] = form.language
    return sent


def _is_asked(name: str) -> bool:
    return name == HTML_WRITTEN or not name.startswith("_uproot_")


def visit_token(world: World, player: Player) -> str:
    """Return a token that proves that a form was made for this visit of this player."""
    text = f"visit/{player.name}/{player._state.entered}"
    return blake2b(text.encode(), key=world.visit_key, digest_size=12).hexdigest()


def _allows_back(page: type[Page], player: Player) -> bool:
    wish: Any = page.allow_back
    return bool(wish(player) if callable(wish) else wish)
