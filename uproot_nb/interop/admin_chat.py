"""Admin chat: the chat with the researcher, by the framework's names."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.interop.dialect import calling_world, identify
from uproot_nb.interop.virtual_fields import page_order_of
from uproot_nb.realtime import chat, researcher_chat
from uproot_nb.session.entities import Player
from uproot_nb.session.model import Model

__all__ = [
    "adminchat_can_reply", "adminchat_event", "adminchat_for_player", "adminchat_reply_state",
    "ensure_adminchat", "is_adminchat", "notify_adminchat", "set_adminchat_replies",
    "show_adminchat_msg",
]  # fmt: skip

PREVIEW = 80
"""Characters of the last message in a summary."""

Participant = Player | PlayerIdentifier


def ensure_adminchat(pid: Participant) -> Model:
    """Return a player's chat with the researcher; in a new one only the researcher writes."""
    found = adminchat_for_player(pid)
    return researcher_chat.researcher_chat(pid, replies=False) if found is None else found


def adminchat_for_player(pid: Participant) -> Model | None:
    """Return a player's chat with the researcher; None if there is none yet."""
    return researcher_chat.find_researcher_chat(pid)


def is_adminchat(chat_: Any) -> bool:
    """Return whether a chat is one with the researcher."""
    chat.messages(chat_)  # raises for what is no chat
    found = calling_world().models.get(identify(chat_).name)
    return found is not None and found.get(chat.HOST) is not None


def adminchat_reply_state(pid: Participant) -> bool:
    """Return whether a player may write to the researcher."""
    return researcher_chat.may_reply(adminchat_for_player(pid))


def adminchat_can_reply(as_viewed_by: Participant | None) -> bool | None:
    """Return whether a player may write to the researcher; None for the researcher."""
    return None if as_viewed_by is None else adminchat_reply_state(as_viewed_by)


def set_adminchat_replies(pid: Participant, enabled: bool) -> dict[str, Any]:
    """Let a player write to the researcher, or no more; return a summary of the chat."""
    researcher_chat.set_replies(ensure_adminchat(pid), bool(enabled))
    return adminchat_event(pid, kind="state")


def show_adminchat_msg(
    chat_: Any,
    id: UUID,
    time: float | None,
    msg: chat.Message,
    as_viewed_by: Participant | None = None,
) -> dict[str, Any]:
    """Return what somebody sees of a message; without `as_viewed_by`, what the researcher sees."""
    return {
        "id": id, "cname": identify(chat_).mname, "time": time, "text": msg.text,
        "sender": _sender(msg.sender, as_viewed_by),
        "can_reply": adminchat_can_reply(as_viewed_by),
    }  # fmt: skip


def adminchat_event(
    pid: Participant, *, kind: str, message: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a summary of a player's chat with the researcher, and of where the player is."""
    found = ensure_adminchat(pid)
    player = calling_world().find_player(pid)
    where = {
        "uname": player.name, "label": player.label or "", "id": player.id,
        "show_page": player.show_page, "page_order": page_order_of(player),
        "page": player.page,
    }  # fmt: skip
    return {
        "kind": kind, "uname": player.name, "chat": _summary(found), "player": where,
        "message": message,
    }  # fmt: skip


async def notify_adminchat(mid: Any, msg_id: UUID, pid: Any, player: Any, msgtext: str) -> None:
    """Do nothing: add_message shows the message; apps of the framework call this after it."""
    await chat.notify(mid, msg_id, pid, player, msgtext)


def _sender(sender: Any, viewer: Any) -> tuple[str, str]:
    if sender is None:
        return "admin", ""
    if isinstance(sender, str):
        return "other", sender
    is_own = viewer is not None and sender == identify(viewer)
    return ("self" if is_own else "other"), sender.name


def _summary(found: Model) -> dict[str, Any]:
    written = chat.messages(found)
    last = written[-1] if written else None
    return {
        "chat_id": found.name, "enabled": researcher_chat.may_reply(found),
        "has_messages": bool(written), "message_count": len(written),
        "last_message_at": last and last.time,
        "last_sender": last and ("admin" if last.entry.sender is None else "player"),
        "last_message_text": last and _shortened(last.entry.text),
    }  # fmt: skip


def _shortened(text: str) -> str:
    return text if len(text) <= PREVIEW else f"{text[:PREVIEW]}…"
