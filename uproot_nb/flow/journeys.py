"""Journeys: each player's own page order, decided on the way and stored in the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from uproot_nb.errors import BadPage, UprootError
from uproot_nb.experiment.order import Step, check_order, expand, pages_of
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.setup import App, Setup
from uproot_nb.flow.hooks import attempt_for, blame, undo
from uproot_nb.flow.undone_moves import remember_place
from uproot_nb.session.entities import Player, reserved_names
from uproot_nb.session.steps import perform
from uproot_nb.session.world import World

__all__ = ["Journeys"]


class Journeys:
    """Holds the pages of a session by key, and each player's steps.

    A journey is drawn from the session's seed when the player starts, and extended where a `Repeat`
    or the next app begins. The log stores the result.
    """

    def __init__(self, world: World, setup: Setup) -> None:
        self._world = world
        self.pages: dict[str, type[Page]] = {}
        self.failed: set[str] = set()
        """Players who see the page that says an author's code has failed."""
        self._orders: dict[tuple[str, int], Sequence[Any]] = {}
        self.adopt(setup)

    def adopt(self, setup: Setup) -> None:
        """Use these apps from now on; journeys that have begun retain their steps."""
        self.setup = setup
        self._orders.clear()
        for page in setup.pages:
            _check_names(page)
        self.pages = {**self.pages, **{page.key: page for page in setup.pages}}
        for app in setup.apps:
            if app.landing_page:
                page = _landing_page(app.name)
                self.pages[page.key] = page

    # ---- a player's steps ----

    def steps(self, player: Player) -> list[Any]:
        """Return the player's steps as stored in the log; begin the journey if there is none."""
        journey = player._state.journey
        if journey is None:
            self._extend(player, [])
            journey = player._state.journey or []
        return journey

    def step(self, player: Player, position: int) -> Step | None:
        """Return the step at a position; None after the last."""
        steps = self.steps(player)
        return Step.load(steps[position]) if 0 <= position < len(steps) else None

    def page(self, player: Player, position: int) -> type[Page] | None:
        """Return the page at a position; None where there is none."""
        steps = player._state.journey or []
        if not 0 <= position < len(steps):
            return None
        stored = steps[position]
        key = stored if isinstance(stored, str) else stored.get("page", "")
        if not key:
            return None
        try:
            return self.pages[key]
        except KeyError:
            raise UprootError(
                f"player/{player.name} is on the page '{key}', which is not defined.\n"
                "Run the cell that defines it, then serve again."
            ) from None

    def decide(self, player: Player, again: bool) -> None:
        """Extend the journey at its open end, where a `Repeat` or the next app begins."""
        steps = self.steps(player)
        decided = [s["again"] for s in steps if _decides(s) and s["again"] is not None]
        self._extend(player, [*decided, again])

    def is_open(self, player: Player, position: int) -> bool:
        """Return whether the journey is open at a position: a decision is pending there."""
        steps = self.steps(player)
        return (
            position == len(steps) - 1 and _decides(steps[position]) and _pending(steps[position])
        )

    def has_reached_last(self, player: Player) -> bool:
        """Return whether a player is on the last page of the order, and it asks for nothing.

        Such a page, as one without a button, is the end. A page that is the only one is not.
        """
        steps, at = player._state.journey or [], player.position
        if not 0 < at == len(steps) - 1 or not _key(steps[at]):
            return False
        page = self.pages.get(_key(steps[at]))
        return page is not None and not page.waits and not _asks(page)

    def repeats(self, player: Player, position: int) -> bool:
        """Return whether the decision at a position is about a `Repeat`, and not the next app."""
        return "app" not in self.steps(player)[position]

    def finish(self, player: Player) -> int:
        """End every open `Repeat`, and return the position after the last page."""
        while self.is_open(player, len(self.steps(player)) - 1):
            self.decide(player, again=False)
        return len(self.steps(player))

    # ---- finding pages ----

    def nth(self, player: Player, position: int) -> int:
        """Return how often the page at a position occurs before it."""
        steps = self.steps(player)
        if not 0 <= position < len(steps):
            return 0
        key = _key(steps[position])
        return sum(1 for stored in steps[:position] if _key(stored) == key)

    def count(self, player: Player, is_meant: Callable[[type[Page] | None], bool]) -> int | None:
        """Return how many pages of a journey are meant; None while a `Repeat` is undecided."""
        steps = self.steps(player)
        last = len(steps) - 1
        if self.is_open(player, last) and self.repeats(player, last):
            return None
        return sum(is_meant(self.pages.get(_key(stored))) for stored in steps)

    def place(self, player: Player, key: str, nth: int) -> int | None:
        """Return the position of a page's nth occurrence in a journey; None without one."""
        seen = 0
        for position, stored in enumerate(player._state.journey or []):
            if _key(stored) == key:
                if seen == nth:
                    return position
                seen += 1
        return None

    def find(self, player: Player, page: type[Page] | int) -> int:
        """Return a page's position in a player's journey: the next one, else the last before.

        Raises:
            UprootError: the page is not in the player's journey.
        """
        if isinstance(page, int) and not isinstance(page, bool):
            return self._checked(player, page)
        if not (isinstance(page, type) and issubclass(page, Page)):
            raise UprootError(f"{page!r} is not a page.\nPass a page class or its position.")
        while True:
            steps = self.steps(player)
            places = [at for at, stored in enumerate(steps) if _key(stored) == page.key]
            later = [at for at in places if at > player.position]
            if later or places:
                return later[0] if later else places[-1]
            if not self.is_open(player, len(steps) - 1):
                break
            self.decide(player, again=False)
        raise UprootError(
            f"{page.__name__} is not in the page order of player/{player.name}.\n"
            "Add it to page_order, or choose a page from it."
        )

    def _checked(self, player: Player, position: int) -> int:
        if self.page(player, position) is not None:
            return position
        raise UprootError(
            f"player/{player.name} has no page at position {position} of "
            f"{len(self.steps(player))}.\n"
            "Positions count from 0. To go to the end, call move_to_end(player)."
        )

    # ---- drawing ----

    def _extend(self, player: Player, decided: list[bool]) -> None:
        world = self._world
        rng = world.new_rng(f"order/{player.id}")
        parts = [partial(self._order, player, number) for number in range(len(self.setup.apps))]
        drawn = expand(parts, rng, decided)
        known = player._state.journey or []
        steps = [step.dump() for step in drawn[_open_end(drawn, known, len(decided)) :]]
        value = {"at": max(0, len(known) - 1), "to": len(known), "steps": steps}
        with world.lock:
            remember_place(player, world.lock.cause or world.journal.outside())
            cause = attempt_for(player, None, "page_order")
            text = world.codec.encode(value)
            world.journal.fold_for(cause, "order", player.subject, "", text)

    def _order(self, player: Player, number: int) -> Sequence[Any]:
        """Return an app's page order for a player; the author's function is called once."""
        app = self.setup.apps[number]
        known = self._orders.get((player.name, number))
        if known is None:
            known = self._called(app, player) if callable(app.order) else app.order
            if app.landing_page:
                known = [_landing_page(app.name), *known]
            if callable(app.order):
                self._orders[player.name, number] = known
        return known

    def _called(self, app: App, player: Player) -> Sequence[Any]:
        lock, tried = self._world.lock, attempt_for(player, None, "page_order")
        before = lock.begin_step(tried)
        try:
            order = perform(partial(app.order, player))
        except BaseException as error:
            undo(self._world, tried)
            blame(error, tried)
            raise
        finally:
            lock.end_step(before)
        check_order(order, "page_order(player)")
        for page in pages_of(order):
            if page.app != app.name:
                page.belong_to(app.name)
            self.pages.setdefault(page.key, page)
        return list(order)


