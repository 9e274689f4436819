"""Tables: what a run shows as pandas DataFrames."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from uproot_nb.engine.world import World
from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event

if TYPE_CHECKING:
    import pandas

__all__ = ["EventTable", "state_table"]

WIRE_KINDS = frozenset({"call", "notify"})
"""Events whose value is JSON as browsers speak it, without the codec's tags."""


class EventTable:
    """Every event of a session as rows; reads only what is new each time.

    Columns: those of Event (`seq` int64, `time` float64 Unix seconds, the rest text) with `value`
    as the object that was logged, and `timestamp` (UTC).
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._events: list[tuple[Any, ...]] = []
        self._frame: pandas.DataFrame | None = None
        self.seq = 0

    def take(self, events: Iterable[Event]) -> None:
        """Add newer events."""
        for event in events:
            value = decode_value(self._codec, event)
            self._events.append((*event[:6], value, *event[7:]))
            self.seq = event.seq
            self._frame = None

    @property
    def df(self) -> pandas.DataFrame:
        """The table."""
        import pandas  # lazy: see __init__

        if self._frame is None:
            frame = pandas.DataFrame(self._events, columns=list(Event._fields))
            frame = frame.astype({"seq": "int64", "time": "float64"})
            stamps = pandas.to_datetime(frame["time"], unit="s", utc=True)
            frame.insert(2, "timestamp", stamps)
            self._frame = frame
        return self._frame.copy()


def decode_value(codec: Codec, event: Event) -> Any:
    """Return an event's value as it was before it became JSON."""
    return json.loads(event.value) if event.kind in WIRE_KINDS else codec.decode(event.value)


def state_table(world: World) -> pandas.DataFrame:
    """Return a row per player: name, id, label, page, position, online, group, then each field."""
    import pandas  # lazy: see __init__

    with world.lock:
        rows = [_player_row(world, name) for name in world.state.players]
    head = ["player", "id", "label", "page", "position", "online", "group", "member_id"]
    frame = pandas.DataFrame(rows, columns=None if rows else head)
    return frame.set_index("player")


def _player_row(world: World, name: str) -> dict[str, Any]:
    player = world.state.players[name]
    row = {
        "player": name, "id": player.id, "label": player.label, "page": player.page,
        "position": player.position, "online": player.online, "group": player.group,
        "member_id": player.member_id,
    }  # fmt: skip
    copied = world.codec.decode(world.codec.encode(world.state.values(f"player/{name}")))
    return {**row, **{k: v for k, v in copied.items() if k not in row}}
