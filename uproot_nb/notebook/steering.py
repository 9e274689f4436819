"""Steering: what a researcher can do to players while a session runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from uproot_nb.engine.runtime import Runtime
from uproot_nb.experiment.exits import Exit, name_of_exit
from uproot_nb.experiment.hints import advise
from uproot_nb.flow.unanswered import Unanswered
from uproot_nb.session.entities import Player
from uproot_nb.session.entity_list import Bunch

__all__ = ["Steering", "skipped"]


def skipped(gaps: Sequence[Unanswered]) -> str:
    """Return a warning about answers that will be missing, with the remedy."""
    names = dict.fromkeys(gap.name for gap in gaps)
    given = ", ".join(f"{name!r}: …" for name in names)
    return (
        f"Not answered, and missing from now on: {'; '.join(map(str, gaps))}.\n"
        "Later pages may fail without these answers. run.revert(players) brings the form back; "
        f"run.advance(players, defaults=True), or defaults={{{given}}}, gives answers."
    )


class Steering:
    """The interventions of a run; each is an event of kind `intervention` for every player.

    *players* is a player, a name, a label, an identifier, a table such as `run.state` or a row of
    it, or any iterable of these. Nothing is done unless
    everybody named is in the session. Each returns those to whom it was done.

        run.advance(run.players[0])
        run.message(run.players, "Five minutes left.")
        run.set(run.players, endowment=20)

    All raise UprootError if nobody is named, and ClosedRun after `run.close()`.
    """

    _runtime: Runtime

    def advance(
        self, players: Any, *, defaults: bool | Mapping[str, Any] | None = None
    ) -> Bunch[Player]:
        """Put players on the next page; open browsers follow.

            run.advance(run.players[0], defaults={"contribution": 0})

        The page's form is skipped, and its `after_once` does not run. Players who have finished
        stay where they are.

        Args:
            defaults: answers instead of those that a form still waits for, because later pages
                may need them. True takes the fields' defaults; a dict gives values by name, and
                the fields' defaults for the rest. With False they are missing, and without
                `defaults` there is a warning.

        Raises:
            UprootError: a field has no default, or a value is not a valid answer. Then nobody
                moves.
        """
        acts = self._runtime.interventions
        if defaults is None:
            gaps = acts.unanswered(players)
            if gaps:
                advise(skipped(gaps))
        return acts.advance(players, defaults=defaults)

    def revert(self, players: Any) -> Bunch[Player]:
        """Put players back on the previous page; open browsers follow.

        Their answers there stay until they answer again. Players on the first page stay there.
        Wait pages are skipped.
        """
        return self._runtime.interventions.revert(players)

    def move_to_end(self, players: Any, *, exit: str | Exit | None = None) -> Bunch[Player]:
        """Move players past their last page; open browsers follow.

            run.move_to_end(run.players[3], exit="screened")

        Args:
            exit: how their participation has ended, even if they are already at the end.
        """
        name = None if exit is None else name_of_exit(exit)
        return self._runtime.interventions.move_to_end(players, exit=name)

    def extend(self, players: Any, seconds: float) -> Bunch[Player]:
        """Give players more time on a page with a timeout: `run.extend(run.players[2], 60)`.

        Open pages show it. If a player's time is up but the player is still there, the seconds
        count from now. Players whose pages have no timeout are left out.

        Raises:
            UprootError: none of them is on a page with a timeout; or *seconds* is not a number
                above 0.
        """
        return self._runtime.interventions.extend(players, seconds)

    def regroup(self, players: Any, size: int | None = None) -> Bunch[Player]:
        """Put players into one new group, or into groups of *size*, in the order given.

            run.regroup(run.players[4:6])           # the two who are left over
            run.regroup(run.players, size=3)

        They leave their groups, which go on without them. If all members of a new group wait on
        the same GroupCreatingWait, they go on, whatever group size the page requires:
        `after_grouping` runs. All others stay on their page.

        Raises:
            UprootError: their number is not a multiple of the size. Then nobody is regrouped.
        """
        return self._runtime.interventions.regroup(players, size)

    def free(self, players: Any) -> Bunch[Player]:
        """Open players' places to others, for example after a returned submission.

            run.free(run.players.get("PID-17"))

        The players stay in the log, with their data; those who are still in have dropped out.
        Their links say kindly that the place has ended. Rooms and quotas no longer count them.
        For a place made in advance (`serve(players=…)`), a new one opens, with a new link.
        """
        return self._runtime.interventions.free(players)

    def reload(self, players: Any) -> Bunch[Player]:
        """Reload players' pages."""
        return self._runtime.interventions.reload(players)

    def message(self, players: Any, text: str) -> Bunch[Player]:
        """Show players a text on whatever page they are; return those who are online to see it.

        It is shown as text, never as markup, and stays until they close it.
        """
        return self._runtime.interventions.message(players, text)

    def answer(self, players: Any, text: str) -> Bunch[Player]:
        """Write to players in their chats with the researcher: `run.answer(player, "Yes.")`.

        A player who has no such chat gets one: an open page shows this text as `message` does,
        and later pages have the chat at their end. `run.chats` has all messages.
        """
        return self._runtime.interventions.answer(players, text)

    def lower_hand(self, players: Any) -> Bunch[Player]:
        """Lower hands that players have raised (`run.hands`); return those whose hands were up.

        `run.answer` lowers them, too.
        """
        return self._runtime.interventions.lower_hand(players)

    def set(self, players: Any, /, **fields: Any) -> Bunch[Player]:
        """Give players' fields new values: `run.set(run.players, cash=10)`.

        Open pages show them after a reload (`run.reload`).
        """
        return self._runtime.interventions.set(players, fields)

    def mark_dropout(self, players: Any) -> Bunch[Player]:
        """Count players as dropouts: others no longer wait for them, their handlers run."""
        return self._runtime.interventions.mark_dropout(players)
