"""EarlierReplay: a replay of logs of versions that did not log all inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from uproot_nb.log.events import Event
from uproot_nb.reruns.session_replay import Replay, SessionReplay
from uproot_nb.session.entities import Player

__all__ = ["EarlierReplay"]


class EarlierReplay(SessionReplay):
    """Repeats inferred inputs: page loads only if today's session has not come so far yet."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.flow.logs_loads = False

    def _all_acts(self) -> dict[str, Replay]:
        shown = {"look": self._replay_look, "render": self._replay_render}
        return {**super()._all_acts(), **shown}

    async def _replay_restart(self, event: Event, name: str, more: Sequence[Event]) -> None:
        self.flow.logs_loads = "inputs" in orjson.loads(event.value)
        await super()._replay_restart(event, name, more)

    def _has_recorded_passing(self, player: Player) -> bool:
        """Leave it to the timer what follows: if a hook moved the player, the log lacks it."""
        return self._passing(player) is not None

    async def _replay_look(self, event: Event, name: str, more: Sequence[Event]) -> None:
        player = self.world.player(name)
        if event.kind == "enter":
            there = player.position == orjson.loads(event.value)["position"]
        else:
            there = self.flow.moves.has_arrived(player)
        if not there:
            await self._ask("page", name)

    async def _replay_render(self, event: Event, name: str, more: Sequence[Event]) -> None:
        player, known = self.world.player(event.actor), self.world.state.fields
        now = known.get(event.subject, {}).get(event.field)
        if now is None or self.world.state.text(event.subject, event.field) != event.value:
            await self._ask("page", player.name)

    async def _replay_submit(self, event: Event, name: str, more: Sequence[Event]) -> None:
        left = orjson.loads(event.value) or {}
        if "form" not in left:  # a page without fields, or a form that is not in the log
            page = self.flow.journeys.pages.get(event.field)
            left["form"] = None if getattr(page, "fields", None) else []
        row = event._replace(value=orjson.dumps(left).decode())
        await super()._replay_submit(row, name, more)
