"""Hooks: run authors' code in steps, and undo its changes if it fails."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from uproot_nb.errors import LogBusy
from uproot_nb.experiment.pages import Page
from uproot_nb.flow.undone_moves import PLACE_FIELDS
from uproot_nb.log.events import CHANGES, undoing
from uproot_nb.log.state import WITHDRAWN, Stored
from uproot_nb.session.entities import Player
from uproot_nb.session.journal import Attempt, OldPosition, attempt
from uproot_nb.session.old_values import Appended, OldField
from uproot_nb.session.quotas import BUSY_WAITS
from uproot_nb.session.steps import Cause, Steps, perform
from uproot_nb.session.tracked import release
from uproot_nb.session.world import World, world_of

__all__ = [
    "EFFECT",
    "again_while_busy",
    "attempt_for",
    "blame",
    "cause_of",
    "run_authors",
    "run_hook",
    "undo",
    "value_of",
]

T = TypeVar("T")

EFFECT = "effect"
"""Takes the place of a subject for an effect outside the session, whose token is the field."""


async def run_authors(
    function: Any, world: World, cause: Cause, *args: Any, then: Callable[[], None] | None = None
) -> Any:
    """Run authors' code, sync or async, in steps under the run's lock.

    If it raises, the fields it has changed get their earlier values back, except those that another
    player's code has changed since, and the players it has moved are put back, except those who
    have gone on since; either can only happen while an `async` function waits.

    If a draw finds the file busy, it is run again; code of a longer attempt is not, as the whole
    attempt was undone.

    Args:
        then: runs in the last step, so that no kill comes between the two.
    """
    if isinstance(cause, Attempt):
        return await _run(function, world, cause, args, then)
    return await again_while_busy(lambda: _run(function, world, attempt(cause), args, then))


async def again_while_busy(act: Callable[[], Awaitable[T]]) -> T:
    """Do something again while another program writes to the file of a draw; others go on.

    What a failed draw has left was undone.
    """
    for wait in BUSY_WAITS:
        try:
            return await act()
        except LogBusy:
            await asyncio.sleep(wait)
    return await act()


async def _run(
    function: Any,
    world: World,
    tried: Attempt,
    args: tuple[Any, ...],
    then: Callable[[], None] | None,
) -> Any:
    lock = world.lock
    before = lock.begin_step(tried)
    try:
        result = perform(partial(function, *args))
        if then is not None and not inspect.iscoroutine(result):
            then()
    except BaseException as error:
        undo(world, tried)
        blame(error, tried)
        raise
    finally:
        lock.end_step(before)
    if not inspect.iscoroutine(result):
        return result
    tried.course.begin()
    try:
        return await Steps(result if then is None else _both(result, then), lock, tried)
    except BaseException as error:
        with lock:
            undo(world, tried)
        blame(error, tried)
        raise
    finally:
        with lock:
            tried.course.end()


async def _both(coroutine: Any, then: Callable[[], None]) -> Any:
    result = await coroutine
    then()
    return result


async def run_hook(
    page: type[Page],
    name: str,
    player: Player,
    tried: Attempt,
    *args: Any,
    default: Any = None,
    then: Callable[[], None] | None = None,
) -> Any:
    """Run a page's hook for a player; return *default* without one, and a plain value as it is."""
    hook: Any = getattr(page, name, None)
    if hook is None:
        return default
    if not callable(hook):
        return hook
    cause = tried.called(f"{page.__name__}.{name}")
    result = await run_authors(hook, world_of(player), cause, player, *args, then=then)
    return default if result is None else result


async def value_of(page: type[Page], name: str, player: Player, tried: Attempt) -> Any:
    """Return a page's attribute, or the value that the hook of that name returns."""
    given = getattr(page, name, None)
    if callable(given):
        return await run_hook(page, name, player, tried)
    return given


def attempt_for(player: Player, page: type[Page] | None, what: str) -> Attempt:
    """Return the cause of hooks that run for a player on a page and are undone together."""
    if page is None:
        return attempt(Cause(player.name, "", what, ""))
    world_of(player).see_code(page)
    return attempt(Cause(player.name, page.key, f"{page.__name__}.{what}", page.source.hash))


def blame(error: BaseException, cause: Cause) -> None:
    """Note on an error which of the authors' code raised it."""
    with suppress(AttributeError, TypeError):
        error.__uproot_cause__ = Cause(*cause)  # type: ignore[attr-defined]


