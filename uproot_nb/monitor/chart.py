"""Chart: the points of chosen fields over time, as a monitor draws them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from uproot_nb.log.codec import Codec
from uproot_nb.log.events import Event

__all__ = ["Chart", "Point", "thinned"]


class Point(NamedTuple):
    """A value of a line at a time (Unix seconds); `player` is "" where the line is nobody's."""

    player: str
    line: str
    time: float
    value: float


class Chart:
    """Finds the numbers that a chart shows among the events.

    chart = Chart("cash, session.price", codec)
    chart.points(log.read("market"))

    Args:
        text: names of fields with commas between them: a player's is `cash`, the session's
            `session.price`, a group's `group.pot`.
    """

    def __init__(self, text: str, codec: Codec) -> None:
        names = (name.strip() for name in text.split(","))
        self.fields = tuple(dict.fromkeys(name for name in names if name))
        self._codec = codec

    def __bool__(self) -> bool:
        return bool(self.fields)

    @property
    def text(self) -> str:
        """The names, as they may be given again."""
        return ", ".join(self.fields)

    @property
    def only(self) -> str | None:
        """The one field's name as the log has it; None where there are several."""
        return self.fields[0].partition(".")[2] or self.fields[0] if len(self.fields) == 1 else None

    def points(self, events: Iterable[Event]) -> list[Point]:
        """Return those changes of the fields that are finite numbers."""
        return [point for event in events if (point := self._point(event)) is not None]

    def _point(self, event: Event) -> Point | None:
        if event.kind != "set":
            return None
        kind, _, name = event.subject.partition("/")
        field = event.field if kind == "player" else f"{kind}.{event.field}"
        value = self._number(event.value) if field in self.fields else None
        if value is None:
            return None
        return Point(name if kind == "player" else "", self._line(kind, name, field), event.time,
                     value)  # fmt: skip

    def _line(self, kind: str, name: str, field: str) -> str:
        if kind == "player" and len(self.fields) == 1:
            return name
        return " ".join(filter(None, (name, field)))

    def _number(self, text: str) -> float | None:
        value: Any = self._codec.decode(text)
        if not isinstance(value, (int, float, Decimal)) or isinstance(value, bool):
            return None
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None


def thinned(points: Collection[Point], most: int) -> list[Point]:
    """Return at most so many of the points, evenly chosen."""
    return list(points)[:: max(1, -(-len(points) // most))]
