"""Interventions: what a researcher does to players by hand, each logged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from uproot_nb.errors import ClosedRun, UprootError
from uproot_nb.flow.dropouts import Dropouts
from uproot_nb.flow.flow import Flow
from uproot_nb.flow.unanswered import Unanswered, answers_for, unanswered_by
from uproot_nb.realtime.chat import add_message
from uproot_nb.realtime.delivery import Delivery
from uproot_nb.realtime.researcher_chat import researcher_chat
from uproot_nb.session.entities import Player, reserved_names
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["LONGEST_MESSAGE", "Interventions"]

LONGEST_MESSAGE = 2_000
"""Characters of a message to participants."""

Change = Callable[[Player], None]


class Interventions:
    """Carries out a researcher's interventions, for all given players or for none.

    Each player's `intervention` event is written before the change, in the same commit; browsers
    follow after the commit. Cells, threads and the monitor may call.
    """

    def __init__(self, world: World, flow: Flow, delivery: Delivery, dropouts: Dropouts) -> None:
        self._world, self._flow = world, flow
        self._delivery, self._dropouts = delivery, dropouts

    def advance(
        self,
        players: Any,
        cause: Cause | None = None,
        defaults: bool | Mapping[str, Any] | None = None,
    ) -> Bunch[Player]:
        """Move players to the next place of their page order; those who have finished stay.

        With *defaults*, unanswered fields of their pages are set first.
        """
        journeys = self._flow.journeys

        def may_advance(player: Player) -> bool:
            return player.position < len(journeys.steps(player))

        with self._world.lock:
            if defaults is not None and defaults is not False:
                given = defaults if isinstance(defaults, Mapping) else {}
                asked = self._asked_of(self._named(players, "advance"))
                answers = answers_for(self.unanswered(players), given, asked)
                for _, values in answers:
                    self._check_fields(values)
                for player, values in answers:
                    self.set(player, values, cause)
            return self._move("advance", players, lambda p: p.position + 1, cause, may_advance)

    def _asked_of(self, players: Iterable[Player]) -> list[str]:
        """Return the names of the fields of players' pages, as far as they are known."""
        at = self._flow.journeys.page
        pages = dict.fromkeys(at(player, player.position) for player in players)
        fields_of = self._flow.forms.fields_of
        return list(dict.fromkeys(name for page in pages if page for name in fields_of(page)))

    def unanswered(self, players: Any) -> list[Unanswered]:
        """Return the unanswered fields of players' pages."""
        journeys = self._flow.journeys
        with self._world.lock:
            named = self._named(players, "advance")
            return unanswered_by(
                named, lambda p: journeys.page(p, p.position), self._flow.forms.fields_of
            )

    def revert(self, players: Any, cause: Cause | None = None) -> Bunch[Player]:
        """Move players to the previous page; those on the first stay."""
        return self._move("revert", players, self._before, cause, lambda p: self._before(p) >= 0)

    def move_to_end(self, players: Any, cause: Cause | None = None) -> Bunch[Player]:
        """Move players past their last page; those who are there stay."""
        flow = self._flow
        return self._move(
            "move_to_end", players, flow.end_of, cause, lambda p: p.position < flow.end_of(p)
        )

    def reload(self, players: Any, cause: Cause | None = None) -> Bunch[Player]:
        """Reload players' pages."""
        named = self._named(players, "reload")
        self._do("reload", named, {}, cause, None)
        self._delivery.steer([player.name for player in named], "reload")
        return named

    def message(self, players: Any, text: str, cause: Cause | None = None) -> Bunch[Player]:
        """Show players a text; return those who are online and see it."""
        _check_text(text, "message")
        named = self._named(players, "message")
        with self._world.lock:
            self._do("message", named, {"text": text}, cause, None)
            self._delivery.steer([player.name for player in named], "message", text=text)
            return Bunch([player for player in named if player.online])

    def answer(self, players: Any, text: str, cause: Cause | None = None) -> Bunch[Player]:
        """Write to players in their chats with the researcher."""
        _check_text(text, "answer")
        named = self._named(players, "answer")

        def change(player: Player) -> None:
            add_message(researcher_chat(player), None, text)

        self._do("answer", named, {}, cause, change)
        return named

    def set(
        self, players: Any, fields: Mapping[str, Any], cause: Cause | None = None
    ) -> Bunch[Player]:
        """Set fields of players."""
        self._check_fields(fields)
        named = self._named(players, "set")

        def change(player: Player) -> None:
            for name, value in fields.items():
                setattr(player, name, value)

        self._do("set", named, {"fields": dict(fields)}, cause, change)
        return named

    def mark_dropout(self, players: Any, cause: Cause | None = None) -> Bunch[Player]:
        """Mark players as dropped out, and run the handlers of their watches."""
        named = self._named(players, "mark_dropout")
        self._do("mark_dropout", named, {}, cause, self._dropouts.mark)
        return named

    def note_bot(
        self, players: Any, bot: str, plays: bool, cause: Cause | None = None
    ) -> Bunch[Player]:
        """Log that a bot begins or ends to play for players."""
        named = self._named(players, "bots")
        self._do("bot", named, {"bot": bot, "plays": plays}, cause, None)
        return named

    # ---- parts ----

    def _named(self, players: Any, what: str) -> Bunch[Player]:
        """Return the given players.

        Raises:
            ClosedRun: the run was closed.
            UprootError: no players were given, or one of another session.
        """
        world = self._world
        if world.closing:
            raise ClosedRun(world.name)
        with world.lock:
            names = self._delivery.names(players)
            if not names:
                raise UprootError(
                    f"run.{what}(...) was given no players.\n"
                    "Name them: run.players, one of them, or a list."
                )
            return Bunch([world.player(name) for name in names])

    def _move(
        self,
        what: str,
        players: Any,
        place: Callable[[Player], int],
        cause: Cause | None,
        may: Callable[[Player], bool],
    ) -> Bunch[Player]:
        with self._world.lock:
            moved = Bunch([player for player in self._named(players, what) if may(player)])
            targets = {player.name: place(player) for player in moved}
            self._do(
                what, moved, {}, cause, lambda p: self._flow.move_to(p, targets[p.name]), targets
            )
            return moved

    def _do(
        self,
        what: str,
        players: Iterable[Player],
        details: Mapping[str, Any],
        cause: Cause | None,
        change: Change | None,
        targets: Mapping[str, int] | None = None,
    ) -> None:
        """Log the intervention for each player, and carry it out."""
        world = self._world
        with world.lock:
            acting = cause or world.lock.cause or world.journal.outside()
            before = world.lock.begin_step(acting)
            try:
                with self._flow.departures.batch():
                    for player in players:
                        moved = {} if targets is None else _moved(player, targets)
                        value = world.codec.encode({**details, **moved, "online": player.online})
                        world.journal.write("intervention", player.subject, what, value)
                        if change is not None:
                            change(player)
            finally:
                world.lock.end_step(before)

    def _before(self, player: Player) -> int:
        """Return the position of the page before a player's; -1 if there is none."""
        journeys = self._flow.journeys
        for position in range(min(player.position, len(journeys.steps(player))) - 1, -1, -1):
            page = journeys.page(player, position)
            if page is not None and page.shown:
                return position
        return -1

    def _check_fields(self, fields: Mapping[str, Any]) -> None:
        """Raise an error, before any change, if a field cannot be set."""
        if not fields:
            raise UprootError("run.set(...) was given no fields.\nWrite run.set(players, cash=10).")
        for name, value in fields.items():
            if not name.isidentifier() or name.startswith("_") or name in reserved_names(Player):
                raise UprootError(
                    f"'{name}' cannot be set by hand: it is no field name, or one that "
                    "uproot_nb reserves on players.\nChoose another."
                )
            self._world.codec.encode(value)


def _check_text(text: Any, what: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise UprootError(f"run.{what}(players, {text!r}): give the text to show.")
    if len(text) > LONGEST_MESSAGE:
        raise UprootError(
            f"The message has {len(text)} characters; at most {LONGEST_MESSAGE} are shown.\n"
            "Shorten it."
        )


def _moved(player: Player, targets: Mapping[str, int]) -> dict[str, int]:
    return {"from": player.position, "to": targets[player.name]}
