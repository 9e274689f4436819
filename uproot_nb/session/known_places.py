"""KnownPlaces: which place a label or a browser already has."""

from __future__ import annotations

from uproot_nb.experiment.entrance.labels import LabelIndex
from uproot_nb.log.events import Event
from uproot_nb.session.entities import Player
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["KnownPlaces"]

_KINDS = ("join", "arrive", "return")


class KnownPlaces:
    """Finds the place of somebody who comes back; used under the run's lock.

    A label identifies a person, but one of a room's own list a seat: it counts only there.
    A browser is known by a cookie. The log has only a mark of it, by which nobody can come back.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._labels: dict[str, LabelIndex] = {}
        self._by_label: dict[tuple[str, str], str] = {}
        self._by_cookie: dict[str, str] = {}
        self._note_all()
        for kind in _KINDS:
            world.journal.watch(kind, self._handle)
        world.journal.watch("erase", lambda event: self._note_all())

    def labeled(self, label: str, any_case: bool, scope: str = "") -> Player | None:
        """Return the player who has a label; None if there is none.

        Args:
            any_case: also find it in other letters, if only one fits.
            scope: the room whose own list has the label; "" if the label identifies a person.
        """
        known = self._labels.get(scope)
        found = known.find(label) if any_case and known is not None else label
        return self._find(self._by_label.get((scope, found or "")))

    def of_browser(self, cookie: str) -> Player | None:
        """Return the player whose browser has a cookie; None if there is none."""
        mark = self._world.cookie_mark(cookie) if cookie else ""
        return self._find(self._by_cookie.get(mark))

    def remember(self, player: Player, cookie: str) -> None:
        """Log that a browser belongs to a player, unless it is known."""
        world = self._world
        with world.lock:
            if not cookie or self.of_browser(cookie) is player:
                return
            cause = Cause(player.name, "", "return", "")
            text = world.codec.encode({"cookie": world.cookie_mark(cookie)})
            world.journal.fold_for(cause, "return", player.subject, "", text)

    def _find(self, name: str | None) -> Player | None:
        return None if name is None else self._world.player(name)

    def _note_all(self) -> None:
        """Know the players there are, and nothing of those who were erased."""
        for known in (self._labels, self._by_label, self._by_cookie):
            known.clear()
        for name in self._world.state.players:
            self._note(name)

    def _handle(self, event: Event) -> None:
        self._note(event.subject.partition("/")[2])

    def _note(self, name: str) -> None:
        players = self._world.state.players
        player = players[name]
        if player.label:
            key = player.scope, player.label
            self._labels.setdefault(player.scope, LabelIndex()).add(player.label)
            holder = self._by_label.setdefault(key, name)
            if players[holder].freed:  # the place was given to another
                self._by_label[key] = name
        for mark in player.cookies:
            self._by_cookie[mark] = name
