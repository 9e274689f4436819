"""ErasingRuns: what a researcher does when somebody asks for their data to be deleted."""

from __future__ import annotations

from typing import Any

from uproot_nb.engine.runtime import Runtime
from uproot_nb.errors import ClosedRun
from uproot_nb.log.erasing.offline import erase_from_file
from uproot_nb.session.entities import Player
from uproot_nb.session.entity_list import Bunch
from uproot_nb.study.study_tables import StudyTables

__all__ = ["ErasingRuns"]


class ErasingRuns(StudyTables):
    """Erases people from a run, while it is served or after it was closed."""

    _runtime: Runtime

    def erase(self, players: Any, *, disconnect: bool = False) -> Bunch[Player]:
        """Erase people's data for good, and return their places.

            run.erase(run.players[3])

        Answers, calls, labels, addresses, texts and fields of these players are gone from the
        events, from snapshots, and from the bytes of the database; … replaces what they wrote,
        wherever it was copied to. What remains shows that there was a place: its random name,
        its moves from page to page, its groups, and payments, which accounts must show. What
        others did, saw or earned because of them remains. The place counts as freed.

        It cannot be undone, and earlier files (exports, CSV files, backups) are not changed. If
        the kernel is killed in the middle, the next `serve` finishes it.

        Args:
            players: a player, a name, or several.
            disconnect: also erase people who are online; their participation ends first.

        Raises:
            UprootError: one of them is online, or nobody was named. Then nobody is erased.
            UnfinishedErasure: another program is reading the file; erase again.
        """
        world = self._runtime.world
        if self._runtime.closed:
            if world.log.place == ":memory:":
                raise ClosedRun(world.name)
            named = Bunch([world.player(name) for name in self._runtime.delivery.meant(players)])
            for player in named:
                erase_from_file(world.log.place, world.name, player.name)
                player._state.erased = True
        else:
            named = self._runtime.interventions.named(players, "erase")
            self._runtime.erasing.erase(named, disconnect)
        self._forget_tables()
        return named
