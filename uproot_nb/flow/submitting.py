"""Submissions: check and store a posted form, all of it or nothing."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import orjson

from uproot_nb.bridge.messages import HttpRequest
from uproot_nb.errors import BadPage
from uproot_nb.experiment.exits import name_of_exit
from uproot_nb.experiment.pages import Page
from uproot_nb.flow.hooks import attempt_for, run_hook, undo, value_of
from uproot_nb.flow.journeys import Journeys
from uproot_nb.flow.moves import Moves, mark_of
from uproot_nb.flow.participation.consents import Consents, declines, what_declines
from uproot_nb.flow.participation.requirements import WHAT_CANNOT, Requirements
from uproot_nb.flow.timeouts import Timeouts
from uproot_nb.forms.form import Form, save_values
from uproot_nb.forms.posted import is_asked
from uproot_nb.languages.codes import ENGLISH
from uproot_nb.session.entities import Player
from uproot_nb.session.journal import Attempt
from uproot_nb.session.late_answers import LateAnswers, age_of
from uproot_nb.session.steps import Cause
from uproot_nb.session.visits import BACK, POSITION, TIMEOUT, VISIT, visit_token
from uproot_nb.session.world import World

__all__ = ["Submissions"]

NOT_LOGGED: dict[str, Any] = {"form": None}
"""Stands for a form that is not in the log, as it may hold what is not to be stored."""

BY_FORM: dict[str, Any] = {"by": "form"}
"""Stands for a form that was too late, or whose player a hook has moved: nothing is stored."""

UNPROVEN = "Please check your answers and send them again."
"""Shown with a form that was not posted from the page as it was shown."""
TEXTS = (UNPROVEN,)

MakeForm = Callable[..., Form]


class Submissions:
    """Takes posted forms: stores them and moves on, or returns them with errors.

    Args:
        timeouts: knows whether a player's deadline has passed, and what was entered before it.
        make_form: (player, page, fields, request) → the form that was posted.
        end: logs that a player leaves by an exit.
        consents: checks and logs consent.
        requirements: lets those leave whose browser does not have what a page requires.
    """

    def __init__(
        self,
        world: World,
        journeys: Journeys,
        moves: Moves,
        timeouts: Timeouts,
        make_form: MakeForm,
        end: Callable[[Player, str, Cause], None],
        consents: Consents,
        requirements: Requirements,
    ) -> None:
        self._world, self._journeys, self._moves = world, journeys, moves
        self._timeouts, self._make_form, self._end = timeouts, make_form, end
        self._consents, self._requirements = consents, requirements
        self._late_answers = LateAnswers(
            world, lambda key: journeys.pages.get(key), is_asked
        )  # fmt: skip
        self._open: dict[str, tuple[type[Page], Attempt]] = {}
        """By player: a form, or an end of time, that has no row in the log yet."""

    async def take(self, player: Player, request: HttpRequest) -> Form | None:
        """Take a posted form; return it to show it again, or None to show the player's page.

        Raises:
            Exception: a hook failed; nothing is stored, and the player stays.
        """
        posted = dict(request.form)
        is_of_another = self._late_answers.take(player, request)
        if is_of_another and TIMEOUT in posted:
            return None  # the player has had to leave the page without it
        page = self._journeys.page(player, player.position)
        if page is None or page.waits or posted.get(POSITION) != str(player.position):
            return None  # the player has left the page: a second click, or a sleeping tab
        wanted = visit_token(self._world, player)
        is_proven = hmac.compare_digest(posted.get(VISIT, "").encode(), wanted.encode())
        if is_proven and self._requirements.gives_up(player, page, posted):
            tried = self._begin(player, page, "requires")
            tried.posted = WHAT_CANNOT
            self._requirements.give_up(player, page, tried)
        if not self._moves.has_arrived(player):
            return None
        if not is_proven:
            return await self._unproven(player, page, request)
        if BACK in posted:
            self.go_back(player)
            return None
        if declines(page, request):
            await self._decline(player, page, request)
            return None
        if self._timeouts.has_passed(player):
            await self._take_late(player, page, request)
            return None
        return await self._submit(player, page, request)

    async def _take_late(self, player: Player, page: type[Page], request: HttpRequest) -> None:
        """Take a form that comes after the deadline; it counts if it was entered in time."""
        in_time = self._timeouts.is_in_time(player, age_of(request))
        overdue, visit = self._timeouts.is_overdue(player), player._state.entered
        known = visit == player._state.late_noted
        note = partial(self._late_answers.note, player, page.key, visit, request)
        try:
            await self.time_up(player, request if in_time else None, by_form=True)
        except Exception:
            # The player may go on without it, once the code is corrected.
            if not in_time or not self._is_logged(player):
                note(accepted=False)
            raise
        if known or (overdue and visit != player._state.late_noted):
            note(accepted=in_time)

    def _is_logged(self, player: Player) -> bool:
        """Return whether the form that is being taken will be in its row of the log."""
        _, tried = self._open.get(player.name, (None, None))
        return tried is not None and (tried.posted or {}).get("form") is not None

    async def time_up(
        self, player: Player, request: HttpRequest | None = None, *, by_form: bool = False
    ) -> None:
        """Let a player go on whose time is up; valid answers in *request* are stored.

        Args:
            by_form: whether a form has come, in time or not: its browser then loads the next page.
        """
        page = self._journeys.page(player, player.position)
        if page is None:
            return
        visit = player._state.entered
        tried = self._begin(player, page, "timeout_reached")
        unsent = tried.posted = BY_FORM if by_form else None
        if request is not None and not page.waits:
            is_secret = getattr(page, "stealth_fields", ())
            tried.posted = NOT_LOGGED if is_secret else _posted(request, None)
        await run_hook(page, "timeout_reached", player, tried)
        if request is not None and player._state.entered != visit:  # the hook has moved the player
            tried.posted = unsent  # the late form's own row has it
            self._late_answers.note(player, page.key, visit, request, accepted=False)
        elif request is not None and not page.waits:
            await self._store_valid(player, page, request, tried)
        await self._leave(player, page, tried, visit, "timeout")

    def conclude(self, player: Player, is_input: bool = True) -> None:
        """Log a form, or an end of time, after which the flow did not take the player on.

        The form was refused, or a hook has moved the player. It is not logged if nothing followed.

        Args:
            is_input: False if the time's end was noticed by a page load, which has a row itself.
        """
        page, tried = self._take_open(player)
        journal = self._world.journal
        if not is_input or page is None or tried is None or journal.closed:
            return
        with self._world.lock:
            if tried.begun is not None and journal.seq > tried.begun.seq:
                text = orjson.dumps({**(tried.posted or {}), **tried.begun.entry()}).decode()
                journal.fold_for(Cause(*tried), "input", player.subject, page.key, text)

    def _begin(self, player: Player, page: type[Page], what: str) -> Attempt:
        """Return the cause of the hooks of a form or an end of time that begins now."""
        self._take_open(player)
        tried = attempt_for(player, page, what)
        tried.begun = self._world.journal.begin()
        tried.course.begin()
        self._open[player.name] = page, tried
        return tried

    def _take_open(self, player: Player) -> tuple[type[Page] | None, Attempt | None]:
        """End the attempt that is open; what it does outside of the session is certain now."""
        page, tried = self._open.pop(player.name, (None, None))
        if tried is not None:
            with self._world.lock:
                tried.course.end()
        return page, tried

    # ---- a form ----

    async def _submit(self, player: Player, page: type[Page], request: HttpRequest) -> Form | None:
        visit, tried = player._state.entered, self._begin(player, page, "submit")
        tried.posted = NOT_LOGGED
        form = await self._form(player, page, request, tried)
        if not getattr(page, "stealth_fields", ()):
            tried.posted = _posted(request, form)
        if form is not None and not await self._is_valid(form, page, player, tried):
            self._consents.check(page, form, request)
            return form
        if player._state.entered != visit or not self._consents.check(page, form, request):
            return form if player._state.entered == visit else None
        tried.posted = _posted(request, form)
        if form is not None and not await self._save(form, page, player, tried):
            undo(self._world, tried)
            return form
        await self._consents.agree(player, page, tried, form, request)
        if player._state.entered == visit:
            allowed = await self._hook(page, "may_proceed", player, tried, default=True)
            if not allowed:
                return None
        await self._leave(player, page, tried, visit, "submit")
        return None

    async def _decline(self, player: Player, page: type[Page], request: HttpRequest) -> None:
        """Let a player leave who does not agree to what a consent page asks."""
        tried = self._begin(player, page, "decline")
        tried.posted = what_declines(request)
        form = await self._form(player, page, request, tried)
        self._consents.decline(player, page, tried, form, request)

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
        answers = MappingProxyType(dict(form.data))
        await self._hook(page, "before_form_save", player, tried, answers)
        values = save_values(form, {*stealthy, *page.unstored})
        self._store(player, values, tried)
        hidden = _hidden(form, page, values)
        if not hidden:
            return True
        data = _of_hook(form, page, hidden)
        errors = await self._hook(page, "handle_stealth_fields", player, tried, data)
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
        values = save_values(form, {*stealthy, *page.unstored})
        self._store(player, {n: v for n, v in values.items() if n not in form.errors}, tried)
        hidden = _hidden(form, page, values)
        if good and hidden:
            data = _of_hook(form, page, hidden)
            await self._hook(page, "handle_stealth_fields", player, tried, data)

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
            self._world.journal.fold_for(cause, why, player.subject, page.key, _left(why, tried))
            self._take_open(player)
            self._moves.go(player, self._next(player, page, why, cause), why)

    def _next(self, player: Player, page: type[Page], why: str, cause: Cause) -> int:
        """Return where a player goes from a page; a timeout may lead to an exit."""
        if why != "timeout" or page.timeout_exit is None:
            return player.position + 1
        end = self._journeys.finish(player)
        self._end(player, name_of_exit(page.timeout_exit), cause)
        return end

    def go_back(self, player: Player) -> None:
        """Put a player on the page shown before this one, if this one has a Back button."""
        position = self.position_before(player)
        if position is not None:
            with self._world.lock:
                cause, page = self._moves.cause(player, "back"), player.page or ""
                self._world.journal.fold_for(cause, "back", player.subject, page, "null")
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
    sent: dict[str, Any] = {"form": [pair for pair in request.form if is_asked(pair[0])]}
    if form is not None and form.language != ENGLISH:
        sent["language"] = form.language
    return sent


def _hidden(form: Form, page: type[Page], values: Collection[str]) -> dict[str, Any]:
    """Return the author's answers that are not stored on the player."""
    skipped = {*values, *page.unstored}
    return {name: value for name, value in form.data.items() if name not in skipped}


def _of_hook(form: Form, page: type[Page], hidden: dict[str, Any]) -> dict[str, Any]:
    """Return what `handle_stealth_fields` gets: in a loaded app all answers."""
    return dict(form.data) if page.app else hidden


def _allows_back(page: type[Page], player: Player) -> bool:
    wish: Any = page.allow_back
    return bool(wish(player) if callable(wish) else wish)