@cache
def _landing_page(app: str) -> type[Page]:
    """Return the page that an app with LANDING_PAGE = True begins with; always the same class."""

    class Landing(Page):
        template = '{% extends "uproot_nb/Landing.html" %}'

    Landing.belong_to(app)
    return Landing


def _open_end(drawn: Sequence[Step], known: Sequence[Any], decided: int) -> int:
    """Return the position in newly drawn steps from which they extend the known ones.

    That is the last decision. A page_order(player) that is called again after a restart may return
    other pages: the player's past steps stay, and the new ones count from that decision on.
    """
    places = [place for place, step in enumerate(drawn) if not step.page]
    if known and 0 < decided <= len(places):
        return places[decided - 1]
    return max(0, len(known) - 1)


def _check_names(page: type[Page]) -> None:
    """Refuse fields whose answers could not be stored, before anybody sees them."""
    fields, stealthy = getattr(page, "fields", None), getattr(page, "stealth_fields", ())
    if not isinstance(fields, Mapping) or callable(stealthy):
        return
    taken = [name for name in fields if name in reserved_names(Player) and name not in stealthy]
    if taken:
        raise BadPage(
            page.__name__,
            f"a field is named '{taken[0]}', which is a reserved name on players.",
            f"Rename it, for example to 'my_{taken[0]}'.",
        )


def _asks(page: type[Page]) -> bool:
    """Return whether a page has questions, live methods or a deadline."""
    questions = (getattr(page, name, None) for name in ("fields", "stealth_fields", "timeout"))
    return bool(page.live_methods) or any(questions)


def _key(stored: Any) -> str:
    return stored if isinstance(stored, str) else stored.get("page", "")


def _decides(stored: Any) -> bool:
    return not isinstance(stored, str) and "again" in stored


def _pending(stored: Any) -> bool:
    return stored["again"] is None
