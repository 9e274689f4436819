"""The chat between one participant and the researcher."""

from __future__ import annotations

from uproot_nb.errors import WrongRecipient
from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.log.chat_rows import RESEARCHER_CHAT, name_of_chat
from uproot_nb.realtime.chat import HOST, MEMBERS, PUSHED_REPLIES, REPLIES, RESEARCHER
from uproot_nb.session.entities import Player
from uproot_nb.session.model import Model
from uproot_nb.session.world import World, world_here, world_of

__all__ = ["find_researcher_chat", "may_reply", "researcher_chat", "set_replies"]


def researcher_chat(player: Player | PlayerIdentifier, *, replies: bool | None = None) -> Model:
    """Return a player's chat with the researcher; the first call creates it.

        def new_player(player):
            researcher_chat(player)

    It is at the end of each of the player's pages, or where a template has
    `{{ chat(player.help) }}`, if you store it: `player.help = researcher_chat(player)`. Answer
    with `run.answer(player, "…")` or in the monitor; `run.chats` has the messages.

    Args:
        replies: whether the player may write, too; by default yes, or as set before.
    """
    world = _world_of(player)
    with world.lock:
        found = find_researcher_chat(player) or _create(world, world.find_player(player))
        if replies is not None:
            set_replies(found, replies)
        return found


def find_researcher_chat(player: Player | PlayerIdentifier) -> Model | None:
    """Return a player's chat with the researcher; None if there is none yet."""
    world = _world_of(player)
    return world.models.get(name_of_chat(world.find_player(player).name))


def may_reply(chat: Model | None) -> bool:
    """Return whether the player may write in a chat with the researcher."""
    return chat is not None and bool(chat.get(REPLIES))


def set_replies(chat: Model, replies: bool) -> None:
    """Open or close a chat for what its player writes; open pages follow."""
    world = world_of(chat)
    with world.lock:
        if chat.get(REPLIES) == replies:
            return
        chat._set(REPLIES, replies)
        if world.is_served:
            state = {"chat": chat.name, "open": replies}
            world.delivery.notify(None, list(chat._read(MEMBERS)), state, PUSHED_REPLIES, ...)


def _create(world: World, player: Player) -> Model:
    made = world.models.create(RESEARCHER_CHAT, name_of_chat(player.name))
    for field, value in ((MEMBERS, {player.name: ""}), (HOST, RESEARCHER), (REPLIES, True)):
        made._set(field, value)
    return made


def _world_of(player: Player | PlayerIdentifier) -> World:
    if isinstance(player, Player):
        return world_of(player)
    world = world_here()
    if not isinstance(player, PlayerIdentifier) or world is None:
        raise WrongRecipient(player)
    return world
