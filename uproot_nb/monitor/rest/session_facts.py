"""SessionFacts: what a session is now, as plain values for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from uproot_nb.bridge.messages import Role
from uproot_nb.engine.runtime import Runtime
from uproot_nb.monitor.live_trader_labels import LiveTraderLabels
from uproot_nb.monitor.player_rows import PlayerRows
from uproot_nb.session.entities import Player
from uproot_nb.steering.host import Host
from uproot_nb.steering.overview import Overview
from uproot_nb.steering.room_lines import room_lines
from uproot_nb.steering.table_rows import table_rows
from uproot_nb.steering.withheld import Withheld

__all__ = ["SessionFacts"]

_LEFT_OUT = frozenset({"since", "fields"})
"""What a monitor's row has beside the facts: when it last changed, and chosen fields."""


class _Look:
    """What one role sees of the players.

    Args:
        withheld: what the role does not get; None for stewards.
    """

    def __init__(self, runtime: Runtime, withheld: Withheld | None) -> None:
        self.withheld, self.overview = withheld, Overview(runtime, withheld)
        self._traders = LiveTraderLabels(runtime.world, runtime.changes)
        self.rows = PlayerRows(runtime.flow.journeys, (), self.overview, withheld, self._traders)

    def refresh(self) -> None:
        if self.withheld is not None:
            self.withheld.refresh()
        self.overview.refresh()
        self._traders.refresh()


class SessionFacts:
    """Says what a session is now; a viewer gets no link. Any thread may call.

    facts = SessionFacts(runtime, host)
    facts.player("ann", "viewer")["page"]
    """

    def __init__(self, runtime: Runtime, host: Host) -> None:
        self._runtime, self._host = runtime, host
        self._looks: Mapping[Role, _Look] = {
            "steward": _Look(runtime, None), "viewer": _Look(runtime, Withheld(runtime))
        }  # fmt: skip

    def session(self, role: Role) -> dict[str, Any]:
        """Return the session's name, state, and how many are there."""
        runtime, world = self._runtime, self._runtime.world
        with world.lock:
            players = world.state.players.values()
            facts = {
                "name": world.name, "state": runtime.flow.state, "players": len(players),
                "online": sum(player.online for player in players),
                "frozen": runtime.code.page_code.frozen, "seq": world.journal.committed,
                "began": self._began, "role": role,
            }  # fmt: skip
        if role == "steward":
            facts |= {"url": self._host.url, "join_link": self._host.join_link}
        return facts

    @cached_property
    def _began(self) -> float | None:
        """When the first event was logged: another log of the same name began at another time."""
        world = self._runtime.world
        first = next(iter(world.log.read(world.name, until=1)), None)
        return None if first is None else first.time

    def players(self, role: Role) -> list[dict[str, Any]]:
        """Return all players, in the order of their ids."""
        self._recall()
        with self._runtime.world.lock:
            self._looks[role].refresh()
            return [self._line(one, role) for one in self._runtime.world.players()]

    def player(self, name: str, role: Role) -> dict[str, Any]:
        """Return one player, for stewards also by the label.

        Raises:
            UnknownPlayer: no player has that name.
            AmbiguousLabel: several have the label.
        """
        self._recall()
        with self._runtime.world.lock:
            self._looks[role].refresh()
            if role == "steward":  # who has which label is nothing for a viewer to find out
                name = self._runtime.delivery.meant(name)[0]
            return self._line(self._runtime.world.player(name), role)

    def overview(self, role: Role) -> list[dict[str, Any]]:
        """Return a line for each page where somebody is."""
        self._recall()
        with self._runtime.world.lock:
            look = self._looks[role]
            look.refresh()
            return [line.as_dict() for line in look.overview.lines()]

    def rooms(self, role: Role) -> list[dict[str, Any]]:
        """Return a line for each room."""
        with self._runtime.world.lock:
            return room_lines(self._runtime, self._host, role)

    def table(self, name: str, role: Role) -> dict[str, Any]:
        """Return the funnel or the payments; it imports pandas."""
        return table_rows(self._host, name, self._looks[role].withheld)

    def _recall(self) -> None:
        self._runtime.stays.recall()

    def _line(self, player: Player, role: Role) -> dict[str, Any]:
        row = self._looks[role].rows.row(player)._asdict()
        line = {"id": player.id, **{k: v for k, v in row.items() if k not in _LEFT_OUT}}
        if role == "steward":
            return {**line, "link": self._host.link(player)}
        return line
