"""WithheldLabels: labels with which a viewer could continue in a participant's place."""

from __future__ import annotations

from collections.abc import Iterator

from uproot_nb.engine.runtime import Runtime
from uproot_nb.experiment.entrance.ways_in import REFUSE, WayIn
from uproot_nb.log.erasing.format_words import format_words
from uproot_nb.log.erasing.names_in_texts import NamesInTexts
from uproot_nb.log.erasing.own_texts import OwnTexts
from uproot_nb.log.events import CHANGES, Event

__all__ = ["WithheldLabels"]

_WRITTEN = CHANGES | {
    "call", "chat", "client", "consent", "effect", "error", "input", "intervention", "late",
    "notify", "output", "submit", "timeout",
}  # fmt: skip
"""Kinds of events with what people and authors' code have written."""


class WithheldLabels:
    """Finds and hides the labels that let somebody in; used under the run's lock.

    Where a room, or a link with `label_from`, leads whoever gives a label to that label's place,
    every label of the session is hidden. Where all refuse, so are the labels of seats that were
    given away, as they let the next one in.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.are_keys = False
        """Whether a label leads to its place."""
        self._hidden: frozenset[str] = frozenset()
        self._names, self._texts = NamesInTexts(()), OwnTexts()

    def refresh(self) -> bool:
        """Look again; return whether labels have become keys, or are none any more."""
        were_keys, self.are_keys = self.are_keys, any(map(_leads_back, self._ways()))
        hidden = frozenset(self._all() if self.are_keys else self._of_free_seats())
        if hidden != self._hidden:
            self._hidden = hidden
            self._names, self._texts = NamesInTexts(hidden), OwnTexts(hidden)
        return self.are_keys != were_keys

    def shown(self, label: str | None) -> str:
        """Return a player's label; "" if it is hidden."""
        return "" if label is None or label in self._hidden else label

    def text(self, text: str) -> str:
        """Return a text with … in the place of hidden labels."""
        return self._names.hide(text)

    def value(self, event: Event) -> str:
        """Return an event's value as JSON without hidden labels."""
        if not self._hidden or event.kind not in _WRITTEN:
            return event.value
        if self._texts.clean_names(event.value) == event.value:
            return event.value
        # A participant may choose a word of the log's formats, which a replay needs.
        ours = self._hidden & set(format_words(event))
        texts = OwnTexts(self._hidden - ours) if ours else self._texts
        return texts.clean_names(event.value)

    def _ways(self) -> Iterator[WayIn]:
        """Yield the ways in by which labels count."""
        own = self._runtime.flow.newcomers.way_in
        if own.label_from:
            yield own
        rooms = map(self._runtime.rooms.get, self._runtime.world.state.rooms)
        yield from (room.way for room in rooms if room is not None)

    def _all(self) -> Iterator[str]:
        players = self._runtime.world.state.players.values()
        return (player.label for player in players if player.label)

    def _of_free_seats(self) -> set[str]:
        """Return the labels of rooms' own lists whose holders have all given up their places."""
        players = self._runtime.world.state.players.values()
        seated = [player for player in players if player.label and player.scope]
        free = {str(player.label) for player in seated if player.freed}
        return free - {player.label for player in seated if not player.freed}


def _leads_back(way: WayIn) -> bool:
    return way.returning != REFUSE
