"""room_lines: a session's rooms, for monitors and the REST API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from uproot_nb.bridge.messages import Role
from uproot_nb.engine.runtime import Runtime
from uproot_nb.steering.host import Host

__all__ = ["room_lines"]


def room_lines(runtime: Runtime, host: Host, role: Role) -> list[dict[str, Any]]:
    """Return a line for each room, as monitors and the REST API send it; under the run's lock.

        [{"name": "lab", "open": False, "waiting": 2, "labels_waiting": ["PC-1", "PC-2"],
          "admitted": 0, "places": 40, "url": "https://…/room/lab/"}]

    `places` is None without a limit. A viewer gets no `url`, and no label that may still admit.
    """
    return list(_lines(runtime, host, role))


def _lines(runtime: Runtime, host: Host, role: Role) -> Iterator[dict[str, Any]]:
    rooms = runtime.rooms
    for name in runtime.world.state.rooms:
        room = rooms.get(name)
        if room is None:
            continue
        line = {
            "name": name, "open": room.open, "waiting": rooms.waiting(name),
            "labels_waiting": rooms.labels_waiting(name) if role == "steward" else [],
            "admitted": rooms.count_admitted(name), "places": room.places,
        }  # fmt: skip
        yield {**line, "url": f"{host.url}room/{name}/"} if role == "steward" else line
