"""ChatRow: one message of a chat between a participant and the researcher, as the log has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.log.chat_names import RESEARCHER_CHAT, name_of_chat
from uproot_nb.log.codec import Codec
from uproot_nb.log.state import State

__all__ = ["RESEARCHER_CHAT", "ChatRow", "chat_rows", "name_of_chat", "players_with_chats"]


class ChatRow(NamedTuple):
    """One message: when, in whose chat, who wrote it ("player", "researcher" or a name), what."""

    time: float
    player: str
    sender: str
    text: str


def players_with_chats(state: State) -> list[str]:
    """Return the names of the players who have a chat with the researcher, in their order."""
    return [name for name in state.players if f"model/{name_of_chat(name)}" in state.fields]


def chat_rows(state: State, codec: Codec, player: str) -> Iterator[ChatRow]:
    """Yield the messages of a player's chat with the researcher, oldest first."""
    for record in json.loads(state.text(f"model/{name_of_chat(player)}", "entries")):
        message = codec.decode(record["fields"])
        sender = message["sender"]
        wrote = "player" if isinstance(sender, PlayerIdentifier) else sender or "researcher"
        yield ChatRow(record["time"], player, wrote, message["text"])
