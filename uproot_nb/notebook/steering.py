"""Steering: what a researcher can do to players while a session runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from uproot_nb.engine.runtime import Runtime
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
        "The pages after it may fail without. run.revert(players) brings the form back; "
        f"run.advance(players, defaults=True), or defaults={{{given}}}, gives answers."
    )


class Steering:
    """The interventions of a run; each is an event of kind `intervention` for every player.

    *players* is a player, a name, an identifier, or any iterable of these. Nothing is done unless
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

        The form of the page is not asked for, and its `after_once` does not run. Those who have
        finished stay where they are.

        Args:
            defaults: answers in the place of those that a form still waits for, as the pages after
                it may need them. True takes the fields' defaults; a dict gives values by name, and
                the fields' defaults for the rest. With False they are missing, and without
                `defaults` there is a warning.

        Raises:
            UprootError: a field has no default, or what is given is no answer to it. Then nobody
                moves.
        """
        acts = self._runtime.interventions
        if defaults is None:
            gaps = acts.unanswered(players)
            if gaps:
                advise(skipped(gaps))
        return acts.advance(players, defaults=defaults)

    def revert(self, players: Any) -> Bunch[Player]:
        """Put players back on the page before; open browsers follow.

        What they answered there stays until they answer again. Who is on the first page stays.
        """
        return self._runtime.interventions.revert(players)

    def move_to_end(self, players: Any) -> Bunch[Player]:
        """Put players past their last page; open browsers follow."""
        return self._runtime.interventions.move_to_end(players)

    def reload(self, players: Any) -> Bunch[Player]:
        """Let players' browsers load their page again."""
        return self._runtime.interventions.reload(players)

    def message(self, players: Any, text: str) -> Bunch[Player]:
        """Show players a text on whatever page they are; return those who are online to see it.

        It is shown as text, never as markup, and stays until they close it.
        """
        return self._runtime.interventions.message(players, text)

    def answer(self, players: Any, text: str) -> Bunch[Player]:
        """Write to players in their chats with the researcher: `run.answer(player, "Yes.")`.

        Who has no such chat gets one: an open page shows this text as `message` does, and the
        pages after it have the chat at their end. `run.chats` has all messages.
        """
        return self._runtime.interventions.answer(players, text)

    def set(self, players: Any, /, **fields: Any) -> Bunch[Player]:
        """Give players' fields new values: `run.set(run.players, cash=10)`.

        Pages that are open show them when they load again (`run.reload`).
        """
        return self._runtime.interventions.set(players, fields)

    def mark_dropout(self, players: Any) -> Bunch[Player]:
        """Count players as dropouts: others no longer wait for them, their handlers run."""
        return self._runtime.interventions.mark_dropout(players)
