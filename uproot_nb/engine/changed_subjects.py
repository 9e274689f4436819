"""ChangedSubjects: which players, groups and other subjects have changed since somebody looked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson

from uproot_nb.log.events import Event

__all__ = ["ChangedSubjects", "Written"]


class Written(Protocol):
    """What writes a session's events, as the journal."""

    seq: int
    listeners: list[Callable[[Event], None]]


class Folded(Protocol):
    """The state of a session."""

    @property
    def players(self) -> Mapping[str, Any]:
        """The players by name."""

    @property
    def groups(self) -> Mapping[str, Any]:
        """The groups by name, each with its `members`."""


class ChangedSubjects:
    """Remembers when each subject changed last; an event costs the same however many there are.

        seen = journal.seq
        …
        changes.since(seen)      # ["player/ann", "session"]

    It begins with the first question, so that a run which nobody watches pays nothing.
    """

    def __init__(self, journal: Written, state: Folded) -> None:
        self._journal, self._state = journal, state
        self._at: dict[str, int] = {}
        """The seq of each subject's last event; the latest stand last."""
        self._begun = 0

    def since(self, seq: int) -> list[str]:
        """Return the subjects of events after *seq*, the latest first; used under the run's lock.

        All that are older than the first question count as changed.
        """
        if not self._begun:
            self._begin()
        if seq < self._begun:
            return self._everything()
        found = []
        for subject in reversed(self._at):
            if self._at[subject] <= seq:
                break
            found.append(subject)
        return found

    def _begin(self) -> None:
        self._begun = self._journal.seq
        self._journal.listeners.append(self._note)

    def _everything(self) -> list[str]:
        state = self._state
        players = [f"player/{name}" for name in state.players]
        return [*players, *(f"group/{name}" for name in state.groups), "session"]

    def _note(self, event: Event) -> None:
        subject = event.subject
        self._at.pop(subject, None)
        self._at[subject] = event.seq
        if event.kind == "group":
            self._note_members(event)

    def _note_members(self, event: Event) -> None:
        """Note those who were in a group until now, and those who are from now on."""
        group = self._state.groups.get(event.subject.partition("/")[2])
        before = group.members if group is not None else []
        for name in {*before, *orjson.loads(event.value)["members"]}:
            self._at.pop(f"player/{name}", None)
            self._at[f"player/{name}"] = event.seq
