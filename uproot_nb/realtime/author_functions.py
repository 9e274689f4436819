"""Author functions: notify, players, move_to_page and others that reach participants."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from uproot_nb.errors import UprootError, WrongRecipient
from uproot_nb.experiment.exits import Exit, name_of_exit
from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.experiment.pages import Page
from uproot_nb.session.entities import Group, Player, Session
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.services import Where
from uproot_nb.session.world import World, world_here, world_of

__all__ = [
    "leave", "move_to_end", "move_to_page", "notify", "other_in_group", "other_in_session",
    "others_in_group", "others_in_session", "players", "redirect", "reload", "send_to",
    "send_to_one", "spawn",
]  # fmt: skip


def players(of: Session | Group) -> Bunch[Player]:
    """Return the players of a session or group, in order.

    for player in players(session):
        player.cash = 10
    """
    if not isinstance(of, (Session, Group)):
        raise TypeError(f"players() takes a session or a group, not {type(of).__name__}.")
    return of.players


def other_in_group(player: Player) -> Player:
    """Return the one other member of the player's group of two."""
    return player.other_in_group


def others_in_group(player: Player) -> Bunch[Player]:
    """Return the other members of the player's group."""
    return player.others_in_group


def other_in_session(player: Player) -> Player:
    """Return the one other player of a session of two."""
    return player.other_in_session


def others_in_session(player: Player) -> Bunch[Player]:
    """Return all other players in the session."""
    return player.others_in_session


def notify(
    sender: Player,
    recipients: Any,
    data: Any = None,
    *,
    event: str | None = None,
    where: Where = None,
) -> None:
    """Push *data* to the recipients who are on the sender's page.

        notify(player, players(player.session), price, event="NewOffer")

    In the page: `uproot.onCustomEvent("NewOffer", (e) => show(e.detail.data))`, or
    `uproot.receive = (data) => …` without an event. It is sent after the commit, and reaches each
    page exactly once.

    Args:
        recipients: a player, an identifier, a bunch, or any iterable of these.
        where: `...` for any page, or a page class or position.

    Raises:
        WrongRecipient: something among the recipients is not a player of this session.
        TooLarge: *data* has more than 2 MB as JSON.
    """
    if not isinstance(sender, Player):
        raise WrongRecipient(sender)
    world_of(sender).delivery.notify(sender, recipients, data, event, where)


def send_to(
    recipients: Any, data: Any = None, *, event: str | None = None, where: Where = ...
) -> None:
    """Push *data* without a sender, from a background task or a cell; by default to any page."""
    named, world = _listed(recipients)
    if world is not None:
        world.delivery.notify(None, named, data, event, where)


def send_to_one(
    player: Player, data: Any = None, *, event: str | None = None, where: Where = ...
) -> None:
    """Push *data* to one player, without a sender."""
    if not isinstance(player, Player):
        raise WrongRecipient(player)
    send_to(player, data, event=event, where=where)


def _listed(recipients: Any) -> tuple[list[Any], World | None]:
    if isinstance(recipients, (Player, PlayerIdentifier)):
        recipients = [recipients]
    if isinstance(recipients, (str, bytes, dict)):
        raise WrongRecipient(recipients)
    try:
        named = list(recipients)
    except TypeError:
        raise WrongRecipient(recipients) from None
    player = next((one for one in named if isinstance(one, Player)), None)
    world = world_here() if player is None else world_of(player)
    if named and world is None:
        raise WrongRecipient(named[0])
    return named, world


def reload(player: Player) -> None:
    """Reload the page in the player's browser."""
    world_of(player).delivery.act(player, "reload")


def redirect(player: Player, url: str) -> None:
    """Send the player's browser to another address (http, https, or relative)."""
    scheme = url.partition(":")[0].lower() if ":" in url.partition("/")[0] else ""
    if scheme not in ("", "http", "https"):
        raise UprootError(f"redirect() to {url!r}: only http and https addresses are allowed.")
    world_of(player).delivery.act(player, "redirect", url=url)


def move_to_page(player: Player, page: type[Page] | int) -> None:
    """Move the player to a page of the page order; an open browser follows."""
    flow = world_of(player).flow
    with player._world.lock:
        flow.move_to(player, flow.position_of(player, page))


def move_to_end(player: Player) -> None:
    """Move the player past the last page; an open browser follows."""
    flow = world_of(player).flow
    with player._world.lock:
        flow.move_to(player, flow.end_of(player))


def leave(player: Player, exit: str | Exit) -> None:
    """End the player's participation by an exit, such as "screened"; an open browser follows.

        def after_once(page, player):
            if player.age < 18:
                leave(player, "screened")

    From then on, `player.ended_as` says so. Nothing happens if the participation has already
    ended: a player who has finished does not become a dropout by closing the last page.

    Args:
        exit: "done", "declined", "screened", "lobby", "dropout", "timeout", "full", or a name of
            your own.

    Raises:
        BadExit: it cannot be the name of an exit.
    """
    if not isinstance(player, Player):
        raise WrongRecipient(player)
    world_of(player).flow.leave(player, name_of_exit(exit))


def spawn(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Run a coroutine in the background from a live method or hook.

    Its errors are shown to the researcher; it ends with the run. In a cell use `run.spawn`.

        @live
        async def start_clock(page, player):
            spawn(ring_later(player.session))
    """
    world = world_here()
    if world is None:
        coroutine.close()
        raise UprootError(
            "spawn() was called outside a live method or hook, so it does not know the run.\n"
            "In a cell, write run.spawn(coroutine)."
        )
    return world.runtime.tasks.spawn(coroutine)
