"""The names of the chats between participants and the researcher."""

from __future__ import annotations

__all__ = ["RESEARCHER_CHAT", "name_of_chat"]

RESEARCHER_CHAT = "researcher_chat"
"""The tag of the models that are chats with the researcher."""


def name_of_chat(player: str) -> str:
    """Return the name of the model that is a player's chat with the researcher."""
    return f"{RESEARCHER_CHAT}.{player}"
