"""Chat views: what a participant sees of a message, as the framework's apps ask for it."""

from __future__ import annotations

import hashlib
import string
from typing import Any
from uuid import UUID

from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.interop.dialect import calling_world, identify
from uproot_nb.realtime import chat
from uproot_nb.session.entities import Player

__all__ = ["anonymize", "has_messages", "show_msg"]

LENGTH = 6


def anonymize(s: str) -> str:
    """Return six letters and digits for a name, the same ones throughout the session."""
    signs = string.ascii_uppercase + string.digits
    number = int.from_bytes(hashlib.blake2b(s.encode(), key=calling_world().visit_key).digest())
    drawn = signs[number % 26]  # a letter first
    for _ in range(LENGTH - 1):
        number //= len(signs)
        drawn += signs[number % len(signs)]
    return drawn


def has_messages(chat_: Any) -> bool:
    """Return whether anybody has written in a chat."""
    return bool(chat.messages(chat_))


def show_msg(
    chat_: Any,
    id: UUID,
    time: float | None,
    msg: chat.Message,
    as_viewed_by: Player | PlayerIdentifier | None = None,
) -> dict[str, Any]:
    """Return what somebody sees of a message: `sender` is ("self" or "other" or "admin", name)."""
    return {
        "id": id, "cname": identify(chat_).mname, "time": time, "text": msg.text,
        "sender": _sender(chat_, msg.sender, as_viewed_by),
    }  # fmt: skip


def _sender(chat_: Any, sender: Any, viewer: Any) -> tuple[str, str]:
    if sender is None:
        return "admin", ""
    if isinstance(sender, str):
        return "other", sender
    shown = chat.pseudonym_of(chat_, sender) or anonymize(str(sender))
    if viewer is None:
        return "other", f'{sender} ("{shown}")'
    return ("self" if sender == identify(viewer) else "other"), shown
