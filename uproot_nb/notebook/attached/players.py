"""AttachedPlayer: a player of a run elsewhere, as of the moment when it was read."""

from __future__ import annotations

from typing import Any, NoReturn

from uproot_nb.errors import UnknownField, UprootError
from uproot_nb.experiment.identifiers import PlayerIdentifier
from uproot_nb.log.player_status import ended_as
from uproot_nb.log.state import State

__all__ = ["AttachedPlayer"]

_MISSING = object()


class AttachedPlayer:
    """A player of a run elsewhere, as it was when `run.players` was read.

        ann = run.players[0]
        ann.page, ann.online, ann.contribution
        run.set(ann, contribution=3)

    Fields are read by their names, or with `get`. Read `run.players` again to see what has changed.
    """

    __slots__ = (
        "_codec", "_texts", "ended_as", "group", "has_dropped_out", "id", "label", "member_id",
        "name", "online", "page", "session",
    )  # fmt: skip

    def __init__(self, session: str, name: str, state: State) -> None:
        player, subject = state.players[name], f"player/{name}"
        put = super().__setattr__
        put("session", session)
        put("name", name)
        put("id", player.id)
        put("label", player.label)
        put("page", player.page)
        put("online", player.online)
        put("group", player.group)
        put("member_id", player.member_id)
        put("has_dropped_out", player.dropped)
        put("ended_as", ended_as(player))
        put("_codec", state.codec)
        put("_texts", {field: state.text(subject, field) for field in state.names(subject)})

    def get(self, field: str, default: Any = None) -> Any:
        """Return a field's value, or *default* if it is not set."""
        text = self._texts.get(field)
        if text is not None:
            return self._codec.decode(text)
        return getattr(self, field) if field in self.__slots__ else default

    def fields(self) -> dict[str, Any]:
        """Return every field that is set, by name."""
        return {field: self._codec.decode(text) for field, text in self._texts.items()}

    def __getattr__(self, field: str) -> Any:
        if field.startswith("_"):
            raise AttributeError(field)
        value = self.get(field, _MISSING)
        if value is _MISSING:
            raise UnknownField(f"player/{self.name}", field)
        return value

    def __setattr__(self, field: str, value: Any) -> NoReturn:
        raise UprootError(
            f"player/{self.name} is served elsewhere, and is read-only here.\n"
            f"Write run.set(player, {field}=…)."
        )

    def __invert__(self) -> PlayerIdentifier:
        return PlayerIdentifier(self.session, self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AttachedPlayer) and ~other == ~self

    def __hash__(self) -> int:
        return hash(~self)

    def __repr__(self) -> str:
        return f"<AttachedPlayer {self.name} of {self.session}>"
