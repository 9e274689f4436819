"""OldPlace: where a player was before a hook moved them, to be put back there if it fails."""

from __future__ import annotations

from typing import Any

from uproot_nb.session.entities import Player
from uproot_nb.session.journal import Attempt
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import world_of

__all__ = ["PLACE_FIELDS", "OldPlace", "remember_place"]

PLACE_FIELDS = frozenset({"round", "round_nested", "block", "app", "between_showed"})
"""Players' fields for their place in the page order, which a move sets."""
_VISIT = (
    "position", "page", "entered", "nth", "deadline", "late", "settled", "settled_at", "touched",
    "idle", "ended", "entered_at", "entered_before", "page_before", "focus", "admitted", "unmet",
    "client_reports",
)  # fmt: skip
"""What the state has of a player's visit to a page."""
_OWNER = ("visit", "label", "cookies", "arrived_at", "online")
"""What changes in the state if somebody takes the place."""
_PASSED = "between:"
"""What the marks of places that a move has passed for the first time begin with."""


def remember_place(player: Player, cause: Cause) -> OldPlace | None:
    """Save where a player is, before an attempt moves them; None if *cause* is no attempt.

    Called under the lock, once more for each move: what counts is the first place.
    """
    if not isinstance(cause, Attempt) or not world_of(player).flow.undoes_moves:
        return None
    place = cause.places.get(player.subject)
    if not isinstance(place, OldPlace):
        place = cause.places[player.subject] = OldPlace(player)
    return place


class OldPlace:
    """A player's visit and page order as they were; the log gets them back as one more `enter`.

    The visit is the same as before: its form, its deadline and the hooks that have run all count.
    """

    def __init__(self, player: Player) -> None:
        state = player._state
        self._player, self._seq = player, world_of(player).state.seq
        self._visit = _copied(state, _VISIT)
        self._owner, self._claimed = _copied(state, _OWNER), state.claimed
        self._freed, self._journey = state.freed, state.journey
        self._entered = state.entered

    def note_entered(self) -> None:
        """Note that the attempt has moved the player."""
        self._entered = self._player._state.entered

    @property
    def is_left(self) -> bool:
        """Whether the player has gone on since, or somebody else has moved them."""
        state = self._player._state
        return state.entered != self._entered or state.freed != self._freed

    def put_back(self, cause: Cause) -> None:
        """Put the player back, unless they have gone on; called under the lock."""
        player, state = self._player, self._player._state
        if self.is_left:
            return
        was_seen = state.met > self._visit["entered"]
        self._shorten_order(cause)
        undone = {name: old for name, old in self._visit.items() if getattr(state, name) != old}
        if state.claimed and not self._claimed and _copied(state, _OWNER) == self._owner:
            undone["claimed"] = False
        if undone:
            self._enter_again(undone, cause)
            world_of(player).flow.note_put_back(player, cause, was_seen)

    def _enter_again(self, undone: dict[str, Any], cause: Cause) -> None:
        player, state, journal = self._player, self._player._state, world_of(self._player).journal
        encode = world_of(player).codec.encode
        if state.page is not None:
            left = encode({"position": state.position, "page": state.page})
            journal.fold_for(cause, "leave", player.subject, state.page, left)
        value = {name: self._visit[name] for name in ("position", "page", "nth")}
        passed = [
            what for what, seq in state.done.items() if seq > self._seq and what[:8] == _PASSED
        ]
        text = encode({**value, "undone": undone, **({"unmarked": passed} if passed else {})})
        journal.fold_for(cause, "enter", player.subject, value["page"] or "", text)

    def _shorten_order(self, cause: Cause) -> None:
        """Open the ends of the page order again that the attempt has decided."""
        player, now = self._player, self._player._state.journey or []
        old = self._journey or []
        if now == old:
            return
        pairs = enumerate(zip(old, now, strict=False))
        same = next((n for n, (a, b) in pairs if a != b), min(len(old), len(now)))
        value = {"at": same, "to": len(now), "steps": old[same:]}
        text = world_of(player).codec.encode(value)
        world_of(player).journal.fold_for(cause, "order", player.subject, "", text)


def _copied(state: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Return some of a player's state; what it holds is replaced there, and never changed."""
    values = {name: getattr(state, name) for name in names}
    return {n: dict(v) if isinstance(v, dict) else v for n, v in values.items()}
