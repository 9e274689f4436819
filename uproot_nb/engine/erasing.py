"""Erasing: removes a person's data from a running session, on disk and in memory."""

from __future__ import annotations

from functools import partial
from typing import Any

from uproot_nb.errors import UprootError
from uproot_nb.flow.flow import Flow
from uproot_nb.log.chat_names import name_of_chat
from uproot_nb.log.erasing.own_texts import OwnTexts, find_own_texts
from uproot_nb.log.erasing.redaction import changed_by_erasure
from uproot_nb.log.events import Event
from uproot_nb.log.meant_players import called
from uproot_nb.log.state import Stored
from uproot_nb.session.entities import Player
from uproot_nb.session.entity_list import Bunch
from uproot_nb.session.model import ENTRIES
from uproot_nb.session.steps import Cause
from uproot_nb.session.world import World

__all__ = ["Erasing"]


class Erasing:
    """Erases players of a session that is served; cells and threads may call.

    The log is read and rewritten without the session's lock: the others go on meanwhile, and what
    they change is committed when the file is free again.
    """

    def __init__(self, world: World, flow: Flow) -> None:
        self._world, self._flow = world, flow

    def erase(self, players: Bunch[Player], disconnect: bool, cause: Cause | None = None) -> None:
        """Erase players for good.

        Raises:
            UprootError: one of them is online, and is not to be disconnected; nobody is erased.
            LogBusy, LogAway: the log cannot be written just now.
            UnfinishedErasure: old bytes may be in the file, as somebody reads it.
        """
        with self._world.lock:
            online = [called(one.name, one.label) for one in players if one.online]
        if online and not disconnect:
            raise UprootError(
                f"Nobody was erased, because these players are online: {', '.join(online)}.\n"
                "Wait until they have left, or end their participation: "
                "run.erase(player, disconnect=True)."
            )
        for player in players:
            self._begin(player, cause)
            self._finish(player)

    def _begin(self, player: Player, cause: Cause | None) -> None:
        """Log that a player is erased: from here on a restart finishes it."""
        world = self._world
        if not player._state.erased:
            world.log.intend_erasure(world.name, player.name)
        with world.lock:
            if not player._state.erased:
                before = world.lock.begin_step(cause or world.lock.cause or world.journal.outside())
                try:
                    self._flow.free(player)
                    world.journal.fold("erase", player.subject, "", "null")
                finally:
                    world.lock.end_step(before)
            world.journal.commit_now()

    def _finish(self, player: Player) -> None:
        world = self._world
        read = partial(world.log.read, world.name)
        own = find_own_texts(read, player.name)
        changed = list(changed_by_erasure(read, player.name, own))
        chat = world.state.fields.get(f"model/{name_of_chat(player.name)}", {})
        with world.lock:
            world.state.fields.pop(player.subject, None)
            if ENTRIES in chat:
                chat[ENTRIES] = Stored("[]")
            for subject, name, is_room in sorted({_place(event) for event in changed}):
                if is_room:
                    self._clean_room(name, own)
                else:
                    self._clean(subject, name, own)
        world.journal.discard_snapshots()
        world.log.erase(world.name, player.name, changed)

    def _clean(self, subject: str, name: str, own: OwnTexts) -> None:
        """Replace a person's texts in the latest value of somebody else's field."""
        state = self._world.state
        values = state.fields.get(subject, {})
        if name not in values:
            return
        values[name] = Stored(own.clean(state.text(subject, name)))

    def _clean_room(self, name: str, own: OwnTexts) -> None:
        world = self._world
        room: Any = world.state.rooms.get(name)
        if room:
            text = own.clean_names(world.codec.encode(room))
            world.state.rooms[name] = world.codec.decode(text)


def _place(event: Event) -> tuple[str, str, bool]:
    """Return whose field an event has changed, and whether that is a room's settings."""
    return event.subject, event.field, event.kind == "room"
