"""Submissions: what a posted form does to a player, whole or not at all."""

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
from uproot_nb.flow.moves import Moves
from uproot_nb.forms.form import Form, save_values
from uproot_nb.forms.parsing import HTML_WRITTEN
from uproot_nb.languages.codes import ENGLISH
from uproot_nb.session.entities import Player
from uproot_nb.session.journal import Attempt
from uproot_nb.session.world import World

__all__ = ["BACK", "POSITION", "Submissions", "VISIT", "visit_token"]

POSITION, VISIT = "_uproot_page", "_uproot_visit"
BACK, TIMEOUT = "_uproot_back", "_uproot_timeout"

UNPROVEN = "Please check your answers and send them again."
"""What a participant reads whose form did not come from the page that was shown."""
TEXTS = (UNPROVEN,)

MakeForm = Callable[..., Form]


class Submissions:
    """Takes posted forms: checks, stores and moves on, or says what is wrong.

    Args:
        is_late: tells whether a player's deadline has passed.
        make_form: (player, page, fields, request) → the form that was posted, or an empty one.
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

    async def take(self, player: Player, request: HttpRequest) -> Form | None:
        """Take what was posted; return the form to show again, or None to show where they are.

        Raises:
            Exception: what a hook raised; nothing is stored, and the player stays.
        """
        posted = dict(request.form)
        page = self._journeys.page(player, player.position)
        if page is None or page.waits or posted.get(POSITION) != str(player.position):
            return None  # the page was left already: a second click, or a tab that slept
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
        """Let a player go on whose time is up, with what the browser has sent, if it is valid."""
        page = self._journeys.page(player, player.position)
        if page is None:
            return
        visit = player._state.entered
        tried = attempt_for(player, page, "timeout_reached")
        await run_hook(page, "timeout_reached", player, tried)
        if request is not None and not page.waits and player._state.entered == visit:
            await self._keep_valid(player, page, request, tried)
        await self._leave(player, page, tried, visit, "timeout")

    # ---- a form ----

    async def _submit(self, player: Player, page: type[Page], request: HttpRequest) -> Form | None:
        visit, tried = player._state.entered, attempt_for(player, page, "submit")
        form = await self._form(player, page, request, tried)
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
        told = await self._hook(page, "validate", player, tried, dict(form.data))
        return not form.add_errors(told, f"{page.__name__}.validate")

    async def _save(self, form: Form, page: type[Page], player: Player, tried: Attempt) -> bool:
        """Keep the form's values; tell whether those that the author keeps are good, too."""
        stealthy = await self._stealthy(page, player, tried)
        tried.posted = None if stealthy else tried.posted
        data = MappingProxyType(dict(form.data))
        await self._hook(page, "before_form_save", player, tried, data)
        values = save_values(form, stealthy)
        self._store(player, values, tried)
        hidden = {name: value for name, value in form.data.items() if name not in values}
        if not hidden:
            return True
        told = await self._hook(page, "handle_stealth_fields", player, tried, hidden)
        return not form.add_errors(told, f"{page.__name__}.handle_stealth_fields")

    async def _keep_valid(
        self, player: Player, page: type[Page], request: HttpRequest, tried: Attempt
    ) -> None:
        """Keep the values that are good of a form that came when time was up."""
        form = await self._form(player, page, request, tried)
        tried.posted = _posted(request, form)
        if form is None:
            return
        good = form.validate()
        stealthy = await self._stealthy(page, player, tried)
        tried.posted = None if stealthy else tried.posted
        values = save_values(form, stealthy)
        self._store(player, {n: v for n, v in values.items() if n not in form.errors}, tried)
        hidden = {name: value for name, value in form.data.items() if name not in values}
        if good and hidden:
            await self._hook(page, "handle_stealth_fields", player, tried, hidden)

    async def _stealthy(self, page: type[Page], player: Player, tried: Attempt) -> Collection[str]:
        named: Sequence[str] = await value_of(page, "stealth_fields", player, tried) or ()
        if isinstance(named, str) or not all(isinstance(name, str) for name in named):
            raise BadPage(
                page.__name__, f"its stealth_fields are {named!r}.", 'Return names: ["iban"].'
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
        """Run what runs once after a page, and go on, unless a hook has moved the player."""
        marks: list[str] = []
        for hook, what in (
            ("after_once", f"after_once:{page.key}"),
            ("after_always_once", f"after_always_once@{player.position}"),
        ):
            here = player._state.entered == visit and not page.waits
            if here and hasattr(page, hook) and what not in player._state.done:
                await self._hook(page, hook, player, tried)
                marks.append(what)
        with self._world.lock:
            for what in marks:
                self._moves.mark(player, what)
            if player._state.entered != visit:
                return  # a hook has moved the player; there the player stays
            cause = self._moves.cause(player, why)
            self._world.journal.write_for(cause, why, player.subject, page.key, _left(why, tried))
            self._moves.go(player, player.position + 1, why)

    def go_back(self, player: Player) -> None:
        """Put a player on the page that was shown before this one, if the page lets them."""
        position = self.position_before(player)
        if position is not None:
            with self._world.lock:
                self._moves.go(player, position, "back")

    def position_before(self, player: Player) -> int | None:
        """Return where Back leads from the player's page; None if nowhere."""
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
    """Return what the log keeps of how a page was left: its form, too, so that it can be rerun."""
    told: dict[str, Any] = {"deadline": None, "reached": True} if why == "timeout" else {}
    told |= tried.posted or {}
    return orjson.dumps(told).decode() if told else "null"


def _posted(request: HttpRequest, form: Form | None) -> dict[str, Any] | None:
    """Return what was sent, without our own fields; None if files came along.

    And the language in which it was written, if that is not English.
    """
    if request.files:
        return None
    sent: dict[str, Any] = {"form": [pair for pair in request.form if _is_asked(pair[0])]}
    if form is not None and form.language != ENGLISH:
        sent["language"] = form.language
    return sent


def _is_asked(name: str) -> bool:
    return name == HTML_WRITTEN or not name.startswith("_uproot_")


def visit_token(world: World, player: Player) -> str:
    """Return what proves that a form was made for this visit of this player."""
    text = f"visit/{player.name}/{player._state.entered}"
    return blake2b(text.encode(), key=world.visit_key, digest_size=12).hexdigest()


def _allows_back(page: type[Page], player: Player) -> bool:
    wish: Any = page.allow_back
    return bool(wish(player) if callable(wish) else wish)
