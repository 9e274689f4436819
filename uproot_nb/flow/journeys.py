"""Journeys: each player's own page order, decided on the way and kept in the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from uproot_nb.errors import BadPage, UprootError
from uproot_nb.experiment.order import Step, check_order, expand, pages_of
from uproot_nb.experiment.pages import Page
from uproot_nb.experiment.setup import App, Setup
from uproot_nb.flow.hooks import attempt_for, blame, undo
from uproot_nb.session.entities import Player, reserved_names
from uproot_nb.session.steps import perform
from uproot_nb.session.world import World

__all__ = ["Journeys"]


class Journeys:
    """Knows every page of a session by its key, and each player's steps.

    A journey is drawn from the session's seed when the player sets out, and goes on being drawn
    where a `Repeat` or the next app begins. The log keeps what came out.
    """

    def __init__(self, world: World, setup: Setup) -> None:
        self._world = world
        self.pages: dict[str, type[Page]] = {}
        self.failed: set[str] = set()
        """Players who see the page for when an author's code has failed."""
        self._orders: dict[tuple[str, int], Sequence[Any]] = {}
        self.adopt(setup)

    def adopt(self, setup: Setup) -> None:
        """Use these apps from now on; journeys that have begun keep the steps they have."""
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
        """Return the player's steps as the log keeps them, beginning the journey if need be."""
        journey = player._state.journey
        if journey is None:
            self._extend(player, [])
            journey = player._state.journey or []
        return journey

    def step(self, player: Player, position: int) -> Step | None:
        """Return the step at a position; None past the last."""
        steps = self.steps(player)
        return Step.load(steps[position]) if 0 <= position < len(steps) else None

    def page(self, player: Player, position: int) -> type[Page] | None:
        """Return the page at a position; None where there is none."""
        steps = player._state.journey or []
        if not 0 <= position < len(steps):
            return None
        kept = steps[position]
        key = kept if isinstance(kept, str) else kept.get("page", "")
        if not key:
            return None
        try:
            return self.pages[key]
        except KeyError:
            raise UprootError(
                f"player/{player.name} is to see the page '{key}', which is nowhere defined.\n"
                "Run the cell that defines it and serve again."
            ) from None

    def decide(self, player: Player, again: bool) -> None:
        """Go on with the journey at its open end."""
        steps = self.steps(player)
        decided = [s["again"] for s in steps if _decides(s) and s["again"] is not None]
        self._extend(player, [*decided, again])

    def is_open(self, player: Player, position: int) -> bool:
        """Tell whether something is to be decided at a position before the journey goes on."""
        steps = self.steps(player)
        return (
            position == len(steps) - 1 and _decides(steps[position]) and _pending(steps[position])
        )

    def repeats(self, player: Player, position: int) -> bool:
        """Tell whether what is to be decided at a position is if a `Repeat` goes on."""
        return "app" not in self.steps(player)[position]

    def finish(self, player: Player) -> int:
        """Decide everything that is open against going on, and return the end's position."""
        while self.is_open(player, len(self.steps(player)) - 1):
            self.decide(player, again=False)
        return len(self.steps(player))

    # ---- finding pages ----

    def nth(self, player: Player, position: int) -> int:
        """Return how often the page at a position stands before it."""
        steps = self.steps(player)
        if not 0 <= position < len(steps):
            return 0
        key = _key(steps[position])
        return sum(1 for kept in steps[:position] if _key(kept) == key)

    def place(self, player: Player, key: str, nth: int) -> int | None:
        """Return the position of a page's nth place in a journey; None if it has no such place."""
        seen = 0
        for position, kept in enumerate(player._state.journey or []):
            if _key(kept) == key:
                if seen == nth:
                    return position
                seen += 1
        return None

    def find(self, player: Player, page: type[Page] | int) -> int:
        """Return where a page stands for a player: the next such place, else the last before.

        Raises:
            UprootError: it stands nowhere in the player's journey.
        """
        if isinstance(page, int) and not isinstance(page, bool):
            return self._checked(player, page)
        if not (isinstance(page, type) and issubclass(page, Page)):
            raise UprootError(f"{page!r} is not a page.\nGive a page class or its position.")
        while True:
            steps = self.steps(player)
            places = [at for at, kept in enumerate(steps) if _key(kept) == page.key]
            later = [at for at in places if at > player.position]
            if later or places:
                return later[0] if later else places[-1]
            if not self.is_open(player, len(steps) - 1):
                break
            self.decide(player, again=False)
        raise UprootError(
            f"{page.__name__} is not in the page order of player/{player.name}.\n"
            "Add it to page_order, or choose a page that is there."
        )

    def _checked(self, player: Player, position: int) -> int:
        if self.page(player, position) is not None:
            return position
        raise UprootError(
            f"There is no page at position {position} for player/{player.name}; there are "
            f"{len(self.steps(player))}.\n"
            "Positions count from 0. For the end, call move_to_end(player)."
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
            cause = attempt_for(player, None, "page_order")
            text = world.codec.encode(value)
            world.journal.fold_for(cause, "order", player.subject, "", text)

    def _order(self, player: Player, number: int) -> Sequence[Any]:
        """Return an app's page order for a player; asked for once."""
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
    """Return where in newly drawn steps the known ones go on: at the decision made last.

    A page_order(player) that is asked again after a restart may say something else by then. What
    the player has behind them stays, and the rest is taken from that decision on.
    """
    places = [place for place, step in enumerate(drawn) if not step.page]
    if known and 0 < decided <= len(places):
        return places[decided - 1]
    return max(0, len(known) - 1)


def _check_names(page: type[Page]) -> None:
    """Refuse fields whose answers could not be kept, before anybody sees them."""
    fields, stealthy = getattr(page, "fields", None), getattr(page, "stealth_fields", ())
    if not isinstance(fields, Mapping) or callable(stealthy):
        return
    taken = [name for name in fields if name in reserved_names(Player) and name not in stealthy]
    if taken:
        raise BadPage(
            page.__name__,
            f"a field is named '{taken[0]}', which uproot_nb keeps for itself on players.",
            f"Name it 'my_{taken[0]}', for example.",
        )


def _key(kept: Any) -> str:
    return kept if isinstance(kept, str) else kept.get("page", "")


def _decides(kept: Any) -> bool:
    return not isinstance(kept, str) and "again" in kept


def _pending(kept: Any) -> bool:
    return kept["again"] is None