def cause_of(error: BaseException) -> Cause | None:
    """Return which of the authors' code raised an error; None if none of it did."""
    return getattr(error, "__uproot_cause__", None)


# ---- undoing a failed attempt ---------------------------------------------------------------


def undo(world: World, tried: Attempt) -> None:
    """Undo what an attempt has changed, and put back whom it has moved; under the lock.

    What somebody else has changed since stays, and whoever has gone on since stays there.
    """
    _undo(world, tried, _identities(tried))


def _undo(world: World, tried: Attempt, own: Collection[tuple[str, str]]) -> None:
    within, places = list(tried.within), dict(tried.places)
    tried.within.clear()
    tried.places.clear()
    for one in reversed(within):
        _undo(world, one, own)
    cause = Cause(tried.actor, tried.page, undoing(tried.cause), tried.code)
    _undo_changes(world, tried, cause, own, places)
    before = world.lock.begin_step(cause)
    try:
        for place in places.values():
            place.put_back(cause)
    finally:
        world.lock.end_step(before)


def _undo_changes(
    world: World,
    tried: Attempt,
    cause: Cause,
    own: Collection[tuple[str, str]],
    places: Mapping[str, OldPosition],
) -> None:
    """Restore the earlier value of each field, and the earlier members of each group."""
    changed = list(tried.first.items())
    fields, groups = dict(tried.old.fields), dict(tried.old.groups)
    tried.first.clear()
    tried.old.clear()
    for (subject, field), first in changed:
        if subject == EFFECT:
            world.journal.fold_for(cause, "effect", "session", field, WITHDRAWN)
        elif subject.startswith("group/") and not field:
            if not _foreign(world, own, subject, field, first, {"group"}):
                _regroup(world, cause, subject, groups.get(subject))
        elif subject in places and field in PLACE_FIELDS:
            if not places[subject].is_left:
                _restore(world, cause, subject, field, fields[subject, field])
        elif not _foreign(world, own, subject, field, first):
            _restore(world, cause, subject, field, fields[subject, field])


def _identities(tried: Attempt) -> set[tuple[str, str]]:
    """Return who acts, and on which page, in an attempt and what ran because of it."""
    found = {(tried.actor, tried.page)}
    return found.union(*map(_identities, tried.within))


def _foreign(
    world: World,
    own: Collection[tuple[str, str]],
    subject: str,
    field: str,
    first: int,
    kinds: Collection[str] = CHANGES,
) -> bool:
    """Return whether code of somebody else has changed the field since."""
    since = world.journal.read(kinds, subject, field, after=first - 1)
    return any((e.actor, e.page) not in own for e in since)


def _restore(world: World, cause: Cause, subject: str, field: str, old: OldField) -> None:
    fields = world.state.fields.setdefault(subject, {})
    appended = old.appended()
    if appended is not None and all(_is_at(fields.get(field), one) for one in appended):
        for target in appended:
            _take_back(world, cause, subject, field, target)
        return
    text = old.text()
    if field in fields:
        release(fields.pop(field))
    if text is None:
        world.journal.write_for(cause, "del", subject, field, "null")
        return
    world.journal.write_for(cause, "set", subject, field, text)
    fields[field] = Stored(text)


def _is_at(root: Any, appended: Appended) -> bool:
    """Return whether a list is still in its place: other code may have replaced it."""
    try:
        for key in appended.path:
            root = root[key]
    except (LookupError, TypeError):
        return False
    return root is appended.target


def _take_back(world: World, cause: Cause, subject: str, field: str, appended: Appended) -> None:
    """Remove what was appended to a list, by small events however long the list is."""
    path, target, length = appended
    for index in range(len(target) - 1, length - 1, -1):
        text = world.codec.encode({"path": path, "key": index})
        world.journal.write_for(cause, "remove", subject, field, text)
    for item in list.__getitem__(target, slice(length, None)):
        release(item)
    fields = world.state.fields[subject]
    if target is fields[field] and type(target) is list:
        fields[field] = target[:length]  # a new list, which shows a model's index the change
    else:
        list.__delitem__(target, slice(length, None))


def _regroup(world: World, cause: Cause, subject: str, old: dict[str, Any] | None) -> None:
    known = world.state.groups[subject.partition("/")[2]]
    text = world.codec.encode(old or {"id": known.id, "members": []})
    world.journal.fold_for(cause, "group", subject, "", text)
