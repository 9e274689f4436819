"""Hands: participants who ask the researcher to come, with a button on their pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from uproot_nb.errors import Refused
from uproot_nb.experiment.live import live
from uproot_nb.experiment.pages import Page
from uproot_nb.log.chat_rows import name_of_chat
from uproot_nb.realtime.chat import TOO_FAST, unopened_chat
from uproot_nb.realtime.researcher_chat import researcher_chat
from uproot_nb.session.entities import Player
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.world import World, world_of

__all__ = [
    "HAND_METHODS", "PUSHED_HAND", "TEXTS", "hand_functions", "is_offered", "lower_hand",
    "players_with_hands",
]  # fmt: skip

PUSHED_HAND = "_uproot_hand"
"""The event with which a page hears whether its participant's hand is up."""
SECONDS_BETWEEN = 1.0
"""Between two changes of a hand by its participant."""

TEXTS = (
    "Raise your hand",
    "Lower your hand",
    "Your hand is raised. Somebody will help you soon.",
    "This did not go through. Please try again.",
)
"""The texts of `templates/Hand.html`, translated by `_()`."""

NOT_HERE = "This action is not available on this page."


def is_offered(world: World, page: type[Page] | None) -> bool:
    """Return whether participants can raise their hands on a page."""
    return page is not None and (world.offers_help or page.ask_for_help)


@live
def hand_set(page: Any, player: Player, up: bool) -> bool:
    """Take that a participant has raised or lowered a hand; return whether it is up.

    Raising opens the thread with the researcher. Whoever has it up already changes nothing.
    """
    world = world_of(player)
    if not is_offered(world, page):
        raise Refused(NOT_HERE)
    if bool(player._state.hand) != up:
        if world.journal.clock() - player._state.hand_moved < SECONDS_BETWEEN:
            raise Refused(TOO_FAST)
        if up:
            researcher_chat(player)
        _write(player, up)
    return up


def hand_functions(world: World, player: Player) -> dict[str, Callable[..., Markup]]:
    """Return the template function `uproot_hand()`, which shows the button where it is offered."""
    from jinja2 import pass_context  # lazy: only needed to show pages
    from jinja2.runtime import Context  # lazy: as above

    @pass_context
    def uproot_hand(context: Context) -> Markup:
        if not is_offered(world, context.get("page")):
            return Markup()
        name = name_of_chat(player.name)
        thread = unopened_chat(context, name) if world.models.get(name) is None else ""
        template = context.environment.get_template("uproot_nb/Hand.html")
        raised, translate = bool(player._state.hand), context.resolve("_")
        return Markup(template.render(raised=raised, chat=name, thread=thread, _=translate))

    return {"uproot_hand": uproot_hand}


HAND_METHODS = {PUSHED_HAND: hand_set}
"""Live methods of every page."""


def lower_hand(player: Player) -> None:
    """Lower a hand that is up; the participant's pages show it."""
    if player._state.hand:
        _write(player, False)


def players_with_hands(world: World) -> Bunch[Player]:
    """Return the players whose hands are up, the first to raise it first."""
    with world.lock:
        players = [player for player in world.players() if player._state.hand]
        return Bunch(sorted(players, key=lambda player: player._state.hand))


def _write(player: Player, up: bool) -> None:
    world = world_of(player)
    with world.lock:
        world.journal.fold("hand", player.subject, "", "true" if up else "false")
        if world.is_served:
            world.delivery.notify(None, [player], {"up": up}, PUSHED_HAND, ...)
