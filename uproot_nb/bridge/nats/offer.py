"""Offer: what a kernel offers to each gateway, even to one that starts later."""

from __future__ import annotations

from uproot_nb.bridge.messages import (
    AddPlayers,
    BridgeMessage,
    CloseRoom,
    CloseSession,
    OpenRoom,
    OpenSession,
    Presence,
    ServeFiles,
    SetState,
)

__all__ = ["Offer"]


class Offer:
    """The messages that open a session at a gateway, as they are at present.

    offer.note(OpenSession(...)); offer.note(SetState(key, "paused"))
    offer.messages()      # the session, paused, its rooms, and that it serves files
    """

    def __init__(self) -> None:
        self._session: OpenSession | None = None
        self._rooms: dict[str, OpenRoom] = {}
        self._files: dict[str, ServeFiles] = {}
        self._presence: list[Presence] = []

    def note(self, message: BridgeMessage) -> None:
        """Note what changes for gateways that start later."""
        match message:
            case OpenSession():
                self._session = _copy(message, dict(message.tokens), message.state)
                self._rooms.clear()
            case AddPlayers() if self._session is not None:
                self._session.tokens.update(message.tokens)
            case SetState() if self._session is not None:
                if message.state != self._session.state:
                    self._session = _copy(self._session, self._session.tokens, message.state)
            case OpenRoom():
                self._rooms[message.name] = message
            case CloseRoom():
                self._rooms.pop(message.name, None)
            case ServeFiles():
                self._files[message.key] = message
            case Presence():
                self._presence = [message]
            case CloseSession():
                self._session = None
                self._files.clear()

    def messages(self) -> list[BridgeMessage]:
        """Return what a gateway is sent first; nothing while no session is open."""
        if self._session is None:
            return []
        rooms, files = self._rooms.values(), self._files.values()
        return [self._session, *rooms, *files, *self._presence]

    def presence(self, participants: int, sockets: int, gateways: int) -> Presence | None:
        """Return the news of who is connected; None if there is none, or no session is open."""
        if self._session is None:
            return None
        news = Presence(self._session.session, participants, sockets, gateways)
        return None if [news] == self._presence else news


def _copy(message: OpenSession, tokens: dict[str, str], state: str) -> OpenSession:
    return OpenSession(
        message.session, message.name, message.join_secret, state, tokens, message.origin
    )
